//! Signatures by the key of a peer's certificate.

use super::public_key::{KeyKind, PublicKey};
use super::webpki_errors;
use crate::crypto::Authentication;
use crate::error::{CertificateError, Error, Result};
use crate::wire::SignatureScheme;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use webpki::{EndEntityCert, ring};

/// The schemes that can be verified, the preferred first.
pub(crate) const SUPPORTED_SCHEMES: [SignatureScheme; 9] = [
    SignatureScheme::ECDSA_SECP256R1_SHA256,
    SignatureScheme::ECDSA_SECP384R1_SHA384,
    SignatureScheme::ED25519,
    SignatureScheme::RSA_PSS_RSAE_SHA256,
    SignatureScheme::RSA_PSS_RSAE_SHA384,
    SignatureScheme::RSA_PSS_RSAE_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
];

/// Whether the peer's certificate goes with the suite (RFC 8422 §5.3): what kind of suite it serves.
pub(crate) fn authentication_of(leaf_der: &[u8]) -> Result<Authentication> {
    match PublicKey::of(leaf_der)?.kind {
        KeyKind::P256 | KeyKind::P384 | KeyKind::Ed25519 => Ok(Authentication::Ecdsa),
        KeyKind::Rsa => Ok(Authentication::Rsa),
        KeyKind::Other => {
            Err(CertificateError::Unsupported("a kind of key or curve".into()).into())
        }
    }
}

/// Verifies a signature over `message` by the key of the certificate, as (D)TLS 1.2 reads schemes.
pub(crate) fn verify_signature(
    leaf_der: &[u8],
    scheme: SignatureScheme,
    message: &[u8],
    signature: &[u8],
) -> Result<()> {
    let leaf = CertificateDer::from(leaf_der);
    let certificate = EndEntityCert::try_from(&leaf).map_err(webpki_errors::certificate_error)?;
    for algorithm in algorithms(scheme) {
        match certificate.verify_signature(algorithm, message, signature) {
            Ok(()) => return Ok(()),
            Err(webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => (),
            Err(_) => return Err(Error::BadSignature),
        }
    }
    Err(Error::IllegalParameter("signature scheme"))
}

/// What a scheme may mean: before (D)TLS 1.3 ECDSA's schemes name a hash and no curve
/// (RFC 5246 §7.4.1.4.1, RFC 8446 §4.2.3).
fn algorithms(scheme: SignatureScheme) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    match scheme {
        SignatureScheme::ECDSA_SECP256R1_SHA256 => {
            vec![ring::ECDSA_P256_SHA256, ring::ECDSA_P384_SHA256]
        }
        SignatureScheme::ECDSA_SECP384R1_SHA384 => {
            vec![ring::ECDSA_P384_SHA384, ring::ECDSA_P256_SHA384]
        }
        SignatureScheme::ED25519 => vec![ring::ED25519],
        SignatureScheme::RSA_PSS_RSAE_SHA256 => vec![ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY],
        SignatureScheme::RSA_PSS_RSAE_SHA384 => vec![ring::RSA_PSS_2048_8192_SHA384_LEGACY_KEY],
        SignatureScheme::RSA_PSS_RSAE_SHA512 => vec![ring::RSA_PSS_2048_8192_SHA512_LEGACY_KEY],
        SignatureScheme::RSA_PKCS1_SHA256 => vec![ring::RSA_PKCS1_2048_8192_SHA256],
        SignatureScheme::RSA_PKCS1_SHA384 => vec![ring::RSA_PKCS1_2048_8192_SHA384],
        SignatureScheme::RSA_PKCS1_SHA512 => vec![ring::RSA_PKCS1_2048_8192_SHA512],
        _ => vec![],
    }
}
