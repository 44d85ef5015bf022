//! HelloVerifyRequest (RFC 6347 §4.2.1).

use super::{Body, HandshakeType, ProtocolVersion};
use crate::codec::{self, Reader, Writer};

/// The server asks the client to come again with this cookie.
#[derive(Debug)]
pub(crate) struct HelloVerifyRequest {
    /// Tells the format only and takes no part in negotiation (RFC 6347 §4.2.1).
    pub(crate) version: ProtocolVersion,
    pub(crate) cookie: Vec<u8>,
}

impl Body for HelloVerifyRequest {
    const TYPE: HandshakeType = HandshakeType::HELLO_VERIFY_REQUEST;

    fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        Ok(HelloVerifyRequest {
            version: ProtocolVersion(reader.u16()?),
            cookie: reader.vec8()?.to_vec(),
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.u16(self.version.0);
        writer.vec8(|w| w.bytes(&self.cookie));
    }
}
