//! NewSessionTicket of DTLS 1.3 (RFC 8446 §4.6.1).

use super::extensions::for_each;
use super::{Body, HandshakeType};
use crate::codec::{self, Reader, Writer};

/// A ticket with which to go on with the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewSessionTicket13 {
    /// For how many seconds.
    pub(crate) lifetime: u32,
    /// Hides the ticket's age from onlookers.
    pub(crate) age_add: u32,
    /// Tells the keys of the tickets of one connection apart.
    pub(crate) nonce: Vec<u8>,
    pub(crate) ticket: Vec<u8>,
}

impl Body for NewSessionTicket13 {
    const TYPE: HandshakeType = HandshakeType::NEW_SESSION_TICKET;

    fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        let message = NewSessionTicket13 {
            lifetime: reader.u32()?,
            age_add: reader.u32()?,
            nonce: reader.vec8()?.to_vec(),
            ticket: reader.vec16_not_empty()?.to_vec(),
        };
        for_each(reader.vec16()?, |_, _| Ok(()))?;
        Ok(message)
    }

    fn write(&self, writer: &mut Writer) {
        writer.u32(self.lifetime);
        writer.u32(self.age_add);
        writer.vec8(|w| w.bytes(&self.nonce));
        writer.vec16(|w| w.bytes(&self.ticket));
        writer.vec16(|_| {});
    }
}
