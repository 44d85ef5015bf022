//! Authenticated encryption, in place.

use crate::error::{Error, Result};
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey, quic};

/// Bytes of the nonce that each of the AEADs here takes.
pub(crate) const NONCE_LEN: usize = 12;

/// Bytes of the tag that each of the AEADs here appends.
pub(crate) const TAG_LEN: usize = 16;

/// A key that seals and opens records. Whoever calls sees to it that no nonce is used twice.
pub(crate) trait Aead: Send + Sync {
    /// Encrypts in place and returns the tag.
    fn seal(&self, nonce: [u8; NONCE_LEN], aad: &[u8], in_out: &mut [u8]) -> Result<[u8; TAG_LEN]>;

    /// Opens ciphertext and tag in place. The plaintext's length, or `None` if it is not authentic.
    fn open(&self, nonce: [u8; NONCE_LEN], aad: &[u8], in_out: &mut [u8]) -> Option<usize>;
}

/// A record's nonce: the IV xor the padded number (RFC 7905 §2, RFC 8446 §5.3). With GCM's salt, zeros behind it,
/// that is RFC 5288 §3's salt followed by the explicit nonce.
pub(crate) fn nonce(iv: &[u8; NONCE_LEN], number: u64) -> [u8; NONCE_LEN] {
    let mut nonce = *iv;
    for (to, from) in nonce
        .iter_mut()
        .rev()
        .zip(number.to_be_bytes().iter().rev())
    {
        *to ^= from;
    }
    nonce
}

/// The AEAD that a cipher suite names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AeadAlgorithm {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
}

impl AeadAlgorithm {
    pub(crate) fn key_len(self) -> usize {
        match self {
            AeadAlgorithm::Aes128Gcm => 16,
            AeadAlgorithm::Aes256Gcm | AeadAlgorithm::ChaCha20Poly1305 => 32,
        }
    }

    /// Bytes of the nonce that come from the key block in (D)TLS 1.2: the salt of GCM
    /// (RFC 5288 §3), the whole of ChaCha20-Poly1305's (RFC 7905 §2).
    pub(crate) fn fixed_iv_len(self) -> usize {
        match self {
            AeadAlgorithm::Aes128Gcm | AeadAlgorithm::Aes256Gcm => 4,
            AeadAlgorithm::ChaCha20Poly1305 => NONCE_LEN,
        }
    }

    /// Bytes of the nonce that a (D)TLS 1.2 record carries (RFC 5288 §3, RFC 7905 §2).
    pub(crate) fn explicit_nonce_len(self) -> usize {
        match self {
            AeadAlgorithm::Aes128Gcm | AeadAlgorithm::Aes256Gcm => 8,
            AeadAlgorithm::ChaCha20Poly1305 => 0,
        }
    }

    /// How many blocks may be encrypted under one key. RFC 8446 §5.5 allows AES-GCM 2^24.5 full
    /// records, which are of 2^10 blocks; ChaCha20-Poly1305 more than there are numbers.
    pub(crate) fn confidentiality_limit(self) -> Option<u64> {
        match self {
            // 2^34.5
            AeadAlgorithm::Aes128Gcm | AeadAlgorithm::Aes256Gcm => Some(24_296_003_999),
            AeadAlgorithm::ChaCha20Poly1305 => None,
        }
    }

    /// `bytes` must be [`key_len`](Self::key_len) long.
    pub(crate) fn key(self, bytes: &[u8]) -> Result<Box<dyn Aead>> {
        #[cfg(flightline_fuzzing)]
        if null_cipher::is_on() {
            return Ok(Box::new(null_cipher::NullCipher));
        }
        let algorithm = match self {
            AeadAlgorithm::Aes128Gcm => &aead::AES_128_GCM,
            AeadAlgorithm::Aes256Gcm => &aead::AES_256_GCM,
            AeadAlgorithm::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        };
        let key = UnboundKey::new(algorithm, bytes).map_err(|_| Error::Crypto("AEAD key"))?;
        Ok(Box::new(Key(LessSafeKey::new(key))))
    }

    /// `bytes` must be [`key_len`](Self::key_len) long.
    pub(crate) fn record_number_key(self, bytes: &[u8]) -> Result<RecordNumberKey> {
        #[cfg(flightline_fuzzing)]
        if null_cipher::is_on() {
            return Ok(RecordNumberKey::Null);
        }
        let algorithm = match self {
            AeadAlgorithm::Aes128Gcm => &quic::AES_128,
            AeadAlgorithm::Aes256Gcm => &quic::AES_256,
            AeadAlgorithm::ChaCha20Poly1305 => &quic::CHACHA20,
        };
        quic::HeaderProtectionKey::new(algorithm, bytes)
            .map(RecordNumberKey::Cipher)
            .map_err(|_| Error::Crypto("record number key"))
    }
}

/// The key that hides record numbers in DTLS 1.3 (RFC 9147 §4.2.3). QUIC hides its own in the same way.
#[cfg_attr(flightline_fuzzing, allow(clippy::large_enum_variant))]
pub(crate) enum RecordNumberKey {
    Cipher(quic::HeaderProtectionKey),
    #[cfg(flightline_fuzzing)]
    Null,
}

impl RecordNumberKey {
    /// The mask for the number of the record with this ciphertext; none where it is too short.
    pub(crate) fn mask(&self, ciphertext: &[u8]) -> Option<[u8; 2]> {
        let sample = ciphertext.get(..SAMPLE_LEN)?;
        match self {
            RecordNumberKey::Cipher(key) => {
                let [first, second, ..] = key.new_mask(sample).ok()?;
                Some([first, second])
            }
            #[cfg(flightline_fuzzing)]
            RecordNumberKey::Null => Some([0, 0]),
        }
    }
}

/// Bytes of ciphertext that a mask is made from.
const SAMPLE_LEN: usize = 16;

struct Key(LessSafeKey);

impl Aead for Key {
    fn seal(&self, nonce: [u8; NONCE_LEN], aad: &[u8], in_out: &mut [u8]) -> Result<[u8; TAG_LEN]> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_separate_tag(nonce, Aad::from(aad), in_out)
            .ok()
            .and_then(|tag| tag.as_ref().try_into().ok())
            .ok_or(Error::Crypto("AEAD seal"))
    }

    fn open(&self, nonce: [u8; NONCE_LEN], aad: &[u8], in_out: &mut [u8]) -> Option<usize> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0
            .open_in_place(nonce, Aad::from(aad), in_out)
            .ok()
            .map(|plaintext| plaintext.len())
    }
}

/// Lets a fuzzer write what passes for authentic. No build has this unless it sets the cfg by name.
#[cfg(flightline_fuzzing)]
pub(crate) mod null_cipher {
    use super::{Aead, NONCE_LEN, Result, TAG_LEN};
    use std::sync::atomic::{AtomicBool, Ordering};

    static ON: AtomicBool = AtomicBool::new(false);

    /// Of all keys that are made from now on.
    pub(crate) fn set(on: bool) {
        ON.store(on, Ordering::Relaxed);
    }

    pub(super) fn is_on() -> bool {
        ON.load(Ordering::Relaxed)
    }

    /// Ciphertext is plaintext, and every tag is zero.
    pub(super) struct NullCipher;

    impl Aead for NullCipher {
        fn seal(&self, _: [u8; NONCE_LEN], _: &[u8], _: &mut [u8]) -> Result<[u8; TAG_LEN]> {
            Ok([0; TAG_LEN])
        }

        fn open(&self, _: [u8; NONCE_LEN], _: &[u8], in_out: &mut [u8]) -> Option<usize> {
            let (plaintext, tag) = in_out.split_last_chunk::<TAG_LEN>()?;
            (*tag == [0; TAG_LEN]).then_some(plaintext.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::from_hex;

    const ALL: [AeadAlgorithm; 3] = [
        AeadAlgorithm::Aes128Gcm,
        AeadAlgorithm::Aes256Gcm,
        AeadAlgorithm::ChaCha20Poly1305,
    ];

    #[test]
    fn what_is_sealed_opens_and_nothing_else_does() {
        for algorithm in ALL {
            let key = algorithm.key(&vec![7; algorithm.key_len()]).unwrap();
            let nonce = [1; 12];
            let mut record = b"a message".to_vec();
            let tag = key.seal(nonce, b"header", &mut record).unwrap();
            assert_ne!(record, b"a message");
            record.extend_from_slice(&tag);

            let mut opened = record.clone();
            assert_eq!(key.open(nonce, b"header", &mut opened), Some(9));
            assert_eq!(&opened[..9], b"a message");

            assert_eq!(key.open([2; 12], b"header", &mut record.clone()), None);
            assert_eq!(key.open(nonce, b"Header", &mut record.clone()), None);
            assert_eq!(key.open(nonce, b"header", &mut record[..20].to_vec()), None);
            assert_eq!(key.open(nonce, b"header", &mut [0; 15]), None);
            for i in 0..record.len() {
                let mut forged = record.clone();
                forged[i] ^= 1;
                assert_eq!(key.open(nonce, b"header", &mut forged), None, "byte {i}");
            }
        }
    }

    #[test]
    fn a_nonce_is_the_fixed_and_the_explicit_part() {
        for algorithm in ALL {
            assert_eq!(
                algorithm.fixed_iv_len() + algorithm.explicit_nonce_len(),
                NONCE_LEN
            );
        }
    }

    #[test]
    fn a_key_of_the_wrong_length_is_refused() {
        for algorithm in ALL {
            assert!(algorithm.key(&vec![0; algorithm.key_len() - 1]).is_err());
        }
    }

    /// The GCM specification's test case 2.
    #[test]
    fn aes_128_gcm_is_the_published_one() {
        let key = AeadAlgorithm::Aes128Gcm.key(&[0; 16]).unwrap();
        let mut block = [0; 16];
        let tag = key.seal([0; 12], b"", &mut block).unwrap();
        assert_eq!(
            u128::from_be_bytes(block),
            0x0388dace60b6a392f328c2b971b2fe78
        );
        assert_eq!(u128::from_be_bytes(tag), 0xab6e47d42cec13bdf53a67b21257bddf);
    }

    /// RFC 9001 appendices A.2 and A.5: QUIC hides packet numbers as DTLS 1.3 hides record numbers. It has none
    /// for AES-256, whose mask is one block: FIPS 197 appendix C.3.
    #[test]
    fn masks_of_record_numbers_are_the_published_ones() {
        for (algorithm, key, sample, mask) in [
            (
                AeadAlgorithm::Aes128Gcm,
                "9f50449e04a0e810283a1e9933adedd2",
                "d1b1c98dd7689fb8ec11d242b123dc9b",
                [0x43, 0x7b],
            ),
            (
                AeadAlgorithm::Aes256Gcm,
                "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
                "00112233445566778899aabbccddeeff",
                [0x8e, 0xa2],
            ),
            (
                AeadAlgorithm::ChaCha20Poly1305,
                "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4",
                "5e5cd55c41f69080575d7999c25a5bfb",
                [0xae, 0xfe],
            ),
        ] {
            let key = algorithm.record_number_key(&from_hex(key)).unwrap();
            let mut ciphertext = from_hex(sample);
            ciphertext.push(1);
            assert_eq!(key.mask(&ciphertext), Some(mask), "{algorithm:?}");
            assert_eq!(key.mask(&ciphertext[..15]), None);
        }
    }

    /// Anyone can choose the bytes that a mask is made of. ring has had a counter among them that could
    /// overflow (RUSTSEC-2025-0009); sums are checked in tests.
    #[test]
    fn b22_no_bytes_make_the_mask_panic() {
        for algorithm in ALL {
            let key = vec![7; algorithm.key_len()];
            let key = algorithm.record_number_key(&key).unwrap();
            for word in 0..4 {
                for value in [0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX - 1, u32::MAX] {
                    for bytes in [value, value.swap_bytes()].map(u32::to_be_bytes) {
                        for rest in [0, 0xff] {
                            let mut ciphertext = [rest; 16];
                            ciphertext[word * 4..][..4].copy_from_slice(&bytes);
                            let mask = key.mask(&ciphertext);
                            assert!(mask.is_some() && mask == key.mask(&ciphertext));
                        }
                    }
                }
            }
            let masks = [[0; 16], [0xff; 16]].map(|bytes| key.mask(&bytes));
            assert_ne!(masks[0], masks[1]);
        }
    }
}
