//! Datagrams into records, and records into plaintext.

use super::input::Input;
use crate::crypto::{AeadAlgorithm, SUITES13, Secret, WriteKeys, null_cipher};
use crate::record::{Opener, Record, Records, Replay, Sealer, TrafficSecret};
use crate::stats::DropReason;
use crate::wire::{
    ContentType, MAX_PLAINTEXT, ProtocolVersion, RECORD_HEADER, RecordHeader, ShortSequence,
    UnifiedHeader,
};

/// What the records of an epoch are protected by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    Null12(AeadAlgorithm),
    /// With the suite at this place.
    Null13(usize),
    /// The same with keys: only what the seeds have sealed opens.
    True13(usize),
    True12(AeadAlgorithm),
}

impl Protection {
    const ALL: [Protection; 12] = [
        Protection::Null12(AeadAlgorithm::Aes128Gcm),
        Protection::Null12(AeadAlgorithm::Aes256Gcm),
        Protection::Null12(AeadAlgorithm::ChaCha20Poly1305),
        Protection::Null13(0),
        Protection::Null13(1),
        Protection::Null13(2),
        Protection::True13(0),
        Protection::True13(1),
        Protection::True13(2),
        Protection::True12(AeadAlgorithm::Aes128Gcm),
        Protection::True12(AeadAlgorithm::Aes256Gcm),
        Protection::True12(AeadAlgorithm::ChaCha20Poly1305),
    ];

    /// Nothing opens but what was sealed.
    fn is_true(self) -> bool {
        matches!(self, Protection::True13(_) | Protection::True12(_))
    }

    /// The first epoch with keys.
    fn epoch(self) -> u16 {
        match self {
            Protection::Null12(_) | Protection::True12(_) => 1,
            Protection::Null13(_) | Protection::True13(_) => 2,
        }
    }

    fn version(self) -> ProtocolVersion {
        match self {
            Protection::Null12(_) | Protection::True12(_) => ProtocolVersion::DTLS1_2,
            Protection::Null13(_) | Protection::True13(_) => ProtocolVersion::DTLS1_3,
        }
    }

    /// Both ends of an epoch.
    pub(super) fn ends(self) -> (Sealer, Opener) {
        let epoch = self.epoch();
        null_cipher::set(!self.is_true());
        let ends = match self {
            Protection::Null12(aead) | Protection::True12(aead) => {
                let write_keys = WriteKeys {
                    key: Secret::new(vec![7; aead.key_len()]),
                    iv: Secret::new(vec![9; aead.fixed_iv_len()]),
                };
                let sealer = Sealer::dtls12(epoch, aead, &write_keys);
                (sealer, Opener::dtls12(epoch, aead, &write_keys))
            }
            Protection::Null13(place) | Protection::True13(place) => {
                let suite = &SUITES13[place];
                let secret = Secret::new(vec![7; suite.hash.len()]);
                let secret = TrafficSecret::new(suite, secret);
                (secret.sealer(epoch), secret.opener(epoch))
            }
        };
        null_cipher::set(false);
        (ends.0.unwrap(), ends.1.unwrap())
    }
}

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let protection = Protection::ALL[usize::from(input.u8()) % Protection::ALL.len()];
    let replay = match input.u8() % 2 {
        0 => Replay::Window,
        _ => Replay::AcceptDuplicates,
    };
    let datagram = input.rest();
    let (mut sealer, mut opener) = protection.ends();
    let mut plain = Opener::plaintext();
    let mut copy = datagram.to_vec();
    let mut taken = 0;
    for record in Records::new(&mut copy) {
        let Ok(record) = record else { break };
        let (header, cost) = match &record {
            Record::Full(_, fragment) => (RECORD_HEADER, fragment.len()),
            Record::Unified(header, fragment) => (header.encode().as_bytes().len(), fragment.len()),
        };
        taken += header + cost;
        assert!(taken <= datagram.len(), "more than there is");
        let in_the_clear = matches!(&record, Record::Full(header, _) if header.epoch == 0);
        let is_13 = matches!(record, Record::Unified(..));
        let (record, mut twin) = twins(record);
        let reader = match in_the_clear {
            true => &mut plain,
            false => &mut opener,
        };
        let Ok(opened) = reader.open(record, replay) else {
            continue;
        };
        let (typ, plaintext) = (opened.content_type, opened.plaintext.to_vec());
        assert!(plaintext.len() <= cost, "longer than its record");
        if !in_the_clear {
            let version = protection.version();
            assert_eq!(is_13, version == ProtocolVersion::DTLS1_3, "another's form");
            let data = typ == ContentType::APPLICATION_DATA;
            let again = reader.open(twin.record(), replay).is_ok();
            let allowed = data && replay == Replay::AcceptDuplicates;
            assert_eq!(again, allowed, "a record that was seen");
        }
        round_trip(&mut sealer, protection, typ, &plaintext);
    }
}

/// A record that can be opened once more.
struct Twin {
    header: Header,
    fragment: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Header {
    Full(RecordHeader),
    Unified(UnifiedHeader),
}

fn twins(record: Record<'_>) -> (Record<'_>, Twin) {
    let (header, fragment) = match &record {
        Record::Full(header, fragment) => (Header::Full(*header), fragment.to_vec()),
        Record::Unified(header, fragment) => (Header::Unified(*header), fragment.to_vec()),
    };
    (record, Twin { header, fragment })
}

impl Twin {
    fn record(&mut self) -> Record<'_> {
        match self.header {
            Header::Full(header) => Record::Full(header, &mut self.fragment),
            Header::Unified(header) => Record::Unified(header, &mut self.fragment),
        }
    }
}

/// What is sealed opens, once, and is what it was; and with keys nothing else does.
fn round_trip(sealer: &mut Sealer, protection: Protection, typ: ContentType, plaintext: &[u8]) {
    let mut record = Vec::new();
    let sealed = sealer.seal(typ, protection.version(), plaintext, &mut record);
    if plaintext.len() > MAX_PLAINTEXT {
        assert!(sealed.is_err());
        return;
    }
    let sequence = sealed.unwrap();
    let (_, mut opener) = protection.ends();
    let mut open = |record: &[u8]| {
        let mut record = record.to_vec();
        let record = Records::new(&mut record).next().unwrap().unwrap();
        let opened = opener.open(record, Replay::Window)?;
        Ok((
            opened.sequence,
            opened.content_type,
            opened.plaintext.to_vec(),
        ))
    };
    if protection.is_true() {
        let mut changed = record.clone();
        // The last byte of the number: what authenticates it is the nonce, and in DTLS 1.2 also the header.
        let number = match protection.version() {
            ProtocolVersion::DTLS1_2 => 10,
            _ => 2,
        };
        changed[number] ^= 1;
        assert_eq!(open(&changed), Err(DropReason::BadMac));
        changed = record.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(open(&changed), Err(DropReason::BadMac));
    }
    // RFC 8446 §5.4: there is no type zero, and behind it zeros are padding.
    if typ.0 != 0 || protection.version() == ProtocolVersion::DTLS1_2 {
        assert_eq!(open(&record), Ok((sequence, typ, plaintext.to_vec())));
    } else {
        assert!(open(&record).is_ok());
    }
    assert_eq!(open(&record), Err(DropReason::Replay));
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (number, protection) in (0..).zip(Protection::ALL) {
        let (mut sealer, _) = protection.ends();
        let mut plain = Sealer::plaintext(0);
        let version = protection.version();
        let mut seed = vec![number, 0];
        for typ in [22, 20, 21, 23, 26] {
            let typ = ContentType(typ);
            plain.seal(typ, version, b"plaintext", &mut seed).unwrap();
            sealer.seal(typ, version, b"secret", &mut seed).unwrap();
        }
        if matches!(protection, Protection::Null13(_)) {
            // Without a length, with a short number, and padded.
            let header = UnifiedHeader {
                epoch: 2,
                sequence: ShortSequence::Bits8(9),
                length: None,
            };
            seed.extend(header.encode().as_bytes());
            seed.extend([&b"secret"[..], &[23], &[0; 5], &[0; 16]].concat());
        }
        seeds.push(seed);
    }
    seeds
}
