//! A listener's bounds, where more come than there is room for; and two listeners that share cookies.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod served;

use flightline::{
    CookieContext, DtlsListener, DtlsSocket, Error, Event, Handshake, Observer, ServeError,
    ServeOptions, ServerConfig, ServerIdentity, ServerName, Transport, UdpTransport,
};
use served::{
    LONG, Served, ask, client_config_12, connect, echo, first_hello, proven_hello, psk,
    server_config,
};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// A transport that receives so many datagrams, and no more until somebody lets it.
struct Held {
    inner: UdpTransport,
    left: Arc<AtomicUsize>,
}

impl Transport for Held {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        self.inner.send(datagram)
    }

    fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        if self.left.load(Ordering::Relaxed) == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let length = self.inner.recv(buf, wait)?;
        self.left.fetch_sub(1, Ordering::Relaxed);
        Ok(length)
    }
}

/// A handshake that has proven its address and hears no more; and what lets it go on.
fn held_at(server: SocketAddr) -> (Handshake, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(server).unwrap();
    let left = Arc::new(AtomicUsize::new(1));
    let transport = Held {
        inner: UdpTransport::new(socket).unwrap(),
        left: left.clone(),
    };
    let name = ServerName::unnamed();
    let mut handshake = Handshake::client(transport, name, client_config_12()).unwrap();
    while left.load(Ordering::Relaxed) > 0 {
        assert!(matches!(handshake.handshake(), Err(Error::WantRead)));
    }
    (handshake, left)
}

/// Two handshakes under way, and room for one connection: the first that is finished has it, and the
/// other client is told that it has none.
#[test]
fn a_handshake_that_finds_no_place_at_its_end_fails() {
    let (tell, told) = mpsc::channel();
    let options = ServeOptions {
        max_connections: 1,
        on_error: Some(Arc::new(move |_, error| {
            tell.send(error.clone()).unwrap();
        })),
        ..ServeOptions::default()
    };
    let server = Served::with(server_config(), options, echo);
    let (first, second) = (held_at(server.address), held_at(server.address));
    server.wait_for(|stats| stats.handshakes_started == 2);
    let go_on = |(handshake, left): (Handshake, Arc<AtomicUsize>)| {
        left.store(usize::MAX, Ordering::Relaxed);
        handshake.complete().unwrap()
    };
    let first = go_on(first);
    assert_eq!(ask(&first, b"hello"), b"hello");
    let second = go_on(second);
    let outcome = second.recv(&mut [0; 64]);
    assert!(matches!(outcome, Err(Error::Closed)), "{outcome:?}");
    let error = told.recv_timeout(LONG).unwrap();
    assert!(
        matches!(error, ServeError::Handshake(Error::TooManyConnections)),
        "{error}"
    );
    server.wait_for(|stats| stats.handshakes == 0 && stats.connections == 1);
    assert_eq!(ask(&first, b"still there"), b"still there");
}

fn stranger(number: usize) -> UdpSocket {
    let [.., high, low] = number.to_be_bytes();
    let socket = UdpSocket::bind((Ipv4Addr::new(127, 2, high, low), 0)).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket
}

/// Behind a program that does not accept, so many wait, and those that come on top are dropped; they come
/// again.
#[test]
fn a_backlog_that_is_full_drops_who_comes_on_top() {
    let listener = DtlsListener::bind((Ipv4Addr::LOCALHOST, 0), server_config()).unwrap();
    let server = listener.local_addr().unwrap();
    let first = thread::spawn(move || connect(server));
    let (handshake, _) = listener.accept().unwrap();
    let accepted = thread::spawn(move || handshake.complete().unwrap());
    let (socket, accepted) = (first.join().unwrap(), accepted.join().unwrap());

    let hello = first_hello();
    let strangers: Vec<_> = (1..=140).map(stranger).collect();
    for socket in &strangers {
        let hello = proven_hello(socket, server, &hello);
        socket.send_to(&hello, server).unwrap();
    }
    let start = Instant::now();
    while listener.stats().handshakes_started < 141 {
        assert!(start.elapsed() < LONG, "{:?}", listener.stats());
        thread::sleep(Duration::from_millis(1));
    }
    let stats = listener.stats();
    assert_eq!(stats.refused_backlog, 12, "{stats:?}");
    assert_eq!(stats.handshakes, 128, "{stats:?}");
    // Who is connected is served as before, and those that wait are there.
    socket.send(b"hello").unwrap();
    assert_eq!(accepted.recv(&mut [0; 64]).unwrap(), 5);
    let (waiting, peer) = listener.accept().unwrap();
    assert_eq!(waiting.peer_addr().unwrap(), peer);
    waiting.refuse();
    let mut incoming = listener.incoming();
    assert!(incoming.next().unwrap().is_ok());
    assert_eq!(listener.stats().handshakes, 126);
    listener.closer().close();
    assert!(incoming.next().is_none());
}

/// A cookie of one is good at the other, and at no third.
#[test]
fn listeners_may_share_their_cookies() {
    let cookies = Arc::new(CookieContext::new().unwrap());
    let bind = || {
        let any = (Ipv4Addr::LOCALHOST, 0);
        DtlsListener::bind_with_cookies(any, cookies.clone(), server_config()).unwrap()
    };
    let listeners = [
        bind(),
        bind(),
        DtlsListener::bind((Ipv4Addr::LOCALHOST, 0), server_config()).unwrap(),
    ];
    let addresses = listeners.each_ref().map(|l| l.local_addr().unwrap());
    let closers = listeners.each_ref().map(DtlsListener::closer);
    let serving = listeners.map(|l| thread::spawn(move || l.serve(|_: DtlsSocket| {})));
    let socket = stranger(200);
    let hello = proven_hello(&socket, addresses[0], &first_hello());
    let mut buf = [0; 2048];
    for (address, is_known) in addresses.into_iter().zip([true, true, false]) {
        socket.send_to(&hello, address).unwrap();
        let (_, from) = socket.recv_from(&mut buf).unwrap();
        assert_eq!(from, address);
        // ServerHello, or another request for a cookie.
        assert_eq!(buf[13] == 2, is_known);
    }
    let started = closers.each_ref().map(|c| c.stats().handshakes_started);
    assert_eq!(started, [1, 1, 0]);
    closers.iter().for_each(flightline::Closer::close);
    for thread in serving {
        thread.join().unwrap().unwrap();
    }
}

/// A client begins anew from its address and does not get far: the old connection goes on beside it, and
/// what is under keys is shown to both.
#[test]
fn h01_p33_the_old_association_is_served_while_a_new_handshake_stands_still() {
    let server = Served::new(echo);
    let socket = stranger(300);
    socket.connect(server.address).unwrap();
    let raw = socket.try_clone().unwrap();
    let old = DtlsSocket::from_socket(socket, ServerName::unnamed(), client_config_12()).unwrap();
    assert_eq!(ask(&old, b"before"), b"before");
    let hello = first_hello();
    // The answers go to the old connection, which drops them; the cookie is taken from the wire.
    raw.set_nonblocking(false).unwrap();
    let hello = proven_hello(&raw, server.address, &hello);
    raw.send(&hello).unwrap();
    server.wait_for(|stats| stats.handshakes_started == 2 && stats.handshakes == 1);
    for number in 0..20_u8 {
        assert_eq!(ask(&old, &[number]), [number]);
    }
    let stats = server.closer.stats();
    assert_eq!((stats.connections, stats.connections_replaced), (1, 0));
}

/// Holds whatever tells it something until it is opened, and counts that.
#[derive(Default)]
struct Gate {
    told: AtomicUsize,
    closed: Mutex<()>,
}

impl Gate {
    fn told(&self) -> usize {
        self.told.load(Ordering::Relaxed)
    }
}

impl Observer for Gate {
    fn event(&self, _: &Event) {
        self.told.fetch_add(1, Ordering::Relaxed);
        let _closed = self.closed.lock();
    }
}

/// A server that sends nothing twice while a test lasts.
fn watched_by(gate: &Arc<Gate>) -> Arc<ServerConfig> {
    let config = ServerConfig::builder(ServerIdentity::psk(psk()))
        .handshake_timeout(12 * LONG, 12 * LONG)
        .observer(gate.clone());
    Arc::new(config.build().unwrap())
}

/// What ten clients of one port would say in turn that have proven their address.
fn ten_hellos(socket: &UdpSocket, server: SocketAddr) -> Vec<Vec<u8>> {
    let hello = |_| proven_hello(socket, server, &first_hello());
    (0..10).map(hello).collect()
}

/// Says the hellos in turn, and again what the second and the third said; `heard` is asked after each. The listener
/// has heard it all at the end.
fn begin_anew(hellos: &[Vec<u8>], socket: &UdpSocket, server: SocketAddr, heard: impl Fn(usize)) {
    for (number, hello) in hellos.iter().chain(&hellos[1..3]).enumerate() {
        socket.send_to(hello, server).unwrap();
        heard(number + 1);
    }
    proven_hello(&stranger(999), server, &first_hello());
}

/// A client at this socket, which has not heard what others there were told.
fn comes_back(socket: &UdpSocket, server: SocketAddr) -> DtlsSocket {
    socket.connect(server).unwrap();
    socket.set_nonblocking(true).unwrap();
    while socket.recv(&mut [0; 2048]).is_ok() {}
    socket.set_nonblocking(false).unwrap();
    let socket = socket.try_clone().unwrap();
    DtlsSocket::from_socket(socket, ServerName::unnamed(), client_config_12()).unwrap()
}

/// A handshake that was replaced has a thread until it has noticed, and a place for as long: one port has no more
/// threads than its address may have handshakes.
#[test]
fn a15_h01_one_port_that_begins_anew_has_no_more_threads_than_places() {
    let gate = Arc::new(Gate::default());
    let options = ServeOptions {
        max_handshakes: 8,
        max_handshakes_per_address: 4,
        ..ServeOptions::default()
    };
    let server = Served::with(watched_by(&gate), options, echo);
    let socket = stranger(301);
    let hellos = ten_hellos(&socket, server.address);
    let closed = gate.closed.lock().unwrap();
    // Each has begun before the next is said, so that it stays.
    let heard = |number: usize| server.wait_for(|_| gate.told() >= number.min(4));
    begin_anew(&hellos, &socket, server.address, heard);
    let stats = server.closer.stats();
    assert_eq!((stats.handshakes_started, stats.handshakes), (4, 4));
    assert_eq!(stats.dropped_hellos, 2, "those that were left behind");
    assert!(stats.refused_handshakes_per_address > 0, "{stats:?}");
    assert_eq!(
        gate.told(),
        4,
        "each thread waits at the first that it tells"
    );

    drop(closed);
    server.wait_for(|stats| stats.handshakes == 2);
    let socket = comes_back(&socket, server.address);
    assert_eq!(ask(&socket, b"served"), b"served");
    server.wait_for(|stats| (stats.handshakes, stats.connections) == (0, 1));
}

/// Nor does it fill the backlog of a program that does not accept; and nothing is done for those that were
/// replaced before they were accepted.
#[test]
fn a15_h01_one_port_that_begins_anew_does_not_fill_the_backlog() {
    let gate = Arc::new(Gate::default());
    let listener = DtlsListener::bind((Ipv4Addr::LOCALHOST, 0), watched_by(&gate)).unwrap();
    let server = listener.local_addr().unwrap();
    let first = thread::spawn(move || connect(server));
    let (handshake, _) = listener.accept().unwrap();
    let accepted = thread::spawn(move || handshake.complete().unwrap());
    let (_first, _accepted) = (first.join().unwrap(), accepted.join().unwrap());

    let socket = stranger(302);
    let hellos = ten_hellos(&socket, server);
    begin_anew(&hellos, &socket, server, |_| {});
    let stats = listener.stats();
    assert_eq!((stats.handshakes_started, stats.handshakes), (6, 5));
    assert!(stats.refused_handshakes_per_address > 0, "{stats:?}");
    assert_eq!(stats.refused_backlog, 0);
    let mut living = Vec::new();
    for number in 0..5 {
        let told = gate.told();
        let (mut handshake, _) = listener.accept().unwrap();
        match handshake.handshake() {
            Err(Error::WantRead) => living.push((number, handshake)),
            Err(Error::ReplacedByNewHandshake) => assert_eq!(gate.told(), told),
            other => panic!("{other:?}"),
        }
    }
    let numbers = living.iter().map(|(number, _)| *number);
    assert_eq!(numbers.collect::<Vec<_>>(), [0, 4]);
    assert_eq!(listener.stats().handshakes, 2);

    let client = thread::spawn(move || ask(&comes_back(&socket, server), b"served"));
    let (handshake, _) = listener.accept().unwrap();
    let accepted = handshake.complete().unwrap();
    let mut buf = [0; 64];
    let length = accepted.recv(&mut buf).unwrap();
    accepted.send(&buf[..length]).unwrap();
    assert_eq!(client.join().unwrap(), b"served");
}

/// A client that comes back is served at once, also while the handler of its old connection is busy; but that one
/// is a connection still.
#[test]
fn h01_h13_connections_whose_handlers_are_busy_count_when_they_are_replaced() {
    let gate = Arc::new(Mutex::new(()));
    let handlers = Arc::new(AtomicUsize::new(0));
    let options = ServeOptions {
        max_connections: 2,
        ..ServeOptions::default()
    };
    let (busy, running) = (gate.clone(), handlers.clone());
    let server = Served::with(server_config(), options, move |socket: DtlsSocket| {
        running.fetch_add(1, Ordering::Relaxed);
        let mut buf = [0; 64];
        let length = socket.recv(&mut buf)?;
        socket.send(&buf[..length])?;
        drop(busy.lock());
        let outcome = echo(socket);
        running.fetch_sub(1, Ordering::Relaxed);
        outcome
    });
    let (socket, address) = (stranger(303), server.address);
    let closed = gate.lock().unwrap();
    for _ in 0..2 {
        let client = comes_back(&socket, address);
        assert_eq!(ask(&client, b"at once"), b"at once");
        // It says no good-bye.
        std::mem::forget(client);
    }
    let third = thread::spawn(move || comes_back(&socket, address));
    server.wait_for(|stats| stats.refused_connections > 0);
    let stats = server.closer.stats();
    assert_eq!((stats.connections, stats.connections_replaced), (2, 1));
    assert_eq!(handlers.load(Ordering::Relaxed), 2);

    drop(closed);
    let third = third.join().unwrap();
    assert_eq!(ask(&third, b"now"), b"now");
    server.wait_for(|stats| stats.connections == 1 && handlers.load(Ordering::Relaxed) == 1);
    assert_eq!(server.closer.stats().connections_replaced, 2);
}
