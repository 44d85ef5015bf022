//! A client leaves a handshake alone and begins anew from the same address.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod served;

use flightline::{
    ClientConfig, DtlsSocket, Handshake, ProtocolVersion, ServeOptions, ServerConfig,
    ServerIdentity, ServerName, ServerTrust, Transport, UdpTransport,
};
use served::{LONG, Served, ask, echo, first_hello, psk, with_cookie};
use std::io;
use std::net::UdpSocket;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The random of the ServerHello at the front of a datagram.
fn server_random(datagram: &[u8]) -> Option<[u8; 32]> {
    // Behind two headers stands the version.
    let is_server_hello = datagram.first() == Some(&22) && datagram.get(13) == Some(&2);
    is_server_hello.then(|| datagram[27..59].try_into().unwrap())
}

/// Proves the address, and waits for a ServerHello that was not there before.
fn begin(socket: &UdpSocket, before: Option<[u8; 32]>) -> [u8; 32] {
    let hello = first_hello();
    socket.send(&hello).unwrap();
    let mut buf = [0; 2048];
    loop {
        let length = socket.recv(&mut buf).unwrap();
        match server_random(&buf[..length]) {
            None if buf[13] == 3 => {
                let hello = with_cookie(&hello, &buf[28..length]);
                socket.send(&hello).unwrap();
            }
            Some(random) if Some(random) != before => return random,
            _ => {}
        }
    }
}

/// In the clear nothing tells whether a ServerHello answers the new ClientHello or the old one, so the server
/// must not send the old one again by itself.
#[test]
fn an_old_handshake_is_silent_when_its_client_begins_anew() {
    let config = ServerConfig::builder(ServerIdentity::psk(psk()))
        .handshake_timeout(Duration::from_millis(100), Duration::from_secs(2))
        .build()
        .unwrap();
    let server = Served::with(Arc::new(config), ServeOptions::default(), echo);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let old = begin(&socket, None);
    let new = begin(&socket, Some(old));
    server.wait_for(|stats| stats.handshakes == 2);

    let start = Instant::now();
    let mut buf = [0; 2048];
    while start.elapsed() < Duration::from_millis(500) {
        let length = socket.recv(&mut buf).unwrap();
        assert_ne!(server_random(&buf[..length]), Some(old), "{new:?}");
    }
}

/// Before each of the new handshake's three datagrams goes one of the old connection: the network may bring
/// them so.
struct LeftOver {
    new: UdpTransport,
    old: DtlsSocket,
    sent: AtomicUsize,
}

impl Transport for LeftOver {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        if self.sent.fetch_add(1, Ordering::Relaxed) < 3 {
            self.old.send(b"left over")?;
        }
        self.new.send(datagram)
    }

    fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        self.new.recv(buf, wait)
    }
}

/// Records of the old association are no sign that anybody forges those of the new one.
#[test]
fn h03_p22_what_is_left_over_of_the_old_association_does_not_end_the_new_one() {
    for version in [ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_3] {
        let config = ServerConfig::builder(ServerIdentity::psk(psk()))
            .bad_mac_limit(NonZeroU32::new(1))
            .build()
            .unwrap();
        let quiet = |socket: DtlsSocket| loop {
            let mut buf = [0; 64];
            let length = socket.recv(&mut buf)?;
            if &buf[..length] != b"left over" {
                socket.send(&buf[..length])?;
            }
        };
        let quiet = move |socket| -> flightline::Result<()> { quiet(socket) };
        let server = Served::with(Arc::new(config), ServeOptions::default(), quiet);
        let client = ClientConfig::builder(ServerTrust::psk(psk()))
            .versions([version])
            .read_timeout(LONG)
            .build();
        let client = Arc::new(client.unwrap());
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server.address).unwrap();
        let raw = || socket.try_clone().unwrap();
        let old = DtlsSocket::from_socket(raw(), ServerName::unnamed(), client.clone()).unwrap();
        assert_eq!(ask(&old, b"old"), b"old");
        let new = UdpTransport::new(raw()).unwrap();
        let sent = AtomicUsize::new(0);
        let transport = LeftOver { new, old, sent };
        let new = Handshake::client(transport, ServerName::unnamed(), client).unwrap();
        let new = new.complete().unwrap();
        server.wait_for(|stats| stats.connections_replaced == 1);
        assert_eq!(ask(&new, b"new"), b"new", "{version}");
    }
}

/// Loses the server's last flight once, and says then a hello of another handshake, as a replay would.
struct Beset {
    socket: UdpTransport,
    hello: Vec<u8>,
    said: AtomicBool,
}

impl Transport for Beset {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        self.socket.send(datagram)
    }

    fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        let length = self.socket.recv(buf, wait)?;
        let datagram = &buf[..length];
        // A NewSessionTicket, or else a ChangeCipherSpec, stands in front.
        let is_last_flight = datagram[0] == 20 || (datagram[0] == 22 && datagram[13] == 4);
        if is_last_flight && !self.said.swap(true, Ordering::Relaxed) {
            self.socket.send(&self.hello)?;
        } else if is_last_flight || !self.said.load(Ordering::Relaxed) {
            return Ok(length);
        } else if datagram[0] == 22 && datagram[13] == 3 {
            let hello = with_cookie(&self.hello, &datagram[28..]);
            self.socket.send(&hello)?;
        } else if datagram[0] == 23 {
            return Ok(length);
        }
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// RFC 6347 §4.2.4: who has said the last flight says it again for whoever missed it. Another handshake at its
/// address, which has got as far as a cookie, changes nothing.
#[test]
fn a_last_flight_is_said_again_beside_another_handshake() {
    let server = Served::new(echo);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.address).unwrap();
    let transport = Beset {
        socket: UdpTransport::new(socket).unwrap(),
        hello: first_hello(),
        said: AtomicBool::new(false),
    };
    let config = served::client_config_12();
    let client = Handshake::client(transport, ServerName::unnamed(), config).unwrap();
    let socket = client.complete().unwrap();
    let stats = server.closer.stats();
    assert_eq!(stats.handshakes, 1, "of the other hello: {stats:?}");
    assert_eq!(ask(&socket, b"still here"), b"still here");
}
