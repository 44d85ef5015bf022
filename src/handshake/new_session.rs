//! How a server will know a new session again: by a ticket or by a session ID (RFC 5077 §3.4, RFC 8446 §4.6.1).

use super::auth::ClientVerifier;
use super::keys12::Derivation;
use crate::certificate::PeerIdentity;
use crate::config::ServerConfig;
use crate::cookie::LONGEST_HELLO;
use crate::crypto::{Secret, Suite13, random};
use crate::error::Result;
use crate::resumption::{ServerSessions, SessionState, Ticketer, seconds};
use crate::session::{Session, ticket_psk};
use crate::wire::{ClientHello, NewSessionTicket, NewSessionTicket13, PSK_DHE_KE};
use std::sync::Arc;
use std::time::Duration;

/// A client must have room for all else in a hello that our gate puts together.
const LONGEST_TICKET: usize = LONGEST_HELLO / 4 * 3;

/// How many tickets a connection of DTLS 1.3 gets: each is best used once (RFC 8446 §C.4).
const TICKETS: u8 = 2;

/// By ticket where there may be one, else by session ID.
pub(super) enum Keeping {
    Ticket(Arc<dyn Ticketer>),
    Id(Vec<u8>, Arc<dyn ServerSessions>),
    Not,
}

impl Keeping {
    /// In DTLS 1.2. Without the extended master secret not at all (RFC 7627 §5.3).
    pub(super) fn choose(
        config: &ServerConfig,
        hello: &ClientHello,
        derivation: Derivation,
        client: Option<&ClientVerifier>,
    ) -> Result<Keeping> {
        if derivation != Derivation::Extended {
            return Ok(Keeping::Not);
        }
        let ticketer = match client {
            Some(_) => ticketer_of_certificates(config),
            None => ticketer(config),
        };
        let takes_tickets = hello.extensions.session_ticket.is_some();
        Keeping::by(config, ticketer.filter(|_| takes_tickets))
    }

    /// In DTLS 1.3, whose tickets may be session IDs just as well (RFC 8446 §4.6.1).
    fn choose13(config: &ServerConfig, client: &PeerIdentity) -> Result<Keeping> {
        let ticketer = match client {
            PeerIdentity::Certificate(_) => ticketer_of_certificates(config),
            PeerIdentity::Psk(_) | PeerIdentity::Anonymous => ticketer(config),
        };
        Keeping::by(config, ticketer)
    }

    fn by(config: &ServerConfig, ticketer: Option<&Arc<dyn Ticketer>>) -> Result<Keeping> {
        Ok(match (ticketer, config.resumption.sessions()) {
            (Some(ticketer), _) => Keeping::Ticket(ticketer.clone()),
            (None, Some(sessions)) => {
                Keeping::Id(random::array::<32>()?.to_vec(), sessions.clone())
            }
            (None, None) => Keeping::Not,
        })
    }

    /// What the ServerHello of DTLS 1.2 says of it: the session ID, empty where there will be a ticket (RFC 5077
    /// §3.4), and whether there will be one.
    pub(super) fn announce(&self) -> (Vec<u8>, bool) {
        match self {
            Keeping::Ticket(_) => (Vec::new(), true),
            Keeping::Id(id, _) => (id.clone(), false),
            Keeping::Not => (Vec::new(), false),
        }
    }

    /// Keeps the session of DTLS 1.2, now that the client has proven itself. The ticket that was announced, if so.
    pub(super) fn keep(
        &self,
        config: &ServerConfig,
        state: &SessionState,
    ) -> Option<NewSessionTicket> {
        match self {
            Keeping::Ticket(ticketer) => Some(ticket(config, &**ticketer, state)),
            Keeping::Id(id, sessions) => {
                sessions.put(id, state.encode().as_bytes());
                None
            }
            Keeping::Not => None,
        }
    }

    /// Keeps a session of DTLS 1.3. The ticket and how many seconds it lives, if there is one.
    fn keep13(self, config: &ServerConfig, state: &SessionState) -> Option<(Vec<u8>, u32)> {
        match self {
            Keeping::Ticket(ticketer) => seal(config, &*ticketer, state),
            Keeping::Id(id, sessions) => {
                let lifetime = lifetime(state.time_left(config.settings.clock.date()))?;
                sessions.put(&id, state.encode().as_bytes());
                Some((id, lifetime))
            }
            Keeping::Not => None,
        }
    }
}

/// Certificates of clients make tickets too long for their hellos: where they may show some, their sessions are kept
/// here, if sessions are.
fn ticketer_of_certificates(config: &ServerConfig) -> Option<&Arc<dyn Ticketer>> {
    ticketer(config).filter(|_| config.resumption.sessions().is_none())
}

fn ticketer(config: &ServerConfig) -> Option<&Arc<dyn Ticketer>> {
    let ticketer = config.resumption.tickets();
    ticketer.filter(|ticketer| hands_out_tickets(&***ticketer))
}

pub(super) fn hands_out_tickets(ticketer: &dyn Ticketer) -> bool {
    lifetime(ticketer.lifetime()).is_some()
}

/// In seconds. None of them mean of no use in DTLS 1.3 (RFC 8446 §4.6.1), and unknown in 1.2 (RFC 5077 §3.3).
fn lifetime(time: Duration) -> Option<u32> {
    let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    (seconds > 0).then_some(seconds)
}

/// RFC 5077 §3.3: an announced ticket is sent, if need be an empty one.
pub(super) fn ticket(
    config: &ServerConfig,
    ticketer: &dyn Ticketer,
    state: &SessionState,
) -> NewSessionTicket {
    let (ticket, lifetime_hint) = seal(config, ticketer, state).unwrap_or_default();
    NewSessionTicket {
        lifetime_hint,
        ticket,
    }
}

/// A ticket for this state and how many seconds it lives, if the ticketer hands one out.
fn seal(
    config: &ServerConfig,
    ticketer: &dyn Ticketer,
    state: &SessionState,
) -> Option<(Vec<u8>, u32)> {
    let left = state.time_left(config.settings.clock.date());
    // A flight may have gone by since it was chosen.
    let lifetime = lifetime(ticketer.lifetime().min(left))?;
    let ticket = ticketer.seal(state.encode().as_bytes())?;
    (1..=LONGEST_TICKET)
        .contains(&ticket.len())
        .then_some((ticket, lifetime))
}

/// The tickets of a new connection of DTLS 1.3 (RFC 8446 §4.6.1). `created` is when the session's full handshake was,
/// if it was an earlier one.
pub(super) fn tickets13(
    config: &ServerConfig,
    hello: &ClientHello,
    session: &Session,
    resumption: &Secret,
    created: Option<u64>,
) -> Result<Vec<NewSessionTicket13>> {
    let modes = hello.extensions.psk_modes.as_deref().unwrap_or_default();
    let (Some(suite), true) = (
        Suite13::find(session.cipher_suite),
        modes.contains(&PSK_DHE_KE),
    ) else {
        return Ok(Vec::new());
    };
    let created = created.unwrap_or_else(|| seconds(config.settings.clock.date()));
    let mark = config.client_mark(&session.peer_identity)?;
    let mut tickets = Vec::new();
    for nonce in 0..TICKETS {
        let nonce = [nonce];
        let master = ticket_psk(suite.hkdf(), resumption, &nonce)?;
        let state = session.state(&master, created, mark.clone());
        let keeping = Keeping::choose13(config, &session.peer_identity)?;
        let Some((ticket, lifetime)) = keeping.keep13(config, &state) else {
            return Ok(Vec::new());
        };
        tickets.push(NewSessionTicket13 {
            lifetime,
            age_add: u32::from_be_bytes(random::array()?),
            nonce: nonce.to_vec(),
            ticket,
        });
    }
    Ok(tickets)
}
