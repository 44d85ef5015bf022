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

/// What fills a place twice counts once.
#[test]
fn a10_bytes_that_come_again_change_nothing() {
    let mut pool = HelloPool::new(1);
    for part in [0..100, 0..100, 50..150, 0..150].map(|range| record(0, range)) {
        assert!(pool.add(b"a", &part, now(1)).is_none());
    }
    let whole = pool.add(b"a", &record(0, 150..300), now(1)).unwrap();
    assert_eq!(whole, record(0, 0..LENGTH));
}

/// A client that begins anew from the same port has other random bytes, and perhaps the same length; and what was
/// forged is gone when the true hello comes again. Only what contradicts nothing cannot be told apart.
#[test]
fn a11_a21_a_hello_that_contradicts_the_one_before_takes_its_place() {
    let other = |start: u32| record_of(LENGTH, 0, start, &[0xff; 100]);
    let parts = [0..100, 100..200, 200..300].map(|range| record(0, range));
    let [first, second, third] = &parts;
    for (before, sent, sends) in [
        (vec![other(0)], [first, second, third], 1),
        (vec![other(0), other(100)], [first, second, third], 1),
        (vec![other(0), other(200)], [third, second, first], 1),
        // In the middle of it the place is emptied of what is true.
        (vec![other(100)], [first, second, third], 2),
        (vec![other(100)], [third, second, first], 2),
    ] {
        let mut pool = HelloPool::new(1);
        for part in &before {
            assert!(pool.add(b"a", part, now(1)).is_none());
        }
        let mut heard = Vec::new();
        for part in sent.repeat(sends) {
            heard.extend(pool.add(b"a", part, now(1)).map(<[u8]>::to_vec));
        }
        assert_eq!(heard, [record(0, 0..LENGTH)]);
    }
}

/// The new hello has as long as any.
#[test]
fn a10_a_hello_that_takes_the_place_of_another_has_its_own_time() {
    let mut pool = HelloPool::new(1);
    let old = record_of(LENGTH, 0, 0, &[0xff; 100]);
    assert!(pool.add(b"a", &old, now(1)).is_none());
    assert!(pool.add(b"a", &record(0, 0..200), now(4)).is_none());
    let rest = record(0, 200..300);
    assert!(pool.add(b"a", &rest, now(4) + AGE).is_some());
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
