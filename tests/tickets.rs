//! What becomes of a session's ticket or number: damaged, lost, unknown, old, refused, not answered
//! (RFC 5246 §7.3, RFC 5077).
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

use common::{NAME, pki};
use flightline::lab::{Arrival, End, Pair, Weather};
use flightline::{
    ClientConfig, ClientSessionCache, ClientSessions, Error, OpenedTicket, ProtocolVersion,
    RotatingTicketer, ServerName, ServerSessionCache, ServerTrust, Ticketer,
};
use resuming::{
    Ahead, Client, HOUR, MINUTE, Server, Store, client, client_of, connect_as, demanding, handle,
    psk_client_of, psk_server, resumed, server,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[test]
fn g01_a_damaged_ticket_is_a_full_handshake() {
    for version in [ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_3] {
        let (server, store) = (server(), Store::default());
        let client = client_of(version, &store);
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

/// A ticket that makes the hello longer than a datagram stays at home, in whatever version, and whatever else the
/// hello offers.
#[test]
fn a_hello_is_not_cut_for_the_sake_of_a_ticket() {
    use ProtocolVersion as V;
    type Of = fn(ProtocolVersion, &Store) -> Client;
    let kinds: [(Of, Server); 2] = [(client_of, server()), (psk_client_of, psk_server())];
    for (client, server) in kinds {
        for (version, offered) in [
            (V::DTLS1_2, &[V::DTLS1_2][..]),
            (V::DTLS1_2, &[V::DTLS1_3, V::DTLS1_2]),
            (V::DTLS1_3, &[V::DTLS1_3]),
            (V::DTLS1_3, &[V::DTLS1_3, V::DTLS1_2]),
        ] {
            let store = Store::default();
            assert!(!resumed(&client(version, &store), &server));
            let session = store.bytes().unwrap();
            let server = server.clone().versions([version]);
            let client = client(version, &store).versions(offered.iter().copied());
            let connect = |mtu: usize| {
                store.set(&session);
                let cut = Arc::new(Mutex::new(false));
                let seen = cut.clone();
                let weather = Weather::new(move |datagram| {
                    *seen.lock().unwrap() |= is_part_of_a_hello(&datagram.bytes);
                    vec![Arrival {
                        after: Duration::from_millis(10),
                        bytes: datagram.bytes,
                    }]
                });
                let name = ServerName::new(NAME).unwrap();
                let (client, server) = (client.clone().mtu(mtu), server.clone());
                let (client, server) = (client.build().unwrap(), server.build().unwrap());
                let mut pair = Pair::new(client, server, name, weather).unwrap();
                pair.establish(MINUTE).unwrap();
                pair.exchange(b"request", b"response").unwrap();
                let resumed = pair.resumed(End::Server).unwrap();
                assert!(
                    !(resumed && *cut.lock().unwrap()),
                    "{version} of {offered:?}, {mtu}"
                );
                resumed
            };
            let mut kinds: Vec<_> = (250..700).map(connect).collect();
            kinds.dedup();
            assert_eq!(kinds, [false, true], "{version} of {offered:?}");
        }
    }
}

/// RFC 6347 §4.2.2: whether a handshake record in the clear holds less than the whole of a ClientHello.
fn is_part_of_a_hello(datagram: &[u8]) -> bool {
    let (record, message) = datagram.split_at(13.min(datagram.len()));
    record.first() == Some(&22) && message.first() == Some(&1) && message[1..4] != message[9..12]
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

/// Where the hello is in fragments without a ticket, too, it may have one that the gate can put together with it. A
/// server that keeps nothing gives no longer one than every hello can carry.
#[test]
fn a_ticket_does_not_make_the_hello_longer_than_the_gate_puts_together() {
    for version in [ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_3] {
        let server = server().versions([version]).client_auth(demanding());
        let server = server.without_session_cache();
        let mut longest = 0;
        for bytes in (2_000..4_000).step_by(40) {
            let case = format!("{version}, {bytes} bytes");
            let store = Store::default();
            let long = pki().issue_long_client(bytes);
            let client = client_of(version, &store).identity(long).mtu(128);
            let mut resumptions = 0;
            let mut tickets = 0;
            for _ in 0..3 {
                let mut pair = connect_as(NAME, &client, &server);
                pair.establish(MINUTE)
                    .unwrap_or_else(|e| panic!("{case}: {e}"));
                pair.exchange(b"request", b"response").unwrap();
                resumptions += usize::from(pair.resumed(End::Server).unwrap());
                drop(pair);
                if let Some(session) = store.bytes() {
                    tickets += 1;
                    longest = longest.max(handle(&session).len());
                }
            }
            // Every ticket that there is can be used.
            assert_eq!(resumptions, tickets * 2 / 3, "{case}");
        }
        assert!((3_000..=3_072).contains(&longest), "{version}: {longest}");
    }
}

/// Many servers take no hello in fragments, and some take only so many. A session that had such a hello is not
/// tried again, whether the time is over or the caller has no more patience.
#[test]
fn a_session_whose_hello_was_cut_is_offered_once() {
    for version in [ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_3] {
        let store = Store::default();
        let server = server().versions([version]).client_auth(demanding());
        let server = server.without_session_cache();
        let client = client_of(version, &store).identity(pki().issue_long_client(300));
        assert!(!resumed(&client, &server));
        let session = store.bytes().unwrap();
        let connect = |client: &Client, longest: usize| {
            let weather = Weather::new(move |datagram| {
                let passes =
                    datagram.bytes.len() <= longest && !is_part_of_a_hello(&datagram.bytes);
                let arrival = Arrival {
                    after: Duration::from_millis(10),
                    bytes: datagram.bytes,
                };
                Vec::from_iter(passes.then_some(arrival))
            });
            let (client, server) = (client.clone().build(), server.clone().build());
            let name = ServerName::new(NAME).unwrap();
            Pair::new(client.unwrap(), server.unwrap(), name, weather).unwrap()
        };

        // The path takes only what is short, which shows when the hello goes again.
        let mut pair = connect(&client, 700);
        let error = pair.establish(10 * MINUTE).unwrap_err();
        assert!(matches!(error, Error::HandshakeTimeout { .. }), "{error}");
        drop(pair);
        assert!(store.bytes().is_none(), "{version}");
        let mut pair = connect(&client.clone().mtu(700), 700);
        pair.establish(MINUTE).unwrap();
        pair.exchange(b"request", b"response").unwrap();
        assert_eq!(pair.resumed(End::Client), Some(false));

        // Datagrams are short from the first one on.
        for (mtu, comes_back) in [(128, false), (1400, true)] {
            store.set(&session);
            let mut pair = connect(&client.clone().mtu(mtu), 0);
            assert!(store.bytes().is_none(), "it is on offer");
            while pair.network_busy() && pair.step() {}
            drop(pair);
            assert_eq!(store.bytes().is_some(), comes_back, "{version}, {mtu}");
        }
    }
}

/// By an alert that nothing authenticates: whether it is believed in the end, since nothing else comes, the
/// time is over first, or the caller gives the handshake up.
#[test]
fn a_session_that_was_refused_is_forgotten() {
    let (store, server) = (Store::default(), server());
    let client = client(&store).alpn(["old"]);
    let hurried = client.clone().handshake_deadline(MINUTE / 60);
    for (client, given_up) in [(&client, false), (&hurried, false), (&client, true)] {
        assert!(!resumed(client, &server));
        assert!(store.bytes().is_some());
        let mut pair = connect_as(NAME, client, &server.clone().alpn(["new"]));
        assert!(matches!(
            pair.establish(MINUTE),
            Err(Error::NoCommonProtocol)
        ));
        while pair.failure(End::Client).is_none() && pair.network_busy() && pair.step() {}
        while !given_up && pair.failure(End::Client).is_none() && pair.step() {}
        match pair.failure(End::Client) {
            None => assert!(given_up),
            Some(Error::PeerAlert(_)) => {}
            Some(Error::HandshakeTimeout { suspect, .. }) => {
                assert!(matches!(suspect.as_deref(), Some(Error::PeerAlert(_))));
            }
            other => panic!("{other:?}"),
        }
        drop(pair);
        assert!(store.bytes().is_none());
    }
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

/// A ticketer as a test wants it, which counts the tickets that it makes.
#[derive(Default)]
struct Odd {
    good: RotatingTicketer,
    lifetime: Mutex<Duration>,
    made: Mutex<usize>,
    /// In place of good tickets.
    instead: Option<fn() -> Option<Vec<u8>>>,
}

impl Ticketer for Odd {
    fn seal(&self, state: &[u8]) -> Option<Vec<u8>> {
        *self.made.lock().unwrap() += 1;
        let good = || self.good.seal(state);
        self.instead.map_or_else(good, |instead| instead())
    }

    /// All its tickets are about to expire.
    fn open(&self, ticket: &[u8]) -> Option<OpenedTicket> {
        match self.good.open(ticket)? {
            OpenedTicket::Fresh(state) | OpenedTicket::Ageing(state) => {
                Some(OpenedTicket::Ageing(state))
            }
        }
    }

    fn lifetime(&self) -> Duration {
        *self.lifetime.lock().unwrap()
    }
}

const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_3];

/// A ticketer that is out of order costs the session and nothing else.
#[test]
fn without_a_ticket_there_is_no_session() {
    type Instead = fn() -> Option<Vec<u8>>;
    let none: [(&str, Instead); 3] = [
        ("none", || None),
        ("empty", || Some(Vec::new())),
        ("too long", || Some(vec![1; 5_000])),
    ];
    for version in VERSIONS {
        for (what, instead) in none {
            let server = server().ticketer(Odd {
                lifetime: Mutex::new(HOUR),
                instead: Some(instead),
                ..Odd::default()
            });
            let store = Store::default();
            let client = client_of(version, &store);
            for _ in 0..2 {
                assert!(!resumed(&client, &server), "{version}, {what}");
                assert!(store.bytes().is_none(), "{version}, {what}");
            }
        }
    }
}

/// Neither for a new session nor in place of a ticket that is about to expire.
#[test]
fn a_ticketer_with_less_than_a_second_to_live_hands_out_no_ticket() {
    for version in VERSIONS {
        for short in [Duration::ZERO, Duration::from_millis(999)] {
            let ticketer = Arc::new(Odd::default());
            let live = |time| *ticketer.lifetime.lock().unwrap() = time;
            let made = || *ticketer.made.lock().unwrap();
            let server = server().ticketer(ticketer.clone()).without_session_cache();
            let store = Store::default();
            let client = client_of(version, &store);
            live(short);
            assert!(!resumed(&client, &server), "{version}");
            assert!(store.bytes().is_none(), "{version}");
            assert_eq!(made(), 0, "{version}");

            live(HOUR);
            assert!(!resumed(&client, &server), "{version}");
            let (session, before) = (store.bytes().unwrap(), made());
            live(short);
            assert!(resumed(&client, &server), "{version}");
            assert_eq!(made(), before, "{version}");
            // In DTLS 1.3 a ticket is offered once.
            let is_kept = version == ProtocolVersion::DTLS1_2;
            assert_eq!(store.bytes(), is_kept.then_some(session), "{version}");
        }
    }
}
