//! EncryptedExtensions (RFC 8446 §4.3.1).

use super::{Body, HandshakeType, ServerExtensions};
use crate::codec::{self, Reader, Writer};

/// The server's answers that only the client may read.
#[derive(Debug)]
pub(crate) struct EncryptedExtensions {
    pub(crate) extensions: ServerExtensions,
}

impl Body for EncryptedExtensions {
    const TYPE: HandshakeType = HandshakeType::ENCRYPTED_EXTENSIONS;

    fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        Ok(EncryptedExtensions {
            extensions: ServerExtensions::decode(reader.vec16()?)?,
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.vec16(|w| self.extensions.write_list(w));
    }
}
