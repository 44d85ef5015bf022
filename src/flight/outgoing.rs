//! A flight of ours, kept until the peer has answered it.
//!
//! Kept are messages with the epoch that they were sent in, never datagrams: when the flight is sent
//! again it is cut for the MTU of that day and sealed anew, under the same epoch and with new record
//! numbers (RFC 6347 §4.2.2).

use crate::codec::Writer;
use crate::error::Result;
use crate::record::Sealer;
use crate::trace::Message;
use crate::wire::{ContentType, HANDSHAKE_HEADER, HandshakeHeader, HandshakeType, ProtocolVersion};

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
            datagram: Vec::with_capacity(mtu),
            packed: Packed::default(),
        };
        for message in &self.messages {
            let Some(sealer) = sealers
                .iter_mut()
                .find(|sealer| sealer.epoch() == message.epoch)
            else {
                continue;
            };
            match &message.content {
                Content::ChangeCipherSpec => {
                    packer.room_for(
                        sealer.overhead().saturating_add(CHANGE_CIPHER_SPEC.len()),
                        emit,
                    );
                    packer.record(sealer, ContentType::CHANGE_CIPHER_SPEC, &CHANGE_CIPHER_SPEC)?;
                }
                Content::Handshake {
                    typ,
                    message_seq,
                    body,
                } => {
                    packer.message(sealer, *typ, *message_seq, body, emit)?;
                }
            }
        }
        packer.flush(emit);
        Ok(packer.packed)
    }
}

/// How many datagrams and records a flight took.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Packed {
    pub(crate) datagrams: usize,
    pub(crate) records: usize,
}

struct Packer {
    mtu: usize,
    version: ProtocolVersion,
    datagram: Vec<u8>,
    packed: Packed,
}

impl Packer {
    /// One handshake message in as many fragments as it takes (RFC 6347 §4.2.3).
    fn message(
        &mut self,
        sealer: &mut Sealer,
        typ: HandshakeType,
        message_seq: u16,
        body: &[u8],
        emit: &mut dyn FnMut(&[u8]),
    ) -> Result<()> {
        let header_cost = sealer.overhead().saturating_add(HANDSHAKE_HEADER);
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let mut rest = body;
        let mut fragment_offset = 0;
        loop {
            self.room_for(header_cost.saturating_add(rest.len().min(1)), emit);
            let room = self
                .mtu
                .saturating_sub(self.datagram.len())
                .saturating_sub(header_cost);
            let (fragment, after) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            let fragment_length = u32::try_from(fragment.len()).unwrap_or(u32::MAX);
            let record = Writer::bytes_of(|w| {
                HandshakeHeader {
                    typ,
                    length,
                    message_seq,
                    fragment_offset,
                    fragment_length,
                }
                .write(w);
                w.bytes(fragment);
            });
            self.record(sealer, ContentType::HANDSHAKE, &record)?;
            rest = after;
            fragment_offset = fragment_offset.saturating_add(fragment_length);
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    /// Makes sure that a record of `cost` bytes fits into the datagram.
    fn room_for(&mut self, cost: usize, emit: &mut dyn FnMut(&[u8])) {
        if self.datagram.len().saturating_add(cost) > self.mtu {
            self.flush(emit);
        }
    }

    fn record(&mut self, sealer: &mut Sealer, typ: ContentType, plaintext: &[u8]) -> Result<()> {
        sealer.seal(typ, self.version, plaintext, &mut self.datagram)?;
        self.packed.records = self.packed.records.saturating_add(1);
        Ok(())
    }

    fn flush(&mut self, emit: &mut dyn FnMut(&[u8])) {
        if !self.datagram.is_empty() {
            emit(&self.datagram);
            self.datagram.clear();
            self.packed.datagrams = self.packed.datagrams.saturating_add(1);
        }
    }
}
