//! A flight of ours, kept until the peer has answered it.
//!
//! Kept are messages with the epoch that they were sent in, never datagrams: when the flight is sent
//! again it is cut for the MTU of that day and sealed anew, under the same epoch and with new record
//! numbers (RFC 6347 §4.2.2).

use crate::codec::Writer;
use crate::error::Result;
use crate::record::Sealer;
use crate::trace::Message;
use crate::wire::{
    ContentType, HANDSHAKE_HEADER, HandshakeHeader, HandshakeType, MAX_PLAINTEXT, ProtocolVersion,
};

/// The body of a ChangeCipherSpec (RFC 5246 §7.1).
const CHANGE_CIPHER_SPEC: [u8; 1] = [1];

/// A message of a flight.
pub(crate) struct OutgoingMessage {
    pub(crate) epoch: u16,
    pub(crate) content: Content,
}

pub(crate) enum Content {
    Handshake {
        typ: HandshakeType,
        message_seq: u16,
        body: Vec<u8>,
    },
    ChangeCipherSpec,
}

impl OutgoingMessage {
    fn outline(&self) -> Message {
        match &self.content {
            Content::Handshake {
                typ,
                message_seq,
                body,
            } => Message {
                typ: Some(*typ),
                message_seq: *message_seq,
                epoch: self.epoch,
                length: body.len(),
            },
            Content::ChangeCipherSpec => Message {
                typ: None,
                message_seq: 0,
                epoch: self.epoch,
                length: CHANGE_CIPHER_SPEC.len(),
            },
        }
    }
}

/// Messages that are sent together and sent again together.
#[derive(Default)]
pub(crate) struct Flight {
    messages: Vec<OutgoingMessage>,
}

impl Flight {
    pub(crate) fn new(messages: Vec<OutgoingMessage>) -> Self {
        Flight { messages }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(crate) fn outline(&self) -> Vec<Message> {
        self.messages.iter().map(OutgoingMessage::outline).collect()
    }

    /// Cuts the flight into records and those into datagrams of at most `mtu` bytes, each as full as
    /// can be. `sealers` holds every epoch that the flight was sent in.
    pub(crate) fn pack(
        &self,
        mtu: usize,
        version: ProtocolVersion,
        sealers: &mut [Sealer],
        emit: &mut dyn FnMut(&[u8]),
    ) -> Result<Packed> {
        let mut packer = Packer {
            mtu,
            version,
            plaintext: Vec::new(),
            datagram: Vec::with_capacity(mtu),
            emit,
            packed: Packed::default(),
        };
        for sharing in self.messages.chunk_by(share_records) {
            let epoch = sharing.first().map(|message| message.epoch);
            let mut sealers = sealers.iter_mut();
            let Some(sealer) = sealers.find(|sealer| Some(sealer.epoch()) == epoch) else {
                continue;
            };
            for message in sharing {
                packer.message(sealer, &message.content)?;
            }
            packer.end_record(sealer, ContentType::HANDSHAKE)?;
        }
        packer.end_datagram();
        Ok(packer.packed)
    }
}

/// Whether a record may carry fragments of both messages. RFC 6347 §4.2.3 allows it everywhere, but
/// peers exist that expect one message in a plaintext record, and there nothing is saved but a header.
fn share_records(one: &OutgoingMessage, next: &OutgoingMessage) -> bool {
    let handshake =
        |message: &OutgoingMessage| matches!(message.content, Content::Handshake { .. });
    one.epoch == next.epoch && one.epoch > 0 && handshake(one) && handshake(next)
}

/// How many datagrams and records a flight took.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Packed {
    pub(crate) datagrams: usize,
    pub(crate) records: usize,
}

struct Packer<'a> {
    mtu: usize,
    version: ProtocolVersion,
    /// Of the record that is being filled; empty between records.
    plaintext: Vec<u8>,
    /// The records that are sealed.
    datagram: Vec<u8>,
    emit: &'a mut dyn FnMut(&[u8]),
    packed: Packed,
}

impl Packer<'_> {
    fn message(&mut self, sealer: &mut Sealer, content: &Content) -> Result<()> {
        match content {
            Content::ChangeCipherSpec => {
                self.make_room(sealer, CHANGE_CIPHER_SPEC.len())?;
                self.plaintext.extend(CHANGE_CIPHER_SPEC);
                self.end_record(sealer, ContentType::CHANGE_CIPHER_SPEC)
            }
            Content::Handshake {
                typ,
                message_seq,
                body,
            } => self.handshake(sealer, *typ, *message_seq, body),
        }
    }

    /// One handshake message in as many fragments as it takes (RFC 6347 §4.2.3).
    fn handshake(
        &mut self,
        sealer: &mut Sealer,
        typ: HandshakeType,
        message_seq: u16,
        body: &[u8],
    ) -> Result<()> {
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let mut rest = body;
        let mut fragment_offset = 0;
        loop {
            // A fragment without a byte of its message would bring nothing.
            self.make_room(sealer, HANDSHAKE_HEADER.saturating_add(rest.len().min(1)))?;
            let room = self.room(sealer).saturating_sub(HANDSHAKE_HEADER);
            let (fragment, after) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            let fragment_length = u32::try_from(fragment.len()).unwrap_or(u32::MAX);
            let header = HandshakeHeader {
                typ,
                length,
                message_seq,
                fragment_offset,
                fragment_length,
            };
            Writer::append(&mut self.plaintext, |w| {
                header.write(w);
                w.bytes(fragment);
            });
            rest = after;
            fragment_offset = fragment_offset.saturating_add(fragment_length);
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    /// Makes sure that the record can take so many bytes: this one, or else a new one, or else the
    /// first of a new datagram.
    fn make_room(&mut self, sealer: &mut Sealer, bytes: usize) -> Result<()> {
        if self.room(sealer) < bytes {
            self.end_record(sealer, ContentType::HANDSHAKE)?;
        }
        if self.room(sealer) < bytes {
            self.end_datagram();
        }
        Ok(())
    }

    /// How many bytes the record can still take.
    fn room(&self, sealer: &Sealer) -> usize {
        let around = self.datagram.len().saturating_add(sealer.overhead());
        self.mtu
            .saturating_sub(around)
            .min(MAX_PLAINTEXT)
            .saturating_sub(self.plaintext.len())
    }

    fn end_record(&mut self, sealer: &mut Sealer, typ: ContentType) -> Result<()> {
        if !self.plaintext.is_empty() {
            sealer.seal(typ, self.version, &self.plaintext, &mut self.datagram)?;
            self.plaintext.clear();
            self.packed.records = self.packed.records.saturating_add(1);
        }
        Ok(())
    }

    fn end_datagram(&mut self) {
        if !self.datagram.is_empty() {
            (self.emit)(&self.datagram);
            self.datagram.clear();
            self.packed.datagrams = self.packed.datagrams.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests;
