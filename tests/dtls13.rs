//! What DTLS 1.3 has behind the handshake, and what becomes of its hello elsewhere, in virtual time.
#![cfg(feature = "x509")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use common::{NAME, VARIANTS, Variant, of_13};
use flightline::lab::{Arrival, Datagram, End, KeysOf, Pair, Weather};
use flightline::{ClientSession, ClientSessions, ProtocolVersion, Retransmission, ServerName};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const S: Duration = Duration::from_secs(1);

fn variant(name: &str) -> &'static Variant {
    VARIANTS.iter().find(|v| v.name == name).unwrap()
}

/// All arrives that is not lost.
fn losing(mut is_lost: impl FnMut(&Datagram) -> bool + Send + 'static) -> Weather {
    Weather::new(move |datagram| match is_lost(&datagram) {
        true => Vec::new(),
        false => vec![Arrival {
            after: S / 100,
            bytes: datagram.bytes,
        }],
    })
}

/// Lets the client send its last flight.
fn last_flight(pair: &mut Pair) {
    while pair.resumed(End::Client).is_none() {
        assert!(pair.step());
    }
}

fn pass(pair: &mut Pair, time: Duration) {
    let until = pair.now() + time;
    while pair.now() < until && pair.step() {}
}

fn assert_alive(pair: &mut Pair, at: &str) {
    for end in [End::Client, End::Server] {
        let failure = pair.failure(end).map(ToString::to_string);
        assert_eq!(failure, None, "{at}, {end:?}");
    }
    pair.exchange(b"request", b"response")
        .unwrap_or_else(|error| panic!("{at}: {error}"));
}

/// Keys are updated by either side, and by both, as often as one likes.
#[test]
fn keys_are_updated_in_mid_traffic() {
    for variant in of_13() {
        let mut pair = variant.pair(Weather::clear());
        pair.establish(Duration::from_secs(60)).unwrap();
        for round in 0_u32..20 {
            let end = if round % 2 == 0 {
                End::Client
            } else {
                End::Server
            };
            let of = if round % 3 == 0 {
                KeysOf::BothSides
            } else {
                KeysOf::OneSide
            };
            pair.update_keys(end, of).unwrap();
            pair.exchange(&round.to_be_bytes(), b"answer").unwrap();
            while pair.step() {}
            pair.exchange(&round.to_be_bytes(), b"answer").unwrap();
        }
        for end in [End::Client, End::Server] {
            assert_eq!(
                pair.failure(end).map(ToString::to_string),
                None,
                "{}",
                variant.name
            );
            assert_eq!(pair.stats(end).flights_resent, 0, "{}", variant.name);
        }
    }
}

/// Lets everything arrive but the datagrams whose bits are set, and keeps a copy of all.
fn recorded(lost: u64) -> (Weather, Arc<Mutex<Vec<Datagram>>>) {
    let sent = Arc::<Mutex<Vec<Datagram>>>::default();
    let copies = sent.clone();
    let weather = Weather::new(move |datagram| {
        copies.lock().unwrap().push(datagram.clone());
        let is_lost = datagram.number < 64 && lost >> datagram.number & 1 == 1;
        let arrival = Arrival {
            after: Duration::from_millis(10),
            bytes: datagram.bytes,
        };
        (!is_lost).then_some(arrival).into_iter().collect()
    });
    (weather, sent)
}

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const ACK: u8 = 26;

/// The first record of a datagram: its number and fragment if it is plaintext; and what follows.
fn split(bytes: &[u8]) -> (Option<(u64, &[u8])>, &[u8]) {
    let first = bytes[0];
    if first >> 5 == 1 {
        // RFC 9147 §4: no connection ID; a number of 16 bits, and a length.
        assert_eq!(first & 0b1_1100, 0b0_1100);
        let length = usize::from(u16::from_be_bytes([bytes[3], bytes[4]]));
        // §4.2.3: long enough for the mask.
        assert!(length >= 16);
        return (None, &bytes[5 + length..]);
    }
    // §5: no ChangeCipherSpec; §4.1: nothing else is plaintext.
    assert!([ALERT, HANDSHAKE, ACK].contains(&first), "{first}");
    assert_eq!(bytes[3..5], [0, 0], "the epoch");
    let number = u64::from_be_bytes(bytes[3..11].try_into().unwrap());
    let length = usize::from(u16::from_be_bytes([bytes[11], bytes[12]]));
    let (fragment, rest) = bytes[13..].split_at(length);
    (Some((number, fragment)), rest)
}

/// RFC 9147 §4: the form of whatever is sent, first and again. §4.2.1: what is sent again in the clear is so
/// when there are keys already, and in records with new numbers. §5.2: messages keep their own numbers.
#[test]
fn every_record_has_the_form_of_its_epoch() {
    let mut again_in_the_clear = 0;
    for variant in of_13() {
        for lost in 0..1 << 7 {
            let at = format!("{}, drop pattern {lost:#b}", variant.name);
            let (weather, sent) = recorded(lost);
            let mut pair = variant.pair(weather);
            pair.establish(Duration::from_secs(60)).expect(&at);
            let (weather, sent_later) = recorded(0);
            pair.set_weather(weather);
            pair.exchange(b"ping", b"pong").expect(&at);
            let sent = sent.lock().unwrap();
            let sent_later = sent_later.lock().unwrap();
            let (mut numbers, mut has_keys) = (BTreeSet::new(), BTreeSet::new());
            let mut hellos = BTreeSet::new();
            for datagram in sent.iter().chain(sent_later.iter()) {
                let mut bytes = &datagram.bytes[..];
                while !bytes.is_empty() {
                    let (typ, version) = (bytes[0], [bytes[1], bytes[2]]);
                    let (plaintext, rest) = split(bytes);
                    bytes = rest;
                    let Some((number, fragment)) = plaintext else {
                        has_keys.insert(datagram.from);
                        continue;
                    };
                    if typ != HANDSHAKE {
                        assert_eq!(version, [0xfe, 0xfd]);
                        assert!(numbers.insert((datagram.from, number)), "{at}");
                        continue;
                    }
                    let message_seq = [fragment[4], fragment[5]];
                    let is_first = datagram.from == End::Client && message_seq == [0, 0];
                    // §4: only the first hello may claim to be of DTLS 1.0.
                    assert!(
                        version == [0xfe, 0xfd] || is_first && version == [0xfe, 0xff],
                        "{at}"
                    );
                    // The cookie exchange is stateless: the server copies the client's numbers.
                    let is_stateless = datagram.from == End::Server && message_seq == [0, 0];
                    assert!(
                        numbers.insert((datagram.from, number)) || is_stateless,
                        "{at}"
                    );
                    hellos.insert((datagram.from, message_seq, fragment[0]));
                    again_in_the_clear += usize::from(has_keys.contains(&datagram.from));
                }
            }
            // A client has one hello or two, and so has a server.
            assert!(hellos.len() <= 4, "{at}: {hellos:?}");
        }
    }
    assert!(again_in_the_clear > 0);
}

/// RFC 9147 §5.8.1: the client says its last flight again until it hears that it has arrived, and meanwhile
/// sends what it likes, and is heard.
#[test]
fn e11_p57_a_client_whose_last_flight_is_not_acknowledged_is_heard_all_the_same() {
    for variant in of_13() {
        let mut pair = variant.pair(Weather::clear());
        last_flight(&mut pair);
        pair.set_weather(losing(|datagram| datagram.from == End::Server));
        for message in 0..10_u8 {
            pass(&mut pair, S);
            pair.send(End::Client, &[message]).unwrap();
        }
        pass(&mut pair, S);
        let heard: Vec<_> = std::iter::from_fn(|| pair.received(End::Server)).collect();
        let sent: Vec<_> = (0..10_u8).map(|message| vec![message]).collect();
        assert_eq!(heard, sent, "{}", variant.name);
        let resent = |pair: &Pair| pair.stats(End::Client).flights_resent;
        assert!(resent(&pair) > 5, "{}", variant.name);

        pair.set_weather(Weather::clear());
        pass(&mut pair, 5 * S);
        let before = resent(&pair);
        pass(&mut pair, 100 * S);
        assert_eq!(resent(&pair), before, "{}", variant.name);
        assert_alive(&mut pair, variant.name);
        pair.update_keys(End::Client, KeysOf::BothSides).unwrap();
        pass(&mut pair, S);
        assert_alive(&mut pair, variant.name);
    }
}

/// RFC 9147 §5.8.1: a server that says its flight again has not heard ours, though we are done. Its timer tells us
/// that sooner than ours does.
#[test]
fn e05_a_client_whose_last_flight_was_lost_says_it_again_when_the_server_asks() {
    let patient = Retransmission {
        initial: 20 * S,
        maximum: 20 * S,
        ..Retransmission::RFC6347
    };
    for variant in of_13() {
        let pair_in = |weather: Weather| {
            variant.pair_set_up(
                |client| client.retransmission(patient),
                |server| server.retransmission(Retransmission::LOSSY),
                || weather,
            )
        };
        let mut pair = pair_in(losing(|_| false));
        let mut before = 0;
        while pair.resumed(End::Client).is_none() {
            before = pair.datagrams_sent();
            assert!(pair.step());
        }
        let last_flight = before..pair.datagrams_sent();
        assert!(!last_flight.is_empty());

        let mut pair = pair_in(losing(move |datagram| {
            datagram.from == End::Client && last_flight.contains(&datagram.number)
        }));
        pair.establish(60 * S).unwrap();
        let took = pair.now();
        // A quarter of our delay: so long answers to repetitions are held back.
        assert!(took < 6 * S, "{}: {took:?}", variant.name);
        assert_alive(&mut pair, variant.name);
        // Tickets are acknowledged as late as a quarter of our delay; then nobody says anything again.
        let resent = |pair: &Pair| [End::Client, End::Server].map(|e| pair.stats(e).flights_resent);
        pass(&mut pair, 10 * S);
        let before = resent(&pair);
        pass(&mut pair, 100 * S);
        assert_eq!(resent(&pair), before, "{}", variant.name);
    }
}

/// RFC 9147 §5.8.4: nobody waits for them, and what follows them brings them along.
#[test]
fn e12_tickets_that_are_lost_for_ever_end_nothing() {
    for variant in of_13() {
        let mut pair = variant.pair(Weather::clear());
        last_flight(&mut pair);
        // What comes first is the ACK of that.
        let mut of_server = 0;
        pair.set_weather(losing(move |datagram| {
            of_server += usize::from(datagram.from == End::Server);
            datagram.from == End::Server && of_server > 1
        }));
        pass(&mut pair, 500 * S);
        pair.set_weather(Weather::clear());
        assert_alive(&mut pair, variant.name);
        for end in [End::Server, End::Client] {
            pair.update_keys(end, KeysOf::BothSides).unwrap();
            pass(&mut pair, 5 * S);
            assert_alive(&mut pair, variant.name);
        }
    }
}

/// Counts the sessions that it forgets.
struct Counted(Arc<AtomicUsize>);

impl ClientSessions for Counted {
    fn put(&self, _: &ServerName, _: ClientSession) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn take(&self, _: &ServerName) -> Option<ClientSession> {
        None
    }
}

#[test]
fn g08_tickets_that_are_lost_come_again_and_count_once() {
    let variant = variant("DTLS 1.3, ECDSA");
    for lost in 0..6 {
        let kept = Arc::<AtomicUsize>::default();
        let client = variant.client().sessions(Counted(kept.clone()));
        let (client, server) = (client.build().unwrap(), variant.server().build().unwrap());
        let name = ServerName::new(NAME).unwrap();
        let mut pair = Pair::new(client, server, name, Weather::clear()).unwrap();
        last_flight(&mut pair);
        // Behind the ACK.
        let mut of_server = 0;
        pair.set_weather(losing(move |datagram| {
            of_server += usize::from(datagram.from == End::Server);
            datagram.from == End::Server && (2..2 + lost).contains(&of_server)
        }));
        pass(&mut pair, 100 * S);
        assert_eq!(kept.load(Ordering::Relaxed), 2, "{lost} lost");
        assert_alive(&mut pair, "afterwards");
    }
}

/// Every record in the clear has one of the four types that DTLS 1.2 knows, and all are.
fn assert_is_dtls_1_2(datagram: &Datagram) {
    let mut bytes = &datagram.bytes[..];
    while !bytes.is_empty() {
        assert!((20..=23).contains(&bytes[0]), "{bytes:02x?}");
        let length = usize::from(u16::from_be_bytes([bytes[11], bytes[12]]));
        bytes = &bytes[13 + length..];
    }
}

/// A hello for both versions is long, and a cookie makes it longer than its datagram; and until the version
/// is known, and in DTLS 1.2, nothing is acknowledged, whatever is lost.
#[test]
fn e10_p64_a_hello_for_both_versions_leads_to_dtls_1_2_where_that_is_all_there_is() {
    let both = [ProtocolVersion::DTLS1_3, ProtocolVersion::DTLS1_2];
    for name in ["ECDSA", "ECDHE_PSK", "ECDSA without cookie"] {
        let variant = variant(name);
        let run = |mtu: usize, pattern: u64| {
            let client = variant.client().versions(both).mtu(mtu).build().unwrap();
            let server = variant.server().mtu(mtu).build().unwrap();
            let weather = losing(move |datagram| {
                assert_is_dtls_1_2(datagram);
                datagram.number < 8 && pattern >> datagram.number & 1 == 1
            });
            let peer = ServerName::new(NAME).unwrap();
            let mut pair = Pair::new(client, server, peer, weather).unwrap();
            let at = format!("{name}, MTU {mtu}, drop pattern {pattern:#010b}");
            pair.establish(60 * S)
                .unwrap_or_else(|error| panic!("{at}: {error}"));
            pair.set_weather(Weather::clear());
            assert_alive(&mut pair, &at);
        };
        (128..420).for_each(|mtu| run(mtu, 0));
        for mtu in [128, 240, 300] {
            (0..1 << 8).for_each(|pattern| run(mtu, pattern));
        }
    }
}
