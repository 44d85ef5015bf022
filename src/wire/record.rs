//! The record header: DTLSPlaintext and DTLSCiphertext (RFC 6347 §4.3.1).

use super::{ContentType, ProtocolVersion};
use crate::codec::{self, Reader, Writer};

/// Bytes of a record header.
pub(crate) const RECORD_HEADER: usize = 13;

/// Most bytes that a record may carry before protection (RFC 5246 §6.2.1).
pub(crate) const MAX_PLAINTEXT: usize = 1 << 14;

/// Most bytes that a record may carry under protection (RFC 5246 §6.2.3).
pub(crate) const MAX_CIPHERTEXT: usize = MAX_PLAINTEXT + 2048;

/// The same in DTLS 1.3 (RFC 8446 §5.2).
pub(crate) const MAX_CIPHERTEXT13: usize = MAX_PLAINTEXT + 256;

/// The last sequence number of an epoch: they have 48 bits and MUST NOT wrap (RFC 6347 §4.1).
pub(crate) const MAX_SEQUENCE: u64 = (1 << 48) - 1;

/// What stands before a record's fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) content_type: ContentType,
    pub(crate) version: ProtocolVersion,
    pub(crate) epoch: u16,
    pub(crate) sequence: u64,
    pub(crate) length: u16,
}

impl RecordHeader {
    pub(crate) fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        Ok(RecordHeader {
            content_type: ContentType(reader.u8()?),
            version: ProtocolVersion(reader.u16()?),
            epoch: reader.u16()?,
            sequence: reader.u48()?,
            length: reader.u16()?,
        })
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.u8(self.content_type.0);
        writer.u16(self.version.0);
        writer.u16(self.epoch);
        writer.u48(self.sequence);
        writer.u16(self.length);
    }

    /// Epoch and sequence number as the one 64-bit number of RFC 6347 §4.1.2.1.
    pub(crate) fn number(&self) -> u64 {
        u64::from(self.epoch) << 48 | self.sequence
    }
}
