//! What only DTLS 1.3 has: ACKs, epochs that follow each other, and what comes behind a handshake
//! (RFC 9147 §4.2, §5.8, §7 and §8).

use super::*;
use crate::association::LAST_HANDSHAKE_EPOCH;
use crate::crypto::SUITES13;
use crate::record::TrafficSecret;
use crate::wire::{Ack, AlertDescription, RecordNumber};

const LITERAL: Rules = Rules {
    belief: Belief::Literal,
    ..RULES
};

const SECOND: Duration = Duration::from_secs(1);

fn secret(byte: u8) -> TrafficSecret {
    TrafficSecret::new(&SUITES13[0], Secret::new(vec![byte; 32]))
}

fn record(sealer: &mut Sealer, typ: ContentType, content: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    let version = ProtocolVersion::DTLS1_3;
    sealer.seal(typ, version, content, &mut record).unwrap();
    record
}

fn message(typ: Type, message_seq: u16, body: &[u8]) -> Vec<u8> {
    Writer::bytes_of(|w| {
        HandshakeHeader::whole(typ, message_seq, body.len() as u32).write(w);
        w.bytes(body);
    })
}

fn ack(numbers: &[(u64, u64)]) -> Vec<u8> {
    let number = |(epoch, sequence)| RecordNumber { epoch, sequence };
    let record_numbers = numbers.iter().copied().map(number).collect();
    Ack { record_numbers }.encode()
}

/// A peer of DTLS 1.3, which has said message 0. Its Finished is message 1.
struct Peer13 {
    inbound: Inbound,
    sealer: Sealer,
    delivered: Vec<Vec<u8>>,
}

impl Peer13 {
    fn hello(rules: Rules) -> Self {
        Peer13 {
            inbound: Inbound::new(0, 1, rules, Trace::new("peer".into(), None)),
            sealer: Sealer::plaintext(0),
            delivered: Vec::new(),
        }
    }

    /// One that the handshake's keys are agreed on with.
    fn with_keys(rules: Rules) -> Self {
        let mut peer = Peer13::hello(rules);
        peer.inbound.agreed(ProtocolVersion::DTLS1_3);
        let opener = secret(2).opener(LAST_HANDSHAKE_EPOCH).unwrap();
        assert!(peer.inbound.change_read_keys(opener, SECOND).is_empty());
        peer.sealer = secret(2).sealer(LAST_HANDSHAKE_EPOCH).unwrap();
        peer
    }

    /// One whose handshake is complete, and its keys for the handshake.
    fn established(role: Role) -> (Self, Sealer) {
        let mut peer = Peer13::with_keys(Rules {
            peer: role,
            ..RULES
        });
        let _ = peer.say(
            ContentType::HANDSHAKE,
            &message(Type::FINISHED, 1, &[7; 32]),
        );
        assert_eq!(peer.inbound.next_message().unwrap().typ, Type::FINISHED);
        peer.inbound.flight_complete();
        let opener = secret(3).opener(3).unwrap();
        assert!(peer.inbound.change_read_keys(opener, SECOND).is_empty());
        peer.inbound.set_read_secret(secret(3));
        peer.inbound.established(DTLS1_3).unwrap();
        let sealer = secret(3).sealer(3).unwrap();
        let old = std::mem::replace(&mut peer.sealer, sealer);
        (peer, old)
    }

    fn say(&mut self, typ: ContentType, content: &[u8]) -> Response {
        let record = record(&mut self.sealer, typ, content);
        self.hear(record, SECOND)
    }

    fn hear(&mut self, mut datagram: Vec<u8>, now: Duration) -> Response {
        let delivered = &mut self.delivered;
        self.inbound.receive(&mut datagram, now, &mut |data| {
            delivered.push(data.to_vec())
        })
    }
}

fn alert(response: &Response) -> Option<AlertDescription> {
    response.fatal.as_ref().and_then(Error::alert)
}

/// RFC 9147 §7: before the version is known an ACK is nothing, whoever believes what.
#[test]
fn an_ack_before_the_version_is_known_is_ignored() {
    for rules in [RULES, LITERAL] {
        let mut peer = Peer13::hello(rules);
        for content in [ack(&[(0, 0)]), ack(&[(9, 0)]), vec![1]] {
            assert!(peer.say(ContentType::ACK, &content).is_empty());
        }
    }
}

/// RFC 9147 §7.2: an ACK names no record of an epoch higher than its own, while both sides' epochs go
/// together.
#[test]
fn an_ack_of_a_higher_epoch_ends_a_handshake() {
    let mut peer = Peer13::with_keys(RULES);
    let response = peer.say(ContentType::ACK, &ack(&[(0, 1), (2, 5)]));
    assert_eq!(response.acknowledged.len(), 2);
    let response = peer.say(ContentType::ACK, &ack(&[(0, 1), (3, 0)]));
    assert_eq!(alert(&response), Some(AlertDescription::ILLEGAL_PARAMETER));
    // Afterwards one side may have new keys alone.
    let (mut peer, _) = Peer13::established(Role::Client);
    let response = peer.say(ContentType::ACK, &ack(&[(4, 0)]));
    assert!(response.fatal.is_none());
    assert_eq!(response.acknowledged.len(), 1);
}

/// RFC 9147 §7: what was discarded is not acknowledged, nor is anything but handshake messages. A
/// repetition is, since the ACK may have been lost.
#[test]
fn what_is_kept_is_acknowledged_and_nothing_else() {
    let whole = message(Type::CERTIFICATE, 1, &[7; 9]);
    let too_far = message(Type::CERTIFICATE, 99, &[7; 9]);
    let handshake = ContentType::HANDSHAKE;
    let cases = [
        ("the next message", handshake, whole.clone(), true),
        (
            "a message ahead",
            handshake,
            message(Type::CERTIFICATE, 3, &[7; 9]),
            true,
        ),
        (
            "a repetition",
            handshake,
            message(Type::CLIENT_HELLO, 0, &[7; 9]),
            true,
        ),
        (
            "a message that is too far ahead",
            handshake,
            too_far.clone(),
            false,
        ),
        (
            "one that is kept and one that is not",
            handshake,
            [whole, too_far].concat(),
            false,
        ),
        ("a warning", ContentType::ALERT, vec![1, 90], false),
        ("an ACK", ContentType::ACK, ack(&[(2, 0)]), false),
        (
            "application data",
            ContentType::APPLICATION_DATA,
            b"data".to_vec(),
            false,
        ),
    ];
    for (case, typ, content, is_acknowledged) in cases {
        let mut peer = Peer13::with_keys(RULES);
        let mut forged = record(&mut peer.sealer, typ, &content);
        *forged.last_mut().unwrap() ^= 1;
        assert!(peer.hear(forged, SECOND).acknowledge.is_empty(), "{case}");
        let numbers = peer.say(typ, &content).acknowledge;
        let (epoch, sequence) = (2, 1);
        let number = RecordNumber { epoch, sequence };
        assert_eq!(numbers.contains(&number), is_acknowledged, "{case}");
        assert_eq!(numbers.len(), usize::from(is_acknowledged), "{case}");
    }
}

/// RFC 9147 §7.2: any part of the peer's next flight says that it has ours; if it is authentic, or if
/// everything is believed.
#[test]
fn the_next_flight_acknowledges_ours() {
    for (rules, believes_plaintext) in [(RULES, false), (LITERAL, true)] {
        let mut peer = Peer13::hello(rules);
        peer.inbound.agreed(ProtocolVersion::DTLS1_3);
        let part = message(Type::SERVER_HELLO, 2, &[7; 9]);
        let response = peer.say(ContentType::HANDSHAKE, &part);
        assert_eq!(response.flight_implied, believes_plaintext);
        let mut peer = Peer13::with_keys(rules);
        let response = peer.say(ContentType::HANDSHAKE, &part);
        assert!(response.flight_implied);
    }
}

/// RFC 9147 §5 and §6.1: there is no ChangeCipherSpec, and no application data under the keys of the
/// handshake.
#[test]
fn what_has_no_place_in_a_handshake_does_not_count() {
    let mut peer = Peer13::with_keys(RULES);
    let change = ContentType::CHANGE_CIPHER_SPEC;
    let in_the_clear = record(&mut Sealer::plaintext(9), change, &[1]);
    assert!(peer.hear(in_the_clear, SECOND).is_empty());
    let dropped = peer.inbound.stats().dropped;
    assert_eq!(dropped.get(DropReason::UnexpectedType), 1);
    assert_eq!(peer.inbound.epochs.current(), LAST_HANDSHAKE_EPOCH);
    let response = peer.say(ContentType::APPLICATION_DATA, b"early");
    assert_eq!(alert(&response), Some(AlertDescription::UNEXPECTED_MESSAGE));
    assert!(peer.delivered.is_empty());
}

/// RFC 9147 §9 and RFC 8446 §4.6: messages about connection IDs, which were not negotiated, and all that
/// no peer may say behind a handshake.
#[test]
fn behind_a_handshake_there_are_new_keys_and_tickets_only() {
    let (request_connection_id, new_connection_id) = (Type(9), Type(10));
    let ticket = [&[0; 8][..], &[0], &[0, 1, 7], &[0, 0]].concat();
    for (typ, body, role) in [
        (request_connection_id, vec![1], Role::Server),
        (new_connection_id, vec![0, 2, 1, 7, 0], Role::Server),
        (Type::CERTIFICATE_REQUEST, vec![0, 0, 0], Role::Server),
        (Type::CLIENT_HELLO, vec![0; 50], Role::Client),
        (Type::FINISHED, vec![7; 32], Role::Server),
        (Type::NEW_SESSION_TICKET, ticket.clone(), Role::Client),
    ] {
        let whole = message(typ, 2, &body);
        // It need not become whole, and would be held until then.
        let mut part = whole.clone();
        part.truncate(12 + 1);
        part[11] = 1;
        for said in [whole, part] {
            let (mut peer, _) = Peer13::established(role);
            let response = peer.say(ContentType::HANDSHAKE, &said);
            let expected = Some(AlertDescription::UNEXPECTED_MESSAGE);
            assert_eq!(alert(&response), expected, "{typ:?}");
        }
    }
    let (mut peer, _) = Peer13::established(Role::Server);
    let message = message(Type::NEW_SESSION_TICKET, 2, &ticket);
    let response = peer.say(ContentType::HANDSHAKE, &message);
    assert_eq!((response.tickets.len(), response.acknowledge.len()), (1, 1));
}

/// RFC 8446 §4.6.1: a client may ignore tickets, and one that it has no room for ends nothing. All of it is
/// acknowledged, and what follows it counts.
#[test]
fn a_ticket_of_any_length_is_acknowledged() {
    let fragment = |offset: u32| {
        Writer::bytes_of(|w| {
            HandshakeHeader {
                typ: Type::NEW_SESSION_TICKET,
                length: 60_000,
                message_seq: 2,
                fragment_offset: offset,
                fragment_length: 1_000,
            }
            .write(w);
            w.bytes(&[7; 1_000]);
        })
    };
    let (mut peer, _) = Peer13::established(Role::Server);
    for offset in (0..60_000).step_by(1_000) {
        let response = peer.say(ContentType::HANDSHAKE, &fragment(offset));
        assert!(response.fatal.is_none() && response.tickets.is_empty());
        assert_eq!(response.acknowledge.len(), 1, "{offset}");
    }
    let response = peer.say(ContentType::HANDSHAKE, &message(Type::KEY_UPDATE, 3, &[0]));
    assert!(response.fatal.is_none());
    assert_eq!(peer.inbound.epochs.current(), 4);
    // Ahead of another message it comes again in its time.
    let (mut peer, _) = Peer13::established(Role::Server);
    let mut ahead = fragment(0);
    ahead[5] = 3;
    for told in [0, 1] {
        let response = peer.say(ContentType::HANDSHAKE, &ahead);
        assert!(response.fatal.is_none());
        assert_eq!(response.acknowledge.len(), told);
        let _ = peer.say(ContentType::HANDSHAKE, &fragment(0));
    }
}

/// RFC 8446 §4.6.3: no other word.
#[test]
fn a_key_update_says_whether_another_is_wanted() {
    for (body, wants) in [(&[0][..], Ok(false)), (&[1], Ok(true)), (&[2], Err(()))] {
        let (mut peer, _) = Peer13::established(Role::Client);
        let update = message(Type::KEY_UPDATE, 2, body);
        let response = peer.say(ContentType::HANDSHAKE, &update);
        assert_eq!(response.key_update.is_some(), wants == Ok(true));
        let expected = wants.err().map(|()| AlertDescription::ILLEGAL_PARAMETER);
        assert_eq!(alert(&response), expected);
        let epoch = 3 + u16::from(wants.is_ok());
        assert_eq!(peer.inbound.epochs.current(), epoch);
    }
}

/// RFC 9147 §8: the old keys are at hand until records come under the new ones, and for a while behind
/// that; but no new message comes under them.
#[test]
fn old_keys_outlive_a_key_update() {
    let (mut peer, _) = Peer13::established(Role::Client);
    let update = message(Type::KEY_UPDATE, 2, &[0]);
    let mut late: Vec<_> = (0_u32..4)
        .map(|n| {
            record(
                &mut peer.sealer,
                ContentType::APPLICATION_DATA,
                &n.to_be_bytes(),
            )
        })
        .collect();
    let late_message = {
        let next = message(Type::KEY_UPDATE, 3, &[0]);
        record(&mut peer.sealer, ContentType::HANDSHAKE, &next)
    };
    assert_eq!(
        peer.say(ContentType::HANDSHAKE, &update).acknowledge.len(),
        1
    );
    let day = 86_400 * SECOND;
    let _ = peer.hear(late.remove(0), day);
    assert_eq!(peer.delivered.len(), 1, "nothing came under the new keys");
    let mut new = secret(3).next().unwrap().sealer(4).unwrap();
    let first = record(&mut new, ContentType::APPLICATION_DATA, b"new");
    let _ = peer.hear(first, day);
    let _ = peer.hear(late.remove(0), day + 239 * SECOND);
    assert_eq!(peer.delivered.len(), 3);
    // The ACK of the KeyUpdate may have been lost.
    let again = record(&mut peer.sealer, ContentType::HANDSHAKE, &update);
    assert_eq!(peer.hear(again, day).acknowledge.len(), 1);
    assert_eq!(peer.inbound.epochs.current(), 4);
    let _ = peer.hear(late.remove(0), day + 240 * SECOND);
    assert_eq!(peer.delivered.len(), 3, "over");

    let (mut peer, _) = Peer13::established(Role::Client);
    let _ = peer.say(ContentType::HANDSHAKE, &update);
    let response = peer.hear(late_message, SECOND);
    assert_eq!(alert(&response), Some(AlertDescription::UNEXPECTED_MESSAGE));
}

/// RFC 9147 §5.8.1: whoever says its last flight again has missed the ACK, and gets it for four minutes.
#[test]
fn the_last_flight_is_acknowledged_again_for_240_seconds() {
    let (mut peer, mut old) = Peer13::established(Role::Client);
    let finished = message(Type::FINISHED, 1, &[7; 32]);
    let mut repeated = || record(&mut old, ContentType::HANDSHAKE, &finished);
    let response = peer.hear(repeated(), 86_400 * SECOND);
    assert_eq!(response.acknowledge.len(), 1, "it says nothing else");
    assert!(response.fatal.is_none());
    let _ = peer.say(ContentType::APPLICATION_DATA, b"data");
    let response = peer.hear(repeated(), 240 * SECOND);
    assert_eq!(response.acknowledge.len(), 1);
    let response = peer.hear(repeated(), 241 * SECOND);
    assert!(response.is_empty());
}
