use super::*;
use crate::codec::Writer;
use crate::crypto::{AeadAlgorithm, Secret};
use crate::record::Sealer;
use crate::wire::{ContentType, HandshakeHeader, HandshakeType, ProtocolVersion};
use HandshakeType as Type;

/// A peer that has sent its ChangeCipherSpec. Its Finished is message 5.
struct Peer {
    inbound: Inbound,
    sealer: Sealer,
}

impl Peer {
    fn new(renegotiation: Renegotiation) -> Self {
        let aead = AeadAlgorithm::Aes128Gcm;
        let key = Secret::new(vec![1; aead.key_len()]);
        let iv = Secret::new(vec![2; aead.fixed_iv_len()]);
        let rules = Rules {
            limits: MessageLimits { certificate: 1024 },
            replay: Replay::Window,
            bad_mac_limit: None,
            renegotiation,
        };
        let trace = Trace::new("peer".into(), None);
        let mut inbound = Inbound::new(4, 5, rules, trace);
        inbound.hellos_done();
        let opener = Opener::dtls12(1, aead, &key, &iv).unwrap();
        let _ = inbound.expect_change_cipher_spec(opener, Duration::ZERO);
        let mut peer = Peer {
            inbound,
            sealer: Sealer::plaintext(7),
        };
        let _ = peer.say(ContentType::CHANGE_CIPHER_SPEC, &[1]);
        peer.sealer = Sealer::dtls12(1, aead, &key, &iv).unwrap();
        peer
    }

    /// One whose handshake is complete, and whose last flight was `Finished`.
    fn established(renegotiation: Renegotiation) -> Self {
        let mut peer = Peer::new(renegotiation);
        let _ = peer.say_messages(&[(Type::FINISHED, 5)]);
        assert_eq!(peer.inbound.next_message().unwrap().message_seq, 5);
        peer.inbound.flight_complete();
        peer.inbound.established().unwrap();
        peer
    }

    fn say(&mut self, typ: ContentType, content: &[u8]) -> Response {
        let mut record = Vec::new();
        let version = ProtocolVersion::DTLS1_2;
        self.sealer
            .seal(typ, version, content, &mut record)
            .unwrap();
        self.inbound
            .receive(&mut record, Duration::ZERO, &mut |_| {})
    }

    /// Messages of twelve bytes in one record.
    fn say_messages(&mut self, messages: &[(Type, u16)]) -> Response {
        let content = Writer::bytes_of(|w| {
            for (typ, message_seq) in messages {
                HandshakeHeader::whole(*typ, *message_seq, 12).write(w);
                w.bytes(&[0; 12]);
            }
        });
        self.say(ContentType::HANDSHAKE, &content)
    }
}

#[test]
fn what_is_left_over_behind_the_finished_ends_the_handshake() {
    for behind_finished in [
        &[(Type::FINISHED, 5), (Type::FINISHED, 6)][..],
        &[(Type::FINISHED, 6), (Type::FINISHED, 5)],
        &[(Type::FINISHED, 5), (Type::CERTIFICATE, 9)],
    ] {
        let mut peer = Peer::new(Renegotiation::Refused);
        assert!(peer.say_messages(behind_finished).is_empty());
        assert_eq!(peer.inbound.next_message().unwrap().message_seq, 5);
        let outcome = peer.inbound.established();
        assert!(matches!(outcome, Err(Error::ExcessHandshakeData)));
    }
}

#[test]
fn d13_an_alert_is_a_warning_or_fatal() {
    let mut peer = Peer::established(Renegotiation::Refused);
    assert!(peer.say(ContentType::ALERT, &[1, 90]).is_empty());
    let response = peer.say(ContentType::ALERT, &[0x42, 10]);
    assert!(matches!(response.fatal, Some(Error::IllegalParameter(_))));
}

#[test]
fn after_the_handshake_there_are_only_repetitions_and_wishes_for_another() {
    let mut peer = Peer::established(Renegotiation::Refused);
    let repetition = peer.say_messages(&[(Type::FINISHED, 5)]);
    assert!(repetition.repeated && repetition.fatal.is_none());
    let rest_of_a_repetition = peer.say(
        ContentType::HANDSHAKE,
        &Writer::bytes_of(|w| {
            HandshakeHeader {
                fragment_offset: 6,
                fragment_length: 6,
                ..HandshakeHeader::whole(Type::FINISHED, 5, 12)
            }
            .write(w);
            w.bytes(&[0; 6]);
        }),
    );
    assert!(rest_of_a_repetition.is_empty());
    let wish = peer.say_messages(&[(Type::CLIENT_HELLO, 0)]);
    assert!(wish.no_renegotiation && wish.fatal.is_none());
    let more = peer.say_messages(&[(Type::FINISHED, 6)]);
    assert!(matches!(more.fatal, Some(Error::UnexpectedRecord(_))));
    assert!(peer.inbound.closed().is_some());
}

#[test]
fn d14_a_wish_to_renegotiate_is_refused_once_or_ends_the_connection() {
    for wish in [Type::HELLO_REQUEST, Type::CLIENT_HELLO] {
        let mut peer = Peer::established(Renegotiation::Refused);
        let refusals = [0, 1, 2].map(|_| peer.say_messages(&[(wish, 0)]).no_renegotiation);
        assert_eq!(refusals, [true, false, false]);
        assert!(peer.inbound.closed().is_none());

        let mut peer = Peer::established(Renegotiation::Fatal);
        let response = peer.say_messages(&[(wish, 0)]);
        assert!(matches!(response.fatal, Some(Error::UnexpectedRecord(_))));
        assert!(peer.inbound.closed().is_some());
    }
}
