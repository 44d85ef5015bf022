//! The surface of the classic DTLS tutorial: docs/tutorial.md names everything in it and its test. The tests that are
//! nowhere else are here, by the tutorial's names.
#![cfg(feature = "x509")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod common;
mod pages;

use common::{NAME, VARIANTS, psk};
use flightline::lab::{Arrival, End, Pair, Weather};
use flightline::{
    AlertDescription, ClientConfig, DropReason, Error, Psk, Replay, ServerConfig, ServerIdentity,
    ServerName, ServerTrust,
};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const S: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_millis(10);

fn pair(client: ClientConfig, server: ServerConfig, weather: Weather) -> Pair {
    Pair::new(client, server, ServerName::new(NAME).unwrap(), weather).unwrap()
}

fn client() -> flightline::ConfigBuilder<ClientConfig> {
    ClientConfig::builder(ServerTrust::psk(psk()))
}

fn server() -> flightline::ConfigBuilder<ServerConfig> {
    ServerConfig::builder(ServerIdentity::psk(psk()))
}

/// "default: 1 second to 60 seconds", doubling until the maximum has expired.
#[test]
fn conf_handshake_timeout_defaults_to_7_sends_in_123_seconds() {
    let nothing = Weather::new(|_| Vec::new());
    let mut pair = pair(
        client().build().unwrap(),
        server().build().unwrap(),
        nothing,
    );
    let error = pair.establish(1000 * S).unwrap_err();
    assert!(
        matches!(error, Error::HandshakeTimeout { suspect: None, .. }),
        "{error}"
    );
    assert_eq!((pair.datagrams_sent(), pair.now()), (7, 123 * S));
}

#[test]
fn p15_conf_handshake_timeout_min_and_max() {
    let nothing = Weather::new(|_| Vec::new());
    let client = client().handshake_timeout(2 * S, 5 * S).build().unwrap();
    let mut pair = pair(client, server().build().unwrap(), nothing);
    assert!(pair.establish(1000 * S).is_err());
    // 2, 4, and 5 for the 8 that is too long.
    assert_eq!((pair.datagrams_sent(), pair.now()), (3, 11 * S));
}

/// Every datagram arrives twice once `twice` is set.
fn doubling(twice: Arc<AtomicBool>) -> Weather {
    Weather::new(move |datagram| {
        let copies = if twice.load(Ordering::Relaxed) { 2 } else { 1 };
        (0..copies)
            .map(|_| Arrival {
                after: SOON,
                bytes: datagram.bytes.clone(),
            })
            .collect()
    })
}

fn received_twice(replay: Replay) -> (usize, u64) {
    let twice = Arc::new(AtomicBool::new(false));
    // Tickets would be acknowledged, twice.
    let server = server().replay(replay).without_resumption();
    let server = server.build().unwrap();
    let mut pair = pair(client().build().unwrap(), server, doubling(twice.clone()));
    pair.establish(S).unwrap();
    twice.store(true, Ordering::Relaxed);
    pair.send(End::Client, b"once").unwrap();
    while pair.step() && pair.now() < S.saturating_mul(2) {}
    let messages = std::iter::from_fn(|| pair.received(End::Server)).count();
    (
        messages,
        pair.stats(End::Server).dropped.get(DropReason::Replay),
    )
}

#[test]
fn conf_dtls_anti_replay_is_on_by_default_and_can_be_switched_off() {
    assert_eq!(received_twice(Replay::Window), (1, 1));
    assert_eq!(received_twice(Replay::AcceptDuplicates), (2, 0));
}

/// Sends `n` messages whose last byte is flipped on the way; the server's failure, if it came to one.
fn with_bad_records(limit: Option<NonZeroU32>, n: usize) -> (Option<Error>, u64) {
    let spoil = Arc::new(AtomicBool::new(false));
    let spoiling = spoil.clone();
    let weather = Weather::new(move |mut datagram| {
        if spoiling.load(Ordering::Relaxed) && datagram.from == End::Client {
            *datagram.bytes.last_mut().unwrap() ^= 1;
        }
        vec![Arrival {
            after: SOON,
            bytes: datagram.bytes,
        }]
    });
    let server = server().bad_mac_limit(limit).build().unwrap();
    let mut pair = pair(client().build().unwrap(), server, weather);
    pair.establish(S).unwrap();
    spoil.store(true, Ordering::Relaxed);
    for _ in 0..n {
        pair.send(End::Client, b"spoiled").unwrap();
    }
    while pair.network_busy() && pair.step() {}
    spoil.store(false, Ordering::Relaxed);
    if pair.failure(End::Server).is_none() {
        pair.exchange(b"still", b"here").unwrap();
    }
    let bad = pair.stats(End::Server).dropped.get(DropReason::BadMac);
    (pair.failure(End::Server).cloned(), bad)
}

#[test]
fn b05_conf_dtls_badmac_limit_ends_the_connection_at_the_nth_and_is_unlimited_by_default() {
    let (failure, bad) = with_bad_records(None, 100);
    assert!(failure.is_none() && bad == 100, "{failure:?}, {bad}");
    let (failure, _) = with_bad_records(NonZeroU32::new(3), 2);
    assert!(failure.is_none(), "{failure:?}");
    let (failure, bad) = with_bad_records(NonZeroU32::new(3), 5);
    assert!(
        matches!(failure, Some(Error::TooManyBadRecords { limit: 3 })),
        "{failure:?}"
    );
    assert_eq!(bad, 3);
}

#[test]
fn datagram_boundaries_are_kept_and_reordered_datagrams_tolerated() {
    let mut first = true;
    let reorder = Weather::new(move |datagram| {
        // Application data to the server: the first is the last to arrive.
        let after = if std::mem::take(&mut first) {
            9 * SOON
        } else {
            SOON
        };
        vec![Arrival {
            after,
            bytes: datagram.bytes,
        }]
    });
    let mut pair = pair(
        client().build().unwrap(),
        server().build().unwrap(),
        Weather::clear(),
    );
    pair.establish(S).unwrap();
    pair.set_weather(reorder);
    for message in [&b"a"[..], b"bc", b"def"] {
        pair.send(End::Client, message).unwrap();
    }
    while pair.network_busy() && pair.step() {}
    let received: Vec<_> = std::iter::from_fn(|| pair.received(End::Server)).collect();
    assert_eq!(received, [&b"bc"[..], b"def", b"a"]);
}

/// The cookie exchange costs one round trip and is what stands before every handshake.
#[test]
fn client_verification_by_cookies_is_on_by_default_and_off_by_explicit_words() {
    let datagrams = |server: ServerConfig| {
        let mut pair = pair(client().build().unwrap(), server, Weather::clear());
        pair.establish(S).unwrap();
        pair.exchange(b"request", b"response").unwrap();
        pair.datagrams_sent()
    };
    let with = datagrams(server().build().unwrap());
    let without = datagrams(
        server()
            .danger_without_hello_verification()
            .build()
            .unwrap(),
    );
    assert_eq!(
        with,
        without + 2,
        "a HelloVerifyRequest and a second ClientHello"
    );
}

#[test]
fn p50_a_wrong_psk_is_told_and_looks_like_an_unknown_identity() {
    let other = |identity: &str| {
        let psk = Psk::new(identity, [9; 32]).unwrap();
        let client = ClientConfig::builder(ServerTrust::psk(psk))
            .build()
            .unwrap();
        let mut pair = pair(client, server().build().unwrap(), Weather::clear());
        pair.establish(100 * S).unwrap_err();
        while pair.failure(End::Client).is_none() && pair.step() {}
        let server = pair.failure(End::Server).unwrap().to_string();
        assert!(server.contains("PSK"), "{server}");
        (
            pair.now(),
            pair.failure(End::Client).unwrap().to_string(),
            server,
        )
    };
    let wrong_key = other("tester");
    assert!(
        wrong_key
            .1
            .contains(&AlertDescription::DECRYPT_ERROR.to_string()),
        "{}",
        wrong_key.1
    );
    assert_eq!(wrong_key, other("nobody"));
}

#[test]
fn d11_a_forged_alert_does_not_end_a_handshake() {
    // A plaintext fatal alert before every datagram of the server.
    for variant in VARIANTS {
        let weather = Weather::new(|datagram| {
            let alert = vec![21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];
            vec![
                Arrival {
                    after: SOON / 2,
                    bytes: alert,
                },
                Arrival {
                    after: SOON,
                    bytes: datagram.bytes,
                },
            ]
        });
        let mut pair = variant.pair(weather);
        pair.establish(S)
            .unwrap_or_else(|e| panic!("{}: {e}", variant.name));
        pair.exchange(b"request", b"response").unwrap();
    }
}

/// What the page names that is no item.
const PARTS: [&str; 3] = ["HelloVerifyRequired", "NoCookieContext", "challenges_sent"];

#[test]
fn everything_is_where_the_page_says() {
    let items = ["fn", "struct", "enum", "trait"];
    // Indented alone stand variants of enums, and counters.
    let parts = ["   ", "pub"];
    let page = pages::page("tutorial.md");
    let rows = pages::rows(&page);
    let lines = page.lines().filter(|line| line.starts_with('|'));
    // Beside the rule under the head.
    assert_eq!(rows.len() + 1, lines.count(), "a row is not whole");
    let mut wrong = Vec::new();
    for cells in rows.iter().skip(1) {
        let [_, here, tests] = cells[..] else {
            panic!("{cells:?}")
        };
        let is_name = |name: &str| name.chars().all(pages::is_ident);
        for item in pages::named(here, is_name) {
            let declared = |text: &str, name: &str| {
                let is_part = PARTS.contains(&name) && pages::declares(text, &parts, name);
                is_part || pages::declares(text, &items, name)
            };
            wrong.extend(pages::missing(&item, declared));
        }
        let tests = pages::named(tests, |_| true);
        assert!(!tests.is_empty(), "{cells:?}");
        wrong.extend(
            tests
                .iter()
                .filter_map(|test| pages::missing(test, pages::is_test)),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
