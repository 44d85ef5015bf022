use super::*;
use crate::crypto::{SUITES13, Secret};
use crate::record::{Records, Sealer, TrafficSecret};
use crate::wire::{MAX_SEQUENCE, ProtocolVersion, RECORD_HEADER};
use DropReason::{BadMac, FutureEpoch, OldEpoch, RecordOverflow, Replay as Duplicate, TooOld};

mod dtls13;

const ALGORITHMS: [AeadAlgorithm; 3] = [
    AeadAlgorithm::Aes128Gcm,
    AeadAlgorithm::Aes256Gcm,
    AeadAlgorithm::ChaCha20Poly1305,
];

fn pair(aead: AeadAlgorithm) -> (Sealer, Opener) {
    let write_keys = WriteKeys {
        key: Secret::new((0..).take(aead.key_len()).collect()),
        iv: Secret::new((100..).take(aead.fixed_iv_len()).collect()),
    };
    let sealer = Sealer::dtls12(1, aead, &write_keys).unwrap();
    (sealer, Opener::dtls12(1, aead, &write_keys).unwrap())
}

/// Of DTLS 1.3, under the suite of this number.
fn pair13(suite: usize) -> (Sealer, Opener) {
    let suite = &SUITES13[suite];
    let secret = Secret::new(vec![5; suite.hash.len()]);
    let secret = TrafficSecret::new(suite, secret);
    (secret.sealer(3).unwrap(), secret.opener(3).unwrap())
}

/// Of each version, under each AEAD.
fn pairs() -> impl Iterator<Item = (Sealer, Opener)> {
    let of_13 = (0..SUITES13.len()).map(pair13);
    ALGORITHMS.into_iter().map(pair).chain(of_13)
}

fn seal(sealer: &mut Sealer, typ: ContentType, plaintext: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    sealer
        .seal(typ, ProtocolVersion::DTLS1_2, plaintext, &mut record)
        .unwrap();
    record
}

fn open_with(opener: &mut Opener, record: &[u8], replay: Replay) -> Result<Vec<u8>, DropReason> {
    let mut record = record.to_vec();
    let record = Records::new(&mut record).next().unwrap()?;
    let opened = opener.open(record, replay)?;
    assert!(!opened.too_long);
    Ok(opened.plaintext.to_vec())
}

fn open(opener: &mut Opener, record: &[u8]) -> Result<Vec<u8>, DropReason> {
    open_with(opener, record, Replay::Window)
}

fn is_13(record: &[u8]) -> bool {
    UnifiedHeader::is_one(record[0])
}

/// Bytes of a record's header, the last two of which are its length.
fn header(record: &[u8]) -> usize {
    match is_13(record) {
        true => UnifiedHeader::SENT,
        false => RECORD_HEADER,
    }
}

/// Gives a record a fragment of another length, and a header that says so.
fn resized(record: &[u8], length: usize) -> Vec<u8> {
    let header = header(record);
    let mut record = record.to_vec();
    record.resize(header + length, 0);
    record[header - 2..header].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
    record
}

/// Gives a record a number that is far ahead.
fn far_ahead(record: &[u8]) -> Vec<u8> {
    let mut record = record.to_vec();
    match is_13(&record) {
        // Its highest bit, which the mask leaves where it is.
        true => record[1] ^= 0x40,
        false => record[5..11].fill(0xff),
    }
    record
}

#[test]
fn what_is_sealed_opens() {
    for (mut sealer, mut opener) in pairs() {
        for length in [0, 1, 1200, MAX_PLAINTEXT] {
            let plaintext = vec![length as u8; length];
            let record = seal(&mut sealer, ContentType::APPLICATION_DATA, &plaintext);
            assert_eq!(record.len(), length + sealer.overhead());
            assert_eq!(open(&mut opener, &record), Ok(plaintext));
        }
    }
}

#[test]
fn j03_a_record_with_any_other_byte_does_not_open() {
    for (mut sealer, mut opener) in pairs() {
        let record = seal(&mut sealer, ContentType::HANDSHAKE, b"a message");
        let header = header(&record);
        // Not the length, without which there is no record.
        for i in (0..record.len()).filter(|i| !(header - 2..header).contains(i)) {
            let mut forged = record.clone();
            forged[i] ^= 1;
            let reason = match i {
                3 if !is_13(&record) => FutureEpoch,
                4 if !is_13(&record) => OldEpoch,
                _ => BadMac,
            };
            assert_eq!(open(&mut opener, &forged), Err(reason), "byte {i}");
        }
        for length in 0..record.len() - header {
            assert_eq!(open(&mut opener, &resized(&record, length)), Err(BadMac));
        }
        // None of them had any effect.
        assert_eq!(open(&mut opener, &record), Ok(b"a message".to_vec()));
    }
}

#[test]
fn an_opener_is_of_one_epoch() {
    let write_keys = WriteKeys {
        key: Secret::new(vec![1; 16]),
        iv: Secret::new(vec![2; 4]),
    };
    for epoch in [0, 1, 2, u16::MAX] {
        let mut opener = match epoch {
            0 => Opener::plaintext(),
            _ => Opener::dtls12(epoch, AeadAlgorithm::Aes128Gcm, &write_keys).unwrap(),
        };
        assert_eq!(opener.epoch(), epoch);
        let record = seal(&mut Sealer::plaintext(0), ContentType::HANDSHAKE, b"");
        for (of, reason) in [
            (epoch.checked_sub(1), OldEpoch),
            (epoch.checked_add(1), FutureEpoch),
        ] {
            let Some(of) = of else { continue };
            let mut other = record.clone();
            other[3..5].copy_from_slice(&of.to_be_bytes());
            assert_eq!(open(&mut opener, &other), Err(reason));
        }
    }
}

/// Without [`Opener::check_epoch`], the additional data is what a record of another epoch fails by.
#[test]
fn the_epoch_is_authenticated() {
    for aead in ALGORITHMS {
        let (mut sealer, mut opener) = pair(aead);
        let mut record = seal(&mut sealer, ContentType::HANDSHAKE, b"a message");
        record[4] = 2;
        opener.epoch = 2;
        assert_eq!(open(&mut opener, &record), Err(BadMac));
    }
}

#[test]
fn a_peer_may_choose_its_explicit_nonces_otherwise() {
    let aead = AeadAlgorithm::Aes128Gcm;
    let (_, mut opener) = pair(aead);
    let key: Vec<u8> = (0..16).collect();
    let aad = [0, 1, 0, 0, 0, 0, 0, 0, 23, 0xfe, 0xfd, 0, 2];
    let mut body = *b"hi";
    let nonce = [100, 101, 102, 103, 9, 9, 9, 9, 9, 9, 9, 9];
    let tag = aead
        .key(&key)
        .unwrap()
        .seal(nonce, &aad, &mut body)
        .unwrap();
    let header = [23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 26];
    let record = [&header[..], &[9; 8], &body, &tag].concat();
    assert_eq!(open(&mut opener, &record), Ok(b"hi".to_vec()));
}

#[test]
fn b07_p44_a_record_that_is_not_authentic_does_not_move_the_window() {
    for (mut sealer, mut opener) in pairs() {
        let record = seal(&mut sealer, ContentType::HANDSHAKE, b"a message");
        assert_eq!(open(&mut opener, &far_ahead(&record)), Err(BadMac));
        assert_eq!(open(&mut opener, &record), Ok(b"a message".to_vec()));
    }
}

#[test]
fn b05_forgeries_are_counted_up_to_a_limit_and_replays_are_none() {
    for (mut sealer, opener) in pairs() {
        let mut opener = opener.nearly_worn_out();
        let record = seal(&mut sealer, ContentType::HANDSHAKE, b"a message");
        assert!(open(&mut opener, &record).is_ok());
        let mut forged = record.clone();
        *forged.last_mut().unwrap() ^= 1;
        assert_eq!(open(&mut opener, &record), Err(Duplicate));
        assert_eq!(opener.integrity_limit(), None);
        // RFC 9147 §4.5.1: there the window is asked last, so that even a known number's forgery is one.
        let verdict = if is_13(&record) { BadMac } else { Duplicate };
        assert_eq!(open(&mut opener, &forged), Err(verdict));
        assert_eq!(opener.integrity_limit().is_some(), is_13(&record));
        assert_eq!(open(&mut opener, &far_ahead(&record)), Err(BadMac));
        assert_eq!(opener.integrity_limit(), Some(1 << 36));
    }
}

#[test]
fn b08_b09_p45_duplicates_and_old_records_are_dropped() {
    for (mut sealer, mut opener) in pairs() {
        let records: Vec<_> = (0..300)
            .map(|_| seal(&mut sealer, ContentType::APPLICATION_DATA, b"data"))
            .collect();
        assert!(open(&mut opener, &records[299]).is_ok());
        assert_eq!(open(&mut opener, &records[299]), Err(Duplicate));
        assert_eq!(open(&mut opener, &records[0]), Err(TooOld));
        assert!(open(&mut opener, &records[298]).is_ok());
        assert_eq!(open(&mut opener, &records[298]), Err(Duplicate));
    }
}

/// RFC 6347 §4.1.2.6: each epoch counts from zero, so each has a window of its own.
#[test]
fn p46_every_epoch_has_a_window_of_its_own() {
    for ((mut sealer, mut first), (mut again, mut second)) in pairs().zip(pairs()) {
        for _ in 0..300 {
            let record = seal(&mut sealer, ContentType::APPLICATION_DATA, b"one");
            assert!(open(&mut first, &record).is_ok());
        }
        let number_0 = seal(&mut again, ContentType::APPLICATION_DATA, b"two");
        assert_eq!(open(&mut second, &number_0), Ok(b"two".to_vec()));
        assert_eq!(open(&mut first, &number_0), Err(TooOld));
    }
}

#[test]
fn accepted_duplicates_are_authentic_application_data() {
    for (mut sealer, mut opener) in pairs() {
        let old = seal(&mut sealer, ContentType::APPLICATION_DATA, b"old");
        let alert = seal(&mut sealer, ContentType::ALERT, b"\x01\x00");
        for _ in 0..300 {
            let record = seal(&mut sealer, ContentType::APPLICATION_DATA, b"data");
            for is_new in [true, false] {
                let mut record = record.clone();
                let record = Records::new(&mut record).next().unwrap().unwrap();
                let opened = opener.open(record, Replay::AcceptDuplicates).unwrap();
                assert_eq!(opened.is_new, is_new);
            }
        }
        assert!(open_with(&mut opener, &old, Replay::AcceptDuplicates).is_ok());
        let late = open_with(&mut opener, &alert, Replay::AcceptDuplicates);
        assert_eq!(late, Err(TooOld));

        for typ in [20, 21, 22].map(ContentType) {
            let record = seal(&mut sealer, typ, b"once");
            assert!(open_with(&mut opener, &record, Replay::AcceptDuplicates).is_ok());
            let again = open_with(&mut opener, &record, Replay::AcceptDuplicates);
            assert_eq!(again, Err(Duplicate));
        }
        let mut forged = old;
        *forged.last_mut().unwrap() ^= 1;
        let forged = open_with(&mut opener, &forged, Replay::AcceptDuplicates);
        assert_eq!(forged, Err(BadMac));
    }
}

#[test]
fn a_record_that_is_too_long_is_dropped_before_it_is_opened() {
    let (mut sealer, mut opener) = pair(AeadAlgorithm::Aes128Gcm);
    let record = seal(&mut sealer, ContentType::HANDSHAKE, b"");
    let longest = resized(&record, MAX_CIPHERTEXT);
    assert_eq!(open(&mut opener, &longest), Err(BadMac));
    let longer = resized(&record, MAX_CIPHERTEXT + 1);
    assert_eq!(open(&mut opener, &longer), Err(RecordOverflow));
}

#[test]
fn b17_a_record_that_is_authentic_and_too_long_is_opened_to_be_blamed() {
    let write_keys = WriteKeys {
        key: Secret::new(vec![1; 16]),
        iv: Secret::new(vec![2; 4]),
    };
    let aead = AeadAlgorithm::Aes128Gcm;
    let Protection::Dtls12(keys) = Protection::dtls12(aead, &write_keys).unwrap() else {
        panic!("another protection");
    };
    let header = RecordHeader {
        content_type: ContentType::APPLICATION_DATA,
        version: ProtocolVersion::DTLS1_2,
        epoch: 1,
        sequence: 0,
        length: 0,
    };
    let long = vec![0; MAX_PLAINTEXT + 1];
    let mut fragment = Vec::new();
    keys.seal(&header, &long, &mut fragment).unwrap();
    let mut opener = Opener::dtls12(1, aead, &write_keys).unwrap();
    let opened = opener.open(Record::Full(header, &mut fragment), Replay::Window);
    let opened = opened.unwrap();
    assert!(opened.too_long);
    assert_eq!(opened.plaintext, long);
}

#[test]
fn b07_a_forged_number_in_epoch_0_shuts_nothing_out() {
    let mut opener = Opener::plaintext();
    let mut far = Sealer::plaintext(MAX_SEQUENCE - 1);
    let forged = seal(&mut far, ContentType::HANDSHAKE, b"forged");
    assert_eq!(open(&mut opener, &forged), Ok(b"forged".to_vec()));
    let mut sealer = Sealer::plaintext(7);
    let record = seal(&mut sealer, ContentType::HANDSHAKE, b"");
    assert_eq!(open(&mut opener, &record), Ok(vec![]));
    let long = resized(&record, MAX_PLAINTEXT + 1);
    assert_eq!(open(&mut opener, &long), Err(RecordOverflow));
}
