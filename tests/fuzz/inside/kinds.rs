//! The ways in which the two shake hands, and their configurations.

use crate::certificate::{Identity, RootCertificates, RootsVerifier, ServerName};
use crate::config::{
    ClientAuth, ClientConfig, ConfigBuilder, Psk, ServerConfig, ServerIdentity, ServerTrust,
};
use crate::timer::{Clock, Retransmission};
use crate::wire::{CipherSuite, NamedGroup, ProtocolVersion};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) const AUTHORITY: &[u8] = include_bytes!("../pki/ca.pem");
pub(super) const SERVER: &[u8] = include_bytes!("../pki/server.pem");
pub(super) const SERVER_KEY: &[u8] = include_bytes!("../pki/server.key");
pub(super) const CLIENT: &[u8] = include_bytes!("../pki/client.pem");
pub(super) const CLIENT_KEY: &[u8] = include_bytes!("../pki/client.key");

/// How the two shake hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Psk,
    EcdhePsk,
    Ecdsa,
    Mutual,
    Resumed,
    /// Of DTLS 1.3, as those below.
    Full13,
    /// The server wants a share in another group.
    Retried13,
    Resumed13,
    Psk13,
    Mutual13,
}

impl Kind {
    pub(super) const ALL: [Kind; 10] = [
        Kind::Psk,
        Kind::EcdhePsk,
        Kind::Ecdsa,
        Kind::Mutual,
        Kind::Resumed,
        Kind::Full13,
        Kind::Retried13,
        Kind::Resumed13,
        Kind::Psk13,
        Kind::Mutual13,
    ];

    /// That an input names by this byte.
    pub(super) fn of(byte: u8) -> Kind {
        Kind::ALL[usize::from(byte) % Kind::ALL.len()]
    }

    /// Each with the byte that names it.
    pub(super) fn numbered() -> impl Iterator<Item = (u8, Kind)> {
        (0..).zip(Kind::ALL)
    }

    pub(super) fn is_13(self) -> bool {
        match self {
            Kind::Psk | Kind::EcdhePsk | Kind::Ecdsa | Kind::Mutual | Kind::Resumed => false,
            Kind::Full13 | Kind::Retried13 | Kind::Resumed13 | Kind::Psk13 | Kind::Mutual13 => true,
        }
    }

    pub(super) fn is_resumed(self) -> bool {
        matches!(self, Kind::Resumed | Kind::Resumed13)
    }

    fn has_psk(self) -> bool {
        matches!(self, Kind::Psk | Kind::EcdhePsk | Kind::Psk13)
    }

    fn suite(self) -> CipherSuite {
        match self {
            Kind::Psk => CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256,
            Kind::EcdhePsk => CipherSuite::TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384,
            Kind::Ecdsa | Kind::Mutual | Kind::Resumed => {
                CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
            }
            Kind::Full13 | Kind::Psk13 => CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
            Kind::Retried13 | Kind::Resumed13 => CipherSuite::TLS_AES_128_GCM_SHA256,
            Kind::Mutual13 => CipherSuite::TLS_AES_256_GCM_SHA384,
        }
    }
}

/// A clock that stands still, so that certificates are valid.
struct Still;

impl Clock for Still {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn date(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }
}

pub(super) type Configs = (Arc<ClientConfig>, Arc<ServerConfig>, ServerName);

/// Those of a kind are made once, since keys and certificates take long to read; but for those that keep
/// sessions, or an input would do something else the second time.
pub(super) fn configs(kind: Kind) -> Configs {
    if kind.is_resumed() {
        return make(kind);
    }
    static CONFIGS: OnceLock<Vec<Configs>> = OnceLock::new();
    let at = Kind::ALL.iter().position(|one| *one == kind).unwrap();
    CONFIGS.get_or_init(|| Kind::ALL.map(make).to_vec())[at].clone()
}

fn make(kind: Kind) -> Configs {
    let roots = || RootCertificates::from_pem(AUTHORITY).unwrap();
    let psk = || Psk::new("tester", [0x42; 32]).unwrap();
    let (trust, identity, name) = match kind.has_psk() {
        true => (
            ServerTrust::psk(psk()),
            ServerIdentity::psk(psk()),
            ServerName::unnamed(),
        ),
        false => (
            ServerTrust::roots(roots()),
            ServerIdentity::certificate(Identity::from_pem(SERVER, SERVER_KEY).unwrap()),
            ServerName::new("server.test").unwrap(),
        ),
    };
    let version = match kind.is_13() {
        true => ProtocolVersion::DTLS1_3,
        false => ProtocolVersion::DTLS1_2,
    };
    let mut client = ClientConfig::builder(trust)
        .versions([version])
        .cipher_suites([kind.suite()])
        .retransmission(Retransmission::LOSSY)
        .clock(Arc::new(Still));
    let mut server: ConfigBuilder<ServerConfig> = ServerConfig::builder(identity)
        .versions([version])
        .cipher_suites([kind.suite()])
        .retransmission(Retransmission::LOSSY)
        .clock(Arc::new(Still))
        .danger_without_hello_verification();
    if matches!(kind, Kind::Mutual | Kind::Mutual13) {
        let verifier = RootsVerifier::new(roots());
        client = client.identity(Identity::from_pem(CLIENT, CLIENT_KEY).unwrap());
        server = server.client_auth(ClientAuth::required(verifier));
    }
    if kind == Kind::Retried13 {
        server = server.groups([NamedGroup::SECP384R1]);
    }
    if !kind.is_resumed() {
        client = client.without_resumption();
        server = server.without_resumption();
    }
    (
        Arc::new(client.build().unwrap()),
        Arc::new(server.build().unwrap()),
        name,
    )
}
