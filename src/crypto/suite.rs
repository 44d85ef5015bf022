//! The cipher suites: what each code point stands for.

use super::{AeadAlgorithm, HashAlgorithm};
use crate::wire::CipherSuite;

/// How the two sides agree on keys, and what proves who the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyExchange {
    /// An ephemeral share, signed by the server's certificate (RFC 8422).
    Ecdhe(Authentication),
    /// An ephemeral share beside a pre-shared key (RFC 5489).
    EcdhePsk,
    /// A pre-shared key alone (RFC 4279).
    Psk,
}

/// The kind of the key that a certificate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authentication {
    /// An ECDSA or an EdDSA key: both go with ECDHE_ECDSA (RFC 8422 §2 and §5.3).
    Ecdsa,
    Rsa,
}

/// A cipher suite of (D)TLS 1.2, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Suite {
    pub(crate) id: CipherSuite,
    pub(crate) key_exchange: KeyExchange,
    pub(crate) aead: AeadAlgorithm,
    pub(crate) hash: HashAlgorithm,
}

impl Suite {
    /// Whether the two sides know each other by a pre-shared key.
    pub(crate) fn uses_psk(&self) -> bool {
        matches!(self.key_exchange, KeyExchange::EcdhePsk | KeyExchange::Psk)
    }

    /// Whether the two sides agree on an ephemeral key.
    pub(crate) fn agrees_on_keys(&self) -> bool {
        self.key_exchange != KeyExchange::Psk
    }

    /// Whether the server proves itself by a certificate with a key of this kind.
    #[cfg(feature = "x509")]
    pub(crate) fn goes_with(&self, key: Authentication) -> bool {
        self.key_exchange == KeyExchange::Ecdhe(key)
    }

    pub(crate) fn find(id: CipherSuite) -> Option<&'static Suite> {
        SUITES.iter().find(|suite| suite.id == id)
    }
}

/// All suites, in the order in which they are preferred by default: forward secrecy first.
#[rustfmt::skip]
pub(crate) static SUITES: [Suite; 12] = {
    use AeadAlgorithm::{Aes128Gcm, Aes256Gcm, ChaCha20Poly1305};
    use Authentication::{Ecdsa, Rsa};
    use CipherSuite as Id;
    use HashAlgorithm::{Sha256, Sha384};
    use KeyExchange::{Ecdhe, EcdhePsk, Psk};
    [
        suite(Id::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,       Ecdhe(Ecdsa), Aes128Gcm,        Sha256),
        suite(Id::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,       Ecdhe(Ecdsa), Aes256Gcm,        Sha384),
        suite(Id::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, Ecdhe(Ecdsa), ChaCha20Poly1305, Sha256),
        suite(Id::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,         Ecdhe(Rsa),   Aes128Gcm,        Sha256),
        suite(Id::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,         Ecdhe(Rsa),   Aes256Gcm,        Sha384),
        suite(Id::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,   Ecdhe(Rsa),   ChaCha20Poly1305, Sha256),
        suite(Id::TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256,         EcdhePsk,     Aes128Gcm,        Sha256),
        suite(Id::TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384,         EcdhePsk,     Aes256Gcm,        Sha384),
        suite(Id::TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,   EcdhePsk,     ChaCha20Poly1305, Sha256),
        suite(Id::TLS_PSK_WITH_AES_128_GCM_SHA256,               Psk,          Aes128Gcm,        Sha256),
        suite(Id::TLS_PSK_WITH_AES_256_GCM_SHA384,               Psk,          Aes256Gcm,        Sha384),
        suite(Id::TLS_PSK_WITH_CHACHA20_POLY1305_SHA256,         Psk,          ChaCha20Poly1305, Sha256),
    ]
};

const fn suite(
    id: CipherSuite,
    key_exchange: KeyExchange,
    aead: AeadAlgorithm,
    hash: HashAlgorithm,
) -> Suite {
    Suite {
        id,
        key_exchange,
        aead,
        hash,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SUITES13;

    #[test]
    fn j02_j04_every_suite_is_what_its_name_says() {
        for suite in &SUITES {
            let key_exchange = match suite.key_exchange {
                KeyExchange::Ecdhe(Authentication::Ecdsa) => "ECDHE_ECDSA",
                KeyExchange::Ecdhe(Authentication::Rsa) => "ECDHE_RSA",
                KeyExchange::EcdhePsk => "ECDHE_PSK",
                KeyExchange::Psk => "PSK",
            };
            let aead = match suite.aead {
                AeadAlgorithm::Aes128Gcm => "AES_128_GCM",
                AeadAlgorithm::Aes256Gcm => "AES_256_GCM",
                AeadAlgorithm::ChaCha20Poly1305 => "CHACHA20_POLY1305",
            };
            let hash = match suite.hash {
                HashAlgorithm::Sha256 => "SHA256",
                HashAlgorithm::Sha384 => "SHA384",
            };
            assert_eq!(
                suite.id.to_string(),
                format!("TLS_{key_exchange}_WITH_{aead}_{hash}")
            );
            assert_eq!(Suite::find(suite.id), Some(suite));
        }
    }

    #[test]
    fn every_suite_stands_there_once() {
        let known = (0..=u16::MAX)
            .map(CipherSuite)
            .filter(|id| id.name().is_some())
            .filter(|id| *id != CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV);
        for id in known {
            let old = SUITES.iter().filter(|suite| suite.id == id).count();
            let new = SUITES13.iter().filter(|suite| suite.id == id).count();
            assert_eq!(old + new, 1, "{id}");
        }
        assert_eq!(
            Suite::find(CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV),
            None
        );
    }
}
