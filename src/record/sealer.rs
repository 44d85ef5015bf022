//! One epoch of writing.

use super::padding::Padding;
use super::protection::Protection;
use super::protection13::{Content, Dtls13};
use crate::codec::Writer;
use crate::crypto::{AeadAlgorithm, WriteKeys};
use crate::error::{Error, Result};
use crate::wire::{ContentType, MAX_PLAINTEXT, MAX_SEQUENCE, ProtocolVersion, RecordHeader};

/// Protects records and numbers them.
pub(crate) struct Sealer {
    epoch: u16,
    next_sequence: u64,
    protection: Protection,
    padding: Padding,
    /// How many blocks may still be encrypted, where that is bounded.
    blocks_left: Option<u64>,
}

/// Half of the blocks that the keys of AES-GCM may encrypt, which is 2^33.5.
const WORN_BLOCKS: u64 = 12_148_001_999;

/// Bytes of a block of the ciphers that have a bound.
const BLOCK: u64 = 16;

impl Sealer {
    /// Epoch 0. A server that answered a hello without keeping state goes on with the numbers after
    /// the hello's (RFC 6347 §4.2.1).
    pub(crate) fn plaintext(first_sequence: u64) -> Self {
        Sealer {
            epoch: 0,
            next_sequence: first_sequence,
            protection: Protection::Null,
            padding: Padding::NONE,
            blocks_left: None,
        }
    }

    /// An epoch under the keys of a key block.
    pub(crate) fn dtls12(epoch: u16, aead: AeadAlgorithm, keys: &WriteKeys) -> Result<Self> {
        Ok(Sealer {
            epoch,
            next_sequence: 0,
            protection: Protection::dtls12(aead, keys)?,
            padding: Padding::NONE,
            blocks_left: aead.confidentiality_limit(),
        })
    }

    /// An epoch of DTLS 1.3.
    pub(super) fn dtls13(epoch: u16, keys: Dtls13, aead: AeadAlgorithm) -> Self {
        Sealer {
            epoch,
            next_sequence: 0,
            protection: Protection::Dtls13(Box::new(keys)),
            padding: Padding::NONE,
            blocks_left: aead.confidentiality_limit(),
        }
    }

    /// Pads what it protects. Before DTLS 1.3 there is no padding.
    pub(crate) fn padded(self, padding: Padding) -> Self {
        match &self.protection {
            Protection::Dtls13(_) => Sealer { padding, ..self },
            Protection::Null | Protection::Dtls12(_) => self,
        }
    }

    pub(crate) fn epoch(&self) -> u16 {
        self.epoch
    }

    /// Whether half of what the keys may encrypt, or of the numbers, is spent.
    pub(crate) fn is_worn(&self) -> bool {
        self.next_sequence > MAX_SEQUENCE / 2
            || self.blocks_left.is_some_and(|left| left < WORN_BLOCKS)
    }

    /// Bytes of a record beyond its plaintext.
    pub(crate) fn overhead(&self) -> usize {
        self.protection.overhead()
    }

    /// A record without padding, however long.
    #[cfg(any(test, flightline_fuzzing))]
    pub(crate) fn seal(
        &mut self,
        content_type: ContentType,
        version: ProtocolVersion,
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<u64> {
        self.seal_padded(0, content_type, version, plaintext, out)
    }

    /// Appends a whole record to `out` and returns its sequence number. Padding, where there is some, makes `out` no
    /// longer than `most` bytes.
    pub(crate) fn seal_padded(
        &mut self,
        most: usize,
        content_type: ContentType,
        version: ProtocolVersion,
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<u64> {
        let sequence = self.next_sequence;
        // RFC 6347 §4.1: sequence numbers never wrap. The last is for the alert that says so.
        let (last, reserve) = match content_type {
            ContentType::ALERT => (MAX_SEQUENCE, 0),
            _ => (MAX_SEQUENCE.saturating_sub(1), ALERT_BLOCKS),
        };
        if sequence > last {
            return Err(Error::NumbersExhausted);
        }
        if plaintext.len() > MAX_PLAINTEXT {
            return Err(Error::MessageTooLong {
                length: plaintext.len(),
                maximum: MAX_PLAINTEXT,
            });
        }
        let around = out.len().saturating_add(self.overhead());
        let room = most.saturating_sub(around);
        let padding = match content_type {
            // What is reserved for it has no room for more.
            ContentType::ALERT if self.is_nearly_used_up() => 0,
            _ => self.padding.behind(plaintext.len(), room),
        };
        self.spend_blocks(plaintext.len().saturating_add(padding), reserve)?;
        // Before anything can fail: a number that was tried once is never a nonce again.
        self.next_sequence = sequence.saturating_add(1);

        let start = out.len();
        let padded = plaintext.len().saturating_add(padding);
        out.reserve(self.overhead().saturating_add(padded));
        let header = |expansion: usize| RecordHeader {
            content_type,
            version: legacy_record_version(version),
            epoch: self.epoch,
            sequence,
            // At most MAX_PLAINTEXT and an expansion.
            length: u16::try_from(plaintext.len().saturating_add(expansion)).unwrap_or(u16::MAX),
        };
        let sealed = match &self.protection {
            Protection::Null => {
                Writer::append(out, |w| header(0).write(w));
                out.extend_from_slice(plaintext);
                Ok(())
            }
            Protection::Dtls12(aead) => {
                let header = header(aead.expansion());
                Writer::append(out, |w| header.write(w));
                aead.seal(&header, plaintext, out)
            }
            Protection::Dtls13(aead) => {
                let content = Content {
                    content_type,
                    bytes: plaintext,
                    padding,
                };
                aead.seal(self.epoch, sequence, &content, out)
            }
        };
        if let Err(error) = sealed {
            out.truncate(start);
            return Err(error);
        }
        Ok(sequence)
    }

    /// Whether the keys might not encrypt another record of full length.
    fn is_nearly_used_up(&self) -> bool {
        self.blocks_left.is_some_and(|left| left < MOST_BLOCKS)
    }

    /// RFC 9325 §4.4: nothing is encrypted beyond the limit of the keys, and these have no successors.
    fn spend_blocks(&mut self, bytes: usize, reserve: u64) -> Result<()> {
        let Some(left) = &mut self.blocks_left else {
            return Ok(());
        };
        // RFC 9147 §4: the content type is encrypted, too.
        let inner = usize::from(matches!(self.protection, Protection::Dtls13(_)));
        let bytes = u64::try_from(bytes.saturating_add(inner)).unwrap_or(u64::MAX);
        // One more for the tag.
        let blocks = bytes.div_ceil(BLOCK).saturating_add(1);
        let rest = left.checked_sub(blocks).filter(|rest| *rest >= reserve);
        *left = rest.ok_or(Error::NumbersExhausted)?;
        Ok(())
    }
}

/// What a short record needs.
const ALERT_BLOCKS: u64 = 2;

/// What any record needs, and the alert that follows it.
const MOST_BLOCKS: u64 = (1 << 14) / BLOCK + 2 + ALERT_BLOCKS;

/// What stands in headers under this version (RFC 9147 §4).
fn legacy_record_version(version: ProtocolVersion) -> ProtocolVersion {
    match version {
        ProtocolVersion::DTLS1_3 => ProtocolVersion::DTLS1_2,
        version => version,
    }
}

#[cfg(test)]
impl Sealer {
    /// With half of what its keys may encrypt behind it.
    pub(crate) fn worn_out(self) -> Sealer {
        let blocks_left = Some(WORN_BLOCKS - 1);
        Sealer {
            blocks_left,
            ..self
        }
    }

    /// With nothing left but an alert.
    #[cfg(feature = "x509")]
    pub(crate) fn used_up(self) -> Sealer {
        let blocks_left = Some(ALERT_BLOCKS);
        Sealer {
            blocks_left,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::TrafficSecret;
    use super::*;
    use crate::crypto::{SUITES13, Secret};
    use crate::wire::{RECORD_HEADER, UnifiedHeader};

    fn seal(sealer: &mut Sealer, plaintext: &[u8], out: &mut Vec<u8>) -> Result<u64> {
        let (typ, version) = (ContentType::APPLICATION_DATA, ProtocolVersion::DTLS1_2);
        sealer.seal(typ, version, plaintext, out)
    }

    fn close(sealer: &mut Sealer) -> Result<u64> {
        let (typ, version) = (ContentType::ALERT, ProtocolVersion::DTLS1_2);
        sealer.seal(typ, version, &[1, 0], &mut Vec::new())
    }

    fn aes() -> Sealer {
        let write_keys = WriteKeys {
            key: Secret::new(vec![1; 16]),
            iv: Secret::new(vec![2; 4]),
        };
        Sealer::dtls12(1, AeadAlgorithm::Aes128Gcm, &write_keys).unwrap()
    }

    /// Of DTLS 1.3.
    fn aes13() -> Sealer {
        let secret = TrafficSecret::new(&SUITES13[0], Secret::new(vec![1; 32]));
        secret.sealer(3).unwrap()
    }

    #[test]
    fn a_plaintext_record_is_header_and_plaintext() {
        let mut out = b"before".to_vec();
        let mut sealer = Sealer::plaintext(0x0102_0304_0506);
        assert_eq!(
            seal(&mut sealer, b"hello", &mut out).unwrap(),
            0x0102_0304_0506
        );
        assert_eq!(
            out,
            b"before\x17\xfe\xfd\x00\x00\x01\x02\x03\x04\x05\x06\x00\x05hello"
        );
        assert_eq!(sealer.overhead(), RECORD_HEADER);
    }

    #[test]
    fn b20_the_explicit_nonce_is_epoch_and_sequence() {
        let (mut sealer, mut out) = (aes(), Vec::new());
        seal(&mut sealer, b"one", &mut out).unwrap();
        out.clear();
        assert_eq!(seal(&mut sealer, b"two", &mut out).unwrap(), 1);
        assert_eq!(out[3..11], [0, 1, 0, 0, 0, 0, 0, 1]);
        assert_eq!(out[3..11], out[13..21]);
        assert_eq!(out.len(), sealer.overhead() + 3);
    }

    /// Whatever the fixed part of the nonce is, every number makes another nonce.
    #[test]
    fn b20_no_two_numbers_make_one_nonce() {
        let of_12 = [0, 0x55, 0xff].map(|fixed| {
            let aead = AeadAlgorithm::ChaCha20Poly1305;
            let write_keys = WriteKeys {
                key: Secret::new(vec![7; 32]),
                iv: Secret::new(vec![fixed; 12]),
            };
            let sealer = Sealer::dtls12(1, aead, &write_keys).unwrap();
            (sealer, RECORD_HEADER)
        });
        let of_13 = (aes13(), UnifiedHeader::SENT);
        for (mut sealer, header) in of_12.into_iter().chain([of_13]) {
            let mut sealed: Vec<_> = (0..300)
                .map(|_| {
                    let mut out = Vec::new();
                    seal(&mut sealer, b"the same", &mut out).unwrap();
                    out.split_off(header)
                })
                .map(|mut fragment| {
                    fragment.truncate(8);
                    fragment
                })
                .collect();
            sealed.sort();
            sealed.dedup();
            assert_eq!(sealed.len(), 300);
        }
    }

    #[test]
    fn b21_p51_the_last_number_is_used_and_none_comes_after_it() {
        for mut sealer in [Sealer::plaintext(0), aes(), aes13()] {
            sealer.next_sequence = MAX_SEQUENCE - 1;
            let mut out = Vec::new();
            let last = seal(&mut sealer, b"last", &mut out).unwrap();
            assert_eq!(last, MAX_SEQUENCE - 1);
            let length = out.len();
            for _ in 0..2 {
                assert!(matches!(
                    seal(&mut sealer, b"more", &mut out),
                    Err(Error::NumbersExhausted)
                ));
            }
            assert_eq!(out.len(), length);
            assert_eq!(close(&mut sealer).unwrap(), MAX_SEQUENCE);
            assert!(matches!(close(&mut sealer), Err(Error::NumbersExhausted)));
        }
    }

    /// RFC 8446 §5.5: 2^24.5 full records under one key of AES-GCM, or as many bytes in shorter ones.
    #[test]
    fn b21_keys_encrypt_no_more_than_is_safe() {
        let full = 2_f64.powf(24.5) as u64 * (MAX_PLAINTEXT as u64 / BLOCK);
        let limit = AeadAlgorithm::Aes128Gcm.confidentiality_limit().unwrap();
        assert!(limit.abs_diff(full) < 1024, "{limit} and {full}");
        assert_eq!(
            AeadAlgorithm::ChaCha20Poly1305.confidentiality_limit(),
            None
        );

        for mut sealer in [aes(), aes13()] {
            assert_eq!(sealer.blocks_left, Some(limit));
            sealer.blocks_left = Some(5 + ALERT_BLOCKS);
            let mut out = Vec::new();
            seal(&mut sealer, &[0; 17], &mut out).unwrap();
            let before = out.clone();
            for _ in 0..2 {
                let exhausted = seal(&mut sealer, &[0; 17], &mut out);
                assert!(matches!(exhausted, Err(Error::NumbersExhausted)));
            }
            assert_eq!(out, before);
            // In DTLS 1.3 the content type fills the block.
            seal(&mut sealer, &[0; 15], &mut out).unwrap();
            assert!(seal(&mut sealer, b"", &mut out).is_err());
            assert!(close(&mut sealer).is_ok());
            assert!(close(&mut sealer).is_err());
        }
    }

    /// However long records are padded, the last alert has room.
    #[test]
    fn b21_what_is_reserved_for_an_alert_is_not_spent_on_padding() {
        let mut sealer = aes13().padded(Padding::to_multiple_of(1024));
        let mut alert = |left| {
            sealer.blocks_left = Some(left);
            let (typ, version) = (ContentType::ALERT, ProtocolVersion::DTLS1_3);
            let mut out = Vec::new();
            sealer.seal_padded(1400, typ, version, &[1, 0], &mut out)?;
            Ok::<_, Error>(out.len())
        };
        assert!(alert(MOST_BLOCKS).unwrap() > 1024);
        assert!(alert(MOST_BLOCKS - 1).unwrap() < 100);
        assert!(alert(ALERT_BLOCKS).unwrap() < 100);
        assert!(alert(ALERT_BLOCKS - 1).is_err());
    }

    /// RFC 9147 §4.5.3, RFC 8446 §5.5: new keys are due long before 2^24.5 full records, or 2^48 records.
    #[test]
    fn b21_keys_are_worn_when_half_of_either_is_spent() {
        let full = MAX_PLAINTEXT as u64 / BLOCK;
        let half = 2_f64.powf(23.5) as u64 * full;
        for new in [aes, aes13] {
            assert!(!new().is_worn());
            for (spent, worn) in [(half - full, false), (half + full, true)] {
                let mut sealer = new();
                sealer.blocks_left = sealer.blocks_left.map(|all| all - spent);
                assert_eq!(sealer.is_worn(), worn, "{spent} blocks");
            }
            let mut sealer = new();
            sealer.blocks_left = Some(WORN_BLOCKS);
            assert!(!sealer.is_worn());
            seal(&mut sealer, b"one more", &mut Vec::new()).unwrap();
            assert!(sealer.is_worn());
            assert!(new().worn_out().is_worn());

            let mut sealer = new();
            sealer.next_sequence = MAX_SEQUENCE / 2;
            assert!(!sealer.is_worn());
            seal(&mut sealer, b"one more", &mut Vec::new()).unwrap();
            assert!(sealer.is_worn());
        }
    }

    #[test]
    fn the_longest_plaintext_fits_and_a_longer_one_leaves_no_trace() {
        let (mut sealer, mut out) = (aes(), Vec::new());
        assert!(matches!(
            seal(&mut sealer, &[0; MAX_PLAINTEXT + 1], &mut out),
            Err(Error::MessageTooLong {
                maximum: MAX_PLAINTEXT,
                ..
            })
        ));
        assert!(out.is_empty());
        assert_eq!(seal(&mut sealer, &[0; MAX_PLAINTEXT], &mut out).unwrap(), 0);
    }

    #[test]
    fn keys_of_the_wrong_length_are_refused() {
        let write_keys = WriteKeys {
            key: Secret::new(vec![1; 16]),
            iv: Secret::new(vec![2; 12]),
        };
        assert!(Sealer::dtls12(1, AeadAlgorithm::Aes128Gcm, &write_keys).is_err());
        assert!(Sealer::dtls12(1, AeadAlgorithm::ChaCha20Poly1305, &write_keys).is_err());
    }
}
