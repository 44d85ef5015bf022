//! What a connection is told before it begins.
//!
//! The one choice without a safe default, whom to trust or who to be, is an argument of
//! [`ClientConfig::builder`] and [`ServerConfig::builder`]. Everything else has a safe default, and
//! what weakens protection is spelled out by name.

mod client;
mod psk;
mod server;
mod settings;

pub(crate) use client::Trust;
pub use client::{ClientConfig, ServerTrust};
pub use psk::{Psk, PskLookup};
#[cfg(feature = "x509")]
pub use server::{CertificateResolver, ClientAuth};
pub use server::{ServerConfig, ServerIdentity};
pub use settings::{ConfigBuilder, ExtendedMasterSecret, Settings};
