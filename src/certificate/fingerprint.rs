//! Certificates by their hash.

use crate::crypto::HashAlgorithm;
use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// The SHA-256 of a certificate's DER.
///
/// It reads and prints as `openssl x509 -noout -fingerprint -sha256` prints it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate in DER.
    pub fn of(certificate: &[u8]) -> Fingerprint {
        let digest = HashAlgorithm::Sha256.digest(certificate);
        Fingerprint(digest.as_ref().try_into().unwrap_or_default())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Fingerprint {
    fn from(bytes: [u8; 32]) -> Self {
        Fingerprint(bytes)
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    /// 64 hexadecimal digits in either case, with colons or without, with or without what openssl
    /// prints before them.
    fn from_str(text: &str) -> Result<Self> {
        parse(text).ok_or_else(|| {
            Error::Config(format!(
                "{text:?} is not a SHA-256 fingerprint: 64 hexadecimal digits, as \
                 `openssl x509 -noout -fingerprint -sha256 -in cert.pem` prints them"
            ))
        })
    }
}

fn parse(text: &str) -> Option<Fingerprint> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = ["sha256 fingerprint=", "sha256:"]
        .iter()
        .find_map(|prefix| lower.strip_prefix(prefix))
        .unwrap_or(&lower)
        .replace(':', "");
    let nibbles: Vec<u8> = digits
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|nibble| nibble.try_into().ok()))
        .collect::<Option<_>>()?;
    let pairs = nibbles.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let bytes: Vec<u8> = pairs
        .map(|pair| pair.iter().fold(0, |byte, nibble| byte << 4 | nibble))
        .collect();
    bytes.try_into().ok().map(Fingerprint)
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            let colon = if i == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_way_to_write_one() {
        let fingerprint = Fingerprint::of(b"a certificate");
        let colons = fingerprint.to_string();
        assert_eq!(colons.len(), 95);
        let plain = colons.replace(':', "");
        for text in [
            colons.clone(),
            plain.clone(),
            plain.to_lowercase(),
            format!("SHA256:{plain}"),
            format!("sha256:{}", colons.to_lowercase()),
            format!("SHA256 Fingerprint={colons}"),
            format!("sha256 Fingerprint={colons}\n"),
        ] {
            assert_eq!(text.parse::<Fingerprint>().unwrap(), fingerprint, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let digits = "0".repeat(64);
        for text in [
            "",
            &digits[1..],
            &digits[2..],
            &format!("{digits}00"),
            &digits.replacen('0', "g", 1),
            &digits.replacen('0', "+", 1),
            &format!("SHA1:{digits}"),
        ] {
            assert!(
                matches!(text.parse::<Fingerprint>(), Err(Error::Config(_))),
                "{text}"
            );
        }
    }
}
