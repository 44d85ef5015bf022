//! What the peer is told of its records in DTLS 1.3, and what it may say of ours (RFC 9147 §7).

use super::*;
use crate::wire::{Ack, AlertDescription, Body, KeyUpdate, NewSessionTicket13, RecordNumber};

const SECOND: Duration = Duration::from_secs(1);

fn established() -> Peer {
    Peer::new13(RULES).finished()
}

fn finished() -> Vec<u8> {
    message(Type::FINISHED, 5, &[0; 12])
}

fn ticket(message_seq: u16, length: usize) -> Vec<u8> {
    let ticket = NewSessionTicket13 {
        lifetime: 60,
        age_add: 0,
        nonce: Vec::new(),
        ticket: vec![1; length],
    };
    message(Type::NEW_SESSION_TICKET, message_seq, &ticket.encode())
}

fn key_update(message_seq: u16) -> Vec<u8> {
    message(
        Type::KEY_UPDATE,
        message_seq,
        &KeyUpdate::NotRequested.encode(),
    )
}

fn number(epoch: u64, sequence: u64) -> RecordNumber {
    RecordNumber { epoch, sequence }
}

/// RFC 9147 §7: whoever is told that a record arrived never sends it again.
#[test]
fn p55_only_what_is_taken_in_is_acknowledged() {
    // Message 6 is due, and the window ends with 12, or behind that with 13.
    let good = ContentType::HANDSHAKE;
    let cases = [
        ("the next message", good, ticket(6, 9), true),
        ("a message ahead", good, ticket(12, 9), true),
        ("one too far ahead", good, ticket(13, 9), false),
        (
            "a record of both",
            good,
            [ticket(6, 9), ticket(14, 9)].concat(),
            false,
        ),
        (
            "application data",
            ContentType::APPLICATION_DATA,
            b"data".to_vec(),
            false,
        ),
        ("an alert", ContentType::ALERT, vec![1, 90], false),
        ("an ACK", ContentType::ACK, vec![0, 0], false),
    ];
    for (name, typ, content, acknowledged) in cases {
        let mut peer = established();
        let record = peer.record(typ, &content);
        let mut damaged = record.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert!(peer.hand_over(damaged).0.acknowledge.is_empty(), "{name}");
        let (response, _) = peer.hand_over(record.clone());
        let expected: &[_] = if acknowledged { &[number(3, 0)] } else { &[] };
        assert_eq!(response.acknowledge, expected, "{name}");
        assert!(peer.hand_over(record).0.acknowledge.is_empty(), "{name}");
    }
    // What there is no room for is as what did not come.
    let mut peer = established();
    let told = [7, 8, 9].map(|message_seq| {
        let response = peer.say(ContentType::HANDSHAKE, &ticket(message_seq, 5_500));
        !response.acknowledge.is_empty()
    });
    assert_eq!(told, [true, true, false]);
}

/// A record whose keys are missing is not acknowledged before it could be opened.
#[test]
fn p55_what_waits_for_its_keys_is_acknowledged_when_they_are_there() {
    let mut peer = Peer::unheard(RULES).agreed(DTLS1_3);
    peer.sealer = secret(1).sealer(2).unwrap();
    assert!(peer.say(ContentType::HANDSHAKE, &finished()).is_empty());
    let opener = secret(1).opener(2).unwrap();
    let response = peer.inbound.change_read_keys(opener, Duration::ZERO);
    assert_eq!(response.acknowledge, [number(2, 0)]);
}

/// RFC 9147 §5.8.1: for 240 seconds the client's last flight is acknowledged again, however many keys came
/// after its own.
#[test]
fn e11_p57_a_last_flight_that_comes_again_is_acknowledged_whatever_was_read_since() {
    let mut peer = Peer::new13(RULES);
    let mut of_flight = || peer.record(ContentType::HANDSHAKE, &finished());
    let repeats = [0; 4].map(|_| of_flight());
    let mut peer = peer.finished();
    let expect_ack = |peer: &mut Peer, sequence: usize, now: Duration| {
        let mut record = repeats[sequence].clone();
        let response = peer.inbound.receive(&mut record, now, &mut |_| {});
        assert_eq!(response.acknowledge, [number(2, sequence as u64)]);
        assert!(response.fatal.is_none());
    };
    expect_ack(&mut peer, 0, 500 * SECOND);
    let mut data = peer.record(ContentType::APPLICATION_DATA, b"data");
    let mut delivered = 0;
    let mut deliver = |_: &[u8]| delivered += 1;
    let _ = peer.inbound.receive(&mut data, 500 * SECOND, &mut deliver);
    assert_eq!(delivered, 1);
    expect_ack(&mut peer, 1, 501 * SECOND);
    let mut update = peer.record(ContentType::HANDSHAKE, &key_update(6));
    let _ = peer.inbound.receive(&mut update, 502 * SECOND, &mut |_| {});
    expect_ack(&mut peer, 2, 739 * SECOND);
    let mut late = repeats[3].clone();
    let response = peer.inbound.receive(&mut late, 740 * SECOND, &mut |_| {});
    assert!(response.is_empty());
}

/// RFC 9147 §7: the ACK of either was lost. It is sent again, and nothing else happens again.
#[test]
fn p58_a_ticket_or_key_update_that_comes_again_is_only_acknowledged() {
    let mut peer = established();
    let first = peer.say(ContentType::HANDSHAKE, &ticket(6, 9));
    assert_eq!(first.tickets.len(), 1);
    let ask = message(Type::KEY_UPDATE, 7, &KeyUpdate::Requested.encode());
    let first = peer.say(ContentType::HANDSHAKE, &ask);
    assert_eq!(first.key_update, Some(KeyUpdate::NotRequested));
    for sequence in 2..20 {
        let again = if sequence % 2 == 0 {
            ticket(6, 9)
        } else {
            ask.clone()
        };
        let response = peer.say(ContentType::HANDSHAKE, &again);
        assert_eq!(response.acknowledge, [number(3, sequence)]);
        let nothing_else = Response {
            acknowledge: Vec::new(),
            ..response
        };
        assert!(nothing_else.is_empty(), "{nothing_else:?}");
    }
    peer.sealer = secret(3).next().unwrap().sealer(4).unwrap();
    let data = peer.record(ContentType::APPLICATION_DATA, b"data");
    assert_eq!(peer.hand_over(data).1, [b"data"]);
}

/// RFC 9147 §7: until DTLS 1.3 is agreed on, whatever it holds.
#[test]
fn p60_an_ack_before_there_is_a_version_is_ignored() {
    let one = Ack {
        record_numbers: vec![number(0, 0)],
    };
    let acks = [one.encode(), vec![0, 0], vec![], vec![0, 1, 7], vec![9; 99]];
    for belief in [Belief::Careful, Belief::Literal] {
        let mut peer = Peer::unheard(Rules { belief, ..RULES });
        for ack in &acks {
            assert!(peer.say(ContentType::ACK, ack).is_empty(), "{ack:?}");
        }
        assert_eq!(peer.dropped(DropReason::UnexpectedType), 5);
        let hello = message(Type::SERVER_HELLO, 5, b"hello");
        let _ = peer.say(ContentType::HANDSHAKE, &hello);
        assert_eq!(peer.inbound.next_message().unwrap().body, b"hello");
    }
    // In DTLS 1.2 it is a record of no known type, and acknowledges nothing.
    let mut peer = Peer::without_keys(RULES);
    let response = peer.say(ContentType::ACK, &acks[0]);
    assert!(response.acknowledged.is_empty() && response.fatal.is_none());
}

/// RFC 9147 §7.2: what is malformed is the peer's fault if it is authentic, and so is an epoch that nobody
/// can have written under yet.
#[test]
fn e08_an_ack_that_cannot_be_true_ends_the_connection_if_it_is_authentic() {
    let ack = |numbers: &[RecordNumber]| {
        let record_numbers = numbers.to_vec();
        Ack { record_numbers }.encode()
    };
    let whole = ack(&[number(2, 7)]);
    let mut cut: Vec<_> = (0..whole.len()).map(|at| whole[..at].to_vec()).collect();
    cut.push([&whole[..], &[0]].concat());
    cut.push([&[0, 15][..], &[0; 15]].concat());
    for content in cut {
        let mut peer = Peer::new13(RULES);
        let response = peer.say(ContentType::ACK, &content);
        assert!(response.acknowledged.is_empty());
        let alert = response.fatal.and_then(|error| error.alert());
        assert_eq!(alert, Some(AlertDescription::DECODE_ERROR), "{content:?}");
    }
    let of_epoch = |epoch| ack(&[number(0, 0), number(epoch, 0)]);
    for (epoch, fatal) in [(2, false), (3, true), (u64::MAX, true)] {
        let mut peer = Peer::new13(RULES);
        let response = peer.say(ContentType::ACK, &of_epoch(epoch));
        assert_eq!(response.acknowledged.is_empty(), fatal, "{epoch}");
        let alert = response.fatal.and_then(|error| error.alert());
        let expected = fatal.then_some(AlertDescription::ILLEGAL_PARAMETER);
        assert_eq!(alert, expected, "{epoch}");
    }
    // Behind the handshake our epoch may be ahead of the peer's.
    let response = established().say(ContentType::ACK, &of_epoch(4));
    assert!(response.fatal.is_none() && response.acknowledged.len() == 2);
    // One in the clear is believed by whoever believes all.
    for (belief, heard) in [(Belief::Careful, 0), (Belief::Literal, 1)] {
        let mut peer = Peer::unheard(Rules { belief, ..RULES }).agreed(DTLS1_3);
        let response = peer.say(ContentType::ACK, &ack(&[number(0, 7)]));
        assert_eq!(response.acknowledged.len(), heard);
    }
}
