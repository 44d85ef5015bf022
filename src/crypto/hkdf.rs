//! HKDF (RFC 5869) with the labels of DTLS 1.3 (RFC 8446 §7.1, RFC 9147 §5.9).

use super::{HashAlgorithm, HmacKey, Secret};
use crate::codec::Writer;
use crate::error::{Error, Result};
use ring::hkdf;

/// RFC 9147 §5.9: as long as TLS's "tls13 ", and another, so that no key serves both protocols.
const PREFIX: &[u8] = b"dtls13";

/// RFC 5869 §2.2.
pub(crate) fn extract(hash: HashAlgorithm, salt: &[u8], key_material: &[u8]) -> Secret {
    let key = HmacKey::new(hash, salt);
    Secret::new(key.sign(&[key_material]).as_ref().to_vec())
}

/// HKDF-Expand-Label (RFC 8446 §7.1).
pub(crate) fn expand_label(
    hash: HashAlgorithm,
    secret: &Secret,
    label: &[u8],
    context: &[u8],
    length: usize,
) -> Result<Secret> {
    expand_label_of(PREFIX, hash, secret, label, context, length)
}

fn expand_label_of(
    prefix: &[u8],
    hash: HashAlgorithm,
    secret: &Secret,
    label: &[u8],
    context: &[u8],
    length: usize,
) -> Result<Secret> {
    let info = Writer::bytes_of(|w| {
        w.u16(u16::try_from(length).unwrap_or(u16::MAX));
        w.vec8(|w| {
            w.bytes(prefix);
            w.bytes(label);
        });
        w.vec8(|w| w.bytes(context));
    });
    let algorithm = match hash {
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

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use HashAlgorithm::Sha256;

    fn bytes(hex: &str) -> Vec<u8> {
        let hex: String = hex.split_whitespace().collect();
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    fn tls13(secret: &Secret, label: &[u8], context: &[u8], length: usize) -> Vec<u8> {
        let out = expand_label_of(b"tls13 ", Sha256, secret, label, context, length).unwrap();
        out.as_bytes().to_vec()
    }

    /// RFC 8448 §3, the key schedule of its simple handshake; apart from the prefix it is ours.
    #[test]
    fn the_key_schedule_is_that_of_rfc_8448() {
        let early = extract(Sha256, &[], &[0; 32]);
        assert_eq!(
            early.as_bytes(),
            bytes("33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a")
        );
        let empty = Sha256.digest(b"");
        let derived = tls13(&early, b"derived", empty.as_ref(), 32);
        assert_eq!(
            derived,
            bytes("6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba")
        );
        let shared = bytes("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d");
        let handshake = extract(Sha256, &derived, &shared);
        assert_eq!(
            handshake.as_bytes(),
            bytes("1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac")
        );
        let traffic = Secret::new(bytes(
            "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38",
        ));
        assert_eq!(
            tls13(&traffic, b"key", b"", 16),
            bytes("3fce516009c21727d0f2e4e86ee403bc")
        );
        assert_eq!(
            tls13(&traffic, b"iv", b"", 12),
            bytes("5d313eb2671276ee13000b30")
        );
    }

    /// RFC 9147 §5.9: the prefix "dtls13", with no space behind it. One block of RFC 5869 §2.3 by hand.
    #[test]
    fn labels_are_those_of_dtls_1_3() {
        let secret = Secret::new(vec![7; 32]);
        let info = b"\0\x20\x09dtls13key\x02ab";
        let block = HmacKey::new(Sha256, secret.as_bytes()).sign(&[info, &[1]]);
        let expanded = expand_label(Sha256, &secret, b"key", b"ab", 32).unwrap();
        assert_eq!(expanded.as_bytes(), block.as_ref());
    }
}
