//! What tickets of DTLS 1.3, which are pre-shared keys, have for themselves (RFC 8446 §4.6.1 and §4.2.11). What
//! is as in DTLS 1.2 stands in `resumption` and `tickets`.
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
use flightline::lab::End;
use flightline::{
    ClientConfig, ClientSessionCache, ProtocolVersion, RotatingTicketer, ServerTrust,
};
use resuming::{Ahead, Client, HOUR, MINUTE, Store, client_of, connect_as, resumed, server};
use std::sync::Arc;

const DTLS1_2: ProtocolVersion = ProtocolVersion::DTLS1_2;
const DTLS1_3: ProtocolVersion = ProtocolVersion::DTLS1_3;

fn client(store: &Store) -> Client {
    client_of(DTLS1_3, store)
}

/// Each connection brings two tickets, and each ticket is offered once (RFC 8446 §C.4).
#[test]
fn two_connections_may_follow_one_and_no_ticket_is_offered_twice() {
    let cache = Arc::new(ClientSessionCache::default());
    let trust = ServerTrust::roots(pki().roots.clone());
    let client = ClientConfig::builder(trust).versions([DTLS1_3]);
    let client = client.sessions(cache);
    let server = server();
    assert!(!resumed(&client, &server));
    let mut pairs = [(); 3].map(|()| connect_as(NAME, &client, &server));
    let kinds = pairs.each_mut().map(|pair| {
        pair.establish(MINUTE).unwrap();
        pair.resumed(End::Server).unwrap()
    });
    assert_eq!(kinds, [true, true, false]);
}

#[test]
fn keys_of_tickets_rotate_and_sessions_end_after_a_day() {
    let clock = Arc::new(Ahead::default());
    let ticketer = Arc::new(RotatingTicketer::with_clock(clock.clone()));
    let server = server().ticketer(ticketer).clock(clock.clone());
    let client = client(&Store::default()).clock(clock.clone());
    assert!(!resumed(&client, &server));
    for hours in [5, 7, 13, 19] {
        clock.set(hours * HOUR);
        assert!(resumed(&client, &server), "{hours} hours");
    }
    clock.set(24 * HOUR);
    assert!(!resumed(&client, &server), "a day");
}

#[test]
fn a_client_offers_no_session_that_is_over() {
    let (store, server) = (Store::default(), server());
    assert!(!resumed(&client(&store), &server));
    let session = store.bytes().unwrap();
    for (hours, good) in [(11, true), (13, false), (48, false)] {
        store.set(&session);
        let later = client(&store).clock(Ahead::by(hours * HOUR));
        assert_eq!(resumed(&later, &server), good, "{hours} hours");
    }
}

#[test]
fn a_ticket_of_one_version_is_none_for_the_other() {
    for (first, then) in [(DTLS1_2, DTLS1_3), (DTLS1_3, DTLS1_2)] {
        let (store, server) = (Store::default(), server());
        assert!(!resumed(&client_of(first, &store), &server));
        let session = store.bytes().unwrap();
        assert!(
            !resumed(&client_of(then, &store), &server),
            "{first} then {then}"
        );
        store.set(&session);
        assert!(resumed(&client_of(first, &store), &server), "{first}");
        // A client that speaks both, and a server that has only the other now.
        store.set(&session);
        let both = client_of(first, &store).versions([DTLS1_2, DTLS1_3]);
        let other = server.versions([then]);
        assert!(!resumed(&both, &other), "{first}, the server only {then}");
    }
}
