//! CertificateRequest (RFC 5246 §7.4.4).

use super::{Body, HandshakeType, SignatureScheme};
use crate::codec::{self, DecodeError, Reader, Writer};

/// Kinds of client certificate (RFC 5246 §7.4.4, RFC 8422 §5.5).
pub(crate) const RSA_SIGN: u8 = 1;
pub(crate) const ECDSA_SIGN: u8 = 64;

/// The server asks who the client is.
#[derive(Debug)]
pub(crate) struct CertificateRequest {
    pub(crate) schemes: Vec<SignatureScheme>,
    /// Distinguished names in DER; empty means any.
    pub(crate) authorities: Vec<Vec<u8>>,
}

impl Body for CertificateRequest {
    const TYPE: HandshakeType = HandshakeType::CERTIFICATE_REQUEST;

    fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        // What the kinds would tell, the signature schemes tell better.
        if reader.vec8()?.is_empty() {
            return Err(DecodeError::BadLength);
        }
        let schemes = reader
            .u16_list()?
            .into_iter()
            .map(SignatureScheme)
            .collect();
        let mut names = Reader::new(reader.vec16()?);
        let mut authorities = Vec::new();
        while !names.is_empty() {
            authorities.push(names.vec16()?.to_vec());
        }
        Ok(CertificateRequest {
            schemes,
            authorities,
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.vec8(|w| w.bytes(&[ECDSA_SIGN, RSA_SIGN]));
        writer.u16_list(self.schemes.iter().map(|scheme| scheme.0));
        writer.vec16(|w| {
            self.authorities
                .iter()
                .for_each(|name| w.vec16(|w| w.bytes(name)))
        });
    }
}
