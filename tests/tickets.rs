//! What becomes of a session's ticket or ID: damaged, lost, unknown, old
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

use common::NAME;
use flightline::lab::{Arrival, Pair, Weather};
use flightline::{
    OpenedTicket, ProtocolVersion, RotatingTicketer, ServerName, ServerSessionCache,
    SharedTicketer, Ticketer,
};
use resuming::{
    Ahead, HOUR, MINUTE, Store, client, client_of, connect_as, handle, resumed, server,
};
use std::sync::atomic::{AtomicBool, Ordering};
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

/// G4: a session ID that the server does not know, or not any more.
#[test]
fn g04_an_unknown_session_id_is_a_full_handshake() {
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

/// Each server is another machine, or the same after a restart.
#[test]
fn servers_with_one_secret_go_on_with_each_others_sessions() {
    for version in [ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_3] {
        let client = client_of(version, &Store::default());
        let server = |secret: u8| {
            let ticketer = SharedTicketer::new([secret; 32]).unwrap();
            server().ticketer(ticketer)
        };
        assert!(!resumed(&client, &server(7)));
        assert!(resumed(&client, &server(7)));
        assert!(!resumed(&client, &server(8)));
        assert!(resumed(&client, &server(8)));
    }
}

/// A session is of no use to a server whose clock says that it is still to be made; but clocks differ a little.
#[test]
fn clocks_of_servers_with_one_secret_may_differ_by_an_hour() {
    for version in [ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_3] {
        for (ahead, good) in [(0, true), (59, true), (61, false)] {
            let client = client_of(version, &Store::default());
            let server = |minutes: u32| {
                let clock = Ahead::by(minutes * MINUTE);
                let ticketer = SharedTicketer::with_clock([7; 32], clock.clone()).unwrap();
                server().clock(clock).ticketer(ticketer)
            };
            assert!(!resumed(&client, &server(ahead)));
            assert_eq!(resumed(&client, &server(0)), good, "{version}, {ahead} min");
            assert!(resumed(&client, &server(ahead)));
        }
    }
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

/// A ticketer that makes tickets for an hour when it is asked whether it does, and none when it is to.
#[derive(Default)]
struct Fading(Odd, AtomicBool);

impl Ticketer for Fading {
    fn seal(&self, state: &[u8]) -> Option<Vec<u8>> {
        self.0.seal(state)
    }

    fn open(&self, ticket: &[u8]) -> Option<OpenedTicket> {
        self.0.open(ticket)
    }

    fn lifetime(&self) -> Duration {
        match self.1.swap(true, Ordering::Relaxed) {
            false => HOUR,
            true => Duration::ZERO,
        }
    }
}

/// RFC 5077 §3.3, RFC 8446 §4.6.1: no lifetime is an unknown one, or none. In between was a flight.
#[test]
fn a_ticketer_whose_time_runs_out_in_a_handshake_hands_out_no_ticket() {
    for version in VERSIONS {
        let ticketer = Arc::new(Fading::default());
        let server = server().ticketer(ticketer.clone()).without_session_cache();
        let store = Store::default();
        assert!(!resumed(&client_of(version, &store), &server));
        assert!(store.bytes().is_none(), "{version}");
        assert!(ticketer.1.load(Ordering::Relaxed));
        assert_eq!(*ticketer.0.made.lock().unwrap(), 0, "{version}");
    }
}
