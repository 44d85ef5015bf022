//! The session that a client offers to go on with.

use super::io::{Io, Outcome};
use crate::certificate::ServerName;
use crate::config::ClientConfig;
use crate::crypto::random;
use crate::error::Result;
use crate::resumption::{ClientSession, Handle};
use crate::wire::{Body, ClientHello, HANDSHAKE_HEADER, RECORD_HEADER, ServerHello};
use std::sync::Arc;

/// What a hello must find room for beside a ticket: the number that the server repeats, and a cookie
/// as most servers make it.
const SESSION_ID: usize = 32;
const COOKIE: usize = 32;

/// A session on offer, if there is one. It goes back to the store that it came from where the server says
/// nothing against it: one that cannot be reached costs no session. But one that failed must be forgotten
/// (RFC 5246 §7.2.2, RFC 5077 §3.2).
pub(super) struct OfferedSession {
    config: Arc<ClientConfig>,
    server: ServerName,
    session: Option<ClientSession>,
    outcome: Outcome,
}

impl OfferedSession {
    /// Writes the offer into `hello`, if there is a session that fits it.
    pub(super) fn make(
        io: &Io,
        config: &Arc<ClientConfig>,
        server: &ServerName,
        hello: &mut ClientHello,
    ) -> Result<OfferedSession> {
        let sessions = config.resumption.sessions();
        // RFC 5077 §3.2: an empty ticket asks for one.
        hello.extensions.session_ticket = sessions.map(|_| Vec::new());
        let session = sessions.and_then(|sessions| {
            let session = sessions.take(server)?;
            let fits = fits(config, server, hello, &session);
            if !fits && is_alive(config, &session) {
                sessions.put(server, session);
                return None;
            }
            fits.then_some(session)
        });
        match session.as_ref().map(ClientSession::handle) {
            None => {}
            Some(Handle::Id(id)) => hello.session_id = id.clone(),
            Some(Handle::Ticket(ticket)) => {
                // RFC 5077 §3.4: the server repeats this number if it takes the ticket.
                hello.session_id = random::array::<32>()?.to_vec();
                hello.extensions.session_ticket = Some(ticket.clone());
            }
        }
        Ok(OfferedSession {
            config: config.clone(),
            server: server.clone(),
            session,
            outcome: io.outcome(),
        })
    }

    /// The server has answered: the session, if it goes on with it.
    pub(super) fn answered(
        mut self,
        hello: &ClientHello,
        answer: &ServerHello,
    ) -> Option<ClientSession> {
        // RFC 5246 §7.4.1.3: the same number says so.
        self.session
            .take()
            .filter(|_| answer.session_id == hello.session_id)
    }
}

impl Drop for OfferedSession {
    fn drop(&mut self) {
        let session = self.session.take().filter(|_| !self.outcome.is_refusal());
        if let (Some(session), Some(sessions)) = (session, self.config.resumption.sessions()) {
            sessions.put(&self.server, session);
        }
    }
}

fn is_alive(config: &ClientConfig, session: &ClientSession) -> bool {
    let date = config.settings.clock.date();
    !session.state().is_over(date) && date < session.expires()
}

/// Whether the session is still good, and bound to what this hello offers (hazards D23, G3).
fn fits(
    config: &ClientConfig,
    server: &ServerName,
    hello: &ClientHello,
    session: &ClientSession,
) -> bool {
    let state = session.state();
    let known_protocol =
        |protocol: &Vec<u8>| config.allow_unknown_alpn || config.settings.alpn.contains(protocol);
    is_alive(config, session)
        && session.is_with(server)
        && state.version == hello.version
        && hello.cipher_suites.contains(&state.cipher_suite)
        && state.alpn.as_ref().is_none_or(known_protocol)
        && small_enough(config, hello, session)
}

/// A ticket must not be what makes the hello longer than a datagram: many servers do not put hellos
/// together, and then neither the session nor a new one would come about.
fn small_enough(config: &ClientConfig, hello: &ClientHello, session: &ClientSession) -> bool {
    let Handle::Ticket(ticket) = session.handle() else {
        return true;
    };
    let parts = [
        RECORD_HEADER,
        HANDSHAKE_HEADER,
        hello.encode().len(),
        SESSION_ID,
        COOKIE,
        ticket.len(),
    ];
    parts.iter().sum::<usize>() <= config.settings.mtu
}
