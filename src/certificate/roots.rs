//! The authorities that are trusted.

use super::{pem, webpki_errors};
use crate::error::{Error, Result};
use rustls_pki_types::{CertificateDer, TrustAnchor};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The certificates in one of which a peer's chain must end. At least one; cheap to clone.
#[derive(Clone)]
pub struct RootCertificates(Arc<[TrustAnchor<'static>]>);

impl RootCertificates {
    /// All certificates of a PEM file.
    ///
    /// # Errors
    /// [`Error::Config`] names the file and what is wrong with it. One bad certificate spoils all.
    pub fn from_pem_file(path: impl AsRef<Path>) -> Result<RootCertificates> {
        let path = path.as_ref();
        RootCertificates::from_pem(pem::read(path)?.as_bytes()).map_err(pem::in_file(path))
    }

    /// All certificates of a PEM text.
    ///
    /// # Errors
    /// [`Error::Config`] says which is not usable, or that there is none.
    pub fn from_pem(pem: &[u8]) -> Result<RootCertificates> {
        RootCertificates::from_der(pem::certificates(pem)?)
    }

    /// Certificates in DER.
    ///
    /// # Errors
    /// [`Error::Config`] says which is not usable, or that there is none.
    pub fn from_der(certificates: impl IntoIterator<Item = Vec<u8>>) -> Result<RootCertificates> {
        let anchors = certificates
            .into_iter()
            .zip(1_usize..)
            .map(|(certificate, number)| anchor(certificate, number))
            .collect::<Result<Arc<[_]>>>()?;
        if anchors.is_empty() {
            return Err(Error::Config(
                "there is no root certificate, so no peer could be trusted".into(),
            ));
        }
        Ok(RootCertificates(anchors))
    }

    pub(super) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.0
    }
}

fn anchor(certificate: Vec<u8>, number: usize) -> Result<TrustAnchor<'static>> {
    webpki::anchor_from_trusted_cert(&CertificateDer::from(certificate))
        .map(|anchor| anchor.to_owned())
        .map_err(|error| {
            let cause = webpki_errors::certificate_error(error);
            Error::Config(format!("root certificate {number} is not usable: {cause}"))
        })
}

impl fmt::Debug for RootCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootCertificates({} certificates)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_certificates::Authority;
    use super::*;

    #[test]
    fn every_certificate_counts() {
        let (one, other) = (Authority::new("one"), Authority::new("other"));
        let both = [one.pem(), other.pem()].concat();
        let roots = RootCertificates::from_pem(both.as_bytes()).unwrap();
        assert_eq!(roots.anchors().len(), 2);
        assert_eq!(format!("{roots:?}"), "RootCertificates(2 certificates)");
    }

    #[test]
    fn no_certificate_and_bad_ones_are_refused() {
        let why = |result: Result<RootCertificates>| match result {
            Err(Error::Config(why)) => why,
            _ => panic!("it was accepted"),
        };
        let good = Authority::new("one").certificate();
        assert!(why(RootCertificates::from_der([])).contains("no root"));
        assert!(why(RootCertificates::from_pem(b"")).contains("no certificate"));
        let one_bad = RootCertificates::from_der([good, vec![1, 2, 3]]);
        assert!(why(one_bad).contains("root certificate 2 is not usable"));
        let absent = RootCertificates::from_pem_file("/absent/roots.pem");
        assert!(why(absent).starts_with("/absent/roots.pem: cannot be read"));
    }
}
