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

/// What kind of suite the peer's certificate serves (RFC 8422 §5.3).
pub(crate) fn authentication_of(leaf_der: &[u8]) -> Result<Authentication> {
    match PublicKey::of(leaf_der)?.kind {
        KeyKind::P256 | KeyKind::P384 | KeyKind::Ed25519 => Ok(Authentication::Ecdsa),
        KeyKind::Rsa => Ok(Authentication::Rsa),
        KeyKind::Other => {
            Err(CertificateError::Unsupported("a kind or size of public key".into()).into())
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
    verify(leaf_der, &algorithms(scheme), message, signature)
}

/// Verifies a signature over `message` by the key of the certificate, as (D)TLS 1.3 reads schemes: with
/// ECDSA each is of one curve (RFC 8446 §4.2.3).
pub(crate) fn verify_signature13(
    leaf_der: &[u8],
    scheme: SignatureScheme,
    message: &[u8],
    signature: &[u8],
) -> Result<()> {
    let algorithms = algorithms(scheme);
    let first = algorithms.get(..1).unwrap_or_default();
    verify(leaf_der, first, message, signature)
}

/// In the first of these algorithms that is for the certificate's key.
fn verify(
    leaf_der: &[u8],
    algorithms: &[&dyn SignatureVerificationAlgorithm],
    message: &[u8],
    signature: &[u8],
) -> Result<()> {
    let leaf = CertificateDer::from(leaf_der);
    let certificate = EndEntityCert::try_from(&leaf).map_err(webpki_errors::certificate_error)?;
    for algorithm in algorithms {
        match certificate.verify_signature(*algorithm, message, signature) {
            Ok(()) => return Ok(()),
            Err(webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => (),
            Err(_) => return Err(Error::BadSignature),
        }
    }
    Err(Error::IllegalParameter("signature scheme"))
}

/// What a scheme may mean, and first what it means in (D)TLS 1.3: before (D)TLS 1.3 ECDSA's schemes name a
/// hash and no curve (RFC 5246 §7.4.1.4.1, RFC 8446 §4.2.3).
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

#[cfg(test)]
mod tests {
    use super::super::pem;
    use super::super::test_certificates::{Authority, self_signed};
    use super::*;
    use crate::codec::from_hex;
    use crate::crypto::test_keys::{ED25519_PKCS8, P256_PKCS8, P384_PKCS8, RSA_PKCS8};

    const ECDSA_SHA256: SignatureScheme = SignatureScheme::ECDSA_SECP256R1_SHA256;
    const ECDSA_SHA384: SignatureScheme = SignatureScheme::ECDSA_SECP384R1_SHA384;

    /// Over "a handshake", by the P-384 key with SHA-256.
    const P384_SHA256: &str = "3066023100f23beab7e4d66669e2935dd0739d8c75ba7e90fe4796215f2875ca307e8b5b\
         d0380c58d2be3a37c964c2a4c4e5ed76c3023100f0d0144c71a888eedcd2ecf71c986be2\
         f35ddac87e13b43026afc5cf95659c69a99d2e4037747c337fca6ba46121ea66";

    /// Over "a handshake", by the P-256 key with SHA-384.
    const P256_SHA384: &str = "304502205c837998dd7c53860e153a34d621e5cac88058e634b9749318560e810db53fb7\
         022100acb24036942e4e0fc25a374fec43d98a2e96f1ad409c313d0c5a34912eb184bf";

    const P521_CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIB9zCCAVigAwIBAgIUZb2f7IIi0a9jwNrkADhQJYHzCq4wCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBYTAgFw0yNjExMjMxMDQ0MTJaGA8yMTI2MTAzMDEwNDQxMlow
DDEKMAgGA1UEAwwBYTCBmzAQBgcqhkjOPQIBBgUrgQQAIwOBhgAEAWoQ9uM4TKpF
2O58kfqBYFIw3+95ln6zUfhEWxK/uC9ZOb925bR5LDe/90tP0BEX2O6w8ukx27hv
Dqi0KM17xQUIAQQlRnjzy1aKhTl9BvzN0Fzvk+tUm5mqmmVpaTtPEoRupFlbE4mJ
NoMRy+QsDSAlGBQSlbVszERsoTooTPVWvb7fo1MwUTAdBgNVHQ4EFgQUAEpknde3
TsYInntFin83KyxwI40wHwYDVR0jBBgwFoAUAEpknde3TsYInntFin83KyxwI40w
DwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgOBjAAwgYgCQgFj4RF47bcTwXeN
SyaaVa3NMvLu+5mE52D1oth44hqPlyezXnak4STyHKc9b6kjzEj+Ztlc5d32kI+N
/6ZbuHIWnwJCAdkBxb7EsKioSGqwywXRQ07anpMCdc5HyxA6dMgWmQSypmarT3v9
9Hrb0WXOkfFhGQqYVvZYGxlAe4Q4fD67cWnN
-----END CERTIFICATE-----
";

    const RSA_1024_CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIB9jCCAV+gAwIBAgIUJvm3yb+Z5HBwRGgqmCOcxU6+4eUwDQYJKoZIhvcNAQEL
BQAwDDEKMAgGA1UEAwwBYTAgFw0yNjExMjMxMDQ0MTJaGA8yMTI2MTAzMDEwNDQx
MlowDDEKMAgGA1UEAwwBYTCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEA07D+
Lu02xUQOmL1NDKmUNatat2uXzGGRRa3SepwTAsFW9cHFNCq2ypsXSY2+ZMvBmNzB
PJk8dIRFl4r3b7Q3fLSTbMMIIN0/SvTSPzQXxSPK+VaYsdUQLIu/NkyfKenEVZal
Q2reeh12ESWeZRjZT+U73cBElfdPp/ud12Vi7G0CAwEAAaNTMFEwHQYDVR0OBBYE
FMG5LnFfAvqxcE+RVzG0nHtSFl2zMB8GA1UdIwQYMBaAFMG5LnFfAvqxcE+RVzG0
nHtSFl2zMA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADgYEAQ004BNLI
ZGeqn/4S0ZE3TmBEY7ZbMFVHbaA6TnN3Hg2hoyXj6eLP5OR1lC9SOnotblzr/ryy
o0Pml/+3ylc6TgfhiweUvPoI2uJE/iF8A3txYaOEZquy+ZR0L0J4TtDN7JNVXw9v
VxRJzM5VWTYlENCuMWoMvY/1viMaJKdG+YY=
-----END CERTIFICATE-----
";

    #[test]
    fn ecdsa_schemes_are_not_bound_to_a_curve() {
        for (key, scheme, signature) in [
            (P384_PKCS8, ECDSA_SHA256, P384_SHA256),
            (P256_PKCS8, ECDSA_SHA384, P256_SHA384),
        ] {
            let leaf = self_signed(key, |_| ());
            let signature = from_hex(signature);
            verify_signature(&leaf, scheme, b"a handshake", &signature).unwrap();
            for (message, signature) in [
                (&b"another"[..], &signature[..]),
                (b"a handshake", &signature[1..]),
                (b"a handshake", b""),
            ] {
                assert!(matches!(
                    verify_signature(&leaf, scheme, message, signature),
                    Err(Error::BadSignature)
                ));
            }
        }
    }

    #[test]
    fn d18_a_scheme_must_go_with_the_key() {
        use SignatureScheme as S;
        let ecdsa = [ECDSA_SHA256, ECDSA_SHA384];
        for (key, fitting) in [
            (P256_PKCS8, &ecdsa[..]),
            (P384_PKCS8, &ecdsa[..]),
            (ED25519_PKCS8, &[S::ED25519][..]),
            (RSA_PKCS8, &SUPPORTED_SCHEMES[3..]),
        ] {
            let leaf = self_signed(key, |_| ());
            for scheme in SUPPORTED_SCHEMES.into_iter().chain([S(0x0201), S(0x0603)]) {
                let error = verify_signature(&leaf, scheme, b"", b"").unwrap_err();
                if fitting.contains(&scheme) {
                    assert!(matches!(error, Error::BadSignature), "{scheme}: {error}");
                } else {
                    assert!(
                        matches!(error, Error::IllegalParameter("signature scheme")),
                        "{scheme}: {error}"
                    );
                }
            }
        }
    }

    /// Signatures by longer keys cost more than a peer may make us spend, and shorter ones prove nothing. The
    /// size is looked at before anything is computed.
    #[test]
    fn c13_rsa_keys_have_2048_bits_at_least_and_8192_at_most() {
        let root = Authority::new("root");
        let kind = |bits| authentication_of(&root.issue_rsa("a.example", bits));
        for bits in [2048, 2049, 3072, 8191, 8192] {
            assert_eq!(kind(bits).unwrap(), Authentication::Rsa, "{bits}");
        }
        for bits in [512, 1024, 2047, 8193, 16_384, 40_000] {
            let refused = kind(bits);
            assert!(
                matches!(
                    refused,
                    Err(Error::Certificate(CertificateError::Unsupported(_)))
                ),
                "{bits}: {refused:?}"
            );
        }
    }

    #[test]
    fn certificates_serve_their_kind_of_suite() {
        for (key, expected) in [
            (P256_PKCS8, Authentication::Ecdsa),
            (P384_PKCS8, Authentication::Ecdsa),
            (ED25519_PKCS8, Authentication::Ecdsa),
            (RSA_PKCS8, Authentication::Rsa),
        ] {
            let leaf = self_signed(key, |_| ());
            assert_eq!(authentication_of(&leaf).unwrap(), expected);
        }
        for unsupported in [P521_CERTIFICATE, RSA_1024_CERTIFICATE] {
            let leaf = pem::certificates(unsupported.as_bytes()).unwrap().remove(0);
            assert!(matches!(
                authentication_of(&leaf),
                Err(Error::Certificate(CertificateError::Unsupported(_)))
            ));
        }
        assert!(matches!(
            authentication_of(b"junk"),
            Err(Error::Certificate(CertificateError::Unreadable(_)))
        ));
    }
}
