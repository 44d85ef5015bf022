//! Handshakes on a faulty network: whatever is lost, both sides finish with the same keys, and then
//! data flows both ways.
#![cfg(feature = "x509")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod common;

use common::{MINUTE, VARIANTS, Variant};
use flightline::Retransmission;
use flightline::lab::{Arrival, Datagram, End, Pair, Rates, Weather};
use std::time::Duration;

/// Runs one handshake and the exchange after it; what went wrong, if anything did.
fn run(variant: &Variant, weather: Weather) -> Result<(), String> {
    let mut pair = variant.pair(weather);
    pair.establish(MINUTE)
        .map_err(|e| format!("{e} (at {:?})", pair.now()))?;
    let [client, server] = pair.exported(b"EXPORTER-test").map_err(|e| e.to_string())?;
    if client != server {
        return Err("different keys".into());
    }
    if pair.resumed(End::Client) != Some(variant.resumes()) {
        return Err("a handshake of the wrong kind".into());
    }
    data_flows(&mut pair)
}

fn data_flows(pair: &mut Pair) -> Result<(), String> {
    pair.set_weather(Weather::clear());
    pair.exchange(b"request", b"response")
        .map_err(|e| format!("no data after the handshake: {e}"))
}

/// Also where the peer's timer is faster than ours, so that its repetitions ask for a flight again before our own
/// timer does.
#[test]
fn e13_datagrams_become_smaller_where_the_peer_asks_again_and_again() {
    let swallow = |datagram: Datagram| match (datagram.from, datagram.bytes.len()) {
        (End::Server, 301..) => Vec::new(),
        _ => vec![Arrival {
            after: Duration::from_millis(10),
            bytes: datagram.bytes,
        }],
    };
    let hasty = Retransmission {
        maximum: Duration::from_secs(1),
        ..Retransmission::LOSSY
    };
    for variant in VARIANTS.iter().filter(|variant| !variant.resumes()) {
        let mut pair = variant.pair_set_up(
            |client| client.retransmission(hasty),
            |server| server.retransmission(Retransmission::RFC6347),
            || Weather::new(swallow),
        );
        pair.establish(MINUTE)
            .unwrap_or_else(|error| panic!("{}: {error}", variant.name));
        pair.exchange(b"request", b"response").unwrap();
    }
}

#[test]
fn in_clear_weather_nothing_is_sent_twice() {
    for variant in VARIANTS {
        let mut pair = variant.pair(Weather::clear());
        pair.establish(MINUTE).unwrap();
        data_flows(&mut pair).unwrap();
        for end in [End::Client, End::Server] {
            let stats = pair.stats(end);
            assert_eq!(stats.flights_resent, 0, "{} {end:?}", variant.name);
        }
    }
}

/// E7: every drop pattern of the first 10 datagrams.
#[test]
fn e05_e07_p02_p10_every_drop_pattern_of_the_first_10_datagrams() {
    for variant in VARIANTS {
        for pattern in 0..1 << 10 {
            if let Err(error) = run(variant, Weather::drop_pattern(pattern)) {
                panic!("{}, drop pattern {pattern:#012b}: {error}", variant.name);
            }
        }
    }
}

#[test]
fn random_loss_reordering_and_duplication() {
    let seeds: u64 = std::env::var("FLIGHTLINE_SEEDS").map_or(100, |s| s.parse().unwrap());
    let mut failed = Vec::new();
    let mut hard = 0;
    for variant in VARIANTS {
        for (percent, drop) in [(10, 0.1), (30, 0.3), (50, 0.5)] {
            for seed in 0..seeds {
                let rates = Rates {
                    drop,
                    duplicate: 0.1,
                    delay: 0.2,
                    ..Rates::default()
                };
                hard += usize::from(percent == 50);
                if let Err(error) = run(variant, Weather::random(seed, rates)) {
                    failed.push((
                        percent,
                        format!("{} {percent} % seed {seed}: {error}", variant.name),
                    ));
                }
            }
        }
    }
    let (at_50, below): (Vec<_>, Vec<_>) =
        failed.into_iter().partition(|(percent, _)| *percent == 50);
    assert!(below.is_empty(), "{below:#?}");
    // At least 99.9 % at 50 % loss.
    assert!(
        at_50.len() * 1000 <= hard,
        "{} of {hard}: {at_50:#?}",
        at_50.len()
    );
}

#[test]
fn random_corruption_and_truncation() {
    for variant in VARIANTS {
        for seed in 0..100 {
            let rates = Rates {
                corrupt: 0.1,
                truncate: 0.1,
                drop: 0.1,
                ..Rates::default()
            };
            // A flipped bit in a plaintext message that still parses is a handshake that cannot
            // succeed: what must hold is that it ends, and that keys never differ.
            let mut pair = variant.pair(Weather::random(seed, rates));
            if pair.establish(2 * MINUTE).is_ok() {
                let [client, server] = pair.exported(b"EXPORTER-test").unwrap();
                assert_eq!(client, server, "{} seed {seed}", variant.name);
                data_flows(&mut pair)
                    .unwrap_or_else(|e| panic!("{} seed {seed}: {e}", variant.name));
            }
        }
    }
}

/// What may happen to one datagram.
type Fault = fn(Datagram) -> Vec<Arrival>;

const SOON: Duration = Duration::from_millis(10);

fn duplicated(datagram: Datagram) -> Vec<Arrival> {
    let late = Duration::from_millis(15);
    let copy = |after| Arrival {
        after,
        bytes: datagram.bytes.clone(),
    };
    vec![
        copy(SOON),
        copy(SOON),
        copy(late),
        copy(Duration::from_millis(150)),
    ]
}

fn truncated(mut datagram: Datagram) -> Vec<Arrival> {
    datagram.bytes.truncate(datagram.bytes.len() / 2);
    vec![Arrival {
        after: SOON,
        bytes: datagram.bytes,
    }]
}

/// In its record header, which is in the clear everywhere.
fn corrupted_record_header(mut datagram: Datagram) -> Vec<Arrival> {
    datagram
        .bytes
        .iter_mut()
        .take(13)
        .for_each(|byte| *byte ^= 0x40);
    vec![Arrival {
        after: SOON,
        bytes: datagram.bytes,
    }]
}

#[test]
fn p09_each_datagram_duplicated_truncated_or_corrupted() {
    let faults: [(&str, Fault); 3] = [
        ("duplicated", duplicated),
        ("truncated", truncated),
        ("corrupted", corrupted_record_header),
    ];
    for variant in VARIANTS {
        let mut clear = variant.pair(Weather::clear());
        clear.establish(MINUTE).unwrap();
        for (name, fault) in faults {
            for hit in 0..clear.datagrams_sent() {
                let weather = Weather::new(move |datagram| match datagram.number == hit {
                    true => fault(datagram),
                    false => vec![Arrival {
                        after: SOON,
                        bytes: datagram.bytes,
                    }],
                });
                if let Err(error) = run(variant, weather) {
                    panic!("{}, datagram {hit} {name}: {error}", variant.name);
                }
            }
        }
    }
}

/// Each datagram delayed behind every number of those after it.
#[test]
fn each_datagram_delayed_behind_every_other() {
    for variant in VARIANTS {
        let mut clear = variant.pair(Weather::clear());
        clear.establish(MINUTE).unwrap();
        for hit in 0..clear.datagrams_sent() {
            for behind in 1..clear.datagrams_sent() - hit + 1 {
                // Datagrams leave a millisecond apart, so that the order is the schedule's alone.
                let weather = Weather::new(move |datagram| {
                    let position = if datagram.number == hit {
                        hit + behind
                    } else {
                        datagram.number
                    };
                    let after = SOON
                        + Duration::from_micros(position * 10 + u64::from(datagram.number == hit));
                    vec![Arrival {
                        after,
                        bytes: datagram.bytes,
                    }]
                });
                if let Err(error) = run(variant, weather) {
                    panic!("{}, datagram {hit} behind {behind}: {error}", variant.name);
                }
            }
        }
    }
}

/// At the smallest MTU even the hellos are cut, before anything proves them.
#[test]
fn a10_the_smallest_mtu_with_and_without_loss() {
    for variant in VARIANTS {
        for percent in [0, 10, 30] {
            for seed in 0..20 {
                let rates = Rates {
                    drop: f64::from(percent) / 100.0,
                    delay: 0.2,
                    ..Rates::default()
                };
                let mut pair = variant.pair_with_mtu(128, Weather::random(seed, rates));
                pair.establish(MINUTE)
                    .unwrap_or_else(|e| panic!("{}, {percent} % seed {seed}: {e}", variant.name));
                let resumed = pair.resumed(End::Client);
                assert_eq!(resumed, Some(variant.resumes()), "{}", variant.name);
                data_flows(&mut pair).unwrap();
            }
        }
    }
}
