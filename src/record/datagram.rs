//! From a datagram to its records.

use crate::codec::{Reader, Writer};
use crate::stats::DropReason;
use crate::wire::{RECORD_HEADER, RecordHeader, UnifiedHeader};

/// A record as it stands in a datagram.
pub(crate) enum Record<'a> {
    /// With the header that tells all: everything of DTLS 1.2, and what DTLS 1.3 does not protect.
    Full(RecordHeader, &'a mut [u8]),
    /// With the unified header, under which DTLS 1.3 hides even the number.
    Unified(UnifiedHeader, &'a mut [u8]),
}

impl Record<'_> {
    pub(crate) fn bytes_on_the_wire(&self) -> usize {
        match self {
            Record::Full(_, fragment) => RECORD_HEADER.saturating_add(fragment.len()),
            Record::Unified(header, fragment) => {
                let header = header.encode().as_bytes().len();
                header.saturating_add(fragment.len())
            }
        }
    }

    /// As it stands on the wire.
    pub(crate) fn encode(&self) -> Vec<u8> {
        Writer::bytes_of(|w| match self {
            Record::Full(header, fragment) => {
                header.write(w);
                w.bytes(fragment);
            }
            Record::Unified(header, fragment) => {
                w.bytes(header.encode().as_bytes());
                w.bytes(fragment);
            }
        })
    }
}

#[cfg(test)]
impl<'a> Record<'a> {
    pub(crate) fn full(self) -> (RecordHeader, &'a mut [u8]) {
        match self {
            Record::Full(header, fragment) => (header, fragment),
            Record::Unified(header, _) => panic!("{header:?}"),
        }
    }
}

/// The records of a datagram, one after another (RFC 6347 §4.1.1).
///
/// Where a record cannot be told from the next, the rest of the datagram is dropped with one
/// [`DropReason::MalformedRecord`]. A record that is bad in any other way does not end the others.
pub(crate) struct Records<'a> {
    rest: &'a mut [u8],
}

impl<'a> Records<'a> {
    pub(crate) fn new(datagram: &'a mut [u8]) -> Self {
        Records { rest: datagram }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, DropReason>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() {
            return None;
        }
        let Some((record, rest)) = split(rest) else {
            return Some(Err(DropReason::MalformedRecord));
        };
        self.rest = rest;
        Some(Ok(record))
    }
}

/// The first record, and what follows.
fn split(bytes: &mut [u8]) -> Option<(Record<'_>, &mut [u8])> {
    if UnifiedHeader::is_one(*bytes.first()?) {
        return split_unified(bytes);
    }
    let (header, rest) = bytes.split_at_mut_checked(RECORD_HEADER)?;
    let header = RecordHeader::read(&mut Reader::new(header)).ok()?;
    let (fragment, rest) = rest.split_at_mut_checked(header.length.into())?;
    Some((Record::Full(header, fragment), rest))
}

/// RFC 9147 §4: without a length the record reaches to the end of the datagram.
fn split_unified(bytes: &mut [u8]) -> Option<(Record<'_>, &mut [u8])> {
    let mut reader = Reader::new(bytes);
    let header = UnifiedHeader::read(&mut reader).ok()?;
    let rest = reader.rest().len();
    let (_, rest) = bytes.split_at_mut_checked(bytes.len().checked_sub(rest)?)?;
    let length = header.length.map_or(rest.len(), usize::from);
    let (fragment, rest) = rest.split_at_mut_checked(length)?;
    Some((Record::Unified(header, fragment), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Writer;
    use crate::wire::{ContentType, ProtocolVersion};

    fn record(sequence: u64, fragment: &[u8]) -> Vec<u8> {
        let header = RecordHeader {
            content_type: ContentType::HANDSHAKE,
            version: ProtocolVersion::DTLS1_2,
            epoch: 0,
            sequence,
            length: fragment.len().try_into().unwrap(),
        };
        Writer::bytes_of(|w| {
            header.write(w);
            w.bytes(fragment);
        })
    }

    fn read(mut datagram: Vec<u8>) -> Vec<Result<(u64, Vec<u8>), DropReason>> {
        Records::new(&mut datagram)
            .map(|record| record.map(Record::full))
            .map(|record| record.map(|(header, fragment)| (header.sequence, fragment.to_vec())))
            .collect()
    }

    #[test]
    fn records_come_one_after_another() {
        let datagram = [record(1, b"one"), record(2, b""), record(3, b"three")].concat();
        let records = [
            Ok((1, b"one".to_vec())),
            Ok((2, vec![])),
            Ok((3, b"three".to_vec())),
        ];
        assert_eq!(read(datagram), records);
        assert_eq!(read(vec![]), []);
    }

    #[test]
    fn b01_a_length_beyond_the_datagram_ends_it() {
        let mut datagram = [record(1, b"one"), record(2, b"two")].concat();
        datagram.pop();
        let records = [Ok((1, b"one".to_vec())), Err(DropReason::MalformedRecord)];
        assert_eq!(read(datagram), records);
    }

    #[test]
    fn a_header_that_is_cut_off_ends_the_datagram() {
        for length in 1..RECORD_HEADER {
            let header = &record(2, b"")[..length];
            let records = [Ok((1, b"one".to_vec())), Err(DropReason::MalformedRecord)];
            assert_eq!(read([&record(1, b"one"), header].concat()), records);
        }
    }
}
