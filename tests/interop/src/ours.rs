//! Our side's configuration.

use crate::Res;
use crate::case::{Case, ClientAuth, Versions, Wrong};
use crate::matrix::SUITES13;
use crate::pki::{OTHER_NAME, Pki};
use flightline::{
    ClientConfig, ConfigBuilder, Event, HandshakeType, Identity, Observer, Psk, RootCertificates,
    RootsVerifier, ServerConfig, ServerIdentity, ServerTrust, Settings, What,
};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const PSK_IDENTITY: &str = "sensor-7";
/// The key that the peer has. Where it is to be wrong, ours is.
pub const PSK: [u8; 16] = [0x5a; 16];
/// The label of the keys that both sides export.
pub const EXPORTER_LABEL: &str = "EXPORTER-interop";
pub const EXPORTED: usize = 32;
pub const WRONG_PSK: [u8; 16] = [0xa5; 16];
/// Our order of protocols, and the peer's.
pub const OUR_ALPN: [&str; 2] = ["chat", "coap"];
pub const THEIR_ALPN: [&str; 2] = ["coap", "chat"];

pub fn client_builder(
    case: &Case,
    pki: &Pki,
    watch: Arc<Watch>,
) -> Res<ConfigBuilder<ClientConfig>> {
    let trust = if case.psk {
        ServerTrust::psk(psk(case)?)
    } else {
        let authority = pki.certificate(case.trusted_by_client());
        ServerTrust::roots(RootCertificates::from_pem_file(authority)?)
    };
    let mut builder = shared(case, watch, ClientConfig::builder(trust));
    if let Some(name) = case.client_certificate() {
        builder = builder.identity(identity(pki, name)?);
    }
    Ok(builder)
}

pub fn server_builder(
    case: &Case,
    pki: &Pki,
    watch: Arc<Watch>,
) -> Res<ConfigBuilder<ServerConfig>> {
    let identity = if case.psk {
        ServerIdentity::psk(psk(case)?)
    } else {
        let main = identity(pki, case.kind.name())?;
        let other = case.other_name.then(|| identity(pki, "other"));
        let other = other.transpose()?;
        ServerIdentity::resolver(move |name: Option<&str>| match (name, &other) {
            (Some(OTHER_NAME), Some(other)) => vec![other.clone()],
            _ => vec![main.clone()],
        })
    };
    let verifier = || RootCertificates::from_pem_file(pki.ca()).map(RootsVerifier::new);
    let mut builder = shared(case, watch, ServerConfig::builder(identity));
    if !case.cookies {
        builder = builder.danger_without_hello_verification();
    }
    builder = match case.client_auth {
        ClientAuth::None => builder,
        ClientAuth::Optional(_) | ClientAuth::OptionalWithout => {
            builder.client_auth(flightline::ClientAuth::optional(verifier()?))
        }
        ClientAuth::Required(_) | ClientAuth::RequiredWithout => {
            builder.client_auth(flightline::ClientAuth::required(verifier()?))
        }
    };
    Ok(builder)
}

fn shared<C: AsMut<Settings>>(
    case: &Case,
    watch: Arc<Watch>,
    mut builder: ConfigBuilder<C>,
) -> ConfigBuilder<C> {
    builder = builder.versions(case.our_versions.list().iter().copied());
    if let Some(suite) = case.suite {
        builder = match (case.our_versions, case.is_of13()) {
            // An offer of both versions is one of suites of both.
            (Versions::Both, false) => builder.cipher_suites([suite].into_iter().chain(SUITES13)),
            _ => builder.cipher_suites([suite]),
        };
    }
    if let Some(groups) = case.our_groups() {
        builder = builder.groups(groups);
    }
    if case.alpn {
        builder = builder.alpn(OUR_ALPN);
    }
    if let Some(profile) = case.srtp {
        builder = builder.srtp_profiles([profile]);
    }
    if let Some(mtu) = case.mtu {
        builder = builder.mtu(mtu);
    }
    builder = builder.observer(watch);
    if case.wrong == Wrong::Psk {
        builder = builder.handshake_deadline(Duration::from_secs(8));
    }
    builder
}

/// Looks on: prints the flight log, if that is wanted, and keeps which messages went either way.
#[derive(Default)]
pub struct Watch {
    sent: Mutex<Messages>,
    received: Mutex<Messages>,
}

/// Their types, and their numbers.
type Messages = BTreeSet<(HandshakeType, u16)>;

impl Watch {
    /// Whether the message went either way.
    pub fn saw(&self, message: HandshakeType) -> bool {
        self.sent(message) || self.received(message)
    }

    pub fn sent(&self, message: HandshakeType) -> bool {
        has(&self.sent.lock().unwrap(), message)
    }

    pub fn received(&self, message: HandshakeType) -> bool {
        has(&self.received.lock().unwrap(), message)
    }

    /// Whether there was a ClientHello that was not the first.
    pub fn saw_second_hello(&self) -> bool {
        let second = (HandshakeType::CLIENT_HELLO, 1);
        self.sent.lock().unwrap().contains(&second)
            || self.received.lock().unwrap().contains(&second)
    }
}

fn has(messages: &Messages, wanted: HandshakeType) -> bool {
    messages.iter().any(|(message, _)| *message == wanted)
}

impl Observer for Watch {
    fn event(&self, event: &Event) {
        if crate::is_verbose() {
            println!("{event}");
        }
        let (way, messages) = match &event.what {
            What::FlightSent { messages, .. } => (&self.sent, messages),
            What::FlightReceived { messages } => (&self.received, messages),
            _ => return,
        };
        let messages = messages
            .iter()
            .filter_map(|m| Some((m.typ?, m.message_seq)));
        way.lock().unwrap().extend(messages);
    }
}

fn psk(case: &Case) -> Res<Psk> {
    let key = match case.wrong {
        Wrong::Psk => WRONG_PSK,
        _ => PSK,
    };
    Ok(Psk::new(PSK_IDENTITY, key)?)
}

fn identity(pki: &Pki, name: &str) -> Res<Identity> {
    Ok(Identity::from_pem_files(
        pki.certificate(name),
        pki.key(name),
    )?)
}
