//! What the peer has acknowledged is not sent again.

use super::*;

/// A record that was sent, and what was in it: the message, and its bytes.
type Sent = (RecordNumber, Vec<(u16, Range<usize>)>);

/// Sends what is missing of a flight in DTLS 1.3; the records.
fn send13(flight: &mut Flight, sealers: &mut [Sealer]) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut openers = openers();
    let mut emit = |bytes: &[u8]| {
        for record in Records::new(&mut bytes.to_vec()) {
            let (header, fragment) = record.unwrap().full();
            let record = crate::record::Record::Full(header, fragment);
            let opener = &mut openers[usize::from(header.epoch)];
            let plaintext = opener.open(record, Replay::Window).unwrap().plaintext;
            let (mut reader, mut parts) = (Reader::new(plaintext), Vec::new());
            while let Ok((header, fragment)) = HandshakeHeader::read_fragment(&mut reader) {
                let start = header.fragment_offset as usize;
                parts.push((header.message_seq, start..start + fragment.len()));
            }
            let number = RecordNumber {
                epoch: header.epoch.into(),
                sequence: header.sequence,
            };
            sent.push((number, parts));
        }
    };
    // All its bursts.
    flight.rewind();
    loop {
        flight
            .pack(200, ProtocolVersion::DTLS1_3, sealers, &mut emit)
            .unwrap();
        if !flight.has_rest() {
            break sent;
        }
    }
}

/// RFC 9147 §7.2: what any ACK has named is not sent again, and the rest is; §4.2.1: under its own epoch,
/// in records with new numbers.
#[test]
fn what_is_acknowledged_is_not_sent_again() {
    let steps = [M(300), NextEpoch, M(0), M(500), NextEpoch, M(90)];
    for acknowledged in 0..1_u32 << 9 {
        let (mut flight, mut sealers) = (Flight::new(messages(&steps)), sealers());
        let first = send13(&mut flight, &mut sealers);
        assert_eq!(first.len(), 9, "the bits");
        let of = |parts: &[Sent]| {
            let bytes = parts.iter().flat_map(|(number, parts)| {
                let of_part = |(seq, range): &(u16, Range<usize>)| {
                    let bytes = range.clone().map(Some).chain([None]);
                    bytes.map(|at| (number.epoch, *seq, at)).collect::<Vec<_>>()
                };
                parts.iter().flat_map(of_part).collect::<Vec<_>>()
            });
            bytes
                .filter(|(_, _, at)| at.is_some())
                .collect::<std::collections::BTreeSet<_>>()
        };
        let (mut acked, mut missing) = (Vec::new(), Vec::new());
        for (bit, record) in first.iter().enumerate() {
            let is_acknowledged = acknowledged >> bit & 1 == 1;
            if is_acknowledged {
                &mut acked
            } else {
                &mut missing
            }
            .push(record.clone());
        }
        // In ACKs of their own, one that knows nothing of the others.
        acked
            .iter()
            .for_each(|(number, _)| assert!(flight.acknowledge(*number)));
        assert_eq!(flight.is_acknowledged(), missing.is_empty());
        let again = send13(&mut flight, &mut sealers);
        assert_eq!(of(&again), of(&missing), "{acknowledged:#b}");
        let numbers = |sent: &[Sent]| sent.iter().map(|(number, _)| *number).collect::<Vec<_>>();
        let first = numbers(&first);
        assert!(numbers(&again).iter().all(|number| !first.contains(number)));
        again
            .iter()
            .for_each(|(number, _)| assert!(flight.acknowledge(*number)));
        assert!(flight.is_acknowledged());
    }
}

/// A record of older ones is as one that was never sent, however many fragments there are in each.
#[test]
fn e08_the_last_256_fragments_are_remembered() {
    for (steps, each) in [(&[NextEpoch, M(90)][..], 1), (&[NextEpoch, M(9), M(9)], 2)] {
        let most = REMEMBERED / each;
        for (sends, remembered) in [(most, true), (most + 1, false)] {
            let (mut flight, mut sealers) = (Flight::new(messages(steps)), sealers());
            let mut numbers = (0..sends).map(|_| {
                let sent = send13(&mut flight, &mut sealers);
                assert_eq!((sent.len(), sent[0].1.len()), (1, each));
                sent[0].0
            });
            let first = numbers.next().unwrap();
            numbers.for_each(drop);
            assert_eq!(flight.acknowledge(first), remembered, "{each}, {sends}");
            assert_eq!(flight.is_acknowledged(), remembered, "{each}, {sends}");
            assert_eq!(flight.sent.len(), REMEMBERED);
            assert_eq!(flight.sent.capacity(), REMEMBERED, "it never grows beyond");
        }
    }
}

/// As long as all messages of a handshake may be together, in the smallest datagrams.
#[test]
fn e08_all_of_the_longest_flight_is_remembered() {
    let certificate = 17 << 10;
    let steps = [
        M(200),
        NextEpoch,
        M(100),
        M(400),
        M(certificate),
        M(3 << 10),
        M(48),
    ];
    let (mut flight, mut sealers) = (Flight::new(messages(&steps)), sealers());
    for (number, _) in send13(&mut flight, &mut sealers) {
        assert!(flight.acknowledge(number), "{number:?}");
    }
    assert!(flight.is_acknowledged());
}

/// Where the rest of a flight was acknowledged that was sent before, no burst is left.
#[test]
fn what_was_acknowledged_behind_a_burst_is_in_none() {
    let (mut flight, mut sealers) = (Flight::new(messages(&[NextEpoch, M(2000)])), sealers());
    let all = send13(&mut flight, &mut sealers);
    let mut pack = |flight: &mut Flight| {
        let mut sent = 0;
        flight
            .pack(200, ProtocolVersion::DTLS1_3, &mut sealers, &mut |_| {
                sent += 1
            })
            .unwrap();
        sent
    };
    flight.rewind();
    assert_eq!(pack(&mut flight), BURST);
    for (number, _) in all.iter().skip(BURST) {
        assert!(flight.acknowledge(*number));
    }
    assert_eq!(pack(&mut flight), 0);
}
