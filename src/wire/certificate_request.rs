//! CertificateRequest (RFC 5246 §7.4.4).

use super::{Body, HandshakeType, SignatureScheme};
use crate::codec::{self, Reader, Writer};

/// Kinds of client certificate (RFC 5246 §7.4.4, RFC 8422 §5.5).
pub(crate) const RSA_SIGN: u8 = 1;
pub(crate) const ECDSA_SIGN: u8 = 64;

/// The server asks who the client is.
#[derive(Debug)]
pub(crate) struct CertificateRequest {
    pub(crate) schemes: Vec<SignatureScheme>,
}

impl Body for CertificateRequest {
    const TYPE: HandshakeType = HandshakeType::CERTIFICATE_REQUEST;

    fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        // What the kinds would tell, the signature schemes tell better.
        reader.vec8_not_empty()?;
        let schemes = reader
            .u16_list()?
            .into_iter()
            .map(SignatureScheme)
            .collect();
        let mut names = Reader::new(reader.vec16()?);
        // Chains are chosen without them.
        while !names.is_empty() {
            names.vec16()?;
        }
        Ok(CertificateRequest { schemes })
    }

    fn write(&self, writer: &mut Writer) {
        writer.vec8(|w| w.bytes(&[ECDSA_SIGN, RSA_SIGN]));
        writer.u16_list(self.schemes.iter().map(|scheme| scheme.0));
        // No authorities: any will do.
        writer.vec16(|_| ());
    }
}
