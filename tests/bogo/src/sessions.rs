//! What is kept from one connection for the next ones, and what the library did with it.

use flightline::{
    ClientSession, ClientSessionCache, ClientSessions, RotatingTicketer, ServerName,
    ServerSessionCache, ServerSessions,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// The stores of a process.
#[derive(Default)]
pub struct Stores {
    pub client: Arc<ClientStore>,
    pub server: Arc<ServerStore>,
    pub ticketer: Arc<RotatingTicketer>,
}

/// A client's sessions.
#[derive(Default)]
pub struct ClientStore {
    cache: ClientSessionCache,
    /// The session on offer. It may come back, which makes it no new one.
    offered: Mutex<Option<Vec<u8>>>,
    has_new: AtomicBool,
}

impl ClientStore {
    /// Whether a new session was put here since the last time.
    pub fn take_has_new(&self) -> bool {
        self.has_new.swap(false, Ordering::Relaxed)
    }
}

impl ClientSessions for ClientStore {
    fn put(&self, server: &ServerName, session: ClientSession) {
        let is_new = *self.offered.lock().unwrap() != Some(session.to_bytes());
        self.has_new.fetch_or(is_new, Ordering::Relaxed);
        self.cache.put(server, session);
    }

    fn take(&self, server: &ServerName) -> Option<ClientSession> {
        let session = self.cache.take(server);
        *self.offered.lock().unwrap() = session.as_ref().map(ClientSession::to_bytes);
        session
    }
}

/// A server's sessions.
#[derive(Default)]
pub struct ServerStore {
    cache: ServerSessionCache,
    has_new: AtomicBool,
}

impl ServerStore {
    /// Whether a session was put here since the last time.
    pub fn take_has_new(&self) -> bool {
        self.has_new.swap(false, Ordering::Relaxed)
    }
}

impl ServerSessions for ServerStore {
    fn put(&self, id: &[u8], state: &[u8]) {
        self.has_new.store(true, Ordering::Relaxed);
        self.cache.put(id, state);
    }

    fn get(&self, id: &[u8]) -> Option<Vec<u8>> {
        self.cache.get(id)
    }
}
