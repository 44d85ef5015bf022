//! The abbreviated handshake of DTLS 1.2, both sides of it (RFC 5246 §7.3, figure 2; RFC 5077 §3.1). The
//! server finishes first, so the last flight is the client's.
//!
//! ```text
//! ClientHello with ticket or session ID -->                        Flight 3
//!                                              ServerHello    \
//!                                        [NewSessionTicket]    \   Flight 4
//!                                        [ChangeCipherSpec]    /
//!                                   <--           Finished    /
//! [ChangeCipherSpec]                                          \    Flight 5
//! Finished                          -->                       /
//! ```

use super::client12;
use super::io::Io;
use super::keys12::{Derivation, Keys, Randoms};
use super::known_session::KnownSession;
use super::new_session;
use super::terms::Terms;
use super::{finished, server12};
use crate::certificate::ServerName;
use crate::config::{ClientConfig, ServerConfig};
use crate::error::{Error, Result};
use crate::resumption::{ClientSession, Handle, SessionState};
use crate::session::Session;
use crate::wire::{ClientHello, Finished, NewSessionTicket, ProtocolVersion, ServerHello};
use std::sync::Arc;
use std::time::Duration;

/// The client, whose offer the server has taken.
pub(super) async fn client(
    mut io: Io,
    config: Arc<ClientConfig>,
    server: ServerName,
    agreed: client12::Agreed,
    answer: ServerHello,
    earlier: ClientSession,
) -> Result<Session> {
    let state = earlier.state();
    // RFC 5246 §7.4.1.3: the suite is the session's.
    if agreed.suite.id != state.cipher_suite {
        return Err(Error::IllegalParameter("suite of a resumed session"));
    }
    // RFC 7627 §5.3: the session has it, so the connection must.
    if agreed.derivation != Derivation::Extended {
        return Err(Error::NoExtendedMasterSecret);
    }
    io.fold_transcript(agreed.suite.hash);
    let keys = Keys::resume(&mut io, agreed.suite, state.master.clone(), agreed.randoms);

    // Flight 4: perhaps a new ticket; and the server holds the session's keys.
    let ticket = recv_ticket(&mut io, &answer).await?;
    let expected = keys.server_finished(&io);
    io.expect_change_cipher_spec(keys.client_read()?);
    finished::verify(&io.recv::<Finished>().await?, &expected)?;

    // Flight 5: so do we.
    io.send_change_cipher_spec(keys.client_write()?);
    io.send(&keys.client_finished(&io))?;

    let session = Session {
        version: answer.version,
        cipher_suite: agreed.suite.id,
        alpn: answer.extensions.alpn,
        srtp_profile: answer.extensions.use_srtp.map(|choice| choice.profile),
        peer_identity: state.peer.clone(),
        server_name: server.sni().map(str::to_owned),
        resumed: true,
        exporter: keys.exporter(),
        tickets: None,
    };
    match ticket.filter(|new| !new.ticket.is_empty()) {
        Some(new) => {
            let mark = state.client_mark.clone();
            let state = session.state(&state.master, state.created, mark);
            keep(&config, &server, state, Some(new), &[]);
        }
        None => put(&config, &server, earlier),
    }
    Ok(session)
}

/// The server, with a session that it was asked to go on with.
pub(super) async fn server(
    mut io: Io,
    config: Arc<ServerConfig>,
    hello: ClientHello,
    terms: Terms,
    known: KnownSession,
) -> Result<Session> {
    let KnownSession {
        suite,
        state,
        renewal,
    } = &known;
    let mut extensions = server12::extensions(&hello, Derivation::Extended, &terms);
    extensions.session_ticket = renewal.is_some();
    let answer = ServerHello {
        version: ProtocolVersion::DTLS1_2,
        random: server12::server_random(&config)?,
        session_id: hello.session_id,
        cipher_suite: suite.id,
        compression_method: 0,
        extensions,
    };
    let randoms = Randoms {
        client: hello.random,
        server: answer.random,
    };

    // Flight 4: on with the session, perhaps under a new ticket; and we hold its keys.
    io.fold_transcript(suite.hash);
    io.send(&answer)?;
    let keys = Keys::resume(&mut io, suite, state.master.clone(), randoms);
    if let Some(ticketer) = renewal {
        io.send(&new_session::ticket(&config, &**ticketer, state))?;
    }
    io.send_change_cipher_spec(keys.server_write()?);
    io.send(&keys.server_finished(&io))?;

    // Flight 5: so does the client.
    let expected = keys.client_finished(&io);
    io.expect_change_cipher_spec(keys.server_read()?);
    finished::verify(&io.recv::<Finished>().await?, &expected)?;

    Ok(Session {
        version: answer.version,
        cipher_suite: suite.id,
        alpn: terms.alpn,
        srtp_profile: terms.srtp_profile,
        peer_identity: state.peer.clone(),
        server_name: terms.server_name,
        resumed: true,
        exporter: keys.exporter(),
        tickets: None,
    })
}

/// The ticket that the server announced, if it did. RFC 5077 §3.3: it comes before ChangeCipherSpec.
pub(super) async fn recv_ticket(
    io: &mut Io,
    answer: &ServerHello,
) -> Result<Option<NewSessionTicket>> {
    match answer.extensions.session_ticket {
        true => io.recv::<NewSessionTicket>().await.map(Some),
        false => Ok(None),
    }
}

/// Keeps a client's session under its ticket or its session ID, now that the server's Finished is verified
/// (RFC 5077 §3.3).
pub(super) fn keep(
    config: &ClientConfig,
    server: &ServerName,
    state: SessionState,
    ticket: Option<NewSessionTicket>,
    id: &[u8],
) {
    let (handle, hint) = match ticket {
        Some(new) if !new.ticket.is_empty() => {
            let seconds = u64::from(new.lifetime_hint);
            let hint = (seconds > 0).then(|| Duration::from_secs(seconds));
            (Handle::Ticket(new.ticket), hint)
        }
        _ if !id.is_empty() => (Handle::Id(id.to_vec()), None),
        _ => return,
    };
    let date = config.settings.clock.date();
    put(
        config,
        server,
        ClientSession::new(server, handle, state, hint, date),
    );
}

fn put(config: &ClientConfig, server: &ServerName, session: ClientSession) {
    if let Some(sessions) = config.resumption.sessions() {
        sessions.put(server, session);
    }
}
