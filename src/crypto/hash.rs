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
        let algorithm = match self {
            HashAlgorithm::Sha256 => &digest::SHA256,
            HashAlgorithm::Sha384 => &digest::SHA384,
        };
        digest::digest(algorithm, data)
    }

    /// Bytes of a digest.
    pub(crate) fn len(self) -> usize {
        match self {
            HashAlgorithm::Sha256 => 32,
            HashAlgorithm::Sha384 => 48,
        }
    }

    /// HMAC over the concatenation of `parts`.
    pub(crate) fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Tag {
        HmacKey::new(self, key).sign(parts)
    }
}

/// An HMAC key that is used more than once.
pub(super) struct HmacKey(hmac::Key);

impl HmacKey {
    pub(super) fn new(hash: HashAlgorithm, key: &[u8]) -> Self {
        let algorithm = match hash {
            HashAlgorithm::Sha256 => hmac::HMAC_SHA256,
            HashAlgorithm::Sha384 => hmac::HMAC_SHA384,
        };
        HmacKey(hmac::Key::new(algorithm, key))
    }

    pub(super) fn sign(&self, parts: &[&[u8]]) -> Tag {
        let mut context = hmac::Context::with_key(&self.0);
        parts.iter().for_each(|part| context.update(part));
        context.sign()
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
            assert_eq!(hash.hmac(b"key", &[]).as_ref().len(), hash.len());
        }
    }

    #[test]
    fn parts_are_concatenated() {
        for hash in BOTH {
            let whole = hash.hmac(b"key", &[b"abc"]);
            let parts = hash.hmac(b"key", &[b"a", b"", b"bc"]);
            assert_eq!(whole.as_ref(), parts.as_ref());
        }
    }
}
