//! What both sides of a variant are told, and what they know of each other. All of it is fixed.

use super::oracle::Mode;
use super::symbol::Role;
use super::variants::{ClientCertificates, Method, SecondHello, Session, Variant};
use crate::certificate::{Identity, PeerIdentity, PinnedVerifier, ServerName};
use crate::config::{
    ClientAuth, ClientConfig, ConfigBuilder, Psk, ServerConfig, ServerIdentity, ServerTrust,
};
use crate::crypto::Secret;
use crate::resumption::{
    ClientSession, ClientSessions, Handle, OpenedTicket, ServerSessions, SessionState, Ticketer,
    seconds,
};
use crate::timer::Clock;
use crate::wire::{NamedGroup, ProtocolVersion};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Of the earlier session, where there is one.
pub(super) const MASTER: [u8; 48] = [7; 48];
/// In DTLS 1.3 a session has a pre-shared key instead, as long as its hash.
pub(super) const TICKET_SECRET: [u8; 32] = [7; 32];
pub(super) const TICKET: [u8; 40] = [8; 40];
pub(super) const SESSION_ID: [u8; 32] = [9; 32];

/// The subject's side of a variant.
#[derive(Clone)]
pub(super) enum Config {
    Client(Arc<ClientConfig>),
    Server(Arc<ServerConfig>),
}

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn date(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }
}

/// The certificate that either side shows, with its key. Ed25519 signs the same in the same way each time.
pub(super) fn identity() -> &'static Identity {
    static MADE: OnceLock<Identity> = OnceLock::new();
    MADE.get_or_init(|| {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let params = rcgen::CertificateParams::new(vec!["peer.test".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Identity::from_der(vec![certificate.der().to_vec()], &key.serialize_der()).unwrap()
    })
}

pub(super) fn psk() -> Psk {
    Psk::new("tester", [0x42; 32]).unwrap()
}

pub(super) fn config(variant: &Variant, mode: Mode) -> Config {
    match variant.subject {
        Role::Client => Config::Client(Arc::new(client(variant, mode).build().unwrap())),
        Role::Server => Config::Server(Arc::new(server(variant, mode).build().unwrap())),
    }
}

fn client(variant: &Variant, mode: Mode) -> ConfigBuilder<ClientConfig> {
    let trust = match variant.method {
        Method::Psk | Method::EcdhePsk => ServerTrust::psk(psk()),
        Method::Ecdhe => ServerTrust::pinned([identity().fingerprint()]),
    };
    let mut client = ClientConfig::builder(trust)
        .versions(variant.versions())
        .cipher_suites(variant.suites())
        .groups(match variant.second_hello {
            SecondHello::Group => vec![NamedGroup::X25519, NamedGroup::SECP256R1],
            _ => vec![NamedGroup::X25519],
        })
        .clock(Arc::new(Still));
    client = match variant.session {
        Session::Once => client.without_resumption(),
        Session::NewTicket => client.sessions(Kept(None, variant.into())),
        Session::ByTicket | Session::ByOldTicket => {
            client.sessions(Kept(Some(ticket(variant)), variant.into()))
        }
        Session::ById => {
            client.sessions(Kept(Some(Handle::Id(SESSION_ID.to_vec())), variant.into()))
        }
    };
    if variant.certificates != ClientCertificates::No {
        client = client.identity(identity().clone());
    }
    match mode {
        Mode::Strict => client.suspicion(Duration::ZERO),
        Mode::Patient => client,
    }
}

fn server(variant: &Variant, mode: Mode) -> ConfigBuilder<ServerConfig> {
    let itself = match variant.method {
        Method::Psk | Method::EcdhePsk => ServerIdentity::psk(psk()),
        Method::Ecdhe => ServerIdentity::certificate(identity().clone()),
    };
    let verifier = || PinnedVerifier::new([identity().fingerprint()]);
    let mut server = ServerConfig::builder(itself)
        .versions(variant.versions())
        .cipher_suites(variant.suites())
        .groups([NamedGroup::X25519])
        .clock(Arc::new(Still))
        .client_auth(match variant.certificates {
            ClientCertificates::No => ClientAuth::None,
            ClientCertificates::Optional => ClientAuth::optional(verifier()),
            ClientCertificates::Required => ClientAuth::required(verifier()),
        });
    server = match variant.session {
        Session::Once => server.without_resumption(),
        Session::ById => server
            .without_tickets()
            .sessions(Kept(None, variant.into())),
        _ => server
            .without_session_cache()
            .ticketer(Kept(None, variant.into())),
    };
    if variant.second_hello != SecondHello::Cookie {
        server = server.danger_without_hello_verification();
    }
    match mode {
        Mode::Strict => server.suspicion(Duration::ZERO),
        Mode::Patient => server,
    }
}

fn ticket(variant: &Variant) -> Handle {
    match variant.is_13() {
        true => Handle::Ticket13 {
            ticket: TICKET.to_vec(),
            age_add: 0,
            received: seconds(Still.date()),
        },
        false => Handle::Ticket(TICKET.to_vec()),
    }
}

/// The earlier session, which is not used up. A client keeps it under a handle.
struct Kept(Option<Handle>, Earlier);

#[derive(Clone, Copy)]
struct Earlier {
    version: ProtocolVersion,
    suite: crate::wire::CipherSuite,
    ageing: bool,
    peer: fn() -> PeerIdentity,
    /// What makes it the client's own.
    client_mark: fn() -> Vec<u8>,
}

impl From<&Variant> for Earlier {
    fn from(variant: &Variant) -> Earlier {
        Earlier {
            version: variant.version,
            suite: variant.suite(),
            ageing: variant.session == Session::ByOldTicket,
            peer: match (variant.subject, variant.method) {
                (Role::Client, Method::Psk | Method::EcdhePsk) => {
                    || PeerIdentity::Psk(psk().identity().to_vec())
                }
                _ => || PeerIdentity::Anonymous,
            },
            client_mark: match (variant.method, variant.certificates) {
                (Method::Psk | Method::EcdhePsk, _) => || psk().mark().unwrap(),
                (_, ClientCertificates::No) => Vec::new,
                _ => || identity().fingerprint().as_bytes().to_vec(),
            },
        }
    }
}

impl Earlier {
    fn state(self) -> SessionState {
        SessionState {
            version: self.version,
            cipher_suite: self.suite,
            master: Secret::new(match self.version {
                ProtocolVersion::DTLS1_3 => TICKET_SECRET.to_vec(),
                _ => MASTER.to_vec(),
            }),
            created: seconds(Still.date()),
            server_name: None,
            alpn: None,
            peer: (self.peer)(),
            client_mark: (self.client_mark)(),
        }
    }

    fn bytes(self) -> Vec<u8> {
        self.state().encode().as_bytes().to_vec()
    }
}

impl ClientSessions for Kept {
    fn put(&self, _: &ServerName, _: ClientSession) {}

    fn take(&self, server: &ServerName) -> Option<ClientSession> {
        let handle = self.0.clone()?;
        let date = Still.date();
        Some(ClientSession::new(
            server,
            handle,
            self.1.state(),
            None,
            date,
        ))
    }
}

impl ServerSessions for Kept {
    fn put(&self, _: &[u8], _: &[u8]) {}

    fn get(&self, id: &[u8]) -> Option<Vec<u8>> {
        (id == SESSION_ID).then(|| self.1.bytes())
    }
}

impl Ticketer for Kept {
    fn seal(&self, _: &[u8]) -> Option<Vec<u8>> {
        Some(TICKET.to_vec())
    }

    fn open(&self, ticket: &[u8]) -> Option<OpenedTicket> {
        (ticket == TICKET).then(|| match self.1.ageing {
            true => OpenedTicket::Ageing(self.1.bytes()),
            false => OpenedTicket::Fresh(self.1.bytes()),
        })
    }

    fn lifetime(&self) -> Duration {
        Duration::from_secs(60 * 60)
    }
}
