//! New keys behind the handshake of DTLS 1.3, and what else may follow it (RFC 9147 §8).

use super::*;
use crate::wire::{AlertDescription, Body, KeyUpdate};

/// A peer that updates its keys now and then.
struct Updating {
    peer: Peer,
    secret: TrafficSecret,
    next_seq: u16,
}

impl Updating {
    /// Its handshake is complete, and this is the epoch of its first keys behind it.
    fn from(epoch: u16) -> Self {
        let mut peer = Peer::new13(RULES);
        let _ = peer.say_messages(&[(Type::FINISHED, 5)]);
        assert!(peer.inbound.next_message().is_some());
        peer.follow(epoch);
        Updating {
            peer,
            secret: secret(3),
            next_seq: 6,
        }
    }

    /// Says a KeyUpdate, and goes on under the keys behind it; those before it.
    fn update(&mut self) -> (Response, Sealer) {
        let body = KeyUpdate::NotRequested.encode();
        let response = self.say(Type::KEY_UPDATE, &body);
        self.secret = self.secret.next().unwrap();
        let epoch = self.peer.sealer.epoch().wrapping_add(1);
        let sealer = self.secret.sealer(epoch).unwrap();
        (response, std::mem::replace(&mut self.peer.sealer, sealer))
    }

    fn say(&mut self, typ: Type, body: &[u8]) -> Response {
        let message = message(typ, self.next_seq, body);
        self.next_seq += 1;
        self.peer.say(ContentType::HANDSHAKE, &message)
    }

    fn assert_alive(&mut self) {
        let record = self.peer.record(ContentType::APPLICATION_DATA, b"alive");
        assert_eq!(self.peer.hand_over(record).1, [b"alive"]);
    }

    /// What is delivered of a record under these keys.
    fn data_under(&mut self, sealer: &mut Sealer) -> Vec<Vec<u8>> {
        self.data_at(Duration::ZERO, sealer)
    }

    /// The same of one that comes at this time.
    fn data_at(&mut self, now: Duration, sealer: &mut Sealer) -> Vec<Vec<u8>> {
        let (mut record, mut delivered) = (Vec::new(), Vec::new());
        let typ = ContentType::APPLICATION_DATA;
        sealer.seal(typ, DTLS1_3, b"old", &mut record).unwrap();
        let deliver = &mut |data: &[u8]| delivered.push(data.to_vec());
        let response = self.peer.inbound.receive(&mut record, now, deliver);
        assert!(response.is_empty(), "{response:?}");
        delivered
    }
}

fn alert(response: &Response) -> Option<AlertDescription> {
    response.fatal.as_ref().and_then(Error::alert)
}

/// Each costs its sender a record and one of the numbers of its messages, which never wrap; and the keys
/// of three epochs are held, however many there were.
#[test]
fn f01_a_flood_of_key_updates_takes_one_step_an_epoch_and_no_memory() {
    let mut peer = Updating::from(3);
    for round in 0..5_000_u16 {
        let (response, _) = peer.update();
        assert_eq!(response.acknowledge.len(), 1);
        assert!(response.fatal.is_none() && response.key_update.is_none());
        assert_eq!(peer.peer.inbound.epochs.current(), 4 + round);
        assert!(peer.peer.inbound.epochs.held() <= 3);
        peer.assert_alive();
    }
    let body = KeyUpdate::NotRequested.encode();
    let two = [
        message(Type::KEY_UPDATE, peer.next_seq, &body),
        message(Type::KEY_UPDATE, peer.next_seq + 1, &body),
    ];
    let response = peer.peer.say(ContentType::HANDSHAKE, &two.concat());
    assert_eq!(alert(&response), Some(AlertDescription::UNEXPECTED_MESSAGE));
}

/// However often the peer asks in one epoch, it is answered once.
#[test]
fn f02_a_wish_for_our_keys_is_heard_once_an_epoch() {
    let mut peer = Updating::from(3);
    let ask = message(Type::KEY_UPDATE, 6, &KeyUpdate::Requested.encode());
    let heard = [0; 9].map(|_| peer.peer.say(ContentType::HANDSHAKE, &ask).key_update);
    let mut expected = [None; 9];
    expected[0] = Some(KeyUpdate::NotRequested);
    assert_eq!(heard, expected);
}

/// RFC 9147 §8: the new keys are there at once, and the old ones stay for what was overtaken and for a
/// peer that has not had the ACK.
#[test]
fn f03_both_keys_are_read_until_well_after_the_new_ones_came() {
    let mut peer = Updating::from(3);
    let (_, mut old) = peer.update();
    for _ in 0..3 {
        assert_eq!(peer.data_under(&mut old), [b"old"]);
    }
    peer.assert_alive();
    assert_eq!(peer.data_under(&mut old), [b"old"]);
}

/// The old keys go 240 seconds after the first record under the new ones, and not before there is one: until
/// then the peer may not have had the ACK, and sends under the old keys still.
#[test]
fn f03_old_keys_are_read_for_240_seconds_behind_the_first_use_of_the_new_ones() {
    const FIRST_USE: Duration = Duration::from_secs(10_000);
    const KEPT: Duration = Duration::from_secs(240);
    const MOMENT: Duration = Duration::from_millis(1);
    let mut peer = Updating::from(3);
    let (_, mut old) = peer.update();
    let mut new = std::mem::replace(&mut peer.peer.sealer, sealer(0));
    assert_eq!(peer.data_at(FIRST_USE - MOMENT, &mut old), [b"old"]);
    for later in [Duration::ZERO, KEPT / 2] {
        assert_eq!(peer.data_at(FIRST_USE + later, &mut new), [b"old"]);
        assert_eq!(peer.data_at(FIRST_USE + later, &mut old), [b"old"]);
    }
    assert_eq!(peer.data_at(FIRST_USE + KEPT - MOMENT, &mut old), [b"old"]);
    assert!(peer.data_at(FIRST_USE + KEPT, &mut old).is_empty());
    assert_eq!(peer.data_at(FIRST_USE + KEPT, &mut new), [b"old"]);
    assert_eq!(peer.peer.inbound.epochs.held(), 1);
}

#[test]
fn f04_nothing_new_follows_a_key_update_in_its_epoch() {
    let ticket = Type::NEW_SESSION_TICKET;
    let body = KeyUpdate::NotRequested.encode();
    for typ in [Type::KEY_UPDATE, ticket, Type::FINISHED, Type(99)] {
        // In a record behind it, in the same one, and in one that has overtaken it.
        let mut behind = Updating::from(3);
        let (_, old) = behind.update();
        behind.peer.sealer = old;
        let mut same = Updating::from(3);
        let update = message(Type::KEY_UPDATE, 6, &body);
        let both = [update.clone(), message(typ, 7, &body)].concat();
        let mut before = Updating::from(3);
        let ahead = before
            .peer
            .say(ContentType::HANDSHAKE, &message(typ, 7, &body));
        // What has no place anywhere is not kept.
        let overtaken = match ahead.fatal.is_some() {
            true => ahead,
            false => before.peer.say(ContentType::HANDSHAKE, &update),
        };
        for response in [
            behind.say(typ, &body),
            same.peer.say(ContentType::HANDSHAKE, &both),
            overtaken,
        ] {
            let expected = Some(AlertDescription::UNEXPECTED_MESSAGE);
            assert_eq!(alert(&response), expected, "{typ}");
        }
    }
}

/// RFC 9147 §8: epochs never wrap.
#[test]
fn f05_behind_the_last_epoch_that_is_read_comes_none() {
    let mut peer = Updating::from(u16::MAX - 1);
    peer.assert_alive();
    let (response, _) = peer.update();
    assert!(response.fatal.is_none());
    peer.assert_alive();
    let (response, _) = peer.update();
    let fatal = response.fatal;
    assert!(matches!(fatal, Some(Error::TooManyKeyUpdates)), "{fatal:?}");
}

/// RFC 8446 §4.6.3.
#[test]
fn f06_a_malformed_key_update_ends_the_connection() {
    for value in 2..=u8::MAX {
        let response = Updating::from(3).say(Type::KEY_UPDATE, &[value]);
        assert_eq!(alert(&response), Some(AlertDescription::ILLEGAL_PARAMETER));
    }
    for body in [&[][..], &[0, 0], &[1, 0], &[0; 9]] {
        let mut peer = Updating::from(3);
        let response = peer.say(Type::KEY_UPDATE, body);
        assert_eq!(alert(&response), Some(AlertDescription::DECODE_ERROR));
        assert_eq!(peer.peer.inbound.epochs.current(), 3);
    }
}

/// RFC 9147 §9: what was not negotiated is not answered, however often it is asked for. The same goes for
/// another handshake, and for a certificate that we have not offered to show.
#[test]
fn h08_a_message_about_connection_ids_ends_the_connection() {
    let request_connection_id = (Type(9), vec![255]);
    let new_connection_id = (Type(10), vec![0, 2, 1, 7, 0]);
    let others = [
        Type::HELLO_REQUEST,
        Type::CLIENT_HELLO,
        Type::SERVER_HELLO,
        Type::CERTIFICATE_REQUEST,
        Type::FINISHED,
    ]
    .map(|typ| (typ, vec![0; 40]));
    let ids = [request_connection_id, new_connection_id];
    for (typ, body) in ids.into_iter().chain(others) {
        let mut peer = Updating::from(3);
        let response = peer.say(typ, &body);
        let expected = Some(AlertDescription::UNEXPECTED_MESSAGE);
        assert_eq!(alert(&response), expected, "{typ}");
        assert!(response.tickets.is_empty() && response.key_update.is_none());
        assert!(peer.peer.inbound.closed().is_some());
    }
}

/// RFC 9147 §6.1: they are of epoch 1, under keys that nobody has asked for.
#[test]
fn g06_records_of_early_data_are_dropped() {
    let early = unified(1, &[7; 60]);
    let stages = [
        Peer::unheard(RULES),
        Peer::unheard(RULES).agreed(DTLS1_3),
        Peer::new13(RULES),
        Peer::new13(RULES).finished(),
    ];
    for mut peer in stages {
        for _ in 0..9 {
            let (response, delivered) = peer.hand_over(early.clone());
            assert!(response.is_empty() && delivered.is_empty());
        }
        assert_eq!(peer.dropped(DropReason::FutureEpoch), 9);
        assert!(peer.inbound.early.is_empty());
    }
}

/// Two bits tell the epochs apart, so that no two that are read may have the same.
#[test]
fn p62_a_record_is_never_read_under_the_keys_of_another_epoch() {
    let mut peer = Updating::from(3);
    let mut old: Vec<Sealer> = Vec::new();
    for round in 0..12 {
        peer.assert_alive();
        for (age, sealer) in old.iter_mut().rev().enumerate() {
            // Those that come four epochs later have the same bits.
            let delivered = peer.data_under(sealer);
            let is_read = age < 2;
            assert_eq!(!delivered.is_empty(), is_read, "{round}, {age}");
        }
        let (response, sealer) = peer.update();
        assert!(response.fatal.is_none());
        old.push(sealer);
    }
    assert!(peer.peer.dropped(DropReason::BadMac) > 0, "the same bits");
    assert!(peer.peer.dropped(DropReason::FutureEpoch) > 0);
}
