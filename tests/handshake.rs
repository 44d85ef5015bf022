//! Handshakes driven by hand, over the loopback interface.
#![cfg(feature = "x509")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod served;

use flightline::{
    CookieContext, Delay, DtlsSocket, Error, Handshake, ProtocolVersion, ServeOptions,
    ServerConfig, ServerIdentity, ServerName, Timer, Transport, UdpTransport,
};
use served::{LONG, MOMENT, Served, ask, client_config, client_config_12, server_config};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_low_level_server_fails_without_cookies_and_starts_afresh_with_them() {
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    client.connect(server.local_addr().unwrap()).unwrap();
    server.connect(client.local_addr().unwrap()).unwrap();
    let config = server_config();
    let start = |cookies: Option<Arc<CookieContext>>| {
        let transport = UdpTransport::new(server.try_clone().unwrap()).unwrap();
        Handshake::server(transport, b"the client", cookies, config.clone()).unwrap()
    };
    let transport = UdpTransport::new(client).unwrap();
    let mut client = Handshake::client(transport, ServerName::unnamed(), client_config()).unwrap();
    assert!(matches!(client.handshake(), Err(Error::WantRead)));
    let failed = start(None).complete();
    assert!(matches!(failed, Err(Error::NoCookieContext)), "{failed:?}");
    // Its timer sends the hello that was refused again.
    let client = thread::spawn(move || ask(&client.complete().unwrap(), b"hello"));
    let cookies = Arc::new(CookieContext::new().unwrap());
    let mut calls = 0;
    let socket = loop {
        calls += 1;
        match start(Some(cookies.clone())).complete() {
            Err(Error::HelloVerifyRequired) => {}
            other => break other.unwrap(),
        }
    };
    assert_eq!(calls, 2);
    let mut buf = [0; 16];
    let length = socket.recv(&mut buf).unwrap();
    socket.send(&buf[..length]).unwrap();
    assert_eq!(client.join().unwrap(), b"hello");
}

/// Keeps what it was told, and says what it is told to say.
#[derive(Clone, Default)]
struct Puppet(Arc<Mutex<(Vec<Duration>, Option<Delay>)>>);

impl Puppet {
    fn say(&self, delay: Delay) {
        self.0.lock().unwrap().1 = Some(delay);
    }

    fn finals(&self) -> Vec<Duration> {
        self.0.lock().unwrap().0.clone()
    }

    fn is_cancelled(&self) -> bool {
        self.finals().last() == Some(&Duration::ZERO)
    }
}

impl Timer for Puppet {
    fn set_delay(&mut self, intermediate: Duration, final_: Duration) {
        assert!(intermediate <= final_);
        let mut state = self.0.lock().unwrap();
        state.0.push(final_);
        state.1 = None;
    }

    fn get_delay(&self) -> Delay {
        self.0.lock().unwrap().1.unwrap_or(Delay::Pending)
    }
}

/// Loses what it is told to lose of what arrives.
struct Lossy<F> {
    inner: UdpTransport,
    loses: Mutex<F>,
}

impl<F: FnMut(&[u8]) -> bool + Send> Transport for Lossy<F> {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        self.inner.send(datagram)
    }

    fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        let length = self.inner.recv(buf, wait)?;
        if (self.loses.lock().unwrap())(&buf[..length]) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(length)
    }
}

fn transport(to: SocketAddr) -> UdpTransport {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(to).unwrap();
    UdpTransport::new(socket).unwrap()
}

fn client(to: SocketAddr) -> Handshake {
    Handshake::client(transport(to), ServerName::unnamed(), client_config()).unwrap()
}

#[test]
fn the_timer_decides_when_a_flight_is_sent_again() {
    let nobody = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    nobody
        .set_read_timeout(Some(Duration::from_millis(10)))
        .unwrap();
    let timer = Puppet::default();
    let mut handshake = client(nobody.local_addr().unwrap());
    handshake.set_timer(Box::new(timer.clone()));
    let sent = || std::iter::from_fn(|| nobody.recv(&mut [0; 2048]).ok()).count();

    assert!(matches!(handshake.handshake(), Err(Error::WantRead)));
    assert_eq!(sent(), 1);
    let armed = *timer.finals().last().unwrap();
    assert!(armed > 3 * MOMENT && armed <= 4 * MOMENT, "{armed:?}");
    assert!(handshake.next_timeout().unwrap() <= armed);
    timer.say(Delay::Intermediate);
    assert!(matches!(handshake.handshake(), Err(Error::WantRead)));
    assert_eq!(sent(), 0, "nothing happens at the intermediate delay");
    timer.say(Delay::Final);
    assert!(matches!(handshake.handshake(), Err(Error::WantRead)));
    assert_eq!(sent(), 1);
    assert!(*timer.finals().last().unwrap() > armed, "doubled");

    assert!(!timer.is_cancelled());
    drop(handshake);
    assert!(timer.is_cancelled(), "by dropping");
}

#[test]
fn success_and_failure_cancel_the_timer() {
    let server = Served::new(|_: DtlsSocket| ());
    let timer = Puppet::default();
    let mut handshake = client(server.address);
    handshake.set_timer(Box::new(timer.clone()));
    while let Err(error) = handshake.handshake() {
        assert!(matches!(error, Error::WantRead), "{error:?}");
        thread::sleep(Duration::from_millis(1));
    }
    assert!(timer.is_cancelled());
    assert_eq!(handshake.next_timeout(), None);
    handshake.into_socket().unwrap();

    let nobody = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let timer = Puppet::default();
    let mut handshake = client(nobody.local_addr().unwrap());
    handshake.set_timer(Box::new(timer.clone()));
    let error = loop {
        match handshake.handshake().unwrap_err() {
            Error::WantRead => timer.say(Delay::Final),
            error => break error,
        }
    };
    assert!(matches!(error, Error::HandshakeTimeout { .. }), "{error:?}");
    assert!(timer.is_cancelled());
    assert!(matches!(
        handshake.into_socket(),
        Err(Error::HandshakeTimeout { .. })
    ));
}

const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_3];

/// What is lost of what a client hears.
type Loss = Box<dyn FnMut(&[u8]) -> bool + Send>;

/// The server's last flight, once, and until then everything else under the new keys.
fn last_flight() -> Loss {
    let mut flights = 0;
    Box::new(move |datagram| {
        // It begins with the ticket.
        let last_flight = datagram.first() == Some(&22) && datagram.get(13) == Some(&4);
        flights += u32::from(last_flight);
        let protected = datagram.get(3..5) != Some(&[0, 0]);
        flights < 2 && (last_flight || protected)
    })
}

/// In DTLS 1.3 the same is an ACK, without tickets; and what comes behind that.
fn last_ack() -> Loss {
    let mut lost = 0;
    Box::new(move |datagram| {
        // RFC 9147 §4: a unified header of epoch 3.
        let is_of_epoch_3 = datagram.first().is_some_and(|first| first & 0xe3 == 0x23);
        lost += u32::from(is_of_epoch_3);
        is_of_epoch_3 && lost <= 2
    })
}

/// A server that makes tickets only where the last flight is told by them.
fn server_of(version: ProtocolVersion) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder(ServerIdentity::psk(served::psk())).versions([version]);
    let builder = match version {
        ProtocolVersion::DTLS1_3 => builder.without_resumption(),
        _ => builder,
    };
    Arc::new(builder.build().unwrap())
}

/// A client that misses what a server of this version says last. It returns when that has come after all.
fn client_that_misses_the_last_flight(version: ProtocolVersion, to: SocketAddr) -> DtlsSocket {
    let (loses, config) = match version {
        ProtocolVersion::DTLS1_3 => (last_ack(), client_config()),
        _ => (last_flight(), client_config_12()),
    };
    let lossy = Lossy {
        inner: transport(to),
        loses: Mutex::new(loses),
    };
    let handshake = Handshake::client(lossy, ServerName::unnamed(), config).unwrap();
    let socket = handshake.complete().unwrap();
    let start = Instant::now();
    while socket.next_timeout().is_some() {
        assert!(start.elapsed() < LONG, "{version:?}");
        socket.service().unwrap();
        thread::sleep(Duration::from_millis(5));
    }
    socket
}

#[test]
fn e01_a_worker_lingers_for_a_client_that_misses_the_last_flight() {
    for version in VERSIONS {
        let options = ServeOptions::default();
        let server = Served::with(server_of(version), options, |_: DtlsSocket| ());
        drop(client_that_misses_the_last_flight(version, server.address));
        server.wait_for(|stats| stats.connections == 0);
    }
}

#[test]
fn p04_a_server_that_only_sends_answers_a_client_that_misses_the_last_flight() {
    for version in VERSIONS {
        let is_over = Arc::<AtomicBool>::default();
        let handler_is_over = is_over.clone();
        let options = ServeOptions::default();
        let server = Served::with(server_of(version), options, move |socket: DtlsSocket| {
            while !handler_is_over.load(Ordering::Relaxed) {
                socket.send(b"tick").unwrap();
                thread::sleep(Duration::from_millis(5));
            }
            socket.send(b"last").unwrap();
        });
        let socket = client_that_misses_the_last_flight(version, server.address);
        is_over.store(true, Ordering::Relaxed);
        let mut buf = [0; 16];
        while buf[..4] != *b"last" {
            assert_eq!(socket.recv(&mut buf).unwrap(), 4);
        }
    }
}

#[test]
fn p04_service_answers_for_a_connection_that_lies_idle() {
    for version in VERSIONS {
        let [is_over, is_seen] = [(); 2].map(|()| Arc::<AtomicBool>::default());
        let (handler_is_over, handler_has_seen_that) = (is_over.clone(), is_seen.clone());
        let options = ServeOptions::default();
        let server = Served::with(server_of(version), options, move |socket: DtlsSocket| {
            // In DTLS 1.2 the last flight is served, while somebody looks; in DTLS 1.3 whoever reads serves it.
            let is_served = socket.next_timeout().is_some();
            assert_eq!(is_served, version == ProtocolVersion::DTLS1_2);
            while !handler_is_over.load(Ordering::Relaxed) {
                socket.service().unwrap();
                thread::sleep(Duration::from_millis(5));
            }
            handler_has_seen_that.store(true, Ordering::Relaxed);
        });
        let client = client_that_misses_the_last_flight(version, server.address);
        is_over.store(true, Ordering::Relaxed);
        while !is_seen.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(1));
        }
        drop(client);
        server.wait_for(|stats| stats.connections == 0 && stats.worker_panics == 0);
    }
}

/// A socket whose system refuses every datagram of more than this.
struct Narrow {
    socket: UdpTransport,
    /// What it knows of that.
    told: Option<usize>,
    refusals: Arc<AtomicUsize>,
}

const NARROW: usize = 300;

impl Transport for Narrow {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        if datagram.len() > NARROW {
            self.refusals.fetch_add(1, Ordering::Relaxed);
            let (length, maximum) = (datagram.len(), NARROW);
            return Err(Error::MessageTooLong { length, maximum }.into());
        }
        self.socket.send(datagram)
    }

    fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        self.socket.recv(buf, wait)
    }

    fn max_datagram(&self) -> Option<usize> {
        self.told
    }
}

/// A handshake and a message through a narrow socket; how many datagrams it refused, and the longest
/// message.
fn through_a_narrow_socket(told: Option<usize>) -> (usize, usize) {
    // A long identity makes a flight that does not fit.
    let psk = flightline::Psk::new("x".repeat(600), [7; 32]).unwrap();
    let identity = ServerIdentity::psk(psk.clone());
    let server = ServerConfig::builder(identity).build().unwrap();
    let listener = flightline::DtlsListener::bind((Ipv4Addr::LOCALHOST, 0), server).unwrap();
    let (to, closer) = (listener.local_addr().unwrap(), listener.closer());
    let serving = thread::spawn(move || listener.serve(served::echo));
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(to).unwrap();
    let trust = flightline::ServerTrust::psk(psk);
    let client = flightline::ClientConfig::builder(trust).build().unwrap();
    let refusals = Arc::<AtomicUsize>::default();
    let transport = Narrow {
        socket: UdpTransport::new(socket).unwrap(),
        told,
        refusals: refusals.clone(),
    };
    let handshake = Handshake::client(transport, ServerName::unnamed(), client).unwrap();
    let socket = handshake.complete().unwrap();
    assert_eq!(ask(&socket, b"hello"), b"hello");
    let max_message = socket.max_message();
    let long = socket.send(&[7; NARROW]);
    assert!(
        matches!(long, Err(Error::MessageTooLong { .. })),
        "{long:?}"
    );
    closer.close();
    serving.join().unwrap().unwrap();
    (refusals.load(Ordering::Relaxed), max_message)
}

/// The flight is cut anew at once, without waiting for a timer, and messages are bounded from then on.
#[test]
fn i03_p69_datagrams_become_shorter_where_the_system_refuses_them() {
    let (refusals, max_message) = through_a_narrow_socket(None);
    assert!(refusals > 0);
    assert!(max_message < NARROW, "{max_message}");
}

#[test]
fn datagrams_are_as_long_as_the_transport_says() {
    let (refusals, max_message) = through_a_narrow_socket(Some(NARROW));
    // The one message that was meant to be too long does not get that far.
    assert_eq!(refusals, 0);
    assert!(max_message > NARROW - 50, "{max_message}");
}
