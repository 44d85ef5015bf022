//! ClientHello (RFC 6347 §4.2.1).

use super::{Body, CipherSuite, ClientExtensions, HandshakeType, ProtocolVersion, Random};
use crate::codec::{self, DecodeError, Reader, Writer};

/// The client opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientHello {
    pub(crate) version: ProtocolVersion,
    pub(crate) random: Random,
    pub(crate) session_id: Vec<u8>,
    pub(crate) cookie: Vec<u8>,
    pub(crate) cipher_suites: Vec<CipherSuite>,
    pub(crate) compression_methods: Vec<u8>,
    pub(crate) extensions: ClientExtensions,
}

impl ClientHello {
    /// Whether the client speaks this version. One that names none in an extension speaks what its hello says,
    /// and what is older (RFC 8446 §4.2.1).
    pub(crate) fn offers(&self, version: ProtocolVersion) -> bool {
        match &self.extensions.supported_versions {
            Some(versions) => versions.contains(&version),
            // Versions count downwards: an older one has a larger number.
            None => version != ProtocolVersion::DTLS1_3 && self.version <= version,
        }
    }
}

/// A ClientHello's fields where they stand, for a gate that must not allocate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientHelloFields<'a> {
    pub(crate) version: ProtocolVersion,
    pub(crate) random: &'a [u8],
    pub(crate) session_id: &'a [u8],
    pub(crate) cookie: &'a [u8],
    pub(crate) cipher_suites: &'a [u8],
    pub(crate) compression_methods: &'a [u8],
    /// The content of the extensions block; `None` where there is no block.
    pub(crate) extensions: Option<&'a [u8]>,
}

impl<'a> ClientHelloFields<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> codec::Result<Self> {
        Ok(ClientHelloFields {
            version: ProtocolVersion(reader.u16()?),
            random: reader.take(32)?,
            session_id: at_most_32(reader.vec8()?)?,
            cookie: reader.vec8()?,
            cipher_suites: pairs(reader.vec16_not_empty()?)?,
            compression_methods: reader.vec8_not_empty()?,
            extensions: if reader.is_empty() {
                None
            } else {
                Some(reader.vec16()?)
            },
        })
    }
}

fn at_most_32(bytes: &[u8]) -> codec::Result<&[u8]> {
    if bytes.len() <= 32 {
        Ok(bytes)
    } else {
        Err(DecodeError::BadLength)
    }
}

fn pairs(bytes: &[u8]) -> codec::Result<&[u8]> {
    if bytes.len() % 2 == 0 {
        Ok(bytes)
    } else {
        Err(DecodeError::BadLength)
    }
}

impl Body for ClientHello {
    const TYPE: HandshakeType = HandshakeType::CLIENT_HELLO;

    fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        let fields = ClientHelloFields::read(reader)?;
        Ok(ClientHello {
            version: fields.version,
            random: fields
                .random
                .try_into()
                .map_err(|_| DecodeError::Truncated)?,
            session_id: fields.session_id.to_vec(),
            cookie: fields.cookie.to_vec(),
            cipher_suites: fields
                .cipher_suites
                .chunks_exact(2)
                .filter_map(|pair| pair.try_into().ok())
                .map(|pair| CipherSuite(u16::from_be_bytes(pair)))
                .collect(),
            compression_methods: fields.compression_methods.to_vec(),
            extensions: ClientExtensions::decode(fields.extensions.unwrap_or_default())?,
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.u16(self.version.0);
        writer.bytes(&self.random);
        writer.vec8(|w| w.bytes(&self.session_id));
        writer.vec8(|w| w.bytes(&self.cookie));
        writer.u16_list(self.cipher_suites.iter().map(|suite| suite.0));
        writer.vec8(|w| w.bytes(&self.compression_methods));
        self.extensions.write(writer);
    }
}
