use super::*;
use crate::crypto::{self, AeadAlgorithm, SUITES13, Secret, Suite13, WriteKeys};
use crate::record::{Opened, Opener, Record, Records, Replay, Sealer, TrafficSecret};
use crate::stats::DropReason;
use crate::wire::{MAX_PLAINTEXT, ProtocolVersion};
use DropReason::{BadMac, Replay as Duplicate, TooOld, UnexpectedType};

const EPOCH: u16 = 6;

fn secret(suite: &'static Suite13) -> TrafficSecret {
    TrafficSecret::new(suite, Secret::new(vec![7; suite.hash.len()]))
}

/// Each suite, and both ends of an epoch of its keys.
fn pairs() -> impl Iterator<Item = (Sealer, Opener)> {
    SUITES13.iter().map(secret).map(|secret| {
        let sealer = secret.sealer(EPOCH).unwrap();
        (sealer, secret.opener(EPOCH).unwrap())
    })
}

fn seal(sealer: &mut Sealer, plaintext: &[u8]) -> Vec<u8> {
    let (typ, version) = (ContentType::APPLICATION_DATA, ProtocolVersion::DTLS1_3);
    let mut record = Vec::new();
    sealer.seal(typ, version, plaintext, &mut record).unwrap();
    record
}

fn open_as<T>(
    opener: &mut Opener,
    record: &[u8],
    read: impl FnOnce(Opened<'_>) -> T,
) -> std::result::Result<T, DropReason> {
    let mut record = record.to_vec();
    let record = Records::new(&mut record).next().unwrap()?;
    opener.open(record, Replay::Window).map(read)
}

fn open(opener: &mut Opener, record: &[u8]) -> std::result::Result<Vec<u8>, DropReason> {
    open_as(opener, record, |opened| opened.plaintext.to_vec())
}

/// RFC 9147 §4.2.3: even the shortest ciphertext is long enough for the mask of its number.
#[test]
fn what_is_sealed_opens_under_the_same_keys_only() {
    for (suite, (mut sealer, mut opener)) in SUITES13.iter().zip(pairs()) {
        let mut next = secret(suite).next().unwrap().opener(EPOCH).unwrap();
        for length in [0, 1, 1200, MAX_PLAINTEXT] {
            let plaintext = vec![length as u8; length];
            let record = seal(&mut sealer, &plaintext);
            assert!(record.len() >= UnifiedHeader::SENT + 16);
            assert_eq!(record.len(), length + sealer.overhead());
            assert_eq!(open(&mut next, &record), Err(BadMac));
            assert_eq!(open(&mut opener, &record), Ok(plaintext));
        }
    }
}

/// RFC 9147 §4.2.3 and §4.5.2: what is too short for a mask is as what fails deprotection.
#[test]
fn a_short_ciphertext_is_as_one_that_is_not_authentic() {
    for (mut sealer, mut opener) in pairs() {
        let record = seal(&mut sealer, b"data");
        for length in 0..16 {
            let mut short = record[..UnifiedHeader::SENT + length].to_vec();
            short[3..5].copy_from_slice(&(length as u16).to_be_bytes());
            assert_eq!(open(&mut opener, &short), Err(BadMac), "{length}");
        }
        assert_eq!(open(&mut opener, &record), Ok(b"data".to_vec()));
    }
}

/// RFC 9147 §4.5.1: the window moves for what was opened, and every epoch has its own.
#[test]
fn replays_are_dropped_and_forgeries_do_not_move_the_window() {
    for ((mut sealer, mut opener), (_, mut other_epoch)) in pairs().zip(pairs()) {
        let records: Vec<_> = (0..300).map(|_| seal(&mut sealer, b"data")).collect();
        for at in 0..records[0].len() {
            let mut forged = records[0].clone();
            forged[at] ^= 1;
            // A bit of the header that is another, and so is the length of the record.
            let _ = open(&mut opener, &forged);
        }
        assert_eq!(open(&mut opener, &records[0]), Ok(b"data".to_vec()));
        assert_eq!(open(&mut opener, &records[0]), Err(Duplicate));
        assert!(open(&mut opener, &records[299]).is_ok());
        assert_eq!(open(&mut opener, &records[299]), Err(Duplicate));
        assert_eq!(open(&mut opener, &records[1]), Err(TooOld));
        assert!(open(&mut opener, &records[298]).is_ok());
        assert!(open(&mut other_epoch, &records[1]).is_ok());
    }
}

/// RFC 9147 §4.5.1: whether a number was seen is asked behind deprotection, lest time tell the number.
#[test]
fn a_forgery_with_a_number_that_was_seen_is_opened_all_the_same() {
    for (mut sealer, mut opener) in pairs() {
        let record = seal(&mut sealer, b"more than the bytes that the mask is made of");
        let mut forged = record.clone();
        *forged.last_mut().unwrap() ^= 1;
        assert!(open(&mut opener, &record).is_ok());
        assert_eq!(open(&mut opener, &forged), Err(BadMac));
        assert_eq!(open(&mut opener, &record), Err(Duplicate));
    }
}

/// RFC 9147 §4.2.2: sixteen bits say which of 2^48 numbers it is.
#[test]
fn numbers_go_on_behind_the_bits_that_are_sent() {
    let (mut sealer, mut opener) = pairs().next().unwrap();
    for number in 0..70_000_u32 {
        let record = seal(&mut sealer, &number.to_be_bytes());
        if number % 7_000 == 0 || number > 65_500 {
            let opened = open(&mut opener, &record);
            assert_eq!(opened, Ok(number.to_be_bytes().to_vec()), "{number}");
        }
    }
}

/// RFC 9147 §4: each version has a form of its own, and a record in the other's opens under no keys.
#[test]
fn the_form_of_the_other_version_is_not_opened() {
    let (mut sealer, mut opener) = pairs().next().unwrap();
    let aead = AeadAlgorithm::Aes128Gcm;
    let write_keys = WriteKeys {
        key: Secret::new(vec![1; 16]),
        iv: Secret::new(vec![2; 4]),
    };
    let mut old_sealer = Sealer::dtls12(EPOCH, aead, &write_keys).unwrap();
    let mut old_opener = Opener::dtls12(EPOCH, aead, &write_keys).unwrap();
    let old = seal(&mut old_sealer, b"old");
    assert_eq!(open(&mut opener, &old), Err(UnexpectedType));
    assert_eq!(open(&mut old_opener, &old), Ok(b"old".to_vec()));
    let new = seal(&mut sealer, b"new");
    assert_eq!(open(&mut old_opener, &new), Err(UnexpectedType));
    assert_eq!(open(&mut opener, &new), Ok(b"new".to_vec()));
}

/// The keys themselves, for records that no sealer makes.
fn unpadded(content_type: ContentType, bytes: &[u8]) -> Content<'_> {
    Content {
        content_type,
        bytes,
        padding: 0,
    }
}

fn keys() -> Dtls13 {
    let aead = SUITES13[0].aead;
    Dtls13 {
        key: aead.key(&[1; 16]).unwrap(),
        iv: Zeroizing::new([2; NONCE_LEN]),
        numbers: aead.record_number_key(&[3; 16]).unwrap(),
    }
}

/// RFC 8446 §5.4: the type is the last byte that is not zero, padding counts as content, and where all
/// bytes are zero there is no type.
#[test]
fn padding_is_taken_off_and_counts() {
    let whole = MAX_PLAINTEXT;
    let typ = ContentType::APPLICATION_DATA;
    for (number, (content, padding, too_long)) in (0..).zip([
        (&b"data"[..], 0, false),
        (b"data", 9, false),
        (b"", 9, false),
        (b"data", whole - 4, false),
        (b"data", whole - 3, true),
    ]) {
        let mut inner = [content, &[typ.0], &vec![0; padding]].concat();
        let last = inner.pop().unwrap();
        let mut record = Vec::new();
        let sent = unpadded(ContentType(last), &inner);
        keys().seal(EPOCH, number, &sent, &mut record).unwrap();
        let mut opener = Opener::dtls13(EPOCH, keys());
        let opened = open_as(&mut opener, &record, |opened| {
            (
                opened.content_type,
                opened.plaintext.to_vec(),
                opened.too_long,
            )
        });
        assert_eq!(opened, Ok((typ, content.to_vec(), too_long)), "{padding}");
    }
    let mut record = Vec::new();
    let zeros = unpadded(ContentType(0), &[0; 9]);
    keys().seal(EPOCH, 0, &zeros, &mut record).unwrap();
    let mut opener = Opener::dtls13(EPOCH, keys());
    let opened = open_as(&mut opener, &record, |opened| opened.content_type);
    assert_eq!(opened, Ok(ContentType(0)));
}

/// RFC 9147 §4: a record without a length takes the rest of its datagram, and a number may have eight
/// bits.
#[test]
fn the_shortest_header_is_read_too() {
    let header = UnifiedHeader {
        epoch: 2,
        sequence: ShortSequence::Bits8(5),
        length: None,
    };
    let keys = keys();
    let mut body = [&b"data"[..], &[ContentType::APPLICATION_DATA.0]].concat();
    let tag = keys.key.seal(
        crypto::nonce(&keys.iv, 5),
        header.encode().as_bytes(),
        &mut body,
    );
    body.extend(tag.unwrap());
    let masked = keys.unmask(&header, &body).unwrap();
    let datagram = [masked.encode().as_bytes(), &body[..]].concat();
    let mut opener = Opener::dtls13(EPOCH, keys);
    assert_eq!(open(&mut opener, &datagram), Ok(b"data".to_vec()));
    let mut longer = [&datagram[..], &[0]].concat();
    let records: Vec<_> = Records::new(&mut longer).collect();
    assert!(
        matches!(records[..], [Ok(Record::Unified(..))]),
        "one record"
    );
}
