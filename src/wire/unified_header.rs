//! The unified header of DTLS 1.3's protected records (RFC 9147 §4).
//!
//! ```text
//!  0 1 2 3 4 5 6 7
//! +-+-+-+-+-+-+-+-+
//! |0|0|1|C|S|L|E E|
//! +-+-+-+-+-+-+-+-+
//! ```

use super::MAX_SEQUENCE;
use crate::codec::{self, DecodeError, Reader};

/// The three high bits, and their value in every unified header.
const FIXED_BITS: u8 = 0b1110_0000;
const FIXED: u8 = 0b0010_0000;
/// A connection ID is present.
const C: u8 = 0b0001_0000;
/// The sequence number has 16 bits.
const S: u8 = 0b0000_1000;
/// The length is present.
const L: u8 = 0b0000_0100;
/// The low bits of the epoch.
const E: u8 = 0b0000_0011;

/// The longest header that is written here.
const LONGEST: usize = 5;

/// What stands before a protected record's ciphertext.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnifiedHeader {
    /// The two low bits.
    pub(crate) epoch: u8,
    /// On the wire this is encrypted.
    pub(crate) sequence: ShortSequence,
    /// Without one the record reaches to the end of its datagram.
    pub(crate) length: Option<u16>,
}

/// The low bits of a sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShortSequence {
    Bits8(u8),
    Bits16(u16),
}

impl UnifiedHeader {
    /// Bytes of a header with a sequence number of 16 bits and a length, which is how they are sent.
    pub(crate) const SENT: usize = LONGEST;

    pub(crate) fn is_one(first_byte: u8) -> bool {
        first_byte & FIXED_BITS == FIXED
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        let first = reader.u8()?;
        // RFC 9147 §4: none was negotiated, so there must be none.
        if !Self::is_one(first) || first & C != 0 {
            return Err(DecodeError::IllegalValue);
        }
        Ok(UnifiedHeader {
            epoch: first & E,
            sequence: match first & S {
                0 => ShortSequence::Bits8(reader.u8()?),
                _ => ShortSequence::Bits16(reader.u16()?),
            },
            length: match first & L {
                0 => None,
                _ => Some(reader.u16()?),
            },
        })
    }

    pub(crate) fn encode(&self) -> EncodedHeader {
        let (s, sequence) = match &self.sequence {
            ShortSequence::Bits8(bits) => (0, [Some(*bits), None]),
            ShortSequence::Bits16(bits) => (S, bits.to_be_bytes().map(Some)),
        };
        let (l, length) = match self.length {
            None => (0, [None, None]),
            Some(length) => (L, length.to_be_bytes().map(Some)),
        };
        let first = FIXED | s | l | (self.epoch & E);
        let all = [Some(first)].into_iter().chain(sequence).chain(length);
        let mut encoded = EncodedHeader::default();
        for (to, from) in encoded.bytes.iter_mut().zip(all.flatten()) {
            *to = from;
            encoded.length = encoded.length.saturating_add(1);
        }
        encoded
    }
}

/// A header's bytes.
#[derive(Default)]
pub(crate) struct EncodedHeader {
    bytes: [u8; LONGEST],
    length: usize,
}

impl EncodedHeader {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl ShortSequence {
    /// Encrypts or decrypts: both are an exclusive or (RFC 9147 §4.2.3).
    pub(crate) fn masked(self, mask: [u8; 2]) -> Self {
        match self {
            ShortSequence::Bits8(bits) => ShortSequence::Bits8(bits ^ mask[0]),
            ShortSequence::Bits16(bits) => ShortSequence::Bits16(bits ^ u16::from_be_bytes(mask)),
        }
    }

    /// The whole number: of those with these low bits the one nearest to `expected`, which is one more
    /// than the highest of the epoch (RFC 9147 §4.2.2).
    pub(crate) fn expand(self, expected: u64) -> u64 {
        let (bits, span): (u64, u64) = match self {
            ShortSequence::Bits8(bits) => (u64::from(bits), 1 << 8),
            ShortSequence::Bits16(bits) => (u64::from(bits), 1 << 16),
        };
        let here = expected & !span.saturating_sub(1) | bits;
        let candidates = [here.checked_sub(span), Some(here), here.checked_add(span)];
        candidates
            .into_iter()
            .flatten()
            .filter(|number| *number <= MAX_SEQUENCE)
            .min_by_key(|number| number.abs_diff(expected))
            .unwrap_or(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_is_read_and_written() {
        for sequence in [ShortSequence::Bits8(7), ShortSequence::Bits16(0x0807)] {
            for length in [None, Some(0x0102)] {
                for epoch in 0..4 {
                    let header = UnifiedHeader {
                        epoch,
                        sequence,
                        length,
                    };
                    let encoded = header.encode();
                    let read = Reader::whole(encoded.as_bytes(), UnifiedHeader::read);
                    assert_eq!(read, Ok(header));
                }
            }
        }
        let sent = UnifiedHeader {
            epoch: 3,
            sequence: ShortSequence::Bits16(1),
            length: Some(2),
        };
        assert_eq!(sent.encode().as_bytes(), [0b0010_1111, 0, 1, 0, 2]);
    }

    #[test]
    fn b15_connection_ids_and_other_fixed_bits_are_refused() {
        for first in 0..=u8::MAX {
            let read = UnifiedHeader::read(&mut Reader::new(&[first, 0, 0, 0, 0]));
            assert_eq!(
                read.is_ok(),
                first & 0b1111_0000 == 0b0010_0000,
                "{first:08b}"
            );
        }
    }

    proptest! {
        /// Whatever is near enough is found again.
        #[test]
        fn b10_the_nearest_number_is_found(expected in 0..=MAX_SEQUENCE, off in -100_i64..=100) {
            let sequence = expected.saturating_add_signed(off).min(MAX_SEQUENCE);
            let short = ShortSequence::Bits8((sequence & 0xff) as u8);
            prop_assert_eq!(short.expand(expected), sequence);
            let short = ShortSequence::Bits16((sequence & 0xffff) as u16);
            prop_assert_eq!(short.expand(expected), sequence);
        }

        #[test]
        fn b10_no_number_is_too_large(bits: u16, expected in MAX_SEQUENCE - 70_000..=MAX_SEQUENCE + 1) {
            prop_assert!(ShortSequence::Bits16(bits).expand(expected) <= MAX_SEQUENCE);
            prop_assert!(ShortSequence::Bits8(bits as u8).expand(expected) <= MAX_SEQUENCE);
        }
    }
}
