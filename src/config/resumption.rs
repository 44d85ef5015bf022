//! Whether earlier sessions are gone on with. They are by default, on both sides.

use super::settings::ConfigBuilder;
use super::{ClientConfig, ServerConfig};
use crate::resumption::{
    ClientSessionCache, ClientSessions, RotatingTicketer, ServerSessionCache, ServerSessions,
    Ticketer,
};
use std::fmt;
use std::sync::Arc;

/// What a client needs to go on with sessions.
#[derive(Clone)]
pub(crate) struct ClientResumption {
    pub(crate) sessions: Option<Arc<dyn ClientSessions>>,
}

impl Default for ClientResumption {
    fn default() -> Self {
        ClientResumption {
            sessions: Some(Arc::new(ClientSessionCache::default())),
        }
    }
}

impl fmt::Debug for ClientResumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientResumption")
            .field("sessions", &self.sessions.is_some())
            .finish()
    }
}

/// What a server needs to go on with sessions.
#[derive(Clone)]
pub(crate) struct ServerResumption {
    pub(crate) tickets: Option<Arc<dyn Ticketer>>,
    pub(crate) sessions: Option<Arc<dyn ServerSessions>>,
}

impl Default for ServerResumption {
    fn default() -> Self {
        ServerResumption {
            tickets: Some(Arc::new(RotatingTicketer::new())),
            sessions: Some(Arc::new(ServerSessionCache::default())),
        }
    }
}

impl fmt::Debug for ServerResumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerResumption")
            .field("tickets", &self.tickets.is_some())
            .field("sessions", &self.sessions.is_some())
            .finish()
    }
}

impl ConfigBuilder<ClientConfig> {
    /// Keeps sessions here. A [`ClientSessionCache`] of the configuration's own by default, so that a
    /// second connection to a server takes a round trip less and no signatures.
    pub fn sessions(mut self, sessions: impl ClientSessions + 'static) -> Self {
        self.config.resumption.sessions = Some(Arc::new(sessions));
        self
    }

    /// Keeps no sessions: every handshake is a full one, and the server cannot tell that two
    /// connections are of the same client.
    pub fn without_resumption(mut self) -> Self {
        self.config.resumption.sessions = None;
        self
    }
}

impl ConfigBuilder<ServerConfig> {
    /// Makes tickets with this. A [`RotatingTicketer`] of the configuration's own by default.
    pub fn ticketer(mut self, ticketer: impl Ticketer + 'static) -> Self {
        self.config.resumption.tickets = Some(Arc::new(ticketer));
        self
    }

    /// Makes no tickets: only sessions that the server keeps itself are gone on with.
    pub fn without_tickets(mut self) -> Self {
        self.config.resumption.tickets = None;
        self
    }

    /// Keeps the sessions of clients without tickets here. A [`ServerSessionCache`] of the
    /// configuration's own by default.
    pub fn sessions(mut self, sessions: impl ServerSessions + 'static) -> Self {
        self.config.resumption.sessions = Some(Arc::new(sessions));
        self
    }

    /// Makes no tickets and keeps no sessions: every handshake is a full one.
    pub fn without_resumption(mut self) -> Self {
        self.config.resumption.tickets = None;
        self.config.resumption.sessions = None;
        self
    }
}
