//! The writing half of DTLS 1.3, opposite a peer that acknowledges what the test has it.

use super::*;
use crate::crypto::{SUITES13, Secret};
use crate::flight::Content;
use crate::record::{Opener, Record, Records, Replay, TrafficSecret};
use crate::wire::{HandshakeType, KeyUpdate, RecordNumber};

mod flights;
mod key_updates;

const SECOND: Duration = Duration::from_secs(1);

/// A record as the peer reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sent {
    number: RecordNumber,
    typ: ContentType,
    content: Vec<u8>,
}

impl Sent {
    /// The message that the record begins with.
    fn message(&self) -> HandshakeType {
        assert_eq!(self.typ, ContentType::HANDSHAKE);
        HandshakeType(self.content[0])
    }
}

impl Outbound {
    /// The keys have encrypted half of what they may.
    pub(crate) fn wear_out_keys(&mut self) {
        let worn = self.sealers.pop().map(Sealer::worn_out);
        self.sealers.extend(worn);
    }
}

#[cfg(feature = "x509")]
impl Outbound {
    /// They may encrypt an alert, and nothing else.
    pub(crate) fn use_up_keys(&mut self) {
        let used_up = self.sealers.pop().map(Sealer::used_up);
        self.sealers.extend(used_up);
    }

    /// These are the last keys that there are.
    pub(crate) fn come_to_last_epoch(&mut self) {
        self.set_rekeying(Rekeying::new(secret(3), u16::MAX, Some(7)));
    }
}

/// Our half of an established connection. The peer's openers refuse a number that comes twice.
struct Ours {
    outbound: Outbound,
    openers: Vec<Opener>,
    now: Duration,
}

fn secret(byte: u8) -> TrafficSecret {
    TrafficSecret::new(&SUITES13[0], Secret::new(vec![byte; 32]))
}

#[cfg(all(feature = "anti-replay", feature = "x509"))]
impl Outbound {
    /// How many records the peer is to be told of.
    pub(crate) fn untold(&self) -> usize {
        self.acknowledgements.untold()
    }

    /// All that decides what is sent next, but for keys and record numbers.
    pub(crate) fn state(&self) -> String {
        let epochs: Vec<_> = self.sealers.iter().map(Sealer::epoch).collect();
        let (version, flight) = (self.version, self.flight.outline());
        let (retransmit, closed) = (&self.retransmit, self.closed);
        let rekeying = self.rekeying.as_ref().map(Rekeying::state);
        let acknowledges = self.acknowledgements.since().is_some();
        format!(
            "{version} {epochs:?} {flight:?} {retransmit:?} {closed} {rekeying:?} {acknowledges}"
        )
    }
}

/// The writing half of a path with a small MTU.
fn narrow(version: ProtocolVersion, suspicion: Duration, now: Duration) -> Outbound {
    let settings = Settings {
        mtu: 300,
        suspicion,
        ..Settings::default()
    };
    let trace = Trace::new("we".into(), None);
    Outbound::new(version, 0, &settings, now, trace)
}

impl Ours {
    fn new() -> Self {
        Ours::from(Rekeying::new(secret(3), 3, Some(7)), 3)
    }

    /// Behind a handshake, of which nothing is left to acknowledge.
    fn from(rekeying: Rekeying, epoch: u16) -> Self {
        let mut outbound = narrow(ProtocolVersion::DTLS1_3, SECOND, Duration::ZERO);
        outbound.change_keys(secret(2).sealer(2).unwrap());
        outbound.change_keys(secret(3).sealer(epoch).unwrap());
        outbound.established(LastFlight::Peers, Duration::ZERO);
        outbound.set_rekeying(rekeying);
        let mut keys = secret(3);
        let mut openers = vec![keys.opener(epoch).unwrap()];
        for later in epoch.saturating_add(1)..=epoch.saturating_add(3) {
            keys = keys.next().unwrap();
            openers.push(keys.opener(later).unwrap());
        }
        Ours {
            outbound,
            openers,
            now: Duration::ZERO,
        }
    }

    /// What is sent by this.
    fn sent_by(
        &mut self,
        act: impl FnOnce(&mut Outbound, Duration, Emit<'_>) -> Result<()>,
    ) -> Vec<Sent> {
        let mut datagrams = Vec::new();
        let mut emit = |datagram: &[u8]| datagrams.push(datagram.to_vec());
        act(&mut self.outbound, self.now, &mut emit).unwrap();
        let openers = &mut self.openers;
        datagrams
            .iter_mut()
            .flat_map(|d| read(openers, d))
            .collect()
    }

    /// The peer asks for new keys, or the application does.
    fn update_keys(&mut self, update: KeyUpdate) -> Vec<Sent> {
        self.sent_by(|outbound, now, emit| outbound.update_keys(update, now, emit))
    }

    fn hear(&mut self, response: &Response) -> Vec<Sent> {
        self.sent_by(|outbound, now, emit| outbound.respond(response, now, emit))
    }

    /// The peer acknowledges these.
    fn acknowledged(&mut self, numbers: &[RecordNumber]) -> Vec<Sent> {
        self.hear(&Response {
            acknowledged: numbers.to_vec(),
            ..Response::default()
        })
    }

    /// Lets time pass until something is due, and does that.
    fn next_timer(&mut self) -> Vec<Sent> {
        self.now = self.outbound.next_deadline().expect("nothing is due");
        self.tick()
    }

    fn tick(&mut self) -> Vec<Sent> {
        self.sent_by(|outbound, now, emit| {
            assert_ne!(outbound.tick(now, emit)?, Ticked::GaveUp);
            Ok(())
        })
    }

    /// The epoch of what the application sends.
    fn data_epoch(&mut self) -> u64 {
        let mut datagram = self.outbound.seal(b"data").unwrap().to_vec();
        let sent = read(&mut self.openers, &mut datagram);
        assert_eq!(sent[0].content, b"data");
        sent[0].number.epoch
    }

    fn send(&mut self, messages: Vec<OutgoingMessage>) -> Vec<Sent> {
        self.sent_by(|outbound, now, emit| outbound.send_flight(messages, now, emit))
    }
}

fn read(openers: &mut [Opener], datagram: &mut [u8]) -> Vec<Sent> {
    let records = Records::new(datagram);
    let opened = records.map(|record| {
        let (header, ciphertext) = match record.unwrap() {
            Record::Unified(header, ciphertext) => (header, ciphertext),
            Record::Full(header, fragment) => {
                return Sent {
                    number: number(header.epoch.into(), header.sequence),
                    typ: header.content_type,
                    content: fragment.to_vec(),
                };
            }
        };
        let of_epoch = |opener: &&mut Opener| opener.epoch().to_be_bytes()[1] & 3 == header.epoch;
        let opener = openers.iter_mut().find(of_epoch).unwrap();
        let record = Record::Unified(header, ciphertext);
        let opened = opener.open(record, Replay::Window).unwrap();
        let (epoch, sequence) = (opened.epoch.into(), opened.sequence);
        Sent {
            number: RecordNumber { epoch, sequence },
            typ: opened.content_type,
            content: opened.plaintext.to_vec(),
        }
    });
    opened.collect()
}

/// Messages of so many bytes from this number on, under the keys of epoch 3.
fn messages(typ: HandshakeType, first: u16, lengths: &[usize]) -> Vec<OutgoingMessage> {
    messages_of(3, typ, first, lengths)
}

fn messages_of(
    epoch: u16,
    typ: HandshakeType,
    first: u16,
    lengths: &[usize],
) -> Vec<OutgoingMessage> {
    let message = |(message_seq, length): (u16, &usize)| OutgoingMessage {
        epoch,
        content: Content::Handshake {
            typ,
            message_seq,
            body: vec![7; *length],
        },
    };
    (first..).zip(lengths).map(message).collect()
}

fn numbers(sent: &[Sent]) -> Vec<RecordNumber> {
    sent.iter().map(|sent| sent.number).collect()
}

fn number(epoch: u64, sequence: u64) -> RecordNumber {
    RecordNumber { epoch, sequence }
}

/// RFC 9147 §4.2.1: a number that comes twice under a key of AES-GCM would give it away.
#[test]
fn b20_e04_p11_no_number_of_dtls_1_3_comes_twice_and_no_message_in_another_epoch() {
    let mut ours = Ours::new();
    ours.outbound.sealers.insert(0, Sealer::plaintext(5));
    ours.outbound
        .sealers
        .insert(1, secret(2).sealer(2).unwrap());
    ours.openers.insert(0, secret(2).opener(2).unwrap());
    let types = [
        (0, HandshakeType::SERVER_HELLO),
        (2, HandshakeType::ENCRYPTED_EXTENSIONS),
        (2, HandshakeType::CERTIFICATE),
    ];
    let flight = types.iter().zip(2..).flat_map(|((epoch, typ), first)| {
        let length = 150 * usize::from(first);
        messages_of(*epoch, *typ, first, &[length])
    });
    let flight = flight.collect();
    let mut sent = ours.send(flight);
    let mut numbers = std::collections::BTreeSet::new();
    for _ in 0..6 {
        let mut of_round: Vec<_> = sent
            .iter()
            .map(|sent| (sent.number.epoch as u16, sent.message()))
            .collect();
        of_round.dedup();
        assert_eq!(of_round, types);
        assert!(sent.iter().all(|sent| numbers.insert(sent.number)));
        assert_eq!(ours.data_epoch(), 3);
        sent = ours.next_timer();
    }
}

/// None but what the peer does not have is sent again, and no more often than four times in a delay.
#[test]
fn e09_a_flood_of_acks_brings_what_is_missing_and_no_more_than_four_times_in_a_delay() {
    let mut ours = Ours::new();
    let flight = ours.send(messages(HandshakeType::CERTIFICATE, 7, &[2_000]));
    let (had, missing) = flight.split_at(5);
    assert!(missing.len() > 1);
    let bytes = |sent: &[Sent]| sent.iter().map(|sent| sent.content.len()).sum::<usize>();
    let floods = [
        numbers(had),
        vec![number(3, 0); 1_000],
        (1_000..2_000).map(|sequence| number(3, sequence)).collect(),
        (0..1_000).map(|epoch| number(epoch + 4, 0)).collect(),
        vec![number(u64::MAX, u64::MAX)],
        vec![],
    ];
    let mut resent = 0;
    for millisecond in 0..1_000 {
        ours.now = Duration::from_millis(millisecond);
        for flood in &floods {
            let sent = ours.acknowledged(flood);
            if !sent.is_empty() {
                resent += 1;
                assert!(bytes(&sent) <= bytes(missing) + 300, "{millisecond}");
                let again = sent.iter().any(|sent| had.contains(sent));
                assert!(!again, "{millisecond}");
            }
        }
        assert!(ours.tick().is_empty(), "{millisecond}");
    }
    assert_eq!(resent, 3);
    assert!(ours.acknowledged(&numbers(missing)).is_empty());
    assert_eq!(ours.outbound.next_deadline(), None);
    for flood in &floods {
        assert!(ours.acknowledged(flood).is_empty());
    }
}

/// RFC 9147 §7: a peer of DTLS 1.2, or one of which nothing is known yet, is told of no record.
#[test]
fn e10_nothing_is_acknowledged_before_the_version_is_known_nor_to_a_peer_of_dtls_1_2() {
    let arrived = Response {
        acknowledge: vec![number(0, 1), number(0, 2)],
        ..Response::default()
    };
    let versions = [
        ProtocolVersion::DTLS1_0,
        ProtocolVersion::DTLS1_2,
        ProtocolVersion::DTLS1_3,
    ];
    for version in versions {
        let mut outbound = narrow(ProtocolVersion::DTLS1_0, SECOND, Duration::ZERO);
        let mut sent = Vec::new();
        let mut emit = |datagram: &[u8]| sent.push(datagram.to_vec());
        outbound
            .respond(&arrived, Duration::ZERO, &mut emit)
            .unwrap();
        assert_eq!(outbound.next_deadline(), None);
        outbound.tick(SECOND, &mut emit).unwrap();
        outbound.agreed(version, Duration::ZERO);
        outbound.respond(&arrived, SECOND, &mut emit).unwrap();
        outbound.tick(2 * SECOND, &mut emit).unwrap();
        let acks = sent.iter().filter(|d| d[0] == ContentType::ACK.0);
        let expected = usize::from(version == ProtocolVersion::DTLS1_3);
        assert_eq!((acks.count(), sent.len()), (expected, expected));
    }
}

/// Whichever of the two comes first, what is acknowledged is not sent again, and an ACK of what was sent
/// before the timer fired is one of the flight.
#[test]
fn p61_an_ack_and_a_timer_in_the_same_moment_are_both_heard() {
    let certificate = |ours: &mut Ours| {
        let flight = ours.send(messages(HandshakeType::CERTIFICATE, 7, &[400]));
        assert_eq!(flight.len(), 2);
        ours.now = ours.outbound.next_deadline().unwrap();
        flight
    };
    let mut ack_first = Ours::new();
    let flight = certificate(&mut ack_first);
    assert!(ack_first.acknowledged(&numbers(&flight)).is_empty());
    assert!(ack_first.tick().is_empty());
    assert_eq!(ack_first.outbound.next_deadline(), None);

    let mut timer_first = Ours::new();
    let flight = certificate(&mut timer_first);
    let again = timer_first.tick();
    assert_eq!(again.len(), 2);
    // A record of each sending, and together they are all of it.
    assert!(timer_first.acknowledged(&numbers(&again[1..])).is_empty());
    assert!(timer_first.acknowledged(&numbers(&flight[..1])).is_empty());
    assert_eq!(timer_first.outbound.next_deadline(), None);

    let mut part = Ours::new();
    let flight = certificate(&mut part);
    let rest = part.acknowledged(&numbers(&flight[..1]));
    assert_eq!(
        rest.len(),
        1,
        "at once, since the flight is older than a moment"
    );
    assert!(part.tick().is_empty(), "the timer was set anew");
    assert!(part.acknowledged(&numbers(&rest)).is_empty());
    assert_eq!(part.outbound.next_deadline(), None);
}
