//! What a server is told.

use super::psk::LONGEST_IDENTITY;
use super::resumption::ServerResumption;
use super::settings::{ConfigBuilder, Settings};
use super::{AlpnSelector, PskLookup};
use crate::cookie::{Choices13, CookieContext, Entrance, HelloVerification};
use crate::crypto::{Suite, Suite13};
use crate::error::{Error, Result};
use std::sync::Arc;

#[cfg(feature = "x509")]
use crate::certificate::{CertificateVerifier, Identity};
#[cfg(feature = "x509")]
use std::path::Path;

/// Who a server is: certificates, pre-shared keys, or both.
#[derive(Clone, Default)]
pub struct ServerIdentity {
    #[cfg(feature = "x509")]
    certificates: Certificates,
    pub(crate) psk: Option<Arc<dyn PskLookup>>,
    pub(crate) psk_hint: Vec<u8>,
}

#[cfg(feature = "x509")]
#[derive(Clone, Default)]
enum Certificates {
    #[default]
    None,
    One(Identity),
    ByName(Arc<dyn CertificateResolver>),
}

/// Chooses a certificate for the name that a client asks for. A closure will do.
#[cfg(feature = "x509")]
pub trait CertificateResolver: Send + Sync {
    /// Certificates to choose from, by preference, for this server name (RFC 6066 §3); the first that
    /// goes with what the client offers is used. Asked once in a handshake, where a certificate is wanted; `None` is a
    /// client that asks for no name, as one that connects to an IP address. Where the answer is empty, and
    /// nothing else goes either, the handshake fails with [`Error::UnknownServerName`], by which a client learns that its
    /// name is not known; in DTLS 1.3, without a name, with [`Error::MissingExtension`].
    fn resolve(&self, server_name: Option<&str>) -> Vec<Identity>;
}

#[cfg(feature = "x509")]
impl<F: Fn(Option<&str>) -> Vec<Identity> + Send + Sync> CertificateResolver for F {
    fn resolve(&self, server_name: Option<&str>) -> Vec<Identity> {
        self(server_name)
    }
}

impl ServerIdentity {
    /// The certificate chain and the private key in these two PEM files.
    ///
    /// # Errors
    /// [`Error::Config`] names the file and what is wrong with it.
    #[cfg(feature = "x509")]
    pub fn from_pem_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self> {
        Ok(ServerIdentity::certificate(Identity::from_pem_files(
            chain, key,
        )?))
    }

    /// One certificate for every name. Each suite of DTLS 1.2 goes with one kind of key: a configuration that speaks
    /// nothing else must have one for this certificate's.
    #[cfg(feature = "x509")]
    pub fn certificate(identity: Identity) -> Self {
        ServerIdentity {
            certificates: Certificates::One(identity),
            ..ServerIdentity::default()
        }
    }

    /// Certificates by the name that the client asks for. The resolver is asked in each handshake, so it is also the
    /// way to exchange a certificate without a restart.
    ///
    /// ```no_run
    /// use flightline::{Identity, ServerConfig, ServerIdentity};
    ///
    /// let shop = Identity::from_pem_files("shop.pem", "shop.key")?;
    /// let mail = Identity::from_pem_files("mail.pem", "mail.key")?;
    /// let identity = ServerIdentity::resolver(move |name: Option<&str>| match name {
    ///     Some("shop.example") => vec![shop.clone()],
    ///     Some("mail.example") => vec![mail.clone()],
    ///     // Clients that ask for any other are told that it is not known, and those that ask for none fail, too.
    ///     _ => Vec::new(),
    /// });
    /// let config = ServerConfig::builder(identity).build()?;
    /// # Ok::<(), flightline::Error>(())
    /// ```
    #[cfg(feature = "x509")]
    pub fn resolver(resolver: impl CertificateResolver + 'static) -> Self {
        ServerIdentity {
            certificates: Certificates::ByName(Arc::new(resolver)),
            ..ServerIdentity::default()
        }
    }

    /// Pre-shared keys: a single [`Psk`](super::Psk), or a lookup by identity.
    pub fn psk(lookup: impl PskLookup + 'static) -> Self {
        ServerIdentity::default().with_psk(lookup)
    }

    /// Pre-shared keys beside what there is.
    pub fn with_psk(mut self, lookup: impl PskLookup + 'static) -> Self {
        self.psk = Some(Arc::new(lookup));
        self
    }

    /// A hint with which clients choose their PSK (RFC 4279 §5.2), at most 2,048 bytes, as their
    /// identities. None by default.
    pub fn with_psk_hint(mut self, hint: impl AsRef<[u8]>) -> Self {
        self.psk_hint = hint.as_ref().to_vec();
        self
    }

    /// Whether there may be what a server proves itself by in this suite. What a resolver finds by name is not known
    /// before.
    fn may_go_with(&self, suite: &Suite) -> bool {
        if suite.uses_psk() {
            return self.psk.is_some();
        }
        #[cfg(feature = "x509")]
        if let Certificates::One(identity) = &self.certificates {
            return suite.goes_with(identity.key().authentication());
        }
        self.has_certificates()
    }
}

#[cfg(feature = "x509")]
impl ServerIdentity {
    pub(crate) fn has_certificates(&self) -> bool {
        !matches!(self.certificates, Certificates::None)
    }

    /// Whether it makes a difference by which name a client asks.
    pub(crate) fn uses_names(&self) -> bool {
        matches!(self.certificates, Certificates::ByName(_))
    }

    /// The certificates to choose from for a client that asks for this name.
    pub(crate) fn certificates(&self, server_name: Option<&str>) -> Vec<Identity> {
        match &self.certificates {
            Certificates::None => Vec::new(),
            Certificates::One(identity) => vec![identity.clone()],
            Certificates::ByName(resolver) => resolver.resolve(server_name),
        }
    }
}

#[cfg(not(feature = "x509"))]
impl ServerIdentity {
    pub(crate) fn has_certificates(&self) -> bool {
        false
    }

    pub(crate) fn uses_names(&self) -> bool {
        false
    }
}

impl std::fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerIdentity")
            .field("certificates", &self.has_certificates())
            .field("psk", &self.psk.is_some())
            .finish()
    }
}

/// Whether clients show certificates.
///
/// A client with a pre-shared key is not asked, since its key is its proof (RFC 4279 §2, RFC 8446 §4.3.2): a server
/// that has certificates and keys lets it in without a certificate, whatever stands here. Whoever wants certificates
/// of all clients gives the server no keys.
#[cfg(feature = "x509")]
#[derive(Clone, Default)]
pub enum ClientAuth {
    /// They are not asked.
    #[default]
    None,
    /// They are asked; one without a certificate is anonymous, a bad certificate is an error.
    Optional(Arc<dyn CertificateVerifier>),
    /// They are asked, and must have one that the verifier accepts, but for clients with a pre-shared key.
    Required(Arc<dyn CertificateVerifier>),
}

#[cfg(feature = "x509")]
impl ClientAuth {
    /// Asks clients; those without a certificate are anonymous.
    pub fn optional(verifier: impl CertificateVerifier + 'static) -> Self {
        ClientAuth::Optional(Arc::new(verifier))
    }

    /// Demands a certificate that `verifier` accepts, but of clients with a pre-shared key.
    ///
    /// ```no_run
    /// use flightline::{
    ///     ClientAuth, DtlsSocket, Fingerprint, PeerIdentity, RootCertificates, RootsVerifier, ServerConfig, ServerIdentity,
    /// };
    ///
    /// let clients = RootsVerifier::new(RootCertificates::from_pem_file("clients.pem")?);
    /// let identity = ServerIdentity::from_pem_files("server.pem", "server.key")?;
    /// let config = ServerConfig::builder(identity)
    ///     .client_auth(ClientAuth::required(clients))
    ///     .build()?;
    ///
    /// // In the handler. For the names in a certificate there are crates such as `x509-parser`.
    /// fn who(socket: &DtlsSocket) -> Option<Fingerprint> {
    ///     match socket.peer_identity() {
    ///         PeerIdentity::Certificate(chain) => chain.first().map(|own| Fingerprint::of(own)),
    ///         _ => None,
    ///     }
    /// }
    /// # Ok::<(), flightline::Error>(())
    /// ```
    pub fn required(verifier: impl CertificateVerifier + 'static) -> Self {
        ClientAuth::Required(Arc::new(verifier))
    }
}

#[cfg(feature = "x509")]
impl std::fmt::Debug for ClientAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ClientAuth::None => "ClientAuth::None",
            ClientAuth::Optional(_) => "ClientAuth::Optional",
            ClientAuth::Required(_) => "ClientAuth::Required",
        })
    }
}

/// What a server is told before it binds. Made once, shared by all its connections.
///
/// ```
/// use flightline::{Psk, ServerConfig, ServerIdentity};
///
/// let keys = |identity: &[u8]| match identity {
///     b"sensor-7" => Psk::new("sensor-7", [0x5a; 32]).ok(),
///     _ => None,
/// };
/// let config = ServerConfig::builder(ServerIdentity::psk(keys)).build()?;
/// # Ok::<(), flightline::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ServerConfig {
    pub(crate) identity: ServerIdentity,
    #[cfg(feature = "x509")]
    pub(crate) client_auth: ClientAuth,
    pub(crate) alpn_selector: Option<Arc<dyn AlpnSelector>>,
    pub(crate) hello_verification: bool,
    pub(crate) resumption: ServerResumption,
    pub(crate) settings: Settings,
}

impl ServerConfig {
    /// Begins a configuration of a server that is `identity`.
    pub fn builder(identity: ServerIdentity) -> ConfigBuilder<ServerConfig> {
        ConfigBuilder::new(ServerConfig {
            identity,
            #[cfg(feature = "x509")]
            client_auth: ClientAuth::default(),
            alpn_selector: None,
            hello_verification: true,
            resumption: ServerResumption::new(),
            settings: Settings::default(),
        })
    }

    /// The suites of DTLS 1.2 that go with what the server is, in order of preference.
    pub(crate) fn suites(&self) -> impl Iterator<Item = &'static Suite> + '_ {
        let psk = self.identity.psk.is_some();
        let certificates = self.identity.has_certificates();
        let suites = self.settings.suites();
        suites.filter(move |suite| match suite.uses_psk() {
            true => psk,
            false => certificates,
        })
    }

    /// The suites of DTLS 1.3 that do.
    pub(crate) fn suites13(&self) -> impl Iterator<Item = &'static Suite13> + '_ {
        let psk = self.identity.psk.is_some();
        let certificates = self.identity.has_certificates();
        let suites = self.settings.suites13();
        suites.filter(move |suite| certificates || psk && suite.goes_with_external_psk())
    }

    /// What stands before the server. It puts together so many hellos at once. Without a cookie context nothing gets
    /// through, unless the configuration says in words that nothing is to be verified.
    pub(crate) fn entrance(
        &self,
        cookies: Option<Arc<CookieContext>>,
        fragmented_hellos: usize,
    ) -> Entrance {
        let verification = match cookies {
            _ if !self.hello_verification => HelloVerification::Waived,
            Some(cookies) => HelloVerification::Cookies(cookies),
            None => HelloVerification::None,
        };
        Entrance::new(verification, self.choices13(), fragmented_hellos)
    }

    /// What the gate before the server must know of DTLS 1.3.
    pub(crate) fn choices13(&self) -> Choices13 {
        Choices13 {
            suites: self.suites13().collect(),
            groups: self.settings.groups.clone(),
        }
    }
}

impl AsMut<Settings> for ServerConfig {
    fn as_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }
}

impl ConfigBuilder<ServerConfig> {
    /// Whether clients are asked for certificates. Not by default. Only a server that has certificates itself can
    /// ask; of its clients with a [pre-shared key](ServerIdentity::with_psk) it wants none.
    #[cfg(feature = "x509")]
    pub fn client_auth(mut self, client_auth: ClientAuth) -> Self {
        self.config.client_auth = client_auth;
        self
    }

    /// Chooses the application protocol of each client that offers any, in place of the list of
    /// [`alpn`](ConfigBuilder::alpn).
    ///
    /// ```
    /// use flightline::{AlpnChoice, Psk, ServerConfig, ServerIdentity};
    ///
    /// // The newest version that the client speaks.
    /// let newest = |offered: &[Vec<u8>]| match offered.iter().filter(|p| p.starts_with(b"chat/")).max() {
    ///     Some(version) => AlpnChoice::Select(version.clone()),
    ///     None => AlpnChoice::Refuse,
    /// };
    /// let identity = ServerIdentity::psk(Psk::new("sensor-7", [0x5a; 32])?);
    /// let config = ServerConfig::builder(identity).alpn_selector(newest).build()?;
    /// # Ok::<(), flightline::Error>(())
    /// ```
    pub fn alpn_selector(mut self, selector: impl AlpnSelector + 'static) -> Self {
        self.config.alpn_selector = Some(Arc::new(selector));
        self
    }

    /// Goes without the cookie that proves a client's address (RFC 6347 §4.2.1).
    ///
    /// **Danger**: anyone who can write a false sender's address can then make this server send its
    /// certificates to a victim, again and again, and spend its processor and memory. Right only where
    /// nobody can reach the server who could want that.
    pub fn danger_without_hello_verification(mut self) -> Self {
        self.config.hello_verification = false;
        self
    }

    /// Checks the configuration.
    ///
    /// # Errors
    /// [`Error::Config`] says what contradicts what, or what is left out.
    pub fn build(self) -> Result<ServerConfig> {
        let mut config = self.config;
        config.resumption.build();
        config.settings.check()?;
        if cfg!(not(feature = "hello-verify")) && config.hello_verification {
            let what = "built without the feature `hello-verify`: enable it, or say danger_without_hello_verification()";
            return Err(Error::Config(what.into()));
        }
        if config.alpn_selector.is_some() && !config.settings.alpn.is_empty() {
            let what =
                "an ALPN selector takes the place of the list of protocols: give one of them";
            return Err(Error::Config(what.into()));
        }
        // RFC 4279 §2 and RFC 8446 §4.3.2: there would be nobody to ask.
        #[cfg(feature = "x509")]
        if !matches!(config.client_auth, ClientAuth::None) && !config.identity.has_certificates() {
            let what = "a server asks for clients' certificates, and has no certificate itself: with a PSK nobody is asked";
            return Err(Error::Config(what.into()));
        }
        if config.identity.psk_hint.len() > LONGEST_IDENTITY {
            return Err(Error::Config(
                "a PSK identity hint has at most 2,048 bytes".into(),
            ));
        }
        let goes = |suite: &Suite| config.identity.may_go_with(suite);
        if !config.suites().any(goes) && config.suites13().next().is_none() {
            let what = "none of the cipher suites goes with this identity: PSK suites need a PSK, others certificates, those of DTLS 1.2 with a key of their kind; of DTLS 1.3 those with SHA-256 go with both";
            return Err(Error::Config(what.into()));
        }
        Ok(config)
    }
}
