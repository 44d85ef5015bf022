//! What both sides have said, for signatures and Finished.

use crate::codec::{Reader, Writer};
use crate::crypto::HashAlgorithm;
use crate::wire::{HANDSHAKE_HEADER, HandshakeHeader, HandshakeType, ProtocolVersion};

/// The messages so far, each as if sent in a single fragment (RFC 6347 §4.2.6), and in DTLS 1.3 as TLS
/// would have sent it (RFC 9147 §5.2). Kept as bytes, since the hash is known only from ServerHello on and
/// DTLS 1.2 signs messages, not hashes.
#[derive(Default)]
pub(super) struct Transcript {
    form: Form,
    messages: Vec<u8>,
}

/// What stands before a message.
#[derive(Default, Clone, Copy)]
enum Form {
    /// Also the number and the fragment's place.
    #[default]
    Dtls,
    /// Type and length alone.
    Tls,
}

impl Transcript {
    pub(super) fn add(&mut self, typ: HandshakeType, message_seq: u16, body: &[u8]) {
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let header = Writer::bytes_of(|w| match self.form {
            Form::Dtls => HandshakeHeader::whole(typ, message_seq, length).write(w),
            Form::Tls => {
                w.u8(typ.0);
                w.u24(length);
            }
        });
        self.messages.extend(header);
        self.messages.extend_from_slice(body);
    }

    /// RFC 6347 §4.2.1: the first ClientHello and the HelloVerifyRequest do not count.
    pub(super) fn restart(&mut self) {
        self.messages.clear();
    }

    /// Only now it is known how messages look.
    pub(super) fn agreed(&mut self, version: ProtocolVersion) {
        if version != ProtocolVersion::DTLS1_3 {
            return;
        }
        self.form = Form::Tls;
        let messages = std::mem::take(&mut self.messages);
        let mut reader = Reader::new(&messages);
        while let Ok((header, body)) = HandshakeHeader::read_fragment(&mut reader) {
            self.add(header.typ, header.message_seq, body);
        }
    }

    /// Once there is a HelloRetryRequest, a hash stands for the first ClientHello (RFC 8446 §4.4.1).
    pub(super) fn collapse_first_hello(&mut self, hash: HashAlgorithm) {
        let messages = std::mem::take(&mut self.messages);
        let mut reader = Reader::new(&messages);
        let length = reader.u8().and_then(|_| reader.u24()).unwrap_or_default();
        let length = usize::try_from(length).unwrap_or_default();
        let hello = HEADER.saturating_add(length);
        let (hello, rest) = messages.split_at_checked(hello).unwrap_or((&messages, &[]));
        self.add_hash_of_hello(hash.digest(hello).as_ref());
        self.messages.extend_from_slice(rest);
    }

    /// A hash stands for the first ClientHello, which is not at hand.
    pub(super) fn add_hash_of_hello(&mut self, hash: &[u8]) {
        self.add(HandshakeType::MESSAGE_HASH, 0, hash);
    }

    /// The messages themselves: what a CertificateVerify of DTLS 1.2 signs.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.messages
    }

    pub(super) fn hash(&self, hash: HashAlgorithm) -> Vec<u8> {
        hash.digest(&self.messages).as_ref().to_vec()
    }

    /// The hash with a hello that is not said yet and lacks its last `without` bytes: what binders are made
    /// over (RFC 8446 §4.2.11.2).
    pub(super) fn hash_with_partial_hello(
        &self,
        hash: HashAlgorithm,
        hello: &[u8],
        without: usize,
    ) -> Vec<u8> {
        let mut with = Transcript {
            form: Form::Tls,
            messages: self.messages.clone(),
        };
        with.add(HandshakeType::CLIENT_HELLO, 0, hello);
        with.hash_without(hash, without)
    }

    /// The hash without the last `without` bytes.
    pub(super) fn hash_without(&self, hash: HashAlgorithm, without: usize) -> Vec<u8> {
        let end = self.messages.len().saturating_sub(without);
        let messages = self.messages.get(..end).unwrap_or_default();
        hash.digest(messages).as_ref().to_vec()
    }
}

/// Bytes of a header in TLS's form.
const HEADER: usize = HANDSHAKE_HEADER - 8;
