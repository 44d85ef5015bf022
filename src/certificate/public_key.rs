//! The public key inside a certificate: SubjectPublicKeyInfo (RFC 5280 §4.1).

use crate::codec::{self, Reader};
use crate::crypto::der;
use crate::error::CertificateError;
use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;

/// A certificate's public key and its algorithm.
pub(super) struct PublicKey {
    pub(super) kind: KeyKind,
    /// The content of subjectPublicKey.
    pub(super) bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    P256,
    P384,
    Ed25519,
    Rsa,
    Other,
}

impl PublicKey {
    pub(super) fn of(certificate: &[u8]) -> Result<Self, CertificateError> {
        let certificate = CertificateDer::from(certificate);
        let info = EndEntityCert::try_from(&certificate)
            .map_err(super::webpki_errors::certificate_error)?
            .subject_public_key_info();
        Self::read(&info).map_err(|cause| CertificateError::Unreadable(cause.to_string()))
    }

    fn read(info: &[u8]) -> codec::Result<Self> {
        let mut info = Reader::new(der::element(&mut Reader::new(info), der::SEQUENCE)?);
        let mut algorithm = Reader::new(der::element(&mut info, der::SEQUENCE)?);
        let bytes = der::bit_string(&mut info)?.to_vec();
        let kind = match der::element(&mut algorithm, der::OBJECT_IDENTIFIER)? {
            der::RSA_ENCRYPTION => KeyKind::Rsa,
            der::ED25519 => KeyKind::Ed25519,
            der::EC_PUBLIC_KEY => match der::element(&mut algorithm, der::OBJECT_IDENTIFIER)? {
                der::SECP256R1 => KeyKind::P256,
                der::SECP384R1 => KeyKind::P384,
                _ => KeyKind::Other,
            },
            _ => KeyKind::Other,
        };
        Ok(PublicKey { kind, bytes })
    }
}
