//! New keys in mid-traffic on a faulty network (RFC 9147 §8): each side sends data all the time, and what
//! the network does not lose arrives. A wiretap looks at what goes under which keys.
#![cfg(feature = "x509")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;
mod wiretap;

use common::{VARIANTS, Variant};
use flightline::ProtocolVersion;
use flightline::lab::{Arrival, Datagram, End, KeysOf, Pair, Rates, Weather};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use wiretap::{Content, Number, Record, Seen, Wiretap};

const LATENCY: Duration = Duration::from_millis(10);
const ENDS: [End; 2] = [End::Client, End::Server];

const KEY_UPDATE: u8 = 24;

/// The epoch of the first application keys.
const FIRST: u64 = 3;

/// How often a plan is gone through, whatever has become of it before.
const ROUNDS: u64 = 3;

/// Who takes new keys in a moment, and whether the peer is asked for new ones too.
struct Plan {
    name: &'static str,
    updates: &'static [(End, KeysOf)],
}

const PLANS: &[Plan] = {
    use End::{Client, Server};
    use KeysOf::{BothSides, OneSide};
    const fn plan(name: &'static str, updates: &'static [(End, KeysOf)]) -> Plan {
        Plan { name, updates }
    }
    &[
        plan("the client", &[(Client, OneSide)]),
        plan("the server", &[(Server, OneSide)]),
        plan("the client, and asks", &[(Client, BothSides)]),
        plan("the server, and asks", &[(Server, BothSides)]),
        plan("both", &[(Client, OneSide), (Server, OneSide)]),
        plan("both, and ask", &[(Client, BothSides), (Server, BothSides)]),
        plan("one wish of three", &[(Client, OneSide); 3]),
        plan("wishes that ask", &[(Server, OneSide), (Server, BothSides)]),
    ]
};

fn of_13() -> impl Iterator<Item = &'static Variant> {
    VARIANTS
        .iter()
        .filter(|variant| variant.version == ProtocolVersion::DTLS1_3)
}

/// Goes through a plan in this weather, and looks at all that was sent. How many datagrams that was.
fn run(variant: &Variant, plan: &Plan, weather: Weather) -> Result<usize, String> {
    let tap = Arc::new(Wiretap::default());
    let mut pair = variant.pair_set_up(
        |client| tap.client(client),
        |server| server,
        || tap.listen(Weather::clear()),
    );
    pair.establish(Duration::from_secs(60)).unwrap();
    while pair.step() {}
    let quiet = tap.seen().len();

    pair.set_weather(tap.go_on(weather));
    let mut sent = 0_u64;
    let mut talk = |pair: &mut Pair| {
        sent += 1;
        for end in ENDS {
            pair.send(end, &sent.to_be_bytes()).unwrap();
        }
    };
    for _ in 0..ROUNDS {
        for (end, of) in plan.updates {
            talk(&mut pair);
            pair.update_keys(*end, *of).unwrap();
        }
        for _ in 0..4 {
            talk(&mut pair);
            pair.step();
        }
    }
    while pair.step() {}
    talk(&mut pair);
    while pair.step() {}

    let seen = tap.seen();
    let seen = &seen[quiet..];
    for end in ENDS {
        if let Some(error) = pair.failure(end) {
            return Err(format!("the {end:?} failed: {error}"));
        }
        everything_arrives(&mut pair, end, seen)?;
        no_key_is_early(end, seen)?;
        keys_changed(end, plan, seen)?;
    }
    pair.set_weather(Weather::clear());
    let clear = pair.exchange(b"request", b"response");
    clear.map_err(|error| format!("no data afterwards: {error}"))?;
    Ok(seen.len())
}

/// What reaches a side is delivered, once.
fn everything_arrives(pair: &mut Pair, end: End, seen: &[Seen]) -> Result<(), String> {
    let mut received: Vec<_> = std::iter::from_fn(|| pair.received(end)).collect();
    received.sort();
    let reach = seen.iter().filter(|seen| seen.from == end.peer());
    let reach = reach.filter(|seen| seen.arrives.is_some());
    let data = reach.flat_map(|seen| &seen.records);
    let mut expected: Vec<_> = data
        .filter_map(|record| match &record.content {
            Content::Data(data) => Some(data.clone()),
            _ => None,
        })
        .collect();
    expected.sort();
    match received == expected {
        true => Ok(()),
        false => Err(format!("{end:?} got {received:?} of {expected:?}")),
    }
}

/// RFC 9147 §8: a record under new keys follows the arrival of an ACK for the KeyUpdate before them.
fn no_key_is_early(end: End, seen: &[Seen]) -> Result<(), String> {
    for datagram in seen.iter().filter(|seen| seen.from == end) {
        for record in datagram.records.iter().filter(|r| r.number.epoch > FIRST) {
            let before = record.number.epoch - 1;
            let updates = key_updates(end, seen, before);
            let acknowledged = seen.iter().any(|ack| {
                ack.from == end.peer()
                    && ack.arrives.is_some_and(|at| at <= datagram.sent)
                    && ack.records.iter().any(|ack| tells(ack, &updates))
            });
            if !acknowledged {
                return Err(format!("{end:?} is early: {datagram}"));
            }
        }
    }
    Ok(())
}

/// The numbers of the records of this epoch that have a KeyUpdate.
fn key_updates(end: End, seen: &[Seen], epoch: u64) -> BTreeSet<Number> {
    let seen = seen.iter().filter(|seen| seen.from == end);
    let records = seen.flat_map(|seen| &seen.records);
    let updates = records.filter(|record| match &record.content {
        Content::Handshake(fragments) => fragments.iter().any(|f| f.typ == KEY_UPDATE),
        _ => false,
    });
    let numbers = updates.map(|record| record.number);
    numbers.filter(|number| number.epoch == epoch).collect()
}

fn tells(record: &Record, wanted: &BTreeSet<Number>) -> bool {
    matches!(&record.content, Content::Ack(numbers) if numbers.iter().any(|n| wanted.contains(n)))
}

/// Whoever was to have new keys has some in the end, and no more than was wished for.
fn keys_changed(end: End, plan: &Plan, seen: &[Seen]) -> Result<(), String> {
    let own = seen.iter().filter(|seen| seen.from == end);
    let epochs = own.flat_map(|seen| &seen.records).map(|r| r.number.epoch);
    let changes = epochs.max().unwrap() - FIRST;
    let wishes = |(who, of): &&(End, KeysOf)| *who == end || *of == KeysOf::BothSides;
    let wishes = u64::try_from(plan.updates.iter().filter(wishes).count()).unwrap();
    let most = wishes * ROUNDS;
    match (wishes.min(1)..=most).contains(&changes) {
        true => Ok(()),
        false => Err(format!(
            "{end:?} changed its keys {changes} times of {most}"
        )),
    }
}

fn losing(lost: usize) -> Weather {
    let mut number = 0..;
    Weather::new(move |datagram: Datagram| match number.next() {
        Some(number) if number == lost => Vec::new(),
        _ => vec![Arrival {
            after: LATENCY,
            bytes: datagram.bytes,
        }],
    })
}

#[test]
fn keys_change_in_mid_traffic_whichever_datagram_is_lost() {
    // What came before the keys makes no difference to them: one handshake will do.
    let variant = of_13().next().unwrap();
    for plan in PLANS {
        let datagrams = run(variant, plan, Weather::clear()).unwrap();
        for lost in 0..datagrams {
            if let Err(error) = run(variant, plan, losing(lost)) {
                panic!("{}, without datagram {lost}: {error}", plan.name);
            }
        }
    }
}

#[test]
fn keys_change_in_mid_traffic_in_any_weather() {
    let seeds: u64 = std::env::var("FLIGHTLINE_SEEDS").map_or(20, |s| s.parse().unwrap());
    for variant in of_13() {
        for plan in PLANS {
            for seed in 0..seeds {
                let rates = Rates {
                    drop: 0.3,
                    duplicate: 0.1,
                    delay: 0.2,
                    ..Rates::default()
                };
                if let Err(error) = run(variant, plan, Weather::random(seed, rates)) {
                    panic!("{}, {}, seed {seed}: {error}", variant.name, plan.name);
                }
            }
        }
    }
}
