//! dimpl, on the provider that is written in Rust.

use super::Srtp;
use super::library::{Connection, Context, FIRST_TIMEOUT, Library, Step, Wire};
use crate::Res;
use crate::case::{Case, ClientAuth, KeyUpdate, Role, Versions, Wrong};
use crate::feature::{Feature, Lack};
use crate::matrix::SUITES13;
use crate::pki::{Kind, Pki};
use crate::trial::Attempts;
use dimpl::crypto::{Dtls12CipherSuite, Dtls13CipherSuite};
use dimpl::{Config, Dtls, DtlsCertificate, Output};
use flightline::{CipherSuite, NamedGroup, ProtocolVersion, SrtpProfile};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub fn dimpl() -> Library {
    Library {
        name: "dimpl",
        version: || "0.9.0".into(),
        lacks: LACKS,
        // With a part of our flight there, it may never take the rest from the smaller datagrams that we go over
        // to. Few paths lead there.
        attempts: Attempts {
            most: 4,
            why: "of a datagram that begins with an old message it drops the rest too, and it cannot join fragments that \
                  overlap (RFC 6347 §4.2.3)",
        },
        context,
    }
}

const NO_VERIFICATION: &str = "leaves chains and names to the application";

const LACKS: &[Lack] = &[
    Lack::server(
        &[Feature::LossAroundKeyUpdate(KeyUpdate::TheirsAndOurs)],
        "with its KeyUpdate it forgets its ACK of the client's Finished (`create_key_update`), which is never said again",
    ),
    Lack::both(
        &[
            Feature::ServerCertificate(Kind::Rsa),
            Feature::ClientCertificate(Kind::Rsa),
        ],
        "has no RSA",
    ),
    Lack::both(
        &[Feature::Refuses(Wrong::Suite)],
        "has no suites with RSA to be held to",
    )
    .in_version(ProtocolVersion::DTLS1_2),
    Lack::both(
        &[
            Feature::ServerCertificate(Kind::Ed25519),
            Feature::ClientCertificate(Kind::Ed25519),
        ],
        "has no Ed25519",
    ),
    Lack::both(&[Feature::Psk], "its only PSK suite is with AES-CCM-8")
        .in_version(ProtocolVersion::DTLS1_2),
    Lack::both(&[Feature::Psk], "has no pre-shared keys in DTLS 1.3")
        .in_version(ProtocolVersion::DTLS1_3),
    Lack::both(&[Feature::Exporter], "exports keys for SRTP, and no others"),
    Lack::both(
        &[Feature::KeyUpdate(KeyUpdate::Theirs)],
        "asks for the peer's new keys as well",
    ),
    Lack::client(&[Feature::NoClientCertificate], "has a certificate always")
        .in_version(ProtocolVersion::DTLS1_2),
    Lack::server(
        &[Feature::OptionalClientAuth],
        "a certificate that it asks for is required",
    ),
    Lack::server(
        &[Feature::Refuses(Wrong::Curve)],
        "does not hold its certificate's curve against the client's groups",
    ),
    Lack::client(
        &[
            Feature::Refuses(Wrong::Name),
            Feature::Refuses(Wrong::Authority),
        ],
        NO_VERIFICATION,
    ),
    Lack::server(&[Feature::Refuses(Wrong::ClientAuthority)], NO_VERIFICATION),
    Lack::both(
        &[Feature::Refuses(Wrong::Version)],
        "a side of DTLS 1.3 alone passes over what there is of 1.2, and waits; that of 1.2 does so as a server",
    ),
    Lack::client(
        &[Feature::FirstShare(NamedGroup::SECP256R1)],
        "prefers X25519 wherever it has it",
    ),
    Lack::both(&[Feature::Alpn], "has no ALPN"),
    Lack::both(&[Feature::ServerName], "has no SNI"),
    Lack::both(
        &[Feature::SrtpProfile(
            SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_32,
        )],
        "lacks this profile",
    ),
    Lack::both(&[Feature::Resumption], "does not resume"),
];

const RETRIES: usize = 20;

/// It takes new keys by itself only, after so many records.
const RECORDS_BEFORE_NEW_KEYS: u64 = 3;

struct Dimpl {
    role: Role,
    versions: Versions,
    config: Arc<Config>,
    certificate: DtlsCertificate,
}

fn context(case: &Case, pki: &Pki, role: Role) -> Res<Arc<dyn Context>> {
    let required = matches!(
        case.client_auth,
        ClientAuth::Required(_) | ClientAuth::RequiredWithout
    );
    let mut config = Config::builder()
        .require_client_certificate(required)
        .use_server_cookie(case.cookies)
        .flight_start_rto(FIRST_TIMEOUT)
        .flight_retries(RETRIES)
        .handshake_timeout(Duration::from_secs(200));
    config = match case.their_suite() {
        Some(suite) if SUITES13.contains(&suite) => {
            config.dtls13_cipher_suites(&[suite13_number(suite)])
        }
        Some(suite) => config.dtls12_cipher_suites(&[suite_number(suite)]),
        None => config,
    };
    if let Some(groups) = case.their_groups() {
        let numbers: Vec<_> = groups.into_iter().map(group_number).collect();
        config = config.kx_groups(&numbers);
    }
    if case.key_update.is_some_and(KeyUpdate::begins_with_theirs) {
        config = config.aead_encryption_limit(RECORDS_BEFORE_NEW_KEYS);
    }
    if let Some(mtu) = case.mtu {
        config = config.mtu(mtu);
    }
    let name = match role {
        // One that is not asked for is not shown.
        Role::Client => case.client_certificate().unwrap_or("p256"),
        Role::Server => case.kind.name(),
    };
    let key = PrivateKeyDer::from_pem_file(pki.key(name))?;
    Ok(Arc::new(Dimpl {
        role,
        versions: case.their_versions,
        config: Arc::new(config.build()?),
        certificate: DtlsCertificate {
            // Its client of DTLS 1.3 shows none if that is empty.
            certificate: match case.client_auth {
                ClientAuth::OptionalWithout | ClientAuth::RequiredWithout
                    if role == Role::Client && case.is_of13() =>
                {
                    Vec::new()
                }
                _ => CertificateDer::from_pem_file(pki.certificate(name))?.to_vec(),
            },
            private_key: key.secret_der().to_vec(),
        },
    }))
}

fn suite_number(suite: CipherSuite) -> Dtls12CipherSuite {
    match suite {
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => {
            Dtls12CipherSuite::ECDHE_ECDSA_AES256_GCM_SHA384
        }
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => {
            Dtls12CipherSuite::ECDHE_ECDSA_CHACHA20_POLY1305_SHA256
        }
        _ => Dtls12CipherSuite::ECDHE_ECDSA_AES128_GCM_SHA256,
    }
}

fn suite13_number(suite: CipherSuite) -> Dtls13CipherSuite {
    match suite {
        CipherSuite::TLS_AES_256_GCM_SHA384 => Dtls13CipherSuite::AES_256_GCM_SHA384,
        CipherSuite::TLS_CHACHA20_POLY1305_SHA256 => Dtls13CipherSuite::CHACHA20_POLY1305_SHA256,
        _ => Dtls13CipherSuite::AES_128_GCM_SHA256,
    }
}

fn group_number(group: NamedGroup) -> dimpl::NamedGroup {
    match group {
        NamedGroup::X25519 => dimpl::NamedGroup::X25519,
        NamedGroup::SECP256R1 => dimpl::NamedGroup::Secp256r1,
        _ => dimpl::NamedGroup::Secp384r1,
    }
}

impl Context for Dimpl {
    fn connection(&self, wire: Wire, _: SocketAddr) -> Res<Box<dyn Connection>> {
        let now = Instant::now();
        let new = match self.versions {
            Versions::Only12 => Dtls::new_12,
            Versions::Only13 => Dtls::new_13,
            Versions::Both => Dtls::new_auto,
        };
        let mut dtls = new(self.config.clone(), self.certificate.clone(), now);
        dtls.set_active(self.role == Role::Client);
        dtls.handle_timeout(now)?;
        Ok(Box::new(Engine {
            dtls,
            wire,
            due: None,
            steps: VecDeque::new(),
            srtp: None,
        }))
    }
}

struct Engine {
    dtls: Dtls,
    wire: Wire,
    due: Option<Instant>,
    /// What it told and nobody has been told yet.
    steps: VecDeque<Step>,
    srtp: Option<Srtp>,
}

impl Engine {
    /// Takes out all that it has to send or to tell.
    fn poll(&mut self) -> Res<()> {
        let mut buf = [0; 2048];
        loop {
            match self.dtls.poll_output(&mut buf) {
                Output::Packet(datagram) => self.wire.send(datagram),
                Output::Connected => self.steps.push_back(Step::Connected),
                Output::ApplicationData(data) => self.steps.push_back(Step::Data(data.to_vec())),
                Output::CloseNotify => self.steps.push_back(Step::Closed),
                Output::KeyingMaterial(material, profile) => {
                    self.srtp = Some(Srtp {
                        profile: srtp_profile(profile),
                        material: material.to_vec(),
                    });
                }
                Output::Timeout(due) => {
                    self.due = Some(due);
                    return Ok(());
                }
                Output::BufferTooSmall { needed } => {
                    return Err(format!("needs a buffer of {needed} bytes").into());
                }
                // It trusts whom it is told, and is told nothing here.
                _ => {}
            }
        }
    }
}

fn srtp_profile(profile: dimpl::SrtpProfile) -> SrtpProfile {
    match profile {
        dimpl::SrtpProfile::AEAD_AES_128_GCM => SrtpProfile::SRTP_AEAD_AES_128_GCM,
        dimpl::SrtpProfile::AEAD_AES_256_GCM => SrtpProfile::SRTP_AEAD_AES_256_GCM,
        _ => SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_80,
    }
}

impl Connection for Engine {
    fn step(&mut self) -> Res<Step> {
        self.poll()?;
        let mut datagram = vec![0; 65_536];
        while self.steps.is_empty() {
            let Some(length) = self.wire.receive(&mut datagram) else {
                break;
            };
            self.dtls.handle_timeout(Instant::now())?;
            self.poll()?;
            let outcome = self.dtls.handle_packet(&datagram[..length]);
            // What it fails of it may tell.
            self.poll()?;
            outcome?;
        }
        Ok(self.steps.pop_front().unwrap_or(Step::Waits))
    }

    fn send(&mut self, data: &[u8]) -> Res<()> {
        self.dtls.handle_timeout(Instant::now())?;
        self.poll()?;
        self.dtls.send_application_data(data)?;
        self.poll()
    }

    fn until_timeout(&mut self) -> Option<Duration> {
        let due = self.due?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    fn expire(&mut self) -> Res<()> {
        self.dtls.handle_timeout(Instant::now())?;
        self.poll()
    }

    fn srtp(&self) -> Option<Srtp> {
        self.srtp.clone()
    }
}
