//! The client of DTLS 1.2 from ServerHello on (RFC 6347 §4.2.4, figure 1).

use super::auth;
use super::io::Io;
use super::keys12::{Derivation, Keys, Randoms, psk_pre_master};
use super::offered_session::OfferedSession;
use super::{finished, resume12, signed, terms};
use crate::certificate::{PeerIdentity, ServerName};
use crate::codec::DecodeError;
use crate::config::{ClientConfig, ExtendedMasterSecret, Psk, Trust};
use crate::crypto::{self, KeyExchange, Secret, Suite};
use crate::error::{Error, Result};
use crate::resumption::seconds;
use crate::session::Session;
use crate::wire::{
    Certificate, CertificateRequest, ClientHello, ClientKeyExchange, EcdhOffer, ExtensionType,
    Finished, ServerHello, ServerHelloDone, ServerKeyExchange,
};
use std::sync::Arc;

pub(super) async fn run(
    mut io: Io,
    config: Arc<ClientConfig>,
    server: ServerName,
    hello: ClientHello,
    offered: &mut OfferedSession,
    answer: ServerHello,
) -> Result<Session> {
    let earlier = offered.answered(&hello, &answer);
    let agreed = agree(&config, &hello, &answer)?;
    if let Some(earlier) = earlier {
        return resume12::client(io, config, server, agreed, answer, earlier).await;
    }
    let Agreed {
        suite,
        derivation,
        randoms,
    } = agreed;

    match auth::client_transcript_room(&config) {
        Some(room) if !suite.uses_psk() => io.keep_transcript(room),
        _ => io.fold_transcript(suite.hash),
    }

    // Flight 4: who is the server, and which key does it offer?
    let (theirs, request) = match suite.key_exchange {
        // RFC 4279 §2: without a hint, a plain PSK server has nothing to say here.
        KeyExchange::Psk => {
            let (exchange, ServerHelloDone) = io.recv_optional().await?;
            (Theirs::Psk(exchange), None)
        }
        KeyExchange::EcdhePsk => {
            let exchange = io.recv().await?;
            io.recv::<ServerHelloDone>().await?;
            (Theirs::EcdhePsk(exchange), None)
        }
        KeyExchange::Ecdhe(_) => {
            let chain = io.recv::<Certificate>().await?.chain;
            let exchange = io.recv().await?;
            let (request, ServerHelloDone) = io.recv_optional::<CertificateRequest, _>().await?;
            auth::verify_server(&config, &server, suite, &chain)?;
            (Theirs::Ecdhe { chain, exchange }, request)
        }
    };
    let agreement = agree_on_key(&config, theirs, randoms)?;

    // Flight 5: identify ourselves if asked, agree on keys, switch to them.
    let credentials = request
        .as_ref()
        .and_then(|request| auth::client_credentials(&config, request));
    if request.is_some() {
        // RFC 5246 §7.4.6: a client that has none says so by an empty chain.
        let none = || Certificate { chain: Vec::new() };
        io.send(
            &credentials
                .as_ref()
                .map_or_else(none, |credentials| credentials.certificate()),
        )?;
    }
    io.send(&agreement.message)?;
    let keys = Keys::derive(&mut io, suite, derivation, &agreement.pre_master, randoms);
    if let Some(credentials) = &credentials {
        let verify = credentials.certificate_verify(io.transcript())?;
        io.send(&verify)?;
    }
    io.fold_transcript(suite.hash);
    io.send_change_cipher_spec(keys.client_write()?);
    io.send(&keys.client_finished(&io))?;

    // Flight 6: perhaps a ticket; and the server has seen the same handshake and holds the same keys.
    let ticket = resume12::recv_ticket(&mut io, &answer).await?;
    let expected = keys.server_finished(&io);
    io.expect_change_cipher_spec(keys.client_read()?);
    finished::verify(&io.recv::<Finished>().await?, &expected)?;

    let session = Session {
        version: answer.version,
        cipher_suite: suite.id,
        alpn: answer.extensions.alpn,
        srtp_profile: answer.extensions.use_srtp.map(|choice| choice.profile),
        peer_identity: agreement.peer,
        server_name: server.sni().map(str::to_owned),
        resumed: false,
        exporter: keys.exporter(),
        tickets: None,
    };
    // RFC 7627 §5.3: without the extended master secret a session is not gone on with.
    if derivation == Derivation::Extended {
        let created = seconds(config.settings.clock.date());
        let mark = match &agreement.psk {
            Some(psk) => psk.mark()?,
            None => config.certificate_mark(),
        };
        let state = session.state(keys.master(), created, mark);
        resume12::keep(&config, &server, state, ticket, &answer.session_id);
    }
    Ok(session)
}

/// What follows from the server's choice.
pub(super) struct Agreed {
    pub(super) suite: &'static Suite,
    pub(super) derivation: Derivation,
    pub(super) randoms: Randoms,
}

/// Whether the server's choice is among what was offered.
fn agree(config: &ClientConfig, hello: &ClientHello, answer: &ServerHello) -> Result<Agreed> {
    let suite = Suite::find(answer.cipher_suite)
        .filter(|suite| hello.cipher_suites.contains(&suite.id))
        .ok_or(Error::SuiteNotOffered(answer.cipher_suite))?;
    if answer.compression_method != 0 {
        return Err(Error::IllegalParameter("compression method"));
    }
    let offered = |typ: &ExtensionType| match *typ {
        ExtensionType::SERVER_NAME => hello.extensions.server_name.is_some(),
        ExtensionType::EC_POINT_FORMATS => hello.extensions.supported_groups.is_some(),
        ExtensionType::USE_SRTP => hello.extensions.srtp_profiles.is_some(),
        ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION => hello.extensions.alpn.is_some(),
        ExtensionType::SESSION_TICKET => hello.extensions.session_ticket.is_some(),
        ExtensionType::EXTENDED_MASTER_SECRET | ExtensionType::RENEGOTIATION_INFO => true,
        _ => false,
    };
    // RFC 5246 §7.4.1.4: an answer to what was not asked is fatal.
    if let Some(unsolicited) = answer.extensions.types.iter().find(|typ| !offered(typ)) {
        return Err(Error::UnsolicitedExtension(*unsolicited));
    }
    // RFC 5746 §3.4: nothing to renegotiate, so nothing to prove.
    if answer
        .extensions
        .renegotiation_info
        .as_ref()
        .is_some_and(|data| !data.is_empty())
    {
        return Err(Error::BadRenegotiationInfo);
    }
    terms::check(config, &answer.extensions)?;
    let derivation = match answer.extensions.extended_master_secret {
        true => Derivation::Extended,
        // RFC 7627 §5.4: no keys are exported, so there are none for SRTP.
        false
            if config.settings.extended_master_secret == ExtendedMasterSecret::Optional
                && answer.extensions.use_srtp.is_none() =>
        {
            Derivation::Classic
        }
        false => return Err(Error::NoExtendedMasterSecret),
    };
    Ok(Agreed {
        suite,
        derivation,
        randoms: Randoms {
            client: hello.random,
            server: answer.random,
        },
    })
}

/// The server's half of the key agreement, and what proves who it is.
enum Theirs {
    Psk(Option<ServerKeyExchange>),
    EcdhePsk(ServerKeyExchange),
    Ecdhe {
        chain: Vec<Vec<u8>>,
        exchange: ServerKeyExchange,
    },
}

/// The premaster secret, the message that lets the server compute it, and who the server is then.
struct KeyAgreement {
    pre_master: Secret,
    message: ClientKeyExchange,
    peer: PeerIdentity,
    psk: Option<Psk>,
}

fn agree_on_key(config: &ClientConfig, theirs: Theirs, randoms: Randoms) -> Result<KeyAgreement> {
    let malformed = |cause: DecodeError| Error::Decode {
        what: "SERVER_KEY_EXCHANGE",
        cause,
    };
    match theirs {
        Theirs::Psk(exchange) => {
            let hint = exchange
                .map(|exchange| exchange.as_psk())
                .transpose()
                .map_err(malformed)?;
            let psk = choose_psk(config, hint.as_deref().unwrap_or_default())?;
            Ok(KeyAgreement {
                pre_master: psk_pre_master(&psk, None),
                message: ClientKeyExchange::psk(psk.identity()),
                peer: PeerIdentity::Psk(psk.identity().to_vec()),
                psk: Some(psk),
            })
        }
        Theirs::EcdhePsk(exchange) => {
            let (hint, offer) = exchange.as_ecdhe_psk().map_err(malformed)?;
            let psk = choose_psk(config, &hint)?;
            let (share, secret) = respond(config, &offer)?;
            Ok(KeyAgreement {
                pre_master: psk_pre_master(&psk, Some(&secret)),
                message: ClientKeyExchange::ecdhe_psk(psk.identity(), &share),
                peer: PeerIdentity::Psk(psk.identity().to_vec()),
                psk: Some(psk),
            })
        }
        Theirs::Ecdhe { chain, exchange } => {
            let signed = exchange.as_ecdhe().map_err(malformed)?;
            let message = signed::server_key_exchange(randoms, &signed.offer);
            auth::verify(&chain, signed.scheme, &message, &signed.signature)?;
            let (share, pre_master) = respond(config, &signed.offer)?;
            Ok(KeyAgreement {
                pre_master,
                message: ClientKeyExchange::ecdhe(&share),
                peer: PeerIdentity::Certificate(chain),
                psk: None,
            })
        }
    }
}

/// Who refuses where the client has no key for the server.
pub(super) const CHOICE_OF_PSK: &str = "the client's choice of a PSK";

/// RFC 5489 §2: an empty hint is no hint.
fn choose_psk(config: &ClientConfig, hint: &[u8]) -> Result<Psk> {
    let hint = Some(hint).filter(|hint| !hint.is_empty());
    match &config.trust.0 {
        Trust::Psk(choose) => choose(hint).ok_or(Error::Refused(CHOICE_OF_PSK)),
        #[cfg(feature = "x509")]
        Trust::Certificates { .. } => Err(Error::Config("a PSK suite needs a PSK".into())),
    }
}

fn respond(config: &ClientConfig, offer: &EcdhOffer) -> Result<(Vec<u8>, Secret)> {
    if !config.settings.groups.contains(&offer.group) {
        return Err(Error::GroupNotOffered(offer.group));
    }
    crypto::respond(offer.group, &offer.share)
}
