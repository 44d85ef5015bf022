//! Fragments in any order into messages in theirs.

use super::input::Input;
use crate::flight::{Inserted, MessageLimits, Reassembly};
use crate::wire::{HandshakeHeader, HandshakeType};
use std::collections::BTreeMap;

const LIMITS: MessageLimits = MessageLimits {
    certificate: 1 << 14,
};

/// All that anyone may say of a message: its type, epoch and length, and its bytes at each place.
type Said = BTreeMap<(u16, u8, u16, usize), Vec<Vec<u8>>>;

/// Which bytes must be here of the message that has a number, and that message's type, epoch and length.
type Held = BTreeMap<u16, ((u8, u16, usize), Vec<bool>)>;

/// The longest message and what its pieces cost, beside the budget for what is ahead of it (hazard C6).
const MOST: usize = (1 << 14) + 257 * 64 + (16 << 10);

/// Bytes of the messages of a handshake.
const MOST_ACCEPTED: usize = (1 << 14) + (5 << 10);

/// What keeping pieces apart may cost.
const GAPS: usize = 4 << 10;

/// What was ahead before there was less left for it.
const AHEAD: usize = 12 << 10;

/// The most that one fragment costs: its bytes, the message that it begins, and a piece in every other place.
const FRAGMENT: usize = 255 + 64 + 128 * 64;

pub(super) fn run(data: &[u8]) {
    play(data);
}

/// How many fragments found no room.
fn play(data: &[u8]) -> usize {
    let mut without_room = 0;
    let mut accepted = 0;
    let mut input = Input::new(data);
    let mut reassembly = Reassembly::new(input.u16(), LIMITS);
    let mut said = Said::new();
    let mut held = Held::new();
    // A message is accepted when it was taken, before anything else comes.
    let mut may_accept = true;
    while !input.is_empty() {
        let next = reassembly.next_seq();
        match input.u8() {
            0..=15 => {
                let expected = reassembly.next().cloned();
                let Some(message) = reassembly.take() else {
                    assert!(expected.is_none());
                    continue;
                };
                assert_eq!(Some(&message), expected.as_ref());
                assert_eq!(message.message_seq, next, "out of order");
                let key = (
                    message.message_seq,
                    message.typ.0,
                    message.epoch,
                    message.body.len(),
                );
                let places = said.get(&key);
                for (at, byte) in message.body.iter().enumerate() {
                    let place = places.and_then(|places| places.get(at));
                    assert!(
                        place.is_some_and(|place| place.contains(byte)),
                        "nobody said this byte"
                    );
                }
                assert!(reassembly.is_past(next), "it may come again");
                held.remove(&next);
                may_accept = true;
            }
            16 => {
                let to = next.saturating_add(input.u8().into());
                reassembly.skip_to(to);
                said.retain(|(message_seq, ..), _| *message_seq >= to);
                held.retain(|message_seq, _| *message_seq >= to);
            }
            17 => {
                reassembly.clear();
                said.clear();
                held.clear();
                assert!(!reassembly.holds_anything());
            }
            18 => {
                let length = usize::from(input.u16());
                if !may_accept {
                    continue;
                }
                reassembly.accepted(length);
                accepted = MOST_ACCEPTED.min(accepted + length);
            }
            ahead => {
                let full = accepted + reassembly.cost() + FRAGMENT > MOST_ACCEPTED + GAPS;
                let inserted = insert(&mut reassembly, &mut said, next, ahead, &mut input);
                hold(&mut held, &inserted);
                may_accept = false;
                // Where little room is left, the next message goes before what is ahead of it in the clear.
                if full {
                    held.retain(|seq, ((_, epoch, _), _)| *seq == next || *epoch > 0);
                }
                without_room += usize::from(inserted.outcome == Inserted::NoRoom);
            }
        }
        assert!(reassembly.cost() <= MOST, "it holds too much");
        assert!(
            accepted + reassembly.cost() <= MOST_ACCEPTED + GAPS + AHEAD,
            "it holds too much beside what was accepted"
        );
        if let Some((key, bytes)) = held.get(&reassembly.next_seq()) {
            if !reassembly.exhausted() && bytes.iter().all(|here| *here) {
                let message = reassembly.next().expect("it is whole");
                assert_eq!((message.typ.0, message.epoch, message.body.len()), *key);
            }
        }
    }
    without_room
}

/// A fragment, and what became of it.
struct Tried {
    message_seq: u16,
    key: (u8, u16, usize),
    offset: usize,
    count: usize,
    outcome: Inserted,
}

/// What is certain to be here behind that.
fn hold(held: &mut Held, tried: &Tried) {
    let (_, _, length) = tried.key;
    let end = tried.offset + tried.count;
    let says_nothing = tried.count == 0 && length > 0;
    if end > length || says_nothing {
        return;
    }
    match tried.outcome {
        Inserted::Stored => {
            let new = || (tried.key, vec![false; length]);
            let (key, bytes) = held.entry(tried.message_seq).or_insert_with(new);
            assert_eq!(*key, tried.key, "stored beside what it contradicts");
            bytes[tried.offset..end].fill(true);
        }
        // It has taken the place, if there was room.
        Inserted::Mismatch => drop(held.remove(&tried.message_seq)),
        Inserted::Repeated | Inserted::OutOfWindow | Inserted::TooLong | Inserted::NoRoom => {}
    }
}

fn insert(
    reassembly: &mut Reassembly,
    said: &mut Said,
    next: u16,
    ahead: u8,
    input: &mut Input<'_>,
) -> Tried {
    let message_seq = next.wrapping_add(u16::from(ahead % 9)).wrapping_sub(1);
    let epoch = u16::from(ahead >> 7);
    let typ = [
        HandshakeType::CERTIFICATE,
        HandshakeType::FINISHED,
        HandshakeType(input.u8()),
    ][usize::from(ahead / 9 % 3)];
    let length = usize::from(input.u16() % 20_000);
    let offset = usize::from(input.u16() % 20_000);
    let count = usize::from(input.u8());
    let fragment = input.bytes(count);
    let header = HandshakeHeader {
        typ,
        length: length as u32,
        message_seq,
        fragment_offset: offset as u32,
        fragment_length: fragment.len() as u32,
    };
    let past = reassembly.is_past(message_seq);
    let inserted = reassembly.insert(epoch, &header, fragment);
    assert_eq!(inserted == Inserted::Repeated, past);
    if length > LIMITS.of(typ) {
        assert_ne!(inserted, Inserted::Stored, "longer than it may be");
    }
    if matches!(
        inserted,
        Inserted::Stored | Inserted::Mismatch | Inserted::NoRoom
    ) {
        let places = said.entry((message_seq, typ.0, epoch, length)).or_default();
        places.resize(length, Vec::new());
        for (place, byte) in places.iter_mut().skip(offset).zip(fragment) {
            place.push(*byte);
        }
    }
    Tried {
        message_seq,
        key: (typ.0, epoch, length),
        offset,
        count: fragment.len(),
        outcome: inserted,
    }
}

/// Of a Finished under no keys, the next message or one behind it.
const NEXT: u8 = 37;
const SECOND: u8 = 38;
const THIRD: u8 = 39;

fn piece(ahead: u8, length: u16, offset: u16, text: &[u8]) -> Vec<u8> {
    let [length, offset] = [length, offset].map(u16::to_be_bytes);
    [&[ahead, 0], &length[..], &offset, &[text.len() as u8], text].concat()
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let whole = |ahead: u8, text: &[u8]| piece(ahead, text.len() as u16, 0, text);
    let beginnings = [
        [vec![0, 0], whole(NEXT, b"finished"), vec![0]],
        [
            vec![0, 3],
            [piece(NEXT, 6, 3, b"def"), piece(NEXT, 6, 0, b"abcd")].concat(),
            vec![0],
        ],
        [
            vec![255, 255],
            [whole(NEXT, b"last"), vec![0], whole(NEXT, b"beyond")].concat(),
            vec![0],
        ],
        [
            vec![0, 0],
            [whole(SECOND, b"second"), whole(NEXT, b"first")].concat(),
            vec![0, 0, 16, 3, 17],
        ],
    ];
    let beginnings = beginnings.map(|parts| parts.concat());
    beginnings.into_iter().chain(seeds_without_room()).collect()
}

/// Pieces of a byte, with gaps between them, of the message behind the next; of the next; of the next where
/// little is left of the handshake; of the next, in the midst of which nothing is accepted; and of the next, for
/// which a Finished far ahead makes room, so that another kind of it is welcome.
fn seeds_without_room() -> [Vec<u8>; 5] {
    // Of Certificates.
    let pieces = |ahead: u8, count: u16| {
        let pieces = (0..count).map(|at| piece(ahead, 0x800, 2 * at + 1, b"x"));
        pieces.collect::<Vec<_>>().concat()
    };
    [
        [vec![0, 0], pieces(29, 300)].concat(),
        [vec![0, 0], pieces(28, 300)].concat(),
        [vec![0, 0, 18, 0x38, 0], pieces(28, 200)].concat(),
        [vec![0, 0], pieces(28, 262), vec![18, 0xf8, 0]].concat(),
        [
            [vec![0, 0], pieces(29, 170), piece(THIRD, 8, 1, b"ini")].concat(),
            [pieces(28, 262), piece(THIRD, 0, 0, b"")].concat(),
        ]
        .concat(),
    ]
}

/// That they reach the bounds.
pub(super) fn check_seeds() {
    for seed in seeds_without_room() {
        assert!(play(&seed) > 0, "there was room for all");
    }
}
