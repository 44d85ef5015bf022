//! KeyUpdate (RFC 8446 §4.6.3).

use super::{Body, HandshakeType};
use crate::codec::{self, DecodeError, Reader, Writer};

/// The sender's next keys follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyUpdate {
    NotRequested,
    /// The receiver is asked for new keys of its own.
    Requested,
}

impl Body for KeyUpdate {
    const TYPE: HandshakeType = HandshakeType::KEY_UPDATE;

    fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        match reader.u8()? {
            0 => Ok(KeyUpdate::NotRequested),
            1 => Ok(KeyUpdate::Requested),
            _ => Err(DecodeError::IllegalValue),
        }
    }

    fn write(&self, writer: &mut Writer) {
        writer.u8(match self {
            KeyUpdate::NotRequested => 0,
            KeyUpdate::Requested => 1,
        });
    }
}
