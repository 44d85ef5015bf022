//! From the chain builder's errors to this crate's.

use crate::error::CertificateError;

pub(super) fn certificate_error(error: webpki::Error) -> CertificateError {
    use webpki::Error as E;
    match error {
        E::CertExpired { .. } => CertificateError::Expired,
        E::CertNotValidYet { .. } => CertificateError::NotYetValid,
        E::CertNotValidForName(context) => CertificateError::WrongName {
            expected: context.expected.to_str().into_owned(),
            presented: Vec::new(),
        },
        E::UnknownIssuer => CertificateError::UnknownIssuer,
        E::CaUsedAsEndEntity => CertificateError::SelfSigned,
        E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension | E::EndEntityUsedAsCa => {
            CertificateError::WrongPurpose
        }
        E::MaximumSignatureChecksExceeded
        | E::MaximumPathBuildCallsExceeded
        | E::MaximumPathDepthExceeded
        | E::MaximumNameConstraintComparisonsExceeded => CertificateError::TooComplex,
        E::UnsupportedSignatureAlgorithmContext(_) => {
            CertificateError::Unsupported("a signature algorithm".into())
        }
        E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            CertificateError::Unsupported("a kind of key or curve".into())
        }
        E::UnsupportedCertVersion => {
            CertificateError::Unsupported("a version of X.509 other than 3".into())
        }
        E::UnsupportedCriticalExtension => {
            CertificateError::Unsupported("a critical extension".into())
        }
        E::UnsupportedNameType => CertificateError::Unsupported("a kind of name".into()),
        E::CertDistrusted => {
            CertificateError::Other("a key in its chain is known to be compromised".into())
        }
        E::InvalidSignatureForPublicKey | E::SignatureAlgorithmMismatch => CertificateError::Other(
            "a signature in its chain is not by the authority of that name".into(),
        ),
        E::NameConstraintViolation | E::PathLenConstraintViolated => CertificateError::Other(
            "its chain breaks a constraint that an authority in it is under".into(),
        ),
        E::InvalidCertValidity => {
            CertificateError::Other("its validity ends before it begins".into())
        }
        E::BadDer
        | E::BadDerTime
        | E::ExtensionValueInvalid
        | E::InvalidSerialNumber
        | E::InvalidNetworkMaskConstraint
        | E::MalformedDnsIdentifier
        | E::MalformedExtensions
        | E::MalformedNameConstraint
        | E::TrailingData(_) => CertificateError::Unreadable(format!("{error}")),
        other => CertificateError::Other(format!("it is not acceptable: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ServerName;
    use super::super::test_certificates::Authority;
    use super::super::{CertificateVerifier, PeerCertificates, RootCertificates, RootsVerifier};
    use crate::error::CertificateError as C;
    use rcgen::{
        CertificateParams, CustomExtension, GeneralSubtree, NameConstraints, date_time_ymd,
    };
    use std::time::{Duration, UNIX_EPOCH};

    fn verdict(root: &Authority, chain: &[Vec<u8>]) -> C {
        let name = ServerName::new("a.example").unwrap();
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        RootsVerifier::new(RootCertificates::from_der([root.certificate()]).unwrap())
            .verify(&PeerCertificates::of_server(chain, &name, now))
            .unwrap_err()
    }

    /// Whatever `from` is in the certificate, it becomes `to`.
    fn patched(mut certificate: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
        let places: Vec<_> = (0..=certificate.len() - from.len())
            .filter(|at| certificate[*at..].starts_with(from))
            .collect();
        assert!(!places.is_empty());
        for at in places {
            certificate[at..at + to.len()].copy_from_slice(to);
        }
        certificate
    }

    /// OBJECT IDENTIFIER ecdsa-with-SHA256 (RFC 5758 §3.2); .4 at its end is ecdsa-with-SHA512, and .9 none.
    const ECDSA_SHA256: [u8; 10] = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];

    #[test]
    fn what_a_certificate_has_that_is_not_supported_is_said() {
        let root = Authority::new("root");
        let issue = |change: fn(&mut CertificateParams)| root.issue(&["a.example"], change);
        let mut unknown = ECDSA_SHA256;
        unknown[9] = 9;
        let unsupported = |what: &str| C::Unsupported(what.into());
        let rows = [
            (
                patched(issue(|_| ()), &ECDSA_SHA256, &unknown),
                unsupported("a signature algorithm"),
            ),
            (
                issue(|params| {
                    let mut extension =
                        CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
                    extension.set_criticality(true);
                    params.custom_extensions.push(extension);
                }),
                unsupported("a critical extension"),
            ),
            (
                issue(|params| {
                    params.not_before = date_time_ymd(2028, 1, 1);
                    params.not_after = date_time_ymd(2026, 1, 1);
                }),
                C::Other("its validity ends before it begins".into()),
            ),
        ];
        for (leaf, expected) in rows {
            assert_eq!(verdict(&root, &[leaf]), expected);
        }
        // [0] INTEGER 2 is version 3 (RFC 5280 §4.1.2.1).
        let version_2 = patched(issue(|_| ()), &[0xa0, 3, 2, 1, 2], &[0xa0, 3, 2, 1, 1]);
        assert_eq!(
            verdict(&root, &[version_2]),
            unsupported("a version of X.509 other than 3")
        );
    }

    /// RFC 5280 §4.2.1.10: an authority that may vouch for some names only.
    #[test]
    fn the_constraints_of_an_authority_hold() {
        let root = Authority::new("root");
        let middle = root.subordinate_with("middle", |params| {
            params.name_constraints = Some(NameConstraints {
                permitted_subtrees: vec![GeneralSubtree::DnsName("b.example".into())],
                excluded_subtrees: Vec::new(),
            });
        });
        let leaf = middle.issue(&["a.example"], |_| ());
        let C::Other(why) = verdict(&root, &[leaf, middle.certificate()]) else {
            panic!("another error")
        };
        assert!(why.contains("constraint"), "{why}");
    }

    #[test]
    fn what_is_no_certificate_is_unreadable() {
        let root = Authority::new("root");
        let leaf = root.issue(&["a.example"], |_| ());
        for at in [0, 1, 4] {
            let mut damaged = leaf.clone();
            damaged[at] ^= 0x55;
            let error = verdict(&root, &[damaged]);
            assert!(matches!(error, C::Unreadable(_)), "{at}: {error}");
        }
    }
}
