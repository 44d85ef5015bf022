//! Where a server keeps sessions that do not go into tickets.

use super::bounded_map::BoundedMap;
use crate::crypto::Secret;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;

/// Keeps a server's sessions under their session IDs (RFC 5246 §7.3; in DTLS 1.3 a ticket
/// that is nothing but the ID, RFC 8446 §4.6.1), where they do not go into tickets.
/// [`ServerSessionCache`] is the default.
///
/// What is kept holds the keys of the session. A store must not be shared by servers that let in
/// different clients.
pub trait ServerSessions: Send + Sync {
    /// Keeps a state under `id`, which is random and 32 bytes long.
    fn put(&self, id: &[u8], state: &[u8]);

    /// The state that was kept under exactly this `id`, which comes from the network.
    fn get(&self, id: &[u8]) -> Option<Vec<u8>>;
}

impl<S: ServerSessions + ?Sized> ServerSessions for Arc<S> {
    fn put(&self, id: &[u8], state: &[u8]) {
        (**self).put(id, state);
    }

    fn get(&self, id: &[u8]) -> Option<Vec<u8>> {
        (**self).get(id)
    }
}

/// Keeps a number of sessions in memory; the one that was used least recently makes room.
pub struct ServerSessionCache {
    sessions: Mutex<BoundedMap<Vec<u8>, Secret>>,
}

impl ServerSessionCache {
    /// A cache for this many sessions, of some 100 bytes each and the length of the client's
    /// certificates. A connection of DTLS 1.3 has two, one for each of its tickets.
    pub fn new(sessions: usize) -> Self {
        ServerSessionCache {
            sessions: Mutex::new(BoundedMap::new(sessions)),
        }
    }
}

/// For 1,024 sessions.
impl Default for ServerSessionCache {
    fn default() -> Self {
        ServerSessionCache::new(1024)
    }
}

impl ServerSessions for ServerSessionCache {
    fn put(&self, id: &[u8], state: &[u8]) {
        let state = Secret::new(state.to_vec());
        self.sessions.lock().insert(id.to_vec(), state);
    }

    fn get(&self, id: &[u8]) -> Option<Vec<u8>> {
        let mut sessions = self.sessions.lock();
        sessions.get(id).map(|state| state.as_bytes().to_vec())
    }
}

impl fmt::Debug for ServerSessionCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSessionCache")
            .field("sessions", &self.sessions.lock().len())
            .finish_non_exhaustive()
    }
}
