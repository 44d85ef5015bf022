//! Connections that are served and whose clients are gone.
#![cfg(feature = "x509")]
#![allow(clippy::unwrap_used)]

mod served;

use flightline::{
    ClientConfig, DtlsSocket, Error, Handshake, ProtocolVersion, Replay, ServeOptions,
    ServerConfig, ServerIdentity, ServerName, ServerTrust, Transport, UdpTransport,
};
use served::{LONG, MOMENT, Served, ask, client_config, connect, echo, server_config};
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

fn a_second() -> ServeOptions {
    ServeOptions {
        idle_limit: Some(Duration::from_secs(1)),
        ..ServeOptions::default()
    }
}

/// Nothing is heard of a client that is gone, however much anyone sends in its name.
#[test]
fn h13_a_connection_that_lies_idle_is_ended() {
    let (server, reported) = Served::reporting(server_config(), a_second(), echo);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(server.address).unwrap();
    let raw = socket.try_clone().unwrap();
    let socket = DtlsSocket::from_socket(socket, ServerName::unnamed(), client_config()).unwrap();
    assert_eq!(ask(&socket, b"here"), b"here");
    let start = Instant::now();
    let outcome = loop {
        raw.send(b"\x17\xfe\xfd\0\x01\0\0\0\0\0\x09\0\x01?")
            .unwrap();
        match reported.recv_timeout(MOMENT) {
            Ok(outcome) => break outcome,
            Err(_) => assert!(start.elapsed() < LONG),
        }
    };
    assert!(matches!(outcome, Err(Error::Idle)), "{outcome:?}");
    let end = socket.recv(&mut [0; 64]);
    assert!(
        matches!(end, Err(Error::Closed)),
        "the client is told: {end:?}"
    );
    server.wait_for(|stats| stats.connections == 0 && stats.connections_idle == 1);
}

/// Keeps the last datagram that was sent.
struct Recorded {
    socket: UdpTransport,
    last: Arc<Mutex<Vec<u8>>>,
}

impl Transport for Recorded {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        *self.last.lock().unwrap() = datagram.to_vec();
        self.socket.send(datagram)
    }

    fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        self.socket.recv(buf, wait)
    }
}

/// Nor by what the client once said, where replays are delivered.
#[test]
fn h13_a_replay_is_no_sign_of_life() {
    for version in [ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_3] {
        let config = ServerConfig::builder(ServerIdentity::psk(served::psk()))
            .replay(Replay::AcceptDuplicates)
            .build()
            .unwrap();
        let (server, reported) = Served::reporting(Arc::new(config), a_second(), echo);
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.connect(server.address).unwrap();
        let raw = socket.try_clone().unwrap();
        let last = Arc::<Mutex<Vec<u8>>>::default();
        let transport = Recorded {
            socket: UdpTransport::new(socket).unwrap(),
            last: last.clone(),
        };
        let client = ClientConfig::builder(ServerTrust::psk(served::psk()));
        let client = client.versions([version]).build().unwrap();
        let client = Handshake::client(transport, ServerName::unnamed(), client).unwrap();
        let socket = client.complete().unwrap();
        assert_eq!(ask(&socket, b"once"), b"once");
        let said = last.lock().unwrap().clone();
        let start = Instant::now();
        let outcome = loop {
            raw.send(&said).unwrap();
            match reported.recv_timeout(MOMENT) {
                Ok(outcome) => break outcome,
                Err(_) => assert!(start.elapsed() < LONG, "{version}"),
            }
        };
        assert!(matches!(outcome, Err(Error::Idle)), "{outcome:?}");
        let mut buf = [0; 64];
        assert_eq!(socket.recv(&mut buf).unwrap(), 4, "they are delivered");
    }
}

/// A handler that only sends is told so, too, and its client hears the end of it.
#[test]
fn h13_a_connection_that_lies_idle_takes_no_more_messages() {
    let news = |socket: DtlsSocket| {
        let start = Instant::now();
        loop {
            match socket.send(b"news") {
                Ok(_) if start.elapsed() < LONG => thread::sleep(MOMENT),
                outcome => break (outcome, socket.update_keys()),
            }
        }
    };
    let (server, reported) = Served::reporting(server_config(), a_second(), news);
    let socket = connect(server.address);
    let outcome = reported.recv().unwrap();
    assert!(
        matches!(outcome, (Err(Error::Idle), Err(Error::Idle))),
        "{outcome:?}"
    );
    let end = loop {
        if let Err(end) = socket.recv(&mut [0; 64]) {
            break end;
        }
    };
    assert!(matches!(end, Error::Closed), "the client is told: {end:?}");
    server.wait_for(|stats| stats.connections == 0 && stats.connections_idle == 1);
}

/// A close is a message like every other: nobody waits for its arrival, and if it is lost the read
/// timeout tells the other side.
#[test]
fn h11_h13_a_client_that_is_gone_is_found_by_the_read_timeout() {
    let identity = ServerIdentity::psk(served::psk());
    let config = ServerConfig::builder(identity).read_timeout(MOMENT);
    let config = Arc::new(config.build().unwrap());
    let (server, reported) = Served::reporting(config, ServeOptions::default(), echo);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(server.address).unwrap();
    let nowhere = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let raw = socket.try_clone().unwrap();
    let socket = DtlsSocket::from_socket(socket, ServerName::unnamed(), client_config()).unwrap();
    assert_eq!(ask(&socket, b"here"), b"here");
    raw.connect(nowhere.local_addr().unwrap()).unwrap();
    let start = Instant::now();
    socket.close(LONG);
    assert!(start.elapsed() < LONG, "nothing is owed to the server");
    let outcome = reported.recv_timeout(LONG).unwrap();
    assert!(matches!(outcome, Err(Error::ReadTimeout)), "{outcome:?}");
    server.wait_for(|stats| stats.connections == 0);
}
