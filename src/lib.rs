//! DTLS for plain threads and `std::net`.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

#[allow(unused)]
mod certificate;
#[allow(unused)]
mod codec;
#[allow(unused)]
mod crypto;
mod error;
#[allow(unused, unreachable_pub)]
mod wire;

#[cfg(feature = "x509")]
pub use certificate::{
    CertificateVerifier, CertifiedRole, Fingerprint, Identity, PeerCertificates, PinnedVerifier,
    RootCertificates, RootsVerifier,
};
pub use certificate::{PeerIdentity, ServerName};
pub use codec::DecodeError;
pub use error::{CertificateError, Error, Result};
pub use wire::{
    AlertDescription, CipherSuite, ExtensionType, HandshakeType, NamedGroup, ProtocolVersion,
    SignatureScheme,
};
