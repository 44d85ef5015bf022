//! Trust in authorities.

use super::{
    CertificateVerifier, CertifiedRole, PeerCertificates, RootCertificates, ServerName,
    webpki_errors,
};
use crate::error::CertificateError;
use rustls_pki_types as pki;
use std::time::UNIX_EPOCH;
use webpki::{EndEntityCert, KeyUsage};

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
                .map_err(webpki_errors::certificate_error),
            CertifiedRole::Client => Ok(()),
        }
    }
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
