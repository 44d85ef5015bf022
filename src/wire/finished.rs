//! Finished (RFC 5246 §7.4.9, RFC 8446 §4.4.4).

use super::{Body, HandshakeType};
use crate::codec::{self, Reader, Writer};

/// Proof that its sender saw this handshake and holds its secret.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) verify_data: Vec<u8>,
}

impl Body for Finished {
    const TYPE: HandshakeType = HandshakeType::FINISHED;

    fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        Ok(Finished {
            verify_data: reader.rest().to_vec(),
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.bytes(&self.verify_data);
    }
}
