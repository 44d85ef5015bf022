//! The public key inside a certificate: SubjectPublicKeyInfo (RFC 5280 §4.1).

use crate::codec::{self, Reader};
use crate::crypto::{Authentication, SigningKey, der};
use crate::error::CertificateError;
use crate::wire::NamedGroup;
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
    /// Anything else, and RSA of a size that no signature is verified with.
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

    /// Whether what this private key signs can be verified by the algorithm that the certificate names.
    pub(super) fn is_of_kind(&self, key: &SigningKey) -> bool {
        match self.kind {
            KeyKind::P256 => key.curve() == Some(NamedGroup::SECP256R1),
            KeyKind::P384 => key.curve() == Some(NamedGroup::SECP384R1),
            KeyKind::Ed25519 => {
                key.curve().is_none() && key.authentication() == Authentication::Ecdsa
            }
            KeyKind::Rsa => key.authentication() == Authentication::Rsa,
            KeyKind::Other => false,
        }
    }

    fn read(info: &[u8]) -> codec::Result<Self> {
        let mut info = Reader::new(der::element(&mut Reader::new(info), der::SEQUENCE)?);
        let mut algorithm = Reader::new(der::element(&mut info, der::SEQUENCE)?);
        let bytes = der::bit_string(&mut info)?.to_vec();
        let kind = match der::element(&mut algorithm, der::OBJECT_IDENTIFIER)? {
            der::RSA_ENCRYPTION if (2048..=8192).contains(&rsa_bits(&bytes)?) => KeyKind::Rsa,
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

/// The size of RSAPublicKey's modulus (RFC 8017 §A.1.1).
fn rsa_bits(bytes: &[u8]) -> codec::Result<usize> {
    let mut key = Reader::new(der::element(&mut Reader::new(bytes), der::SEQUENCE)?);
    der::element(&mut key, der::INTEGER).map(der::bit_length)
}
