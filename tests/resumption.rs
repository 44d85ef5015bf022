//! Going on with earlier sessions (RFC 5246 §7.3, RFC 5077): when it happens, and everything that
//! must keep it from happening. In the loss tests the network is against it, too.
#![cfg(feature = "x509")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]

mod common;

use common::{NAME, pki, psk};
use flightline::lab::{End, Pair, Weather};
use flightline::{
    CipherSuite, ClientAuth, ClientConfig, ClientSession, ClientSessions, Clock, ConfigBuilder,
    Error, PeerIdentity, RootsVerifier, RotatingTicketer, ServerConfig, ServerIdentity, ServerName,
    ServerSessionCache, ServerTrust,
};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

type Client = ConfigBuilder<ClientConfig>;
type Server = ConfigBuilder<ServerConfig>;

/// A store in which tests look, and which they change.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<Option<ClientSession>>>);

impl Store {
    fn bytes(&self) -> Option<Vec<u8>> {
        let session = self.0.lock().unwrap();
        session.as_ref().map(ClientSession::to_bytes)
    }

    fn set(&self, bytes: &[u8]) {
        *self.0.lock().unwrap() = Some(ClientSession::from_bytes(bytes).unwrap());
    }

    /// Changes the stored session wherever `from` stands in it.
    fn forge(&self, from: &[u8], to: &[u8]) {
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

impl ClientSessions for Store {
    fn put(&self, _: &ServerName, session: ClientSession) {
        *self.0.lock().unwrap() = Some(session);
    }

    fn take(&self, _: &ServerName) -> Option<ClientSession> {
        self.0.lock().unwrap().take()
    }
}

/// The machine's clock, ahead of its time.
struct Ahead(Duration);

impl Clock for Ahead {
    fn now(&self) -> Duration {
        self.0
    }

    fn date(&self) -> SystemTime {
        SystemTime::now() + self.0
    }
}

fn client(store: &Store) -> Client {
    ClientConfig::builder(ServerTrust::roots(pki().roots.clone())).sessions(store.clone())
}

fn identified(store: &Store) -> Client {
    client(store).identity(pki().client.clone())
}

fn psk_client(store: &Store) -> Client {
    ClientConfig::builder(ServerTrust::psk(psk())).sessions(store.clone())
}

fn server() -> Server {
    ServerConfig::builder(ServerIdentity::certificate(pki().server.clone()))
}

fn psk_server() -> Server {
    ServerConfig::builder(ServerIdentity::psk(psk()))
}

fn asking() -> ClientAuth {
    ClientAuth::optional(RootsVerifier::new(pki().roots.clone()))
}

fn demanding() -> ClientAuth {
    ClientAuth::required(RootsVerifier::new(pki().roots.clone()))
}

fn connect_as(name: &str, client: &Client, server: &Server) -> Pair {
    let name = ServerName::new(name).unwrap();
    let (client, server) = (client.clone().build(), server.clone().build());
    Pair::new(client.unwrap(), server.unwrap(), name, Weather::clear()).unwrap()
}

/// A handshake that succeeds, and then data; whether both sides say that it went on with a session.
fn resumed_as(name: &str, client: &Client, server: &Server) -> bool {
    let mut pair = connect_as(name, client, server);
    pair.establish(MINUTE).unwrap();
    let [client, server] = pair.exported(b"EXPORTER-test").unwrap();
    assert_eq!(client, server);
    pair.exchange(b"request", b"response").unwrap();
    let resumed = [End::Client, End::Server].map(|end| pair.resumed(end).unwrap());
    assert_eq!(resumed[0], resumed[1]);
    resumed[0]
}

fn resumed(client: &Client, server: &Server) -> bool {
    resumed_as(NAME, client, server)
}

#[test]
fn the_second_connection_goes_on_with_the_first_ones_session() {
    let rsa = ServerConfig::builder(ServerIdentity::certificate(pki().rsa.clone()));
    type Kind = (&'static str, fn(&Store) -> Client, Server);
    let kinds: [Kind; 8] = [
        ("ticket", client, server()),
        ("number", client, server().without_tickets()),
        ("RSA", client, rsa),
        ("asked", client, server().client_auth(asking())),
        ("mutual", identified, server().client_auth(demanding())),
        (
            "mutual by number",
            identified,
            server().client_auth(demanding()).without_tickets(),
        ),
        ("PSK", psk_client, psk_server()),
        ("PSK by number", psk_client, psk_server().without_tickets()),
    ];
    for (kind, client, server) in kinds {
        let client = client(&Store::default());
        let client = client.alpn(["coap"]);
        let server = server.alpn(["coap"]);
        assert!(!resumed(&client, &server), "{kind}");
        for _ in 0..3 {
            assert!(resumed(&client, &server), "{kind}");
        }
    }
}

#[test]
fn an_exporters_keys_are_new_on_every_connection() {
    let (client, server) = (client(&Store::default()), server());
    let mut keys: Vec<_> = (0..3)
        .map(|_| {
            let mut pair = connect_as(NAME, &client, &server);
            pair.establish(MINUTE).unwrap();
            pair.exported(b"EXPORTER-test").unwrap()[0]
        })
        .collect();
    keys.dedup();
    assert_eq!(keys.len(), 3);
}

#[test]
fn who_the_peer_is_is_known_as_before() {
    let (client, server) = (
        identified(&Store::default()),
        server().client_auth(demanding()),
    );
    let known = [false, true].map(|resumed| {
        let mut pair = connect_as(NAME, &client, &server);
        pair.establish(MINUTE).unwrap();
        assert_eq!(pair.resumed(End::Server), Some(resumed));
        [End::Client, End::Server].map(|end| pair.peer_identity(end).unwrap().clone())
    });
    assert_eq!(known[0], known[1]);
    let [server, client] = &known[0];
    assert!(matches!(server, PeerIdentity::Certificate(_)), "{server:?}");
    assert!(matches!(client, PeerIdentity::Certificate(_)), "{client:?}");
}

/// A9, G7: a known session is no proof of an address.
#[test]
fn a09_g07_the_cookie_is_never_skipped() {
    for (server, datagrams) in [
        (server(), 5),
        (server().danger_without_hello_verification(), 3),
    ] {
        let client = client(&Store::default());
        assert!(!resumed(&client, &server));
        let mut pair = connect_as(NAME, &client, &server);
        pair.establish(MINUTE).unwrap();
        assert_eq!(pair.resumed(End::Server), Some(true));
        assert_eq!(pair.datagrams_sent(), datagrams);
    }
}

/// G3, D23: what the session is bound to and the new connection is not.
#[test]
fn g03_d23_a_session_is_bound_to_what_it_was_made_for() {
    const AES_128: CipherSuite = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    const AES_256: CipherSuite = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384;
    type Change<C> = fn(C) -> C;
    let same_client: Change<Client> = |client| client;
    let same_server: Change<Server> = |server| server;
    type Case = (
        &'static str,
        Change<Client>,
        Change<Server>,
        Change<Client>,
        Change<Server>,
    );
    let cases: [Case; 8] = [
        (
            "the server's suites",
            |client| client.cipher_suites([AES_128, AES_256]),
            |server| server.cipher_suites([AES_128]),
            same_client,
            |server| server.cipher_suites([AES_256]),
        ),
        (
            "the client's suites",
            |client| client.cipher_suites([AES_128]),
            same_server,
            |client| client.cipher_suites([AES_256]),
            same_server,
        ),
        (
            "the server's choice of a protocol",
            |client| client.alpn(["old", "new"]),
            |server| server.alpn(["old"]),
            same_client,
            |server| server.alpn(["new", "old"]),
        ),
        (
            "the client's protocols",
            |client| client.alpn(["old"]),
            |server| server.alpn(["old", "new"]),
            |client| client.alpn(["new"]),
            same_server,
        ),
        (
            "no protocol any more",
            |client| client.alpn(["old"]),
            |server| server.alpn(["old"]),
            same_client,
            |server| server.alpn::<&str>([]),
        ),
        (
            "clients must show certificates now",
            |client| client.identity(pki().client.clone()),
            same_server,
            same_client,
            |server| server.client_auth(demanding()),
        ),
        (
            "clients are not asked for certificates any more",
            |client| client.identity(pki().client.clone()),
            |server| server.client_auth(demanding()),
            same_client,
            |server| server.client_auth(ClientAuth::None),
        ),
        (
            "another server's tickets",
            same_client,
            same_server,
            same_client,
            |server| server.ticketer(RotatingTicketer::new()),
        ),
    ];
    for (case, first_client, first_server, then_client, then_server) in cases {
        for server in [server(), server().without_tickets()] {
            let by_number = format!("{server:?}").contains("tickets: false");
            if by_number && case == "another server's tickets" {
                continue;
            }
            let (client, server) = (
                first_client(client(&Store::default())),
                first_server(server),
            );
            assert!(!resumed(&client, &server), "{case}");
            assert!(resumed(&client, &server), "{case}");
            let (client, server) = (then_client(client), then_server(server));
            assert!(!resumed(&client, &server), "{case}");
            // The new session is as good as the first.
            assert!(resumed(&client, &server), "{case}");
        }
    }
}

/// A client that says what is not so of its session's name.
#[test]
fn d23_a_ticket_for_one_name_is_none_for_another() {
    let other = "antler.test";
    let identities = [NAME, other].map(|name| pki().issue_server(name));
    let chooses = move |name: Option<&str>| {
        let other = usize::from(name == Some(other));
        vec![identities[other].clone()]
    };
    let server = ServerConfig::builder(ServerIdentity::resolver(chooses));
    for server in [server.clone(), server.without_tickets()] {
        let store = Store::default();
        let client = client(&store);
        assert!(!resumed_as(NAME, &client, &server));
        let session = store.bytes().unwrap();
        // Our client does not offer it.
        assert!(!resumed_as(other, &client, &server));
        // The server does not take it.
        store.set(&session);
        store.forge(NAME.as_bytes(), other.as_bytes());
        assert!(!resumed_as(other, &client, &server));
    }
}

#[test]
fn a_psk_that_is_gone_ends_its_sessions() {
    let known = Arc::new(Mutex::new(true));
    let lookup = {
        let known = known.clone();
        move |identity: &[u8]| {
            let known = *known.lock().unwrap() && identity == psk().identity();
            known.then(psk)
        }
    };
    let (client, server) = (
        psk_client(&Store::default()),
        ServerConfig::builder(ServerIdentity::psk(lookup)),
    );
    assert!(!resumed(&client, &server));
    assert!(resumed(&client, &server));
    *known.lock().unwrap() = false;
    let mut pair = connect_as(NAME, &client, &server);
    assert!(pair.establish(MINUTE).is_err());
}

#[test]
fn g01_a_damaged_ticket_is_a_full_handshake() {
    let server = server();
    let store = Store::default();
    let client = client(&store);
    assert!(!resumed(&client, &server));
    let good = store.bytes().unwrap();
    // A kind, and a length of two bytes; then the ticket.
    let length = usize::from(u16::from_be_bytes([good[1], good[2]]));
    for at in 3..3 + length {
        let mut bad = good.clone();
        bad[at] ^= 0x80;
        store.set(&bad);
        assert!(!resumed(&client, &server), "byte {at}");
    }
    for shorter in 1..length {
        let mut bad = good.clone();
        bad.drain(3 + shorter..3 + length);
        bad[1..3].copy_from_slice(&u16::try_from(shorter).unwrap().to_be_bytes());
        store.set(&bad);
        assert!(!resumed(&client, &server), "{shorter} bytes");
    }
    store.set(&good);
    assert!(resumed(&client, &server));
}

/// G4: a number that the server does not know, or not any more.
#[test]
fn g04_an_unknown_number_is_a_full_handshake() {
    let cache = Arc::new(ServerSessionCache::new(2));
    let server = server().without_tickets().sessions(cache);
    let stores: Vec<_> = (0..3).map(|_| Store::default()).collect();
    for store in &stores {
        assert!(!resumed(&client(store), &server));
    }
    assert!(resumed(&client(&stores[2]), &server));
    assert!(resumed(&client(&stores[1]), &server));
    assert!(!resumed(&client(&stores[0]), &server));
}

/// A client with the wrong secret, as one is that has stolen a ticket only.
#[test]
fn a_ticket_without_its_secret_is_worth_nothing() {
    for server in [server(), server().without_tickets()] {
        let store = Store::default();
        let client = client(&store);
        assert!(!resumed(&client, &server));
        let mut bytes = store.bytes().unwrap();
        // Behind the handle, its expiry, a format, a version, a suite and a length of one byte.
        let handle = usize::from(u16::from_be_bytes([bytes[1], bytes[2]]));
        bytes[3 + handle + 8 + 1 + 2 + 2 + 1] ^= 1;
        store.set(&bytes);
        let mut pair = connect_as(NAME, &client, &server);
        assert!(pair.establish(MINUTE).is_err());
        // RFC 5077 §3.2: after a failure the ticket is not tried again.
        assert!(store.bytes().is_none());
        assert!(!resumed(&client, &server));
    }
}

/// G2: tickets are renewed under the new key while the old one still opens them; and after a day a
/// session is over, however often it was used.
#[test]
fn g02_tickets_age_and_are_renewed_and_sessions_end() {
    let ticketer: Arc<RotatingTicketer> = Arc::default();
    let at = |age: Duration| {
        server()
            .ticketer(ticketer.clone())
            .clock(Arc::new(Ahead(age)))
    };
    let store = Store::default();
    let client = client(&store);
    assert!(!resumed(&client, &at(Duration::ZERO)));
    let first = store.bytes();
    assert!(resumed(&client, &at(5 * HOUR)));
    assert_eq!(store.bytes(), first, "fresh");
    for hours in [7, 13, 19] {
        let before = store.bytes();
        assert!(resumed(&client, &at(hours * HOUR)), "{hours} hours");
        assert_ne!(store.bytes(), before, "{hours} hours");
    }
    assert!(!resumed(&client, &at(24 * HOUR)), "a day");
}

#[test]
fn a_client_offers_no_session_that_is_over() {
    let store = Store::default();
    let server = server();
    assert!(!resumed(&client(&store), &server));
    let session = store.bytes().unwrap();
    for (hours, good) in [(5, true), (7, false), (48, false)] {
        store.set(&session);
        let later = client(&store).clock(Arc::new(Ahead(hours * HOUR)));
        assert_eq!(resumed(&later, &server), good, "{hours} hours");
    }
}

#[test]
fn without_resumption_nothing_is_kept_or_offered() {
    let store = Store::default();
    let (without, with) = (client(&store).without_resumption(), client(&store));
    assert!(!resumed(&without, &server()));
    assert!(!resumed(&without, &server()));
    let server = server().without_resumption();
    assert!(!resumed(&with, &server));
    assert!(store.bytes().is_none());
}

/// A server that does not answer says nothing against the session.
#[test]
fn a_session_that_was_not_answered_goes_back_to_its_store() {
    let (store, server) = (Store::default(), server());
    let client = client(&store);
    assert!(!resumed(&client, &server));
    let session = store.bytes();
    let name = ServerName::new(NAME).unwrap();
    let mut pair = Pair::new(
        client.clone().build().unwrap(),
        server.clone().build().unwrap(),
        name,
        Weather::drop_pattern(u64::MAX),
    )
    .unwrap();
    assert!(store.bytes().is_none(), "it is on offer");
    let error = pair.establish(10 * MINUTE).unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout { .. }), "{error}");
    drop(pair);
    assert_eq!(store.bytes(), session);
    assert!(resumed(&client, &server));
}

/// A ticket that makes the hello longer than a datagram stays at home.
#[test]
fn a_hello_is_not_cut_for_the_sake_of_a_ticket() {
    let (store, server) = (Store::default(), server());
    assert!(!resumed(&client(&store), &server));
    let session = store.bytes().unwrap();
    let mut kinds: Vec<_> = (250..400)
        .map(|mtu| {
            store.set(&session);
            resumed(&client(&store).mtu(mtu), &server)
        })
        .collect();
    kinds.dedup();
    assert_eq!(kinds, [false, true]);
}
