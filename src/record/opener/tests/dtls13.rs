//! What the unified header of DTLS 1.3 brings with it: hidden numbers, and no length (RFC 9147 §4).

use super::*;
use crate::wire::ShortSequence;

const DATA: ContentType = ContentType::APPLICATION_DATA;

/// The record of this number, as a peer may make it that writes no length.
fn without_length(opener: &Opener, sequence: ShortSequence, plaintext: &[u8]) -> Vec<u8> {
    let Protection::Dtls13(keys) = &opener.protection else {
        panic!("another protection");
    };
    let header = UnifiedHeader {
        epoch: 3,
        sequence,
        length: None,
    };
    let mut nonce = *keys.iv;
    nonce[11] ^= match sequence {
        ShortSequence::Bits8(number) => number,
        ShortSequence::Bits16(number) => number.to_be_bytes()[1],
    };
    let mut ciphertext = [plaintext, &[DATA.0]].concat();
    let aad = header.encode();
    let tag = keys.key.seal(nonce, aad.as_bytes(), &mut ciphertext);
    ciphertext.extend(tag.unwrap());
    let sequence = sequence.masked(keys.numbers.mask(&ciphertext).unwrap());
    let masked = UnifiedHeader { sequence, ..header };
    [masked.encode().as_bytes(), &ciphertext].concat()
}

/// What becomes of each record of a datagram.
fn open_all(opener: &mut Opener, datagram: &[u8]) -> Vec<Result<Vec<u8>, DropReason>> {
    let mut datagram = datagram.to_vec();
    let records = Records::new(&mut datagram);
    records
        .map(|record| {
            let opened = opener.open(record?, Replay::Window)?;
            Ok(opened.plaintext.to_vec())
        })
        .collect()
}

/// It is the last one of its datagram, and what stands behind it is taken for a part of it.
#[test]
fn b16_a_record_without_a_length_reaches_to_the_end_of_its_datagram() {
    let good = |data: &[u8]| Ok(data.to_vec());
    for suite in 0..SUITES13.len() {
        for (sequence, header) in [(ShortSequence::Bits8(1), 2), (ShortSequence::Bits16(1), 3)] {
            let (mut sealer, mut opener) = pair13(suite);
            let first = seal(&mut sealer, DATA, b"first");
            let last = without_length(&opener, sequence, b"last");
            for junk in [&b"?"[..], &[0; 40], &first] {
                let all = open_all(&mut opener, &[&last[..], junk].concat());
                assert_eq!(all, [Err(BadMac)]);
            }
            for length in 1..last.len() {
                let cut = open_all(&mut opener, &last[..length]);
                let reason = match length < header {
                    true => DropReason::MalformedRecord,
                    false => BadMac,
                };
                assert_eq!(cut, [Err(reason)], "{length} bytes");
            }
            // None of that had any effect.
            let all = open_all(&mut opener, &[&first[..], &last].concat());
            assert_eq!(all, [good(b"first"), good(b"last")]);
            assert_eq!(open_all(&mut opener, &last), [Err(Duplicate)]);
        }
    }
}

/// The number's bits on the wire begin anew with 65,536, whatever is lost around it.
#[test]
fn p52_numbers_go_on_behind_65_535() {
    let (mut sealer, mut opener) = pair13(0);
    for number in 0..=70_000_u32 {
        let record = seal(&mut sealer, DATA, &number.to_be_bytes());
        let is_lost = (65_000..66_000).contains(&number) && number % 7 < 5;
        if !is_lost {
            let expected = number.to_be_bytes().to_vec();
            assert_eq!(open(&mut opener, &record), Ok(expected), "{number}");
        }
    }
    // What comes late over the border still comes, and once.
    let (mut sealer, mut opener) = pair13(0);
    let records: Vec<_> = (0..65_600)
        .map(|_| seal(&mut sealer, DATA, b"data"))
        .collect();
    for ahead in [30_000, 60_000] {
        assert!(open(&mut opener, &records[ahead]).is_ok());
    }
    for late in (65_400..65_600).rev() {
        assert!(open(&mut opener, &records[late]).is_ok(), "{late}");
        assert_eq!(open(&mut opener, &records[late]), Err(Duplicate));
    }
    assert_eq!(open(&mut opener, &records[60_000]), Err(TooOld));
}

/// RFC 9147 §4.2.3 and §4.5.1: first the number is uncovered, then the record is opened, and only then is
/// the number looked for among those that came, so that the time tells nothing of it; only what opens
/// counts as seen.
#[test]
fn j05_the_mask_comes_before_the_key_and_the_key_before_the_window() {
    for suite in 0..SUITES13.len() {
        let (mut sealer, mut opener) = pair13(suite);
        let [old, seen, new] = [0; 3].map(|_| seal(&mut sealer, DATA, &[7; 40]));
        assert!(open(&mut opener, &seen).is_ok());
        let forged = |record: &[u8]| {
            let mut record = record.to_vec();
            *record.last_mut().unwrap() ^= 1;
            record
        };
        // The mask comes from the ciphertext's first bytes, which both have: the number is a known one.
        assert_eq!(open(&mut opener, &forged(&seen)), Err(BadMac));
        assert_eq!(opener.forgeries, 1);
        assert_eq!(open(&mut opener, &forged(&new)), Err(BadMac));
        assert_eq!(opener.forgeries, 2);
        // Under another mask the same bits are another number.
        let mut masked_otherwise = seen.clone();
        masked_otherwise[UnifiedHeader::SENT] ^= 1;
        assert_eq!(open(&mut opener, &masked_otherwise), Err(BadMac));
        for record in [new, old] {
            assert!(open(&mut opener, &record).is_ok());
            assert_eq!(open(&mut opener, &record), Err(Duplicate));
        }
    }
}

/// RFC 8446 §5.4: here the type counts.
#[test]
fn b17_an_inner_plaintext_that_is_too_long_is_opened_to_be_blamed() {
    for (length, too_long) in [(MAX_PLAINTEXT, false), (MAX_PLAINTEXT + 1, true)] {
        let (_, mut opener) = pair13(0);
        let mut record = without_length(&opener, ShortSequence::Bits8(0), &vec![7; length]);
        let record = Records::new(&mut record).next().unwrap().unwrap();
        let opened = opener.open(record, Replay::Window).unwrap();
        assert_eq!(
            (opened.too_long, opened.plaintext.len()),
            (too_long, length)
        );
    }
    // Of zeros only there is no type, which is one that nobody knows.
    let (mut sealer, mut opener) = pair13(0);
    for length in [0, 1, 40] {
        let mut record = seal(&mut sealer, ContentType(0), &vec![0; length]);
        let record = Records::new(&mut record).next().unwrap().unwrap();
        let opened = opener.open(record, Replay::Window).unwrap();
        assert_eq!(opened.content_type, ContentType(0));
        assert!(opened.plaintext.is_empty());
    }
}
