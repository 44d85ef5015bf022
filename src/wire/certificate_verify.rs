//! CertificateVerify (RFC 5246 §7.4.8).

use super::{Body, HandshakeType, SignatureScheme};
use crate::codec::{self, Reader, Writer};

/// A signature over the handshake so far: the certificate's key is at hand.
#[derive(Debug)]
pub(crate) struct CertificateVerify {
    pub(crate) scheme: SignatureScheme,
    pub(crate) signature: Vec<u8>,
}

impl Body for CertificateVerify {
    const TYPE: HandshakeType = HandshakeType::CERTIFICATE_VERIFY;

    fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        Ok(CertificateVerify {
            scheme: SignatureScheme(reader.u16()?),
            signature: reader.vec16()?.to_vec(),
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.u16(self.scheme.0);
        writer.vec16(|w| w.bytes(&self.signature));
    }
}
