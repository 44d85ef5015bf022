//! Sockets over the loopback interface.
#![cfg(feature = "x509")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod served;

use flightline::{
    ClientConfig, ClientSessionCache, ClientSessions, DtlsSocket, Error, ProtocolVersion,
    ServeOptions, ServerConfig, ServerIdentity, ServerName, ServerTrust,
};
use served::{LONG, MOMENT, Served, ask, client_config, connect, echo};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, UdpSocket};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn h12_the_read_timeout_counts_from_the_call_whatever_arrives() {
    let server = Served::new(|socket: DtlsSocket| {
        let _ = socket.recv(&mut [0; 64]);
    });
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(server.address).unwrap();
    let socket = DtlsSocket::from_socket(socket, ServerName::unnamed(), client_config()).unwrap();
    let timeout = Duration::from_millis(150);
    socket.set_read_timeout(Some(timeout)).unwrap();
    assert_eq!(socket.read_timeout(), Some(timeout));
    assert!(socket.set_read_timeout(Some(Duration::ZERO)).is_err());

    let start = Instant::now();
    let error = socket.recv(&mut [0; 64]).unwrap_err();
    assert!(matches!(error, Error::ReadTimeout), "{error:?}");
    let took = start.elapsed();
    assert!(
        (timeout..timeout + Duration::from_millis(100)).contains(&took),
        "{took:?}"
    );
    assert_eq!(
        std::io::Error::from(error).kind(),
        std::io::ErrorKind::TimedOut
    );
    socket.set_nonblocking(true).unwrap();
    assert!(matches!(socket.recv(&mut [0; 64]), Err(Error::WantRead)));
}

#[test]
fn i06_junk_does_not_extend_the_read_timeout() {
    // A relay in the middle, so that junk comes from the address that the client is connected to.
    let server = Served::new(echo);
    let relay = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    relay
        .set_read_timeout(Some(Duration::from_millis(10)))
        .unwrap();
    let front = relay.local_addr().unwrap();
    let to = server.address;
    let (stop, stopped) = mpsc::channel::<()>();
    let relaying = thread::spawn(move || {
        let mut client = None;
        let mut buf = [0; 2048];
        while stopped.try_recv().is_err() {
            match (relay.recv_from(&mut buf), client) {
                (Ok((length, from)), Some(client)) if from == to => {
                    relay.send_to(&buf[..length], client).unwrap();
                }
                (Ok((length, from)), _) => {
                    client = Some(from);
                    relay.send_to(&buf[..length], to).unwrap();
                }
                (Err(_), Some(client)) => {
                    relay.send_to(b"\x17\xfe\xfd\0\x01junk", client).unwrap();
                }
                (Err(_), None) => {}
            }
        }
    });
    let socket = connect(front);
    socket.set_read_timeout(Some(3 * MOMENT)).unwrap();
    let start = Instant::now();
    assert!(matches!(socket.recv(&mut [0; 64]), Err(Error::ReadTimeout)));
    assert!(start.elapsed() < 5 * MOMENT, "{:?}", start.elapsed());
    assert!(socket.stats().dropped.total() > 2);
    assert_eq!(ask(&socket, b"usable"), b"usable");
    drop(socket);
    stop.send(()).unwrap();
    relaying.join().unwrap();
}

#[test]
fn h12_p72_boundaries_are_kept_and_a_small_buffer_loses_nothing() {
    let server = Served::new(|socket: DtlsSocket| {
        let mut buf = [0; 64];
        socket.recv(&mut buf).unwrap();
        for message in [&b"first"[..], b"the second", b"3"] {
            socket.send(message).unwrap();
        }
        let _ = socket.recv(&mut buf);
    });
    let socket = connect(server.address);
    socket.send(b"go").unwrap();
    let mut buf = [0; 64];
    assert_eq!(socket.recv(&mut buf).unwrap(), 5);
    assert!(matches!(
        socket.recv(&mut [0; 4]),
        Err(Error::BufferTooSmall { needed: 10 })
    ));
    assert_eq!(socket.peek(&mut buf).unwrap(), 10);
    assert_eq!(socket.recv(&mut buf).unwrap(), 10);
    assert_eq!(&buf[..10], b"the second");
    let mut stream = &socket;
    assert_eq!(stream.read(&mut []).unwrap(), 0);
    assert_eq!(stream.write(b"").unwrap(), 0);
    assert_eq!(stream.read(&mut buf).unwrap(), 1);
    assert_eq!(stream.write(b"done").unwrap(), 4);
    assert_eq!(stream.read(&mut buf).unwrap(), 0, "closed");
    assert!(matches!(socket.recv(&mut buf), Err(Error::Closed)));
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let server = Served::new(echo);
    let socket = connect(server.address);
    let most = socket.max_message();
    assert!(most > 1000);
    let long = vec![1; most + 1];
    assert!(matches!(
        socket.send(&long),
        Err(Error::MessageTooLong { length, maximum }) if length == most + 1 && maximum == most
    ));
    assert!(matches!(socket.send(b""), Err(Error::EmptyMessage)));
    assert_eq!(ask(&socket, &long[..most]), &long[..most]);
    socket.shutdown(Shutdown::Write).unwrap();
    assert!(matches!(socket.send(b"more"), Err(Error::Closed)));
}

#[test]
fn i16_two_threads_send_while_one_waits() {
    let server = Served::new(echo);
    let socket = connect(server.address);
    let reader = {
        let socket = socket.clone();
        thread::spawn(move || {
            let mut sums = [0_u32; 2];
            for _ in 0..100 {
                let mut buf = [0; 16];
                let length = socket.recv(&mut buf).unwrap();
                assert_eq!(length, 2);
                sums[usize::from(buf[0])] += u32::from(buf[1]);
            }
            sums
        })
    };
    thread::sleep(Duration::from_millis(10));
    let writers = [0_u8, 1].map(|writer| {
        let socket = socket.clone();
        thread::spawn(move || {
            for number in 0..50_u8 {
                socket.send(&[writer, number]).unwrap();
                thread::sleep(Duration::from_micros(200));
            }
        })
    });
    writers
        .into_iter()
        .for_each(|writer| writer.join().unwrap());
    assert_eq!(reader.join().unwrap(), [49 * 50 / 2; 2]);
}

#[test]
fn p73_shutdown_wakes_a_recv_in_another_thread() {
    let server = Served::new(echo);
    let socket = connect(server.address);
    let waiting = {
        let socket = socket.try_clone().unwrap();
        thread::spawn(move || socket.recv(&mut [0; 16]))
    };
    thread::sleep(MOMENT);
    let start = Instant::now();
    socket.shutdown(Shutdown::Both).unwrap();
    assert!(matches!(waiting.join().unwrap(), Err(Error::Closed)));
    assert!(start.elapsed() < 4 * MOMENT);
}

#[test]
fn connecting_has_an_end() {
    let nobody = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let start = Instant::now();
    let to = nobody.local_addr().unwrap();
    let name = ServerName::unnamed();
    let error = DtlsSocket::connect_timeout(&to, name, client_config(), 3 * MOMENT).unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout { .. }), "{error:?}");
    assert!(start.elapsed() < 6 * MOMENT);
}

/// An alert in the clear is believed after five seconds. Whoever has less time hears of it all the same, and
/// does not offer the refused session again.
#[test]
fn a_refusal_is_told_and_costs_the_session_where_time_is_short() {
    let serving = |protocol: &str| {
        let config = ServerConfig::builder(ServerIdentity::psk(served::psk())).alpn([protocol]);
        let config = Arc::new(config.build().unwrap());
        Served::with(config, ServeOptions::default(), echo)
    };
    let (good, bad) = (serving("old"), serving("new"));
    let cache = Arc::new(ClientSessionCache::default());
    let config = ClientConfig::builder(ServerTrust::psk(served::psk()))
        .versions([ProtocolVersion::DTLS1_2])
        .alpn(["old"])
        .sessions(cache.clone());
    let config = Arc::new(config.build().unwrap());
    let connect = |server: &Served, time: Duration| {
        let name = ServerName::unnamed();
        DtlsSocket::connect_timeout(&server.address, name, config.clone(), time)
    };
    assert_eq!(ask(&connect(&good, LONG).unwrap(), b"hello"), b"hello");
    let session = cache.take(&ServerName::unnamed()).unwrap();
    cache.put(&ServerName::unnamed(), session);
    match connect(&bad, 6 * MOMENT) {
        Err(Error::HandshakeTimeout {
            suspect: Some(suspect),
            ..
        }) => assert!(matches!(*suspect, Error::PeerAlert(_)), "{suspect}"),
        other => panic!("{other:?}"),
    }
    assert!(cache.take(&ServerName::unnamed()).is_none());
}

#[test]
fn connect_goes_on_to_an_address_where_somebody_is() {
    let server = Served::new(echo);
    let gone = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let nobody = gone.local_addr().unwrap();
    drop(gone);
    let addresses = [nobody, server.address];
    let name = ServerName::unnamed();
    let socket = DtlsSocket::connect(&addresses[..], name, client_config()).unwrap();
    assert_eq!(socket.peer_addr().unwrap(), server.address);
    assert_eq!(ask(&socket, b"hello"), b"hello");
}

/// One that no datagram can be sent to is passed over, wherever it stands.
#[test]
fn connect_passes_over_an_address_that_cannot_be_reached() {
    // Nobody may send to it without having asked for that.
    let everybody = SocketAddr::from((Ipv4Addr::BROADCAST, 4433));
    let server = Served::new(echo);
    for addresses in [[everybody, server.address], [server.address, everybody]] {
        let name = ServerName::unnamed();
        let socket = DtlsSocket::connect(&addresses[..], name, client_config()).unwrap();
        assert_eq!(socket.peer_addr().unwrap(), server.address);
        assert_eq!(ask(&socket, b"hello"), b"hello");
    }
}

/// What says most is said: an address that could be tried and did not answer, if there was one.
#[test]
fn connect_tells_why_the_last_address_that_could_be_tried_did_not_answer() {
    let everybody = SocketAddr::from((Ipv4Addr::BROADCAST, 4433));
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let silent = silent.local_addr().map(|at| (at, silent)).unwrap();
    let config = ClientConfig::builder(ServerTrust::psk(served::psk()))
        .handshake_timeout(MOMENT, MOMENT)
        .build();
    let config = Arc::new(config.unwrap());
    let error = |addresses: &[SocketAddr]| {
        DtlsSocket::connect(addresses, ServerName::unnamed(), config.clone()).unwrap_err()
    };
    for addresses in [[silent.0, everybody], [everybody, silent.0]] {
        let error = error(&addresses);
        assert!(matches!(error, Error::HandshakeTimeout { .. }), "{error:?}");
    }
    let error = error(&[everybody, everybody]);
    assert!(matches!(error, Error::Io(_)), "{error:?}");
}

#[test]
fn both_sides_export_the_same_keys() {
    let (give, given) = mpsc::channel();
    let give = std::sync::Mutex::new(give);
    let server = Served::new(move |socket: DtlsSocket| {
        let mut keys = [0; 32];
        socket
            .export_keying_material(&mut keys, b"EXPORTER-test", None)
            .unwrap();
        give.lock().unwrap().send(keys).unwrap();
    });
    let socket = connect(server.address);
    let mut keys = [0; 32];
    socket
        .export_keying_material(&mut keys, b"EXPORTER-test", None)
        .unwrap();
    assert_eq!(given.recv().unwrap(), keys);
}

#[test]
fn sockets_may_be_shared_by_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    fn moved<T: Send + 'static>() {}
    shared::<DtlsSocket>();
    shared::<flightline::DtlsListener>();
    shared::<flightline::Closer>();
    moved::<flightline::Handshake>();
}
