//! Networks, peers and strangers that do what the RFC does not expect of them, one thing at a time, and
//! what stays true: hazards and pitfalls by their codes (docs/hazards.md).
#![cfg(feature = "x509")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use common::{Cookie, VARIANTS, Variant};
use flightline::lab::{Arrival, Datagram, End, Pair, Weather};
use flightline::{
    AlertDescription, ClientConfig, Error, Event, Observer, ProtocolVersion, Psk, Retransmission,
    ServerConfig, ServerIdentity, ServerName, ServerTrust, What,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const S: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_millis(10);

fn on_time(bytes: &[u8]) -> Vec<Arrival> {
    vec![Arrival {
        after: SOON,
        bytes: bytes.to_vec(),
    }]
}

/// A weather, and a list of all that was sent into it.
fn recorded(
    mut fate: impl FnMut(&Datagram) -> Vec<Arrival> + Send + 'static,
) -> (Weather, Arc<Mutex<Vec<Datagram>>>) {
    let all = Arc::<Mutex<Vec<Datagram>>>::default();
    let list = all.clone();
    let weather = Weather::new(move |datagram| {
        let arrivals = fate(&datagram);
        list.lock().unwrap().push(datagram);
        arrivals
    });
    (weather, all)
}

/// Those whose records can be read without keys.
fn of_12() -> impl Iterator<Item = &'static Variant> {
    let version = ProtocolVersion::DTLS1_2;
    VARIANTS
        .iter()
        .filter(move |variant| variant.version == version)
}

/// A record's type, epoch and number, and its fragment.
fn records(mut bytes: &[u8]) -> Vec<(u8, u16, u64, &[u8])> {
    let mut records = Vec::new();
    while bytes.len() >= 13 {
        let number = bytes[3..11]
            .iter()
            .fold(0, |n: u64, b| n << 8 | u64::from(*b));
        let end = 13 + usize::from(bytes[11]) * 256 + usize::from(bytes[12]);
        let epoch = u16::try_from(number >> 48).unwrap();
        records.push((bytes[0], epoch, number, &bytes[13..end]));
        bytes = &bytes[end..];
    }
    records
}

fn key(byte: u8) -> Psk {
    Psk::new("tester", [byte; 32]).unwrap()
}

fn psk_pair(client: Psk, server: &Arc<ServerConfig>, weather: Weather) -> Pair {
    let client =
        ClientConfig::builder(ServerTrust::psk(client)).retransmission(Retransmission::LOSSY);
    // The records are looked at as DTLS 1.2 has them.
    let client = client.versions([ProtocolVersion::DTLS1_2]);
    let client = client.build().unwrap();
    Pair::new(client, server.clone(), ServerName::unnamed(), weather).unwrap()
}

fn psk_server() -> Arc<ServerConfig> {
    let server = ServerConfig::builder(ServerIdentity::psk(key(7)));
    Arc::new(server.build().unwrap())
}

/// RFC 6347 §4.2.1: there is no state from which to send it again.
#[test]
fn a02_p10_each_hello_gets_one_request_for_a_cookie_and_no_timer_another() {
    let (weather, sent) = recorded(|datagram| match datagram.from {
        End::Client => on_time(&datagram.bytes),
        End::Server => Vec::new(),
    });
    let mut pair = psk_pair(key(7), &psk_server(), weather);
    assert!(pair.establish(1000 * S).is_err());
    let sent = sent.lock().unwrap();
    let times = |end| {
        let of_end = sent.iter().filter(move |datagram| datagram.from == end);
        of_end.map(|datagram| datagram.sent).collect::<Vec<_>>()
    };
    let hellos = times(End::Client);
    assert!(hellos.len() > 5);
    let answers: Vec<_> = hellos.iter().map(|sent| *sent + SOON).collect();
    assert_eq!(times(End::Server), answers);
}

/// RFC 6347 §4.1, §4.2.4: what is sent again has the epoch and the message_seq it had, and a record
/// number that was never used. Under GCM a number that comes twice gives the key away.
#[test]
fn b20_e04_p11_what_is_sent_again_is_numbered_anew_under_its_own_epoch() {
    let mut resent_in_the_clear = 0;
    for variant in of_12() {
        for pattern in 0..1 << 8 {
            let (weather, sent) = recorded(move |datagram| {
                let lost = datagram.number < 8 && pattern >> datagram.number & 1 == 1;
                match lost {
                    true => Vec::new(),
                    false => on_time(&datagram.bytes),
                }
            });
            let mut pair = variant.pair(weather);
            pair.establish(60 * S).unwrap();
            pair.set_weather(Weather::clear());
            pair.exchange(b"ping", b"pong").unwrap();
            let at = format!("{}, drop pattern {pattern:#010b}", variant.name);
            let sent = sent.lock().unwrap();
            resent_in_the_clear += check_numbers(&sent, &at);
        }
    }
    assert!(
        resent_in_the_clear > 0,
        "no flight of two epochs was resent"
    );
}

/// How often an epoch 0 message came again after its sender had begun epoch 1.
fn check_numbers(sent: &[Datagram], at: &str) -> usize {
    let mut numbers = BTreeSet::new();
    let mut types = BTreeMap::new();
    let mut in_epoch_1 = BTreeSet::new();
    let mut resent = 0;
    for datagram in sent {
        for (typ, epoch, number, fragment) in records(&datagram.bytes) {
            // The cookie exchange is stateless: the server copies the client's numbers.
            let stateless = typ == 22 && epoch == 0 && fragment[0] == 3;
            let new = numbers.insert((datagram.from, number));
            assert!(new || stateless, "{at}: {number} twice");
            if epoch == 1 {
                in_epoch_1.insert(datagram.from);
            } else if typ == 22 && !stateless {
                let message_seq = u16::from_be_bytes([fragment[4], fragment[5]]);
                let of = *types
                    .entry((datagram.from, message_seq))
                    .or_insert(fragment[0]);
                assert_eq!(of, fragment[0], "{at}: another message {message_seq}");
                resent += usize::from(in_epoch_1.contains(&datagram.from));
            }
        }
    }
    resent
}

/// RFC 6347 §4.1: a ChangeCipherSpec in the clear may be anyone's. As long as nothing came under the keys that it put in
/// force, a server that cannot make the same ones refuses in the clear, and is heard.
#[test]
fn d02_d12_a_forged_change_cipher_spec_hides_no_refusal() {
    const CHANGE: [u8; 14] = [20, 0xfe, 0xfd, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 1, 1];
    for before in [None, Some(1), Some(3)] {
        let weather = Weather::new(move |datagram| {
            let mut arrivals = on_time(&datagram.bytes);
            if before == Some(datagram.number) {
                arrivals.push(Arrival {
                    after: Duration::ZERO,
                    bytes: CHANGE.to_vec(),
                });
            }
            arrivals
        });
        // With a ticket to wait for, its keys are not there yet.
        let server = ServerConfig::builder(ServerIdentity::psk(key(7))).without_tickets();
        let mut pair = psk_pair(key(8), &Arc::new(server.build().unwrap()), weather);
        while pair.failure(End::Client).is_none() {
            assert!(pair.step());
        }
        let error = pair.failure(End::Client);
        let refused = matches!(
            error,
            Some(Error::PeerAlert(AlertDescription::DECRYPT_ERROR))
        );
        assert!(refused, "before {before:?}: {error:?}");
        assert!(pair.now() < 20 * S, "before {before:?}: {:?}", pair.now());
    }
}

/// When datagrams became smaller.
#[derive(Default)]
struct Lowered(Mutex<Vec<Duration>>);

impl Observer for Lowered {
    fn event(&self, event: &Event) {
        if matches!(event.what, What::MtuLowered { .. }) {
            self.0.lock().unwrap().push(event.at);
        }
    }
}

/// An empty part of a hello, 25 bytes that anyone can send in the name of a client that has gone. After four
/// answers at once each delay has one at most, and no two make the server's datagrams smaller in one.
#[test]
fn e02_e13_p03_forged_repetitions_bring_a_flight_once_in_a_delay() {
    #[rustfmt::skip]
    const REPETITION: [u8; 25] = [
        22, 0xfe, 0xfd, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 12,
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let plan = Retransmission::RFC6347;
    let of_new_sessions =
        |variant: &&Variant| variant.cookie == Cookie::Without && !variant.resumes();
    for variant in VARIANTS.iter().filter(of_new_sessions) {
        let weather = Weather::new(move |datagram| {
            let forged = |n| Arrival {
                after: n * Duration::from_millis(251),
                bytes: REPETITION.to_vec(),
            };
            match datagram.number {
                0 => [on_time(&datagram.bytes), (1..300).map(forged).collect()].concat(),
                _ => Vec::new(),
            }
        });
        let lowered = Arc::<Lowered>::default();
        let mut pair = variant.pair_set_up(
            |client| client.mtu(1400),
            |server| {
                server
                    .mtu(1400)
                    .retransmission(plan)
                    .observer(lowered.clone())
            },
            || weather,
        );
        while pair.now() < 60 * S {
            assert!(pair.step());
        }
        let resent = pair.stats(End::Server).flights_resent;
        assert!((50..=65).contains(&resent), "{}: {resent}", variant.name);
        let lowered = lowered.0.lock().unwrap();
        assert_eq!(lowered.len(), 3, "{}: {lowered:?}", variant.name);
        let apart = lowered
            .windows(2)
            .all(|two| two[1] - two[0] >= plan.initial);
        assert!(
            lowered[0] >= plan.initial && apart,
            "{}: {lowered:?}",
            variant.name
        );
    }
}

/// A handshake has an end, however much arrives: an absolute one, beside which the flights' timers run.
#[test]
fn e16_p13_a_handshake_ends_at_its_deadline_whatever_comes() {
    let deadline = 20 * S;
    let server = psk_server();
    // Of every flight of the server but the first bytes arrive, so that there is always something.
    let (weather, sent) = recorded(|datagram| match datagram.from {
        End::Client => on_time(&datagram.bytes),
        End::Server if datagram.number < 2 => on_time(&datagram.bytes),
        End::Server => on_time(&datagram.bytes[..datagram.bytes.len() - 1]),
    });
    let client = ClientConfig::builder(ServerTrust::psk(key(7))).handshake_deadline(deadline);
    let client = client.build().unwrap();
    let mut pair = Pair::new(client, server, ServerName::unnamed(), weather).unwrap();
    while pair.failure(End::Client).is_none() {
        assert!(pair.now() <= deadline && pair.step());
    }
    let error = pair.failure(End::Client).unwrap();
    assert!(
        matches!(error, Error::HandshakeTimeout { after, .. } if *after == deadline),
        "{error:?}"
    );
    assert_eq!(pair.now(), deadline);
    let sent = sent.lock().unwrap();
    let of_client = sent.iter().filter(|datagram| datagram.from == End::Client);
    assert!(of_client.count() > 4, "the timers of the flights ran");
}

/// A ChangeCipherSpec whose Finished is lost ends no flight: whatever of a datagram's records arrives,
/// the rest is asked for again.
#[test]
fn p09_a_part_of_a_datagrams_records_does_not_stop_the_timer() {
    for variant in of_12() {
        for hit in 0..12 {
            for kept in 0..6 {
                let weather = Weather::new(move |datagram| {
                    let bytes = &datagram.bytes;
                    let parts = records(bytes);
                    let length = parts.iter().take(kept).map(|part| 13 + part.3.len()).sum();
                    match datagram.number == hit {
                        true => on_time(&bytes[..length]),
                        false => on_time(bytes),
                    }
                });
                let mut pair = variant.pair(weather);
                let at = format!("{}, {kept} records of datagram {hit}", variant.name);
                pair.establish(60 * S)
                    .unwrap_or_else(|error| panic!("{at}: {error}"));
                pair.set_weather(Weather::clear());
                pair.exchange(b"ping", b"pong").unwrap();
            }
        }
    }
}
