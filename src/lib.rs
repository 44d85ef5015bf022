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
mod codec;
mod error;
#[allow(unused, unreachable_pub)]
mod wire;

pub use codec::DecodeError;
pub use error::{CertificateError, Error, Result};
pub use wire::{
    AlertDescription, CipherSuite, ExtensionType, HandshakeType, NamedGroup, ProtocolVersion,
    SignatureScheme,
};
