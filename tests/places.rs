//! The places that a listener has: who gets one, who gets none, and when it is free again.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod served;

use flightline::{
    ClientConfig, DtlsSocket, Error, Handshake, Psk, ServeOptions, ServerConfig, ServerIdentity,
    ServerName, ServerTrust, Transport, UdpTransport,
};
use served::{LONG, MOMENT, Served, ask, client_config, connect, echo, psk, server_config};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Hears the request for a cookie, and nothing behind it until it may.
struct Hesitant {
    transport: UdpTransport,
    heard: AtomicBool,
    may_go_on: Arc<AtomicBool>,
}

impl Transport for Hesitant {
    fn send(&self, datagram: &[u8]) -> std::io::Result<()> {
        self.transport.send(datagram)
    }

    fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> std::io::Result<usize> {
        if self.heard.load(Ordering::Relaxed) && !self.may_go_on.load(Ordering::Relaxed) {
            return Err(std::io::ErrorKind::WouldBlock.into());
        }
        let received = self.transport.recv(buf, wait)?;
        self.heard.store(true, Ordering::Relaxed);
        Ok(received)
    }
}

/// A client that shakes hands when it is told to.
fn hesitant(to: SocketAddr, may_go_on: &Arc<AtomicBool>) -> Handshake {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(to).unwrap();
    let transport = Hesitant {
        transport: UdpTransport::new(socket).unwrap(),
        heard: AtomicBool::new(false),
        may_go_on: may_go_on.clone(),
    };
    Handshake::client(transport, ServerName::unnamed(), client_config()).unwrap()
}

/// Takes it as far as `done` says, and no further.
fn advance(server: &Served, handshake: &mut Handshake, done: impl Fn(&Served) -> bool) {
    let start = Instant::now();
    while !done(server) {
        let pass = handshake.handshake();
        assert!(matches!(pass, Err(Error::WantRead)), "{pass:?}");
        assert!(start.elapsed() < LONG, "{:?}", server.closer.stats());
        thread::sleep(Duration::from_millis(1));
    }
}

fn hasty(to: SocketAddr) -> flightline::Result<DtlsSocket> {
    DtlsSocket::connect_timeout(&to, ServerName::unnamed(), client_config(), 3 * MOMENT)
}

/// So many handshakes at once, in all or from one address: who comes then is turned away, those before are
/// served, and whoever was connected already notices nothing.
#[test]
fn a15_handshakes_beyond_a_limit_are_turned_away_and_harm_nobody() {
    const LIMIT: usize = 3;
    let limit = u64::try_from(LIMIT).unwrap();
    let in_all = ServeOptions {
        max_handshakes: LIMIT,
        ..ServeOptions::default()
    };
    let for_each = ServeOptions {
        max_handshakes_per_address: LIMIT,
        ..ServeOptions::default()
    };
    for (options, limit_is_in_all) in [(in_all, true), (for_each, false)] {
        let server = Served::with(server_config(), options, echo);
        let connected = connect(server.address);
        server.wait_for(|stats| stats.handshakes == 0);
        let (mut pending, go) = (Vec::new(), Arc::default());
        for number in 1..=limit {
            let mut handshake = hesitant(server.address, &go);
            advance(&server, &mut handshake, |server| {
                server.closer.stats().handshakes == number
            });
            pending.push(handshake);
        }
        let refused = hasty(server.address);
        assert!(matches!(refused, Err(Error::HandshakeTimeout { .. })));
        let stats = server.closer.stats();
        let counted = [
            stats.refused_handshakes,
            stats.refused_handshakes_per_address,
        ];
        assert!(counted[usize::from(!limit_is_in_all)] >= 1, "{stats:?}");
        assert_eq!(counted[usize::from(limit_is_in_all)], 0);
        assert_eq!((stats.handshakes, stats.connections), (limit, 1));
        assert_eq!(ask(&connected, b"still here"), b"still here");

        go.store(true, Ordering::Relaxed);
        for handshake in pending {
            let socket = handshake.complete().unwrap();
            assert_eq!(ask(&socket, b"served"), b"served");
        }
        server.wait_for(|stats| stats.handshakes == 0);
        assert_eq!(
            ask(&connect(server.address), b"there is room"),
            b"there is room"
        );
        assert_eq!(ask(&connected, b"still here"), b"still here");
    }
}

/// A limit of zero lets nobody in.
#[test]
fn a15_where_there_are_no_places_everybody_is_turned_away() {
    let options = ServeOptions {
        max_handshakes_per_address: 0,
        ..ServeOptions::default()
    };
    let server = Served::with(server_config(), options, echo);
    let refused = hasty(server.address);
    assert!(matches!(refused, Err(Error::HandshakeTimeout { .. })));
    assert!(server.closer.stats().refused_handshakes_per_address >= 1);
}

/// Every place goes with whoever had it: handshakes that fail in each way, those that are given up, connections,
/// and those whose handler panics or that another of the same client replaces. A single place that stays taken
/// would keep out whoever comes after as many of them as there are places.
#[test]
fn a16_whatever_fails_gives_its_place_back() {
    std::panic::set_hook(Box::new(|_| {}));
    const PLACES: usize = 2;
    let patience = Duration::from_millis(200);
    let config = ServerConfig::builder(ServerIdentity::psk(psk()))
        .handshake_timeout(patience / 2, patience)
        .suspicion(patience);
    let options = ServeOptions {
        max_handshakes: PLACES,
        max_handshakes_per_address: PLACES,
        max_connections: PLACES,
        linger: Duration::ZERO,
        ..ServeOptions::default()
    };
    let server = Served::with(
        Arc::new(config.build().unwrap()),
        options,
        |socket: DtlsSocket| {
            let mut buf = [0; 64];
            while let Ok(length) = socket.recv(&mut buf) {
                assert_ne!(&buf[..length], b"panic");
                socket.send(&buf[..length]).unwrap();
            }
        },
    );
    let to = server.address;
    let stranger = ServerTrust::psk(Psk::new("sensor-7", [0xa5; 32]).unwrap());
    let stranger = ClientConfig::builder(stranger).suspicion(patience);
    let stranger = Arc::new(stranger.build().unwrap());
    let everybody_is_gone = || server.wait_for(|stats| stats.handshakes + stats.connections == 0);
    for round in 0..40 {
        match round % 5 {
            0 => {
                let name = ServerName::unnamed();
                DtlsSocket::connect_timeout(&to, name, stranger.clone(), LONG).unwrap_err();
            }
            1 => {
                // It is never heard of again.
                let started = server.closer.stats().handshakes_started;
                advance(&server, &mut hesitant(to, &Arc::default()), |server| {
                    server.closer.stats().handshakes_started > started
                });
            }
            2 => drop(connect(to)),
            3 => {
                let socket = connect(to);
                socket.send(b"panic").unwrap();
                assert!(matches!(socket.recv(&mut [0; 64]), Err(Error::Closed)));
            }
            _ => {
                let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                socket.connect(to).unwrap();
                let again = socket.try_clone().unwrap();
                let connect = |socket| {
                    DtlsSocket::from_socket(socket, ServerName::unnamed(), client_config()).unwrap()
                };
                let first = connect(socket);
                // The server knows of it, too.
                assert_eq!(ask(&first, b"here"), b"here");
                // Without a good-bye.
                std::mem::forget(first);
                drop(connect(again));
            }
        }
        everybody_is_gone();
    }
    let stats = server.closer.stats();
    assert!(
        stats.worker_panics == 8 && stats.connections_replaced == 8,
        "{stats:?}"
    );
    assert_eq!(ask(&connect(to), b"fine"), b"fine");
    let refused = [
        stats.refused_handshakes,
        stats.refused_handshakes_per_address,
        stats.refused_connections,
    ];
    assert_eq!(refused, [0; 3], "{stats:?}");
}

type Failing = fn(&Served);

/// One that proves its address, and is not heard of again.
fn fails_to_finish(server: &Served) {
    let started = server.closer.stats().handshakes_started;
    let mut handshake = hesitant(server.address, &Arc::default());
    advance(server, &mut handshake, |server| {
        server.closer.stats().handshakes_started > started
    });
}

/// One whose handler fails.
fn fails_its_handler(server: &Served) {
    connect(server.address).send(b"fail").unwrap();
}

/// Whoever is told of an error may wait in it, and the client's thread waits with it: so long its place is taken.
#[test]
fn a15_a16_a_place_is_taken_until_its_error_is_told() {
    const PLACES: u64 = 2;
    let patience = Duration::from_millis(100);
    let config = ServerConfig::builder(ServerIdentity::psk(psk()))
        .handshake_timeout(patience / 2, patience)
        .build();
    let config = Arc::new(config.unwrap());
    let ways: [(Failing, _); 2] = [
        (fails_to_finish, [0, PLACES]),
        (fails_its_handler, [PLACES, 0]),
    ];
    for (fail, gauges) in ways {
        let gate = Arc::new(Mutex::new(()));
        let (tell, told) = mpsc::channel();
        let (closed, tell) = (gate.clone(), Mutex::new(tell));
        let options = ServeOptions {
            max_handshakes: 2,
            max_connections: 2,
            linger: Duration::ZERO,
            on_error: Some(Arc::new(move |_, _| {
                tell.lock().unwrap().send(()).unwrap();
                drop(closed.lock().unwrap());
            })),
            ..ServeOptions::default()
        };
        let server = Served::with(config.clone(), options, |socket: DtlsSocket| {
            let mut buf = [0; 64];
            let length = socket.recv(&mut buf)?;
            match &buf[..length] {
                b"fail" => Err(Error::Closed),
                question => socket.send(question).map(drop),
            }
        });
        let held = gate.lock().unwrap();
        for _ in 0..PLACES {
            fail(&server);
            told.recv_timeout(LONG).unwrap();
        }
        let stats = server.closer.stats();
        assert_eq!([stats.connections, stats.handshakes], gauges);
        hasty(server.address).unwrap_err();
        let stats = server.closer.stats();
        let refused = [stats.refused_connections, stats.refused_handshakes];
        assert_eq!(
            refused.map(|count| count > 0),
            gauges.map(|count| count > 0)
        );
        assert_eq!(told.try_recv(), Err(mpsc::TryRecvError::Empty));

        drop(held);
        server.wait_for(|stats| stats.connections + stats.handshakes == 0);
        assert_eq!(ask(&connect(server.address), b"now"), b"now");
    }
}

/// Without a thread for it a client is turned away, and has no place any more: the next is heard like the first.
#[test]
#[cfg(target_os = "linux")]
fn i09_a_thread_that_cannot_be_started_costs_one_client_and_nothing_else() {
    let options = ServeOptions {
        stack_size: usize::MAX >> 16,
        max_handshakes: 1,
        ..ServeOptions::default()
    };
    let mut server = Served::with(server_config(), options, echo);
    for client in 1..=3 {
        let start = Instant::now();
        while server.closer.stats().threads_failed < client {
            let error = hasty(server.address);
            assert!(matches!(error, Err(Error::HandshakeTimeout { .. })));
            assert!(start.elapsed() < LONG);
        }
        let stats = server.closer.stats();
        assert!(stats.handshakes_started >= client);
        assert_eq!((stats.connections, stats.handshakes), (0, 0));
        assert_eq!(stats.refused_handshakes, 0, "{stats:?}");
    }
    // It answers, and it ends as any other does.
    let before = server.closer.stats().challenges_sent;
    hasty(server.address).unwrap_err();
    assert!(server.closer.stats().challenges_sent > before);
    server.stop();
}
