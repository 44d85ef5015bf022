//! What floods, and what has no place, cost.

use super::*;
use crate::wire::{Body, KeyUpdate, RECORD_HEADER};
use allocation_counter::measure;

/// RFC 6347 §4.1.2.7: each costs one attempt to open it, is counted, and changes nothing.
#[test]
fn b05_b06_a_flood_of_bad_records_keeps_no_good_one_out() {
    for peer in Peer::of_each_version(RULES) {
        let mut peer = peer.finished();
        for round in 1..=1_000 {
            let (response, _) = peer.hand_over(peer.forged(64));
            assert!(response.is_empty());
            assert_eq!(peer.dropped(DropReason::BadMac), round);
            let good = peer.record(ContentType::APPLICATION_DATA, b"good");
            assert_eq!(peer.hand_over(good).1, [b"good"]);
        }
    }
}

/// RFC 9147 §4.5.3: the limit of the keys holds, whatever the configuration says.
#[test]
fn b05_the_connection_ends_at_the_limit_of_its_keys() {
    let openers = [opener(1), secret(3).opener(3).unwrap()];
    for (peer, opener) in Peer::of_each_version(RULES).into_iter().zip(openers) {
        let mut peer = peer.finished();
        peer.inbound.epochs.change(opener.nearly_worn_out());
        peer.inbound.set_rival(Rival::Newer);
        let good = peer.record(ContentType::APPLICATION_DATA, b"good");
        assert_eq!(peer.hand_over(good).1, [b"good"]);
        let (response, _) = peer.hand_over(peer.forged(64));
        let fatal = response.fatal;
        assert!(
            matches!(fatal, Some(Error::TooManyBadRecords { limit }) if limit == 1 << 36),
            "{fatal:?}"
        );
    }
}

/// RFC 9147 §4.5.3: DTLS 1.3 has new keys in time, and the old ones go without the connection.
#[test]
fn b05_new_keys_are_asked_for_before_the_limit_and_old_ones_end_alone() {
    let mut peer = Peer::new13(RULES).finished();
    let half_worn = secret(3).opener(3).unwrap().half_worn_out();
    peer.inbound.epochs.change(half_worn);
    let (response, _) = peer.hand_over(peer.forged(64));
    assert_eq!(response.key_update, Some(KeyUpdate::Requested));
    assert!(peer.hand_over(peer.forged(64)).0.is_empty(), "once");

    let worn_out = secret(3).opener(3).unwrap().nearly_worn_out();
    peer.inbound.epochs.change(worn_out);
    let update = KeyUpdate::NotRequested.encode();
    let response = peer.say(
        ContentType::HANDSHAKE,
        &message(Type::KEY_UPDATE, 6, &update),
    );
    assert!(response.fatal.is_none());
    let held = peer.inbound.epochs.held();
    let left = [(); 4].map(|()| {
        assert!(peer.hand_over(peer.forged(64)).0.fatal.is_none());
        peer.inbound.epochs.held()
    });
    assert_eq!(left, [held, held - 1, held - 1, held - 1], "{held}");
    peer.sealer = secret(3).next().unwrap().sealer(4).unwrap();
    let good = peer.record(ContentType::APPLICATION_DATA, b"good");
    assert_eq!(peer.hand_over(good).1, [b"good"]);
}

/// Records of the next epoch are kept while its keys are missing: a few, the newest, and no longer than needed.
#[test]
fn b11_c07_early_records_are_few_and_forgotten() {
    let flood = |peer: &mut Peer, early: fn(usize) -> Vec<u8>| {
        for length in [64, 2000, 4000, 64, 64, 64, 64] {
            let _ = peer.hand_over(early(length));
            let held: usize = peer.inbound.early.iter().map(Vec::len).sum();
            assert!(held <= EARLY_BYTES && peer.inbound.early.len() <= EARLY_RECORDS);
        }
        let held: Vec<_> = peer.inbound.early.iter().map(Vec::len).collect();
        assert_eq!(held, [early(64).len(); EARLY_RECORDS]);
        assert_eq!(peer.dropped(DropReason::FutureEpoch), 3);
        // Of the other version's form they are of no handshake that goes on.
        let _ = peer.hand_over(match peer.version {
            DTLS1_3 => claimed(ContentType::HANDSHAKE, 0xfefd, 1, &[7; 64]),
            _ => unified(2, &[7; 64]),
        });
        assert_eq!(peer.dropped(DropReason::FutureEpoch), 4);
    };
    // In DTLS 1.3 those of the handshake's keys alone, since what comes under later ones is none of it.
    let mut peer = Peer::unheard(RULES).agreed(DTLS1_3);
    flood(&mut peer, |length| unified(2, &vec![7; length]));
    for epoch in [0, 1, 3] {
        let _ = peer.hand_over(unified(epoch, &[7; 64]));
    }
    assert_eq!(peer.dropped(DropReason::FutureEpoch), 7);
    let keys = secret(1).opener(2).unwrap();
    let response = peer.inbound.change_read_keys(keys, Duration::ZERO);
    assert!(response.fatal.is_none());
    assert!(peer.inbound.early.is_empty());
    peer.sealer = secret(1).sealer(2).unwrap();
    let peer = peer.finished();
    assert_eq!(peer.inbound.early.capacity(), 0);
    assert!(!peer.inbound.reassembly.holds_anything());

    let mut peer = Peer::without_keys(RULES);
    flood(&mut peer, |length| {
        claimed(ContentType::HANDSHAKE, 0xfefd, 1, &vec![7; length])
    });
    for epoch in [2, 3, u16::MAX] {
        let _ = peer.hand_over(claimed(ContentType::HANDSHAKE, 0xfefd, epoch, &[7; 64]));
    }
    assert_eq!(peer.dropped(DropReason::FutureEpoch), 7);

    let _ = peer
        .inbound
        .expect_change_cipher_spec(opener(1), Duration::ZERO);
    let _ = peer.say(ContentType::CHANGE_CIPHER_SPEC, &[1]);
    assert!(peer.inbound.early.is_empty());
    peer.sealer = sealer(1);
    let mut peer = peer.finished();
    let _ = peer.hand_over(claimed(ContentType::HANDSHAKE, 0xfefd, 2, &[7; 64]));
    assert_eq!(peer.inbound.early.capacity(), 0);
    assert!(!peer.inbound.reassembly.holds_anything());
}

/// Whether it is kept is known before it is copied: a flood that nobody keeps costs no memory.
#[test]
fn b11_a_record_of_another_epoch_that_is_not_kept_is_not_copied() {
    let record = |epoch| claimed(ContentType::HANDSHAKE, 0xfefd, epoch, &[7; 1000]);
    let strange = Peer::without_keys(RULES);
    let [connected, connected13] = Peer::of_each_version(RULES).map(Peer::finished);
    let next = unified(4, &[7; 1000]);
    for (mut peer, mut record) in [
        (strange, record(2)),
        (connected, record(2)),
        (connected13, next),
    ] {
        let before = peer.dropped(DropReason::FutureEpoch);
        let cost = measure(|| {
            let _ = peer
                .inbound
                .receive(&mut record, Duration::ZERO, &mut |_| {});
        });
        assert_eq!(cost.count_total, 0, "{}", peer.version);
        assert_eq!(peer.dropped(DropReason::FutureEpoch), before + 1);
    }
}

/// RFC 6347 §4.1: anyone can send a record of a type that nobody knows; a peer that does is at fault.
#[test]
fn b14_a_record_of_unknown_type_is_fatal_only_if_it_is_authentic() {
    // RFC 9147 §4.1: some are no types, but unified headers.
    let is_header = |typ: u8| UnifiedHeader::is_one(typ);
    for typ in (0..=255).filter(|typ| !(20..=23).contains(typ) && !is_header(*typ)) {
        let typ = ContentType(typ);
        for peer in Peer::of_each_version(RULES) {
            let mut peer = peer.finished();
            for epoch in [0, 1] {
                let (response, _) = peer.hand_over(claimed(typ, 0xfefd, epoch, &[7; 40]));
                assert!(response.is_empty(), "{typ:?}");
            }
            // DTLS 1.3 has one type more.
            if peer.version == DTLS1_2 || typ != ContentType::ACK {
                let response = peer.say(typ, b"?");
                assert!(matches!(response.fatal, Some(Error::UnexpectedRecord(_))));
            }
        }
    }
}

/// What a record's version says is not authenticated in the clear, and where it is, the peer is the
/// one who says it; but what is not DTLS at all is not looked at.
#[test]
fn b19_only_the_first_byte_of_a_version_counts() {
    for version in [0xfeff, 0xfefd, 0xfefc, 0xfe00, 0x0303, 0xff00, 0xfd00] {
        let mut peer = Peer::without_keys(RULES);
        let finished = Writer::bytes_of(|w| {
            HandshakeHeader::whole(Type::CERTIFICATE, 5, 3).write(w);
            w.bytes(&[0; 3]);
        });
        let _ = peer.hand_over(claimed(ContentType::HANDSHAKE, version, 0, &finished));
        let taken = peer.inbound.next_message().is_some();
        assert_eq!(taken, version >> 8 == 0xfe, "{version:04x}");
        let dropped = peer.dropped(DropReason::WrongVersion);
        assert_eq!(dropped, u64::from(!taken), "{version:04x}");
    }
}

/// A record that ends within a header: whoever holds the keys is to blame, anyone else is suspected.
#[test]
fn c10_half_a_handshake_header_is_no_message() {
    let whole = Writer::bytes_of(|w| {
        HandshakeHeader::whole(Type::CERTIFICATE, 5, 3).write(w);
        w.bytes(&[0; 3]);
    });
    for cut in 1..whole.len() {
        let content = [&whole[..], &whole[..cut]].concat();
        let mut peer = Peer::without_keys(RULES);
        let response = peer.say(ContentType::HANDSHAKE, &content);
        let suspected = matches!(response.suspicion, Some(Error::Decode { .. }));
        assert!(suspected && response.fatal.is_none(), "{cut}");
        let message = peer.inbound.next_message();
        assert!(message.is_some(), "what is whole counts");

        for mut peer in Peer::of_each_version(RULES) {
            let response = peer.say(ContentType::HANDSHAKE, &content);
            assert!(matches!(response.fatal, Some(Error::Decode { .. })));
        }
    }
}

/// What is dropped of a record takes nothing with it, unless it ends the connection.
#[test]
fn what_stands_behind_a_message_that_is_dropped_counts() {
    for mut peer in Peer::of_each_version(RULES) {
        let response = peer.say_messages(&[(Type::FINISHED, 12), (Type::FINISHED, 5)]);
        assert!(response.acknowledge.is_empty(), "{response:?}");
        assert!(peer.inbound.next_message().is_some());
    }
    let too_long = message(Type::FINISHED, 5, &[0; 65]);
    for mut peer in Peer::of_each_version(RULES) {
        let good = message(Type::FINISHED, 5, &[0; 12]);
        let response = peer.say(ContentType::HANDSHAKE, &[&too_long[..], &good].concat());
        assert!(matches!(
            response.fatal,
            Some(Error::HandshakeMessageTooLong { .. })
        ));
        assert!(peer.inbound.next_message().is_none());
    }
}

/// RFC 6347 §4.2.2: a server that keeps no state numbers its HelloVerifyRequest 0, or as the hello. It is the
/// next message wherever it may come, and nothing else is.
#[test]
fn a_hello_verify_request_is_taken_whatever_its_number_is() {
    let request = |typ| message(typ, 0, &[0; 12]);
    let half = |typ: Type| {
        let mut half = request(typ);
        half.truncate(12 + 6);
        half[11] = 6;
        half
    };
    for (content, agreed, taken) in [
        (request(Type::HELLO_VERIFY_REQUEST), None, true),
        (request(Type::SERVER_HELLO), None, false),
        (half(Type::HELLO_VERIFY_REQUEST), None, false),
        (request(Type::HELLO_VERIFY_REQUEST), Some(DTLS1_2), false),
    ] {
        let mut peer = Peer::unheard(RULES);
        peer = match agreed {
            Some(version) => peer.agreed(version),
            None => peer,
        };
        let _ = peer.say(ContentType::HANDSHAKE, &content);
        assert_eq!(peer.inbound.next_message().is_some(), taken, "{content:?}");
        let repeated = peer.dropped(DropReason::RepeatedMessage);
        assert_eq!(repeated, u64::from(!taken), "{content:?}");
    }
}

/// RFC 6347 §4.2.2: numbers have 16 bits. In DTLS 1.2 nothing can follow the last of them; what does in 1.3 is a
/// repetition.
#[test]
fn c08_behind_the_last_number_a_connection_of_dtls_1_2_ends() {
    for mut peer in Peer::of_each_version(RULES) {
        peer.inbound.skip_to(u16::MAX);
        assert!(
            peer.say_messages(&[(Type::FINISHED, u16::MAX)])
                .fatal
                .is_none()
        );
        assert!(peer.inbound.next_message().is_some());
        let response = peer.say_messages(&[(Type::FINISHED, u16::MAX)]);
        let ends = matches!(response.fatal, Some(Error::NumbersExhausted));
        assert_eq!(ends, peer.version == DTLS1_2, "{response:?}");
    }
}

/// Fragments of one message that disagree about its length or type: in the clear either may be forged, and
/// under keys the peer is to blame.
#[test]
fn c02_fragments_that_disagree_end_a_connection_only_if_they_are_authentic() {
    let fragment = |typ, length, fragment_offset| {
        Writer::bytes_of(|w| {
            HandshakeHeader {
                typ,
                length,
                message_seq: 5,
                fragment_offset,
                fragment_length: 4,
            }
            .write(w);
            w.bytes(&[0; 4]);
        })
    };
    let first = fragment(Type::FINISHED, 12, 0);
    for (case, other) in [
        ("length", fragment(Type::FINISHED, 13, 4)),
        ("type", fragment(Type::CERTIFICATE, 12, 4)),
    ] {
        let mut peer = Peer::without_keys(RULES);
        assert!(peer.say(ContentType::HANDSHAKE, &first).is_empty());
        let response = peer.say(ContentType::HANDSHAKE, &other);
        assert!(
            matches!(response.suspicion, Some(Error::FragmentMismatch)),
            "{case}: {response:?}"
        );
        assert!(response.fatal.is_none() && peer.inbound.closed().is_none());

        for mut peer in Peer::of_each_version(RULES) {
            let response = peer.say(ContentType::HANDSHAKE, &first);
            assert!(response.fatal.is_none(), "{case}: {response:?}");
            let response = peer.say(ContentType::HANDSHAKE, &other);
            assert!(
                matches!(response.fatal, Some(Error::FragmentMismatch)),
                "{case}: {response:?}"
            );
            assert!(peer.inbound.closed().is_some());
            assert!(peer.inbound.next_message().is_none());
        }
    }
}

/// A record may hold a thousand messages; they are read one by one, and asking often costs nothing.
#[test]
fn c12_a_chain_of_hello_requests_is_refused_once() {
    let chain = HandshakeHeader::whole(Type::HELLO_REQUEST, 0, 0);
    let chain = Writer::bytes_of(|w| (0..1_300).for_each(|_| chain.write(w)));
    let mut peer = Peer::established(Renegotiation::Refused);
    let answers = [0; 3].map(|_| peer.say(ContentType::HANDSHAKE, &chain).no_renegotiation);
    assert_eq!(answers, [true, false, false]);
    let good = peer.record(ContentType::APPLICATION_DATA, b"good");
    assert_eq!(peer.hand_over(good).1, [b"good"]);
}

/// A length beyond what is there is one beyond what is read.
#[test]
fn b01_b23_no_length_reaches_beyond_its_datagram() {
    for peer in Peer::of_each_version(RULES) {
        let mut peer = peer.finished();
        let header = match peer.version {
            DTLS1_3 => UnifiedHeader::SENT,
            _ => RECORD_HEADER,
        };
        let record = peer.record(ContentType::APPLICATION_DATA, b"a secret");
        for length in 0..=u16::MAX {
            let mut lying = record.clone();
            lying[header - 2..header].copy_from_slice(&length.to_be_bytes());
            if lying != record {
                let (response, delivered) = peer.hand_over(lying);
                assert!(response.is_empty() && delivered.is_empty(), "{length}");
            }
        }
        assert_eq!(peer.hand_over(record).1, [b"a secret"]);
    }
}

/// An empty message would look like the end of the data.
#[test]
fn b03_p53_an_empty_application_record_is_dropped() {
    for peer in Peer::of_each_version(RULES) {
        let mut peer = peer.finished();
        for _ in 0..100 {
            let empty = peer.record(ContentType::APPLICATION_DATA, b"");
            let (response, delivered) = peer.hand_over(empty);
            assert!(response.is_empty() && delivered.is_empty());
        }
        assert_eq!(peer.dropped(DropReason::EmptyRecord), 100);
        peer.assert_alive("afterwards");
    }
}
