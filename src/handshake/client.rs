//! The client's hellos: flights 1 to 3, and the first message of flight 4 (RFC 6347 §4.2.4, figure 1;
//! RFC 9147 §5.7). One hello offers all versions.

use super::client12;
use super::client13::{self, Offer13};
use super::io::{Either, Io};
use super::offered_session::OfferedSession;
use crate::certificate::ServerName;
use crate::config::ClientConfig;
use crate::crypto::random;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::wire::{ClientHello, HelloVerifyRequest, ProtocolVersion, ServerHello};
use std::sync::Arc;

/// A server whose cookie keys changed in between may ask again (RFC 6347 §4.2.1), but not for ever.
const HELLO_VERIFY_REQUESTS: usize = 4;

pub(super) async fn run(
    mut io: Io,
    config: Arc<ClientConfig>,
    server: ServerName,
) -> Result<Session> {
    // Flight 1: what we offer, and perhaps a session to go on with.
    let mut offer13 = Offer13::make(&config)?;
    let mut hello = offer(&config, &server, offer13.as_ref())?;
    let mut offered = OfferedSession::make(&io, &config, &server, &mut hello)?;
    if let Some(offer13) = &mut offer13 {
        if let Some(session) = offered.session() {
            offer13.prefer(session);
        }
        offer13.bind(&io, &config, &mut hello)?;
    }
    io.send(&hello)?;

    let session = answered(io, config, server, hello, offer13, &mut offered).await;
    // Where nobody answers, this is not reached.
    offered.used();
    session
}

async fn answered(
    mut io: Io,
    config: Arc<ClientConfig>,
    server: ServerName,
    mut hello: ClientHello,
    offer13: Option<Offer13>,
    offered: &mut OfferedSession,
) -> Result<Session> {
    // Flight 2: a cookie, or the server's choice at once.
    let mut cookies = 0_usize;
    // Requests that may still come for the hello before, which was sent so often.
    let mut owed = 0_u32;
    let answer = loop {
        // RFC 9147 §5.1: DTLS 1.3 asks for no cookie in this way, and its servers refuse a hello that was
        // changed so (§5.3). Either this server speaks 1.2 at most, or it did not ask.
        if !hello.offers(ProtocolVersion::DTLS1_2) {
            let old = Error::UnsupportedVersion(ProtocolVersion::DTLS1_2);
            break io.recv_refusing::<HelloVerifyRequest, _>(old).await?;
        }
        match io.recv_either::<HelloVerifyRequest, ServerHello>().await? {
            Either::Second(answer) => break answer,
            // One answer is enough: its request may have been duplicated on the way, be for the hello before, or
            // for one that somebody else has said in our name (hazard A21). A server that does want another
            // cookie asks again when our hello comes again.
            Either::First(request)
                if cookies > 0
                    && (request.cookie == hello.cookie || owed > 0 || io.resends() == 0) =>
            {
                owed = owed.saturating_sub(1);
                io.pass_over();
            }
            Either::First(_) if cookies >= HELLO_VERIFY_REQUESTS => {
                io.suspect(Error::IllegalParameter(
                    "endless row of HelloVerifyRequests",
                ));
                io.pass_over();
            }
            Either::First(request) => {
                cookies = cookies.saturating_add(1);
                owed = owed.saturating_add(io.resends());
                // Flight 3: the same hello with the cookie. The server keeps no state and numbers its
                // answer after it.
                hello.cookie = request.cookie;
                io.restart(io.next_message_seq());
                if let Some(offer13) = &offer13 {
                    offer13.bind(&io, &config, &mut hello)?;
                }
                io.send(&hello)?;
            }
        }
    };
    let version = chosen_version(&hello, &answer)?;
    // RFC 9147 §5.2: with DTLS 1.3 there are no HelloVerifyRequests.
    if version == ProtocolVersion::DTLS1_3 && cookies > 0 {
        return Err(Error::IllegalParameter(
            "version behind a HelloVerifyRequest",
        ));
    }
    io.agreed(version);

    // All that follows depends on the version.
    match offer13 {
        Some(offer13) if version == ProtocolVersion::DTLS1_3 => {
            client13::run(io, config, server, hello, offered, offer13, answer).await
        }
        _ => client12::run(io, config, server, hello, offered, answer).await,
    }
}

/// The version of the server's choice, which must be one that was offered (RFC 8446 §4.1.3 and §4.2.1).
fn chosen_version(hello: &ClientHello, answer: &ServerHello) -> Result<ProtocolVersion> {
    let offered13 = hello.offers(ProtocolVersion::DTLS1_3);
    match answer.extensions.selected_version {
        Some(ProtocolVersion::DTLS1_3) if offered13 => Ok(ProtocolVersion::DTLS1_3),
        Some(other) if offered13 => Err(Error::VersionNotOffered(other)),
        // Whoever offers no DTLS 1.3 does not know the extension.
        Some(_) | None if answer.version != ProtocolVersion::DTLS1_2 => {
            Err(Error::UnsupportedVersion(answer.version))
        }
        Some(_) | None if !hello.offers(ProtocolVersion::DTLS1_2) => {
            Err(Error::UnsupportedVersion(answer.version))
        }
        Some(_) | None if offered13 && answer.is_marked_as_downgrade() => Err(Error::Downgrade),
        Some(_) | None => Ok(ProtocolVersion::DTLS1_2),
    }
}

/// The hello without a session.
fn offer(
    config: &ClientConfig,
    server: &ServerName,
    offer13: Option<&Offer13>,
) -> Result<ClientHello> {
    let mut hello = config.hello(server.sni(), offer13.map(Offer13::share));
    hello.random = random::array()?;
    if let Some(offer13) = offer13 {
        offer13.name_keys(config, &mut hello);
    }
    // DTLS 1.3 would be spoken, and there is no key for it.
    if hello.cipher_suites.is_empty() {
        return Err(Error::Refused(client12::CHOICE_OF_PSK));
    }
    Ok(hello)
}
