//! The replay window beside a model of it that one can read.

use super::input::Input;
use super::records::epoch_one;
use crate::crypto::{AeadAlgorithm, TAG_LEN};
use crate::record::{Record, Replay};
use crate::stats::DropReason;
use crate::wire::{ContentType, MAX_SEQUENCE, ProtocolVersion, RecordHeader};
use std::collections::BTreeSet;

/// At least what RFC 6347 §4.1.2.6 asks for must be remembered; what is this old need not be.
const WIDTH: u64 = 256;

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (_, mut opener) = epoch_one(AeadAlgorithm::ChaCha20Poly1305);
    let mut seen = BTreeSet::new();
    let mut last: u64 = 0;
    while !input.is_empty() {
        let [kind, distance] = [input.u8(), input.u8()];
        let distance = u64::from(distance);
        last = match kind % 6 {
            0 => last.saturating_add(distance),
            1 => last.saturating_sub(distance),
            2 => last.saturating_add(distance << 8),
            3 => last.saturating_sub(distance << 8),
            4 => distance << 40,
            _ => MAX_SEQUENCE.saturating_sub(distance),
        }
        .min(MAX_SEQUENCE);
        let authentic = kind < 128;
        let expected = expected(&seen, last, authentic);
        assert_eq!(
            open(&mut opener, last, authentic),
            expected,
            "{last} after {seen:?}"
        );
        if expected.is_ok() {
            seen.insert(last);
        }
    }
}

fn expected(seen: &BTreeSet<u64>, sequence: u64, authentic: bool) -> Result<(), DropReason> {
    let highest = seen.last().copied();
    if highest.is_some_and(|highest| highest >= sequence + WIDTH) {
        Err(DropReason::TooOld)
    } else if seen.contains(&sequence) {
        Err(DropReason::Replay)
    } else if authentic {
        Ok(())
    } else {
        Err(DropReason::BadMac)
    }
}

fn open(
    opener: &mut crate::record::Opener,
    sequence: u64,
    authentic: bool,
) -> Result<(), DropReason> {
    let mut fragment = [u8::from(!authentic); 1 + TAG_LEN];
    let header = RecordHeader {
        content_type: ContentType::APPLICATION_DATA,
        version: ProtocolVersion::DTLS1_2,
        epoch: 1,
        sequence,
        length: fragment.len() as u16,
    };
    opener
        .open(Record::Full(header, &mut fragment), Replay::Window)
        .map(drop)
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    vec![
        (0..64).flat_map(|_| [0, 1]).collect(),
        vec![
            0, 200, 0, 200, 1, 255, 1, 145, 1, 1, 0, 1, 128, 5, 5, 0, 1, 255, 4, 1,
        ],
    ]
}
