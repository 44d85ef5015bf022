//! In DTLS 1.3 a lost datagram costs its own retransmission and no more: acknowledgements tell what
//! arrived (RFC 9147 §7). Each datagram of each kind of handshake is lost in turn, and what is sent
//! again is compared byte by byte with what was lost.
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

use common::{MINUTE, Variant, of_13};
use flightline::lab::{Arrival, Datagram, End, Pair, Weather};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use wiretap::{Content, Number, Record, Seen, Wiretap};

const LATENCY: Duration = Duration::from_millis(10);

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

const HANDSHAKE: u64 = 2;
const APPLICATION: u64 = 3;

/// A byte of a handshake message: whose, of which message, and where in its body.
type Byte = (End, u16, usize);

/// A whole connection of which this datagram is lost: the handshake, the tickets behind it, data both
/// ways. What was sent of the handshake and behind it.
fn run(variant: &Variant, mtu: usize, lost: Option<u64>) -> Vec<Seen> {
    let tap = Arc::new(Wiretap::default());
    let mut pair = variant.pair_set_up(
        |client| tap.client(client).mtu(mtu),
        |server| server.mtu(mtu),
        || tap.listen(losing(lost)),
    );
    let name = variant.name;
    pair.establish(MINUTE)
        .unwrap_or_else(|e| panic!("{name} without {lost:?}: {e}"));
    settle(&mut pair);
    let resumed = pair.resumed(End::Client);
    assert_eq!(resumed, Some(variant.resumes()), "{name} at {mtu}");
    let seen = tap.seen();
    pair.exchange(b"request", b"response").unwrap();
    seen
}

fn losing(lost: Option<u64>) -> Weather {
    Weather::new(move |datagram: Datagram| match lost {
        Some(lost) if lost == datagram.number => Vec::new(),
        _ => vec![Arrival {
            after: LATENCY,
            bytes: datagram.bytes,
        }],
    })
}

/// Until nothing is under way and nothing is waited for.
fn settle(pair: &mut Pair) {
    while pair.step() {}
}

fn bytes(datagram: &Seen) -> BTreeSet<Byte> {
    bytes_of(datagram.from, &datagram.records)
}

fn bytes_of<'a>(from: End, records: impl IntoIterator<Item = &'a Record>) -> BTreeSet<Byte> {
    let mut bytes = BTreeSet::new();
    for record in records {
        if let Content::Handshake(fragments) = &record.content {
            for fragment in fragments {
                let byte = |at| (from, fragment.message_seq, at);
                bytes.extend(fragment.bytes.clone().map(byte));
            }
        }
    }
    bytes
}

/// What a side's records of these numbers say.
fn of(seen: &[Seen], end: End, wanted: impl Fn(Number) -> bool) -> BTreeSet<Byte> {
    let seen = seen.iter().filter(|seen| seen.from == end);
    let records = seen.flat_map(|seen| &seen.records);
    bytes_of(end, records.filter(|record| wanted(record.number)))
}

fn has(seen: &Seen, wanted: u8) -> bool {
    seen.records.iter().any(|record| match &record.content {
        Content::Handshake(fragments) => fragments.iter().any(|f| f.typ == wanted),
        _ => false,
    })
}

fn acknowledged(seen: &Seen) -> BTreeSet<Number> {
    let lists = seen.records.iter().map(|record| match &record.content {
        Content::Ack(numbers) => numbers.as_slice(),
        _ => &[],
    });
    lists.flatten().copied().collect()
}

/// How often each byte was sent.
fn sends(seen: &[Seen]) -> BTreeMap<Byte, usize> {
    let mut sends = BTreeMap::new();
    for datagram in seen {
        for record in &datagram.records {
            for byte in bytes_of(datagram.from, [record]) {
                *sends.entry(byte).or_default() += 1;
            }
        }
    }
    sends
}

/// Whether all that a client says under the keys of the handshake was in it.
fn is_last_flight(seen: &[Seen], lost: &Seen) -> bool {
    let flight = of(seen, End::Client, |number| number.epoch == HANDSHAKE);
    bytes(lost).is_superset(&flight)
}

/// What the loss of a datagram may cost beyond its own bytes.
fn surcharge(seen: &[Seen], lost: &Seen) -> BTreeSet<Byte> {
    let hellos = || of(seen, End::Client, |number| number.epoch == 0);
    let servers_flight = || of(seen, End::Server, |number| number.epoch < APPLICATION);
    if has(lost, CLIENT_HELLO) {
        // RFC 9147 §7: a server that keeps no state acknowledges nothing, so a hello goes again as a whole,
        // and so may the request that it answers.
        let before = seen.iter().filter(|seen| seen.sent < lost.sent);
        let requests = before.filter(|seen| seen.from == End::Server);
        hellos()
            .into_iter()
            .chain(requests.flat_map(bytes))
            .collect()
    } else if has(lost, SERVER_HELLO) {
        // A client that does not know the version acknowledges nothing. Its hello comes again, and of the
        // flight that answers it nothing is acknowledged (§5.8.1).
        hellos().union(&servers_flight()).copied().collect()
    } else if is_last_flight(seen, lost) {
        // §7.2: a flight acknowledges the one that it answers, and none of this one has arrived.
        servers_flight()
    } else {
        // What a lost ACK told is not known to have arrived.
        let told = acknowledged(lost);
        of(seen, lost.from.peer(), |number| told.contains(&number))
    }
}

#[test]
fn in_clear_weather_every_byte_is_sent_once() {
    for variant in of_13() {
        for mtu in [128, variant.small_mtu(), 1400] {
            let seen = run(variant, mtu, None);
            let sends = sends(&seen);
            assert!(sends.values().all(|times| *times == 1), "{}", variant.name);
        }
    }
}

/// Bytes, told in ranges.
fn ranges(bytes: &BTreeSet<Byte>) -> Vec<(End, u16, Range<usize>)> {
    let mut ranges: Vec<(End, u16, Range<usize>)> = Vec::new();
    for &(end, message_seq, at) in bytes {
        match ranges.last_mut() {
            Some((e, m, range)) if (*e, *m, range.end) == (end, message_seq, at) => {
                range.end = at + 1;
            }
            _ => ranges.push((end, message_seq, at..at + 1)),
        }
    }
    ranges
}

#[test]
fn a_lost_datagram_costs_its_own_retransmission() {
    let mut wrong = Vec::new();
    for variant in of_13() {
        for mtu in [128, variant.small_mtu(), 1400] {
            let mut exact = 0;
            for number in 0..run(variant, mtu, None).len() {
                let seen = run(variant, mtu, u64::try_from(number).ok());
                let lost = &seen[number];
                let (itself, surcharge) = (bytes(lost), surcharge(&seen, lost));
                exact += usize::from(surcharge.is_empty());
                let sends = sends(&seen);
                let again = |least: usize| -> BTreeSet<Byte> {
                    let again = sends.iter().filter(|(_, times)| **times >= least);
                    again.map(|(byte, _)| *byte).collect()
                };
                let most = itself.union(&surcharge).copied().collect();
                let fits = again(2).is_superset(&itself)
                    && again(2).is_subset(&most)
                    && again(3).is_empty();
                if !fits {
                    wrong.push(format!(
                        "{}, MTU {mtu}, without datagram {number}: \
                         again {:?}, lost {:?}, and at most {:?}; a third time {:?}\n{}",
                        variant.name,
                        ranges(&again(2)),
                        ranges(&itself),
                        ranges(&surcharge),
                        ranges(&again(3)),
                        seen.iter().map(Seen::to_string).collect::<String>(),
                    ));
                }
            }
            assert!(exact > 0, "{}, MTU {mtu}", variant.name);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
