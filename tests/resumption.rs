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
mod resuming;

use common::{NAME, pki, psk};
use flightline::lab::{End, Pair, Weather};
use flightline::{
    CipherSuite, ClientAuth, ClientConfig, Error, KeyLog, NamedGroup, PeerIdentity,
    ProtocolVersion, Psk, PskLookup, RotatingTicketer, ServerConfig, ServerIdentity, ServerName,
    ServerSessionCache, ServerTrust, SrtpProfile,
};
use resuming::{
    Ahead, Client, HOUR, KEPT, MINUTE, Server, Store, asking, client, client_of, client_with_psk,
    connect_as, demanding, identified, identified_of, psk_client_of, psk_server, remembering,
    resumed, resumed_as, server,
};
use std::sync::{Arc, Mutex};

#[test]
fn the_second_connection_goes_on_with_the_first_ones_session() {
    const ANY: &[ProtocolVersion] = &[ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_3];
    let rsa = remembering(ServerIdentity::certificate(pki().rsa.clone()));
    type Of = fn(ProtocolVersion, &Store) -> Client;
    type Kind = (&'static str, Of, Server);
    let mutual = || server().client_auth(demanding());
    let by_ticket = mutual().without_session_cache();
    #[rustfmt::skip]
    let kinds: [Kind; 8] = [
        ("ticket",           client_of,     server()),
        ("ID",               client_of,     server().without_tickets()),
        ("RSA",              client_of,     rsa),
        ("asked",            client_of,     server().client_auth(asking())),
        ("mutual",           identified_of, mutual()),
        ("mutual by ticket", identified_of, by_ticket),
        ("PSK",              psk_client_of, psk_server()),
        ("PSK by ID",        psk_client_of, psk_server().without_tickets()),
    ];
    for (kind, client, server) in kinds {
        for version in ANY {
            let client = client(*version, &Store::default()).alpn(["coap"]);
            let server = server.clone().alpn(["coap"]);
            assert!(!resumed(&client, &server), "{kind}, {version}");
            for _ in 0..3 {
                assert!(resumed(&client, &server), "{kind}, {version}");
            }
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
    const AES_128: [CipherSuite; 2] = [
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_AES_128_GCM_SHA256,
    ];
    const AES_256: [CipherSuite; 2] = [
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::TLS_AES_256_GCM_SHA384,
    ];
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
            |client| client.cipher_suites([AES_128, AES_256].concat()),
            |server| server.cipher_suites(AES_128),
            same_client,
            |server| server.cipher_suites(AES_256),
        ),
        (
            "the client's suites",
            |client| client.cipher_suites(AES_128),
            same_server,
            |client| client.cipher_suites(AES_256),
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
            "another server's tickets, or its own after a restart",
            same_client,
            same_server,
            same_client,
            |server| server.ticketer(RotatingTicketer::new()),
        ),
    ];
    for (case, first_client, first_server, then_client, then_server) in cases {
        for (version, keep) in KEPT {
            let server = keep(server());
            let by_id = format!("{server:?}").contains("tickets: Without");
            if by_id && case.contains("tickets") {
                continue;
            }
            let at = format!("{case}, {version}");
            let client = first_client(client_of(version, &Store::default()));
            let server = first_server(server);
            assert!(!resumed(&client, &server), "{at}");
            assert!(resumed(&client, &server), "{at}");
            let (client, server) = (then_client(client), then_server(server));
            assert!(!resumed(&client, &server), "{at}");
            // The new session is as good as the first.
            assert!(resumed(&client, &server), "{at}");
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
    for (version, keep) in KEPT {
        let (store, server) = (Store::default(), keep(server.clone()));
        let client = client_of(version, &store);
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

/// What was proven by the old key is gone; who holds the new one is let in by it.
#[test]
fn a_psk_that_is_withdrawn_or_changed_ends_its_sessions() {
    let changed = || Psk::new(psk().identity(), [0x43; 32]).unwrap();
    for (version, keep) in KEPT {
        for then in [None, Some(changed())] {
            let known = Arc::new(Mutex::new(Some(psk())));
            let lookup = {
                let known = known.clone();
                move |identity: &[u8]| known.lock().unwrap().as_ref()?.find(identity)
            };
            let server = keep(remembering(ServerIdentity::psk(lookup)));
            let store = Store::default();
            let client = psk_client_of(version, &store);
            assert!(!resumed(&client, &server), "{version}");
            assert!(resumed(&client, &server), "{version}");
            let session = store.bytes().unwrap();
            *known.lock().unwrap() = then.clone();
            let mut pair = connect_as(NAME, &client, &server);
            assert!(pair.establish(MINUTE).is_err(), "{version}");
            let Some(changed) = then else { continue };
            store.set(&session);
            let client = client_with_psk(version, &store, changed);
            assert!(!resumed(&client, &server), "{version}");
            assert!(resumed(&client, &server), "{version}");
        }
    }
}

/// Whatever a server has against the session: the client still holds the key that it was told.
#[test]
fn g01_a_psk_client_whose_session_is_not_taken_shakes_hands_by_its_key() {
    const CHACHA: [CipherSuite; 2] = [
        CipherSuite::TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
        CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
    ];
    type Change = fn(Server) -> Server;
    let reasons: [(&str, Change); 4] = [
        ("a restart", |server| {
            server
                .ticketer(RotatingTicketer::new())
                .sessions(Arc::new(ServerSessionCache::default()))
        }),
        ("another protocol", |server| server.alpn(["new"])),
        ("a day", |server| server.clock(Ahead::by(25 * HOUR))),
        ("other suites, of the same hash", |server| {
            server.cipher_suites(CHACHA)
        }),
    ];
    // RFC 9147 §5.1: what comes before the server's choice.
    let ways: [(&str, Change); 4] = [
        ("a cookie", |server| server),
        ("nothing", Server::danger_without_hello_verification),
        ("a cookie and another group", |server| {
            server.groups([NamedGroup::SECP384R1])
        }),
        ("another group", |server| {
            let server = server.groups([NamedGroup::SECP384R1]);
            server.danger_without_hello_verification()
        }),
    ];
    for (version, keep) in KEPT {
        for (reason, then) in reasons {
            for (way, asks_for) in ways {
                let at = format!("{version}, {reason}, {way}");
                let client = psk_client_of(version, &Store::default()).alpn(["old", "new"]);
                let server = asks_for(keep(psk_server())).alpn(["old"]);
                assert!(!resumed(&client, &server), "{at}");
                assert!(resumed(&client, &server), "{at}");
                let server = then(server);
                // RFC 8446 §4.2.11: a ticket goes with every suite of its hash.
                let is_taken = version == ProtocolVersion::DTLS1_3 && reason.contains("hash");
                assert_eq!(resumed(&client, &server), is_taken, "{at}");
                // The new session is as good as the first.
                assert!(resumed(&client, &server), "{at}");
            }
        }
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
