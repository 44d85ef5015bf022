//! A flight of ours, kept until the peer has answered it.
//!
//! Kept are messages with the epoch that they were sent in, never datagrams: when the flight is sent
//! again it is cut for the MTU of that day and sealed anew, under the same epoch and with new record
//! numbers (RFC 6347 §4.2.2). In DTLS 1.3 the peer acknowledges records (RFC 9147 §7): which bytes
//! were in them is remembered, and only the others are sent again. A long flight goes in bursts there,
//! one when the peer has the one before (§5.8.3).

mod packer;

pub(crate) use packer::Packed;

use super::ranges::Ranges;
use crate::error::Result;
use crate::record::Sealer;
use crate::trace::Message;
use crate::wire::{Ack, ContentType, HandshakeType, ProtocolVersion, RecordNumber};
use packer::Packer;
use std::collections::VecDeque;
use std::ops::Range;

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
            } => Message::of(*typ, *message_seq, self.epoch, body),
            Content::ChangeCipherSpec => Message {
                typ: None,
                message_seq: 0,
                epoch: self.epoch,
                length: CHANGE_CIPHER_SPEC.len(),
            },
        }
    }
}

/// How many fragments are remembered: an acknowledgement of the record of an older one comes too late to matter.
/// A record has one, and another for each message that begins in it. Flights of 50 KB have no more in datagrams of
/// 256 bytes, and whoever makes a flight be sent again and again makes it hold no more.
const REMEMBERED: usize = 256;

/// RFC 9147 §5.8.3: no more than so many records in a single transmission.
pub(crate) const BURST: usize = 10;

/// Messages that are sent together and sent again together.
#[derive(Default)]
pub(crate) struct Flight {
    messages: Vec<Kept>,
    /// Where the next burst begins.
    next: Place,
    sent: VecDeque<SentPart>,
    /// How often nothing came of it.
    unanswered: u32,
}

struct Kept {
    message: OutgoingMessage,
    acknowledged: Ranges,
}

/// A byte of the message at this place in the flight.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    message: usize,
    byte: usize,
}

/// What was in a record, or a part of it.
struct SentPart {
    record: RecordNumber,
    part: Part,
}

/// Bytes of the message at this place in the flight.
struct Part {
    message: usize,
    bytes: Range<usize>,
}

impl Flight {
    pub(crate) fn new(messages: Vec<OutgoingMessage>) -> Self {
        let kept = |message| Kept {
            message,
            acknowledged: Ranges::default(),
        };
        Flight {
            messages: messages.into_iter().map(kept).collect(),
            next: Place::default(),
            sent: VecDeque::new(),
            unanswered: 0,
        }
    }

    /// It goes again, since nothing came of it: for the how-manieth time.
    pub(crate) fn was_unanswered(&mut self) -> u32 {
        self.unanswered = self.unanswered.saturating_add(1);
        self.unanswered
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The epoch of the first message.
    pub(crate) fn first_epoch(&self) -> Option<u16> {
        self.messages.first().map(|kept| kept.message.epoch)
    }

    pub(crate) fn outline(&self) -> Vec<Message> {
        let missing = self
            .messages
            .iter()
            .filter(|kept| !kept.missing().is_empty());
        missing.map(|kept| kept.message.outline()).collect()
    }

    /// Whether every message is of this type.
    pub(crate) fn is_all(&self, wanted: HandshakeType) -> bool {
        self.messages.iter().all(
            |kept| matches!(kept.message.content, Content::Handshake { typ, .. } if typ == wanted),
        )
    }

    /// Whether a message is of this type.
    pub(crate) fn holds(&self, wanted: HandshakeType) -> bool {
        self.messages.iter().any(
            |kept| matches!(kept.message.content, Content::Handshake { typ, .. } if typ == wanted),
        )
    }

    /// The messages that the peer does not have.
    pub(crate) fn into_missing(self) -> impl Iterator<Item = OutgoingMessage> {
        let kept = self.messages.into_iter();
        kept.filter(|kept| !kept.missing().is_empty())
            .map(|kept| kept.message)
    }

    /// The peer has this record; whether it is one of this flight. One that is not, or no longer, remembered
    /// changes nothing.
    pub(crate) fn acknowledge(&mut self, number: RecordNumber) -> bool {
        let mut is_remembered = false;
        for sent in self.sent.iter().filter(|sent| sent.record == number) {
            is_remembered = true;
            if let Some(kept) = self.messages.get_mut(sent.part.message) {
                kept.acknowledged.add(sent.part.bytes.clone());
            }
        }
        is_remembered
    }

    /// Whether the peer has everything.
    pub(crate) fn is_acknowledged(&self) -> bool {
        self.messages.iter().all(|kept| kept.missing().is_empty())
    }

    /// Whether a burst is still to come.
    pub(crate) fn has_rest(&self) -> bool {
        let last = self.missing().last();
        last.is_some_and(|(place, missing)| self.next.before_end_of(place, &missing))
    }

    /// Whether the peer has all that was sent so far.
    pub(crate) fn is_acknowledged_so_far(&self) -> bool {
        let first = self.missing().next();
        first.is_none_or(|(message, missing)| {
            let byte = missing.start;
            Place { message, byte } >= self.next
        })
    }

    /// What is packed next begins at the beginning.
    pub(crate) fn rewind(&mut self) {
        self.next = Place::default();
    }

    /// What the peer does not have of each message, and which that is.
    fn missing(&self) -> impl DoubleEndedIterator<Item = (usize, Range<usize>)> {
        let missing = |(place, kept): (usize, &Kept)| {
            let missing = kept.missing().into_iter();
            missing.map(move |missing| (place, missing))
        };
        self.messages.iter().enumerate().flat_map(missing)
    }

    /// How many records may go at once: not more than the peer can acknowledge in one of such datagrams, or what
    /// the next one tells of would seem lost. Nobody acknowledges what a side says before it has keys: a server
    /// that answers it keeps no state, or the version is not known (RFC 9147 §7).
    fn burst(&self, mtu: usize, version: ProtocolVersion, sealers: &[Sealer]) -> usize {
        let last = self.messages.last();
        let is_acknowledged = last.is_some_and(|kept| kept.message.epoch > 0);
        match version {
            ProtocolVersion::DTLS1_3 if is_acknowledged => {
                let overhead = sealers.last().map_or(0, Sealer::overhead);
                let most = Ack::most_records_in(mtu.saturating_sub(overhead));
                BURST.min(most).max(1)
            }
            _ => usize::MAX,
        }
    }

    /// Cuts what the peer does not have into records and those into datagrams of at most `mtu` bytes, each
    /// as full as can be: the next burst where the flight goes in bursts, else all of it. `sealers` holds
    /// every epoch that the flight was sent in.
    pub(crate) fn pack(
        &mut self,
        mtu: usize,
        version: ProtocolVersion,
        sealers: &mut [Sealer],
        emit: &mut dyn FnMut(&[u8]),
    ) -> Result<Packed> {
        let most_records = self.burst(mtu, version, sealers);
        let mut packer = Packer {
            mtu,
            version,
            begin: self.next,
            most_records,
            stopped: None,
            plaintext: Vec::new(),
            parts: Vec::new(),
            datagram: Vec::with_capacity(mtu),
            emit,
            packed: Packed::default(),
            sent: &mut self.sent,
        };
        let mut place = 0..;
        for sharing in self.messages.chunk_by(share_records) {
            let epoch = sharing.first().map(|kept| kept.message.epoch);
            let places: Vec<usize> = place.by_ref().take(sharing.len()).collect();
            let mut sealers = sealers.iter_mut();
            let Some(sealer) = sealers.find(|sealer| Some(sealer.epoch()) == epoch) else {
                continue;
            };
            for (kept, place) in sharing.iter().zip(places) {
                packer.message(sealer, place, kept)?;
            }
            packer.end_record(sealer, ContentType::HANDSHAKE)?;
        }
        packer.end_datagram();
        let (packed, stopped) = (packer.packed, packer.stopped);
        let message = self.messages.len();
        self.next = stopped.unwrap_or(Place { message, byte: 0 });
        Ok(packed)
    }
}

impl Place {
    /// Whether a part of this, or all of it, is still to be sent.
    fn before_end_of(self, message: usize, part: &Range<usize>) -> bool {
        let byte = part.end;
        self < Place { message, byte } || self == Place { message, byte: 0 }
    }
}

impl Kept {
    /// What the peer does not have.
    fn missing(&self) -> Vec<Range<usize>> {
        let length = match &self.message.content {
            Content::Handshake { body, .. } => body.len(),
            Content::ChangeCipherSpec => CHANGE_CIPHER_SPEC.len(),
        };
        self.acknowledged.missing(length)
    }
}

/// Whether a record may carry fragments of both messages. RFC 6347 §4.2.3 allows it everywhere, but
/// peers exist that expect one message in a plaintext record, and there nothing is saved but a header.
fn share_records(one: &Kept, next: &Kept) -> bool {
    let (one, next) = (&one.message, &next.message);
    let handshake =
        |message: &OutgoingMessage| matches!(message.content, Content::Handshake { .. });
    one.epoch == next.epoch && one.epoch > 0 && handshake(one) && handshake(next)
}

#[cfg(test)]
mod tests;
