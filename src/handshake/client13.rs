//! The client of DTLS 1.3 from ServerHello on (RFC 9147 §5.7, figures 8 and 9).

use super::auth;
use super::io::Io;
use super::keys13::{APPLICATION, EarlySecret, HandshakeSecret, MasterSecret};
use super::offered_session::OfferedSession;
use super::psk13::{self, OfferedPsk};
use super::{certificate13, finished, signed, terms};
use crate::certificate::{PeerIdentity, ServerName};
use crate::codec::DecodeError;
use crate::config::ClientConfig;
use crate::crypto::{EphemeralKey, Secret, Suite13};
use crate::error::{Error, Result};
use crate::resumption::{ClientSession, seconds};
use crate::session::{Session, TicketKeeper};
use crate::wire::{
    Certificate13, CertificateRequest13, CertificateVerify, ClientHello, EncryptedExtensions,
    ExtensionType, Finished, KeyShare, KeyShareAnswer, NamedGroup, ProtocolVersion,
    ServerExtensions, ServerHello,
};
use std::sync::Arc;

/// What a hello offers to a server that speaks DTLS 1.3, and we keep to ourselves.
pub(super) struct Offer13 {
    share: KeyShare,
    key: EphemeralKey,
    /// In the order of the hello.
    psks: Vec<OfferedPsk>,
}

impl Offer13 {
    /// What there is to offer to whatever server; nothing where the version is not to be offered.
    pub(super) fn make(config: &ClientConfig) -> Result<Option<Offer13>> {
        let group = config.settings.groups.first();
        let (Some(_), Some(group)) = (config.suites13().next(), group) else {
            return Ok(None);
        };
        let told = OfferedPsk::external(config)?;
        // A key that is chosen by the server's hint cannot stand in a hello: there is no handshake of DTLS 1.3
        // to be had then, and a server must not be led to choose one.
        if config.trust.is_psk() && told.is_none() {
            return Ok(None);
        }
        let (key, share) = share(*group)?;
        let psks = told.into_iter().collect();
        Ok(Some(Offer13 { share, key, psks }))
    }

    pub(super) fn share(&self) -> &KeyShare {
        &self.share
    }

    /// Writes the keys on offer into the hello, which is as long then as it will be: only proofs are missing.
    pub(super) fn name_keys(&self, config: &ClientConfig, hello: &mut ClientHello) {
        for psk in &self.psks {
            psk.stand_first(config.settings.clock.date(), hello);
        }
    }

    /// Offers the session, too. A server that does not go on with it has the other key to fall back on.
    pub(super) fn prefer(&mut self, session: &ClientSession) {
        if let Some(preferred) = OfferedPsk::resumption(session) {
            self.psks.insert(0, preferred);
        }
    }

    /// Proves that we hold the keys that we offer, whenever the hello has changed.
    /// Tickets are as old as they are then (RFC 8446 §4.1.2).
    pub(super) fn bind(
        &self,
        io: &Io,
        config: &ClientConfig,
        hello: &mut ClientHello,
    ) -> Result<()> {
        let date = config.settings.clock.date();
        psk13::offer(&self.psks, io, date, hello)
    }
}

fn share(group: NamedGroup) -> Result<(EphemeralKey, KeyShare)> {
    let (key, share) = EphemeralKey::generate(group)?;
    Ok((key, KeyShare { group, share }))
}

pub(super) async fn run(
    mut io: Io,
    config: Arc<ClientConfig>,
    server: ServerName,
    mut hello: ClientHello,
    offered: &mut OfferedSession,
    mut offer: Offer13,
    mut answer: ServerHello,
) -> Result<Session> {
    // Flights 2 and 3, if the server wants them: a cookie, or a share in another group.
    let mut retried = None;
    if answer.is_retry_request() {
        let suite = chosen_suite(&hello, &answer)?;
        io.collapse_first_hello(suite.hash);
        io.fold_transcript(suite.hash);
        retry(&config, &mut hello, &mut offer, suite, answer.extensions)?;
        offer.bind(&io, &config, &mut hello)?;
        io.send(&hello)?;
        answer = io.recv_checked(is_no_second_request).await?;
        retried = Some(suite);
    }

    // Flight 4: the server's choice, and from here on under keys.
    let suite = chosen_suite(&hello, &answer)?;
    if retried.is_some_and(|retried| retried != suite) {
        return Err(Error::IllegalParameter("suite after a HelloRetryRequest"));
    }
    let Agreed { psk, shared } = agree(offer, &answer, suite)?;
    let early = match &psk {
        Some(psk) => psk.early_secret(),
        None => EarlySecret::new(suite.hkdf(), None),
    };
    let keys = HandshakeSecret::derive(&mut io, suite, &early, &shared, hello.random)?;
    io.change_write_keys(keys.client_write()?);
    io.change_read_keys(keys.client_read()?);
    let extensions = io.recv::<EncryptedExtensions>().await?.extensions;
    // A ServerHello may be forged, and costs no session as long as it is legal. But whoever speaks under these keys has seen the ticket.
    offered.used();
    check_extensions(&config, &hello, &extensions)?;
    let (peer_identity, request) = match &psk {
        Some(psk) => (psk.peer().clone(), None),
        None => {
            let (request, certificate) = io
                .recv_optional::<CertificateRequest13, Certificate13>()
                .await?;
            let chain = server_chain(certificate)?;
            auth::verify_server_chain(&config, &server, &chain)?;
            let signed = signed::by_server13(&io.transcript_hash(suite.hash));
            let verify = io.recv::<CertificateVerify>().await?;
            auth::verify13(&chain, verify.scheme, &signed, &verify.signature)?;
            (PeerIdentity::Certificate(chain), request)
        }
    };
    let expected = keys.server_finished(&io)?;
    finished::verify(&io.recv::<Finished>().await?, &expected)?;
    let master = MasterSecret::derive(&mut io, &keys, hello.random)?;
    io.change_read_keys(master.server.opener(APPLICATION)?);

    // Flight 5: who we are, if asked, and that we have seen the same handshake.
    if let Some(request) = request {
        if !request.context.is_empty() {
            return Err(Error::IllegalParameter("certificate request context"));
        }
        let missing = Error::MissingExtension(ExtensionType::SIGNATURE_ALGORITHMS);
        let accepted = request.schemes.ok_or(missing)?;
        match auth::client_credentials13(&config, &accepted) {
            Some(credentials) => {
                io.send(&credentials.certificate13(request.context))?;
                let signed = signed::by_client13(&io.transcript_hash(suite.hash));
                io.send(&credentials.certificate_verify(&signed)?)?;
            }
            None => {
                io.send(&Certificate13 {
                    context: request.context,
                    chain: Vec::new(),
                    extensions: Vec::new(),
                })?;
            }
        }
    }
    io.send(&keys.client_finished(&io)?)?;
    io.change_write_keys(master.client.sealer(APPLICATION)?);
    io.follow(APPLICATION, master.server.clone(), master.client.clone());

    let resumed = psk.as_ref().is_some_and(OfferedPsk::is_resumption);
    let created = psk.as_ref().and_then(OfferedPsk::created);
    let mark = match &psk {
        Some(psk) => psk.client_mark().to_vec(),
        None => config.certificate_mark(),
    };
    let resumption = master.resumption(&io)?;
    let mut session = Session {
        version: ProtocolVersion::DTLS1_3,
        cipher_suite: suite.id,
        alpn: extensions.alpn,
        srtp_profile: extensions.use_srtp.map(|choice| choice.profile),
        peer_identity,
        server_name: server.sni().map(str::to_owned),
        resumed,
        exporter: Some(master.exporter()),
        tickets: None,
    };
    // RFC 8446 §4.6.1: however often it is gone on with, a session is as old as its full handshake.
    let created = created.unwrap_or_else(|| seconds(config.settings.clock.date()));
    session.tickets = Some(Box::new(TicketKeeper {
        state: session.state(&resumption, created, mark),
        hkdf: suite.hkdf(),
        config,
        server,
    }));
    Ok(session)
}

/// The suite, which must be one that was offered; and what every answer must say (RFC 8446 §4.1.3).
fn chosen_suite(hello: &ClientHello, answer: &ServerHello) -> Result<&'static Suite13> {
    // RFC 9147 §5.4: the old field says DTLS 1.2.
    if answer.version != ProtocolVersion::DTLS1_2 {
        return Err(Error::UnsupportedVersion(answer.version));
    }
    // RFC 9147 §5.3 and §5.4: there is no session ID to repeat.
    if !answer.session_id.is_empty() {
        return Err(Error::IllegalParameter("session ID"));
    }
    if answer.compression_method != 0 {
        return Err(Error::IllegalParameter("compression method"));
    }
    Suite13::find(answer.cipher_suite)
        .filter(|suite| hello.cipher_suites.contains(&suite.id))
        .ok_or(Error::SuiteNotOffered(answer.cipher_suite))
}

/// Changes the hello as a HelloRetryRequest wants it (RFC 8446 §4.1.2 and §4.1.4).
fn retry(
    config: &ClientConfig,
    hello: &mut ClientHello,
    offer: &mut Offer13,
    suite: &'static Suite13,
    wanted: ServerExtensions,
) -> Result<()> {
    only(
        &wanted,
        &[
            ExtensionType::SUPPORTED_VERSIONS,
            ExtensionType::KEY_SHARE,
            ExtensionType::COOKIE,
        ],
    )?;
    let group = match wanted.key_share {
        None => None,
        Some(KeyShareAnswer::Group(group)) => Some(group),
        Some(KeyShareAnswer::Share(_)) => {
            return Err(Error::IllegalParameter("share in a HelloRetryRequest"));
        }
    };
    if group.is_none() && wanted.cookie.is_none() {
        return Err(Error::IllegalParameter(
            "HelloRetryRequest that changes nothing",
        ));
    }
    if let Some(group) = group {
        if !config.settings.groups.contains(&group) || offer.share.group == group {
            return Err(Error::GroupNotOffered(group));
        }
        (offer.key, offer.share) = share(group)?;
        hello.extensions.key_shares = Some(vec![offer.share.clone()]);
    }
    hello.extensions.cookie = wanted.cookie;
    // RFC 8446 §4.1.2: what does not go with the suite is left out.
    offer.psks.retain(|psk| psk.goes_with(suite));
    Ok(())
}

/// RFC 8446 §4.1.4: there is one HelloRetryRequest. A second may be the answer to a hello that somebody else
/// has said in our name (hazard A21).
fn is_no_second_request(answer: &ServerHello) -> Result<()> {
    match answer.is_retry_request() {
        true => Err(Error::UnexpectedRecord("a second HelloRetryRequest")),
        false => Ok(()),
    }
}

/// What both sides hold now.
struct Agreed {
    psk: Option<OfferedPsk>,
    shared: Secret,
}

fn agree(offer: Offer13, answer: &ServerHello, suite: &'static Suite13) -> Result<Agreed> {
    let extensions = &answer.extensions;
    only(
        extensions,
        &[
            ExtensionType::SUPPORTED_VERSIONS,
            ExtensionType::KEY_SHARE,
            ExtensionType::PRE_SHARED_KEY,
        ],
    )?;
    // RFC 8446 §4.1.4: what a HelloRetryRequest has said of it holds.
    if extensions.selected_version != Some(ProtocolVersion::DTLS1_3) {
        return Err(Error::IllegalParameter("version after a HelloRetryRequest"));
    }
    let psk = match extensions.pre_shared_key {
        None => None,
        Some(_) if offer.psks.is_empty() => {
            return Err(Error::UnsolicitedExtension(ExtensionType::PRE_SHARED_KEY));
        }
        // RFC 8446 §4.2.11: one that was offered, and whose hash is the suite's.
        Some(index) => {
            let chosen = offer.psks.into_iter().nth(usize::from(index));
            let chosen = chosen.filter(|psk| psk.goes_with(suite));
            Some(chosen.ok_or(Error::IllegalParameter("pre-shared key"))?)
        }
    };
    // RFC 8446 §4.2.9 and §4.2.11: we offer no pre-shared key without a key agreement.
    let Some(KeyShareAnswer::Share(share)) = &extensions.key_share else {
        return Err(match psk {
            Some(_) => Error::IllegalParameter("pre-shared key without a share"),
            None => Error::MissingExtension(ExtensionType::KEY_SHARE),
        });
    };
    if share.group != offer.share.group {
        return Err(Error::GroupNotOffered(share.group));
    }
    Ok(Agreed {
        psk,
        shared: offer.key.complete(&share.share)?,
    })
}

/// Nothing stands in a message that must not be there.
fn only(extensions: &ServerExtensions, allowed: &[ExtensionType]) -> Result<()> {
    match extensions.types.iter().find(|typ| !allowed.contains(typ)) {
        Some(other) => Err(misplaced(*other)),
        None => Ok(()),
    }
}

/// RFC 8446 §4.2: what we know, and its place is another message; or what we cannot have asked for.
fn misplaced(typ: ExtensionType) -> Error {
    match typ.name() {
        Some(_) => Error::IllegalParameter("place of an extension"),
        None => Error::UnsolicitedExtension(typ),
    }
}

fn check_extensions(
    config: &ClientConfig,
    hello: &ClientHello,
    extensions: &ServerExtensions,
) -> Result<()> {
    let offered = &hello.extensions;
    let asked = |typ: &ExtensionType| match *typ {
        ExtensionType::SERVER_NAME => offered.server_name.is_some(),
        ExtensionType::SUPPORTED_GROUPS => true,
        ExtensionType::USE_SRTP => offered.srtp_profiles.is_some(),
        ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION => offered.alpn.is_some(),
        _ => false,
    };
    if let Some(unsolicited) = extensions.types.iter().find(|typ| !asked(typ)) {
        return Err(match *unsolicited {
            ExtensionType::SERVER_NAME
            | ExtensionType::USE_SRTP
            | ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION
            | ExtensionType::EARLY_DATA => Error::UnsolicitedExtension(*unsolicited),
            other => misplaced(other),
        });
    }
    terms::check(config, extensions)
}

/// RFC 8446 §4.4.2.4: a server's is not empty.
fn server_chain(certificate: Certificate13) -> Result<Vec<Vec<u8>>> {
    let chain = certificate13::chain(certificate)?;
    match chain.is_empty() {
        true => Err(Error::Decode {
            what: "CERTIFICATE",
            cause: DecodeError::BadLength,
        }),
        false => Ok(chain),
    }
}
