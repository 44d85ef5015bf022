//! What the tests of resumption share: stores that they look into, clocks, and servers that remember.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use crate::common::{NAME, pki, psk};
use flightline::lab::{End, Pair, Weather};
use flightline::{
    ClientAuth, ClientConfig, ClientSession, ClientSessions, Clock, ConfigBuilder, ProtocolVersion,
    Psk, RootsVerifier, RotatingTicketer, ServerConfig, ServerIdentity, ServerName,
    ServerSessionCache, ServerTrust,
};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3600);

pub type Client = ConfigBuilder<ClientConfig>;
pub type Server = ConfigBuilder<ServerConfig>;

/// A store in which tests look, and which they change.
#[derive(Clone, Default)]
pub struct Store(Arc<Mutex<Option<ClientSession>>>);

impl Store {
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let session = self.0.lock().unwrap();
        session.as_ref().map(ClientSession::to_bytes)
    }

    pub fn set(&self, bytes: &[u8]) {
        *self.0.lock().unwrap() = Some(ClientSession::from_bytes(bytes).unwrap());
    }

    /// Changes the stored session wherever `from` stands in it.
    pub fn forge(&self, from: &[u8], to: &[u8]) {
        let mut bytes = self.bytes().unwrap();
        let found: Vec<_> = (0..=bytes.len() - from.len())
            .filter(|at| bytes[*at..].starts_with(from))
            .collect();
        assert!(!found.is_empty());
        for at in found {
            bytes[at..at + from.len()].copy_from_slice(to);
        }
        self.set(&bytes);
    }
}

/// Where the ticket or session ID is in a stored session: behind a format, the server's name and a kind.
pub fn handle(session: &[u8]) -> Range<usize> {
    let length = |at: usize| usize::from(u16::from_be_bytes([session[at], session[at + 1]]));
    let start = 1 + 2 + length(1) + 1 + 2;
    start..start + length(start - 2)
}

impl ClientSessions for Store {
    fn put(&self, _: &ServerName, session: ClientSession) {
        *self.0.lock().unwrap() = Some(session);
    }

    fn take(&self, _: &ServerName) -> Option<ClientSession> {
        self.0.lock().unwrap().take()
    }
}

/// The machine's date, ahead of its time.
#[derive(Default)]
pub struct Ahead(Mutex<Duration>);

impl Ahead {
    pub fn by(time: Duration) -> Arc<Ahead> {
        Arc::new(Ahead(Mutex::new(time)))
    }

    pub fn set(&self, time: Duration) {
        *self.0.lock().unwrap() = time;
    }
}

impl Clock for Ahead {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn date(&self) -> SystemTime {
        SystemTime::now() + self.now()
    }
}

/// How a server keeps sessions.
type Keep = fn(Server) -> Server;

/// Versions, and how their servers keep sessions.
pub const KEPT: [(ProtocolVersion, Keep); 4] = [
    (ProtocolVersion::DTLS1_2, |server| server),
    (ProtocolVersion::DTLS1_2, Server::without_tickets),
    (ProtocolVersion::DTLS1_3, |server| server),
    (ProtocolVersion::DTLS1_3, Server::without_tickets),
];

/// A client of DTLS 1.2.
pub fn client(store: &Store) -> Client {
    client_of(ProtocolVersion::DTLS1_2, store)
}

pub fn client_of(version: ProtocolVersion, store: &Store) -> Client {
    ClientConfig::builder(ServerTrust::roots(pki().roots.clone()))
        .versions([version])
        .sessions(store.clone())
}

pub fn identified(store: &Store) -> Client {
    identified_of(ProtocolVersion::DTLS1_2, store)
}

pub fn identified_of(version: ProtocolVersion, store: &Store) -> Client {
    client_of(version, store).identity(pki().client.clone())
}

pub fn psk_client_of(version: ProtocolVersion, store: &Store) -> Client {
    client_with_psk(version, store, psk())
}

pub fn client_with_psk(version: ProtocolVersion, store: &Store, psk: Psk) -> Client {
    ClientConfig::builder(ServerTrust::psk(psk))
        .versions([version])
        .sessions(store.clone())
}

pub fn server() -> Server {
    remembering(ServerIdentity::certificate(pki().server.clone()))
}

pub fn psk_server() -> Server {
    remembering(ServerIdentity::psk(psk()))
}

/// Every configuration that is built from this shares its tickets and sessions.
pub fn remembering(identity: ServerIdentity) -> Server {
    ServerConfig::builder(identity)
        .ticketer(Arc::new(RotatingTicketer::new()))
        .sessions(Arc::new(ServerSessionCache::default()))
}

pub fn asking() -> ClientAuth {
    ClientAuth::optional(RootsVerifier::new(pki().roots.clone()))
}

pub fn demanding() -> ClientAuth {
    ClientAuth::required(RootsVerifier::new(pki().roots.clone()))
}

pub fn connect_as(name: &str, client: &Client, server: &Server) -> Pair {
    let name = ServerName::new(name).unwrap();
    let (client, server) = (client.clone().build(), server.clone().build());
    Pair::new(client.unwrap(), server.unwrap(), name, Weather::clear()).unwrap()
}

/// A handshake that succeeds, and then data; whether both sides say that it went on with a session.
pub fn resumed_as(name: &str, client: &Client, server: &Server) -> bool {
    let mut pair = connect_as(name, client, server);
    pair.establish(MINUTE).unwrap();
    let [client, server] = pair.exported(b"EXPORTER-test").unwrap();
    assert_eq!(client, server);
    pair.exchange(b"request", b"response").unwrap();
    let resumed = [End::Client, End::Server].map(|end| pair.resumed(end).unwrap());
    assert_eq!(resumed[0], resumed[1]);
    resumed[0]
}

pub fn resumed(client: &Client, server: &Server) -> bool {
    resumed_as(NAME, client, server)
}
