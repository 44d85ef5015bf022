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
pub(crate) struct HelloPool {
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
    pub(crate) fn new(places: usize) -> Self {
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
    pub(crate) fn add(
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
                place.put(usize::try_from(header.fragment_offset).ok()?, fragment)?;
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
        place.began = now;
        place.have = [0; WORDS];
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
    /// Bytes that are here stay as they are.
    fn put(&mut self, offset: usize, fragment: &[u8]) -> Option<()> {
        let end = offset.checked_add(fragment.len())?;
        let body = self.body.get_mut(offset..end)?;
        for ((at, to), from) in (offset..).zip(body).zip(fragment) {
            let (word, bit) = (
                self.have.get_mut(at / 64)?,
                // A bit that is turned all the way round is where it was.
                1_u64.rotate_left(u32::try_from(at).ok()?),
            );
            if *word & bit == 0 {
                *to = *from;
            }
            *word |= bit;
        }
        Some(())
    }

    fn is_whole(&self, length: usize) -> bool {
        let have: u32 = self.have.iter().map(|word| word.count_ones()).sum();
        usize::try_from(have).is_ok_and(|have| have == length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Writer;
    use crate::wire::ProtocolVersion;

    const LENGTH: u32 = 300;

    fn body() -> Vec<u8> {
        (0..LENGTH).map(|i| i as u8).collect()
    }

    fn record(message_seq: u16, range: std::ops::Range<u32>) -> Vec<u8> {
        let fragment = &body()[range.start as usize..range.end as usize];
        record_of(LENGTH, message_seq, range.start, fragment)
    }

    fn record_of(length: u32, message_seq: u16, offset: u32, fragment: &[u8]) -> Vec<u8> {
        let content = Writer::bytes_of(|w| {
            HandshakeHeader {
                typ: HandshakeType::CLIENT_HELLO,
                length,
                message_seq,
                fragment_offset: offset,
                fragment_length: fragment.len() as u32,
            }
            .write(w);
            w.bytes(fragment);
        });
        Writer::bytes_of(|w| {
            RecordHeader {
                content_type: ContentType::HANDSHAKE,
                version: ProtocolVersion::DTLS1_2,
                epoch: 0,
                sequence: 5,
                length: content.len() as u16,
            }
            .write(w);
            w.bytes(&content);
        })
    }

    fn now(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a10_p31_p32_fragments_in_any_order_make_a_whole_hello() {
        let mut pool = HelloPool::new(2);
        for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
            let ranges = [0..100, 90..200, 200..300];
            let mut whole = None;
            for i in order {
                assert!(whole.is_none());
                whole = pool
                    .add(b"a", &record(0, ranges[i].clone()), now(1))
                    .map(<[u8]>::to_vec);
            }
            assert_eq!(whole.unwrap(), record(0, 0..LENGTH));
        }
    }

    #[test]
    fn a10_both_fragments_may_be_in_one_datagram() {
        let datagram = [record(0, 0..100), record(0, 100..300)].concat();
        assert!(HelloPool::new(1).add(b"a", &datagram, now(1)).is_some());
    }

    #[test]
    fn a11_the_two_hellos_and_two_clients_never_mix() {
        let mut pool = HelloPool::new(4);
        assert!(pool.add(b"a", &record(0, 0..200), now(1)).is_none());
        assert!(pool.add(b"a", &record(1, 200..300), now(1)).is_none());
        assert!(pool.add(b"b", &record(0, 200..300), now(1)).is_none());
        assert!(pool.add(b"a", &record(0, 200..300), now(1)).is_some());
    }

    /// Such as the text of an IPv6 address with its scope and port.
    #[test]
    fn a10_a_client_may_have_a_long_id() {
        let mut pool = HelloPool::new(2);
        let ids = [[b'x'; 99], [b'y'; 99]];
        for id in &ids {
            assert!(pool.add(id, &record(0, 0..200), now(1)).is_none());
        }
        for id in &ids {
            assert!(pool.add(id, &record(0, 200..300), now(1)).is_some());
        }
    }

    #[test]
    fn a10_old_fragments_are_forgotten() {
        for (later, forgotten) in [(AGE, false), (AGE + Duration::from_nanos(1), true)] {
            let mut pool = HelloPool::new(1);
            assert!(pool.add(b"a", &record(0, 0..200), now(1)).is_none());
            let rest = pool.add(b"a", &record(0, 200..300), now(1) + later);
            assert_eq!(rest.is_none(), forgotten);
        }
    }

    /// What is forged cannot change what is here, and what fills a place twice counts once.
    #[test]
    fn the_bytes_that_came_first_are_kept() {
        let mut pool = HelloPool::new(1);
        let forged = record_of(LENGTH, 0, 50, &[0xff; 100]);
        for part in [record(0, 0..100), forged.clone(), forged] {
            assert!(pool.add(b"a", &part, now(1)).is_none());
        }
        let whole = pool.add(b"a", &record(0, 150..300), now(1)).unwrap();
        let mut expected = body();
        expected[100..150].fill(0xff);
        assert_eq!(whole, record_of(LENGTH, 0, 0, &expected));
    }

    #[test]
    fn the_longest_hello_has_a_place_and_a_longer_one_has_none() {
        for (length, fits) in [(LONGEST_HELLO, true), (LONGEST_HELLO + 1, false)] {
            let body = body().into_iter().cycle().take(length).collect::<Vec<_>>();
            let mut pool = HelloPool::new(1);
            let rooms = pool.whole.capacity();
            let (first, rest) = body.split_at(2000);
            let first = record_of(length as u32, 0, 0, first);
            assert!(pool.add(b"a", &first, now(1)).is_none());
            let rest = record_of(length as u32, 0, 2000, rest);
            let whole = pool.add(b"a", &rest, now(1)).map(<[u8]>::to_vec);
            assert_eq!(whole, fits.then(|| record_of(length as u32, 0, 0, &body)));
            assert_eq!(pool.whole.capacity(), rooms, "it never grows");
        }
    }

    #[test]
    fn a13_p37_a_flood_takes_no_more_than_the_places() {
        let mut pool = HelloPool::new(8);
        for client in 0..10_000_u32 {
            assert!(
                pool.add(&client.to_be_bytes(), &record(0, 0..200), now(1))
                    .is_none()
            );
        }
        assert_eq!(pool.places.len(), 8);
    }

    /// Somebody else's hello waits for its rest, beside a datagram with as many hellos as there is room for.
    #[test]
    fn a13_p37_a_datagram_takes_one_place() {
        let other = |message_seq, fragment: &[u8]| record_of(LENGTH, message_seq, 0, fragment);
        let of_other_hellos = (0..56).flat_map(|seq| other(seq, &[1])).collect();
        let of_other_lengths = (2..58)
            .flat_map(|length| record_of(length, 0, 0, &[1]))
            .collect();
        let without_a_byte = (0..56).flat_map(|seq| other(seq, &[])).collect();
        let of_none = (256..312).flat_map(|seq| other(seq, &[1])).collect();
        let datagrams: [(&str, Vec<u8>, usize); 4] = [
            ("of other hellos", of_other_hellos, 1),
            ("of other lengths", of_other_lengths, 1),
            ("without a byte", without_a_byte, 0),
            ("of no hello", of_none, 0),
        ];
        for (name, datagram, cost) in datagrams {
            let mut pool = HelloPool::new(8);
            assert!(pool.add(b"b", &datagram, now(1)).is_none());
            let taken = pool.places.iter().filter(|place| place.key.is_some());
            assert_eq!(taken.count(), cost, "{name}");
        }
    }

    /// What stands behind it in the datagram may be of anything.
    #[test]
    fn a10_parts_of_other_hellos_in_the_datagram_change_nothing() {
        let mut pool = HelloPool::new(1);
        let first = [record(0, 0..100), record(1, 100..300)].concat();
        assert!(pool.add(b"a", &first, now(1)).is_none());
        let rest = [record(0, 100..300), record(1, 0..100)].concat();
        let whole = pool.add(b"a", &rest, now(1)).unwrap();
        assert_eq!(whole, record(0, 0..LENGTH));
    }

    #[test]
    fn a10_as_many_clients_as_places_keep_each_other_out_of_nothing() {
        let mut pool = HelloPool::new(8);
        let clients = || (0..8_u8).map(|client| [client]);
        for client in clients() {
            assert!(pool.add(&client, &record(0, 0..200), now(1)).is_none());
        }
        for client in clients() {
            assert!(pool.add(&client, &record(0, 200..300), now(1)).is_some());
        }
    }

    #[test]
    fn a14_only_handshake_records_in_the_clear_are_looked_at() {
        for (at, byte) in [(0, 23), (4, 1)] {
            let mut pool = HelloPool::new(1);
            let mut other = record(0, 0..200);
            other[at] = byte;
            assert!(pool.add(b"a", &other, now(1)).is_none());
            assert!(pool.add(b"a", &record(0, 200..300), now(1)).is_none());
        }
    }

    #[test]
    fn c01_a_claim_beyond_the_bound_takes_no_place() {
        let mut pool = HelloPool::new(1);
        let mut huge = record(0, 0..200);
        huge[RECORD_HEADER + 1] = 0xff;
        assert!(pool.add(b"a", &huge, now(1)).is_none());
        assert!(pool.places[0].key.is_none());
    }
}
