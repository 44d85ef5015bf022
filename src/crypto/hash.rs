//! The hash of a cipher suite, and HMAC with it (RFC 2104).

pub(crate) use ring::digest::Digest;
pub(crate) use ring::hmac::Tag;

use ring::{digest, hmac};

/// The hash that a cipher suite names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HashAlgorithm {
    Sha256,
    Sha384,
}

impl HashAlgorithm {
    pub(crate) fn digest(self, data: &[u8]) -> Digest {
        self.digest_of(&[data])
    }

    /// Of the concatenation of `parts`.
    pub(crate) fn digest_of(self, parts: &[&[u8]]) -> Digest {
        let mut running = self.running();
        parts.iter().for_each(|part| running.update(part));
        running.finish()
    }

    /// Of what is still to come.
    pub(crate) fn running(self) -> RunningDigest {
        RunningDigest(digest::Context::new(match self {
            HashAlgorithm::Sha256 => &digest::SHA256,
            HashAlgorithm::Sha384 => &digest::SHA384,
        }))
    }

    /// Bytes of a digest.
    pub(crate) fn len(self) -> usize {
        match self {
            HashAlgorithm::Sha256 => 32,
            HashAlgorithm::Sha384 => 48,
        }
    }
}

/// A digest of what has come so far.
#[derive(Clone)]
pub(crate) struct RunningDigest(digest::Context);

impl RunningDigest {
    pub(crate) fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    pub(crate) fn finish(self) -> Digest {
        self.0.finish()
    }
}

/// An HMAC key that is used more than once.
pub(crate) struct HmacKey(hmac::Key);

impl HmacKey {
    pub(crate) fn new(hash: HashAlgorithm, key: &[u8]) -> Self {
        let algorithm = match hash {
            HashAlgorithm::Sha256 => hmac::HMAC_SHA256,
            HashAlgorithm::Sha384 => hmac::HMAC_SHA384,
        };
        HmacKey(hmac::Key::new(algorithm, key))
    }

    pub(crate) fn sign(&self, parts: &[&[u8]]) -> Tag {
        let mut context = hmac::Context::with_key(&self.0);
        parts.iter().for_each(|part| context.update(part));
        context.sign()
    }

    /// Whether `tag` is the beginning of the HMAC over the concatenation of `parts`.
    ///
    /// What is compared are the MACs of both, so that the time it takes tells nothing about either.
    pub(crate) fn verify_truncated<const N: usize>(&self, parts: &[&[u8]], tag: &[u8; N]) -> bool {
        let expected = self.sign(parts);
        expected
            .as_ref()
            .first_chunk::<N>()
            .map(|expected| self.sign(&[expected]))
            .is_some_and(|expected| hmac::verify(&self.0, tag, expected.as_ref()).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [HashAlgorithm; 2] = [HashAlgorithm::Sha256, HashAlgorithm::Sha384];

    #[test]
    fn lengths_are_those_of_the_digests() {
        for hash in BOTH {
            assert_eq!(hash.digest(b"").as_ref().len(), hash.len());
            assert_eq!(
                HmacKey::new(hash, b"key").sign(&[]).as_ref().len(),
                hash.len()
            );
        }
    }

    #[test]
    fn j01_a_truncated_tag_verifies_and_an_altered_one_does_not() {
        for hash in BOTH {
            let key = HmacKey::new(hash, b"key");
            let tag: [u8; 16] = *key.sign(&[b"abc"]).as_ref().first_chunk().unwrap();
            assert!(key.verify_truncated(&[b"a", b"bc"], &tag));
            assert!(!key.verify_truncated(&[b"abd"], &tag));
            for byte in 0..tag.len() {
                let mut altered = tag;
                altered[byte] ^= 1;
                assert!(!key.verify_truncated(&[b"abc"], &altered));
            }
            assert!(!key.verify_truncated(&[b"abc"], &[0; 65]));
        }
    }

    #[test]
    fn parts_are_concatenated() {
        for hash in BOTH {
            let whole = HmacKey::new(hash, b"key").sign(&[b"abc"]);
            let parts = HmacKey::new(hash, b"key").sign(&[b"a", b"", b"bc"]);
            assert_eq!(whole.as_ref(), parts.as_ref());
        }
    }
}
