//! ACK (RFC 9147 §7).

use crate::codec::{self, Reader, Writer};

/// Bytes of the list's length, and of one of its members.
const LENGTH: usize = 2;
const RECORD_NUMBER: usize = 16;

/// A record's epoch and its number therein (RFC 9147 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RecordNumber {
    pub(crate) epoch: u64,
    pub(crate) sequence: u64,
}

/// The records that arrived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) record_numbers: Vec<RecordNumber>,
}

impl Ack {
    /// How many records can be listed in so many bytes.
    pub(crate) fn most_records_in(bytes: usize) -> usize {
        bytes
            .saturating_sub(LENGTH)
            .checked_div(RECORD_NUMBER)
            .unwrap_or(0)
    }

    pub(crate) fn decode(bytes: &[u8]) -> codec::Result<Self> {
        let mut list = Reader::new(Reader::whole(bytes, Reader::vec16)?);
        let mut record_numbers = Vec::new();
        while !list.is_empty() {
            record_numbers.push(RecordNumber {
                epoch: list.u64()?,
                sequence: list.u64()?,
            });
        }
        Ok(Ack { record_numbers })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        Writer::bytes_of(|w| {
            w.vec16(|w| {
                for number in &self.record_numbers {
                    w.u64(number.epoch);
                    w.u64(number.sequence);
                }
            });
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9147 §7: two bytes of length, and sixteen for each record; none is a list, too.
    #[test]
    fn a_list_is_read_as_it_is_written() {
        for records in 0..4 {
            let number = |sequence: u64| RecordNumber {
                epoch: 2,
                sequence: sequence << 40,
            };
            let ack = Ack {
                record_numbers: (0..records).map(number).collect(),
            };
            let bytes = ack.encode();
            let length = bytes.len();
            assert_eq!(length, 2 + 16 * ack.record_numbers.len());
            assert_eq!(Ack::most_records_in(length), ack.record_numbers.len());
            assert_eq!(Ack::most_records_in(length + 15), ack.record_numbers.len());
            assert_eq!(Ack::decode(&bytes), Ok(ack));
        }
        assert!(Ack::decode(&[0, 15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
    }
}
