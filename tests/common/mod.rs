//! What the tests share: the ways to shake hands, and the keys for them.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used
)]

use flightline::lab::{Pair, Weather};
use flightline::{
    CipherSuite, ClientAuth, ClientConfig, ConfigBuilder, Identity, Psk, Retransmission,
    RootCertificates, RootsVerifier, ServerConfig, ServerIdentity, ServerName, ServerTrust,
};
use std::sync::{Arc, OnceLock};

pub const NAME: &str = "server.test";

pub struct Pki {
    pub roots: RootCertificates,
    pub server: Identity,
    pub client: Identity,
    pub rsa: Identity,
}

/// A certificate authority with a server's and a client's certificate, made once.
pub fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    use rcgen::ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
    PKI.get_or_init(|| {
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let mut ca = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca_cert = ca.self_signed(&ca_key).unwrap();
        let issuer = rcgen::Issuer::new(ca, ca_key);
        let issue = |key: rcgen::KeyPair, name: &str, usage| {
            let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.extended_key_usages = vec![usage];
            let cert = params.signed_by(&key, &issuer).unwrap();
            Identity::from_der(vec![cert.der().to_vec()], &key.serialize_der()).unwrap()
        };
        let new = || rcgen::KeyPair::generate().unwrap();
        // Only signs, so it may as well be known to all.
        let rsa = rcgen::KeyPair::from_pem(include_str!("rsa_2048.pem")).unwrap();
        Pki {
            roots: RootCertificates::from_der([ca_cert.der().to_vec()]).unwrap(),
            server: issue(new(), NAME, ServerAuth),
            client: issue(new(), "client.test", ClientAuth),
            rsa: issue(rsa, NAME, ServerAuth),
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
    cookie: Cookie,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Cookie {
    With,
    Without,
}

pub const VARIANTS: &[Variant] = &[
    Variant {
        name: "ECDSA",
        client: certificates,
        server: ecdsa,
        cookie: Cookie::With,
    },
    Variant {
        name: "ECDSA without cookie",
        client: certificates,
        server: ecdsa,
        cookie: Cookie::Without,
    },
    Variant {
        name: "RSA",
        client: certificates,
        server: rsa,
        cookie: Cookie::With,
    },
    Variant {
        name: "RSA without cookie",
        client: certificates,
        server: rsa,
        cookie: Cookie::Without,
    },
    Variant {
        name: "mutual",
        client: identified,
        server: mutual,
        cookie: Cookie::With,
    },
    Variant {
        name: "mutual without cookie",
        client: identified,
        server: mutual,
        cookie: Cookie::Without,
    },
    Variant {
        name: "PSK",
        client: plain_psk,
        server: psk_server,
        cookie: Cookie::With,
    },
    Variant {
        name: "PSK without cookie",
        client: plain_psk,
        server: psk_server,
        cookie: Cookie::Without,
    },
    Variant {
        name: "ECDHE_PSK",
        client: ecdhe_psk,
        server: psk_server,
        cookie: Cookie::With,
    },
    Variant {
        name: "ECDHE_PSK without cookie",
        client: ecdhe_psk,
        server: psk_server,
        cookie: Cookie::Without,
    },
];

impl Variant {
    pub fn client(&self) -> ConfigBuilder<ClientConfig> {
        (self.client)().retransmission(Retransmission::LOSSY)
    }

    pub fn server(&self) -> ConfigBuilder<ServerConfig> {
        let builder = (self.server)().retransmission(Retransmission::LOSSY);
        match self.cookie {
            Cookie::With => builder,
            Cookie::Without => builder.danger_without_hello_verification(),
        }
    }

    /// Small datagrams, so that flights take several.
    pub fn pair(&self, weather: Weather) -> Pair {
        self.pair_with_mtu(300, weather)
    }

    pub fn pair_with_mtu(&self, mtu: usize, weather: Weather) -> Pair {
        let client = Arc::new(self.client().mtu(mtu).build().unwrap());
        let server = Arc::new(self.server().mtu(mtu).build().unwrap());
        Pair::new(client, server, ServerName::new(NAME).unwrap(), weather).unwrap()
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
