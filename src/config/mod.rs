//! What a connection is told before it begins.
//!
//! The one choice without a safe default, whom to trust or who to be, is an argument of
//! [`ClientConfig::builder`] and [`ServerConfig::builder`]. Everything else has a safe default, and
//! what weakens protection is spelled out by name.

mod alpn;
mod belief;
mod client;
mod client_mark;
mod hello;
mod psk;
mod resumption;
mod server;
mod settings;

pub use alpn::{AlpnChoice, AlpnSelector};
pub(crate) use belief::Belief;
pub(crate) use client::Trust;
pub use client::{ClientConfig, ServerTrust};
pub use psk::{Psk, PskLookup};
#[cfg(feature = "x509")]
pub use server::{CertificateResolver, ClientAuth};
pub use server::{ServerConfig, ServerIdentity};
pub(crate) use settings::SMALLEST_MTU;
pub use settings::{ConfigBuilder, ExtendedMasterSecret, Renegotiation, Settings};

/// What is compiled out is missed: a configuration says in words that it goes without, or fails.
#[cfg(all(
    test,
    not(feature = "anti-replay"),
    not(feature = "bad-mac-limit"),
    not(feature = "hello-verify")
))]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::record::Replay;
    use std::num::NonZeroU32;

    fn client() -> ConfigBuilder<ClientConfig> {
        let psk = Psk::new("tester", [7; 32]).unwrap();
        ClientConfig::builder(ServerTrust::psk(psk))
    }

    #[test]
    fn dtls_anti_replay_compiled_out() {
        assert!(matches!(client().build(), Err(Error::Config(_))));
        assert!(client().replay(Replay::AcceptDuplicates).build().is_ok());
    }

    #[test]
    fn dtls_badmac_limit_compiled_out() {
        let without = client().replay(Replay::AcceptDuplicates);
        let limited = without.clone().bad_mac_limit(NonZeroU32::new(3));
        assert!(matches!(limited.build(), Err(Error::Config(_))));
        assert!(without.bad_mac_limit(None).build().is_ok());
    }

    #[test]
    fn dtls_hello_verify_compiled_out() {
        let psk = Psk::new("tester", [7; 32]).unwrap();
        let server = ServerConfig::builder(ServerIdentity::psk(psk));
        let server = server.replay(Replay::AcceptDuplicates);
        assert!(matches!(server.clone().build(), Err(Error::Config(_))));
        assert!(server.danger_without_hello_verification().build().is_ok());
    }
}
