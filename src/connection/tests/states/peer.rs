//! The peer of either version, which says whatever it is told to. It keeps its numbers, its transcript and its
//! keys as an honest peer does, of what became part of the handshake and of nothing else.

use super::peer_of_both::PeerOfBoth;
use super::peer12::Peer12;
use super::peer13::Peer13;
use super::symbol::{Content, Message, Symbol};
use super::variants::Variant;
use crate::codec::Writer;
use crate::record::Sealer;
use crate::wire::{
    Alert, AlertDescription, ContentType, HandshakeHeader, HandshakeType, ProtocolVersion,
    SignatureScheme,
};

/// That all signatures here have.
pub(super) const SCHEME: SignatureScheme = SignatureScheme::ED25519;

/// One version's.
pub(super) trait Peer {
    /// What it says, in a datagram. `ahead` are the messages that belong before it and were not taken yet.
    /// `None` where it cannot say this.
    fn say(&mut self, symbol: Symbol, ahead: Option<&[Message]>) -> Option<Vec<u8>>;

    /// A message that it said has become part of the handshake.
    fn accepted(&mut self, message: Message);

    /// What the subject says.
    fn hear(&mut self, datagram: &mut [u8]);

    fn heard(&mut self) -> &mut Heard;

    /// From here on it offers, or chooses, another suite as well.
    fn change_suites(&mut self);
}

pub(super) fn peer(variant: &'static Variant) -> Box<dyn Peer> {
    match variant.old {
        Some(old) => Box::new(PeerOfBoth::of(variant, old)),
        None if variant.is_13() => Box::new(Peer13::of(variant)),
        None => Box::new(Peer12::of(variant)),
    }
}

/// What the subject has said that is not part of the handshake.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) next_seq: u16,
    pub(super) alerts: Vec<Alert>,
    pub(super) data: Vec<Vec<u8>>,
    /// The epoch of the last record.
    pub(super) epoch: u16,
    /// The subject has done all that belongs to the end of a handshake.
    pub(super) finished: bool,
    pub(super) records: usize,
    pub(super) key_updates: usize,
    /// Every message, but for those that came again.
    pub(super) types: Vec<HandshakeType>,
}

/// A message that counted, for another time.
#[derive(Clone)]
pub(super) struct Spoken {
    pub(super) message: Message,
    pub(super) message_seq: u16,
    pub(super) epoch: u16,
    pub(super) body: Vec<u8>,
}

impl Spoken {
    pub(super) fn bytes(&self) -> Vec<u8> {
        message(self.message.typ(), self.message_seq, &self.body)
    }

    pub(super) fn content(&self) -> Content {
        Content::Handshake(self.message)
    }
}

/// What a record holds that is no handshake message and no ACK.
pub(super) fn content(content: Content) -> Vec<u8> {
    match content {
        Content::ChangeCipherSpec => vec![1],
        Content::ApplicationData => b"data".to_vec(),
        Content::Warning => Alert::warning(AlertDescription::USER_CANCELED).encode(),
        Content::CloseNotify => Alert::warning(AlertDescription::CLOSE_NOTIFY).encode(),
        Content::FatalAlert => Alert::fatal(AlertDescription::HANDSHAKE_FAILURE).encode(),
        Content::Handshake(_) | Content::Ack | Content::WrongAck => Vec::new(),
    }
}

pub(super) fn message(typ: HandshakeType, message_seq: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap();
    Writer::bytes_of(|w| {
        HandshakeHeader::whole(typ, message_seq, length).write(w);
        w.bytes(body);
    })
}

pub(super) fn seal(sealer: &mut Sealer, content: Content, bytes: &[u8]) -> Vec<u8> {
    let typ = match content {
        Content::Handshake(_) => ContentType::HANDSHAKE,
        Content::ChangeCipherSpec => ContentType::CHANGE_CIPHER_SPEC,
        Content::ApplicationData => ContentType::APPLICATION_DATA,
        Content::Ack | Content::WrongAck => ContentType::ACK,
        Content::Warning | Content::CloseNotify | Content::FatalAlert => ContentType::ALERT,
    };
    let mut record = Vec::new();
    sealer
        .seal(typ, ProtocolVersion::DTLS1_2, bytes, &mut record)
        .unwrap();
    record
}
