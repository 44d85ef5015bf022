//! Where a client's tickets go that come behind a handshake of DTLS 1.3 (RFC 8446 §4.6.1).

use crate::certificate::ServerName;
use crate::config::ClientConfig;
use crate::crypto::{Hkdf, Secret};
use crate::error::Result;
use crate::resumption::{ClientSession, Handle, SessionState, seconds};
use crate::wire::NewSessionTicket13;
use std::sync::Arc;
use std::time::Duration;

/// Makes sessions of tickets, and keeps them where the configuration says.
pub(crate) struct TicketKeeper {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) server: ServerName,
    pub(crate) hkdf: Hkdf,
    /// Of the session. Its secret is the resumption_master_secret (RFC 8446 §7.1), of which each ticket's key is made.
    pub(crate) state: SessionState,
}

impl TicketKeeper {
    pub(crate) fn keep(&self, ticket: NewSessionTicket13) -> Result<()> {
        let Some(sessions) = self.config.resumption.sessions() else {
            return Ok(());
        };
        // RFC 8446 §4.6.1: of no lifetime means of no use.
        if ticket.lifetime == 0 {
            return Ok(());
        }
        let date = self.config.settings.clock.date();
        let state = SessionState {
            master: ticket_psk(self.hkdf, &self.state.master, &ticket.nonce)?,
            ..self.state.clone()
        };
        let handle = Handle::Ticket13 {
            ticket: ticket.ticket,
            age_add: ticket.age_add,
            received: seconds(date),
        };
        let lifetime = Some(Duration::from_secs(ticket.lifetime.into()));
        let session = ClientSession::new(&self.server, handle, state, lifetime, date);
        sessions.put(&self.server, session);
        Ok(())
    }
}

/// The pre-shared key of a ticket (RFC 8446 §4.6.1).
pub(crate) fn ticket_psk(hkdf: Hkdf, resumption: &Secret, nonce: &[u8]) -> Result<Secret> {
    hkdf.expand_secret(resumption, b"resumption", nonce)
}
