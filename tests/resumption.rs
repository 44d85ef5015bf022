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
use flightline::lab::{Arrival, End, Pair, Weather};
use flightline::{
    CipherSuite, ClientAuth, ClientConfig, ClientSession, ClientSessionCache, ClientSessions,
    Clock, ConfigBuilder, Error, KeyLog, OpenedTicket, PeerIdentity, ProtocolVersion, Psk,
    RootsVerifier, RotatingTicketer, ServerConfig, ServerIdentity, ServerName, ServerSessionCache,
    ServerTrust, SrtpProfile, Ticketer,
};
use std::ops::Range;
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

/// Where the ticket or number is in a stored session: behind a format, the server's name and a kind.
fn handle(session: &[u8]) -> Range<usize> {
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
struct Ahead(Mutex<Duration>);

impl Ahead {
    fn by(time: Duration) -> Arc<Ahead> {
        Arc::new(Ahead(Mutex::new(time)))
    }

    fn set(&self, time: Duration) {
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

fn client(store: &Store) -> Client {
    ClientConfig::builder(ServerTrust::roots(pki().roots.clone()))
        .versions([ProtocolVersion::DTLS1_2])
        .sessions(store.clone())
}

fn identified(store: &Store) -> Client {
    client(store).identity(pki().client.clone())
}

fn psk_client(store: &Store) -> Client {
    ClientConfig::builder(ServerTrust::psk(psk()))
        .versions([ProtocolVersion::DTLS1_2])
        .sessions(store.clone())
}

fn server() -> Server {
    remembering(ServerIdentity::certificate(pki().server.clone()))
}

fn psk_server() -> Server {
    remembering(ServerIdentity::psk(psk()))
}

/// Every configuration that is built from this shares its tickets and sessions.
fn remembering(identity: ServerIdentity) -> Server {
    ServerConfig::builder(identity)
        .ticketer(Arc::new(RotatingTicketer::new()))
        .sessions(Arc::new(ServerSessionCache::default()))
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
    let rsa = remembering(ServerIdentity::certificate(pki().rsa.clone()));
    type Kind = (&'static str, fn(&Store) -> Client, Server);
    let kinds: [Kind; 8] = [
        ("ticket", client, server()),
        ("number", client, server().without_tickets()),
        ("RSA", client, rsa),
        ("asked", client, server().client_auth(asking())),
        ("mutual", identified, server().client_auth(demanding())),
        (
            "mutual by ticket",
            identified,
            server().client_auth(demanding()).without_session_cache(),
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
fn f08_an_exporters_keys_are_new_on_every_connection() {
    let (client, server) = (client(&Store::default()), server());
    let mut keys: Vec<_> = (0..3)
        .map(|_| {
            let mut pair = connect_as(NAME, &client, &server);
            let early = pair.exported(b"EXPORTER-test");
            assert!(matches!(early, Err(Error::WantRead)), "{early:?}");
            pair.establish(MINUTE).unwrap();
            let [ours, theirs] = pair.exported(b"EXPORTER-test").unwrap();
            assert_eq!(ours, theirs);
            ours
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
            let by_number = format!("{server:?}").contains("tickets: Without");
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
    let server = remembering(ServerIdentity::resolver(chooses));
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
fn a_psk_that_is_withdrawn_or_changed_ends_its_sessions() {
    let changed = || Psk::new(psk().identity(), [0x43; 32]).ok();
    let ways: [fn(Server) -> Server; 2] = [|server| server, Server::without_tickets];
    for keep in ways {
        for then in [None, changed()] {
            let known = Arc::new(Mutex::new(Some(psk())));
            let lookup = {
                let known = known.clone();
                move |_: &[u8]| known.lock().unwrap().clone()
            };
            let server = keep(remembering(ServerIdentity::psk(lookup)));
            let client = psk_client(&Store::default());
            assert!(!resumed(&client, &server));
            assert!(resumed(&client, &server));
            *known.lock().unwrap() = then;
            let mut pair = connect_as(NAME, &client, &server);
            assert!(pair.establish(MINUTE).is_err());
        }
    }
}

#[test]
fn g01_a_damaged_ticket_is_a_full_handshake() {
    let server = server();
    let store = Store::default();
    let client = client(&store);
    assert!(!resumed(&client, &server));
    let good = store.bytes().unwrap();
    let ticket = handle(&good);
    for at in ticket.clone() {
        let mut bad = good.clone();
        bad[at] ^= 0x80;
        store.set(&bad);
        assert!(!resumed(&client, &server), "byte {at}");
    }
    for shorter in 1..ticket.len() {
        let mut bad = good.clone();
        bad.drain(ticket.start + shorter..ticket.end);
        let length = u16::try_from(shorter).unwrap().to_be_bytes();
        bad[ticket.start - 2..ticket.start].copy_from_slice(&length);
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
        // Behind the handle, its expiry, a format, a version and a suite.
        let master = handle(&bytes).end + 8 + 1 + 2 + 2 + 1;
        bytes[master] ^= 1;
        store.set(&bytes);
        let mut pair = connect_as(NAME, &client, &server);
        assert!(pair.establish(MINUTE).is_err());
        // RFC 5077 §3.2: after a failure the ticket is not tried again.
        assert!(store.bytes().is_none());
        assert!(!resumed(&client, &server));
    }
}

/// G8: a ticket is part of a flight, which comes again with it.
#[test]
fn g08_a_ticket_that_is_lost_comes_again() {
    let (client, server) = (client(&Store::default()), server());
    let is_ticket = |datagram: &[u8]| {
        // A handshake record in the clear with NewSessionTicket, RFC 5077 §3.3.
        datagram.first() == Some(&22) && datagram.get(13) == Some(&4)
    };
    let lost = Arc::new(Mutex::new(0));
    let losses = lost.clone();
    let weather = Weather::new(move |datagram| {
        let mut losses = losses.lock().unwrap();
        if is_ticket(&datagram.bytes) && *losses < 2 {
            *losses += 1;
            return Vec::new();
        }
        vec![Arrival {
            after: Duration::from_millis(10),
            bytes: datagram.bytes,
        }]
    });
    let (ours, theirs) = (
        client.clone().build().unwrap(),
        server.clone().build().unwrap(),
    );
    let name = ServerName::new(NAME).unwrap();
    let mut pair = Pair::new(ours, theirs, name, weather).unwrap();
    pair.establish(MINUTE).unwrap();
    pair.exchange(b"request", b"response").unwrap();
    assert_eq!(*lost.lock().unwrap(), 2);
    assert!(resumed(&client, &server));
}

/// G2: tickets are renewed under the new key while the old one still opens them; and after a day a
/// session is over, however often it was used.
#[test]
fn g02_tickets_age_and_are_renewed_and_sessions_end() {
    let clock = Arc::new(Ahead::default());
    let ticketer = Arc::new(RotatingTicketer::with_clock(clock.clone()));
    let server = server().ticketer(ticketer).clock(clock.clone());
    let store = Store::default();
    let client = client(&store).clock(clock.clone());
    let at = |hours| clock.set(hours * HOUR);
    assert!(!resumed(&client, &server));
    let first = store.bytes();
    at(5);
    assert!(resumed(&client, &server));
    assert_eq!(store.bytes(), first, "fresh");
    for hours in [7, 13, 19] {
        at(hours);
        let before = store.bytes();
        assert!(resumed(&client, &server), "{hours} hours");
        assert_ne!(store.bytes(), before, "{hours} hours");
    }
    at(24);
    assert!(!resumed(&client, &server), "a day");
}

/// The server ends a session by itself, whatever the client's clock says.
#[test]
fn g02_a_server_ends_a_session_after_a_day() {
    for server in [server(), server().without_tickets()] {
        let client = client(&Store::default());
        assert!(!resumed(&client, &server));
        let clock = Arc::new(Ahead::default());
        let server = server.clock(clock.clone());
        clock.set(23 * HOUR);
        assert!(resumed(&client, &server));
        clock.set(25 * HOUR);
        assert!(!resumed(&client, &server));
    }
}

#[test]
fn a_client_offers_no_session_that_is_over() {
    let store = Store::default();
    let server = server();
    assert!(!resumed(&client(&store), &server));
    let session = store.bytes().unwrap();
    for (hours, good) in [(11, true), (13, false), (48, false)] {
        store.set(&session);
        let later = client(&store).clock(Ahead::by(hours * HOUR));
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

/// Whom a configuration trusts is not in its sessions, so no two configurations share any unasked.
#[test]
fn configurations_share_no_sessions_unless_they_are_told_to() {
    let trust = ServerTrust::roots(pki().roots.clone());
    let identity = ServerIdentity::certificate(pki().server.clone());
    let client = ClientConfig::builder(trust).versions([ProtocolVersion::DTLS1_2]);
    let server = ServerConfig::builder(identity);
    let built = || {
        let (client, server) = (client.clone().build(), server.clone().build());
        (Arc::new(client.unwrap()), Arc::new(server.unwrap()))
    };
    let connect = |client: &Arc<ClientConfig>, server: &Arc<ServerConfig>| {
        let name = ServerName::new(NAME).unwrap();
        let mut pair = Pair::new(client.clone(), server.clone(), name, Weather::clear()).unwrap();
        pair.establish(MINUTE).unwrap();
        pair.resumed(End::Client).unwrap()
    };
    let ((client, server), (other_client, other_server)) = (built(), built());
    assert!(!connect(&client, &server));
    assert!(connect(&client, &server));
    assert!(!connect(&other_client, &server));
    assert!(!connect(&client, &other_server));
}

/// Even a ticket that it can open opens no other door than the server has.
#[test]
fn a_server_with_pre_shared_keys_only_lets_in_no_anonymous_ticket() {
    let ticketer = Arc::new(RotatingTicketer::new());
    let store = Store::default();
    let certified = server().ticketer(ticketer.clone());
    assert!(!resumed(&client(&store), &certified));
    let keyed = psk_server().ticketer(ticketer);
    let mut pair = connect_as(NAME, &client(&store), &keyed);
    assert!(pair.establish(MINUTE).is_err());
}

/// Tickets hold the client's certificates, and so does the hello then.
#[test]
fn long_certificates_of_clients_are_kept_by_the_server() {
    for (bytes, by_ticket) in [(0, true), (2_000, false), (6_000, false), (20_000, false)] {
        let long = pki().issue_long_client(bytes);
        let client = client(&Store::default()).identity(long);
        let server = server()
            .client_auth(demanding())
            .max_certificate_message(32 * 1024);
        assert!(!resumed(&client, &server), "{bytes} bytes");
        assert!(resumed(&client, &server), "{bytes} bytes");

        let stateless = server.without_session_cache();
        assert!(!resumed(&client, &stateless), "{bytes} bytes");
        assert_eq!(resumed(&client, &stateless), by_ticket, "{bytes} bytes");
    }
}

#[test]
fn a_session_that_was_refused_is_forgotten() {
    let (store, server) = (Store::default(), server());
    let client = client(&store).alpn(["old"]);
    assert!(!resumed(&client, &server));
    assert!(store.bytes().is_some());
    // An alert that nothing authenticates, and that is believed since nothing else comes.
    let mut pair = connect_as(NAME, &client, &server.clone().alpn(["new"]));
    assert!(matches!(
        pair.establish(MINUTE),
        Err(Error::NoCommonProtocol)
    ));
    while pair.failure(End::Client).is_none() && pair.step() {}
    assert!(matches!(
        pair.failure(End::Client),
        Some(Error::PeerAlert(_))
    ));
    assert!(store.bytes().is_none());
}

/// Of two connections at a time one has the session; what it gives back does not replace a newer one.
#[test]
fn a_session_that_comes_back_does_not_replace_a_newer_one() {
    let cache = Arc::new(ClientSessionCache::default());
    let name = ServerName::new(NAME).unwrap();
    let server = server();
    let client = ClientConfig::builder(ServerTrust::roots(pki().roots.clone()))
        .versions([ProtocolVersion::DTLS1_2]);
    let early = client.clone().sessions(cache.clone());
    let later = client.sessions(cache.clone()).clock(Ahead::by(HOUR / 2));
    assert!(!resumed(&early, &server));
    let old = cache.take(&name).unwrap();
    assert!(!resumed(&later, &server));
    cache.put(&name, old.clone());
    let kept = cache.take(&name).unwrap();
    assert_ne!(kept.to_bytes(), old.to_bytes());
    cache.put(&name, old.clone());
    cache.put(&name, kept.clone());
    assert_eq!(cache.take(&name).unwrap().to_bytes(), kept.to_bytes());
}

/// What is agreed on afresh in each connection.
#[test]
fn keys_for_srtp_are_agreed_on_afresh() {
    let profiles = [SrtpProfile::SRTP_AEAD_AES_128_GCM];
    let client = client(&Store::default()).srtp_profiles(profiles);
    let server = server().srtp_profiles(profiles);
    let mut all = Vec::new();
    for resumed in [false, true] {
        let mut pair = connect_as(NAME, &client, &server);
        pair.establish(MINUTE).unwrap();
        assert_eq!(pair.resumed(End::Client), Some(resumed));
        let keys = [End::Client, End::Server].map(|end| {
            let keys = pair.srtp_keys(end).unwrap();
            (
                keys.client_write_key().to_vec(),
                keys.server_write_key().to_vec(),
            )
        });
        assert_eq!(keys[0], keys[1]);
        all.push(keys[0].clone());
    }
    assert_ne!(all[0], all[1]);
}

/// A ticketer that is out of order costs the session and nothing else.
#[test]
fn without_a_ticket_there_is_no_session() {
    struct OutOfOrder;
    impl Ticketer for OutOfOrder {
        fn seal(&self, _: &[u8]) -> Option<Vec<u8>> {
            None
        }
        fn open(&self, _: &[u8]) -> Option<OpenedTicket> {
            None
        }
        fn lifetime(&self) -> Duration {
            HOUR
        }
    }
    let store = Store::default();
    let server = server().ticketer(OutOfOrder);
    assert!(!resumed(&client(&store), &server));
    assert!(store.bytes().is_none());
    assert!(!resumed(&client(&store), &server));
}

/// Captures of resumed connections can be read, too: each has a line of its own, with the session's secret.
#[test]
fn the_secret_of_a_resumed_connection_is_logged() {
    #[derive(Default)]
    struct Lines(Mutex<Vec<(Vec<u8>, Vec<u8>)>>);
    impl KeyLog for Lines {
        fn log(&self, label: &str, client_random: &[u8; 32], secret: &[u8]) {
            assert_eq!(label, "CLIENT_RANDOM");
            let mut lines = self.0.lock().unwrap();
            lines.push((client_random.to_vec(), secret.to_vec()));
        }
    }
    let [ours, theirs] = [(); 2].map(|()| Arc::new(Lines::default()));
    let client = client(&Store::default()).key_log(ours.clone());
    let server = server().key_log(theirs.clone());
    assert!(!resumed(&client, &server));
    assert!(resumed(&client, &server));
    let lines = ours.0.lock().unwrap();
    assert_eq!(*lines, *theirs.0.lock().unwrap());
    let [(first, secret), (second, same)] = &lines[..] else {
        panic!("{} lines", lines.len());
    };
    assert_ne!(first, second);
    assert_eq!(secret, same);
}
