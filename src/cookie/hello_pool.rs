//! Where fragments of unproven hellos are put together.
//!
//! A small MTU or a large key share can cut a ClientHello in pieces. Putting them together takes
//! memory before there is any proof, so all of it is allocated at once and never grows: a fixed
//! number of places, each for one hello of bounded length and for a bounded time. When every place is
//! taken, a random one makes room: an attacker can make fragmented hellos fail, but can neither take
//! memory nor aim at one client for sure (RFC 9147 §5.1, hazards A10 and A11).

use super::gate::LAST_MESSAGE_SEQ;
use crate::codec::Reader;
use crate::crypto::HashAlgorithm;
use crate::wire::{
    ContentType, HANDSHAKE_HEADER, HandshakeHeader, HandshakeType, RECORD_HEADER, RecordHeader,
};
use rand::RngExt;
use std::time::Duration;

/// The longest body of a hello that is put together.
pub(crate) const LONGEST_HELLO: usize = 4096;

/// How long the fragments of a hello may take: somewhat more than a client waits before it repeats all.
const AGE: Duration = Duration::from_secs(4);

const WORDS: usize = LONGEST_HELLO / 64;

/// Fragments of hellos from addresses that have proven nothing.
pub(super) struct HelloPool {
    places: Vec<Place>,
    whole: Vec<u8>,
}

/// One hello, in part.
struct Place {
    /// Who sends it, and which it is: the two hellos of a handshake never mix.
    key: Option<Key>,
    began: Duration,
    body: Box<[u8; LONGEST_HELLO]>,
    have: [u64; WORDS],
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    /// A transport id may have any length; its SHA-256 has one.
    id: [u8; 32],
    message_seq: u16,
    length: usize,
}

impl HelloPool {
    /// A pool of so many places, allocated now.
    pub(super) fn new(places: usize) -> Self {
        let place = || Place {
            key: None,
            began: Duration::ZERO,
            body: Box::new([0; LONGEST_HELLO]),
            have: [0; WORDS],
        };
        HelloPool {
            places: std::iter::repeat_with(place).take(places).collect(),
            whole: Vec::with_capacity(
                LONGEST_HELLO
                    .saturating_add(RECORD_HEADER)
                    .saturating_add(HANDSHAKE_HEADER),
            ),
        }
    }

    /// Puts the fragments in a datagram to those that are here. The hello as a datagram of its own,
    /// once it is whole; its place is free then.
    ///
    /// A datagram is of one hello, that of its first fragment: it costs others one place, however many
    /// records it has.
    pub(super) fn add(
        &mut self,
        client_id: &[u8],
        datagram: &[u8],
        now: Duration,
    ) -> Option<&[u8]> {
        let mut fragments = Fragments(Reader::new(datagram)).peekable();
        let (record, header, _) = *fragments.peek()?;
        let key = Key::new(client_id, &header)?;
        let place = self.place(key, now)?;
        for (_, header, fragment) in fragments {
            if key.is_of(&header) {
                let offset = usize::try_from(header.fragment_offset).ok()?;
                place.put(offset, fragment, now)?;
            }
        }
        if place.is_whole(key.length) {
            self.write_whole(key, record, header)
        } else {
            None
        }
    }

    /// The hello's place: the one that it has, else a free or stale one, else a random one.
    fn place(&mut self, key: Key, now: Duration) -> Option<&mut Place> {
        let stale = |place: &Place| now.saturating_sub(place.began) > AGE;
        let own = self
            .places
            .iter()
            .position(|p| p.key == Some(key) && !stale(p));
        if let Some(own) = own {
            return self.places.get_mut(own);
        }
        let free = self.places.iter().position(|p| p.key.is_none() || stale(p));
        let index = match free {
            Some(free) => free,
            None => rand::rng().random_range(0..self.places.len().max(1)),
        };
        let place = self.places.get_mut(index)?;
        place.key = Some(key);
        place.begin(now);
        Some(place)
    }

    /// The whole hello in one record, as if it had never been cut.
    fn write_whole(
        &mut self,
        key: Key,
        record: RecordHeader,
        header: HandshakeHeader,
    ) -> Option<&[u8]> {
        let place = self
            .places
            .iter_mut()
            .find(|place| place.key == Some(key))?;
        place.key = None;
        let body = place.body.get(..key.length)?;
        let length = u16::try_from(key.length.checked_add(HANDSHAKE_HEADER)?).ok()?;
        self.whole.clear();
        crate::codec::Writer::append(&mut self.whole, |w| {
            RecordHeader { length, ..record }.write(w);
            HandshakeHeader::whole(header.typ, header.message_seq, header.length).write(w);
            w.bytes(body);
        });
        Some(&self.whole)
    }
}

/// The parts of hellos in a datagram, each with its record and something of a hello in it.
struct Fragments<'a>(Reader<'a>);

impl<'a> Iterator for Fragments<'a> {
    type Item = (RecordHeader, HandshakeHeader, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let record = RecordHeader::read(&mut self.0).ok()?;
            let content = self.0.take(record.length.into()).ok()?;
            if record.content_type != ContentType::HANDSHAKE || record.epoch != 0 {
                continue;
            }
            let fragment = Reader::whole(content, HandshakeHeader::read_fragment);
            match fragment {
                Ok((header, part)) if is_part_of_hello(&header, part) => {
                    return Some((record, header, part));
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
}

/// An empty part brings nothing, and no gate takes a hello behind so many others.
fn is_part_of_hello(header: &HandshakeHeader, part: &[u8]) -> bool {
    header.typ == HandshakeType::CLIENT_HELLO
        && header.message_seq <= LAST_MESSAGE_SEQ
        && !part.is_empty()
}

impl Key {
    fn new(client_id: &[u8], header: &HandshakeHeader) -> Option<Key> {
        let length = usize::try_from(header.length)
            .ok()
            .filter(|length| *length <= LONGEST_HELLO)?;
        let id = HashAlgorithm::Sha256.digest(client_id);
        Some(Key {
            id: *id.as_ref().first_chunk()?,
            message_seq: header.message_seq,
            length,
        })
    }

    /// Whether the same client's message with this header is this hello.
    fn is_of(&self, header: &HandshakeHeader) -> bool {
        self.message_seq == header.message_seq
            && usize::try_from(header.length).is_ok_and(|length| length == self.length)
    }
}

impl Place {
    fn begin(&mut self, now: Duration) {
        self.began = now;
        self.have = [0; WORDS];
    }

    /// Of two that disagree either may be forged, or of a client that has begun anew from the same port. The newer
    /// takes the place: the true one comes again (hazard A21).
    fn put(&mut self, offset: usize, fragment: &[u8], now: Duration) -> Option<()> {
        let end = offset.checked_add(fragment.len())?;
        let here = self.body.get(offset..end)?;
        let mut bytes = (offset..).zip(here.iter().zip(fragment));
        if bytes.any(|(at, (here, new))| here != new && self.has(at)) {
            self.begin(now);
        }
        self.body.get_mut(offset..end)?.copy_from_slice(fragment);
        for at in offset..end {
            *self.have.get_mut(at / 64)? |= bit(at);
        }
        Some(())
    }

    fn has(&self, at: usize) -> bool {
        let word = self.have.get(at / 64);
        word.is_some_and(|word| word & bit(at) != 0)
    }

    fn is_whole(&self, length: usize) -> bool {
        let have: u32 = self.have.iter().map(|word| word.count_ones()).sum();
        usize::try_from(have).is_ok_and(|have| have == length)
    }
}

/// Of its word.
fn bit(at: usize) -> u64 {
    1 << (at % 64)
}

#[cfg(test)]
mod tests;
