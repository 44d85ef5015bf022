//! Where a client keeps its sessions.

use super::bounded_map::BoundedMap;
use super::client_session::ClientSession;
use crate::certificate::ServerName;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;

/// Keeps a client's sessions by server. [`ClientSessionCache`] is the default; one of one's own may
/// keep them in a file.
///
/// A session vouches for its server as its full handshake did, so a store may be shared only by
/// configurations that trust the same servers and show the same identity. All servers of one
/// configuration that are [unnamed](ServerName::unnamed) share a place.
pub trait ClientSessions: Send + Sync {
    /// Keeps `session`, in place of an older one of this server. One that was handed out may come back
    /// after a newer one: the one that [expires](ClientSession::expires) later is the better.
    fn put(&self, server: &ServerName, session: ClientSession);

    /// Hands a session out and forgets it: it comes back by [`put`](ClientSessions::put), or a newer one
    /// does, if it is still good.
    fn take(&self, server: &ServerName) -> Option<ClientSession>;
}

impl<S: ClientSessions + ?Sized> ClientSessions for Arc<S> {
    fn put(&self, server: &ServerName, session: ClientSession) {
        (**self).put(server, session);
    }

    fn take(&self, server: &ServerName) -> Option<ClientSession> {
        (**self).take(server)
    }
}

/// Keeps the sessions of a number of servers in memory; the one that was used least recently makes
/// room.
pub struct ClientSessionCache {
    sessions: Mutex<BoundedMap<ServerName, ClientSession>>,
}

impl ClientSessionCache {
    /// A cache for this many servers.
    pub fn new(servers: usize) -> Self {
        ClientSessionCache {
            sessions: Mutex::new(BoundedMap::new(servers)),
        }
    }
}

/// For 256 servers.
impl Default for ClientSessionCache {
    fn default() -> Self {
        ClientSessionCache::new(256)
    }
}

impl ClientSessions for ClientSessionCache {
    fn put(&self, server: &ServerName, session: ClientSession) {
        let mut sessions = self.sessions.lock();
        let better = sessions
            .get(server)
            .is_some_and(|kept| kept.expires() > session.expires());
        if !better {
            sessions.insert(server.clone(), session);
        }
    }

    fn take(&self, server: &ServerName) -> Option<ClientSession> {
        self.sessions.lock().remove(server)
    }
}

impl fmt::Debug for ClientSessionCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSessionCache")
            .field("servers", &self.sessions.lock().len())
            .finish_non_exhaustive()
    }
}
