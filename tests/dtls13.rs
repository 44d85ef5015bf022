//! What DTLS 1.3 has behind the handshake, in virtual time.
#![cfg(feature = "x509")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod common;

use common::VARIANTS;
use flightline::ProtocolVersion;
use flightline::lab::{End, KeysOf, Weather};
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
