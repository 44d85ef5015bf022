//! Whether earlier sessions are gone on with. They are by default, on both sides.

use super::settings::ConfigBuilder;
use super::{ClientConfig, ServerConfig};
use crate::resumption::{
    ClientSessionCache, ClientSessions, RotatingTicketer, ServerSessionCache, ServerSessions,
    Ticketer,
};
use std::fmt;
use std::sync::Arc;

/// Something that the connections of a configuration share.
pub(crate) enum Shared<T: ?Sized> {
    /// One of the configuration's own, which `build()` makes: what comes out of one builder at two times
    /// may trust different peers, and must not share sessions.
    Own,
    This(Arc<T>),
    Without,
}

impl<T: ?Sized> Shared<T> {
    fn or_own(&mut self, make: impl FnOnce() -> Arc<T>) {
        if matches!(self, Shared::Own) {
            *self = Shared::This(make());
        }
    }

    fn get(&self) -> Option<&Arc<T>> {
        match self {
            Shared::This(this) => Some(this),
            Shared::Own | Shared::Without => None,
        }
    }
}

impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Self {
        match self {
            Shared::Own => Shared::Own,
            Shared::This(this) => Shared::This(this.clone()),
            Shared::Without => Shared::Without,
        }
    }
}

impl<T: ?Sized> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shared::Own => "Own",
            Shared::This(_) => "This",
            Shared::Without => "Without",
        })
    }
}

/// What a client needs to go on with sessions.
#[derive(Debug, Clone)]
pub(crate) struct ClientResumption {
    sessions: Shared<dyn ClientSessions>,
}

impl ClientResumption {
    pub(super) fn new() -> Self {
        ClientResumption {
            sessions: Shared::Own,
        }
    }

    pub(super) fn build(&mut self) {
        self.sessions
            .or_own(|| Arc::new(ClientSessionCache::default()));
    }

    pub(crate) fn sessions(&self) -> Option<&Arc<dyn ClientSessions>> {
        self.sessions.get()
    }
}

/// What a server needs to go on with sessions.
#[derive(Debug, Clone)]
pub(crate) struct ServerResumption {
    tickets: Shared<dyn Ticketer>,
    sessions: Shared<dyn ServerSessions>,
}

impl ServerResumption {
    pub(super) fn new() -> Self {
        ServerResumption {
            tickets: Shared::Own,
            sessions: Shared::Own,
        }
    }

    pub(super) fn build(&mut self) {
        self.tickets.or_own(|| Arc::new(RotatingTicketer::new()));
        self.sessions
            .or_own(|| Arc::new(ServerSessionCache::default()));
    }

    pub(crate) fn tickets(&self) -> Option<&Arc<dyn Ticketer>> {
        self.tickets.get()
    }

    pub(crate) fn sessions(&self) -> Option<&Arc<dyn ServerSessions>> {
        self.sessions.get()
    }
}

/// Of the methods that say where sessions are kept, the last one called counts.
impl ConfigBuilder<ClientConfig> {
    /// Keeps sessions here. Each configuration has a [`ClientSessionCache`] of its own by default, so that
    /// a second connection to a server takes no signatures, and in DTLS 1.2 a round trip less. Of connections that
    /// begin at the same time only one goes on with a session.
    ///
    /// **Configurations that share a store go on with each other's sessions**, and do not look at the server's
    /// certificates again: share only between those that trust the same servers. A session by a pre-shared key
    /// is gone on with only under that key, and any other only by a configuration with the same
    /// [`identity`](ConfigBuilder::identity), or with none, as it had.
    pub fn sessions(mut self, sessions: impl ClientSessions + 'static) -> Self {
        self.config.resumption.sessions = Shared::This(Arc::new(sessions));
        self
    }

    /// Keeps no sessions: every handshake is a full one, and the server cannot tell that two
    /// connections are of the same client.
    pub fn without_resumption(mut self) -> Self {
        self.config.resumption.sessions = Shared::Without;
        self
    }
}

/// Of the methods that say how sessions are known again, the last one called counts.
impl ConfigBuilder<ServerConfig> {
    /// Makes tickets with this. Each configuration has a [`RotatingTicketer`] of its own by default; servers that are
    /// to go on with each other's sessions, or with those from before a restart, have a
    /// [`SharedTicketer`](crate::SharedTicketer).
    ///
    /// **Servers that share a ticketer let in each other's clients** as whom they proved to be to the
    /// other: share only between servers that trust the same clients.
    pub fn ticketer(mut self, ticketer: impl Ticketer + 'static) -> Self {
        self.config.resumption.tickets = Shared::This(Arc::new(ticketer));
        self
    }

    /// Puts no sessions into tickets: only those that the server keeps itself are gone on with, in DTLS 1.3 by a ticket
    /// that is nothing but their ID.
    pub fn without_tickets(mut self) -> Self {
        self.config.resumption.tickets = Shared::Without;
        self
    }

    /// Keeps the sessions here that do not go into tickets: those of clients that take none, those of
    /// clients with certificates, whose tickets would be long, and all where there are none. Each configuration has a
    /// [`ServerSessionCache`] of its own by default. What holds for sharing
    /// [ticketers](ConfigBuilder::ticketer) holds here.
    pub fn sessions(mut self, sessions: impl ServerSessions + 'static) -> Self {
        self.config.resumption.sessions = Shared::This(Arc::new(sessions));
        self
    }

    /// Keeps no sessions: only tickets are gone on with.
    pub fn without_session_cache(mut self) -> Self {
        self.config.resumption.sessions = Shared::Without;
        self
    }

    /// Makes no tickets and keeps no sessions: every handshake is a full one.
    pub fn without_resumption(self) -> Self {
        self.without_tickets().without_session_cache()
    }
}
