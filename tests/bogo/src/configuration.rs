//! From flags to the library's configurations.

use crate::flags::Flags;
use crate::observer::Print;
use crate::process::Process;
use crate::stream::RunnersClock;
use crate::verifier::Verifier;
use flightline::{
    AlpnChoice, ClientAuth, ClientConfig, ConfigBuilder, Error, GiveUp, Identity, ProtocolVersion,
    Psk, Renegotiation, Retransmission, ServerConfig, ServerIdentity, ServerName, ServerTrust,
    Settings, SrtpProfile,
};
use std::sync::Arc;
use std::time::Duration;

/// The runner's schedule: 13 expiries, of which the last is fatal.
const INITIAL_TIMEOUT_MS: u64 = 400;
const MAXIMUM_TIMEOUT: Duration = Duration::from_secs(60);
const RESENDS: u32 = 12;

/// The longest Certificate message unless the flags say otherwise.
const CERTIFICATE_MESSAGE: usize = 100 * 1024;

/// The transport says how long datagrams may be; this must not be in its way.
const MTU: usize = 65_507;

pub fn client(flags: &Flags, process: &Process, verifier: Verifier) -> Result<ClientConfig, Error> {
    let trust = match flags.psk.is_empty() {
        true => ServerTrust::custom(verifier),
        false => {
            let psk = psk(flags)?;
            // Without a hint it is the same: a session is gone on with only then.
            let hint = flags.psk_identity.clone();
            ServerTrust::psk_for_hint(move |offered| {
                let fits = offered.is_none_or(|offered| offered == hint.as_bytes());
                fits.then(|| psk.clone())
            })
        }
    };
    let mut builder = shared(ClientConfig::builder(trust), flags, &process.clock)?;
    if !flags.cert_file.is_empty() {
        builder = builder.identity(identity(flags)?);
    }
    if flags.allow_unknown_alpn_protos {
        builder = builder.allow_unknown_alpn();
    }
    builder
        .alpn(protocols(&flags.advertise_alpn))
        .sessions(process.stores.client.clone())
        .build()
}

pub fn server(flags: &Flags, process: &Process, verifier: Verifier) -> Result<ServerConfig, Error> {
    let mut who = match flags.cert_file.is_empty() {
        true => ServerIdentity::default(),
        false if flags.no_server_name_ack => ServerIdentity::certificate(identity(flags)?),
        // A server acknowledges a name if it has certificates by name.
        false => {
            let identity = identity(flags)?;
            ServerIdentity::resolver(move |_: Option<&str>| vec![identity.clone()])
        }
    };
    if !flags.psk.is_empty() {
        who = who.with_psk(psk(flags)?).with_psk_hint(&flags.psk_identity);
    }
    let client_auth = if flags.verify_peer {
        ClientAuth::optional(verifier)
    } else if flags.require_any_client_certificate {
        ClientAuth::required(verifier)
    } else {
        ClientAuth::None
    };
    let mut builder = shared(ServerConfig::builder(who), flags, &process.clock)?;
    if let Some(choice) = alpn_choice(flags) {
        let expected = protocols(flags.expect_advertised_alpn.as_bytes());
        builder = builder.alpn_selector(move |offered: &[Vec<u8>]| {
            assert!(expected.is_empty() || offered == expected, "{offered:?}");
            choice.clone()
        });
    }
    builder = builder
        .client_auth(client_auth)
        .ticketer(process.stores.ticketer.clone())
        .sessions(process.stores.server.clone())
        .danger_without_hello_verification();
    if flags.no_ticket {
        builder = builder.without_resumption();
    }
    builder.build()
}

pub fn server_name(flags: &Flags) -> Result<ServerName, Error> {
    match flags.host_name.as_str() {
        "" => Ok(ServerName::unnamed()),
        name => ServerName::new(name),
    }
}

fn shared<C: AsMut<Settings>>(
    builder: ConfigBuilder<C>,
    flags: &Flags,
    clock: &Arc<RunnersClock>,
) -> Result<ConfigBuilder<C>, Error> {
    let initial = flags.initial_timeout_ms.unwrap_or(INITIAL_TIMEOUT_MS);
    let builder = builder
        .clock(clock.clone())
        .observer(Arc::new(Print))
        .mtu(MTU)
        .retransmission(Retransmission {
            initial: Duration::from_millis(initial),
            maximum: MAXIMUM_TIMEOUT,
            give_up: GiveUp::Resends(RESENDS),
            jitter: 0,
        })
        .suspicion(Duration::ZERO)
        .renegotiation(Renegotiation::Fatal);
    let versions = [
        (ProtocolVersion::DTLS1_3, flags.no_dtls13),
        (ProtocolVersion::DTLS1_2, flags.no_dtls12),
    ];
    let spoken = versions.iter().filter(|(_, without)| !without);
    let builder = builder.versions(spoken.map(|(version, _)| *version));
    let most = flags.max_certificate_message.unwrap_or(CERTIFICATE_MESSAGE);
    Ok(builder
        .max_certificate_message(most)
        .srtp_profiles(srtp_profiles(&flags.srtp_profiles)?))
}

fn identity(flags: &Flags) -> Result<Identity, Error> {
    Identity::from_pem_files(&flags.cert_file, &flags.key_file)
}

fn psk(flags: &Flags) -> Result<Psk, Error> {
    Psk::new(&flags.psk_identity, &flags.psk)
}

/// What a server says to the protocols that it is offered, if it looks at them.
fn alpn_choice(flags: &Flags) -> Option<AlpnChoice> {
    if flags.decline_alpn {
        Some(AlpnChoice::Decline)
    } else if flags.reject_alpn {
        Some(AlpnChoice::Refuse)
    } else if flags.select_empty_alpn || !flags.select_alpn.is_empty() {
        Some(AlpnChoice::Select(flags.select_alpn.clone().into_bytes()))
    } else {
        None
    }
}

/// Names as OpenSSL writes them, with colons in between.
fn srtp_profiles(names: &str) -> Result<Vec<SrtpProfile>, Error> {
    let profile = |name: &str| match name {
        "SRTP_AES128_CM_SHA1_80" => Ok(SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_80),
        "SRTP_AES128_CM_SHA1_32" => Ok(SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_32),
        _ => Err(Error::Config(format!("no SRTP profile {name}"))),
    };
    let names = names.split(':').filter(|name| !name.is_empty());
    names.map(profile).collect()
}

/// A list of names, each behind a byte with its length.
fn protocols(mut list: &[u8]) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    while let Some((length, rest)) = list.split_first() {
        let (name, rest) = rest.split_at(usize::from(*length));
        names.push(name.to_vec());
        list = rest;
    }
    names
}
