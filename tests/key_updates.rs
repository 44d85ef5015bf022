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

use common::{Variant, of_13};
use flightline::lab::{Arrival, Datagram, End, KeysOf, Pair, Rates, Weather};
use std::collections::{BTreeMap, BTreeSet};
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

/// Goes through a plan in this weather, and looks at all that was sent.
fn run(variant: &Variant, plan: &Plan, weather: Weather) -> Result<Vec<Seen>, String> {
    run_with_mtu(1400, variant, plan, weather)
}

fn run_with_mtu(
    mtu: usize,
    variant: &Variant,
    plan: &Plan,
    weather: Weather,
) -> Result<Vec<Seen>, String> {
    let tap = Arc::new(Wiretap::default());
    let mut pair = variant.pair_set_up(
        |client| tap.client(client).mtu(mtu),
        |server| server.mtu(mtu),
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

    let seen = tap.seen().split_off(quiet);
    for end in ENDS {
        if let Some(error) = pair.failure(end) {
            return Err(format!("the {end:?} failed: {error}"));
        }
        everything_arrives(&mut pair, end, &seen)?;
        no_key_is_early(end, &seen)?;
        keys_changed(end, plan, &seen)?;
    }
    pair.set_weather(Weather::clear());
    let clear = pair.exchange(b"request", b"response");
    clear.map_err(|error| format!("no data afterwards: {error}"))?;
    Ok(seen)
}

/// What reaches a side as it was sent is delivered, once, and nothing that was not sent.
fn everything_arrives(pair: &mut Pair, end: End, seen: &[Seen]) -> Result<(), String> {
    let mut received: Vec<_> = std::iter::from_fn(|| pair.received(end)).collect();
    received.sort();
    let said = |arrived: fn(&&Seen) -> bool| -> BTreeSet<_> {
        let seen = seen.iter().filter(|seen| seen.from == end.peer());
        let records = seen.filter(arrived).flat_map(|seen| &seen.records);
        let data = records.filter_map(|record| match &record.content {
            Content::Data(data) => Some(data.clone()),
            _ => None,
        });
        data.collect()
    };
    let (expected, most) = (said(|seen| seen.arrives.is_some()), said(|_| true));
    let once: BTreeSet<_> = received.iter().cloned().collect();
    match once.len() == received.len() && once.is_superset(&expected) && once.is_subset(&most) {
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

/// RFC 9147 §7: a KeyUpdate goes again, once, where it was lost; perhaps where an ACK of it was, which another may
/// make good; and else never.
fn only_the_lost_goes_again(seen: &[Seen], lost: usize) -> Result<(), String> {
    let mut sends: BTreeMap<(End, u16), BTreeSet<Number>> = BTreeMap::new();
    for datagram in seen {
        for record in &datagram.records {
            if let Content::Handshake(fragments) = &record.content {
                for update in fragments.iter().filter(|f| f.typ == KEY_UPDATE) {
                    let sends = sends.entry((datagram.from, update.message_seq));
                    sends.or_default().insert(record.number);
                }
            }
        }
    }
    let lost = &seen[lost];
    for ((end, message_seq), numbers) in &sends {
        let is_it = |record: &Record| lost.from == *end && numbers.contains(&record.number);
        let is_ack = |record: &Record| lost.from != *end && tells(record, numbers);
        let again = numbers.len() - 1;
        let fits = match (
            lost.records.iter().any(is_it),
            lost.records.iter().any(is_ack),
        ) {
            (true, _) => again == 1,
            (false, true) => again <= 1,
            (false, false) => again == 0,
        };
        if !fits {
            return Err(format!(
                "{end:?} sent KeyUpdate {message_seq} as {numbers:?}"
            ));
        }
    }
    match sends.is_empty() {
        true => Err("there was no KeyUpdate".into()),
        false => Ok(()),
    }
}

/// One that decides by the number of the datagram, counted from where it begins.
fn by_number(fate: impl Fn(usize, Datagram) -> Vec<Arrival> + Send + 'static) -> Weather {
    let mut number = 0..;
    Weather::new(move |datagram| fate(number.next().unwrap(), datagram))
}

fn arrives(datagram: Datagram) -> Vec<Arrival> {
    arrives_after(LATENCY, datagram)
}

fn arrives_after(after: Duration, datagram: Datagram) -> Vec<Arrival> {
    let bytes = datagram.bytes;
    vec![Arrival { after, bytes }]
}

fn losing(lost: usize) -> Weather {
    by_number(move |number, datagram| match number == lost {
        true => Vec::new(),
        false => arrives(datagram),
    })
}

/// What came before the keys makes no difference to them: where nothing else is said, one handshake will do.
fn any_of_13() -> &'static Variant {
    of_13().next().unwrap()
}

fn seeds() -> u64 {
    std::env::var("FLIGHTLINE_SEEDS").map_or(5, |s| s.parse().unwrap())
}

#[test]
fn keys_change_in_mid_traffic_whichever_datagram_is_lost() {
    for plan in PLANS {
        let datagrams = run(any_of_13(), plan, Weather::clear()).unwrap().len();
        for lost in 0..datagrams {
            let result = run(any_of_13(), plan, losing(lost));
            let result = result.and_then(|seen| only_the_lost_goes_again(&seen, lost));
            if let Err(error) = result {
                panic!("{}, without datagram {lost}: {error}", plan.name);
            }
        }
    }
}

/// Every drop pattern of the first 10 datagrams, as for handshakes.
#[test]
fn keys_change_whatever_is_lost_of_the_first_10_datagrams() {
    for plan in PLANS {
        for pattern in 0..1_usize << 10 {
            let weather = by_number(move |number, datagram| {
                match number < 10 && pattern & (1 << number) != 0 {
                    true => Vec::new(),
                    false => arrives(datagram),
                }
            });
            if let Err(error) = run(any_of_13(), plan, weather) {
                panic!("{}, drop pattern {pattern:#012b}: {error}", plan.name);
            }
        }
    }
}

#[test]
fn keys_change_in_mid_traffic_in_any_weather() {
    let (mut failed, mut hard) = (Vec::new(), 0);
    for variant in of_13() {
        for plan in PLANS {
            for (percent, drop) in [(10, 0.1), (30, 0.3), (50, 0.5)] {
                for seed in 0..seeds() {
                    let rates = Rates {
                        drop,
                        duplicate: 0.1,
                        delay: 0.2,
                        ..Rates::default()
                    };
                    hard += usize::from(percent == 50);
                    if let Err(error) = run(variant, plan, Weather::random(seed, rates)) {
                        let (name, plan) = (variant.name, plan.name);
                        let what = format!("{name}, {plan}, {percent} % seed {seed}: {error}");
                        failed.push((percent, what));
                    }
                }
            }
        }
    }
    // As for handshakes: all below 50 % loss, and 99.9 % there.
    assert!(failed.iter().all(|(p, _)| *p == 50), "{failed:#?}");
    assert!(failed.len() * 1000 <= hard, "of {hard}: {failed:#?}");
}

/// What may happen to one datagram.
type Fault = fn(Datagram) -> Vec<Arrival>;

const FAULTS: [(&str, Fault); 3] = [
    ("duplicated", |datagram| {
        let late = Duration::from_millis(150);
        [LATENCY, LATENCY, late]
            .into_iter()
            .flat_map(|after| arrives_after(after, datagram.clone()))
            .collect()
    }),
    ("truncated", |mut datagram| {
        datagram.bytes.truncate(datagram.bytes.len() / 2);
        arrives(datagram)
    }),
    ("corrupted", |mut datagram| {
        datagram.bytes.iter_mut().for_each(|byte| *byte ^= 0x40);
        arrives(datagram)
    }),
];

#[test]
fn keys_change_whichever_datagram_is_duplicated_truncated_or_corrupted() {
    for plan in PLANS {
        let datagrams = run(any_of_13(), plan, Weather::clear()).unwrap().len();
        for (name, fault) in FAULTS {
            for hit in 0..datagrams {
                let weather = by_number(move |number, datagram| match number == hit {
                    true => fault(datagram),
                    false => arrives(datagram),
                });
                if let Err(error) = run(any_of_13(), plan, weather) {
                    panic!("{}, datagram {hit} {name}: {error}", plan.name);
                }
            }
        }
    }
}

/// Each datagram delayed behind every number of those after it, up to ten, which is more than are under way at a
/// time.
#[test]
fn keys_change_whichever_datagram_is_behind_whichever_other() {
    for plan in PLANS {
        let datagrams = run(any_of_13(), plan, Weather::clear()).unwrap().len();
        for hit in 0..datagrams {
            for behind in 1..=(datagrams - hit).min(10) {
                let weather = by_number(move |number, datagram| {
                    let position = if number == hit { hit + behind } else { number };
                    let micros = position * 10 + usize::from(number == hit);
                    let micros = u64::try_from(micros).unwrap();
                    arrives_after(LATENCY + Duration::from_micros(micros), datagram)
                });
                if let Err(error) = run(any_of_13(), plan, weather) {
                    panic!("{}, datagram {hit} behind {behind}: {error}", plan.name);
                }
            }
        }
    }
}

#[test]
fn keys_change_at_the_smallest_mtu() {
    for plan in PLANS {
        for percent in [0, 10, 30] {
            for seed in 0..seeds() {
                let rates = Rates {
                    drop: f64::from(percent) / 100.0,
                    delay: 0.2,
                    ..Rates::default()
                };
                let weather = Weather::random(seed, rates);
                if let Err(error) = run_with_mtu(128, any_of_13(), plan, weather) {
                    panic!("{}, {percent} % seed {seed}: {error}", plan.name);
                }
            }
        }
    }
}
