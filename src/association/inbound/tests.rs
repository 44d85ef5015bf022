use super::*;
use crate::codec::Writer;
use crate::crypto::{AeadAlgorithm, Secret};
use crate::record::Sealer;
use crate::wire::{ContentType, HandshakeHeader, HandshakeType, ProtocolVersion, RecordHeader};
use HandshakeType as Type;

mod bounds;
mod hostile;
mod repeats;
mod rfc9147;

const RULES: Rules = Rules {
    limits: MessageLimits { certificate: 1024 },
    replay: Replay::Window,
    bad_mac_limit: None,
    renegotiation: Renegotiation::Refused,
    belief: Belief::Careful,
    wish: Type::HELLO_REQUEST,
};

const AEAD: AeadAlgorithm = AeadAlgorithm::Aes128Gcm;

fn keys(byte: u8) -> [Secret; 2] {
    [AEAD.key_len(), AEAD.fixed_iv_len()].map(|length| Secret::new(vec![byte; length]))
}

#[cfg(all(feature = "anti-replay", feature = "x509"))]
impl Inbound {
    /// All that decides what becomes of the next record, but for keys and windows.
    pub(crate) fn state(&self) -> String {
        let Inbound {
            phase,
            version,
            change_cipher_spec_seen,
            reassembly,
            previous_flight,
            current_flight,
            renegotiation_refused,
            closed_early,
            ended,
            ..
        } = self;
        let early: Vec<_> = self.early.iter().map(Vec::len).collect();
        let (epochs, keys) = (self.epochs.all(), self.at_change_cipher_spec.is_some());
        let reassembly = reassembly.state();
        format!(
            "{phase:?} {version:?} {epochs:?} {keys} {change_cipher_spec_seen} {early:?} {reassembly} {previous_flight} \
             {current_flight} {renegotiation_refused} {closed_early} {ended:?}"
        )
    }
}

/// Keys of epoch 1 that are all of this byte.
fn sealer(byte: u8) -> Sealer {
    let [key, iv] = keys(byte);
    Sealer::dtls12(1, AEAD, &key, &iv).unwrap()
}

fn opener(byte: u8) -> Opener {
    let [key, iv] = keys(byte);
    Opener::dtls12(1, AEAD, &key, &iv).unwrap()
}

/// A record that says of itself whatever the test says.
fn claimed(typ: ContentType, version: u16, epoch: u16, fragment: &[u8]) -> Vec<u8> {
    Writer::bytes_of(|w| {
        RecordHeader {
            content_type: typ,
            version: ProtocolVersion(version),
            epoch,
            sequence: 0x4000,
            length: fragment.len().try_into().unwrap(),
        }
        .write(w);
        w.bytes(fragment);
    })
}

/// A peer that has sent its ChangeCipherSpec. Its Finished is message 5.
struct Peer {
    inbound: Inbound,
    sealer: Sealer,
}

impl Peer {
    /// One that has sent everything but its ChangeCipherSpec and what comes behind it.
    fn without_keys(rules: Rules) -> Self {
        let trace = Trace::new("peer".into(), None);
        let mut inbound = Inbound::new(4, 5, rules, trace);
        inbound.agreed(ProtocolVersion::DTLS1_2);
        Peer {
            inbound,
            sealer: Sealer::plaintext(7),
        }
    }

    fn with_rules(rules: Rules) -> Self {
        let mut peer = Peer::without_keys(rules);
        let _ = peer
            .inbound
            .expect_change_cipher_spec(opener(1), Duration::ZERO);
        let _ = peer.say(ContentType::CHANGE_CIPHER_SPEC, &[1]);
        peer.sealer = sealer(1);
        peer
    }

    fn new(renegotiation: Renegotiation) -> Self {
        Peer::with_rules(Rules {
            renegotiation,
            ..RULES
        })
    }

    /// One whose handshake is complete, and whose last flight was `Finished`.
    fn established(renegotiation: Renegotiation) -> Self {
        Peer::new(renegotiation).finished()
    }

    fn finished(mut self) -> Self {
        let _ = self.say_messages(&[(Type::FINISHED, 5)]);
        assert_eq!(self.inbound.next_message().unwrap().message_seq, 5);
        self.inbound.flight_complete();
        self.inbound.established().unwrap();
        self
    }

    fn say(&mut self, typ: ContentType, content: &[u8]) -> Response {
        let mut record = self.record(typ, content);
        self.inbound
            .receive(&mut record, Duration::ZERO, &mut |_| {})
    }

    /// A true record of this peer's, not sent yet.
    fn record(&mut self, typ: ContentType, content: &[u8]) -> Vec<u8> {
        let mut record = Vec::new();
        let version = ProtocolVersion::DTLS1_2;
        self.sealer
            .seal(typ, version, content, &mut record)
            .unwrap();
        record
    }

    /// What is answered to a datagram, and delivered of it.
    fn hand_over(&mut self, mut datagram: Vec<u8>) -> (Response, Vec<Vec<u8>>) {
        let mut delivered = Vec::new();
        let response = self
            .inbound
            .receive(&mut datagram, Duration::ZERO, &mut |data| {
                delivered.push(data.to_vec());
            });
        (response, delivered)
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.inbound.stats().dropped.get(reason)
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
fn c11_what_is_left_over_behind_the_finished_ends_the_handshake() {
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
    // Of another length it is none.
    for body in [&[][..], &[2], &[2, 40, 0], &[1, 90, 1, 90]] {
        let mut peer = Peer::established(Renegotiation::Refused);
        let response = peer.say(ContentType::ALERT, body);
        let is_decode = matches!(response.fatal, Some(Error::Decode { what: "alert", .. }));
        assert!(is_decode, "{body:?}: {response:?}");
    }
    // However many warnings there are, with whatever meaning, they change nothing.
    let mut peer = Peer::established(Renegotiation::Refused);
    for description in (1..=255).chain(1..=255) {
        assert!(peer.say(ContentType::ALERT, &[1, description]).is_empty());
    }
    let last = peer.record(ContentType::APPLICATION_DATA, b"data");
    assert_eq!(peer.hand_over(last).1, [b"data"]);
}

#[test]
fn e03_p03_after_the_handshake_there_are_only_repetitions_and_wishes_for_another() {
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
    let wish = peer.say_messages(&[(Type::HELLO_REQUEST, 0)]);
    assert!(wish.no_renegotiation && wish.fatal.is_none());
    let more = peer.say_messages(&[(Type::FINISHED, 6)]);
    assert!(matches!(more.fatal, Some(Error::UnexpectedRecord(_))));
    assert!(peer.inbound.closed().is_some());
}

#[test]
fn d14_a_wish_to_renegotiate_is_refused_once_or_ends_the_connection() {
    let wishes = [Type::HELLO_REQUEST, Type::CLIENT_HELLO];
    for (wish, other) in [(0, 1), (1, 0)].map(|(one, two)| (wishes[one], wishes[two])) {
        let established = |renegotiation| {
            let rules = Rules {
                renegotiation,
                wish,
                ..RULES
            };
            Peer::with_rules(rules).finished()
        };
        let mut peer = established(Renegotiation::Refused);
        let refusals = [0, 1, 2].map(|_| peer.say_messages(&[(wish, 0)]).no_renegotiation);
        assert_eq!(refusals, [true, false, false]);
        assert!(peer.inbound.closed().is_none());

        let mut peer = established(Renegotiation::Fatal);
        let response = peer.say_messages(&[(wish, 0)]);
        assert!(matches!(response.fatal, Some(Error::UnexpectedRecord(_))));
        assert!(peer.inbound.closed().is_some());

        // Only servers send HelloRequest, and only clients ClientHello.
        let mut peer = established(Renegotiation::Refused);
        let response = peer.say_messages(&[(other, 6)]);
        assert!(matches!(response.fatal, Some(Error::UnexpectedRecord(_))));
    }
}

/// RFC 5246 §7.4.1.1: a client that is negotiating ignores it, and what stands behind it counts.
#[test]
fn d14_a_wish_to_renegotiate_is_nothing_to_a_client_that_negotiates() {
    let mut peer = Peer::with_rules(RULES);
    let wish_and_finished = [(Type::HELLO_REQUEST, 5), (Type::FINISHED, 5)];
    assert!(peer.say_messages(&wish_and_finished).is_empty());
    assert_eq!(peer.inbound.next_message().unwrap().typ, Type::FINISHED);
}
