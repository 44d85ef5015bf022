//! From the chain builder's errors to this crate's.

use crate::error::CertificateError;

pub(super) fn certificate_error(error: webpki::Error) -> CertificateError {
    use webpki::Error as E;
    match error {
        E::CertExpired { .. } => CertificateError::Expired,
        E::CertNotValidYet { .. } => CertificateError::NotYetValid,
        E::CertNotValidForName(context) => CertificateError::WrongName {
            expected: context.expected.to_str().into_owned(),
        },
        E::UnknownIssuer => CertificateError::UnknownIssuer,
        E::CaUsedAsEndEntity => CertificateError::SelfSigned,
        E::CertRevoked => CertificateError::Revoked,
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
