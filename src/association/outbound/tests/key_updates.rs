//! What comes behind the handshake of DTLS 1.3: tickets and new keys (RFC 9147 §5.8.4, §8).

use super::*;

/// RFC 9147 §5.8.4: a ticket is no reason to end a connection. But no message behind it can be taken
/// without it, so that it is sent again where one follows.
#[test]
fn e12_a_ticket_that_is_never_acknowledged_ends_nothing_and_is_in_nobodys_way() {
    let mut ours = Ours::new();
    let ticket = HandshakeType::NEW_SESSION_TICKET;
    let flight = ours.send(messages(ticket, 5, &[40, 40]));
    let mut sendings = 1;
    while ours.outbound.next_deadline().is_some() {
        sendings += usize::from(!ours.next_timer().is_empty());
        assert_eq!(ours.data_epoch(), 3);
    }
    assert_eq!(sendings, 7);
    // One of them was there after all, and the KeyUpdate needs the other.
    let sent = ours.update_keys(KeyUpdate::NotRequested);
    let types: Vec<_> = sent.iter().map(Sent::message).collect();
    assert_eq!(types, [ticket], "both, and behind them in one record");
    assert!(sent[0].content.len() > flight[0].content.len());
    assert_eq!(ours.data_epoch(), 3);
    ours.acknowledged(&numbers(&sent));
    assert_eq!(ours.data_epoch(), 4);
}

/// RFC 9147 §8: one KeyUpdate is under way at a time, however many are wished for.
#[test]
fn f01_f02_new_keys_are_sent_once_however_often_they_are_asked_for() {
    let mut ours = Ours::new();
    let asked = |update| Response {
        key_update: Some(update),
        ..Response::default()
    };
    let first = ours.hear(&asked(KeyUpdate::NotRequested));
    assert_eq!(first[0].message(), HandshakeType::KEY_UPDATE);
    for _ in 0..1_000 {
        assert!(ours.hear(&asked(KeyUpdate::NotRequested)).is_empty());
    }
    assert!(ours.acknowledged(&numbers(&first)).is_empty(), "new enough");
    assert_eq!(ours.data_epoch(), 4);
    // Two that ask each other: each has had its answer when its own is acknowledged.
    let first = ours.update_keys(KeyUpdate::Requested);
    assert!(ours.hear(&asked(KeyUpdate::NotRequested)).is_empty());
    assert!(ours.acknowledged(&numbers(&first)).is_empty());
    assert_eq!(ours.data_epoch(), 5);
    assert_eq!(ours.outbound.next_deadline(), None);
}

/// RFC 9147 §8: the new keys wait for the ACK of the KeyUpdate, and its timer runs until then, whatever
/// else is sent, asked for or acknowledged.
#[test]
fn f03_p59_new_keys_wait_for_the_ack_and_nothing_else_stops_the_timer() {
    let mut ours = Ours::new();
    let first = ours.update_keys(KeyUpdate::NotRequested);
    let due = ours.outbound.next_deadline();
    assert_eq!(due, Some(SECOND));
    for _ in 0..3 {
        assert_eq!(ours.data_epoch(), 3);
        assert!(ours.update_keys(KeyUpdate::Requested).is_empty());
        let others = [number(2, 0), number(3, 1), number(4, 0)];
        assert!(ours.acknowledged(&others).is_empty());
        let taken = Response {
            acknowledge: vec![number(3, 77)],
            ..Response::default()
        };
        assert!(ours.hear(&taken).is_empty());
        assert_eq!(ours.data_epoch(), 3);
    }
    let mut again = Vec::new();
    while again.is_empty() {
        let sent = ours.next_timer();
        again.extend(sent.into_iter().filter(|s| s.typ == ContentType::HANDSHAKE));
    }
    assert_eq!(Some(ours.now), due);
    assert_eq!(again[0].message(), HandshakeType::KEY_UPDATE);
    assert_eq!(again[0].content, first[0].content);
    assert_eq!(again[0].number.epoch, 3);
    assert_eq!(ours.data_epoch(), 3);
    // That of the first sending counts as well; what was asked for since follows under the new keys.
    let next = ours.acknowledged(&numbers(&first));
    assert_eq!(next[0].message(), HandshakeType::KEY_UPDATE);
    assert_eq!(next[0].number.epoch, 4);
    assert_eq!(ours.data_epoch(), 4);
    assert!(ours.acknowledged(&numbers(&again)).is_empty());
    assert_eq!(ours.data_epoch(), 4);
}

/// A KeyUpdate comes behind what is not acknowledged yet, which keeps its timer.
#[test]
fn p59_a_key_update_waits_for_the_flight_before_it() {
    let mut ours = Ours::new();
    let tickets = ours.send(messages(HandshakeType::NEW_SESSION_TICKET, 5, &[200, 200]));
    assert_eq!(tickets.len(), 2);
    ours.now = SECOND / 10;
    assert!(ours.update_keys(KeyUpdate::NotRequested).is_empty());
    assert_eq!(ours.outbound.next_deadline(), Some(SECOND));
    assert!(ours.acknowledged(&numbers(&tickets[..1])).is_empty());
    assert_eq!(ours.next_timer().len(), 1, "the other ticket");
    assert_eq!(ours.data_epoch(), 3);
    let update = ours.acknowledged(&numbers(&tickets[1..]));
    assert_eq!(update[0].message(), HandshakeType::KEY_UPDATE);
    assert_eq!(ours.data_epoch(), 3);
    ours.acknowledged(&numbers(&update));
    assert_eq!(ours.data_epoch(), 4);
}

/// RFC 9147 §4.5.3: keys that have encrypted enough have successors, which are asked for once.
#[test]
fn b21_worn_keys_ask_for_new_ones_once() {
    let mut ours = Ours::new();
    assert!(!ours.outbound.keys_are_worn());
    ours.outbound.wear_out_keys();
    assert!(ours.outbound.keys_are_worn());
    let update = ours.update_keys(KeyUpdate::NotRequested);
    assert!(!ours.outbound.keys_are_worn(), "they are under way");
    ours.acknowledged(&numbers(&update));
    assert_eq!(ours.data_epoch(), 4);
    assert!(!ours.outbound.keys_are_worn());
}

/// RFC 9147 §8: neither epochs nor the numbers of messages wrap.
#[test]
fn f05_behind_the_last_epoch_or_message_there_are_no_new_keys() {
    let last_epoch = Rekeying::new(secret(3), u16::MAX - 1, Some(7));
    let last_message = Rekeying::new(secret(3), 3, Some(u16::MAX));
    for (rekeying, epoch) in [(last_epoch, u16::MAX - 1), (last_message, 3)] {
        let mut ours = Ours::from(rekeying, epoch);
        let update = ours.update_keys(KeyUpdate::NotRequested);
        ours.acknowledged(&numbers(&update));
        assert_eq!(ours.data_epoch(), u64::from(epoch) + 1);
        let mut emit = |_: &[u8]| panic!("sent");
        let asked = Response {
            key_update: Some(KeyUpdate::NotRequested),
            ..Response::default()
        };
        let outcome = ours.outbound.respond(&asked, SECOND, &mut emit);
        assert!(matches!(outcome, Err(Error::NumbersExhausted)), "{epoch}");
    }
}
