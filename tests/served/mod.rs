//! What the tests of the shell share: a listener that serves in the background, and its clients.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use flightline::{
    ClientConfig, Closer, DtlsListener, DtlsSocket, Error, Handshake, ListenerStats, Outcome,
    ProtocolVersion, Psk, Result, ServeOptions, ServerConfig, ServerIdentity, ServerName,
    ServerTrust, UdpTransport,
};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub const MOMENT: Duration = Duration::from_millis(50);
pub const LONG: Duration = Duration::from_secs(5);

pub fn psk() -> Psk {
    Psk::new("sensor-7", [0x5a; 32]).unwrap()
}

pub fn server_config() -> Arc<ServerConfig> {
    let identity = ServerIdentity::psk(psk());
    Arc::new(ServerConfig::builder(identity).build().unwrap())
}

pub fn client_config() -> Arc<ClientConfig> {
    let builder = ClientConfig::builder(ServerTrust::psk(psk()));
    let builder = builder.handshake_timeout(Duration::from_millis(200), LONG);
    Arc::new(builder.read_timeout(LONG).build().unwrap())
}

/// A client of DTLS 1.2 only.
pub fn client_config_12() -> Arc<ClientConfig> {
    let versions = [ProtocolVersion::DTLS1_2];
    let builder = ClientConfig::builder(ServerTrust::psk(psk())).versions(versions);
    let builder = builder.handshake_timeout(Duration::from_millis(200), LONG);
    Arc::new(builder.read_timeout(LONG).build().unwrap())
}

pub fn connect(to: SocketAddr) -> DtlsSocket {
    DtlsSocket::connect_timeout(&to, ServerName::unnamed(), client_config(), LONG).unwrap()
}

pub fn ask(socket: &DtlsSocket, question: &[u8]) -> Vec<u8> {
    socket.send(question).unwrap();
    let mut buf = [0; 2048];
    let length = socket.recv(&mut buf).unwrap();
    buf[..length].to_vec()
}

pub fn echo(socket: DtlsSocket) -> Result<()> {
    let mut buf = [0; 2048];
    loop {
        let length = socket.recv(&mut buf)?;
        socket.send(&buf[..length])?;
    }
}

/// A listener that serves in a thread of its own until it is dropped.
pub struct Served {
    pub address: SocketAddr,
    pub closer: Closer,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Served {
    pub fn new<O: Outcome>(handler: impl Fn(DtlsSocket) -> O + Send + Sync + 'static) -> Served {
        Served::with(server_config(), ServeOptions::default(), handler)
    }

    pub fn with<O: Outcome>(
        config: Arc<ServerConfig>,
        options: ServeOptions,
        handler: impl Fn(DtlsSocket) -> O + Send + Sync + 'static,
    ) -> Served {
        let listener = DtlsListener::bind((Ipv4Addr::LOCALHOST, 0), config).unwrap();
        Served {
            address: listener.local_addr().unwrap(),
            closer: listener.closer(),
            thread: Some(thread::spawn(move || listener.serve_with(options, handler))),
        }
    }

    /// With what comes of each connection.
    pub fn reporting<T: Send + 'static>(
        config: Arc<ServerConfig>,
        options: ServeOptions,
        handler: impl Fn(DtlsSocket) -> T + Send + Sync + 'static,
    ) -> (Served, mpsc::Receiver<T>) {
        let (report, reported) = mpsc::channel();
        let report = Mutex::new(report);
        let served = Served::with(config, options, move |socket: DtlsSocket| {
            let outcome = handler(socket);
            report.lock().unwrap().send(outcome).unwrap();
        });
        (served, reported)
    }

    pub fn stop(&mut self) {
        self.closer.close();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }

    /// Until the listener has ended by itself.
    pub fn wait_to_end(&mut self) {
        if let Some(thread) = self.thread.take() {
            let start = Instant::now();
            while !thread.is_finished() {
                assert!(start.elapsed() < LONG, "{:?}", self.closer.stats());
                thread::sleep(Duration::from_millis(2));
            }
            thread.join().unwrap().unwrap();
        }
    }

    pub fn wait_for(&self, what: impl Fn(&ListenerStats) -> bool) {
        let start = Instant::now();
        while !what(&self.closer.stats()) {
            assert!(start.elapsed() < LONG, "{:?}", self.closer.stats());
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.stop();
        }
    }
}

/// The first datagram of a client of DTLS 1.2.
pub fn first_hello() -> Vec<u8> {
    first_hello_of(client_config_12())
}

/// The first datagram of this client.
pub fn first_hello_of(config: Arc<ClientConfig>) -> Vec<u8> {
    let trap = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(trap.local_addr().unwrap()).unwrap();
    let transport = UdpTransport::new(socket).unwrap();
    let mut client = Handshake::client(transport, ServerName::unnamed(), config).unwrap();
    assert!(matches!(client.handshake(), Err(Error::WantRead)));
    let mut buf = [0; 2048];
    let (length, _) = trap.recv_from(&mut buf).unwrap();
    buf[..length].to_vec()
}

/// `hello`, a client's first, with this cookie, as its second.
pub fn with_cookie(hello: &[u8], cookie: &[u8]) -> Vec<u8> {
    // Behind two headers, the version, the random and an empty session ID stands the empty cookie.
    let at = 13 + 12 + 2 + 32 + 1;
    assert_eq!(hello[at - 1..=at], [0, 0]);
    let length = [u8::try_from(cookie.len()).unwrap()];
    let mut with = [&hello[..at], &length, cookie, &hello[at + 1..]].concat();
    for (at, behind) in [(11, 13), (15, 25), (23, 25)] {
        let length = u16::try_from(with.len() - behind).unwrap();
        with[at..at + 2].copy_from_slice(&length.to_be_bytes());
    }
    with[18] = 1;
    with
}

/// A client's second hello, from this socket.
pub fn proven_hello(socket: &UdpSocket, server: SocketAddr, hello: &[u8]) -> Vec<u8> {
    socket.send_to(hello, server).unwrap();
    let mut buf = [0; 256];
    let length = socket.recv(&mut buf).unwrap();
    with_cookie(hello, &buf[28..length])
}
