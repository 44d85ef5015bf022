//! HKDF (RFC 5869) with the labels of DTLS 1.3 (RFC 8446 §7.1, RFC 9147 §5.9), or with our own.

use super::{HashAlgorithm, HmacKey, Secret};
use crate::codec::Writer;
use crate::error::{Error, Result};
use ring::hkdf;

/// What all labels of a protocol begin with, so that no key serves two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Labels(&'static [u8]);

impl Labels {
    /// RFC 9147 §5.9: as long as TLS's "tls13 ".
    pub(crate) const DTLS13: Labels = Labels(b"dtls13");

    /// For keys that never meet the wire's.
    pub(crate) const OUR_OWN: Labels = Labels(b"flightline ");
}

/// HKDF with one hash and the labels of one protocol.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hkdf {
    pub(crate) hash: HashAlgorithm,
    pub(crate) labels: Labels,
}

impl Hkdf {
    /// RFC 5869 §2.2.
    pub(crate) fn extract(&self, salt: &[u8], key_material: &[u8]) -> Secret {
        let key = HmacKey::new(self.hash, salt);
        Secret::new(key.sign(&[key_material]).as_ref().to_vec())
    }

    /// HKDF-Expand-Label (RFC 8446 §7.1).
    pub(crate) fn expand_label(
        &self,
        secret: &Secret,
        label: &[u8],
        context: &[u8],
        length: usize,
    ) -> Result<Secret> {
        let info = Writer::bytes_of(|w| {
            w.u16(u16::try_from(length).unwrap_or(u16::MAX));
            w.vec8(|w| {
                w.bytes(self.labels.0);
                w.bytes(label);
            });
            w.vec8(|w| w.bytes(context));
        });
        let algorithm = match self.hash {
            HashAlgorithm::Sha256 => hkdf::HKDF_SHA256,
            HashAlgorithm::Sha384 => hkdf::HKDF_SHA384,
        };
        let mut out = vec![0; length];
        hkdf::Prk::new_less_safe(algorithm, secret.as_bytes())
            .expand(&[&info], Length(length))
            .and_then(|key| key.fill(&mut out))
            .map_err(|_| Error::Crypto("HKDF length"))?;
        Ok(Secret::new(out))
    }

    /// A secret as long as the hash; Derive-Secret (RFC 8446 §7.1), where the context is a hash of messages.
    pub(crate) fn expand_secret(
        &self,
        secret: &Secret,
        label: &[u8],
        context: &[u8],
    ) -> Result<Secret> {
        self.expand_label(secret, label, context, self.hash.len())
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SUITES13;
    use HashAlgorithm::Sha256;

    impl Labels {
        /// RFC 8446 §7.1: those of TLS, which RFC 8448's traces are of.
        pub(crate) const TLS13: Labels = Labels(b"tls13 ");
    }

    /// RFC 9147 §5.9: the prefix "dtls13", with no space behind it. One block of RFC 5869 §2.3 by hand.
    #[test]
    fn labels_are_those_of_dtls_1_3() {
        let secret = Secret::new(vec![7; 32]);
        let info = b"\0\x20\x09dtls13key\x02ab";
        let block = HmacKey::new(Sha256, secret.as_bytes()).sign(&[info, &[1]]);
        let hkdf = SUITES13[0].hkdf();
        let expanded = hkdf.expand_label(&secret, b"key", b"ab", 32).unwrap();
        assert_eq!(expanded.as_bytes(), block.as_ref());
    }
}
