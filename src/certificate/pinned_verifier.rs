//! Trust in single certificates.

use super::{CertificateVerifier, Fingerprint, PeerCertificates};
use crate::error::CertificateError;

/// Trusts the certificates with these fingerprints, whoever issued them, whatever name they bear
/// and however old they are. They must be of X.509 v3 and have no critical extension that is not known, or the
/// signatures of their keys cannot be verified.
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

#[cfg(test)]
mod tests {
    use super::super::ServerName;
    use super::*;
    use std::time::UNIX_EPOCH;

    fn verify(pins: &[&[u8]], chain: &[Vec<u8>]) -> Result<(), CertificateError> {
        let name = ServerName::unnamed();
        PinnedVerifier::new(pins.iter().map(|pin| Fingerprint::of(pin)))
            .verify(&PeerCertificates::of_server(chain, &name, UNIX_EPOCH))
    }

    #[test]
    fn the_leaf_alone_counts() {
        let chain = [b"leaf".to_vec(), b"issuer".to_vec()];
        assert_eq!(verify(&[b"leaf"], &chain), Ok(()));
        assert_eq!(verify(&[b"another", b"leaf"], &chain), Ok(()));
        let not_pinned = Err(CertificateError::NotPinned {
            fingerprint: *Fingerprint::of(b"leaf").as_bytes(),
        });
        assert_eq!(verify(&[b"issuer"], &chain), not_pinned);
        assert_eq!(verify(&[], &chain), not_pinned);
    }

    #[test]
    fn a_chain_that_is_none_is_refused() {
        let empty = verify(&[b""], &[]);
        assert!(matches!(empty, Err(CertificateError::Unreadable(_))));
        let long = vec![b"leaf".to_vec(); 11];
        assert_eq!(verify(&[b"leaf"], &long), Err(CertificateError::TooComplex));
    }
}
