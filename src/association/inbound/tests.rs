use super::*;
use crate::codec::Writer;
use crate::crypto::{AeadAlgorithm, SUITES13, Secret, WriteKeys};
use crate::record::{Sealer, TrafficSecret};
use crate::wire::{
    ContentType, HandshakeHeader, HandshakeType, ProtocolVersion, RecordHeader, ShortSequence,
    UnifiedHeader,
};
use HandshakeType as Type;

mod acks;
mod bounds;
mod epochs;
mod hostile;
mod repeats;
mod rfc9147;

const RULES: Rules = Rules {
    limits: MessageLimits { certificate: 1024 },
    replay: Replay::Window,
    bad_mac_limit: None,
    renegotiation: Renegotiation::Refused,
    belief: Belief::Careful,
    peer: Role::Server,
};

const AEAD: AeadAlgorithm = AeadAlgorithm::Aes128Gcm;

fn keys(byte: u8) -> WriteKeys {
    WriteKeys {
        key: Secret::new(vec![byte; AEAD.key_len()]),
        iv: Secret::new(vec![byte; AEAD.fixed_iv_len()]),
    }
}

#[cfg(all(feature = "anti-replay", feature = "x509"))]
impl Inbound {
    /// All that decides what becomes of the next record, but for keys and windows, and for which records wait
    /// and how many.
    pub(crate) fn state(&self) -> String {
        let Inbound {
            phase,
            change_cipher_spec_seen,
            reassembly,
            previous_flight,
            current_flight,
            renegotiation_refused,
            closed_early,
            ended,
            ..
        } = self;
        let early = !self.early.is_empty();
        let (epochs, keys) = (self.epochs.all(), self.at_change_cipher_spec.is_some());
        let used = self.epochs.current_is_used();
        let reassembly = reassembly.state();
        format!(
            "{phase:?} {epochs:?} {used} {keys} {change_cipher_spec_seen} {early} {reassembly} {previous_flight} \
             {current_flight} {renegotiation_refused} {closed_early} {ended:?}"
        )
    }
}

/// Keys of epoch 1 that are all of this byte.
fn sealer(byte: u8) -> Sealer {
    Sealer::dtls12(1, AEAD, &keys(byte)).unwrap()
}

fn opener(byte: u8) -> Opener {
    Opener::dtls12(1, AEAD, &keys(byte)).unwrap()
}

const DTLS1_2: ProtocolVersion = ProtocolVersion::DTLS1_2;
const DTLS1_3: ProtocolVersion = ProtocolVersion::DTLS1_3;

/// The secret of an epoch of DTLS 1.3, all of this byte.
fn secret(byte: u8) -> TrafficSecret {
    TrafficSecret::new(&SUITES13[0], Secret::new(vec![byte; 32]))
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

/// The same with a unified header.
fn unified(epoch: u16, ciphertext: &[u8]) -> Vec<u8> {
    let header = UnifiedHeader {
        epoch: epoch.to_be_bytes()[1],
        sequence: ShortSequence::Bits16(0x4000),
        length: Some(ciphertext.len().try_into().unwrap()),
    };
    [header.encode().as_bytes(), ciphertext].concat()
}

/// A whole handshake message.
fn message(typ: Type, message_seq: u16, body: &[u8]) -> Vec<u8> {
    Writer::bytes_of(|w| {
        HandshakeHeader::whole(typ, message_seq, body.len().try_into().unwrap()).write(w);
        w.bytes(body);
    })
}

/// A peer whose last flight is its Finished, message 5, which comes under keys.
struct Peer {
    version: ProtocolVersion,
    inbound: Inbound,
    sealer: Sealer,
}

impl Peer {
    /// One that has said nothing yet.
    fn unheard(rules: Rules) -> Self {
        let trace = Trace::new("peer".into(), None);
        Peer {
            version: DTLS1_2,
            inbound: Inbound::new(4, 5, rules, trace),
            sealer: Sealer::plaintext(7),
        }
    }

    /// One that has sent everything but what comes under keys.
    fn without_keys(rules: Rules) -> Self {
        Peer::unheard(rules).agreed(DTLS1_2)
    }

    fn agreed(mut self, version: ProtocolVersion) -> Self {
        self.version = version;
        self.inbound.agreed(version);
        self
    }

    /// One that has sent everything but its Finished.
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

    /// The same of DTLS 1.3.
    fn new13(rules: Rules) -> Self {
        let mut peer = Peer::unheard(rules).agreed(DTLS1_3);
        peer.read_under(&secret(1), 2);
        peer.sealer = secret(1).sealer(2).unwrap();
        peer
    }

    /// One of each version that has sent everything but its Finished.
    fn of_each_version(rules: Rules) -> [Self; 2] {
        [Peer::with_rules(rules), Peer::new13(rules)]
    }

    /// One whose handshake is complete, and whose last flight was `Finished`.
    fn established(renegotiation: Renegotiation) -> Self {
        Peer::new(renegotiation).finished()
    }

    fn finished(mut self) -> Self {
        let _ = self.say_messages(&[(Type::FINISHED, 5)]);
        assert_eq!(self.inbound.next_message().unwrap().message_seq, 5);
        self.inbound.flight_complete();
        match self.version {
            DTLS1_3 => self.follow(3),
            version => self.inbound.established(version).unwrap(),
        }
        self
    }

    /// Of DTLS 1.3 the handshake is complete, and what follows comes under the keys of this epoch.
    fn follow(&mut self, epoch: u16) {
        let read_secret = secret(3);
        self.read_under(&read_secret, epoch);
        self.sealer = read_secret.sealer(epoch).unwrap();
        self.inbound.set_read_secret(read_secret);
        self.inbound.established(DTLS1_3).unwrap();
    }

    fn read_under(&mut self, secret: &TrafficSecret, epoch: u16) {
        let opener = secret.opener(epoch).unwrap();
        let response = self.inbound.change_read_keys(opener, Duration::ZERO);
        assert!(response.is_empty(), "{response:?}");
    }

    /// A record that nobody who holds the keys has made, but which says that it is of their epoch.
    fn forged(&self, length: usize) -> Vec<u8> {
        let ciphertext = vec![7; length];
        match self.version {
            DTLS1_3 => unified(self.sealer.epoch(), &ciphertext),
            _ => claimed(ContentType::APPLICATION_DATA, 0xfefd, 1, &ciphertext),
        }
    }

    fn say(&mut self, typ: ContentType, content: &[u8]) -> Response {
        let mut record = self.record(typ, content);
        self.inbound
            .receive(&mut record, Duration::ZERO, &mut |_| {})
    }

    /// A true record of this peer's, not sent yet.
    fn record(&mut self, typ: ContentType, content: &[u8]) -> Vec<u8> {
        let mut record = Vec::new();
        self.sealer
            .seal(typ, self.version, content, &mut record)
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
        for mut peer in Peer::of_each_version(RULES) {
            let response = peer.say_messages(behind_finished);
            assert!(response.fatal.is_none() && response.suspicion.is_none());
            assert_eq!(peer.inbound.next_message().unwrap().message_seq, 5);
            let outcome = peer.inbound.established(peer.version);
            assert!(matches!(outcome, Err(Error::ExcessHandshakeData)));
        }
    }
}

/// In DTLS 1.3 keys change behind a ServerHello and behind a Finished: what stands there in the clear is
/// forgotten, as anyone can have sent it, and under the keys of before it is the peer's fault.
#[test]
fn c11_what_is_left_over_where_keys_change_does_not_come_under_the_new_ones() {
    let mut peer = Peer::unheard(RULES).agreed(DTLS1_3);
    let _ = peer.say_messages(&[(Type::SERVER_HELLO, 5), (Type::ENCRYPTED_EXTENSIONS, 6)]);
    assert!(peer.inbound.next_message().is_some());
    let opener = secret(1).opener(2).unwrap();
    let response = peer.inbound.change_read_keys(opener, Duration::ZERO);
    assert!(matches!(
        response.suspicion,
        Some(Error::ExcessHandshakeData)
    ));
    assert!(response.fatal.is_none() && peer.inbound.next_message().is_none());
    peer.sealer = secret(1).sealer(2).unwrap();
    let _ = peer.say_messages(&[(Type::ENCRYPTED_EXTENSIONS, 6), (Type::FINISHED, 7)]);
    assert_eq!(peer.inbound.next_message().unwrap().epoch, 2);
    let opener = secret(3).opener(3).unwrap();
    let response = peer.inbound.change_read_keys(opener, Duration::ZERO);
    assert!(matches!(response.fatal, Some(Error::ExcessHandshakeData)));
}

#[test]
fn d13_an_alert_is_a_warning_or_fatal() {
    let mut peer = Peer::established(Renegotiation::Refused);
    assert!(peer.say(ContentType::ALERT, &[1, 90]).is_empty());
    for peer in Peer::of_each_version(RULES) {
        let response = peer.finished().say(ContentType::ALERT, &[0x42, 10]);
        assert!(matches!(response.fatal, Some(Error::IllegalParameter(_))));
    }
    // Of another length it is none.
    for body in [&[][..], &[2], &[2, 40, 0], &[1, 90, 1, 90]] {
        for peer in Peer::of_each_version(RULES) {
            let response = peer.finished().say(ContentType::ALERT, body);
            let is_decode = matches!(response.fatal, Some(Error::Decode { what: "alert", .. }));
            assert!(is_decode, "{body:?}: {response:?}");
        }
    }
    // RFC 8446 §6: in DTLS 1.3 every alert is an end, whatever its level, but that a user has lost interest.
    for description in 0..=u8::MAX {
        let mut peer = Peer::new13(RULES).finished();
        let response = peer.say(ContentType::ALERT, &[1, description]);
        let goes_on = peer.inbound.closed().is_none();
        assert_eq!(goes_on, description == 90, "{description}");
        let fatal = matches!(response.fatal, Some(Error::PeerAlert(_)));
        assert_eq!(fatal, ![0, 90].contains(&description), "{description}");
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
    // Only servers send HelloRequest, and only clients ClientHello.
    let (servers, clients) = (Type::HELLO_REQUEST, Type::CLIENT_HELLO);
    let cases = [
        (Role::Server, servers, clients),
        (Role::Client, clients, servers),
    ];
    for (role, wish, other) in cases {
        let established = |renegotiation| {
            let rules = Rules {
                renegotiation,
                peer: role,
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
