//! Listeners over the loopback interface.
#![cfg(feature = "x509")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;
mod served;

use flightline::{
    ClientConfig, DtlsListener, DtlsSocket, Error, Handshake, ServeError, ServeOptions,
    ServerConfig, ServerIdentity, ServerName, ServerTrust, Transport, UdpTransport,
};
use served::{
    LONG, MOMENT, Served, ask, client_config, connect, echo, first_hello, first_hello_of,
    server_config, with_cookie,
};
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

#[test]
fn several_clients_at_once() {
    let server = Served::new(echo);
    let to = server.address;
    let clients: Vec<_> = (0..8_u8)
        .map(|number| {
            thread::spawn(move || {
                let socket = connect(to);
                for round in 0..20_u8 {
                    assert_eq!(ask(&socket, &[number, round]), [number, round]);
                }
            })
        })
        .collect();
    clients
        .into_iter()
        .for_each(|client| client.join().unwrap());
    server.wait_for(|stats| stats.connections == 0 && stats.handshakes == 0);
    let stats = server.closer.stats();
    assert_eq!((stats.handshakes_started, stats.worker_panics), (8, 0));
    assert!(stats.challenges_sent >= 8);
}

/// All workers share the keys of the tickets, and all connections of a configuration its store.
#[test]
fn the_second_connection_goes_on_with_the_first_ones_session() {
    let server = Served::new(echo);
    let config = client_config();
    let connect = || {
        let name = ServerName::unnamed();
        DtlsSocket::connect_timeout(&server.address, name, config.clone(), LONG).unwrap()
    };
    let first = connect();
    assert!(!first.resumed());
    // In DTLS 1.3 tickets come behind the handshake.
    ask(&first, b"anything new?");
    let second = connect();
    assert!(second.resumed());
    for socket in [first, second] {
        assert_eq!(ask(&socket, b"still there?"), b"still there?");
    }
}

#[test]
fn certificates_prove_the_server() {
    use flightline::{CertificateError, PeerIdentity};
    let pki = common::pki();
    let config = ServerConfig::builder(ServerIdentity::certificate(pki.server.clone()))
        .suspicion(MOMENT)
        .build()
        .unwrap();
    let (tell, told) = mpsc::channel();
    let server = Served::with(Arc::new(config), telling(tell), echo);

    let trust = ServerTrust::roots(pki.roots.clone());
    let config = ClientConfig::builder(trust).read_timeout(LONG);
    let config = Arc::new(config.build().unwrap());
    let socket = DtlsSocket::connect(server.address, common::NAME, config.clone()).unwrap();
    assert_eq!(ask(&socket, b"hello"), b"hello");
    assert!(matches!(
        socket.peer_identity(),
        PeerIdentity::Certificate(_)
    ));
    let error = DtlsSocket::connect(server.address, "other.example", config).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Certificate(CertificateError::WrongName { .. })
        ),
        "{error:?}"
    );
    let error = told.recv_timeout(LONG).unwrap();
    assert!(
        matches!(error, ServeError::Handshake(Error::PeerAlert(_))),
        "{error}"
    );
}

fn telling(tell: mpsc::Sender<ServeError>) -> ServeOptions {
    ServeOptions {
        on_error: Some(Arc::new(move |_, error| tell.send(error.clone()).unwrap())),
        ..ServeOptions::default()
    }
}

#[test]
fn a_handler_tells_why_it_gave_up() {
    let (tell, told) = mpsc::channel();
    let handler = |_: DtlsSocket| Err::<(), _>("not today");
    let server = Served::with(server_config(), telling(tell), handler);
    let client = connect(server.address);
    let error = told.recv_timeout(LONG).unwrap();
    assert_eq!(error.to_string(), "not today");
    assert!(matches!(error, ServeError::Handler(_)));
    assert!(matches!(client.recv(&mut [0; 64]), Err(Error::Closed)));
}

#[test]
fn p74_a_program_that_accepts_once_works() {
    let listener = DtlsListener::bind((Ipv4Addr::LOCALHOST, 0), server_config()).unwrap();
    let to = listener.local_addr().unwrap();
    let client = thread::spawn(move || ask(&connect(to), b"hello"));
    let (handshake, peer) = listener.accept().unwrap();
    // P74: the connection outlives its listener.
    drop(listener);
    let socket = handshake.complete().unwrap();
    assert_eq!(socket.peer_addr().unwrap(), peer);
    let mut buf = [0; 64];
    let length = socket.recv(&mut buf).unwrap();
    socket.send(&buf[..length]).unwrap();
    assert_eq!(client.join().unwrap(), b"hello");
    assert!(matches!(socket.recv(&mut buf), Err(Error::Closed)));
}

/// Two threads cannot read one socket: each would take what is the other's.
#[test]
fn p74_a_listener_that_accepts_does_not_serve() {
    let listener = DtlsListener::bind((Ipv4Addr::LOCALHOST, 0), server_config()).unwrap();
    let (to, closer) = (listener.local_addr().unwrap(), listener.closer());
    let client = thread::spawn(move || connect(to));
    let accepted = listener.accept().unwrap().0.complete().unwrap();
    let client = client.join().unwrap();
    let (tell, told) = mpsc::channel();
    let serving = thread::spawn(move || tell.send(listener.serve(echo)));
    let error = told.recv_timeout(LONG).unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    serving.join().unwrap().unwrap();
    // Nobody new is let in, and whoever was accepted is served as before.
    assert!(closer.is_draining());
    client.send(b"hello").unwrap();
    let mut buf = [0; 64];
    let length = accepted.recv(&mut buf).unwrap();
    accepted.send(&buf[..length]).unwrap();
    assert_eq!(client.recv(&mut buf).unwrap(), 5);
}

#[test]
fn h01_a_client_that_begins_anew_replaces_its_old_association() {
    let (server, reported) = Served::reporting(server_config(), ServeOptions::default(), echo);
    let first = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let local = first.local_addr().unwrap();
    first.connect(server.address).unwrap();
    // The client forgets everything, so it says no good-bye: its socket goes, its secrets stay unused.
    let raw = first.try_clone().unwrap();
    let first = DtlsSocket::from_socket(first, ServerName::unnamed(), client_config()).unwrap();
    assert_eq!(ask(&first, b"one"), b"one");

    // The same socket, since the port is to be the same.
    let second = DtlsSocket::from_socket(raw, ServerName::unnamed(), client_config()).unwrap();
    assert_eq!(second.local_addr().unwrap(), local);
    assert_eq!(ask(&second, b"two"), b"two");
    let old = reported.recv_timeout(LONG).unwrap();
    assert!(matches!(old, Err(Error::ReplacedByNewHandshake)), "{old:?}");
    server.wait_for(|stats| stats.connections == 1);
    assert_eq!(server.closer.stats().connections_replaced, 1);
    assert_eq!(ask(&second, b"three"), b"three");
    std::mem::forget(first);
}

#[test]
fn h02_a_hello_without_cookie_leaves_the_association_alone() {
    let server = Served::new(echo);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(server.address).unwrap();
    let raw = socket.try_clone().unwrap();
    let socket = DtlsSocket::from_socket(socket, ServerName::unnamed(), client_config()).unwrap();
    let before = server.closer.stats().challenges_sent;
    raw.send(&first_hello()).unwrap();
    server.wait_for(|stats| stats.challenges_sent > before);
    assert_eq!(ask(&socket, b"still here"), b"still here");
    assert_eq!(server.closer.stats().handshakes_started, 1);
}

#[test]
fn i11_a_panic_ends_one_connection() {
    std::panic::set_hook(Box::new(|_| {}));
    let server = Served::new(|socket: DtlsSocket| {
        let mut buf = [0; 64];
        while let Ok(length) = socket.recv(&mut buf) {
            assert_ne!(&buf[..length], b"panic");
            socket.send(&buf[..length]).unwrap();
        }
    });
    let good = connect(server.address);
    let bad = connect(server.address);
    bad.send(b"panic").unwrap();
    assert!(
        matches!(bad.recv(&mut [0; 64]), Err(Error::Closed)),
        "the peer is told"
    );
    server.wait_for(|stats| stats.worker_panics == 1 && stats.connections == 1);
    assert_eq!(ask(&good, b"fine"), b"fine");
    assert_eq!(ask(&connect(server.address), b"fine"), b"fine");
}

#[test]
fn an_address_in_use_is_an_error() {
    let server = Served::new(echo);
    let error = DtlsListener::bind(server.address, server_config()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}

#[test]
fn p74_one_connection_that_goes_leaves_the_others() {
    let server = Served::new(echo);
    let stays = connect(server.address);
    let goes = connect(server.address);
    assert_eq!(ask(&goes, b"here"), b"here");
    drop(goes);
    server.wait_for(|stats| stats.connections == 1);
    assert_eq!(ask(&stays, b"here"), b"here");
}

#[test]
fn a13_junk_is_dropped_and_counted() {
    let server = Served::new(echo);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for junk in [
        &b""[..],
        b"\0",
        b"GET / HTTP/1.1",
        &[0x16; 5],
        &[0x16, 0xfe, 0xff, 0, 0],
    ] {
        socket.send_to(junk, server.address).unwrap();
    }
    server.wait_for(|stats| stats.dropped_unknown + stats.dropped_hellos == 5);
    assert_eq!(server.closer.stats().challenges_sent, 0);
    assert_eq!(ask(&connect(server.address), b"fine"), b"fine");
}

/// RFC 9147 §5.3: what asks for DTLS 1.3 and shows a cookie of DTLS 1.2 is refused, in fewer bytes than it has.
#[test]
fn a_hello_that_is_refused_is_told_why_and_begins_nothing() {
    let server = Served::new(echo);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let refused = with_cookie(&first_hello_of(client_config()), &[7; 16]);
    socket.send_to(&refused, server.address).unwrap();
    let mut buf = [0; 64];
    let (length, from) = socket.recv_from(&mut buf).unwrap();
    assert_eq!(from, server.address);
    // A fatal illegal_parameter, under the number of the hello's record.
    assert_eq!(buf[..3], [21, 0xfe, 0xfd]);
    assert_eq!(buf[3..11], refused[3..11]);
    assert_eq!(buf[11..length], [0, 2, 2, 47]);
    server.wait_for(|stats| stats.dropped_hellos == 1);
    let stats = server.closer.stats();
    assert_eq!((stats.challenges_sent, stats.handshakes_started), (0, 0));
    assert_eq!(ask(&connect(server.address), b"fine"), b"fine");
}

/// A client whose address has changed is a stranger: there is nothing by which to know it again.
#[test]
fn h04_a_record_from_an_unknown_address_is_dropped_without_an_answer() {
    let server = Served::new(echo);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let elsewhere = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // Between the client and the server, so that a true record can come from elsewhere.
    let relay = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    relay.connect(server.address).unwrap();
    socket.connect(server.address).unwrap();
    let raw = socket.try_clone().unwrap();
    let socket = DtlsSocket::from_socket(socket, ServerName::unnamed(), client_config()).unwrap();
    assert_eq!(ask(&socket, b"here"), b"here");
    raw.connect(elsewhere.local_addr().unwrap()).unwrap();
    socket.send(b"from elsewhere").unwrap();
    raw.connect(server.address).unwrap();
    let mut buf = [0; 2048];
    let length = elsewhere.recv(&mut buf).unwrap();
    let before = server.closer.stats().dropped_unknown;
    relay.send(&buf[..length]).unwrap();
    server.wait_for(|stats| stats.dropped_unknown == before + 1);
    relay.set_nonblocking(true).unwrap();
    assert!(relay.recv(&mut buf).is_err(), "no answer");
    assert_eq!(ask(&socket, b"still here"), b"still here");
}

/// The inbox of a connection that is not read fills up; the dispatcher and the others do not wait for it.
#[test]
fn i12_i13_a_flooded_connection_that_does_not_read_leaves_the_others_alone() {
    let (hold, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let options = ServeOptions {
        inbox_capacity: 4,
        ..ServeOptions::default()
    };
    let server = Served::with(server_config(), options, move |socket: DtlsSocket| {
        let mut buf = [0; 64];
        let length = socket.recv(&mut buf)?;
        if &buf[..length] == b"sleep" {
            let _ = held.lock().unwrap().recv();
        }
        socket.send(&buf[..length])?;
        echo(socket)
    });
    let flooded = connect(server.address);
    flooded.send(b"sleep").unwrap();
    let other = connect(server.address);
    for round in 0..50_u8 {
        for _ in 0..20 {
            flooded.send(&[0; 32]).unwrap();
        }
        assert_eq!(ask(&other, &[round]), [round]);
    }
    server.wait_for(|stats| stats.dropped_inbox_full > 0);
    drop(hold);
    let mut buf = [0; 64];
    assert_eq!(flooded.recv(&mut buf).unwrap(), 5);
    assert_eq!(&buf[..5], b"sleep");
}

/// Sends everything twenty times.
struct Echoing(UdpTransport);

impl Transport for Echoing {
    fn send(&self, datagram: &[u8]) -> std::io::Result<()> {
        (0..20).try_for_each(|_| self.0.send(datagram))
    }

    fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> std::io::Result<usize> {
        self.0.recv(buf, wait)
    }
}

/// The same hello with the same good cookie begins one handshake; the rest are repetitions for its
/// worker, and one answer is enough for them.
#[test]
fn a06_p35_a_hello_that_comes_twenty_times_begins_one_handshake() {
    let (report, reported) = mpsc::channel();
    let report = Mutex::new(report);
    let server = Served::new(move |socket: DtlsSocket| {
        report.lock().unwrap().send(socket.stats()).unwrap();
        echo(socket)
    });
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(server.address).unwrap();
    let transport = Echoing(UdpTransport::new(socket).unwrap());
    let client = Handshake::client(transport, ServerName::unnamed(), client_config()).unwrap();
    let client = client.complete().unwrap();
    assert_eq!(ask(&client, b"once"), b"once");
    let stats = reported.recv_timeout(LONG).unwrap();
    assert!(stats.flights_resent <= 2, "{stats:?}");
    let listener = server.closer.stats();
    assert_eq!((listener.handshakes_started, listener.connections), (1, 1));
    assert!(reported.try_recv().is_err(), "a second handler");
}

#[test]
fn a_handler_may_give_its_socket_away() {
    let (give, given) = mpsc::channel();
    let give = Mutex::new(give);
    let server = Served::new(move |socket: DtlsSocket| {
        give.lock().unwrap().send(socket).unwrap();
    });
    let client = connect(server.address);
    let socket = given.recv().unwrap();
    client.send(b"hello").unwrap();
    let mut buf = [0; 16];
    assert_eq!(socket.recv(&mut buf).unwrap(), 5);
    drop(socket);
    assert!(matches!(client.recv(&mut buf), Err(Error::Closed)));
    server.wait_for(|stats| stats.connections == 0);
}

#[test]
fn verification_can_be_waived_in_words() {
    let config = ServerConfig::builder(ServerIdentity::psk(served::psk()))
        .danger_without_hello_verification()
        .build()
        .unwrap();
    let server = Served::with(Arc::new(config), ServeOptions::default(), echo);
    assert_eq!(ask(&connect(server.address), b"hello"), b"hello");
    assert_eq!(server.closer.stats().challenges_sent, 0);
}
