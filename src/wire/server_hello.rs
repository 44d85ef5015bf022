//! ServerHello (RFC 5246 §7.4.1.3).

use super::{Body, CipherSuite, HandshakeType, ProtocolVersion, Random, ServerExtensions};
use crate::codec::{self, DecodeError, Reader, Writer};

/// The server chooses.
#[derive(Debug, Clone)]
pub(crate) struct ServerHello {
    pub(crate) version: ProtocolVersion,
    pub(crate) random: Random,
    pub(crate) session_id: Vec<u8>,
    pub(crate) cipher_suite: CipherSuite,
    pub(crate) compression_method: u8,
    pub(crate) extensions: ServerExtensions,
}

impl Body for ServerHello {
    const TYPE: HandshakeType = HandshakeType::SERVER_HELLO;

    fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        let version = ProtocolVersion(reader.u16()?);
        let random = reader.array()?;
        let session_id = reader.vec8()?.to_vec();
        if session_id.len() > 32 {
            return Err(DecodeError::BadLength);
        }
        Ok(ServerHello {
            version,
            random,
            session_id,
            cipher_suite: CipherSuite(reader.u16()?),
            compression_method: reader.u8()?,
            extensions: match reader.is_empty() {
                true => ServerExtensions::default(),
                false => ServerExtensions::decode(reader.vec16()?)?,
            },
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.u16(self.version.0);
        writer.bytes(&self.random);
        writer.vec8(|w| w.bytes(&self.session_id));
        writer.u16(self.cipher_suite.0);
        writer.u8(self.compression_method);
        self.extensions.write(writer);
    }
}
