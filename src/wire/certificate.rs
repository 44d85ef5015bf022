//! Certificate (RFC 5246 §7.4.2).

use super::{Body, HandshakeType};
use crate::codec::{self, Reader, Writer};

/// A chain of certificates in DER, the sender's own first. A client without one sends it empty.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) chain: Vec<Vec<u8>>,
}

impl Body for Certificate {
    const TYPE: HandshakeType = HandshakeType::CERTIFICATE;

    fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        let list = Reader::new(reader.vec24()?);
        let chain = list.items(|list| Ok(list.vec24_not_empty()?.to_vec()))?;
        Ok(Certificate { chain })
    }

    fn write(&self, writer: &mut Writer) {
        writer.vec24(|w| {
            self.chain
                .iter()
                .for_each(|certificate| w.vec24(|w| w.bytes(certificate)))
        });
    }
}
