//! Handshakes that fail, in every way that a client or the network can bring about, and those after them.
//! Connections share a server's configuration: its certificates, the keys of its tickets, its sessions
//! (hazard A17).
#![cfg(feature = "x509")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;
mod resuming;

use common::{NAME, pki, psk};
use flightline::lab::{Arrival, Datagram, End, Pair, Weather};
use flightline::{
    ClientConfig, ProtocolVersion, Psk, ServerConfig, ServerIdentity, ServerName, ServerTrust,
};
use resuming::{
    Client, HOUR, KEPT, MINUTE, Store, client_of, client_with_psk, demanding, handle,
    identified_of, remembering,
};
use std::sync::Arc;
use std::time::Duration;

/// How a client proves itself, and by what it knows the server.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Psk,
    Certificate,
}

/// A client that the server lets in.
fn good(by: By, version: ProtocolVersion, store: &Store) -> Client {
    match by {
        By::Psk => client_with_psk(version, store, psk()),
        By::Certificate => identified_of(version, store),
    }
}

/// Clients that one of the two sides refuses.
fn refused(by: By, version: ProtocolVersion) -> Vec<Client> {
    let none = &Store::default();
    match by {
        By::Psk => vec![
            client_with_psk(version, none, Psk::new("tester", [8; 32]).unwrap()),
            client_with_psk(version, none, Psk::new("nobody", [7; 32]).unwrap()),
        ],
        By::Certificate => {
            let stranger = pki().client.fingerprint();
            vec![
                // It shows no certificate, or one of a server's.
                client_of(version, none),
                client_of(version, none).identity(pki().server.clone()),
                ClientConfig::builder(ServerTrust::pinned([stranger]))
                    .versions([version])
                    .identity(pki().client.clone()),
            ]
        }
    }
}

fn pair(client: &Client, server: &Arc<ServerConfig>, weather: Weather) -> Pair {
    let client = client.clone().build().unwrap();
    let name = ServerName::new(NAME).unwrap();
    Pair::new(client, server.clone(), name, weather).unwrap()
}

fn arriving(bytes: Vec<u8>) -> Vec<Arrival> {
    let after = Duration::from_millis(10);
    vec![Arrival { after, bytes }]
}

/// What arrives of each datagram, by its number.
fn weather(fate: impl Fn(u64, Vec<u8>) -> Option<Vec<u8>> + Send + 'static) -> Weather {
    Weather::new(move |Datagram { number, bytes, .. }: Datagram| {
        fate(number, bytes).map(arriving).unwrap_or_default()
    })
}

fn bad_weathers() -> Vec<Weather> {
    let half = |_, mut bytes: Vec<u8>| {
        bytes.truncate(bytes.len() / 2);
        Some(bytes)
    };
    let damaged = |_, mut bytes: Vec<u8>| {
        *bytes.last_mut()? ^= 1;
        Some(bytes)
    };
    let mut weathers = vec![weather(half), weather(damaged)];
    // Silence from some datagram on, before which no handshake can be complete on both sides.
    weathers
        .extend((1..4).map(|last| weather(move |number, bytes| (number < last).then_some(bytes))));
    weathers
}

/// The session under another ticket or number, and with another secret.
fn forged(version: ProtocolVersion, session: &[u8]) -> [Vec<u8>; 2] {
    let handle = handle(session);
    // In DTLS 1.3 the ticket's age stands behind it; then its expiry, a format, a version and a suite.
    let age = match version {
        ProtocolVersion::DTLS1_3 => 4 + 8,
        _ => 0,
    };
    let secret = handle.end + age + 8 + 1 + 2 + 2 + 1;
    [handle.end - 1, secret].map(|at| {
        let mut forged = session.to_vec();
        forged[at] ^= 1;
        forged
    })
}

/// A handshake and data; whether it went on with a session.
fn succeeds(client: &Client, server: &Arc<ServerConfig>, after: &str) -> bool {
    let mut pair = pair(client, server, Weather::clear());
    pair.establish(MINUTE)
        .unwrap_or_else(|error| panic!("after {after}: {error}"));
    pair.exchange(b"ping", b"pong").unwrap();
    while pair.network_busy() {
        pair.step();
    }
    pair.resumed(End::Server).unwrap()
}

/// A session that was made before any failure is gone on with after each, and a new client is let in.
#[test]
fn a17_a_handshake_that_fails_harms_none_after_it() {
    for by in [By::Psk, By::Certificate] {
        for (version, keep) in KEPT {
            let identity = match by {
                By::Psk => ServerIdentity::psk(psk()),
                By::Certificate => ServerIdentity::certificate(pki().server.clone()),
            };
            let server = keep(remembering(identity)).versions([version]);
            let server = match by {
                By::Psk => server,
                By::Certificate => server.client_auth(demanding()),
            };
            let server = Arc::new(server.build().unwrap());
            let store = Store::default();
            let regular = good(by, version, &store);
            assert!(!succeeds(&regular, &server, "nothing"));

            let check = |after: &str| {
                let after = format!("{after} ({by:?}, {version}, {keep:?})");
                assert!(succeeds(&regular, &server, &after), "after {after}");
                let new = good(by, version, &Store::default());
                assert!(!succeeds(&new, &server, &after));
            };
            let fails = |client: &Client, weather: Weather, how: &str| {
                let outcome = pair(client, &server, weather).establish(HOUR);
                assert!(outcome.is_err(), "{how} ({by:?}, {version})");
            };
            for client in refused(by, version) {
                for _ in 0..5 {
                    fails(&client, Weather::clear(), "a stranger");
                }
                check("strangers");
            }
            for weather in bad_weathers() {
                fails(
                    &good(by, version, &Store::default()),
                    weather,
                    "bad weather",
                );
            }
            check("bad weather");
            // In the middle of going on with a session.
            for weather in bad_weathers().into_iter().take(4) {
                let session = store.bytes().unwrap();
                let again = Store::default();
                again.set(&session);
                fails(&good(by, version, &again), weather, "bad weather, resuming");
            }
            check("bad weather for those who come again");
            let [unknown, stolen] = forged(version, &store.bytes().unwrap()).map(|session| {
                let store = Store::default();
                store.set(&session);
                good(by, version, &store)
            });
            // A session that is unknown is no failure, but a full handshake.
            assert!(!succeeds(&unknown, &server, "nothing"));
            check("a session that was unknown");
            fails(&stolen, Weather::clear(), "a stolen ticket");
            check("a stolen ticket");
        }
    }
}
