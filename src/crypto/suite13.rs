//! The cipher suites of DTLS 1.3, which name an AEAD and a hash and nothing else (RFC 8446 §B.4).

use super::hkdf::{Hkdf, Labels};
use super::{AeadAlgorithm, HashAlgorithm};
use crate::wire::CipherSuite;

/// A cipher suite of (D)TLS 1.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Suite13 {
    pub(crate) id: CipherSuite,
    pub(crate) aead: AeadAlgorithm,
    pub(crate) hash: HashAlgorithm,
    /// By which its keys are made.
    pub(crate) labels: Labels,
}

/// All of them, in the order in which they are preferred by default. TLS_AES_128_CCM_8_SHA256 must not
/// be used in DTLS (RFC 9147 §4.5.3).
pub(crate) static SUITES13: [Suite13; 3] = [
    Suite13 {
        id: CipherSuite::TLS_AES_128_GCM_SHA256,
        aead: AeadAlgorithm::Aes128Gcm,
        hash: HashAlgorithm::Sha256,
        labels: Labels::DTLS13,
    },
    Suite13 {
        id: CipherSuite::TLS_AES_256_GCM_SHA384,
        aead: AeadAlgorithm::Aes256Gcm,
        hash: HashAlgorithm::Sha384,
        labels: Labels::DTLS13,
    },
    Suite13 {
        id: CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
        aead: AeadAlgorithm::ChaCha20Poly1305,
        hash: HashAlgorithm::Sha256,
        labels: Labels::DTLS13,
    },
];

/// What goes with a pre-shared key that was made for no hash (RFC 8446 §4.2.11).
pub(crate) const EXTERNAL_PSK_HKDF: Hkdf = Hkdf {
    hash: HashAlgorithm::Sha256,
    labels: Labels::DTLS13,
};

impl Suite13 {
    /// Whether a pre-shared key that was made for no hash goes with it.
    pub(crate) fn goes_with_external_psk(&self) -> bool {
        self.hash == EXTERNAL_PSK_HKDF.hash
    }

    pub(crate) fn hkdf(&self) -> Hkdf {
        Hkdf {
            hash: self.hash,
            labels: self.labels,
        }
    }

    pub(crate) fn find(id: CipherSuite) -> Option<&'static Suite13> {
        SUITES13.iter().find(|suite| suite.id == id)
    }
}
