mod acknowledged;

use super::*;
use crate::codec::Reader;
use crate::crypto::{AeadAlgorithm, Secret, WriteKeys};
use crate::record::{Opener, Records, Replay};
use crate::wire::{HANDSHAKE_HEADER, HandshakeHeader, MAX_PLAINTEXT, RECORD_HEADER};
use proptest::prelude::*;

/// What a flight is made of.
#[derive(Debug, Clone, Copy)]
enum Step {
    Message(usize),
    ChangeCipherSpec,
    NextEpoch,
}
use Step::{ChangeCipherSpec, Message as M, NextEpoch};

/// A record as the peer sees it.
struct Record {
    datagram: usize,
    epoch: u16,
    sequence: u64,
    plaintext: Vec<u8>,
    /// None in a ChangeCipherSpec.
    fragments: Vec<(HandshakeHeader, Vec<u8>)>,
}

impl Record {
    /// Whether the next record is begun by more of the message that ends this one.
    fn is_continued_by(&self, next: &Record) -> bool {
        match (self.fragments.last(), next.fragments.first()) {
            (Some((last, _)), Some((first, _))) => last.message_seq == first.message_seq,
            _ => false,
        }
    }

    /// Whether one record may carry the fragments of both.
    fn may_share_with(&self, next: &Record) -> bool {
        let both = !self.fragments.is_empty() && !next.fragments.is_empty();
        both && self.epoch == next.epoch && self.epoch > 0
    }
}

const KEYED: [AeadAlgorithm; 3] = [
    AeadAlgorithm::Aes128Gcm,
    AeadAlgorithm::ChaCha20Poly1305,
    AeadAlgorithm::Aes256Gcm,
];

fn keys(aead: AeadAlgorithm) -> WriteKeys {
    WriteKeys {
        key: Secret::new(vec![1; aead.key_len()]),
        iv: Secret::new(vec![2; aead.fixed_iv_len()]),
    }
}

fn sealers() -> Vec<Sealer> {
    let keyed = (1..)
        .zip(KEYED)
        .map(|(epoch, aead)| Sealer::dtls12(epoch, aead, &keys(aead)).unwrap());
    std::iter::once(Sealer::plaintext(0)).chain(keyed).collect()
}

fn openers() -> Vec<Opener> {
    let keyed = (1..)
        .zip(KEYED)
        .map(|(epoch, aead)| Opener::dtls12(epoch, aead, &keys(aead)).unwrap());
    std::iter::once(Opener::plaintext()).chain(keyed).collect()
}

fn messages(steps: &[Step]) -> Vec<OutgoingMessage> {
    let (mut epoch, mut message_seq) = (0, 0);
    let mut messages = Vec::new();
    for step in steps {
        let content = match step {
            NextEpoch => {
                epoch = (epoch + 1).min(KEYED.len() as u16);
                continue;
            }
            ChangeCipherSpec => Content::ChangeCipherSpec,
            M(length) => {
                message_seq += 1;
                Content::Handshake {
                    typ: HandshakeType::CERTIFICATE,
                    message_seq,
                    body: (0..*length).map(|i| (i % 251) as u8).collect(),
                }
            }
        };
        messages.push(OutgoingMessage { epoch, content });
    }
    messages
}

/// What the peer gets.
struct Peer {
    openers: Vec<Opener>,
    /// Of the datagrams.
    lengths: Vec<usize>,
    records: Vec<Record>,
}

impl Peer {
    fn new() -> Peer {
        Peer {
            openers: openers(),
            lengths: Vec::new(),
            records: Vec::new(),
        }
    }

    fn receive(&mut self, datagram: &[u8]) {
        for record in Records::new(&mut datagram.to_vec()) {
            let (header, fragment) = record.unwrap().full();
            let opener = &mut self.openers[usize::from(header.epoch)];
            let record = crate::record::Record::Full(header, fragment);
            let plaintext = opener.open(record, Replay::Window).unwrap().plaintext;
            let mut reader = Reader::new(plaintext);
            let mut fragments = Vec::new();
            while header.content_type == ContentType::HANDSHAKE && !reader.is_empty() {
                let (header, fragment) = HandshakeHeader::read_fragment(&mut reader).unwrap();
                fragments.push((header, fragment.to_vec()));
            }
            self.records.push(Record {
                datagram: self.lengths.len(),
                epoch: header.epoch,
                sequence: header.sequence,
                plaintext: plaintext.to_vec(),
                fragments,
            });
        }
        self.lengths.push(datagram.len());
    }
}

/// The datagrams' lengths and the records in them.
fn pack(steps: &[Step], mtu: usize) -> (Vec<usize>, Vec<Record>) {
    let mut peer = Peer::new();
    let mut flight = Flight::new(messages(steps));
    let version = ProtocolVersion::DTLS1_2;
    let packed = flight
        .pack(mtu, version, &mut sealers(), &mut |d| peer.receive(d))
        .unwrap();
    assert!(!flight.has_rest());
    assert_eq!(packed.datagrams, peer.lengths.len());
    assert_eq!(packed.records, peer.records.len());
    (peer.lengths, peer.records)
}

/// The flight that the records carry: every byte once and in order.
fn unpacked(records: &[Record]) -> Vec<(u16, Option<u16>, Vec<u8>)> {
    let mut messages: Vec<(u16, Option<u16>, Vec<u8>)> = Vec::new();
    for record in records {
        if record.fragments.is_empty() {
            messages.push((record.epoch, None, record.plaintext.clone()));
        }
        for (header, fragment) in &record.fragments {
            assert!(
                !fragment.is_empty() || header.length == 0,
                "an empty fragment"
            );
            if header.fragment_offset == 0 {
                messages.push((record.epoch, Some(header.message_seq), Vec::new()));
            }
            let (epoch, message_seq, body) = messages.last_mut().unwrap();
            assert_eq!(
                (*epoch, *message_seq),
                (record.epoch, Some(header.message_seq))
            );
            assert_eq!(body.len(), header.fragment_offset as usize);
            body.extend_from_slice(fragment);
        }
    }
    messages
}

/// Bytes that the first record would have had to have room for, so that the second were not needed,
/// or not yet.
fn least(previous: &Record, next: &Record) -> usize {
    let header = HANDSHAKE_HEADER;
    match next.fragments.first() {
        None => CHANGE_CIPHER_SPEC.len(),
        Some(_) if previous.is_continued_by(next) => 1,
        Some((first, _)) => header + usize::from(first.length > 0),
    }
}

/// What was sent, as `unpacked` has it.
fn bodies(steps: &[Step]) -> Vec<(u16, Option<u16>, Vec<u8>)> {
    let body = |message: OutgoingMessage| match message.content {
        Content::Handshake {
            message_seq, body, ..
        } => (message.epoch, Some(message_seq), body),
        Content::ChangeCipherSpec => (message.epoch, None, CHANGE_CIPHER_SPEC.to_vec()),
    };
    messages(steps).into_iter().map(body).collect()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..40_usize).prop_map(M),
        4 => (0..3000_usize).prop_map(M),
        1 => (0..40_000_usize).prop_map(M),
        1 => Just(ChangeCipherSpec),
        2 => Just(NextEpoch),
    ];
    prop::collection::vec(step, 0..12)
}

proptest! {
    #[test]
    fn a_packed_flight_is_whole_in_order_and_dense(
        steps in steps(),
        mtu in prop_oneof![3 => 128..400_usize, 3 => 400..2000_usize, 1 => 2000..=65_507_usize],
    ) {
        let (lengths, records) = pack(&steps, mtu);
        prop_assert_eq!(unpacked(&records), bodies(&steps));
        prop_assert!(lengths.iter().all(|length| (1..=mtu).contains(length)));
        let overheads: Vec<_> = sealers().iter().map(Sealer::overhead).collect();
        for (previous, next) in records.iter().zip(&records[1.min(records.len())..]) {
            let (same, new) = (least(previous, next), overheads[usize::from(next.epoch)]);
            let joins = previous.may_share_with(next) || previous.is_continued_by(next);
            let record_full = MAX_PLAINTEXT - previous.plaintext.len() < same;
            if previous.datagram == next.datagram {
                prop_assert!(!joins || record_full);
            } else {
                let needed = match (joins, record_full) {
                    (true, false) => same,
                    // A continued message needs a header as well in a new record.
                    (true, true) => new + HANDSHAKE_HEADER + 1,
                    (false, _) => new + same,
                };
                prop_assert!(mtu - lengths[previous.datagram] < needed);
            }
        }
    }
}

proptest! {
    /// Whether the peer acknowledges them or not, bursts bring every byte once and in order, and a resend begins
    /// with the first byte that is not acknowledged.
    #[test]
    fn e14_a_flight_goes_in_bursts_of_ten_records(
        mut steps in steps(),
        mtu in 128..2000_usize,
        acknowledged in any::<bool>(),
    ) {
        // DTLS 1.3 has no ChangeCipherSpec, and its flights of several messages end under keys.
        steps.retain(|step| !matches!(step, ChangeCipherSpec));
        steps.extend([NextEpoch, M(32)]);
        let (mut flight, mut peer) = (Flight::new(messages(&steps)), Peer::new());
        let mut sealers = sealers();
        let mut burst = |flight: &mut Flight, peer: &mut Peer| {
            let version = ProtocolVersion::DTLS1_3;
            let emit = &mut |datagram: &[u8]| peer.receive(datagram);
            flight.pack(mtu, version, &mut sealers, emit).unwrap().records
        };
        prop_assert!(flight.has_rest());
        loop {
            let before = peer.records.len();
            let records = burst(&mut flight, &mut peer);
            prop_assert!((1..=BURST).contains(&records));
            let most = if mtu < 200 { 5..=BURST } else { BURST..=BURST };
            prop_assert!(most.contains(&records) || !flight.has_rest());
            if acknowledged {
                prop_assert!(!flight.is_acknowledged_so_far());
                for record in &peer.records[before..] {
                    let (epoch, sequence) = (record.epoch.into(), record.sequence);
                    let number = RecordNumber { epoch, sequence };
                    prop_assert!(flight.acknowledge(number));
                }
                prop_assert!(flight.is_acknowledged_so_far());
                prop_assert_eq!(flight.is_acknowledged(), !flight.has_rest());
            }
            if !flight.has_rest() {
                break;
            }
        }
        prop_assert_eq!(unpacked(&peer.records), bodies(&steps));

        flight.rewind();
        prop_assert_eq!(flight.has_rest(), !acknowledged);
        let before = peer.records.len();
        prop_assert_eq!(burst(&mut flight, &mut peer) == 0, acknowledged);
        let fragments = |record: &Record| record.fragments.clone();
        let again = peer.records[before..].iter().map(fragments);
        let first = peer.records.iter().map(fragments);
        prop_assert!(again.zip(first).all(|(again, first)| again == first));
    }
}

/// Nobody acknowledges a hello, so all of it goes at once; nor does anybody in DTLS 1.2.
#[test]
fn e14_what_nobody_acknowledges_goes_as_one() {
    for (steps, version) in [
        (&[M(5_000)][..], ProtocolVersion::DTLS1_3),
        (&[NextEpoch, M(5_000)], ProtocolVersion::DTLS1_2),
    ] {
        let mut flight = Flight::new(messages(steps));
        let packed = flight.pack(128, version, &mut sealers(), &mut |_| {});
        assert!(packed.unwrap().records > 4 * BURST);
        assert!(!flight.has_rest());
    }
}

#[test]
fn an_outline_tells_each_message_apart() {
    let flight = Flight::new(messages(&[M(3), ChangeCipherSpec, NextEpoch, M(0)]));
    let message = |epoch, typ, message_seq, length| Message {
        typ,
        message_seq,
        epoch,
        length,
    };
    let certificate = Some(HandshakeType::CERTIFICATE);
    let outline = [
        message(0, certificate, 1, 3),
        message(0, None, 0, 1),
        message(1, certificate, 2, 0),
    ];
    assert_eq!(flight.outline(), outline);
    assert!(!flight.is_empty());
    assert!(Flight::default().is_empty());
}

#[test]
fn fragments_share_records_under_keys_only() {
    let record = |steps: &[Step]| -> Vec<usize> {
        let (_, records) = pack(steps, 1400);
        records
            .iter()
            .map(|record| record.fragments.len())
            .collect()
    };
    assert_eq!(record(&[M(1), M(0), M(7)]), [1, 1, 1]);
    assert_eq!(record(&[NextEpoch, M(1), M(0), M(7)]), [3]);
    // The client's flight 5: all in one datagram, and the last two under other keys or none.
    let flight5 = [M(5), M(6), ChangeCipherSpec, NextEpoch, M(12)];
    assert_eq!(record(&flight5), [1, 1, 0, 1]);
    assert_eq!(pack(&flight5, 1400).0.len(), 1);
}

#[test]
fn what_fits_to_the_byte_needs_no_other_record_or_datagram() {
    let (plain, header) = (RECORD_HEADER + HANDSHAKE_HEADER, HANDSHAKE_HEADER);
    let keyed = sealers()[1].overhead() + HANDSHAKE_HEADER;
    for (steps, length, records) in [
        (&[M(9), M(1)][..], plain + 9 + plain + 1, 2),
        (&[M(9), M(0)], plain + 9 + plain, 2),
        (&[M(9), ChangeCipherSpec], plain + 9 + RECORD_HEADER + 1, 2),
        (&[NextEpoch, M(9), M(1)], keyed + 9 + header + 1, 1),
        (&[NextEpoch, M(9), M(0)], keyed + 9 + header, 1),
    ] {
        let (lengths, sent) = pack(steps, length);
        assert_eq!((lengths, sent.len()), (vec![length], records), "{steps:?}");
        assert_eq!(pack(steps, length - 1).0.len(), 2, "{steps:?}");
    }
}

#[test]
fn a_record_ends_where_its_plaintext_is_full() {
    for steps in [&[M(40_000)][..], &[NextEpoch, M(40_000)]] {
        let (lengths, records) = pack(steps, 65_507);
        assert_eq!(lengths.len(), 1);
        let full = records
            .iter()
            .filter(|r| r.plaintext.len() == MAX_PLAINTEXT);
        assert_eq!((full.count(), records.len()), (2, 3));
    }
}
