//! From fragments to messages in order (RFC 6347 §4.2.2, §4.2.3).

use super::MessageLimits;
use super::partial_message::{BOOKKEEPING, NoRoom, PartialMessage, ReceivedMessage};
use crate::wire::HandshakeHeader;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// How many messages are accepted at a time, from the next on: no flight has more.
const WINDOW: u32 = 7;

/// What may be spent on messages that are ahead of the next.
const AHEAD_BUDGET: usize = 12 << 10;

/// What may be spent on keeping pieces apart, beside what messages may still have.
const GAPS_BUDGET: usize = 4 << 10;

/// What became of a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// It is of a message that is wanted. It may have added nothing that was not there.
    Stored,
    /// Its message was taken before.
    Repeated,
    /// Its message is too far ahead.
    OutOfWindow,
    /// It contradicts what was held of its message, and takes the place of that; or it contradicts
    /// itself, and is dropped.
    Mismatch,
    /// Its message is longer than its type may be.
    TooLong,
    /// Too much is held already.
    NoRoom,
}

/// Collects fragments and hands out whole messages in order.
pub(crate) struct Reassembly {
    /// Wider than a message_seq, as those never wrap.
    next: u32,
    limits: MessageLimits,
    /// Bytes that messages of this handshake may still have.
    left: usize,
    held: BTreeMap<u16, PartialMessage>,
}

impl Reassembly {
    pub(crate) fn new(next_seq: u16, limits: MessageLimits) -> Self {
        Reassembly {
            next: next_seq.into(),
            limits,
            left: limits.of_handshake(),
            held: BTreeMap::new(),
        }
    }

    /// The number of the next message; the last number when it is [exhausted](Self::exhausted).
    pub(crate) fn next_seq(&self) -> u16 {
        u16::try_from(self.next).unwrap_or(u16::MAX)
    }

    /// Whether every number was used, so that no further message can come.
    pub(crate) fn exhausted(&self) -> bool {
        self.next > u16::MAX.into()
    }

    /// Whether the message of this number was taken already.
    pub(crate) fn is_past(&self, message_seq: u16) -> bool {
        u32::from(message_seq) < self.next
    }

    /// Takes in a fragment as [`HandshakeHeader::read_fragment`] gave it.
    pub(crate) fn insert(
        &mut self,
        epoch: u16,
        header: &HandshakeHeader,
        fragment: &[u8],
    ) -> Inserted {
        let Some(ahead) = u32::from(header.message_seq).checked_sub(self.next) else {
            return Inserted::Repeated;
        };
        if ahead >= WINDOW {
            return Inserted::OutOfWindow;
        }
        let (Ok(length), Ok(offset)) = (
            usize::try_from(header.length),
            usize::try_from(header.fragment_offset),
        ) else {
            return Inserted::TooLong;
        };
        if length > self.limits.of(header.typ).min(self.left) {
            return Inserted::TooLong;
        }
        if offset.saturating_add(fragment.len()) > length {
            return Inserted::Mismatch;
        }
        // It says nothing, and there is nothing to keep of it.
        if fragment.is_empty() && length > 0 {
            return Inserted::Stored;
        }

        // Where nothing is authentic, either of two that disagree may be forged. The newer takes the
        // place: a forged fragment whose rest never comes must not keep the true message out (hazard A21).
        let held = self.held.get(&header.message_seq);
        if held.is_some_and(|held| !held.agrees(epoch, header, length)) {
            self.held.remove(&header.message_seq);
            self.add(epoch, header, length, fragment);
            return Inserted::Mismatch;
        }
        let inserted = self.add(epoch, header, length, fragment);
        self.make_room();
        inserted
    }

    fn add(
        &mut self,
        epoch: u16,
        header: &HandshakeHeader,
        length: usize,
        fragment: &[u8],
    ) -> Inserted {
        let offset = usize::try_from(header.fragment_offset).unwrap_or(usize::MAX);
        let room = self.room(header.message_seq);
        match self.held.entry(header.message_seq) {
            Entry::Occupied(mut held) => inserted(held.get_mut().add(offset, fragment, room)),
            Entry::Vacant(place) => {
                let Some(room) = room.checked_sub(BOOKKEEPING) else {
                    return Inserted::NoRoom;
                };
                let mut message = PartialMessage::new(epoch, header, length);
                let added = message.add(offset, fragment, room);
                if added.is_ok() {
                    place.insert(message);
                }
                inserted(added)
            }
        }
    }

    /// The next message, if it is whole.
    pub(crate) fn next(&self) -> Option<&ReceivedMessage> {
        self.held.get(&self.key()?)?.whole()
    }

    /// Takes the next message, if it is whole, and goes on to the one after it.
    pub(crate) fn take(&mut self) -> Option<ReceivedMessage> {
        self.next()?;
        let message = self.held.remove(&self.key()?)?;
        if self.held.is_empty() {
            // An empty map keeps a node, which every idle connection would hold.
            self.held = BTreeMap::new();
        }
        self.next = self.next.saturating_add(1);
        Some(message.into_message())
    }

    /// Goes on to the message after the next, which is not wanted.
    pub(crate) fn pass_over(&mut self) {
        if let Some(key) = self.key() {
            self.held.remove(&key);
        }
        self.next = self.next.saturating_add(1);
    }

    /// A message of this length was in place; it is kept, and what is yet to come is the shorter.
    pub(crate) fn accepted(&mut self, length: usize) {
        self.left = self.left.saturating_sub(length);
    }

    /// The handshake is complete, and nothing of it is kept.
    pub(crate) fn complete(&mut self) {
        self.left = usize::MAX;
    }

    /// A stateless exchange moved the numbering on.
    pub(crate) fn skip_to(&mut self, next_seq: u16) {
        self.next = next_seq.into();
        self.held.retain(|seq, _| {
            let ahead = u32::from(*seq).checked_sub(next_seq.into());
            ahead.is_some_and(|ahead| ahead < WINDOW)
        });
    }

    /// Whether anything is held, whole or not.
    pub(crate) fn holds_anything(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether anything is held, whole or not, that came under another epoch: at a change of keys,
    /// nothing may be left over.
    pub(crate) fn holds_other_epoch(&self, epoch: u16) -> bool {
        self.held.values().any(|message| message.epoch() != epoch)
    }

    /// Forgets everything that is held.
    pub(crate) fn clear(&mut self) {
        self.held.clear();
    }

    fn key(&self) -> Option<u16> {
        u16::try_from(self.next).ok()
    }

    /// What a fragment of this message may cost. The next message is bounded by its own limits and what the peer itself
    /// has said ahead of time, so that nothing that is forged can keep it out.
    fn room(&self, message_seq: u16) -> usize {
        let room = self.room_beside_next();
        match self.key() == Some(message_seq) {
            true => room.saturating_sub(cost(self.ahead().filter(|held| !is_in_the_clear(held)))),
            false => room.min(AHEAD_BUDGET).saturating_sub(self.spent_ahead()),
        }
    }

    /// What the next message leaves of the room for all that is held.
    fn room_beside_next(&self) -> usize {
        let next = self.key().and_then(|key| self.held.get(&key));
        let room = self.left.saturating_add(GAPS_BUDGET);
        room.saturating_sub(next.map_or(0, PartialMessage::cost))
    }

    fn spent_ahead(&self) -> usize {
        cost(self.ahead())
    }

    fn ahead(&self) -> impl DoubleEndedIterator<Item = Held<'_>> {
        let next = self.next;
        self.held
            .iter()
            .filter(move |(seq, _)| u32::from(**seq) != next)
    }

    /// The next message goes before those that are ahead of it in the clear: they come again, or are forged. What is
    /// authentic stays, since a peer that was told of it (RFC 9147 §7) does not say it again.
    fn make_room(&mut self) {
        while self.spent_ahead() > self.room_beside_next() {
            let Some((&last, _)) = self.ahead().rfind(is_in_the_clear) else {
                return;
            };
            self.held.remove(&last);
        }
    }
}

/// A message that is held, by its number.
type Held<'a> = (&'a u16, &'a PartialMessage);

fn is_in_the_clear((_, message): &Held<'_>) -> bool {
    message.epoch() == 0
}

fn cost<'a>(held: impl Iterator<Item = Held<'a>>) -> usize {
    held.fold(0, |sum, (_, message)| sum.saturating_add(message.cost()))
}

#[cfg(any(test, flightline_fuzzing))]
impl Reassembly {
    /// What it costs to keep what is held.
    pub(crate) fn cost(&self) -> usize {
        let costs = self.held.values().map(PartialMessage::cost);
        costs.fold(0, usize::saturating_add)
    }
}

fn inserted(added: Result<(), NoRoom>) -> Inserted {
    match added {
        Ok(()) => Inserted::Stored,
        Err(NoRoom) => Inserted::NoRoom,
    }
}

#[cfg(test)]
mod tests;
