//! Going on with earlier sessions of DTLS 1.3 (RFC 8446 §4.6.1 and §4.2.11): what is as in DTLS 1.2, and
//! what tickets that are pre-shared keys have for themselves.
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
    CipherSuite, ClientAuth, ClientConfig, ClientSessionCache, ProtocolVersion, RotatingTicketer,
    ServerIdentity, ServerTrust,
};
use resuming::{
    Ahead, Client, HOUR, MINUTE, Server, Store, client_of, connect_as, demanding, handle,
    remembering, resumed, resumed_as, server,
};
use std::sync::Arc;

const DTLS1_2: ProtocolVersion = ProtocolVersion::DTLS1_2;
const DTLS1_3: ProtocolVersion = ProtocolVersion::DTLS1_3;

fn client(store: &Store) -> Client {
    client_of(DTLS1_3, store)
}

/// What the first connection has and the second has not.
#[test]
fn g03_d23_a_session_of_dtls_1_3_is_bound_to_what_it_was_made_for() {
    type Change<C> = fn(C) -> C;
    let same: Change<Server> = |server| server;
    let as_it_is: Change<Client> = |client| client;
    type Case = (
        &'static str,
        Change<Client>,
        Change<Server>,
        Change<Client>,
        Change<Server>,
    );
    let cases: [Case; 7] = [
        (
            "the server's choice of a protocol",
            |client| client.alpn(["old", "new"]),
            |server| server.alpn(["old"]),
            as_it_is,
            |server| server.alpn(["new", "old"]),
        ),
        (
            "the client's protocols",
            |client| client.alpn(["old"]),
            |server| server.alpn(["old", "new"]),
            |client| client.alpn(["new"]),
            same,
        ),
        (
            "no protocol any more",
            |client| client.alpn(["old"]),
            |server| server.alpn(["old"]),
            as_it_is,
            |server| server.alpn::<&str>([]),
        ),
        (
            "clients must show certificates now",
            |client| client.identity(pki().client.clone()),
            same,
            as_it_is,
            |server| server.client_auth(demanding()),
        ),
        (
            "clients are not asked for certificates any more",
            |client| client.identity(pki().client.clone()),
            |server| server.client_auth(demanding()),
            as_it_is,
            |server| server.client_auth(ClientAuth::None),
        ),
        (
            "another server's tickets, or its own after a restart",
            as_it_is,
            same,
            as_it_is,
            |server| server.ticketer(RotatingTicketer::new()),
        ),
        (
            "another hash",
            |client| client.cipher_suites([CipherSuite::TLS_AES_128_GCM_SHA256]),
            same,
            |client| client.cipher_suites([CipherSuite::TLS_AES_256_GCM_SHA384]),
            same,
        ),
    ];
    for (case, first_client, first_server, then_client, then_server) in cases {
        let client = first_client(client(&Store::default()));
        let server = first_server(server());
        assert!(!resumed(&client, &server), "{case}");
        assert!(resumed(&client, &server), "{case}");
        let (client, server) = (then_client(client), then_server(server));
        assert!(!resumed(&client, &server), "{case}");
        // The new session is as good as the first.
        assert!(resumed(&client, &server), "{case}");
    }
}

#[test]
fn a_ticket_for_one_name_is_none_for_another() {
    let other = "antler.test";
    let identities = [NAME, other].map(|name| pki().issue_server(name));
    let chooses = move |name: Option<&str>| {
        let other = usize::from(name == Some(other));
        vec![identities[other].clone()]
    };
    let server = remembering(ServerIdentity::resolver(chooses));
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

#[test]
fn g01_a_damaged_ticket_of_dtls_1_3_is_a_full_handshake() {
    let (server, store) = (server(), Store::default());
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
