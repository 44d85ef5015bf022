//! The server of DTLS 1.2 from its ServerHello on (RFC 6347 §4.2.4, figure 1).

use super::auth::{self, Candidates, Credentials};
use super::io::Io;
use super::keys12::{Derivation, Keys, Randoms, psk_pre_master};
use super::known_session;
use super::new_session::Keeping;
use super::terms::Terms;
use super::{finished, resume12, signed};
use crate::certificate::PeerIdentity;
use crate::codec::DecodeError;
use crate::config::{ExtendedMasterSecret, Psk, ServerConfig};
use crate::crypto::{EphemeralKey, KeyExchange, Secret, Suite, random};
use crate::error::{Error, Result};
use crate::resumption::seconds;
use crate::session::Session;
use crate::wire::{
    Certificate, CertificateRequest, CertificateVerify, CipherSuite, ClientHello,
    ClientKeyExchange, DOWNGRADE_TO_12, EcdhOffer, Finished, NamedGroup, ProtocolVersion, Random,
    ServerExtensions, ServerHello, ServerHelloDone, ServerKeyExchange, SignedOffer,
};
use std::cell::LazyCell;
use std::sync::Arc;

pub(super) async fn run(
    mut io: Io,
    config: Arc<ServerConfig>,
    hello: ClientHello,
) -> Result<Session> {
    let derivation = agree(&config, &hello)?;
    let mut terms = Terms::choose(&config, &hello)?;
    if derivation == Derivation::Classic {
        // RFC 7627 §5.4: no keys are exported, so there are none for SRTP.
        terms.srtp_profile = None;
    }
    if let Some(known) = known_session::find(&config, &hello, derivation, &terms)? {
        return resume12::server(io, config, hello, terms, known).await;
    }
    let choice = choose(&config, &hello, &terms)?;
    let suite = choice.suite;
    let credentials = choice.method.credentials();
    let client_verifier = match credentials {
        Some(_) => auth::client_verifier(&config),
        // RFC 4279 §2: a PSK server asks for no certificate.
        None => None,
    };
    match (&client_verifier, credentials) {
        (Some(verifier), Some(ours)) => {
            io.keep_transcript(verifier.transcript_room(&config, ours));
        }
        (None, _) | (_, None) => io.fold_transcript(suite.hash),
    }
    let keeping = Keeping::choose(&config, &hello, derivation, client_verifier.as_ref())?;

    // Flight 4: our choice, who we are, our key, and who are you?
    let (session_id, session_ticket) = keeping.announce();
    let answer = ServerHello {
        version: ProtocolVersion::DTLS1_2,
        random: server_random(&config)?,
        session_id,
        cipher_suite: suite.id,
        compression_method: 0,
        extensions: ServerExtensions {
            session_ticket,
            // RFC 6066 §3: a server that uses the name says so.
            server_name: terms.server_name.is_some() && config.identity.uses_names(),
            ec_point_formats: suite.agrees_on_keys() && hello.extensions.supported_groups.is_some(),
            ..extensions(&hello, derivation, &terms)
        },
    };
    let randoms = Randoms {
        client: hello.random,
        server: answer.random,
    };
    io.send(&answer)?;
    if let Some(credentials) = credentials {
        io.send(&credentials.certificate())?;
    }
    let (exchange, ours) = key_exchange(&config, &choice.method, randoms)?;
    if let Some(exchange) = exchange {
        io.send(&exchange)?;
    }
    if client_verifier.is_some() {
        io.send(&CertificateRequest {
            schemes: auth::schemes(),
        })?;
    }
    io.send(&ServerHelloDone)?;

    // Flight 5: who is the client, what is its key, and does it hold them?
    let chain = match &client_verifier {
        None => Vec::new(),
        Some(verifier) => {
            let chain = io.recv::<Certificate>().await?.chain;
            verifier.verify(&config, &chain)?;
            chain
        }
    };
    let exchange = io.recv::<ClientKeyExchange>().await?;
    let agreement = agree_on_key(&config, ours, exchange)?;
    let keys = Keys::derive(&mut io, suite, derivation, &agreement.pre_master, randoms);
    if !chain.is_empty() {
        let verify = io.recv::<CertificateVerify>().await?;
        let signed = io.transcript_before_last();
        auth::verify(&chain, verify.scheme, signed, &verify.signature)?;
    }
    io.fold_transcript(suite.hash);
    let expected = keys.client_finished(&io);
    io.expect_change_cipher_spec(keys.server_read()?);
    finished::verify(&io.recv::<Finished>().await?, &expected)?;

    let session = Session {
        version: answer.version,
        cipher_suite: suite.id,
        alpn: terms.alpn,
        srtp_profile: terms.srtp_profile,
        peer_identity: match (agreement.psk_identity, chain.is_empty()) {
            (Some(identity), _) => PeerIdentity::Psk(identity),
            (None, true) => PeerIdentity::Anonymous,
            (None, false) => PeerIdentity::Certificate(chain),
        },
        server_name: terms.server_name,
        resumed: false,
        exporter: keys.exporter(),
        tickets: None,
    };

    // Flight 6: perhaps a ticket; and we have seen the same handshake.
    let created = seconds(config.settings.clock.date());
    let mark = config.client_mark(&session.peer_identity)?;
    let state = session.state(keys.master(), created, mark);
    if let Some(ticket) = keeping.keep(&config, &state) {
        io.send(&ticket)?;
    }
    io.send_change_cipher_spec(keys.server_write()?);
    io.send(&keys.server_finished(&io))?;
    Ok(session)
}

/// A server that speaks a newer version says so to clients that do, too (RFC 8446 §4.1.3).
pub(super) fn server_random(config: &ServerConfig) -> Result<Random> {
    let mut random: Random = random::array()?;
    if config.suites13().next().is_some() {
        if let Some(end) = random.last_chunk_mut() {
            *end = DOWNGRADE_TO_12;
        }
    }
    Ok(random)
}

fn agree(config: &ServerConfig, hello: &ClientHello) -> Result<Derivation> {
    if !hello.compression_methods.contains(&0) {
        return Err(Error::IllegalParameter("list of compression methods"));
    }
    // RFC 5746 §3.6: nothing to renegotiate, so nothing to prove.
    if hello
        .extensions
        .renegotiation_info
        .as_ref()
        .is_some_and(|data| !data.is_empty())
    {
        return Err(Error::BadRenegotiationInfo);
    }
    match hello.extensions.extended_master_secret {
        true => Ok(Derivation::Extended),
        false if config.settings.extended_master_secret == ExtendedMasterSecret::Optional => {
            Ok(Derivation::Classic)
        }
        false => Err(Error::NoExtendedMasterSecret),
    }
}

/// What a full handshake needs beyond that.
struct Choice {
    suite: &'static Suite,
    method: Method,
}

/// How the two sides agree on keys, with what this server needs for it.
enum Method {
    Ecdhe(NamedGroup, Credentials),
    EcdhePsk(NamedGroup),
    Psk,
}

impl Method {
    fn credentials(&self) -> Option<&Credentials> {
        match self {
            Method::Ecdhe(_, credentials) => Some(credentials),
            Method::EcdhePsk(_) | Method::Psk => None,
        }
    }
}

fn choose(config: &ServerConfig, hello: &ClientHello, terms: &Terms) -> Result<Choice> {
    let group = choose_group(config, hello);
    // A resolver is asked once, and only where a certificate is wanted.
    let candidates = LazyCell::new(|| Candidates::find(config, terms.server_name.as_deref()));
    let common: Vec<_> = config
        .suites()
        .filter(|suite| hello.cipher_suites.contains(&suite.id))
        .collect();
    let choose = |suite: &&'static Suite| {
        let method = match suite.key_exchange {
            KeyExchange::Ecdhe(_) => Method::Ecdhe(group?, candidates.for_suite(suite, hello)?),
            KeyExchange::EcdhePsk => Method::EcdhePsk(group?),
            KeyExchange::Psk => Method::Psk,
        };
        Some(Choice { suite, method })
    };
    if let Some(choice) = common.iter().find_map(choose) {
        return Ok(choice);
    }
    // Which agreement is missing.
    let known = auth::schemes();
    let mut theirs = hello.extensions.signature_algorithms.iter().flatten();
    Err(if common.is_empty() {
        Error::NoCommonCipherSuite
    } else if group.is_none() && common.iter().all(|s| s.agrees_on_keys()) {
        Error::NoCommonGroup
    } else if candidates.is_empty() {
        Error::UnknownServerName(terms.server_name.clone())
    } else if common.iter().all(|s| !s.uses_psk()) && !theirs.any(|s| known.contains(s)) {
        Error::NoCommonSignatureScheme
    } else {
        Error::NoCommonCipherSuite
    })
}

/// RFC 8422 §4: a client that names no groups leaves the choice to the server.
fn choose_group(config: &ServerConfig, hello: &ClientHello) -> Option<NamedGroup> {
    let ours = &config.settings.groups;
    match &hello.extensions.supported_groups {
        None => ours.first().copied(),
        Some(theirs) => ours.iter().copied().find(|group| theirs.contains(group)),
    }
}

/// Answers only what the client asked for (RFC 5246 §7.4.1.4).
pub(super) fn extensions(
    hello: &ClientHello,
    derivation: Derivation,
    terms: &Terms,
) -> ServerExtensions {
    let signal = CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV;
    let renegotiation =
        hello.extensions.renegotiation_info.is_some() || hello.cipher_suites.contains(&signal);
    ServerExtensions {
        extended_master_secret: derivation == Derivation::Extended,
        renegotiation_info: renegotiation.then(Vec::new),
        ..terms.extensions()
    }
}

/// Our half of the key agreement.
enum Ours {
    Ecdhe(EphemeralKey),
    EcdhePsk(EphemeralKey),
    Psk,
}

/// The ServerKeyExchange; a plain PSK server without a hint has none (RFC 4279 §2).
fn key_exchange(
    config: &ServerConfig,
    method: &Method,
    randoms: Randoms,
) -> Result<(Option<ServerKeyExchange>, Ours)> {
    let hint = &config.identity.psk_hint;
    Ok(match method {
        Method::Ecdhe(group, credentials) => {
            let (key, offer) = offer(*group)?;
            let signed = SignedOffer {
                scheme: credentials.scheme(),
                signature: credentials.sign(&signed::server_key_exchange(randoms, &offer))?,
                offer,
            };
            (Some(ServerKeyExchange::ecdhe(&signed)), Ours::Ecdhe(key))
        }
        Method::EcdhePsk(group) => {
            let (key, offer) = offer(*group)?;
            let exchange = ServerKeyExchange::ecdhe_psk(hint, &offer);
            (Some(exchange), Ours::EcdhePsk(key))
        }
        Method::Psk => {
            let exchange = (!hint.is_empty()).then(|| ServerKeyExchange::psk(hint));
            (exchange, Ours::Psk)
        }
    })
}

fn offer(group: NamedGroup) -> Result<(EphemeralKey, EcdhOffer)> {
    let (key, share) = EphemeralKey::generate(group)?;
    Ok((key, EcdhOffer { group, share }))
}

/// The premaster secret, and who the client says it is.
struct KeyAgreement {
    pre_master: Secret,
    psk_identity: Option<Vec<u8>>,
}

fn agree_on_key(
    config: &ServerConfig,
    ours: Ours,
    exchange: ClientKeyExchange,
) -> Result<KeyAgreement> {
    let malformed = |cause: DecodeError| Error::Decode {
        what: "CLIENT_KEY_EXCHANGE",
        cause,
    };
    match ours {
        Ours::Ecdhe(key) => {
            let share = exchange.as_ecdhe().map_err(malformed)?;
            Ok(KeyAgreement {
                pre_master: key.complete(&share)?,
                psk_identity: None,
            })
        }
        Ours::EcdhePsk(key) => {
            let (identity, share) = exchange.as_ecdhe_psk().map_err(malformed)?;
            let agreed = key.complete(&share)?;
            let pre_master = psk_pre_master(&find_psk(config, &identity)?, Some(&agreed));
            Ok(KeyAgreement {
                pre_master,
                psk_identity: Some(identity),
            })
        }
        Ours::Psk => {
            let identity = exchange.as_psk().map_err(malformed)?;
            let pre_master = psk_pre_master(&find_psk(config, &identity)?, None);
            Ok(KeyAgreement {
                pre_master,
                psk_identity: Some(identity),
            })
        }
    }
}

/// An unknown identity goes on with a random key, so that it looks to the client as a wrong key does
/// (RFC 4279 §2, hazards D21 and J7).
fn find_psk(config: &ServerConfig, identity: &[u8]) -> Result<Psk> {
    match config
        .identity
        .psk
        .as_ref()
        .and_then(|lookup| lookup.find(identity))
    {
        Some(psk) => Ok(psk),
        None => Psk::new("unknown", Secret::random(32)?.as_bytes()),
    }
}
