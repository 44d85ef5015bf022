//! Who is who: names, certificates and what makes a certificate trusted.
//!
//! Without the feature `x509` only names and pre-shared identities are left.

#[cfg(feature = "x509")]
mod fingerprint;
#[cfg(feature = "x509")]
mod identity;
mod peer_identity;
#[cfg(feature = "x509")]
mod pem;
#[cfg(feature = "x509")]
mod pinned_verifier;
#[cfg(feature = "x509")]
mod public_key;
#[cfg(feature = "x509")]
mod roots;
#[cfg(feature = "x509")]
mod roots_verifier;
mod server_name;
#[cfg(feature = "x509")]
mod signature;
#[cfg(all(test, feature = "x509"))]
pub(crate) mod test_certificates;
#[cfg(feature = "x509")]
mod verifier;
#[cfg(feature = "x509")]
mod webpki_errors;

#[cfg(feature = "x509")]
pub use self::{
    fingerprint::Fingerprint,
    identity::Identity,
    pinned_verifier::PinnedVerifier,
    roots::RootCertificates,
    roots_verifier::RootsVerifier,
    verifier::{CertificateVerifier, CertifiedRole, PeerCertificates},
};
pub use peer_identity::PeerIdentity;
pub use server_name::ServerName;
#[cfg(feature = "x509")]
pub(crate) use signature::{
    SUPPORTED_SCHEMES, authentication_of, verify_signature, verify_signature13,
};
