//! NewSessionTicket (RFC 5077 §3.3).

use super::{Body, HandshakeType};
use crate::codec::{self, Reader, Writer};

/// The server's state, sealed, for the client to keep.
#[derive(Debug)]
pub(crate) struct NewSessionTicket {
    /// For how many seconds the server will know it; zero says nothing.
    pub(crate) lifetime_hint: u32,
    /// Empty where the server changed its mind.
    pub(crate) ticket: Vec<u8>,
}

impl Body for NewSessionTicket {
    const TYPE: HandshakeType = HandshakeType::NEW_SESSION_TICKET;

    fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        Ok(NewSessionTicket {
            lifetime_hint: reader.u32()?,
            ticket: reader.vec16()?.to_vec(),
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.u32(self.lifetime_hint);
        writer.vec16(|w| w.bytes(&self.ticket));
    }
}
