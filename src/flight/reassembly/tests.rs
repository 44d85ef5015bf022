use super::*;
use crate::wire::HandshakeType;
use proptest::prelude::*;
use proptest::sample::Index;

const LIMITS: MessageLimits = MessageLimits {
    certificate: 64 << 10,
};
const CERTIFICATE: HandshakeType = HandshakeType::CERTIFICATE;

#[cfg(all(feature = "anti-replay", feature = "x509"))]
impl Reassembly {
    /// What it waits for, and what it holds.
    pub(crate) fn state(&self) -> String {
        let held = self.held.iter().map(|(seq, message)| (seq, message.cost()));
        format!("{} {:?}", self.next, held.collect::<Vec<_>>())
    }
}

fn reassembly(next_seq: u16) -> Reassembly {
    Reassembly::new(next_seq, LIMITS)
}

fn body(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i % 251) as u8).collect()
}

/// Inserts what stands from `start` to `end` in `body`, under epoch 0.
fn insert(r: &mut Reassembly, seq: u16, body: &[u8], (start, end): (usize, usize)) -> Inserted {
    let header = HandshakeHeader {
        typ: CERTIFICATE,
        length: body.len() as u32,
        message_seq: seq,
        fragment_offset: start as u32,
        fragment_length: (end - start) as u32,
    };
    r.insert(0, &header, &body[start..end])
}

fn insert_whole(
    r: &mut Reassembly,
    typ: HandshakeType,
    epoch: u16,
    seq: u16,
    body: &[u8],
) -> Inserted {
    let header = HandshakeHeader::whole(typ, seq, body.len() as u32);
    r.insert(epoch, &header, body)
}

/// A message's length, and fragments of it in any order that cover it together.
fn fragments(longest: usize) -> impl Strategy<Value = (usize, Vec<(usize, usize)>)> {
    let cuts = prop::collection::vec(any::<Index>(), 0..30);
    let extra = prop::collection::vec(any::<(Index, Index)>(), 0..30);
    (0..=longest, cuts, extra).prop_flat_map(|(length, cuts, extra)| {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(length + 1)).collect();
        cuts.extend([0, length]);
        cuts.sort_unstable();
        let cover = cuts.windows(2).map(|pair| (pair[0], pair[1]));
        let extra = extra.iter().map(|(a, b)| {
            let (a, b) = (a.index(length + 1), b.index(length + 1));
            (a.min(b), a.max(b))
        });
        let all: Vec<_> = cover.chain(extra).collect();
        (Just(length), Just(all).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn c04_p39_fragments_in_any_order_are_the_message(
        // Ahead of its time a message has a budget, which counts a fragment before what of it is new.
        (length, fragments) in fragments(4000),
    ) {
        let body = body(length);
        for seq in [3, 4] {
            let mut r = reassembly(3);
            for fragment in &fragments {
                prop_assert_eq!(insert(&mut r, seq, &body, *fragment), Inserted::Stored);
            }
            if seq == 4 {
                prop_assert!(r.next().is_none());
                insert_whole(&mut r, HandshakeType::SERVER_HELLO, 0, 3, b"before");
                prop_assert_eq!(r.take().unwrap().body, b"before");
            }
            let message = r.take().unwrap();
            prop_assert_eq!(message.body, body.clone());
            prop_assert_eq!((message.typ, message.message_seq), (CERTIFICATE, seq));
            prop_assert!(r.held.is_empty());
        }
    }

    /// Of two senders that contradict each other, each byte is the one that came first.
    #[test]
    fn c04_the_first_byte_is_kept(
        (length, fragments) in fragments(300),
        senders in prop::collection::vec(any::<u8>(), 80),
    ) {
        let mut r = reassembly(0);
        let mut expected = vec![None; length];
        for ((start, end), sender) in fragments.into_iter().zip(senders) {
            insert(&mut r, 0, &vec![sender; length], (start, end));
            for byte in &mut expected[start..end] {
                byte.get_or_insert(sender);
            }
        }
        let expected: Vec<_> = expected.into_iter().map(Option::unwrap).collect();
        prop_assert_eq!(r.take().unwrap().body, expected);
    }

    /// Whatever a flood holds, memory is bounded, and the message that is due gets through.
    #[test]
    fn c06_p41_a_flood_is_bounded_and_keeps_nothing_out(
        flood in prop::collection::vec((0..7_u16, any::<Index>(), 1..400_usize), 1..2000),
    ) {
        let due = body(LIMITS.certificate);
        let mut r = reassembly(0);
        for (seq, start, length) in flood {
            let start = start.index(due.len());
            insert(&mut r, seq, &due, (start, due.len().min(start + length)));
            let next = r.held.get(&0).map_or(0, PartialMessage::cost);
            prop_assert!(r.cost() - next <= AHEAD_BUDGET);
            prop_assert!(next <= LIMITS.certificate + 257 * BOOKKEEPING);
        }
        for start in (0..due.len()).step_by(1000) {
            let end = due.len().min(start + 1000);
            prop_assert_eq!(insert(&mut r, 0, &due, (start, end)), Inserted::Stored);
        }
        prop_assert_eq!(r.take().unwrap().body, due);
    }
}

#[test]
fn c04_single_bytes_backwards_are_the_message() {
    let body = body(200);
    let mut r = reassembly(0);
    for i in (0..200).rev() {
        assert!(r.next().is_none());
        assert_eq!(insert(&mut r, 0, &body, (i, i + 1)), Inserted::Stored);
    }
    assert_eq!(r.take().unwrap().body, body);
}

/// RFC 6347 §4.2.3: whatever the order, the work grows with the bytes that came and not with their square.
/// Bytes are moved into room that is made for them, so that room tells of the work.
#[test]
fn c04_no_order_of_fragments_makes_work_that_grows_with_the_square() {
    type Order = fn(usize) -> Vec<(usize, usize)>;
    let orders: [(&str, Order); 6] = [
        ("forwards", |length| {
            (0..length).map(|i| (i, i + 1)).collect()
        }),
        ("backwards", |length| {
            (0..length).rev().map(|i| (i, i + 1)).collect()
        }),
        ("backwards, each in two", |length| {
            (1..length).rev().map(|i| (i - 1, i + 1)).collect()
        }),
        ("forwards behind a gap", |length| {
            let rest = (1..length).map(|i| (i, i + 1));
            rest.chain([(0, 1)]).collect()
        }),
        ("from the middle to both ends", |length| {
            let ways = (0..length / 2).zip((length / 2..length).rev());
            let pieces = ways.flat_map(|(i, j)| [length / 2 - 1 - i, length / 2 * 3 - 1 - j]);
            pieces.map(|i| (i, i + 1)).collect()
        }),
        ("ever more of the end", |length| {
            (1..length)
                .rev()
                .map(|i| (i, length))
                .chain([(0, 1)])
                .collect()
        }),
    ];
    for (name, order) in orders {
        for length in [1 << 10, 1 << 14] {
            let (body, order) = (body(length), order(length));
            let mut r = reassembly(0);
            let info = allocation_counter::measure(|| {
                for fragment in &order {
                    assert_eq!(insert(&mut r, 0, &body, *fragment), Inserted::Stored);
                }
            });
            assert_eq!(r.take().unwrap().body, body, "{name}");
            let per_byte = info.bytes_total / body.len() as u64;
            assert!(per_byte <= 40, "{name}: {per_byte} for each of {length}");
        }
    }
}

/// Pieces that touch are one, so that a message cut very small has room ahead of its turn.
#[test]
fn what_is_contiguous_costs_once() {
    let body = body(1000);
    let mut r = reassembly(0);
    let islands = (1..1000).step_by(8).map(|i| (i, i + 2));
    let everything = (1..1000).rev().map(|i| (i - 1, i + 1));
    for fragment in islands.chain(everything) {
        assert_eq!(insert(&mut r, 1, &body, fragment), Inserted::Stored);
    }
    assert_eq!(r.cost(), body.len() + BOOKKEEPING);
}

/// The budget may be spent to the last byte, and no further: on what continues a message, and on what
/// stands behind a gap.
#[test]
fn a_message_ahead_may_cost_the_whole_budget() {
    let due = body(20_000);
    for (first, room) in [
        ((0, 0), AHEAD_BUDGET - BOOKKEEPING),
        ((0, 100), AHEAD_BUDGET - BOOKKEEPING),
        ((1, 1), AHEAD_BUDGET - 2 * BOOKKEEPING),
    ] {
        for (more, expected) in [(0, Inserted::Stored), (1, Inserted::NoRoom)] {
            let mut r = reassembly(0);
            insert(&mut r, 1, &due, first);
            let rest = (first.1, first.0 + room + more);
            assert_eq!(insert(&mut r, 1, &due, rest), expected, "{first:?}");
            assert_eq!(r.cost() == AHEAD_BUDGET, more == 0);
        }
    }
}

#[test]
fn too_many_gaps_are_left_to_the_next_attempt() {
    let body = body(16 << 10);
    let mut r = reassembly(0);
    let refused = (1..body.len())
        .step_by(2)
        .filter(|i| insert(&mut r, 0, &body, (*i, i + 1)) == Inserted::NoRoom)
        .count();
    assert_eq!(refused, body.len() / 2 - 256);
    for i in 0..body.len() {
        assert_eq!(insert(&mut r, 0, &body, (i, i + 1)), Inserted::Stored);
    }
    assert_eq!(r.take().unwrap().body, body);
}

#[test]
fn c01_p42_memory_follows_the_bytes_and_not_the_claim() {
    let mut r = reassembly(0);
    let claim = body(LIMITS.certificate);
    assert_eq!(insert(&mut r, 0, &claim, (0, 1)), Inserted::Stored);
    assert_eq!(
        insert(&mut r, 1, &claim, (60_000, 60_001)),
        Inserted::Stored
    );
    assert_eq!(
        r.cost(),
        (BOOKKEEPING + 1) + (BOOKKEEPING + BOOKKEEPING + 1)
    );
    assert!(r.held[&0].whole().is_none());
}

#[test]
fn c06_p43_the_window_has_seven_messages() {
    let mut r = reassembly(5);
    assert_eq!(insert(&mut r, 4, b"x", (0, 1)), Inserted::Repeated);
    for seq in 5..12 {
        assert_eq!(insert(&mut r, seq, b"x", (0, 1)), Inserted::Stored);
    }
    assert_eq!(insert(&mut r, 12, b"x", (0, 1)), Inserted::OutOfWindow);
    assert_eq!([4, 5, 6].map(|seq| r.is_past(seq)), [true, false, false]);
    assert_eq!(r.take().unwrap().message_seq, 5);
    assert_eq!([4, 5, 6].map(|seq| r.is_past(seq)), [true, true, false]);
    assert_eq!(insert(&mut r, 5, b"x", (0, 1)), Inserted::Repeated);
    assert_eq!(insert(&mut r, 12, b"x", (0, 1)), Inserted::Stored);
    assert_eq!(std::iter::from_fn(|| r.take()).count(), 7);
    assert_eq!((r.next_seq(), r.held.len()), (13, 0));
}

#[test]
fn a21_c02_c05_p40_a_fragment_that_contradicts_the_one_before_takes_its_place() {
    let mut r = reassembly(0);
    assert_eq!(insert(&mut r, 0, b"forged", (0, 3)), Inserted::Stored);
    assert_eq!(insert(&mut r, 0, b"message", (0, 3)), Inserted::Mismatch);
    assert_eq!(insert(&mut r, 0, b"message", (3, 7)), Inserted::Stored);
    assert_eq!(r.take().unwrap().body, b"message");

    let other_type = |r: &mut Reassembly| insert_whole(r, HandshakeType::SERVER_HELLO, 0, 1, b"x");
    let other_epoch = |r: &mut Reassembly| insert_whole(r, CERTIFICATE, 1, 1, b"y");
    assert_eq!(insert(&mut r, 1, b"z", (0, 1)), Inserted::Stored);
    assert_eq!(other_type(&mut r), Inserted::Mismatch);
    assert_eq!(other_epoch(&mut r), Inserted::Mismatch);
    assert_eq!(r.take().unwrap().body, b"y");
    assert!(r.held.is_empty());
}

#[test]
fn c03_p40_a_fragment_beyond_its_message_is_dropped() {
    let mut r = reassembly(0);
    let mut header = HandshakeHeader::whole(CERTIFICATE, 0, 7);
    for offset in [5, 7, 8, u32::MAX] {
        header.fragment_offset = offset;
        assert_eq!(r.insert(0, &header, b"xyz"), Inserted::Mismatch);
    }
    assert!(r.held.is_empty());
}

#[test]
fn every_type_has_a_longest_message() {
    for (typ, longest) in [
        (HandshakeType::FINISHED, 64),
        (HandshakeType::HELLO_VERIFY_REQUEST, 258),
        (HandshakeType::CLIENT_HELLO, 5 << 10),
        (HandshakeType::SERVER_KEY_EXCHANGE, 3 << 10),
        (CERTIFICATE, LIMITS.certificate),
    ] {
        let mut r = reassembly(0);
        let longer = insert_whole(&mut r, typ, 0, 0, &body(longest + 1));
        assert_eq!(longer, Inserted::TooLong);
        assert!(r.held.is_empty());
        assert_eq!(
            insert_whole(&mut r, typ, 0, 0, &body(longest)),
            Inserted::Stored
        );
        assert_eq!(r.take().unwrap().body.len(), longest);
    }
}

#[test]
fn b03_c09_p39_an_empty_message_is_whole_at_once_and_an_empty_fragment_is_nothing() {
    let mut r = reassembly(0);
    assert_eq!(insert(&mut r, 0, b"message", (3, 3)), Inserted::Stored);
    assert!(r.held.is_empty());
    for _ in 0..2 {
        let done = insert_whole(&mut r, HandshakeType::SERVER_HELLO_DONE, 0, 0, b"");
        assert_eq!(done, Inserted::Stored);
    }
    assert_eq!(r.take().unwrap().body, b"");
    assert_eq!(r.take(), None);
}

#[test]
fn c08_after_the_last_number_nothing_comes() {
    let mut r = reassembly(u16::MAX);
    assert_eq!(insert(&mut r, 0, b"x", (0, 1)), Inserted::Repeated);
    assert_eq!(insert(&mut r, u16::MAX, b"x", (0, 1)), Inserted::Stored);
    assert!(!r.exhausted());
    assert_eq!(r.take().unwrap().message_seq, u16::MAX);
    assert!(r.exhausted());
    assert_eq!(r.next_seq(), u16::MAX);
    for seq in [0, 1, u16::MAX] {
        assert_eq!(insert(&mut r, seq, b"x", (0, 1)), Inserted::Repeated);
    }
    assert_eq!(r.take(), None);
}

#[test]
fn what_is_skipped_is_dropped() {
    let mut r = reassembly(0);
    for seq in 0..4 {
        insert(&mut r, seq, b"x", (0, 1));
    }
    r.skip_to(2);
    assert_eq!(r.held.keys().copied().collect::<Vec<_>>(), [2, 3]);
    assert_eq!(r.take().unwrap().message_seq, 2);
    assert!(r.holds_anything());
    r.clear();
    assert!(!r.holds_anything());
    assert_eq!((r.cost(), r.next_seq()), (0, 3));
    // Numbers may go back, and what is out of the window then is forgotten.
    for seq in 3..10 {
        insert(&mut r, seq, b"x", (0, 1));
    }
    r.skip_to(1);
    let held: Vec<_> = r.held.keys().copied().collect();
    assert_eq!(held, [3, 4, 5, 6, 7]);
}

#[test]
fn c11_left_overs_of_another_epoch_are_noticed() {
    let mut r = reassembly(0);
    assert!(!r.holds_other_epoch(1));
    insert_whole(&mut r, CERTIFICATE, 1, 1, b"x");
    assert!(!r.holds_other_epoch(1));
    insert(&mut r, 2, b"part", (1, 2));
    assert!(r.holds_other_epoch(1));
}

/// What was in place may be kept in a transcript, so it counts until the handshake is complete.
#[test]
fn messages_have_so_many_bytes_together() {
    let mut r = reassembly(0);
    r.accepted(LIMITS.of_handshake() - 1000);
    let too_long = insert_whole(&mut r, CERTIFICATE, 0, 0, &body(1001));
    assert_eq!(too_long, Inserted::TooLong);
    let longest = insert_whole(&mut r, CERTIFICATE, 0, 0, &body(1000));
    assert_eq!(longest, Inserted::Stored);
    r.complete();
    let behind = insert_whole(&mut r, CERTIFICATE, 0, 1, &body(2000));
    assert_eq!(behind, Inserted::Stored);
}

/// What is ahead in the clear comes again, or is forged; the next message might not. What is ahead under keys has been
/// acknowledged in DTLS 1.3, and does not come again.
#[test]
fn what_is_ahead_in_the_clear_gives_way_to_the_next_message() {
    const LEFT: usize = 8 << 10;
    const AHEAD: usize = 6000;
    for (epoch, beyond, next, kept) in [
        (0, 0, Inserted::Stored, true),
        (0, 1, Inserted::Stored, false),
        (2, 0, Inserted::Stored, true),
        (2, 1, Inserted::NoRoom, true),
    ] {
        let mut r = reassembly(0);
        r.accepted(LIMITS.of_handshake() - LEFT);
        insert_whole(&mut r, CERTIFICATE, epoch, 1, &body(AHEAD));
        let each = r.cost() - AHEAD;
        let room = LEFT + GAPS_BUDGET - r.cost() - each;
        let body = body(room + beyond);
        assert_eq!(insert_whole(&mut r, CERTIFICATE, epoch, 0, &body), next);
        if next == Inserted::NoRoom {
            insert_whole(&mut r, CERTIFICATE, epoch, 0, &body[beyond..]);
        }
        assert!(r.take().is_some());
        assert_eq!(r.take().is_some(), kept, "{beyond} beyond in epoch {epoch}");
    }
    // A forged message costs the true ones nothing.
    let mut r = reassembly(0);
    r.accepted(LIMITS.of_handshake() - LEFT);
    for (epoch, seq) in [(2, 1), (0, 2), (2, 3), (0, 4)] {
        insert_whole(&mut r, CERTIFICATE, epoch, seq, &body(2_000));
    }
    let next = insert_whole(&mut r, CERTIFICATE, 2, 0, &body(LEFT - 1_000));
    assert_eq!(next, Inserted::Stored);
    assert_eq!(r.held.keys().copied().collect::<Vec<_>>(), [0, 1, 3]);
}

/// What is taken was all: an idle connection holds nothing of the flights that made it.
#[test]
fn what_is_taken_leaves_no_memory_behind() {
    let message = body(300);
    let mut r = reassembly(0);
    let info = allocation_counter::measure(|| {
        for seq in [1, 0] {
            insert(&mut r, seq, &message, (0, 100));
            insert(&mut r, seq, &message, (100, 300));
        }
        while let Some(message) = r.take() {
            drop(message);
        }
    });
    assert_eq!(r.next_seq(), 2);
    assert!(info.count_total > 0);
    assert_eq!(info.bytes_current, 0, "{info:?}");
}
