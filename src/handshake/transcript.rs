//! What both sides have said, for signatures and Finished.

use crate::codec::{Reader, Writer};
use crate::crypto::{HashAlgorithm, RunningDigest};
use crate::wire::{HANDSHAKE_HEADER, HandshakeHeader, HandshakeType, ProtocolVersion};

/// The messages so far, each as if sent in a single fragment (RFC 6347 §4.2.6), and in DTLS 1.3 as TLS
/// would have sent it (RFC 9147 §5.2). They are kept as bytes until the hash is known, and longer where
/// DTLS 1.2 is to sign them, for it signs messages, not hashes.
#[derive(Default)]
pub(super) struct Transcript {
    form: Form,
    /// Of those that are not kept any more.
    digest: Option<RunningDigest>,
    /// The others.
    messages: Vec<u8>,
    /// Where the last begins.
    last: usize,
    /// How many bytes may be kept, where that is bounded.
    room: Option<usize>,
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

impl Form {
    fn header(self, typ: HandshakeType, message_seq: u16, length: usize) -> Vec<u8> {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        Writer::bytes_of(|w| match self {
            Form::Dtls => HandshakeHeader::whole(typ, message_seq, length).write(w),
            Form::Tls => {
                w.u8(typ.0);
                w.u24(length);
            }
        })
    }
}

impl Transcript {
    pub(super) fn add(&mut self, typ: HandshakeType, message_seq: u16, body: &[u8]) {
        self.propose(typ, message_seq, body);
        self.settle();
    }

    /// Adds a message that may have to go again: [`settle`](Self::settle) or [`retract`](Self::retract) follows.
    pub(super) fn propose(&mut self, typ: HandshakeType, message_seq: u16, body: &[u8]) {
        let header = self.form.header(typ, message_seq, body.len());
        self.last = self.messages.len();
        self.make_room(header.len().saturating_add(body.len()));
        self.messages.extend(header);
        self.messages.extend_from_slice(body);
    }

    /// Whether so long a message of the peer's finds room.
    pub(super) fn has_room(&self, body: usize) -> bool {
        let needed = self.messages.len().saturating_add(HANDSHAKE_HEADER);
        self.room
            .is_none_or(|room| needed.saturating_add(body) <= room)
    }

    /// The body of the message that is proposed, which is `length` bytes long.
    pub(super) fn proposed_body(&self, length: usize) -> &[u8] {
        let start = self.messages.len().saturating_sub(length);
        self.messages.get(start..).unwrap_or_default()
    }

    /// The message that was proposed is taken out again.
    pub(super) fn retract(&mut self) {
        self.messages.truncate(self.last);
    }

    /// The message that was proposed stays.
    pub(super) fn settle(&mut self) {
        if let Some(digest) = &mut self.digest {
            digest.update(&self.messages);
            self.messages = Vec::new();
        }
    }

    /// All messages are kept, for signatures, in so many bytes.
    pub(super) fn keep(&mut self, room: usize) {
        self.room = Some(room);
        self.make_room(MOST_NEED);
    }

    /// Few messages are long. Where one is, there is room for all at once: what grew again and again would be
    /// held twice each time.
    fn make_room(&mut self, more: usize) {
        let needed = self.messages.len().saturating_add(more);
        if needed > self.messages.capacity() {
            let room = match self.messages.capacity() {
                0..MOST_NEED => needed,
                _ => self.room.unwrap_or_default().max(needed),
            };
            let more = room.saturating_sub(self.messages.len());
            self.messages.reserve_exact(more);
        }
    }

    /// From here on the hash is enough.
    pub(super) fn fold(&mut self, hash: HashAlgorithm) {
        self.digest = Some(self.digest_so_far(hash));
        self.messages = Vec::new();
        self.last = 0;
        self.room = None;
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

    /// The same without the last: what the CertificateVerify that was just received signs.
    pub(super) fn bytes_before_last(&self) -> &[u8] {
        self.messages.get(..self.last).unwrap_or_default()
    }

    pub(super) fn hash(&self, hash: HashAlgorithm) -> Vec<u8> {
        self.digest_so_far(hash).finish().as_ref().to_vec()
    }

    /// The hash with a hello that is not said yet and lacks its last `without` bytes: what binders are made
    /// over (RFC 8446 §4.2.11.2).
    pub(super) fn hash_with_partial_hello(
        &self,
        hash: HashAlgorithm,
        hello: &[u8],
        without: usize,
    ) -> Vec<u8> {
        let end = hello.len().saturating_sub(without);
        let mut digest = self.digest_so_far(hash);
        digest.update(&Form::Tls.header(HandshakeType::CLIENT_HELLO, 0, hello.len()));
        digest.update(hello.get(..end).unwrap_or_default());
        digest.finish().as_ref().to_vec()
    }

    /// The hash without the last `without` bytes.
    pub(super) fn hash_without(&self, hash: HashAlgorithm, without: usize) -> Vec<u8> {
        let end = self.messages.len().saturating_sub(without);
        let messages = self.messages.get(..end).unwrap_or_default();
        hash.digest(messages).as_ref().to_vec()
    }

    fn digest_so_far(&self, hash: HashAlgorithm) -> RunningDigest {
        let mut digest = match &self.digest {
            Some(digest) => digest.clone(),
            None => hash.running(),
        };
        digest.update(&self.messages);
        digest
    }
}

/// What most handshakes say in all, in bytes.
const MOST_NEED: usize = 4 << 10;

/// Bytes of a header in TLS's form.
const HEADER: usize = HANDSHAKE_HEADER - 8;
