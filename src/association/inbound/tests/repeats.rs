//! Which repetitions of the peer's ask for our flight again, and which do not.

use super::*;

fn finished(seq: u16) -> Vec<u8> {
    message(Type::FINISHED, seq, &[0; 12])
}

/// Whoever records a Finished and sends it for ever makes nobody answer: the window comes first.
#[test]
fn e02_p03_a_finished_that_is_replayed_asks_for_nothing() {
    let mut peer = Peer::new(Renegotiation::Refused);
    let record = peer.record(ContentType::HANDSHAKE, &finished(5));
    let mut peer = peer.finished();
    assert!(
        peer.hand_over(record.clone()).0.repeated,
        "it is late and new"
    );
    for _ in 0..100 {
        assert!(peer.hand_over(record.clone()).0.is_empty());
    }
    assert_eq!(peer.dropped(DropReason::Replay), 100);

    // In DTLS 1.3 it is acknowledged, under the keys of then.
    let mut peer = Peer::new13(RULES);
    let record = peer.record(ContentType::HANDSHAKE, &finished(5));
    let mut peer = peer.finished();
    let (response, _) = peer.hand_over(record.clone());
    assert_eq!(response.acknowledge.len(), 1);
    for _ in 0..100 {
        assert!(peer.hand_over(record.clone()).0.is_empty());
    }
    assert_eq!(peer.dropped(DropReason::Replay), 100);
}

/// RFC 9147 §5.8.1: a last flight of DTLS 1.3 that comes again is acknowledged. Whoever does more than it must
/// takes it for a sign that ours was lost, too.
#[test]
fn e11_a_last_flight_of_dtls_1_3_that_comes_again_asks_for_ours() {
    for (belief, asks) in [(Belief::Careful, true), (Belief::Literal, false)] {
        let mut peer = Peer::new13(Rules { belief, ..RULES });
        let record = peer.record(ContentType::HANDSHAKE, &finished(5));
        let mut peer = peer.finished();
        let (response, _) = peer.hand_over(record);
        assert_eq!(response.acknowledge.len(), 1);
        assert_eq!(response.repeated, asks, "{belief:?}");
    }
}

/// Only a Finished that opens, and has the number of the one that was accepted, asks for the last flight.
#[test]
fn e03_p03_a_stray_finished_asks_for_nothing() {
    let mut peer = Peer::established(Renegotiation::Refused);
    let record = peer.record(ContentType::HANDSHAKE, &finished(5));
    let mut in_the_clear = record.clone();
    in_the_clear[4] = 0;
    let mut damaged = record;
    *damaged.last_mut().unwrap() ^= 1;
    for stray in [damaged, in_the_clear] {
        assert!(peer.hand_over(stray).0.is_empty());
    }
    for seq in 0..4 {
        let record = peer.record(ContentType::HANDSHAKE, &finished(seq));
        assert!(peer.hand_over(record).0.is_empty(), "{seq}");
    }
    // A hello of before, authentic or not, is not a repetition of the last flight.
    let mut hello = finished(4);
    hello[0] = Type::CLIENT_HELLO.0;
    let record = peer.record(ContentType::HANDSHAKE, &hello);
    assert!(!peer.hand_over(record).0.repeated);
    assert!(peer.say(ContentType::HANDSHAKE, &finished(5)).repeated);
}

/// Every part of the flight before asks for ours, since any of it may be all that arrives.
#[test]
fn e05_any_part_of_the_flight_before_asks_for_ours() {
    for version in [DTLS1_2, DTLS1_3] {
        any_part_asks_for_ours(Peer::unheard(RULES).agreed(version));
    }
}

fn any_part_asks_for_ours(mut peer: Peer) {
    let body: Vec<u8> = (0..90).collect();
    let part = |seq: u16, start: u32| {
        Writer::bytes_of(|w| {
            HandshakeHeader {
                fragment_offset: start,
                fragment_length: 30,
                ..HandshakeHeader::whole(Type::CERTIFICATE, seq, 90)
            }
            .write(w);
            w.bytes(&body[start as usize..start as usize + 30]);
        })
    };
    let all = |seq| [0, 30, 60].map(|start| (seq, start));
    let take = |peer: &mut Peer, messages: std::ops::Range<u16>| {
        for (seq, start) in messages.flat_map(all) {
            let response = peer.say(ContentType::HANDSHAKE, &part(seq, start));
            assert!(!response.repeated, "{seq}: new");
        }
        while peer.inbound.next_message().is_some() {}
        peer.inbound.flight_complete();
    };
    take(&mut peer, 5..8);
    for (seq, start) in (5..8).flat_map(all) {
        let response = peer.say(ContentType::HANDSHAKE, &part(seq, start));
        assert!(response.repeated, "{seq} from {start}");
    }
    // Ours answered that one long ago.
    take(&mut peer, 8..9);
    for (seq, start) in (5..9).flat_map(all) {
        let response = peer.say(ContentType::HANDSHAKE, &part(seq, start));
        assert_eq!(response.repeated, seq == 8, "{seq} from {start}");
    }
}

/// Where the peer may have begun anew from the same address, what anyone could say of the flight before may
/// be of that other handshake. Only this one's hello comes from nowhere else.
#[test]
fn beside_another_handshake_only_the_hello_or_what_is_authentic_asks_for_our_flight() {
    for version in [DTLS1_2, DTLS1_3] {
        let hello = message(Type::CLIENT_HELLO, 5, &[7; 40]);
        let other = message(Type::CERTIFICATE, 6, &[7; 40]);
        let mut peer = Peer::unheard(RULES).agreed(version);
        for message in [&hello, &other] {
            assert!(!peer.say(ContentType::HANDSHAKE, message).repeated);
        }
        while peer.inbound.next_message().is_some() {}
        peer.inbound.flight_complete();
        for rival in [Rival::None, Rival::Newer, Rival::Older, Rival::None] {
            peer.inbound.set_rival(rival);
            assert!(peer.say(ContentType::HANDSHAKE, &hello).repeated);
            let repeated = peer.say(ContentType::HANDSHAKE, &other).repeated;
            assert_eq!(repeated, rival == Rival::None, "{version}");
        }
    }
    let mut peer = Peer::new(Renegotiation::Refused);
    let other = message(Type::CERTIFICATE_VERIFY, 5, &[7; 40]);
    assert!(!peer.say(ContentType::HANDSHAKE, &other).repeated);
    assert!(peer.inbound.next_message().is_some());
    peer.inbound.flight_complete();
    peer.inbound.set_rival(Rival::Newer);
    assert!(peer.say(ContentType::HANDSHAKE, &other).repeated);
}

/// RFC 6347 §4.1: until the handshake is complete, records of the epoch before are read. What comes again of
/// the flight before is in one.
#[test]
fn epoch_0_is_read_until_the_handshake_is_complete() {
    let mut peer = Peer::without_keys(RULES);
    let message = Writer::bytes_of(|w| {
        HandshakeHeader::whole(Type::CLIENT_KEY_EXCHANGE, 5, 3).write(w);
        w.bytes(&[0; 3]);
    });
    let _ = peer.say(ContentType::HANDSHAKE, &message);
    assert_eq!(peer.inbound.next_message().unwrap().message_seq, 5);
    let _ = peer
        .inbound
        .expect_change_cipher_spec(opener(1), Duration::ZERO);
    let _ = peer.say(ContentType::CHANGE_CIPHER_SPEC, &[1]);
    assert_eq!(peer.inbound.epochs.current(), 1);
    peer.inbound.flight_complete();
    assert!(peer.say(ContentType::HANDSHAKE, &message).repeated);
    peer.sealer = sealer(1);
    let _ = peer.say_messages(&[(Type::FINISHED, 6)]);
    assert_eq!(peer.inbound.next_message().unwrap().message_seq, 6);
    peer.inbound.established(peer.version).unwrap();
    peer.sealer = Sealer::plaintext(9);
    assert!(peer.say(ContentType::HANDSHAKE, &message).is_empty());
}

/// RFC 9147 §7.1: a hello that our flight has acknowledged needs no ACK when it comes again, whatever becomes of
/// our flight. What is of the peer's next flight does.
#[test]
fn a_hello_that_was_answered_is_not_acknowledged_when_it_comes_again() {
    let hello = message(Type::CLIENT_HELLO, 5, &[7; 40]);
    let next = message(Type::CERTIFICATE, 6, &[7; 40]);
    let mut peer = Peer::unheard(RULES).agreed(DTLS1_3);
    assert_eq!(
        peer.say(ContentType::HANDSHAKE, &hello).acknowledge.len(),
        1
    );
    assert!(peer.inbound.next_message().is_some());
    peer.inbound.flight_complete();
    let both = [&hello[..], &next].concat();
    for (said, acknowledged) in [(&hello, 0), (&next, 1), (&next, 1), (&both, 1), (&hello, 0)] {
        let response = peer.say(ContentType::HANDSHAKE, said);
        assert_eq!(response.acknowledge.len(), acknowledged);
    }
}
