//! A session as a client keeps it.

use super::session_state::SessionState;
use crate::certificate::ServerName;
use crate::codec::{self, DecodeError, Reader, Writer};
use crate::error::{Error, Result};
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Names the encoding of stored sessions, so that a later one is not misread.
const FORMAT: u8 = 2;

/// A session that a client can go on with: its secrets, and what to show the server.
///
/// ```
/// use flightline::{ClientSession, ClientSessions, ServerName};
/// use std::path::PathBuf;
/// use std::sync::Mutex;
///
/// /// Keeps sessions in a directory that nobody else can enter, so that they outlive the program. One file is
/// /// changed by one thread at a time.
/// struct Directory(Mutex<PathBuf>);
///
/// impl ClientSessions for Directory {
///     fn put(&self, server: &ServerName, session: ClientSession) {
///         let directory = self.0.lock().unwrap();
///         let path = directory.join(server.to_string());
///         let kept = std::fs::read(&path).ok();
///         let kept = kept.and_then(|bytes| ClientSession::from_bytes(&bytes).ok());
///         if kept.is_some_and(|kept| kept.expires() > session.expires()) {
///             return;
///         }
///         // A program that ends in the middle leaves the old session. No server's name has a tilde.
///         let new = directory.join(format!("{server}~"));
///         if std::fs::write(&new, session.to_bytes()).is_ok() {
///             let _ = std::fs::rename(new, path);
///         }
///     }
///
///     fn take(&self, server: &ServerName) -> Option<ClientSession> {
///         let path = self.0.lock().unwrap().join(server.to_string());
///         let bytes = std::fs::read(&path).ok()?;
///         std::fs::remove_file(path).ok()?;
///         ClientSession::from_bytes(&bytes).ok()
///     }
/// }
/// ```
#[derive(Clone)]
pub struct ClientSession {
    /// Whom it is with, as the client named it.
    server: String,
    handle: Handle,
    state: SessionState,
    /// When the server will have forgotten it, in seconds since 1970.
    expires: u64,
}

/// What names a session to its server.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Handle {
    /// The server's own state, sealed (RFC 5077).
    Ticket(Vec<u8>),
    /// The same of DTLS 1.3, with what its age is told by (RFC 8446 §4.6.1).
    Ticket13 {
        ticket: Vec<u8>,
        age_add: u32,
        /// In seconds since 1970.
        received: u64,
    },
    /// The session ID under which the server keeps its state (RFC 5246 §7.4.1.2).
    Id(Vec<u8>),
}

impl ClientSession {
    /// `hint` is how long the server says that it will know the session.
    pub(crate) fn new(
        server: &ServerName,
        handle: Handle,
        state: SessionState,
        hint: Option<Duration>,
        date: SystemTime,
    ) -> ClientSession {
        let left = state.time_left(date);
        let left = hint.map_or(left, |hint| hint.min(left));
        let expires = super::seconds(date).saturating_add(left.as_secs());
        ClientSession {
            server: server.to_string(),
            handle,
            state,
            expires,
        }
    }

    /// Whether it is with this server.
    pub(crate) fn is_with(&self, server: &ServerName) -> bool {
        self.server == server.to_string()
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) fn state(&self) -> &SessionState {
        &self.state
    }

    /// Whether both are tickets of DTLS 1.3, of which each is offered once, so that one does not replace the
    /// other.
    pub(super) fn joins(&self, other: &ClientSession) -> bool {
        let is_13 = |session: &ClientSession| matches!(session.handle, Handle::Ticket13 { .. });
        is_13(self) && is_13(other)
    }

    /// From this date on it is of no use.
    pub fn expires(&self) -> SystemTime {
        UNIX_EPOCH
            .checked_add(Duration::from_secs(self.expires))
            .unwrap_or(UNIX_EPOCH)
    }

    /// The session for safekeeping. **Whoever has these bytes can read what is sent over connections
    /// that go on with the session, and pretend to be this client.**
    pub fn to_bytes(&self) -> Vec<u8> {
        Writer::bytes_of(|w| {
            let (kind, handle) = match &self.handle {
                Handle::Ticket(ticket) => (0, ticket),
                Handle::Id(id) => (1, id),
                Handle::Ticket13 { ticket, .. } => (2, ticket),
            };
            w.u8(FORMAT);
            w.vec16(|w| w.bytes(self.server.as_bytes()));
            w.u8(kind);
            w.vec16(|w| w.bytes(handle));
            if let Handle::Ticket13 {
                age_add, received, ..
            } = &self.handle
            {
                w.u32(*age_add);
                w.u64(*received);
            }
            w.u64(self.expires);
            self.state.write(w);
        })
    }

    /// What [`to_bytes`](ClientSession::to_bytes) made, by this version of the library or another with the same
    /// encoding. For a store the rest is as if it were not there.
    ///
    /// # Errors
    /// [`Error::Decode`] for anything else, also what a version with another encoding made.
    pub fn from_bytes(bytes: &[u8]) -> Result<ClientSession> {
        Reader::whole(bytes, ClientSession::read).map_err(|cause| Error::Decode {
            what: "stored session",
            cause,
        })
    }

    fn read(reader: &mut Reader<'_>) -> codec::Result<ClientSession> {
        if reader.u8()? != FORMAT {
            return Err(DecodeError::IllegalValue);
        }
        let server = String::from_utf8(reader.vec16()?.to_vec());
        let kind = reader.u8()?;
        let handle = reader.vec16()?.to_vec();
        Ok(ClientSession {
            server: server.map_err(|_| DecodeError::IllegalValue)?,
            handle: match kind {
                0 if !handle.is_empty() => Handle::Ticket(handle),
                1 if (1..=32).contains(&handle.len()) => Handle::Id(handle),
                2 if !handle.is_empty() => Handle::Ticket13 {
                    ticket: handle,
                    age_add: reader.u32()?,
                    received: reader.u64()?,
                },
                _ => return Err(DecodeError::IllegalValue),
            },
            expires: reader.u64()?,
            state: SessionState::read(reader)?,
        })
    }
}

/// Nothing secret.
impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSession")
            .field("version", &self.state.version)
            .field("cipher_suite", &self.state.cipher_suite)
            .field("server_name", &self.state.server_name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::session_state::example;
    use super::*;
    use crate::certificate::PeerIdentity;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn session(handle: Handle, hint: Option<Duration>) -> ClientSession {
        let server = ServerName::new("server.test").unwrap();
        let state = example(PeerIdentity::Anonymous);
        ClientSession::new(&server, handle, state, hint, at(1_500))
    }

    #[test]
    fn what_is_stored_comes_back_and_nothing_else_does() {
        for handle in [Handle::Ticket(vec![1; 200]), Handle::Id(vec![2; 32])] {
            let bytes = session(handle, None).to_bytes();
            let back = ClientSession::from_bytes(&bytes).unwrap();
            assert_eq!(back.to_bytes(), bytes);
            for end in 0..bytes.len() {
                assert!(ClientSession::from_bytes(&bytes[..end]).is_err());
            }
            // Of another format, or its state is, which stands at the end.
            let state = bytes.len() - back.state.encode().as_bytes().len();
            for at in [0, state] {
                let mut older = bytes.clone();
                older[at] -= 1;
                assert!(ClientSession::from_bytes(&older).is_err());
            }
        }
        for bad in [
            Handle::Id(vec![2; 33]),
            Handle::Id(vec![]),
            Handle::Ticket(vec![]),
        ] {
            let bytes = session(bad, None).to_bytes();
            assert!(ClientSession::from_bytes(&bytes).is_err());
        }
    }

    #[test]
    fn the_servers_hint_shortens_a_life_and_does_not_prolong_it() {
        let expires = |hint| session(Handle::Id(vec![1]), hint).expires();
        let day = 24 * 60 * 60;
        assert_eq!(expires(None), at(1_000 + day));
        assert_eq!(expires(Some(Duration::from_secs(60))), at(1_560));
        assert_eq!(
            expires(Some(Duration::from_secs(10 * day))),
            at(1_000 + day)
        );
    }

    #[test]
    fn f07_debug_does_not_tell() {
        let text = format!("{:?}", session(Handle::Ticket(vec![0xab; 4]), None));
        assert!(!text.contains("ab") && !text.contains("171"), "{text}");
    }
}
