//! What both sides have said, for signatures and Finished.

use crate::codec::Writer;
use crate::crypto::HashAlgorithm;
use crate::wire::{HandshakeHeader, HandshakeType};

/// The messages so far, each as if sent in a single fragment (RFC 6347 §4.2.6). Kept as bytes, since
/// the hash is known only from ServerHello on and signatures are made over messages, not over hashes.
#[derive(Default)]
pub(super) struct Transcript {
    messages: Vec<u8>,
}

impl Transcript {
    pub(super) fn add(&mut self, typ: HandshakeType, message_seq: u16, body: &[u8]) {
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let header = HandshakeHeader::whole(typ, message_seq, length);
        self.messages.extend(Writer::bytes_of(|w| header.write(w)));
        self.messages.extend_from_slice(body);
    }

    /// RFC 6347 §4.2.1: the first ClientHello and the HelloVerifyRequest do not count.
    pub(super) fn restart(&mut self) {
        self.messages.clear();
    }

    /// The messages themselves: what a CertificateVerify signs.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.messages
    }

    pub(super) fn hash(&self, hash: HashAlgorithm) -> Vec<u8> {
        hash.digest(&self.messages).as_ref().to_vec()
    }
}
