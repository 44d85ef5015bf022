//! Trust in authorities.

use super::{
    CertificateVerifier, CertifiedRole, PeerCertificates, RootCertificates, ServerName,
    webpki_errors,
};
use crate::error::CertificateError;
use rustls_pki_types as pki;
use std::time::UNIX_EPOCH;
use webpki::{EndEntityCert, KeyUsage};

/// How many names of a certificate an error tells.
const NAMES_TOLD: usize = 8;

/// Trusts whom one of the root certificates vouches for (RFC 5280 §6): a server under the name it
/// was looked for, a client under any. Revocation is not checked.
#[derive(Debug, Clone)]
pub struct RootsVerifier(RootCertificates);

impl RootsVerifier {
    /// Trusts these authorities and no others.
    pub fn new(roots: RootCertificates) -> RootsVerifier {
        RootsVerifier(roots)
    }
}

impl CertificateVerifier for RootsVerifier {
    fn verify(&self, peer: &PeerCertificates<'_>) -> Result<(), CertificateError> {
        let leaf = pki::CertificateDer::from(peer.bounded_leaf()?);
        let certificate =
            EndEntityCert::try_from(&leaf).map_err(webpki_errors::certificate_error)?;
        let issuers: Vec<pki::CertificateDer<'_>> = peer
            .chain()
            .iter()
            .skip(1)
            .map(|issuer| pki::CertificateDer::from(issuer.as_slice()))
            .collect();
        let usage = match peer.role() {
            CertifiedRole::Server => KeyUsage::server_auth(),
            CertifiedRole::Client => KeyUsage::client_auth(),
        };
        // A clock before 1970 sees every certificate as not yet valid.
        let now = peer.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        certificate
            .verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                self.0.anchors(),
                &issuers,
                pki::UnixTime::since_unix_epoch(now),
                usage,
                None,
                None,
            )
            .map_err(webpki_errors::certificate_error)?;
        match peer.role() {
            CertifiedRole::Server => certificate
                .verify_is_valid_for_subject_name(&name_to_prove(peer.server_name())?)
                .map_err(|error| match webpki_errors::certificate_error(error) {
                    CertificateError::WrongName { expected, .. } => CertificateError::WrongName {
                        expected,
                        presented: names_of(&certificate),
                    },
                    other => other,
                }),
            CertifiedRole::Client => Ok(()),
        }
    }
}

/// For people to read, so not all that a certificate may have.
fn names_of(certificate: &EndEntityCert<'_>) -> Vec<String> {
    let names = certificate.valid_dns_names().take(NAMES_TOLD);
    names.map(str::to_owned).collect()
}

/// Without a name any certificate of any authority would do, so there has to be one.
fn name_to_prove(name: Option<&ServerName>) -> Result<pki::ServerName<'_>, CertificateError> {
    let dns_name = name
        .and_then(ServerName::dns_name)
        .and_then(|name| pki::DnsName::try_from(name).ok())
        .map(pki::ServerName::DnsName);
    let ip_address = name
        .and_then(ServerName::ip_address)
        .map(pki::ServerName::from);
    dns_name.or(ip_address).ok_or_else(|| {
        CertificateError::Other("no server name was given that it could be checked for".into())
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_certificates::{Authority, self_signed};
    use super::*;
    use crate::crypto::test_keys::P256_PKCS8;
    use rcgen::{
        BasicConstraints, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, NameConstraints,
        date_time_ymd,
    };
    use std::time::{Duration, SystemTime};

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn server(root: Vec<u8>, name: &str, chain: &[Vec<u8>]) -> Result<(), CertificateError> {
        let name = ServerName::new(name).unwrap();
        RootsVerifier::new(RootCertificates::from_der([root]).unwrap())
            .verify(&PeerCertificates::of_server(chain, &name, now()))
    }

    fn client(root: Vec<u8>, chain: &[Vec<u8>]) -> Result<(), CertificateError> {
        RootsVerifier::new(RootCertificates::from_der([root]).unwrap())
            .verify(&PeerCertificates::of_client(chain, now()))
    }

    #[test]
    fn d20_a_good_chain_is_good_for_its_names_only() {
        let root = Authority::new("root");
        let middle = root.subordinate("middle");
        let names = [
            "device.example",
            "*.wild.example",
            "192.0.2.1",
            "2001:db8::1",
        ];
        let chain = [middle.issue(&names, |_| ()), middle.certificate()];
        for name in [
            "device.example",
            "device.example.",
            "DEVICE.example",
            "a.wild.example",
        ] {
            assert_eq!(server(root.certificate(), name, &chain), Ok(()), "{name}");
        }
        for name in ["192.0.2.1", "2001:db8::1"] {
            assert_eq!(server(root.certificate(), name, &chain), Ok(()), "{name}");
        }
        for name in [
            "other.example",
            "a.b.wild.example",
            "192.0.2.2",
            "2001:db8::2",
        ] {
            let refused = CertificateError::WrongName {
                expected: name.into(),
                presented: vec!["device.example".into(), "*.wild.example".into()],
            };
            assert_eq!(server(root.certificate(), name, &chain), Err(refused));
        }
        assert_eq!(client(root.certificate(), &chain), Ok(()));
    }

    #[test]
    fn d20_without_a_name_there_is_no_trust() {
        let root = Authority::new("root");
        let chain = [root.issue(&["device.example"], |_| ())];
        let unnamed = ServerName::unnamed();
        let result = RootsVerifier::new(RootCertificates::from_der([root.certificate()]).unwrap())
            .verify(&PeerCertificates::of_server(&chain, &unnamed, now()));
        assert!(matches!(result, Err(CertificateError::Other(_))));
    }

    #[test]
    fn time_counts() {
        let root = Authority::new("root");
        let old = root.issue(&["a.example"], |params| {
            params.not_after = date_time_ymd(2026, 1, 1);
        });
        assert_eq!(
            server(root.certificate(), "a.example", &[old]),
            Err(CertificateError::Expired)
        );
        let young = root.issue(&["a.example"], |params| {
            params.not_before = date_time_ymd(2028, 1, 1);
        });
        assert_eq!(
            server(root.certificate(), "a.example", &[young]),
            Err(CertificateError::NotYetValid)
        );
    }

    #[test]
    fn an_unknown_issuer_is_not_trusted() {
        let (root, other) = (Authority::new("root"), Authority::new("other"));
        let chain = [other.issue(&["a.example"], |_| ()), other.certificate()];
        assert_eq!(
            server(root.certificate(), "a.example", &chain),
            Err(CertificateError::UnknownIssuer)
        );
        let same_name = Authority::new("root");
        let chain = [same_name.issue(&["a.example"], |_| ())];
        assert!(matches!(
            server(root.certificate(), "a.example", &chain),
            Err(CertificateError::Other(_))
        ));
    }

    #[test]
    fn a_self_signed_certificate_is_trusted_only_as_a_leaf() {
        let leaf = self_signed(P256_PKCS8, |_| ());
        assert_eq!(server(leaf.clone(), "device.example", &[leaf]), Ok(()));
        let authority = self_signed(P256_PKCS8, |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        });
        assert_eq!(
            server(authority.clone(), "device.example", &[authority]),
            Err(CertificateError::SelfSigned)
        );
    }

    #[test]
    fn purposes_are_kept_apart() {
        let root = Authority::new("root");
        let issue = |purpose| {
            [root.issue(&["a.example"], |params| {
                params.extended_key_usages = vec![purpose];
            })]
        };
        let for_client = issue(ExtendedKeyUsagePurpose::ClientAuth);
        let for_server = issue(ExtendedKeyUsagePurpose::ServerAuth);
        assert_eq!(client(root.certificate(), &for_client), Ok(()));
        assert_eq!(server(root.certificate(), "a.example", &for_server), Ok(()));
        let wrong = Err(CertificateError::WrongPurpose);
        assert_eq!(server(root.certificate(), "a.example", &for_client), wrong);
        assert_eq!(client(root.certificate(), &for_server), wrong);
    }

    #[test]
    fn a_leaf_issues_nothing() {
        let root = Authority::new("root");
        let middle = self_signed(P256_PKCS8, |params| {
            params.distinguished_name.push(DnType::CommonName, "middle");
        });
        let chain = [
            Authority::new("middle").issue(&["a.example"], |_| ()),
            middle,
        ];
        assert!(server(root.certificate(), "a.example", &chain).is_err());
    }

    /// Authorities that could each have issued each other make more paths than there is time for: so many
    /// signatures are looked at, and no more.
    #[test]
    fn c13_a_labyrinth_of_issuers_is_left_soon() {
        let root = Authority::new("root");
        let mut chain = vec![Authority::new("root").issue(&["a.example"], |_| ())];
        chain.extend((0..9).map(|_| Authority::new("root").certificate()));
        assert_eq!(
            server(root.certificate(), "a.example", &chain),
            Err(CertificateError::TooComplex)
        );
    }

    /// RFC 5280 §4.2.1.10. Names and constraints are compared each with each: so often, and no more.
    #[test]
    fn c13_name_constraints_hold_and_are_compared_only_so_often() {
        let root = Authority::new("root");
        let constrained = |permitted: Vec<String>| {
            root.subordinate_with("middle", |params| {
                params.name_constraints = Some(NameConstraints {
                    permitted_subtrees: permitted
                        .into_iter()
                        .map(GeneralSubtree::DnsName)
                        .collect(),
                    excluded_subtrees: Vec::new(),
                });
            })
        };
        let middle = constrained(vec!["good.example".into()]);
        let verify = |middle: &Authority, names: &[&str]| {
            let chain = [middle.issue(names, |_| ()), middle.certificate()];
            server(root.certificate(), names[0], &chain)
        };
        assert_eq!(verify(&middle, &["a.good.example"]), Ok(()));
        for bad in [&["a.bad.example"][..], &["a.good.example", "a.bad.example"]] {
            let refused = verify(&middle, bad);
            assert!(
                matches!(&refused, Err(CertificateError::Other(why)) if why.contains("constraint")),
                "{refused:?}"
            );
        }

        // None permits the names but the last, so that each is compared with all.
        let permitted = |count| {
            let others = (1..count).map(|number| format!("{number}.x"));
            constrained(others.chain(["y".to_owned()]).collect())
        };
        let names: Vec<_> = (0..1000).map(|number| format!("{number}.y")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        assert_eq!(verify(&permitted(200), &names), Ok(()));
        let refused = verify(&permitted(300), &names);
        assert_eq!(refused, Err(CertificateError::TooComplex));
    }

    #[test]
    fn c13_only_so_much_is_looked_at() {
        let root = Authority::new("root");
        let leaf = root.issue(&["a.example"], |_| ());
        let many = vec![leaf.clone(); 11];
        let large = [leaf.clone(), vec![0; 64 * 1024]];
        for chain in [&many[..], &large[..]] {
            assert_eq!(
                server(root.certificate(), "a.example", chain),
                Err(CertificateError::TooComplex)
            );
        }
        // Junk behind the leaf is not needed, so it does no harm.
        let junk = [leaf, vec![0; 9]];
        assert_eq!(server(root.certificate(), "a.example", &junk), Ok(()));
        for chain in [&[][..], &[vec![0; 9]][..]] {
            assert!(matches!(
                server(root.certificate(), "a.example", chain),
                Err(CertificateError::Unreadable(_))
            ));
        }
    }
}
