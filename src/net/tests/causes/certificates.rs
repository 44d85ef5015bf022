//! Every reason to refuse a certificate, and the alert that tells the peer of it.

use super::errors::{Anybody, certified_server, ends, of_client, verifying_client};
use super::table;
use crate::certificate::{CertificateVerifier, PeerCertificates};
use crate::error::{CertificateError, Error};
use crate::net::tests::world::{Side, Stage, World, edit};
use crate::wire::{AlertDescription, CipherSuite, ServerHello};

struct Verdict(CertificateError);

impl CertificateVerifier for Verdict {
    fn verify(&self, _: &PeerCertificates<'_>) -> Result<(), CertificateError> {
        Err(self.0.clone())
    }
}

/// The client of a server whose certificate its verifier refuses for this reason.
pub(super) fn refused(why: CertificateError) -> Side {
    let client = verifying_client(Verdict(why));
    ends(World::new(client, certified_server()), of_client)
}

/// What is wrong with a certificate decides about the alert.
type Rows = Vec<(
    fn(&CertificateError) -> bool,
    (CertificateError, AlertDescription),
)>;

fn rows() -> Rows {
    use AlertDescription as A;
    use CertificateError as C;
    let why = || "why".to_owned();
    table!(CertificateError:
        C::Unreadable(_) => (C::Unreadable(why()), A::BAD_CERTIFICATE),
        C::Expired => (C::Expired, A::CERTIFICATE_EXPIRED),
        C::NotYetValid => (C::NotYetValid, A::CERTIFICATE_EXPIRED),
        C::WrongName { .. } => (C::WrongName { expected: why(), presented: Vec::new() }, A::BAD_CERTIFICATE),
        C::UnknownIssuer => (C::UnknownIssuer, A::UNKNOWN_CA),
        C::SelfSigned => (C::SelfSigned, A::UNKNOWN_CA),
        C::NotPinned { .. } => (C::NotPinned { fingerprint: [7; 32] }, A::CERTIFICATE_UNKNOWN),
        C::Revoked => (C::Revoked, A::CERTIFICATE_REVOKED),
        C::Unsupported(_) => (C::Unsupported(why()), A::UNSUPPORTED_CERTIFICATE),
        C::WrongPurpose => (C::WrongPurpose, A::UNSUPPORTED_CERTIFICATE),
        C::TooComplex => (C::TooComplex, A::BAD_CERTIFICATE),
        C::Rejected(_) => (C::Rejected(why()), A::CERTIFICATE_UNKNOWN),
        C::RejectedWith { .. } => (
            C::RejectedWith { alert: A::INSUFFICIENT_SECURITY, why: why() },
            A::INSUFFICIENT_SECURITY,
        ),
        C::Other(_) => (C::Other(why()), A::CERTIFICATE_UNKNOWN),
    )
}

/// The alerts that tell of them.
pub(super) fn alerts() -> impl Iterator<Item = AlertDescription> {
    rows().into_iter().map(|(_, (_, alert))| alert)
}

#[test]
fn every_reason_to_refuse_a_certificate_is_told_by_its_alert() {
    for (is_expected, (cause, alert)) in rows() {
        let side = refused(cause.clone());
        let Stage::Failed(Error::Certificate(error)) = &side.stage else {
            panic!("{cause:?}")
        };
        assert!(is_expected(error));
        assert_eq!(*error, cause);
        assert_eq!(side.watch.0.lock().alerts, [alert], "{cause:?}");
    }
}

/// A certificate of another kind than the suite that the server chose.
#[test]
fn a_certificate_goes_with_the_suite() {
    let world = World::new(verifying_client(Anybody), certified_server());
    world.server.tamper(|datagram| {
        edit(datagram, |hello: &mut ServerHello| {
            hello.cipher_suite = CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
        })
    });
    let side = ends(world, of_client);
    let Stage::Failed(error) = &side.stage else {
        panic!("no failure")
    };
    let expected = Error::IllegalParameter("certificate for this cipher suite");
    assert_eq!(error.to_string(), expected.to_string());
}
