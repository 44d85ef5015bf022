//! What the tests share: the ways to shake hands, and the keys for them.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used
)]

use flightline::lab::{End, Pair, Weather};
use flightline::{
    AlertDescription, CipherSuite, ClientAuth, ClientConfig, ClientSession, ClientSessions,
    ConfigBuilder, Error, Identity, NamedGroup, ProtocolVersion, Psk, Retransmission,
    RootCertificates, RootsVerifier, ServerConfig, ServerIdentity, ServerName, ServerTrust,
};
use rcgen::ExtendedKeyUsagePurpose;
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

pub const NAME: &str = "server.test";

pub const MINUTE: Duration = Duration::from_secs(60);

/// What was wrong, in the words of the one who refused it.
pub fn why<T: Debug>(outcome: flightline::Result<T>) -> String {
    match outcome {
        Err(Error::Config(why)) => why,
        other => panic!("{other:?}"),
    }
}

pub struct Pki {
    pub roots: RootCertificates,
    pub server: Identity,
    pub client: Identity,
    pub rsa: Identity,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Pki {
    /// One more server's certificate.
    pub fn issue_server(&self, name: &str) -> Identity {
        let key = rcgen::KeyPair::generate().unwrap();
        let names = vec![name.to_owned()];
        issue(
            &self.issuer,
            key,
            names,
            ExtendedKeyUsagePurpose::ServerAuth,
        )
    }

    /// A client's certificate that is longer than so many bytes, since it has so many names.
    pub fn issue_long_client(&self, bytes: usize) -> Identity {
        let key = rcgen::KeyPair::generate().unwrap();
        let name = |number| format!("client-{number:06}.test");
        let names = (0..=bytes / 20).map(name).collect();
        issue(
            &self.issuer,
            key,
            names,
            ExtendedKeyUsagePurpose::ClientAuth,
        )
    }
}

fn issue(
    issuer: &rcgen::Issuer<'_, rcgen::KeyPair>,
    key: rcgen::KeyPair,
    names: Vec<String>,
    usage: ExtendedKeyUsagePurpose,
) -> Identity {
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.extended_key_usages = vec![usage];
    let cert = params.signed_by(&key, issuer).unwrap();
    Identity::from_der(vec![cert.der().to_vec()], &key.serialize_der()).unwrap()
}

/// A certificate authority with a server's and a client's certificate, made once.
pub fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
    PKI.get_or_init(|| {
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let mut ca = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca_cert = ca.self_signed(&ca_key).unwrap();
        let issuer = rcgen::Issuer::new(ca, ca_key);
        let new = || rcgen::KeyPair::generate().unwrap();
        // Only signs, so it may as well be known to all.
        let rsa = rcgen::KeyPair::from_pem(include_str!("rsa_2048.pem")).unwrap();
        Pki {
            roots: RootCertificates::from_der([ca_cert.der().to_vec()]).unwrap(),
            server: issue(&issuer, new(), vec![NAME.into()], ServerAuth),
            client: issue(&issuer, new(), vec!["client.test".into()], ClientAuth),
            rsa: issue(&issuer, rsa, vec![NAME.into()], ServerAuth),
            issuer,
        }
    })
}

pub fn psk() -> Psk {
    Psk::new("tester", [0x42; 32]).unwrap()
}

/// A way to shake hands.
pub struct Variant {
    pub name: &'static str,
    client: fn() -> ConfigBuilder<ClientConfig>,
    server: fn() -> ConfigBuilder<ServerConfig>,
    pub cookie: Cookie,
    pub session: Session,
    pub version: ProtocolVersion,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Cookie {
    With,
    Without,
}

/// Whether an earlier session is gone on with, and how the server knows it again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Session {
    New,
    ByTicket,
    ById,
}

const DTLS1_2: ProtocolVersion = ProtocolVersion::DTLS1_2;
const DTLS1_3: ProtocolVersion = ProtocolVersion::DTLS1_3;

#[rustfmt::skip]
pub const VARIANTS: &[Variant] = {
    use Cookie::{With, Without};
    use Session::{ById, ByTicket, New};
    &[
        variant("ECDSA",                                             certificates, ecdsa,       With,    New,      DTLS1_2),
        variant("ECDSA without cookie",                              certificates, ecdsa,       Without, New,      DTLS1_2),
        variant("RSA",                                               certificates, rsa,         With,    New,      DTLS1_2),
        variant("RSA without cookie",                                certificates, rsa,         Without, New,      DTLS1_2),
        variant("mutual",                                            identified,   mutual,      With,    New,      DTLS1_2),
        variant("mutual without cookie",                             identified,   mutual,      Without, New,      DTLS1_2),
        variant("PSK",                                               plain_psk,    psk_server,  With,    New,      DTLS1_2),
        variant("PSK without cookie",                                plain_psk,    psk_server,  Without, New,      DTLS1_2),
        variant("ECDHE_PSK",                                         ecdhe_psk,    psk_server,  With,    New,      DTLS1_2),
        variant("ECDHE_PSK without cookie",                          ecdhe_psk,    psk_server,  Without, New,      DTLS1_2),
        variant("ECDSA resumed by ticket",                           certificates, ecdsa,       With,    ByTicket, DTLS1_2),
        variant("ECDSA resumed by ticket without cookie",            certificates, ecdsa,       Without, ByTicket, DTLS1_2),
        variant("ECDSA resumed by ID",                               certificates, ecdsa,       With,    ById,     DTLS1_2),
        variant("ECDHE_PSK resumed by ticket",                       ecdhe_psk,    psk_server,  With,    ByTicket, DTLS1_2),
        variant("mutual resumed by ID",                              identified,   mutual,      With,    ById,     DTLS1_2),
        variant("DTLS 1.3, ECDSA",                                   certificates, ecdsa,       With,    New,      DTLS1_3),
        variant("DTLS 1.3, ECDSA without cookie",                    certificates, ecdsa,       Without, New,      DTLS1_3),
        variant("DTLS 1.3, RSA",                                     certificates, rsa,         With,    New,      DTLS1_3),
        variant("DTLS 1.3, RSA without cookie",                      certificates, rsa,         Without, New,      DTLS1_3),
        variant("DTLS 1.3, mutual",                                  identified,   mutual,      With,    New,      DTLS1_3),
        variant("DTLS 1.3, mutual without cookie",                   identified,   mutual,      Without, New,      DTLS1_3),
        variant("DTLS 1.3, PSK",                                     ecdhe_psk,    psk_server,  With,    New,      DTLS1_3),
        variant("DTLS 1.3, PSK without cookie",                      ecdhe_psk,    psk_server,  Without, New,      DTLS1_3),
        variant("DTLS 1.3, ECDSA with another group",                certificates, other_group, With,    New,      DTLS1_3),
        variant("DTLS 1.3, ECDSA with another group without cookie", certificates, other_group, Without, New,      DTLS1_3),
        variant("DTLS 1.3, ECDSA resumed by ticket",                 certificates, ecdsa,       With,    ByTicket, DTLS1_3),
        variant("DTLS 1.3, ECDSA resumed by ticket without cookie",  certificates, ecdsa,       Without, ByTicket, DTLS1_3),
        variant("DTLS 1.3, PSK resumed by ticket",                   ecdhe_psk,    psk_server,  With,    ByTicket, DTLS1_3),
        variant("DTLS 1.3, mutual resumed",                          identified,   mutual,      With,    ByTicket, DTLS1_3),
        variant("DTLS 1.3, mutual resumed without cookie",           identified,   mutual,      Without, ByTicket, DTLS1_3),
    ]
};

/// Those of DTLS 1.3.
pub fn of_13() -> impl Iterator<Item = &'static Variant> {
    VARIANTS
        .iter()
        .filter(|variant| variant.version == ProtocolVersion::DTLS1_3)
}

const fn variant(
    name: &'static str,
    client: fn() -> ConfigBuilder<ClientConfig>,
    server: fn() -> ConfigBuilder<ServerConfig>,
    cookie: Cookie,
    session: Session,
    version: ProtocolVersion,
) -> Variant {
    Variant {
        name,
        client,
        server,
        cookie,
        session,
        version,
    }
}

impl Variant {
    pub fn client(&self) -> ConfigBuilder<ClientConfig> {
        (self.client)()
            .versions([self.version])
            .retransmission(Retransmission::LOSSY)
    }

    pub fn server(&self) -> ConfigBuilder<ServerConfig> {
        let builder = (self.server)()
            .versions([self.version])
            .retransmission(Retransmission::LOSSY);
        match self.cookie {
            Cookie::With => builder,
            Cookie::Without => builder.danger_without_hello_verification(),
        }
    }

    pub fn pair(&self, weather: Weather) -> Pair {
        self.pair_with_mtu(self.small_mtu(), weather)
    }

    /// Small datagrams, so that flights take several.
    pub fn small_mtu(&self) -> usize {
        // A session is not offered where its ticket is what would make the hello longer than a datagram.
        match (self.session, self.version) {
            (Session::New, _) => 300,
            (_, DTLS1_3) => 480,
            _ => 360,
        }
    }

    pub fn pair_with_mtu(&self, mtu: usize, weather: Weather) -> Pair {
        let (client, server) = match self.session {
            Session::New => self.configs(mtu),
            Session::ByTicket | Session::ById => self.configs_with_a_session(mtu),
        };
        Pair::new(client, server, ServerName::new(NAME).unwrap(), weather).unwrap()
    }

    /// The same with other settings in all details but those of the variant.
    pub fn pair_set_up(
        &self,
        client: impl FnOnce(ConfigBuilder<ClientConfig>) -> ConfigBuilder<ClientConfig>,
        server: impl FnOnce(ConfigBuilder<ServerConfig>) -> ConfigBuilder<ServerConfig>,
        weather: impl FnOnce() -> Weather,
    ) -> Pair {
        let client = client(self.client().sessions(Remembers::default()));
        let (client, server) = (
            client.build().unwrap(),
            server(self.server()).build().unwrap(),
        );
        let (client, server) = (Arc::new(client), Arc::new(server));
        if self.resumes() {
            shake_hands_before(&client, &server);
        }
        let name = ServerName::new(NAME).unwrap();
        Pair::new(client, server, name, weather()).unwrap()
    }

    /// Whether a pair of [`pair`](Variant::pair) goes on with an earlier session.
    pub fn resumes(&self) -> bool {
        self.session != Session::New
    }

    fn configs(&self, mtu: usize) -> Configs {
        let server = match self.session {
            Session::ById => self.server().without_tickets(),
            Session::New | Session::ByTicket => self.server(),
        };
        let client = self.client().sessions(Remembers::default());
        (
            Arc::new(client.mtu(mtu).build().unwrap()),
            Arc::new(server.mtu(mtu).build().unwrap()),
        )
    }

    /// Configurations that have shaken hands before, made once.
    fn configs_with_a_session(&self, mtu: usize) -> Configs {
        static MADE: Mutex<Option<HashMap<(&str, usize), Configs>>> = Mutex::new(None);
        let mut made = MADE.lock().unwrap();
        let made = made.get_or_insert_default().entry((self.name, mtu));
        made.or_insert_with(|| {
            let (client, server) = self.configs(mtu);
            shake_hands_before(&client, &server);
            (client, server)
        })
        .clone()
    }
}

type Configs = (Arc<ClientConfig>, Arc<ServerConfig>);

/// So that there is a session to go on with.
fn shake_hands_before(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) {
    let name = ServerName::new(NAME).unwrap();
    let mut pair = Pair::new(client.clone(), server.clone(), name, Weather::clear()).unwrap();
    pair.establish(Duration::from_secs(60)).unwrap();
    // In DTLS 1.3 tickets come behind the handshake.
    while pair.network_busy() {
        pair.step();
    }
}

/// Hands out the last session as often as it is asked for.
#[derive(Default)]
struct Remembers(Mutex<Option<ClientSession>>);

impl ClientSessions for Remembers {
    fn put(&self, _: &ServerName, session: ClientSession) {
        *self.0.lock().unwrap() = Some(session);
    }

    fn take(&self, _: &ServerName) -> Option<ClientSession> {
        self.0.lock().unwrap().clone()
    }
}

fn certificates() -> ConfigBuilder<ClientConfig> {
    ClientConfig::builder(ServerTrust::roots(pki().roots.clone()))
}

fn identified() -> ConfigBuilder<ClientConfig> {
    certificates().identity(pki().client.clone())
}

fn ecdsa() -> ConfigBuilder<ServerConfig> {
    ServerConfig::builder(ServerIdentity::certificate(pki().server.clone()))
}

fn rsa() -> ConfigBuilder<ServerConfig> {
    ServerConfig::builder(ServerIdentity::certificate(pki().rsa.clone()))
}

/// A group that clients name, and in which they make no share at first.
fn other_group() -> ConfigBuilder<ServerConfig> {
    ecdsa().groups([NamedGroup::SECP384R1])
}

fn mutual() -> ConfigBuilder<ServerConfig> {
    ecdsa().client_auth(ClientAuth::required(RootsVerifier::new(
        pki().roots.clone(),
    )))
}

fn ecdhe_psk() -> ConfigBuilder<ClientConfig> {
    ClientConfig::builder(ServerTrust::psk(psk()))
}

fn plain_psk() -> ConfigBuilder<ClientConfig> {
    ecdhe_psk().cipher_suites([CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256])
}

fn psk_server() -> ConfigBuilder<ServerConfig> {
    ServerConfig::builder(ServerIdentity::psk(psk()))
}

/// These two, in clear weather.
pub fn pair(client: ConfigBuilder<ClientConfig>, server: ConfigBuilder<ServerConfig>) -> Pair {
    pair_for(NAME, client, server)
}

pub fn pair_for(
    name: &str,
    client: ConfigBuilder<ClientConfig>,
    server: ConfigBuilder<ServerConfig>,
) -> Pair {
    let (client, server) = (client.build().unwrap(), server.build().unwrap());
    Pair::new(
        client,
        server,
        ServerName::new(name).unwrap(),
        Weather::clear(),
    )
    .unwrap()
}

/// Both sides' errors after a handshake that cannot succeed.
pub fn failures(mut pair: Pair) -> (Error, Error) {
    pair.establish(MINUTE).unwrap_err();
    while [End::Client, End::Server]
        .iter()
        .any(|end| pair.failure(*end).is_none())
        && pair.step()
    {}
    let failure = |end| {
        pair.failure(end)
            .cloned()
            .unwrap_or_else(|| panic!("{end:?} did not fail"))
    };
    (failure(End::Client), failure(End::Server))
}

/// What the other side was told.
pub fn alert(error: &Error) -> AlertDescription {
    match error {
        Error::PeerAlert(description) => *description,
        other => panic!("{other}"),
    }
}
