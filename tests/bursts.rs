//! In DTLS 1.3 a flight of many records goes in bursts, the next one when the last has arrived
//! (RFC 9147 §5.8.3).
#![cfg(feature = "x509")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;
mod wiretap;

use common::{VARIANTS, pki};
use flightline::ProtocolVersion;
use flightline::lab::{Arrival, Datagram, End, Weather};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use wiretap::{Content, Wiretap};

const LATENCY: Duration = Duration::from_millis(10);
const MOST: usize = 10;

/// When the client's long flight went out, and how many records at a time. It has a certificate of more than
/// thirty records, and at some times the server is not heard.
fn bursts(silent: impl Fn(Duration) -> bool + Send + 'static) -> BTreeMap<Duration, usize> {
    let mut variants = VARIANTS.iter();
    let mutual = |name| name == "DTLS 1.3, mutual";
    let variant = variants.find(|variant| mutual(variant.name)).unwrap();
    assert_eq!(variant.version, ProtocolVersion::DTLS1_3);
    let weather = Weather::new(move |datagram: Datagram| {
        match datagram.from == End::Server && silent(datagram.sent) {
            true => Vec::new(),
            false => vec![Arrival {
                after: LATENCY,
                bytes: datagram.bytes,
            }],
        }
    });
    let tap = Arc::new(Wiretap::default());
    let mut pair = variant.pair_set_up(
        |client| {
            let long = pki().issue_long_client(8_000);
            tap.client(client).identity(long).mtu(300)
        },
        |server| server.mtu(300),
        || tap.listen(weather),
    );
    pair.establish(Duration::from_secs(60)).unwrap();
    while pair.step() {}
    pair.exchange(b"request", b"response").unwrap();

    let mut bursts = BTreeMap::new();
    let seen = tap.seen();
    for datagram in seen.iter().filter(|seen| seen.from == End::Client) {
        let records = datagram.records.iter();
        let of_flight = records.filter(|record| {
            record.number.epoch == 2 && matches!(record.content, Content::Handshake(_))
        });
        *bursts.entry(datagram.sent).or_default() += of_flight.count();
    }
    bursts.retain(|_, records| *records > 0);
    bursts
}

/// How long after the one before each burst went.
fn pauses(bursts: &BTreeMap<Duration, usize>) -> Vec<Duration> {
    let times: Vec<_> = bursts.keys().collect();
    times.windows(2).map(|pair| *pair[1] - *pair[0]).collect()
}

#[test]
fn e14_a_burst_follows_when_the_one_before_has_arrived() {
    let bursts = bursts(|_| false);
    let records: Vec<usize> = bursts.values().copied().collect();
    let (last, full) = records.split_last().unwrap();
    assert!(full.len() >= 3, "{bursts:?}");
    assert!(full.iter().all(|records| *records == MOST), "{bursts:?}");
    assert!((1..=MOST).contains(last), "{bursts:?}");
    let round_trip = 2 * LATENCY;
    assert!(pauses(&bursts).iter().all(|pause| *pause == round_trip));
}

/// A peer that is not heard costs half of the delay per burst, and not a resend.
#[test]
fn e14_a_burst_follows_by_itself_when_nothing_is_heard() {
    let calm = bursts(|_| false);
    let first = *calm.keys().next().unwrap();
    let silence = first..first + Duration::from_millis(300);
    let bursts = bursts(move |sent| silence.contains(&sent));
    assert!(bursts.values().all(|records| *records <= MOST));
    let half = Duration::from_millis(125);
    assert_eq!(pauses(&bursts)[..2], [half; 2], "{bursts:?}");
}
