//! Certificate of DTLS 1.3 (RFC 8446 §4.4.2).

use super::extensions::for_each;
use super::{Body, ExtensionType, HandshakeType};
use crate::codec::{self, Reader, Writer};

/// A chain of certificates in DER, the sender's own first. A client without one sends it empty.
#[derive(Debug)]
pub(crate) struct Certificate13 {
    /// Names the request that it answers; empty in the main handshake.
    pub(crate) context: Vec<u8>,
    pub(crate) chain: Vec<Vec<u8>>,
    /// Every type of extension that any entry had: none was asked for.
    pub(crate) extensions: Vec<ExtensionType>,
}

impl Body for Certificate13 {
    const TYPE: HandshakeType = HandshakeType::CERTIFICATE;

    fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        let context = reader.vec8()?.to_vec();
        let list = Reader::new(reader.vec24()?);
        let mut extensions = Vec::new();
        let chain = list.items(|list| {
            let certificate = list.vec24_not_empty()?;
            for_each(list.vec16()?, |typ, _| {
                extensions.push(typ);
                Ok(())
            })?;
            Ok(certificate.to_vec())
        })?;
        Ok(Certificate13 {
            context,
            chain,
            extensions,
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.vec8(|w| w.bytes(&self.context));
        writer.vec24(|w| {
            for certificate in &self.chain {
                w.vec24(|w| w.bytes(certificate));
                w.vec16(|_| {});
            }
        });
    }
}
