//! One handshake message, put together from its fragments.

use crate::trace::Message;
use crate::wire::{HandshakeHeader, HandshakeType};
use std::collections::{BTreeMap, VecDeque};

/// What it costs to keep something, apart from its bytes.
pub(super) const BOOKKEEPING: usize = 64;

/// Most pieces kept behind gaps. The sender's next attempt fills what found no place.
const MAX_SEGMENTS: usize = 256;

/// A handshake message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReceivedMessage {
    /// That it arrived under.
    pub(crate) epoch: u16,
    pub(crate) typ: HandshakeType,
    pub(crate) message_seq: u16,
    pub(crate) body: Vec<u8>,
}

impl ReceivedMessage {
    pub(crate) fn outline(&self) -> Message {
        Message::of(self.typ, self.message_seq, self.epoch, &self.body)
    }
}

/// No room for a fragment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

/// A message of which bytes may be missing. The bytes that came first are kept, and memory follows
/// the bytes that came, not the length that the header claims.
pub(super) struct PartialMessage {
    /// The body up to the first gap.
    message: ReceivedMessage,
    length: usize,
    /// What came from behind the first gap, by offset: not empty, and with gaps in between.
    segments: BTreeMap<usize, VecDeque<u8>>,
    /// Of the segments.
    cost: usize,
}

impl PartialMessage {
    /// The first fragment's header decides what the message is.
    pub(super) fn new(epoch: u16, header: &HandshakeHeader, length: usize) -> Self {
        PartialMessage {
            message: ReceivedMessage {
                epoch,
                typ: header.typ,
                message_seq: header.message_seq,
                body: Vec::new(),
            },
            length,
            segments: BTreeMap::new(),
            cost: 0,
        }
    }

    pub(super) fn epoch(&self) -> u16 {
        self.message.epoch
    }

    /// Whether a fragment is of this message.
    pub(super) fn agrees(&self, epoch: u16, header: &HandshakeHeader, length: usize) -> bool {
        self.message.epoch == epoch && self.message.typ == header.typ && self.length == length
    }

    pub(super) fn whole(&self) -> Option<&ReceivedMessage> {
        (self.message.body.len() == self.length).then_some(&self.message)
    }

    pub(super) fn into_message(self) -> ReceivedMessage {
        self.message
    }

    /// What it costs to keep this.
    pub(super) fn cost(&self) -> usize {
        self.message
            .body
            .len()
            .saturating_add(self.cost)
            .saturating_add(BOOKKEEPING)
    }

    /// Adds what is new of a fragment, which the caller knows to lie within the message. `room` is
    /// what it may cost.
    pub(super) fn add(
        &mut self,
        offset: usize,
        fragment: &[u8],
        room: usize,
    ) -> Result<(), NoRoom> {
        let end = offset.saturating_add(fragment.len());
        let known = self.message.body.len();
        if end <= known {
            Ok(())
        } else if offset > known {
            self.add_segments(offset, fragment, room)
        } else if end.saturating_sub(known) > room {
            Err(NoRoom)
        } else {
            self.extend(offset, fragment);
            Ok(())
        }
    }

    /// A fragment that begins before the first gap ends: everything up to its end is contiguous then,
    /// and so may be segments behind it.
    fn extend(&mut self, offset: usize, fragment: &[u8]) {
        loop {
            let known = self.message.body.len();
            let until = match self.segments.first_entry() {
                Some(first) if *first.key() <= known => {
                    let segment = first.remove();
                    self.cost = self.cost.saturating_sub(cost_of(segment.len()));
                    let (front, back) = segment.as_slices();
                    self.append(front);
                    self.append(back);
                    continue;
                }
                Some(first) => *first.key(),
                None => self.length,
            };
            match piece(offset, fragment, known, until) {
                [] => return,
                missing => self.append(missing),
            }
        }
    }

    /// Room grows with what came, and to the message's length at most: what doubles beyond that would hold
    /// twice of what the largest messages may have.
    fn append(&mut self, bytes: &[u8]) {
        let body = &mut self.message.body;
        let needed = body.len().saturating_add(bytes.len());
        if needed > body.capacity() {
            let capacity = body.capacity().saturating_mul(2).min(self.length);
            body.reserve_exact(capacity.max(needed).saturating_sub(body.len()));
        }
        body.extend_from_slice(bytes);
    }

    /// A fragment from behind a gap: it goes in between the segments that are here.
    fn add_segments(&mut self, offset: usize, fragment: &[u8], room: usize) -> Result<(), NoRoom> {
        let end = offset.saturating_add(fragment.len());
        let limit = self.cost.saturating_add(room);
        let mut at = offset;
        while at < end {
            let covered = self.segment_before(at).map_or(0, |(_, end)| end);
            if covered > at {
                at = covered;
                continue;
            }
            let ahead = self.segments.range(at..end).next();
            let until = ahead.map_or(end, |(start, _)| *start);
            let missing = piece(offset, fragment, at, until);
            let cost = self.cost.saturating_add(cost_of(missing.len()));
            if cost > limit || self.segments.len() >= MAX_SEGMENTS {
                return Err(NoRoom);
            }
            self.cost = cost;
            self.segments.insert(at, missing.to_vec().into());
            self.join(at);
            self.join(until);
            at = until;
        }
        Ok(())
    }

    /// Joins the segments that meet at `at`, if two do: however small its pieces, what is contiguous
    /// is one.
    fn join(&mut self, at: usize) {
        let before = at.checked_sub(1).and_then(|last| self.segment_before(last));
        let Some((start, end)) = before else { return };
        if end != at {
            return;
        }
        if let Some(behind) = self.segments.remove(&at) {
            let before = self.segments.entry(start).or_default();
            *before = joined(std::mem::take(before), behind);
            self.cost = self.cost.saturating_sub(BOOKKEEPING);
        }
    }

    /// Start and end of the last segment that begins at `at` or before.
    fn segment_before(&self, at: usize) -> Option<(usize, usize)> {
        let (start, segment) = self.segments.range(..=at).next_back()?;
        Some((*start, start.saturating_add(segment.len())))
    }
}

/// The shorter is moved to the longer, so that a message that comes backwards, byte by byte, is not moved whole
/// for each of them (hazard C4).
fn joined(mut before: VecDeque<u8>, mut behind: VecDeque<u8>) -> VecDeque<u8> {
    if before.len() < behind.len() {
        before
            .into_iter()
            .rev()
            .for_each(|byte| behind.push_front(byte));
        behind
    } else {
        before.append(&mut behind);
        before
    }
}

fn cost_of(segment: usize) -> usize {
    segment.saturating_add(BOOKKEEPING)
}

/// The part of a fragment from `from` to `until`, as far as it reaches.
fn piece(offset: usize, fragment: &[u8], from: usize, until: usize) -> &[u8] {
    let start = from.saturating_sub(offset);
    let end = until.saturating_sub(offset).min(fragment.len());
    fragment.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Less than twice of what came, no more than the message, and seldom moved.
    #[test]
    fn room_follows_what_came_and_ends_with_the_message() {
        const LENGTH: usize = 10_000;
        let header = HandshakeHeader::whole(HandshakeType::CERTIFICATE, 0, LENGTH as u32);
        let mut message = PartialMessage::new(0, &header, LENGTH);
        let mut rooms = BTreeSet::new();
        for came in (100..=LENGTH).step_by(100) {
            message.add(came - 100, &[0; 100], usize::MAX).unwrap();
            let room = message.message.body.capacity();
            assert!(room < 2 * came && room <= LENGTH, "{room} for {came}");
            rooms.insert(room);
        }
        assert!(rooms.len() < 10, "{rooms:?}");
    }
}
