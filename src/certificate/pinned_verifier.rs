//! Trust in single certificates.

use super::{CertificateVerifier, Fingerprint, PeerCertificates};
use crate::error::CertificateError;

/// Trusts the certificates with these fingerprints, whoever issued them, whatever name they bear
/// and however old they are.
#[derive(Debug, Clone)]
pub struct PinnedVerifier(Vec<Fingerprint>);

impl PinnedVerifier {
    /// Trusts these and no others.
    pub fn new(pins: impl IntoIterator<Item = Fingerprint>) -> PinnedVerifier {
        PinnedVerifier(pins.into_iter().collect())
    }
}

impl CertificateVerifier for PinnedVerifier {
    fn verify(&self, peer: &PeerCertificates<'_>) -> Result<(), CertificateError> {
        let fingerprint = Fingerprint::of(peer.bounded_leaf()?);
        if self.0.contains(&fingerprint) {
            Ok(())
        } else {
            Err(CertificateError::NotPinned {
                fingerprint: *fingerprint.as_bytes(),
            })
        }
    }
}
