//! What anyone can send, and what a peer that holds the keys must not send.

use super::*;
use crate::crypto::SUITES13;
use crate::record::TrafficSecret;

fn finished(message_seq: u16) -> Vec<u8> {
    message(Type::FINISHED, message_seq, &[0; 12])
}

fn clear(typ: ContentType, fragment: &[u8]) -> Vec<u8> {
    claimed(typ, 0xfefd, 0, fragment)
}

/// A peer of each version whose handshake is complete.
fn established() -> [Peer; 2] {
    Peer::of_each_version(RULES).map(Peer::finished)
}

impl Peer {
    /// The connection is as good as before.
    pub(super) fn assert_alive(&mut self, at: &str) {
        let record = self.record(ContentType::APPLICATION_DATA, b"alive");
        let (response, delivered) = self.hand_over(record);
        assert!(response.is_empty(), "{at}: {response:?}");
        assert_eq!(delivered, [b"alive"], "{at}");
    }
}

/// A ChangeCipherSpec, however early and however often it comes, makes no keys: those of a predictable
/// secret open nothing, and the true ones open what waited for them.
#[test]
fn d02_p16_p17_a_change_cipher_spec_before_the_keys_makes_none() {
    let mut peer = Peer::without_keys(RULES);
    for _ in 0..100 {
        assert!(peer.say(ContentType::CHANGE_CIPHER_SPEC, &[1]).is_empty());
    }
    peer.sealer = sealer(0);
    assert!(peer.say_messages(&[(Type::FINISHED, 5)]).is_empty());
    assert!(peer.inbound.next_message().is_none());
    peer.sealer = sealer(1);
    assert!(peer.say_messages(&[(Type::FINISHED, 5)]).is_empty());
    assert!(peer.inbound.next_message().is_none());
    let response = peer
        .inbound
        .expect_change_cipher_spec(opener(1), Duration::ZERO);
    assert!(response.fatal.is_none());
    assert_eq!(peer.dropped(DropReason::BadMac), 1, "the predictable keys");
    assert_eq!(peer.inbound.next_message().unwrap().epoch, 1);
}

/// RFC 8446 §5: DTLS 1.3 protects none. In the clear anyone can have sent it.
#[test]
fn d02_a_protected_change_cipher_spec_of_dtls_1_3_is_fatal() {
    let change = ContentType::CHANGE_CIPHER_SPEC;
    let mut peer = Peer::without_keys(RULES);
    peer.inbound.agreed(ProtocolVersion::DTLS1_3);
    assert!(peer.say(change, &[1]).is_empty());
    let secret = Secret::new(vec![1; 32]);
    let keys = TrafficSecret::new(&SUITES13[0], secret);
    let changed = peer
        .inbound
        .change_read_keys(keys.opener(2).unwrap(), Duration::ZERO);
    assert!(changed.is_empty());
    peer.sealer = keys.sealer(2).unwrap();
    let fatal = peer.say(change, &[1]).fatal;
    assert!(
        matches!(fatal, Some(Error::UnexpectedRecord(_))),
        "{fatal:?}"
    );
}

/// A Finished under keys waits for the ChangeCipherSpec that puts them in force.
#[test]
fn d01_p18_a_finished_waits_for_the_change_cipher_spec() {
    let mut peer = Peer::without_keys(RULES);
    let _ = peer
        .inbound
        .expect_change_cipher_spec(opener(1), Duration::ZERO);
    let change = peer.record(ContentType::CHANGE_CIPHER_SPEC, &[1]);
    peer.sealer = sealer(1);
    assert!(peer.say_messages(&[(Type::FINISHED, 5)]).is_empty());
    assert!(peer.inbound.next_message().is_none());
    let _ = peer.hand_over(change);
    assert_eq!(peer.inbound.next_message().unwrap().epoch, 1);
}

#[test]
fn p24_a_change_cipher_spec_after_the_handshake_is_dropped() {
    for mut peer in established() {
        let change = ContentType::CHANGE_CIPHER_SPEC;
        assert!(peer.hand_over(clear(change, &[1])).0.is_empty());
        assert_eq!(peer.dropped(DropReason::OldEpoch), 1);
        if peer.version != DTLS1_3 {
            assert!(peer.say(change, &[1]).is_empty());
            assert_eq!(peer.dropped(DropReason::UnexpectedType), 1);
        }
        peer.assert_alive("afterwards");
    }
}

/// RFC 5246 §7.2: after either there is nothing more.
#[test]
fn d10_nothing_is_delivered_after_the_peers_end() {
    type Is = fn(&Error) -> bool;
    let ends: [([u8; 2], Is); 2] = [
        ([1, 0], |error| matches!(error, Error::Closed)),
        ([2, 40], |error| matches!(error, Error::PeerAlert(_))),
    ];
    for (alert, is) in ends {
        for mut peer in established() {
            let response = peer.say(ContentType::ALERT, &alert);
            // RFC 8446 §6.1: in DTLS 1.3 our side stays open.
            let answered = alert == [1, 0] && peer.version == DTLS1_2;
            assert_eq!(response.close_notify, answered);
            assert!(is(&peer.inbound.closed().unwrap()));
            for (typ, content) in [
                (ContentType::APPLICATION_DATA, &b"data"[..]),
                (ContentType::ALERT, &[1, 0]),
                (ContentType::ALERT, &[2, 10]),
                (ContentType::HANDSHAKE, &finished(9)),
                (ContentType::HANDSHAKE, &[20]),
                (ContentType::HANDSHAKE, &[]),
            ] {
                let record = peer.record(typ, content);
                let (response, delivered) = peer.hand_over(record);
                assert!(response.is_empty() && delivered.is_empty());
            }
            assert_eq!(peer.dropped(DropReason::Closed), 6);
            // RFC 9147 §5.8.1: that is from before, and it waits for its ACK.
            let response = peer.say(ContentType::HANDSHAKE, &finished(4));
            let reads_on = u64::from(alert == [1, 0] && peer.version == DTLS1_3);
            assert_eq!(peer.dropped(DropReason::RepeatedMessage), reads_on);
            assert_eq!(response.acknowledge.len() as u64, reads_on);
            assert!(response.fatal.is_none() && !response.repeated);
            assert!(is(&peer.inbound.closed().unwrap()), "the first end counts");
        }
    }
}

/// Whatever nobody authenticated is nothing, of whatever epoch it claims to be, once something came under the keys.
#[test]
fn d12_p47_what_is_in_the_clear_is_nothing_once_there_are_keys() {
    let finished = finished(5);
    let contents = [
        (ContentType::ALERT, &[2, 40][..]),
        (ContentType::ALERT, &[1, 0]),
        (ContentType::ALERT, &[1, 100]),
        (ContentType::ALERT, &[2]),
        (ContentType::HANDSHAKE, &finished),
        (ContentType::HANDSHAKE, &[1]),
    ];
    for (typ, content) in contents {
        for epoch in [0, 1, 2, 3, u16::MAX] {
            let at = format!("{typ:?} {content:?} in epoch {epoch}");
            for mut peer in established() {
                let record = claimed(typ, 0xfefd, epoch, content);
                assert!(peer.hand_over(record).0.is_empty(), "{at}");
                peer.assert_alive(&at);
            }
            // Before the end of the handshake no more, once something came under the keys. In DTLS 1.3 a message
            // of before, which has come again, may still be answered.
            for mut peer in Peer::of_each_version(RULES) {
                let _ = peer.say(ContentType::ALERT, &[1, 90]);
                let (response, _) = peer.hand_over(claimed(typ, 0xfefd, epoch, content));
                assert!(response.fatal.is_none() && !response.close_notify, "{at}");
                assert!(response.acknowledge.is_empty(), "{at}");
                assert!(response.suspicion.is_none(), "{at}");
                peer.finished().assert_alive(&at);
            }
        }
    }
}

/// The ChangeCipherSpec or the ServerHello that put them in force may be forged, or be refused by a client: the peer
/// may have none. The first record that opens disproves what was suspected before, and nothing is suspected behind it.
#[test]
fn d12_what_is_in_the_clear_is_a_suspicion_as_long_as_nothing_came_under_the_keys() {
    for alert in [&[2, 51][..], &[1, 0], &[2]] {
        for mut peer in Peer::of_each_version(RULES) {
            // What does not open proves nothing.
            let (response, _) = peer.hand_over(peer.forged(40));
            assert!(matches!(response.suspicion, Some(Error::CannotDecrypt)));
            let (response, _) = peer.hand_over(clear(ContentType::ALERT, alert));
            assert!(response.fatal.is_none() && !response.close_notify);
            assert!(response.suspicion.is_some(), "{alert:?}");
            for proven in [true, false] {
                let response = peer.say(ContentType::ALERT, &[1, 90]);
                assert_eq!(response.keys_proven, proven);
            }
            for forged in [peer.forged(40), clear(ContentType::ALERT, alert)] {
                let (response, _) = peer.hand_over(forged);
                assert!(response.is_empty(), "{alert:?}: {response:?}");
            }
            peer.finished().assert_alive("in the clear");
        }
    }
}

/// A close_notify counts once, if it is authentic.
#[test]
fn h10_a_close_notify_is_authentic_and_counts_once() {
    for mut peer in established() {
        let forged = clear(ContentType::ALERT, &[1, 0]);
        assert!(peer.hand_over(forged).0.is_empty());
        assert!(peer.inbound.closed().is_none());
        let true_one = peer.record(ContentType::ALERT, &[1, 0]);
        let mut damaged = true_one.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert!(peer.hand_over(damaged).0.is_empty());
        assert!(peer.inbound.closed().is_none());
        // RFC 8446 §6.1: what is answered in DTLS 1.2 closes half of a connection of 1.3.
        let is_12 = peer.version == DTLS1_2;
        let answers = [0; 3].map(|_| {
            let (response, _) = peer.hand_over(true_one.clone());
            (response.close_notify, response.half_closed)
        });
        assert_eq!(answers, [(is_12, !is_12), (false, false), (false, false)]);
        assert!(matches!(peer.inbound.closed(), Some(Error::Closed)));
    }
}

/// An old session's records are under other keys. While the peer has begun anew, they count against
/// nobody.
#[test]
fn h03_p22_records_of_an_old_association_do_not_open_and_do_not_count_where_there_is_a_new_one() {
    let rules = Rules {
        bad_mac_limit: NonZeroU32::new(1),
        ..RULES
    };
    let rivals = [Rival::Older, Rival::Newer];
    let peers = rivals.map(|rival| Peer::of_each_version(rules).map(|peer| (rival, peer)));
    for (rival, peer) in peers.into_iter().flatten() {
        let mut peer = peer.finished();
        peer.inbound.set_rival(rival);
        let mut old = match peer.version {
            DTLS1_3 => secret(9).sealer(3).unwrap(),
            _ => sealer(9),
        };
        let version = peer.version;
        let mut of_old = || {
            let mut record = Vec::new();
            old.seal(ContentType::APPLICATION_DATA, version, b"old", &mut record)
                .unwrap();
            record
        };
        for _ in 0..10 {
            let (response, delivered) = peer.hand_over(of_old());
            assert!(response.is_empty() && delivered.is_empty());
        }
        peer.assert_alive("beside another");
        peer.inbound.set_rival(Rival::None);
        let (response, _) = peer.hand_over(of_old());
        let limit = matches!(response.fatal, Some(Error::TooManyBadRecords { limit: 1 }));
        assert!(limit, "{response:?}");
    }
}

/// Nor do they make a handshake suspicious that belongs to the newer one.
#[test]
fn h03_p22_records_of_an_old_association_make_no_handshake_suspicious() {
    for rival in [Rival::None, Rival::Older, Rival::Newer] {
        for mut peer in Peer::of_each_version(RULES) {
            peer.inbound.set_rival(rival);
            let suspicion = peer.hand_over(peer.forged(64)).0.suspicion;
            assert_eq!(suspicion.is_some(), rival == Rival::None, "{suspicion:?}");
        }
    }
}

/// Application data that overtakes the Finished is dropped, as UDP may, and never delivered later.
#[test]
fn b12_b13_p19_application_data_before_finished_is_dropped() {
    let mut peer = Peer::new(Renegotiation::Refused);
    for record in [
        clear(ContentType::APPLICATION_DATA, b"forged"),
        peer.record(ContentType::APPLICATION_DATA, b"early"),
    ] {
        let (response, delivered) = peer.hand_over(record);
        assert!(response.fatal.is_none() && delivered.is_empty());
    }
    assert_eq!(peer.dropped(DropReason::EarlyData), 2);
    peer.finished().assert_alive("afterwards");

    // In DTLS 1.3 it is under other keys than the Finished, and there is none under that's.
    let mut peer = Peer::new13(RULES);
    let forged = clear(ContentType::APPLICATION_DATA, b"forged");
    assert!(peer.hand_over(forged.clone()).0.fatal.is_none());
    let mut next = secret(3).sealer(3).unwrap();
    let mut early = Vec::new();
    let typ = ContentType::APPLICATION_DATA;
    next.seal(typ, DTLS1_3, b"early", &mut early).unwrap();
    let (response, delivered) = peer.hand_over(early);
    assert!(response.is_empty() && delivered.is_empty());
    assert_eq!(peer.dropped(DropReason::FutureEpoch), 1);
    let mut peer = peer.finished();
    peer.sealer = next;
    peer.assert_alive("afterwards");
    assert!(peer.hand_over(forged).1.is_empty());
    let mut peer = Peer::new13(RULES);
    let record = peer.record(typ, b"of the handshake");
    let (response, delivered) = peer.hand_over(record);
    let fatal = matches!(response.fatal, Some(Error::UnexpectedRecord(_)));
    assert!(fatal && delivered.is_empty(), "{response:?}");
}

/// RFC 6347 §4.1.2.7: a bad record says nothing about the next one in its datagram.
#[test]
fn b02_b04_p20_p21_p23_p48_a_bad_record_does_not_harm_the_next_one() {
    let data = ContentType::APPLICATION_DATA;
    let mut junk = vec![
        ("an old epoch", clear(data, b"old"), DropReason::OldEpoch),
        (
            "an epoch to come",
            claimed(data, 0xfefd, 2, &[7; 40]),
            DropReason::FutureEpoch,
        ),
        (
            "other keys",
            claimed(data, 0xfefd, 1, &[7; 40]),
            DropReason::BadMac,
        ),
        (
            "in the clear, of epoch 1",
            claimed(data, 0xfefd, 1, b"in the clear"),
            DropReason::BadMac,
        ),
        (
            "no known type",
            claimed(ContentType(99), 0xfefd, 1, &[7; 40]),
            DropReason::BadMac,
        ),
        (
            "the version of TLS",
            claimed(data, 0x0303, 1, &[7; 40]),
            DropReason::WrongVersion,
        ),
    ];
    for length in 0..24 {
        let short = claimed(data, 0xfefd, 1, &[7; 24][..length]);
        junk.push(("a short ciphertext", short, DropReason::BadMac));
    }
    for (name, junk, reason) in junk {
        let mut peer = Peer::established(Renegotiation::Refused);
        let good = peer.record(data, b"good");
        let (response, delivered) = peer.hand_over([junk, good].concat());
        assert!(response.is_empty(), "{name}: {response:?}");
        assert_eq!(delivered, [b"good"], "{name}");
        assert_eq!(peer.dropped(reason), 1, "{name}");
    }
}

/// The same in DTLS 1.3 (RFC 9147 §4.5.2), which is where a ciphertext may be too short for a mask.
#[test]
fn b02_b04_p20_p21_p23_p48_a_bad_record_of_dtls_1_3_does_not_harm_the_next_one() {
    let data = ContentType::APPLICATION_DATA;
    let mut junk = vec![
        ("epoch 0", clear(data, b"old"), DropReason::OldEpoch),
        (
            "epoch 0 with a unified header",
            unified(0, &[7; 40]),
            DropReason::FutureEpoch,
        ),
        (
            "an epoch to come",
            unified(1, &[7; 40]),
            DropReason::FutureEpoch,
        ),
        ("the epoch before", unified(2, &[7; 40]), DropReason::BadMac),
        ("other keys", unified(3, &[7; 40]), DropReason::BadMac),
        (
            "a full header with an epoch",
            claimed(data, 0xfefd, 3, &[7; 40]),
            DropReason::UnexpectedType,
        ),
        (
            "a full header with an epoch to come",
            claimed(data, 0xfefd, 4, &[7; 40]),
            DropReason::FutureEpoch,
        ),
    ];
    for length in 0..24 {
        let short = unified(3, &[7; 24][..length]);
        junk.push(("a short ciphertext", short, DropReason::BadMac));
    }
    for (name, junk, reason) in junk {
        let mut peer = Peer::new13(RULES).finished();
        let good = peer.record(data, b"good");
        let (response, delivered) = peer.hand_over([junk, good].concat());
        assert!(response.is_empty(), "{name}: {response:?}");
        assert_eq!(delivered, [b"good"], "{name}");
        assert_eq!(peer.dropped(reason), 1, "{name}");
    }
}

#[test]
fn p25_a_record_does_not_span_two_datagrams() {
    for mut peer in established() {
        let whole = peer.record(ContentType::APPLICATION_DATA, b"whole");
        for cut in 1..whole.len() {
            let (first, rest) = whole.split_at(cut);
            for part in [first, rest] {
                let (response, delivered) = peer.hand_over(part.to_vec());
                assert!(response.is_empty() && delivered.is_empty(), "{cut}");
            }
        }
        assert_eq!(peer.hand_over(whole).1, [b"whole"]);
    }
}

/// A limit of bad records is a lever for whoever wants to end the connection, so that only those count
/// whose authentication was tried.
#[test]
fn p49_only_what_was_tried_to_be_opened_counts_as_a_bad_record() {
    let rules = Rules {
        bad_mac_limit: NonZeroU32::new(2),
        ..RULES
    };
    for peer in Peer::of_each_version(rules) {
        let mut peer = peer.finished();
        let data = ContentType::APPLICATION_DATA;
        let seen = peer.record(data, b"seen");
        let _ = peer.hand_over(seen.clone());
        for uncounted in [
            seen,
            clear(data, b"old"),
            claimed(data, 0xfefd, 2, &[7; 40]),
            unified(0, &[7; 40]),
            claimed(data, 0x0303, 1, &[7; 40]),
            peer.forged(0x5000),
            vec![23; 7],
        ] {
            for _ in 0..3 {
                assert!(peer.hand_over(uncounted.clone()).0.is_empty());
            }
        }
        assert!(peer.hand_over(peer.forged(40)).0.is_empty());
        peer.assert_alive("below the limit");
        let (response, _) = peer.hand_over(peer.forged(40));
        let limit = matches!(response.fatal, Some(Error::TooManyBadRecords { limit: 2 }));
        assert!(limit, "{response:?}");
    }
}
