//! What DTLS 1.3 has that DTLS 1.2 has not, in virtual time.
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

use common::VARIANTS;
use flightline::ProtocolVersion;
use flightline::lab::{Arrival, Datagram, End, KeysOf, Weather};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Keys are updated by either side, and by both, as often as one likes.
#[test]
fn keys_are_updated_in_mid_traffic() {
    for variant in VARIANTS
        .iter()
        .filter(|v| v.version == ProtocolVersion::DTLS1_3)
    {
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
    for variant in VARIANTS
        .iter()
        .filter(|v| v.version == ProtocolVersion::DTLS1_3)
    {
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
