//! ServerHello (RFC 5246 §7.4.1.3, RFC 8446 §4.1.3), and the HelloRetryRequest that looks like one.

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

/// What stands in a HelloRetryRequest for a random: the SHA-256 of "HelloRetryRequest" (RFC 8446 §4.1.3).
pub(crate) const HELLO_RETRY_REQUEST: Random = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// How the random of a server ends that speaks DTLS 1.3 and chose 1.2 (RFC 8446 §4.1.3).
pub(crate) const DOWNGRADE_TO_12: [u8; 8] = *b"DOWNGRD\x01";

/// How the random of one ends that speaks a newer version and chose what is older than 1.2.
const DOWNGRADE_TO_OLDER: [u8; 8] = *b"DOWNGRD\x00";

impl ServerHello {
    pub(crate) fn is_retry_request(&self) -> bool {
        self.random == HELLO_RETRY_REQUEST
    }

    /// The server would have spoken a newer version. RFC 8446 §4.1.3: a client looks for either sign, whatever
    /// the version is.
    pub(crate) fn is_marked_as_downgrade(&self) -> bool {
        let marks = [DOWNGRADE_TO_12, DOWNGRADE_TO_OLDER];
        marks.iter().any(|mark| self.random.ends_with(mark))
    }
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
