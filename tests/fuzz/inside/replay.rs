//! The replay window beside a model of it that one can read; in DTLS 1.3 with numbers of which the
//! record tells the low bits only.

use super::input::Input;
use super::records::Protection;
use crate::crypto::{AeadAlgorithm, TAG_LEN};
use crate::record::{Opener, Record, Replay};
use crate::stats::DropReason;
use crate::wire::{
    ContentType, MAX_SEQUENCE, ProtocolVersion, RecordHeader, ShortSequence, UnifiedHeader,
};
use std::collections::BTreeSet;

/// At least what RFC 6347 §4.1.2.6 asks for must be remembered; what is this old need not be.
const WIDTH: u64 = 256;

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let is_13 = input.u8() % 2 == 1;
    let protection = match is_13 {
        true => Protection::Null13(2),
        false => Protection::Null12(AeadAlgorithm::ChaCha20Poly1305),
    };
    let (_, mut opener) = protection.ends();
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
        let (number, opened) = match (is_13, kind & 64) {
            (false, _) => (last, open12(&mut opener, last, authentic)),
            (true, bits) => {
                let (span, short) = match bits {
                    0 => (1 << 16, ShortSequence::Bits16(last as u16)),
                    _ => (1 << 8, ShortSequence::Bits8(last as u8)),
                };
                (
                    nearest(&seen, last, span),
                    open13(&mut opener, short, authentic),
                )
            }
        };
        // RFC 9147 §4.5.1: there the window is asked when the record has been opened.
        let expected = match is_13 && !authentic {
            true => Err(DropReason::BadMac),
            false => expected(&seen, number, authentic).map(|()| number),
        };
        assert_eq!(opened, expected, "{number} after {seen:?}");
        if opened.is_ok() {
            seen.insert(number);
        }
    }
}

/// RFC 9147 §4.2.2: of the numbers with these low bits the nearest to the one behind the highest; the
/// lower of two that are as near.
fn nearest(seen: &BTreeSet<u64>, low: u64, span: u64) -> u64 {
    let next = seen.last().map_or(0, |highest| highest + 1);
    let down = next.wrapping_sub(low) % span;
    let up = low.wrapping_sub(next) % span;
    let above = next + up;
    match next.checked_sub(down) {
        Some(below) if down <= up || above > MAX_SEQUENCE => below,
        _ => above,
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

fn open12(opener: &mut Opener, sequence: u64, authentic: bool) -> Result<u64, DropReason> {
    let mut fragment = [u8::from(!authentic); 1 + TAG_LEN];
    let header = RecordHeader {
        content_type: ContentType::APPLICATION_DATA,
        version: ProtocolVersion::DTLS1_2,
        epoch: 1,
        sequence,
        length: fragment.len() as u16,
    };
    open(opener, Record::Full(header, &mut fragment))
}

fn open13(
    opener: &mut Opener,
    sequence: ShortSequence,
    authentic: bool,
) -> Result<u64, DropReason> {
    let mut fragment = [u8::from(!authentic); 2 + TAG_LEN];
    fragment[1] = ContentType::APPLICATION_DATA.0;
    let header = UnifiedHeader {
        epoch: 2,
        sequence,
        length: None,
    };
    open(opener, Record::Unified(header, &mut fragment))
}

/// The number that a record has.
fn open(opener: &mut Opener, record: Record<'_>) -> Result<u64, DropReason> {
    opener
        .open(record, Replay::Window)
        .map(|opened| opened.sequence)
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let steps: [Vec<u8>; 4] = [
        (0..64).flat_map(|_| [0, 1]).collect(),
        vec![
            0, 200, 0, 200, 1, 255, 1, 145, 1, 1, 0, 1, 128, 5, 5, 0, 1, 255, 4, 1,
        ],
        // Half a span ahead, and back.
        vec![
            2, 127, 2, 128, 0, 127, 3, 128, 3, 127, 66, 1, 66, 0, 64, 127, 64, 128, 65, 129,
        ],
        (0..60).flat_map(|_| [2, 120, 60, 120, 64, 100]).collect(),
    ];
    let versions = [0, 1].into_iter();
    versions
        .flat_map(|version| {
            steps
                .iter()
                .map(move |steps| [&[version], &steps[..]].concat())
        })
        .collect()
}
