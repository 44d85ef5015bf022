//! The session that a client offers: what room it finds in the hello, and what becomes of it where the server does not
//! answer, answers no, or has given another since (RFC 5246 §7.2.2, RFC 5077 §3.2).
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
    ClientConfig, ClientSessionCache, ClientSessions, Error, ProtocolVersion, ServerName,
    ServerTrust,
};
use resuming::{
    Ahead, Client, HOUR, MINUTE, Server, Store, client, client_of, connect_as, demanding, handle,
    psk_client_of, psk_server, resumed, server,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
