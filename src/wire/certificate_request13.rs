//! CertificateRequest of DTLS 1.3 (RFC 8446 §4.3.2).

use super::extensions::{certificate_authorities, extension, for_each};
use super::{Body, ExtensionType, HandshakeType, SignatureScheme};
use crate::codec::{self, Reader, Writer};

/// The server asks who the client is.
#[derive(Debug)]
pub(crate) struct CertificateRequest13 {
    /// Empty in the main handshake.
    pub(crate) context: Vec<u8>,
    /// The extension signature_algorithms, which must be there.
    pub(crate) schemes: Option<Vec<SignatureScheme>>,
}

impl Body for CertificateRequest13 {
    const TYPE: HandshakeType = HandshakeType::CERTIFICATE_REQUEST;

    fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        let context = reader.vec8()?.to_vec();
        let mut schemes = None;
        for_each(reader.vec16()?, |typ, body| {
            if typ == ExtensionType::SIGNATURE_ALGORITHMS {
                let list = Reader::whole(body, Reader::u16_list)?;
                schemes = Some(list.into_iter().map(SignatureScheme).collect());
            }
            if typ == ExtensionType::CERTIFICATE_AUTHORITIES {
                certificate_authorities(body)?;
            }
            Ok(())
        })?;
        Ok(CertificateRequest13 { context, schemes })
    }

    fn write(&self, writer: &mut Writer) {
        writer.vec8(|w| w.bytes(&self.context));
        writer.vec16(|w| {
            if let Some(schemes) = &self.schemes {
                extension(w, ExtensionType::SIGNATURE_ALGORITHMS, |w| {
                    w.u16_list(schemes.iter().map(|scheme| scheme.0));
                });
            }
        });
    }
}
