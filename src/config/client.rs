//! What a client is told.

use super::Psk;
use super::resumption::ClientResumption;
use super::settings::{ConfigBuilder, Settings};
use crate::certificate::ServerName;
use crate::crypto::{Suite, Suite13};
use crate::error::{Error, Result};
use std::sync::Arc;

#[cfg(feature = "x509")]
use crate::certificate::{
    CertificateVerifier, Fingerprint, Identity, PinnedVerifier, RootCertificates, RootsVerifier,
};

/// Whom a client believes to be the server.
#[derive(Clone)]
pub struct ServerTrust(pub(crate) Trust);

#[derive(Clone)]
pub(crate) enum Trust {
    #[cfg(feature = "x509")]
    Certificates {
        verifier: Arc<dyn CertificateVerifier>,
        needs_name: bool,
    },
    Psk(PskChooser),
}

/// The client's choice of a key by the server's hint.
type PskChooser = Arc<dyn Fn(Option<&[u8]>) -> Option<Psk> + Send + Sync>;

impl ServerTrust {
    /// A server whose certificate these authorities issued for the name that is connected to.
    #[cfg(feature = "x509")]
    pub fn roots(roots: RootCertificates) -> Self {
        let verifier = Arc::new(RootsVerifier::new(roots));
        ServerTrust(Trust::Certificates {
            verifier,
            needs_name: true,
        })
    }

    /// A server whose certificate has one of these SHA-256 fingerprints, whatever its name and dates say.
    #[cfg(feature = "x509")]
    pub fn pinned(fingerprints: impl IntoIterator<Item = Fingerprint>) -> Self {
        let verifier = Arc::new(PinnedVerifier::new(fingerprints));
        ServerTrust(Trust::Certificates {
            verifier,
            needs_name: false,
        })
    }

    /// A server whose certificate the caller's verifier accepts.
    #[cfg(feature = "x509")]
    pub fn custom(verifier: impl CertificateVerifier + 'static) -> Self {
        ServerTrust(Trust::Certificates {
            verifier: Arc::new(verifier),
            needs_name: false,
        })
    }

    /// A server that holds the same key.
    pub fn psk(psk: Psk) -> Self {
        ServerTrust::psk_for_hint(move |_| Some(psk.clone()))
    }

    /// A server that holds the key that `choose` finds by the server's identity hint, if it sends one
    /// (RFC 4279 §5.2). Where `choose` finds none, the handshake fails.
    ///
    /// Only servers of DTLS 1.2 send hints. A client that speaks DTLS 1.3 asks `choose` for a key without a
    /// hint before its hello; where there is none, it offers DTLS 1.2 alone.
    ///
    /// A session is gone on with only while `choose` finds, without a hint, the key that it began with: one that is
    /// withdrawn or changed ends its sessions, and where the key depends on the hint, every handshake is a full one.
    pub fn psk_for_hint(
        choose: impl Fn(Option<&[u8]>) -> Option<Psk> + Send + Sync + 'static,
    ) -> Self {
        ServerTrust(Trust::Psk(Arc::new(choose)))
    }

    /// Whether the server is believed for a key that it shares with us.
    pub(crate) fn is_psk(&self) -> bool {
        matches!(self.0, Trust::Psk(_))
    }

    /// Whether a server must be asked for by name: an authority vouches for names only.
    pub(crate) fn needs_name(&self) -> bool {
        match self.0 {
            #[cfg(feature = "x509")]
            Trust::Certificates { needs_name, .. } => needs_name,
            Trust::Psk(_) => false,
        }
    }
}

impl std::fmt::Debug for ServerTrust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            #[cfg(feature = "x509")]
            Trust::Certificates { .. } => "ServerTrust::Certificates",
            Trust::Psk(_) => "ServerTrust::Psk",
        })
    }
}

/// What a client is told before it connects. Made once, shared by any number of connections.
///
/// ```
/// use flightline::{ClientConfig, Psk, ServerTrust};
///
/// let psk = Psk::new("sensor-7", [0x5a; 32])?;
/// let config = ClientConfig::builder(ServerTrust::psk(psk)).mtu(1200).build()?;
/// # Ok::<(), flightline::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClientConfig {
    pub(crate) trust: ServerTrust,
    #[cfg(feature = "x509")]
    pub(crate) identity: Option<Identity>,
    pub(crate) allow_unknown_alpn: bool,
    pub(crate) resumption: ClientResumption,
    pub(crate) settings: Settings,
}

impl ClientConfig {
    /// Begins a configuration that trusts `trust`: without trust there is no connection.
    pub fn builder(trust: ServerTrust) -> ConfigBuilder<ClientConfig> {
        ConfigBuilder::new(ClientConfig {
            trust,
            #[cfg(feature = "x509")]
            identity: None,
            allow_unknown_alpn: false,
            resumption: ClientResumption::new(),
            settings: Settings::default(),
        })
    }

    /// Whether a server can be trusted by what it is called here.
    ///
    /// # Errors
    /// [`Error::Config`], if the trust is in authorities and the server has no name.
    pub(crate) fn check_name(&self, server: &ServerName) -> Result<()> {
        if self.trust.needs_name() && server.is_unnamed() {
            let what =
                "trust in authorities needs the server's name; to go without, pin a fingerprint";
            return Err(Error::Config(what.into()));
        }
        Ok(())
    }

    /// The suites of DTLS 1.2 that go with the trust, in order of preference.
    pub(crate) fn suites(&self) -> impl Iterator<Item = &'static Suite> + '_ {
        let uses_psk = self.trust.is_psk();
        let suites = self.settings.suites();
        suites.filter(move |suite| suite.uses_psk() == uses_psk)
    }

    /// The suites of DTLS 1.3 that do.
    pub(crate) fn suites13(&self) -> impl Iterator<Item = &'static Suite13> + '_ {
        let uses_psk = self.trust.is_psk();
        let suites = self.settings.suites13();
        suites.filter(move |suite| !uses_psk || suite.goes_with_external_psk())
    }
}

impl AsMut<Settings> for ClientConfig {
    fn as_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }
}

impl ConfigBuilder<ClientConfig> {
    /// The certificate to show where the server asks for one. None by default.
    #[cfg(feature = "x509")]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.config.identity = Some(identity);
        self
    }

    /// Accepts the server's choice of an application protocol that was not among the offered ones. For
    /// a client that names the family of protocols that it speaks, and servers that answer with a member
    /// of it. RFC 7301 §3.2 forbids that to servers; without this, such an answer is an error.
    pub fn allow_unknown_alpn(mut self) -> Self {
        self.config.allow_unknown_alpn = true;
        self
    }

    /// Checks the configuration.
    ///
    /// # Errors
    /// [`Error::Config`] says what contradicts what, or what is left out.
    pub fn build(self) -> Result<ClientConfig> {
        let mut config = self.config;
        config.resumption.build();
        config.settings.check()?;
        if config.suites().next().is_none() && config.suites13().next().is_none() {
            let what = "none of the cipher suites goes with this trust: PSK suites need a PSK, others certificates; of DTLS 1.3 those with SHA-256 go with both";
            return Err(Error::Config(what.into()));
        }
        config.check_hello()?;
        Ok(config)
    }
}
