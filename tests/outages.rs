//! A network that is gone for a time in the middle of a handshake, after each datagram in turn.
#![cfg(all(feature = "lab", feature = "x509"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::arithmetic_side_effects)]

mod common;

use common::{VARIANTS, Variant};
use flightline::Retransmission;
use flightline::lab::{Arrival, End, Pair, Weather};
use std::time::Duration;

const S: Duration = Duration::from_secs(1);

/// Both have flights of several datagrams, so that a side may have a part of the other's.
fn variants() -> impl Iterator<Item = &'static Variant> {
    let names = [
        "mutual",
        "DTLS 1.3, mutual",
        "DTLS 1.3, mutual without cookie",
    ];
    VARIANTS
        .iter()
        .filter(move |variant| names.contains(&variant.name))
}

/// Brings so many datagrams, and then none before `ends`.
fn outage(behind: usize, ends: Duration) -> Weather {
    let mut sent = 0;
    Weather::new(move |datagram| {
        sent += 1;
        let is_lost = sent > behind && datagram.sent < ends;
        let arrival = Arrival {
            after: Duration::from_millis(10),
            bytes: datagram.bytes,
        };
        if is_lost { Vec::new() } else { vec![arrival] }
    })
}

/// More than any of them has before it is done.
const MOST: usize = 24;

fn pair(variant: &Variant, plans: [Retransmission; 2], weather: Weather) -> Pair {
    let [client, server] = plans;
    variant.pair_set_up(
        |builder| builder.mtu(360).retransmission(client),
        |builder| builder.mtu(360).retransmission(server),
        || weather,
    )
}

/// The side whose delays are short asks for what it lacks as soon as there is a network again, whatever it has
/// already: it does not wait for the other, whose next sending may come too late (RFC 9147 §7.1).
#[test]
fn e16_after_an_outage_whoever_is_in_a_hurry_asks_for_the_rest() {
    let hasty = Retransmission::REAL_TIME;
    let patient = Retransmission::RFC6347;
    for variant in variants() {
        for plans in [[hasty, patient], [patient, hasty], [hasty, hasty]] {
            // Before it has a client's second hello a server knows of nobody.
            for behind in 3..MOST {
                let about = format!("{}, {plans:?}, behind {behind}", variant.name);
                let mut pair = pair(variant, plans, outage(behind, 40 * S));
                while pair.now() < 39 * S && !pair.is_established() && pair.step() {}
                // Before DTLS 1.3 whoever has said the last flight does not know that it is missed.
                let ends = [End::Client, End::Server].into_iter().zip(plans);
                let is_asked = ends
                    .filter(|(_, plan)| *plan == hasty)
                    .any(|(end, _)| pair.resumed(end).is_none());
                let outcome = pair.establish(1000 * S);
                assert!(outcome.is_ok(), "{about}: {outcome:?} at {:?}", pair.now());
                assert!(
                    !is_asked || pair.now() < 50 * S,
                    "{about}: {:?}",
                    pair.now()
                );
                pair.set_weather(Weather::clear());
                pair.exchange(b"ping", b"pong").unwrap();
            }
        }
    }
}

/// RFC 6347 §4.2.4.1: a side that hears nothing more gives its peer up 123 s behind the last that it heard,
/// with a part of the peer's flight as without.
#[test]
fn e16_a_peer_that_is_gone_is_given_up_by_the_plan() {
    let plans = [Retransmission::RFC6347; 2];
    for variant in variants() {
        for behind in 1..MOST {
            let mut pair = pair(variant, plans, outage(behind, Duration::MAX));
            for end in [End::Client, End::Server] {
                let is_done =
                    |pair: &Pair| pair.resumed(end).is_some() || pair.failure(end).is_some();
                while !is_done(&pair) && pair.step() {}
            }
            let about = format!("{} behind {behind}", variant.name);
            assert!(pair.now() < 125 * S, "{about}: {:?}", pair.now());
        }
    }
}
