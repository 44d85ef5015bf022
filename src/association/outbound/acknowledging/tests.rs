use super::*;
use crate::association::Response;
use crate::association::rekeying::Rekeying;
use crate::codec::Reader;
use crate::config::Settings;
use crate::crypto::{SUITES13, Secret};
use crate::error::Error;
use crate::flight::{Content, OutgoingMessage};
use crate::record::{Opener, Records, Replay, TrafficSecret};
use crate::trace::Trace;
use crate::wire::{HandshakeHeader, KeyUpdate, RecordNumber};

const NOW: Duration = Duration::ZERO;
const LATER: Duration = Duration::from_secs(1);

fn secret(byte: u8) -> TrafficSecret {
    TrafficSecret::new(&SUITES13[0], Secret::new(vec![byte; 32]))
}

/// The writing half of a side that speaks DTLS 1.3, if it knows that yet.
fn outbound(version: ProtocolVersion) -> Outbound {
    let trace = Trace::new("us".into(), None);
    Outbound::new(version, 0, &Settings::default(), NOW, trace)
}

/// The same behind a handshake whose last flight is acknowledged. Its next message is number 5.
fn established() -> Outbound {
    let mut outbound = outbound(ProtocolVersion::DTLS1_3);
    outbound.change_keys(secret(2).sealer(2).unwrap());
    outbound.change_keys(secret(3).sealer(3).unwrap());
    outbound.forget_flight();
    outbound.set_rekeying(Rekeying::new(secret(3), 3, Some(5)));
    outbound
}

fn number(epoch: u64, sequence: u64) -> RecordNumber {
    RecordNumber { epoch, sequence }
}

/// Where the records of a datagram were sealed, and what is in them.
fn read(openers: &mut [Opener], datagram: &[u8]) -> Vec<(u16, ContentType, Vec<u8>)> {
    let mut datagram = datagram.to_vec();
    let mut read = Vec::new();
    for record in Records::new(&mut datagram) {
        let record = record.unwrap();
        let epoch = match &record {
            crate::record::Record::Full(header, _) => header.epoch,
            crate::record::Record::Unified(header, _) => header.epoch.into(),
        };
        let mut openers = openers.iter_mut();
        let opener = openers.find(|opener| opener.epoch() & 3 == epoch).unwrap();
        let opened = opener.open(record, Replay::Window).unwrap();
        read.push((opened.epoch, opened.content_type, opened.plaintext.to_vec()));
    }
    read
}

fn acknowledge_ours(outbound: &mut Outbound, numbers: &[RecordNumber]) -> Vec<Vec<u8>> {
    let response = Response {
        acknowledged: numbers.to_vec(),
        ..Response::default()
    };
    respond(outbound, &response)
}

fn respond(outbound: &mut Outbound, response: &Response) -> Vec<Vec<u8>> {
    let mut sent = Vec::new();
    let mut emit = |datagram: &[u8]| sent.push(datagram.to_vec());
    outbound.respond(response, LATER, &mut emit).unwrap();
    sent
}

/// RFC 9147 §7: an ACK goes out under the newest keys, and none before the version is known.
#[test]
fn an_ack_is_sent_under_the_newest_keys_once_the_version_is_known() {
    let arrived = Response {
        acknowledge: vec![number(0, 0)],
        ..Response::default()
    };
    let mut unsure = outbound(ProtocolVersion::DTLS1_0);
    assert!(respond(&mut unsure, &arrived).is_empty());
    assert_eq!(unsure.next_deadline(), None);

    let mut outbound = outbound(ProtocolVersion::DTLS1_3);
    assert!(respond(&mut outbound, &arrived).is_empty(), "at its time");
    let due = outbound.next_deadline().unwrap();
    outbound.change_keys(secret(2).sealer(2).unwrap());
    let mut sent = Vec::new();
    let mut emit = |datagram: &[u8]| sent.push(datagram.to_vec());
    outbound.tick(due, &mut emit).unwrap();
    let [datagram] = &sent[..] else {
        panic!("{sent:?}")
    };
    let records = read(&mut [secret(2).opener(2).unwrap()], datagram);
    let record_numbers = vec![number(0, 0)];
    let ack = Ack { record_numbers }.encode();
    assert_eq!(records, [(2, ContentType::ACK, ack)]);
}

/// RFC 9147 §8 and §5.8.4: new keys are used once the KeyUpdate is acknowledged, and there is one at a time;
/// RFC 8446 §4.6.3: it comes under the old ones.
#[test]
fn new_keys_wait_for_the_acknowledgement() {
    let mut outbound = established();
    let mut sent = Vec::new();
    for _ in 0..3 {
        let mut emit = |datagram: &[u8]| sent.push(datagram.to_vec());
        outbound
            .update_keys(KeyUpdate::Requested, NOW, &mut emit)
            .unwrap();
    }
    let mut openers = [secret(3).opener(3).unwrap()];
    let [datagram] = &sent[..] else {
        panic!("{sent:?}")
    };
    let records = read(&mut openers, datagram);
    let [(3, ContentType::HANDSHAKE, message)] = &records[..] else {
        panic!("{records:?}")
    };
    let (header, body) = HandshakeHeader::read_fragment(&mut Reader::new(message)).unwrap();
    assert_eq!(
        (header.typ, header.message_seq),
        (HandshakeType::KEY_UPDATE, 5)
    );
    assert_eq!(body, [1]);
    let data = outbound.seal(b"data").unwrap().to_vec();
    assert_eq!(read(&mut openers, &data)[0].0, 3, "the old keys");
    // An ACK of other records says nothing of it.
    let again = acknowledge_ours(&mut outbound, &[number(3, 1), number(2, 0)]);
    assert!(again.is_empty());
    let data = outbound.seal(b"data").unwrap().to_vec();
    assert_eq!(read(&mut openers, &data)[0].0, 3, "the old keys");

    // The second one that was wanted follows under the new keys.
    let sent = acknowledge_ours(&mut outbound, &[number(3, 0)]);
    let mut openers = [secret(3).next().unwrap().opener(4).unwrap()];
    let [datagram] = &sent[..] else {
        panic!("{sent:?}")
    };
    let records = read(&mut openers, datagram);
    assert!(matches!(records[..], [(4, ContentType::HANDSHAKE, _)]));
    assert!(acknowledge_ours(&mut outbound, &[number(4, 0)]).is_empty());
    assert_eq!(outbound.epoch(), 5);
}

/// RFC 9147 §7.2: what is acknowledged as a whole is not sent again; of the rest only what is missing.
#[test]
fn an_acknowledged_flight_needs_no_timer() {
    let mut outbound = established();
    let message = |message_seq| OutgoingMessage {
        epoch: 3,
        content: Content::Handshake {
            typ: HandshakeType::NEW_SESSION_TICKET,
            message_seq,
            body: vec![7; 900],
        },
    };
    let mut sent = 0;
    let flight = vec![message(5), message(6)];
    outbound
        .send_flight(flight, NOW, &mut |_| sent += 1)
        .unwrap();
    assert_eq!(sent, 2);
    assert_eq!(acknowledge_ours(&mut outbound, &[number(3, 0)]).len(), 1);
    assert!(outbound.next_deadline().is_some());
    assert!(acknowledge_ours(&mut outbound, &[number(3, 2)]).is_empty());
    assert_eq!(outbound.next_deadline(), None);
    let long = Duration::from_secs(600);
    outbound.tick(long, &mut |_| panic!("sent")).unwrap();
}

/// RFC 8446 §6.1 and §6.2: what is owed goes before a close_notify, behind which it would be ignored, and nothing goes
/// behind a fatal alert.
#[test]
fn what_is_owed_goes_before_a_close_and_is_forgotten_by_an_end() {
    type End = fn(&mut Outbound, Emit<'_>);
    let close: End = |outbound, emit| outbound.close_notify(NOW, emit);
    let abort: End = |outbound, emit| outbound.abort(&Error::BadFinished, NOW, emit);
    for (end, told) in [
        (close, &[ContentType::ACK, ContentType::ALERT][..]),
        (abort, &[ContentType::ALERT]),
    ] {
        let mut outbound = established();
        let arrived = Response {
            acknowledge: vec![number(3, 0)],
            ..Response::default()
        };
        assert!(respond(&mut outbound, &arrived).is_empty());
        let mut sent = Vec::new();
        end(&mut outbound, &mut |datagram| sent.push(datagram.to_vec()));
        let mut openers = [secret(3).opener(3).unwrap()];
        let records = sent
            .iter()
            .flat_map(|datagram| read(&mut openers, datagram));
        let types: Vec<_> = records.map(|(_, typ, _)| typ).collect();
        assert_eq!(types, told);
        assert_eq!(outbound.next_deadline(), None);
    }
}

/// A client that misses a part of flight 4 has no keys for what a server sends behind it.
#[test]
fn a_server_that_gives_up_is_heard_under_the_keys_of_the_handshake() {
    for answered in [false, true] {
        let mut server = outbound(ProtocolVersion::DTLS1_3);
        server.change_keys(secret(2).sealer(2).unwrap());
        server.change_keys(secret(3).sealer(3).unwrap());
        let finished = OutgoingMessage {
            epoch: 2,
            content: Content::Handshake {
                typ: HandshakeType::FINISHED,
                message_seq: 1,
                body: vec![7; 32],
            },
        };
        server
            .send_flight(vec![finished], NOW, &mut |_| ())
            .unwrap();
        if answered {
            acknowledge_ours(&mut server, &[number(2, 0)]);
        }
        let mut sent = Vec::new();
        server.abort(&Error::BadFinished, NOW, &mut |d| sent.push(d.to_vec()));
        let mut openers = [2, 3].map(|epoch| secret(epoch as u8).opener(epoch).unwrap());
        let records = read(&mut openers, &sent[0]);
        let [(epoch, ContentType::ALERT, _)] = records[..] else {
            panic!("{records:?}")
        };
        assert_eq!(epoch, 2 + u16::from(answered));
    }
}
