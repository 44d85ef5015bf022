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
/// configurations that trust the same servers. Those that show other identities, or have other keys, take each
/// other's places in it, but never go on with each other's sessions. All servers of one configuration that are
/// [unnamed](ServerName::unnamed) share a place.
pub trait ClientSessions: Send + Sync {
    /// Keeps `session`, in place of an older one of this server. One that was handed out may come back
    /// after a newer one: the one that [expires](ClientSession::expires) later is the better. Each connection
    /// of DTLS 1.3 brings two sessions, one after the other, for two connections that follow.
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
/// room. Of DTLS 1.3 it keeps two a server, since each is offered once (RFC 8446 §C.4).
pub struct ClientSessionCache {
    sessions: Mutex<BoundedMap<ServerName, Kept>>,
}

/// How many tickets of DTLS 1.3 are kept of a server: as many as a connection brings of ours.
const TICKETS: usize = 2;

/// The sessions with one server, of one version; the last expires last.
#[derive(Default)]
struct Kept(Vec<ClientSession>);

impl Kept {
    fn add(mut self, session: ClientSession) -> Kept {
        let is_newest = |kept: &ClientSession| kept.expires() <= session.expires();
        let newest = self.0.last().is_none_or(is_newest);
        let is_joined = self.0.last().is_some_and(|kept| kept.joins(&session));
        match (is_joined, newest) {
            (true, _) => {
                self.0.push(session);
                self.0.sort_by_key(ClientSession::expires);
                let old = self.0.len().saturating_sub(TICKETS);
                self.0.drain(..old);
            }
            (false, true) => self.0 = vec![session],
            (false, false) => {}
        }
        self
    }
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
        let kept = sessions.remove(server).unwrap_or_default();
        sessions.insert(server.clone(), kept.add(session));
    }

    fn take(&self, server: &ServerName) -> Option<ClientSession> {
        let mut sessions = self.sessions.lock();
        let mut kept = sessions.remove(server)?;
        let session = kept.0.pop();
        if !kept.0.is_empty() {
            sessions.insert(server.clone(), kept);
        }
        session
    }
}

impl fmt::Debug for ClientSessionCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSessionCache")
            .field("servers", &self.sessions.lock().len())
            .finish_non_exhaustive()
    }
}
