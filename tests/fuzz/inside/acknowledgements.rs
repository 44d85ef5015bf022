//! A flight of DTLS 1.3 and whoever receives it, beside a model of both: who has which bytes.

use super::input::Input;
use super::opened::{contents, fragments};
use crate::crypto::{SUITES13, Secret, null_cipher};
use crate::flight::{Acknowledgements, Content, Flight, OutgoingMessage};
use crate::record::{Sealer, TrafficSecret};
use crate::wire::{Ack, HandshakeType, ProtocolVersion, RecordNumber};
use std::collections::VecDeque;
use std::time::Duration;

/// The epochs that a flight may be sent in. RFC 9147 §6.1.
const EPOCHS: [u16; 3] = [0, 2, 3];

/// How many fragments a flight remembers, and how many records an ACK lists.
const REMEMBERED: usize = 256;
const LISTED: usize = 32;

/// Bytes of a message; of an empty one its place is what counts.
type Bytes = Vec<bool>;

/// A record that was sent, and which bytes of which message were in it.
#[derive(Clone)]
struct Sent {
    number: RecordNumber,
    parts: Vec<(usize, std::ops::Range<usize>)>,
}

struct Model {
    bodies: Vec<Vec<u8>>,
    acknowledged: Vec<Bytes>,
    arrived: Vec<Bytes>,
    /// The latest.
    sent: VecDeque<Sent>,
}

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut sealers = sealers();
    let (mut flight, mut model) = flight(&mut input);
    let mut receiver = Acknowledgements::default();
    while !input.is_empty() {
        match input.u8() % 6 {
            0 => model.pack(&mut flight, 128 + usize::from(input.u8()) * 8, &mut sealers),
            // A record arrives, and the receiver notes it.
            step @ (1 | 2) => {
                let at = usize::from(input.u8());
                let Some(sent) = model.sent.get(at).cloned() else {
                    continue;
                };
                mark(&mut model.arrived, &sent.parts);
                match step {
                    1 => receiver.add(sent.number, Duration::ZERO),
                    _ => receiver.remember(sent.number),
                }
            }
            // It tells of what arrived.
            3 => {
                let ack = receiver.tell(input.u8().into());
                assert!(ack.record_numbers.len() <= LISTED, "a long ACK");
                assert!(receiver.since().is_none(), "told and not told");
                let ack = Ack::decode(&ack.encode()).unwrap();
                for number in ack.record_numbers {
                    model.acknowledge(&mut flight, number);
                }
            }
            // Somebody tells of what was never sent.
            4 => {
                let number = RecordNumber {
                    epoch: u64::from(input.u8()),
                    sequence: u64::from(input.u8()) << 32 | u64::from(input.u8()),
                };
                if !model.sent.iter().any(|sent| sent.number == number) {
                    flight.acknowledge(number);
                }
            }
            _ => receiver.clear(),
        }
        model.compare(&flight);
    }
    model.end(&mut flight, &mut sealers);
}

/// Of every epoch.
fn sealers() -> Vec<Sealer> {
    let suite = &SUITES13[0];
    let secret = TrafficSecret::new(suite, Secret::new(vec![7; suite.hash.len()]));
    null_cipher::set(true);
    let sealers = EPOCHS.map(|epoch| match epoch {
        0 => Sealer::plaintext(0),
        epoch => secret.sealer(epoch).unwrap(),
    });
    null_cipher::set(false);
    sealers.into()
}

/// One to four messages, in epochs that do not fall.
fn flight(input: &mut Input<'_>) -> (Flight, Model) {
    let mut epochs = [0; 4].map(|_| EPOCHS[usize::from(input.u8()) % EPOCHS.len()]);
    epochs.sort_unstable();
    let count = 1 + usize::from(input.u8() % 4);
    let lengths = (0..count).map(|_| usize::from(input.u16() % 2_500));
    let bodies: Vec<Vec<u8>> = lengths
        .enumerate()
        .map(|(message, length)| (0..length).map(|at| (at * 7 + message) as u8).collect())
        .collect();
    let messages = bodies.iter().zip(epochs).zip(0..);
    let messages = messages.map(|((body, epoch), message_seq)| OutgoingMessage {
        epoch,
        content: Content::Handshake {
            typ: HandshakeType::CERTIFICATE,
            message_seq,
            body: body.clone(),
        },
    });
    let none = || bodies.iter().map(|body| vec![false; body.len().max(1)]);
    let model = Model {
        acknowledged: none().collect(),
        arrived: none().collect(),
        sent: VecDeque::new(),
        bodies: bodies.clone(),
    };
    (Flight::new(messages.collect()), model)
}

fn mark(bytes: &mut [Bytes], parts: &[(usize, std::ops::Range<usize>)]) {
    for (message, range) in parts {
        bytes[*message][range.clone()].fill(true);
    }
}

impl Model {
    /// What is not acknowledged is sent, each byte once, and nothing else; in bursts where it is long.
    fn pack(&mut self, flight: &mut Flight, mtu: usize, sealers: &mut [Sealer]) {
        let mut datagrams = Vec::new();
        let version = ProtocolVersion::DTLS1_3;
        let mut emit = |datagram: &[u8]| datagrams.push(datagram.to_vec());
        let (mut told_datagrams, mut told_records) = (0, 0);
        flight.rewind();
        loop {
            let packed = flight.pack(mtu, version, sealers, &mut emit).unwrap();
            told_datagrams += packed.datagrams;
            told_records += packed.records;
            if !flight.has_rest() {
                break;
            }
        }
        assert_eq!(told_datagrams, datagrams.len());
        let mut now_or_before = self.acknowledged.clone();
        let mut records = 0;
        for datagram in &datagrams {
            assert!(datagram.len() <= mtu, "longer than may be");
            for content in contents(datagram) {
                records += 1;
                let mut parts = Vec::new();
                for (header, fragment) in fragments(&content) {
                    let message = usize::from(header.message_seq);
                    let body = &self.bodies[message];
                    let start = header.fragment_offset as usize;
                    let range = start..start + fragment.len();
                    assert_eq!(fragment, &body[range.clone()], "other bytes");
                    let range = if body.is_empty() { 0..1 } else { range };
                    let place = &mut now_or_before[message][range.clone()];
                    assert!(place.iter().all(|was| !was), "sent twice, or for nothing");
                    place.fill(true);
                    parts.push((message, range));
                }
                let number = RecordNumber {
                    epoch: content.epoch.into(),
                    sequence: content.sequence,
                };
                self.sent.push_back(Sent { number, parts });
            }
        }
        assert_eq!(told_records, records);
        let all = now_or_before.iter().flatten().all(|byte| *byte);
        assert!(all, "a byte is lost");
        self.forget();
    }

    /// Of a record whose fragments are not all remembered, the last ones are.
    fn forget(&mut self) {
        let fragments: usize = self.sent.iter().map(|sent| sent.parts.len()).sum();
        let mut forgotten = fragments.saturating_sub(REMEMBERED);
        while let Some(first) = self.sent.front_mut().filter(|_| forgotten > 0) {
            let gone = forgotten.min(first.parts.len());
            first.parts.drain(..gone);
            forgotten -= gone;
            if first.parts.is_empty() {
                self.sent.pop_front();
            }
        }
    }

    fn acknowledge(&mut self, flight: &mut Flight, number: RecordNumber) {
        flight.acknowledge(number);
        let sent = self.sent.iter().find(|sent| sent.number == number);
        if let Some(sent) = sent {
            mark(&mut self.acknowledged, &sent.parts);
        }
    }

    fn compare(&self, flight: &Flight) {
        let is_done = |bytes: &Bytes| bytes.iter().all(|byte| *byte);
        let done = self.acknowledged.iter().all(is_done);
        assert_eq!(flight.is_acknowledged(), done);
        let left = self.acknowledged.iter().filter(|bytes| !is_done(bytes));
        assert_eq!(flight.outline().len(), left.count());
    }

    /// The weather clears: what arrives is told of, until all is there.
    fn end(&mut self, flight: &mut Flight, sealers: &mut [Sealer]) {
        for _ in 0..2 {
            self.pack(flight, 1_400, sealers);
            for sent in self.sent.clone() {
                mark(&mut self.arrived, &sent.parts);
                self.acknowledge(flight, sent.number);
            }
            self.compare(flight);
        }
        assert!(flight.is_acknowledged(), "without an end");
        let arrived = self.arrived.iter().flatten().all(|byte| *byte);
        assert!(arrived, "acknowledged, and not there");
        let mut nothing = |_: &[u8]| panic!("sent for nothing");
        let packed = flight.pack(1_400, ProtocolVersion::DTLS1_3, sealers, &mut nothing);
        assert_eq!(packed.unwrap().records, 0);
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let flights: [&[u8]; 4] = [
        &[2, 2, 2, 2, 0, 0, 0],
        &[0, 1, 1, 1, 3, 0, 100, 0, 50, 4, 0, 0, 36],
        &[1, 1, 1, 1, 1, 9, 0, 0, 9],
        &[0, 1, 2, 2, 3, 1, 0, 0, 0, 3, 0, 0, 1],
    ];
    let steps: [&[u8]; 3] = [
        &[0, 255, 1, 0, 3, 32, 0, 255],
        &[
            0, 0, 1, 0, 2, 3, 1, 5, 3, 32, 0, 20, 1, 9, 5, 1, 8, 3, 2, 0, 1,
        ],
        &[
            4, 2, 0, 0, 0, 9, 4, 2, 0, 1, 4, 3, 0, 0, 4, 2, 1, 0, 0, 3, 1, 1, 1, 2, 3, 1,
        ],
    ];
    let pairs = flights
        .iter()
        .flat_map(|flight| steps.iter().map(move |steps| [*flight, steps].concat()));
    pairs.collect()
}
