//! The handshake header with its fragment fields (RFC 6347 §4.2.2).

use super::HandshakeType;
use crate::codec::{self, DecodeError, Reader, Writer};

/// Bytes of a handshake header.
pub(crate) const HANDSHAKE_HEADER: usize = 12;

/// What stands before a fragment of a handshake message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HandshakeHeader {
    pub(crate) typ: HandshakeType,
    /// Of the whole message.
    pub(crate) length: u32,
    pub(crate) message_seq: u16,
    pub(crate) fragment_offset: u32,
    pub(crate) fragment_length: u32,
}

impl HandshakeHeader {
    /// The header of a message sent as a single fragment, which is what transcripts hash (RFC 6347 §4.2.6).
    pub(crate) fn whole(typ: HandshakeType, message_seq: u16, length: u32) -> Self {
        HandshakeHeader {
            typ,
            length,
            message_seq,
            fragment_offset: 0,
            fragment_length: length,
        }
    }

    /// A header and the fragment behind it. A fragment that reaches beyond its message is an error.
    pub(crate) fn read_fragment<'a>(reader: &mut Reader<'a>) -> codec::Result<(Self, &'a [u8])> {
        let header = HandshakeHeader {
            typ: HandshakeType(reader.u8()?),
            length: reader.u24()?,
            message_seq: reader.u16()?,
            fragment_offset: reader.u24()?,
            fragment_length: reader.u24()?,
        };
        let end = header.fragment_offset.checked_add(header.fragment_length);
        if end.is_none_or(|end| end > header.length) {
            return Err(DecodeError::BadLength);
        }
        let length = usize::try_from(header.fragment_length).map_err(|_| DecodeError::BadLength)?;
        Ok((header, reader.take(length)?))
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.fragment_offset == 0 && self.fragment_length == self.length
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.u8(self.typ.0);
        writer.u24(self.length);
        writer.u16(self.message_seq);
        writer.u24(self.fragment_offset);
        writer.u24(self.fragment_length);
    }
}
