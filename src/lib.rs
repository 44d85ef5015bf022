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

mod association;
mod certificate;
mod codec;
mod config;
mod connection;
mod cookie;
mod crypto;
mod error;
mod flight;
mod handshake;
mod key_log;
#[cfg(feature = "lab")]
pub mod lab;
mod record;
mod session;
mod stats;
mod timer;
mod trace;
mod wire;

#[cfg(feature = "x509")]
pub use certificate::{
    CertificateVerifier, CertifiedRole, Fingerprint, Identity, PeerCertificates, PinnedVerifier,
    RootCertificates, RootsVerifier,
};
pub use certificate::{PeerIdentity, ServerName};
pub use codec::DecodeError;
#[cfg(feature = "x509")]
pub use config::{CertificateResolver, ClientAuth};
pub use config::{
    ClientConfig, ConfigBuilder, ExtendedMasterSecret, Psk, PskLookup, ServerConfig,
    ServerIdentity, ServerTrust,
};
pub use cookie::{CookieContext, CookieSigner, HmacCookies};
pub use error::{CertificateError, Error, Result};
pub use key_log::{KeyLog, KeyLogFile};
pub use record::Replay;
pub use stats::{DropReason, Drops, Stats};
pub use timer::{Clock, Delay, GiveUp, Retransmission, SystemClock, Timer, TimestampTimer};
pub use trace::{Event, Message, Observer, ResendReason, What};
pub use wire::{
    AlertDescription, CipherSuite, ExtensionType, HandshakeType, NamedGroup, ProtocolVersion,
    SignatureScheme,
};
