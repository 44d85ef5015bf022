//! The server of DTLS 1.3 from its choice on (RFC 9147 §5.7, figures 8 and 9).

use super::auth::{self, Candidates, Credentials};
use super::io::Io;
use super::keys13::{APPLICATION, EarlySecret, HandshakeSecret, MasterSecret};
use super::new_session;
use super::psk13::{self, ChosenPsk};
use super::terms::Terms;
use super::{certificate13, finished, signed};
use crate::certificate::PeerIdentity;
use crate::config::ServerConfig;
use crate::cookie::RetryState;
use crate::crypto::{self, Suite13, random};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::wire::{
    Certificate13, CertificateRequest13, CertificateVerify, ClientHello, EncryptedExtensions,
    ExtensionType, Finished, HELLO_RETRY_REQUEST, KeyShare, KeyShareAnswer, NamedGroup,
    ProtocolVersion, ServerExtensions, ServerHello,
};
use std::sync::Arc;

pub(super) async fn run(
    mut io: Io,
    config: Arc<ServerConfig>,
    mut hello: ClientHello,
    retried: Option<RetryState>,
) -> Result<Session> {
    // Flights 2 and 3, if there is no share that we can answer: another one, please. Where a cookie was
    // asked for, the gate has been through this, and there is no third time.
    check_old_fields(&hello)?;
    let suite = match retried {
        // RFC 8446 §4.1.4: the suite of the HelloRetryRequest, which may be another server's that shares its cookies.
        Some(state) => state.suite,
        None => choose_suite(&config, &hello)?,
    };
    let share = match (choose_share(&config, &hello)?, retried) {
        (Share::Offered(share), None) => share,
        (Share::Offered(share), Some(state)) if state.group.is_none_or(|g| g == share.group) => {
            share
        }
        (_, Some(_)) => return Err(Error::IllegalParameter("share after a HelloRetryRequest")),
        (Share::Wanted(group), None) => {
            io.collapse_first_hello(suite.hash);
            io.send(&retry_request(suite, group))?;
            let second = io.recv::<ClientHello>().await?;
            check_second_hello(&hello, &second)?;
            hello = second;
            match choose_share(&config, &hello)? {
                Share::Offered(share) if share.group == group => share,
                Share::Offered(_) | Share::Wanted(_) => {
                    return Err(Error::IllegalParameter("share after a HelloRetryRequest"));
                }
            }
        }
    };
    let terms = Terms::choose(&config, &hello)?;
    let psk = psk13::choose(&io, &config, &hello, &terms, suite)?;
    let credentials = match psk {
        Some(_) => None,
        None => Some(choose_credentials(&config, &hello, &terms)?),
    };
    let client_verifier = match psk {
        Some(_) => None,
        None => auth::client_verifier(&config),
    };

    // Flight 4: our choice, and from here on under keys; who we are, and who are you?
    let (answer, shared) = crypto::respond(share.group, &share.share)?;
    io.send(&ServerHello {
        version: ProtocolVersion::DTLS1_2,
        random: random::array()?,
        session_id: Vec::new(),
        cipher_suite: suite.id,
        compression_method: 0,
        extensions: ServerExtensions {
            selected_version: Some(ProtocolVersion::DTLS1_3),
            key_share: Some(KeyShareAnswer::Share(KeyShare {
                group: share.group,
                share: answer,
            })),
            pre_shared_key: psk.as_ref().map(|psk| psk.index),
            ..ServerExtensions::default()
        },
    })?;
    let none = EarlySecret::new(suite.hkdf(), None);
    let early = psk.as_ref().map_or(&none, |psk| &psk.early);
    let keys = HandshakeSecret::derive(&mut io, suite, early, &shared, hello.random)?;
    io.change_write_keys(keys.server_write()?);
    io.change_read_keys(keys.server_read()?);
    io.send(&EncryptedExtensions {
        extensions: ServerExtensions {
            // RFC 6066 §3: a server that uses the name says so, but not again to a client that it knows.
            server_name: psk.is_none()
                && terms.server_name.is_some()
                && config.identity.uses_names(),
            ..terms.extensions()
        },
    })?;
    if client_verifier.is_some() {
        io.send(&CertificateRequest13 {
            context: Vec::new(),
            schemes: Some(auth::schemes()),
        })?;
    }
    if let Some(credentials) = &credentials {
        io.send(&credentials.certificate13(Vec::new()))?;
        let signed = signed::by_server13(&io.transcript_hash(suite.hash));
        io.send(&credentials.certificate_verify(&signed)?)?;
    }
    io.send(&keys.server_finished(&io)?)?;
    let master = MasterSecret::derive(&mut io, &keys, hello.random)?;
    io.change_write_keys(master.server.sealer(APPLICATION)?);

    // Flight 5: who the client is, and that it has seen the same handshake.
    let chain = match &client_verifier {
        None => Vec::new(),
        Some(verifier) => {
            let chain = certificate13::chain(io.recv::<Certificate13>().await?)?;
            verifier.verify13(&config, &chain)?;
            chain
        }
    };
    if !chain.is_empty() {
        let signed = signed::by_client13(&io.transcript_hash(suite.hash));
        let verify = io.recv::<CertificateVerify>().await?;
        auth::verify13(&chain, verify.scheme, &signed, &verify.signature)?;
    }
    let expected = keys.client_finished(&io)?;
    finished::verify(&io.recv::<Finished>().await?, &expected)?;
    io.change_read_keys(master.client.opener(APPLICATION)?);
    io.acknowledge();

    let session = Session {
        version: ProtocolVersion::DTLS1_3,
        cipher_suite: suite.id,
        alpn: terms.alpn,
        srtp_profile: terms.srtp_profile,
        peer_identity: match &psk {
            Some(psk) => psk.peer(),
            None if chain.is_empty() => PeerIdentity::Anonymous,
            None => PeerIdentity::Certificate(chain),
        },
        server_name: terms.server_name,
        resumed: psk.as_ref().is_some_and(ChosenPsk::is_resumption),
        exporter: Some(master.exporter()),
        tickets: None,
    };

    // Behind the handshake: tickets.
    let resumption = master.resumption(&io)?;
    let created = psk.as_ref().and_then(ChosenPsk::created);
    for ticket in new_session::tickets13(&config, &hello, &session, &resumption, created)? {
        io.send(&ticket)?;
    }
    let (read, write) = (master.client.clone(), master.server.clone());
    io.follow(APPLICATION, read, write);
    Ok(session)
}

/// What older versions use says nothing.
fn check_old_fields(hello: &ClientHello) -> Result<()> {
    // RFC 9147 §5.3.
    if !hello.cookie.is_empty() {
        return Err(Error::IllegalParameter("legacy cookie"));
    }
    // RFC 8446 §4.1.2.
    if hello.compression_methods != [0] {
        return Err(Error::IllegalParameter("list of compression methods"));
    }
    Ok(())
}

/// The gate that has sent a HelloRetryRequest has chosen the same.
fn choose_suite(config: &ServerConfig, hello: &ClientHello) -> Result<&'static Suite13> {
    let mut suites = config.suites13();
    suites
        .find(|suite| hello.cipher_suites.contains(&suite.id))
        .ok_or(Error::NoCommonCipherSuite)
}

/// The share for the key agreement.
enum Share {
    Offered(KeyShare),
    /// One in this group would do.
    Wanted(NamedGroup),
}

fn choose_share(config: &ServerConfig, hello: &ClientHello) -> Result<Share> {
    let extensions = &hello.extensions;
    let missing = |typ| move || Error::MissingExtension(typ);
    // RFC 8446 §9.2.
    let shares = extensions.key_shares.as_ref();
    let shares = shares.ok_or_else(missing(ExtensionType::KEY_SHARE))?;
    let groups = extensions.supported_groups.as_ref();
    let groups = groups.ok_or_else(missing(ExtensionType::SUPPORTED_GROUPS))?;
    // RFC 8446 §4.2.8: one share a group, in the order of the groups.
    let mut of_shares: Vec<NamedGroup> = shares.iter().map(|share| share.group).collect();
    of_shares.sort_unstable();
    of_shares.dedup();
    if of_shares.len() != shares.len() || of_shares.iter().any(|group| !groups.contains(group)) {
        return Err(Error::IllegalParameter("list of shares"));
    }
    let ours = || config.settings.groups.iter();
    let offered = ours().find_map(|group| shares.iter().find(|share| share.group == *group));
    if let Some(share) = offered {
        return Ok(Share::Offered(share.clone()));
    }
    let wanted = ours().find(|group| groups.contains(group));
    wanted
        .copied()
        .map(Share::Wanted)
        .ok_or(Error::NoCommonGroup)
}

fn retry_request(suite: &Suite13, group: NamedGroup) -> ServerHello {
    ServerHello {
        version: ProtocolVersion::DTLS1_2,
        random: HELLO_RETRY_REQUEST,
        session_id: Vec::new(),
        cipher_suite: suite.id,
        compression_method: 0,
        extensions: ServerExtensions {
            selected_version: Some(ProtocolVersion::DTLS1_3),
            key_share: Some(KeyShareAnswer::Group(group)),
            ..ServerExtensions::default()
        },
    }
}

/// RFC 8446 §4.1.2: but for what the HelloRetryRequest asked for, the second hello is the first.
fn check_second_hello(first: &ClientHello, second: &ClientHello) -> Result<()> {
    let same = |hello: &ClientHello| {
        let mut hello = hello.clone();
        hello.extensions.key_shares = None;
        hello.extensions.cookie = None;
        hello.extensions.early_data = false;
        hello.extensions.pre_shared_key = None;
        hello
    };
    match same(first) == same(second) {
        true => Ok(()),
        false => Err(Error::IllegalParameter("second ClientHello")),
    }
}

fn choose_credentials(
    config: &ServerConfig,
    hello: &ClientHello,
    terms: &Terms,
) -> Result<Credentials> {
    if !config.identity.has_certificates() {
        // Hazard D21: an unknown identity looks as a wrong key does.
        return Err(match hello.extensions.pre_shared_key {
            Some(_) => Error::UnknownPskIdentity,
            None => Error::NoCommonCipherSuite,
        });
    }
    // RFC 8446 §4.2.3 and §9.2.
    let missing = Error::MissingExtension(ExtensionType::SIGNATURE_ALGORITHMS);
    let accepted = hello
        .extensions
        .signature_algorithms
        .as_ref()
        .ok_or(missing)?;
    let candidates = Candidates::find(config, terms.server_name.as_deref());
    if candidates.is_empty() {
        return Err(match &terms.server_name {
            Some(_) => Error::UnknownServerName(terms.server_name.clone()),
            // RFC 8446 §9.2.
            None => Error::MissingExtension(ExtensionType::SERVER_NAME),
        });
    }
    candidates
        .for_13(accepted)
        .ok_or(Error::NoCommonSignatureScheme)
}
