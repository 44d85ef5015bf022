//! Datagrams into records, and records into plaintext.

use super::input::Input;
use crate::crypto::{AeadAlgorithm, Secret, null_cipher};
use crate::record::{Opener, Record, Records, Replay, Sealer};
use crate::stats::DropReason;
use crate::wire::{ContentType, MAX_PLAINTEXT, ProtocolVersion, RECORD_HEADER};

const ALGORITHMS: [AeadAlgorithm; 3] = [
    AeadAlgorithm::Aes128Gcm,
    AeadAlgorithm::Aes256Gcm,
    AeadAlgorithm::ChaCha20Poly1305,
];

/// Both ends of epoch 1 under the null cipher.
pub(super) fn epoch_one(aead: AeadAlgorithm) -> (Sealer, Opener) {
    null_cipher::set(true);
    let key = Secret::new(vec![7; aead.key_len()]);
    let iv = Secret::new(vec![9; aead.fixed_iv_len()]);
    let sealer = Sealer::dtls12(1, aead, &key, &iv).unwrap();
    let opener = Opener::dtls12(1, aead, &key, &iv).unwrap();
    null_cipher::set(false);
    (sealer, opener)
}

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let aead = ALGORITHMS[usize::from(input.u8() % 3)];
    let replay = match input.u8() % 2 {
        0 => Replay::Window,
        _ => Replay::AcceptDuplicates,
    };
    let datagram = input.rest();
    let (mut sealer, mut opener) = epoch_one(aead);
    let mut plain = Opener::plaintext();
    let mut copy = datagram.to_vec();
    let mut taken = 0;
    for record in Records::new(&mut copy) {
        let (header, fragment) = match record {
            Ok(Record::Full(header, fragment)) => (header, fragment),
            Ok(Record::Unified(header, fragment)) => {
                taken += header.encode().as_bytes().len() + fragment.len();
                let outcome = opener.open(Record::Unified(header, fragment), replay);
                assert!(outcome.is_err(), "a form of another version");
                continue;
            }
            Err(_) => break,
        };
        taken += RECORD_HEADER + fragment.len();
        assert!(taken <= datagram.len(), "more than there is");
        let cost = fragment.len();
        let twin = fragment.to_vec();
        let reader = match header.epoch {
            0 => &mut plain,
            _ => &mut opener,
        };
        let Ok(plaintext) = reader.open(Record::Full(header, fragment), replay) else {
            continue;
        };
        let plaintext = plaintext.plaintext.to_vec();
        assert!(plaintext.len() <= cost, "longer than its record");
        if header.epoch == 1 {
            let data = header.content_type == ContentType::APPLICATION_DATA;
            let again = reader
                .open(Record::Full(header, &mut twin.clone()), replay)
                .is_ok();
            let allowed = data && replay == Replay::AcceptDuplicates;
            assert_eq!(again, allowed, "a record that was seen");
        }
        round_trip(&mut sealer, aead, header.content_type, &plaintext);
    }
}

/// What is sealed opens, and is what it was.
fn round_trip(sealer: &mut Sealer, aead: AeadAlgorithm, typ: ContentType, plaintext: &[u8]) {
    let mut record = Vec::new();
    let sealed = sealer.seal(typ, ProtocolVersion::DTLS1_2, plaintext, &mut record);
    if plaintext.len() > MAX_PLAINTEXT {
        assert!(sealed.is_err());
        return;
    }
    sealed.unwrap();
    let (_, mut opener) = epoch_one(aead);
    let mut twin = record.clone();
    let record = Records::new(&mut record).next().unwrap().unwrap();
    let opened = opener.open(record, Replay::Window).unwrap();
    assert_eq!(opened.plaintext, plaintext);
    let twin = Records::new(&mut twin).next().unwrap().unwrap();
    let again = opener.open(twin, Replay::Window);
    assert_eq!(again.map(drop), Err(DropReason::Replay));
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (number, aead) in (0..).zip(ALGORITHMS) {
        let (mut sealer, _) = epoch_one(aead);
        let mut plain = Sealer::plaintext(0);
        let mut seed = vec![number, 0];
        for typ in [22, 20, 21, 23] {
            let typ = ContentType(typ);
            let version = ProtocolVersion::DTLS1_2;
            plain.seal(typ, version, b"plaintext", &mut seed).unwrap();
            sealer.seal(typ, version, b"secret", &mut seed).unwrap();
        }
        seeds.push(seed);
    }
    seeds
}
