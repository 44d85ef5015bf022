//! How a listener serves.

use super::peers::Bounds;
use super::serve_error::ServeError;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Is told what went wrong with a client: the error of its handshake or of its handler.
pub type OnError = Arc<dyn Fn(SocketAddr, &ServeError) + Send + Sync>;

/// How a listener serves. The defaults suit a server on the open Internet.
///
/// ```
/// use flightline::ServeOptions;
/// use std::sync::Arc;
///
/// let options = ServeOptions {
///     max_connections: 100,
///     on_error: Some(Arc::new(|client, error| eprintln!("{client}: {error}"))),
///     ..ServeOptions::default()
/// };
/// assert_eq!(options.stack_size, 256 * 1024);
/// ```
#[derive(Clone)]
pub struct ServeOptions {
    /// Stack of each worker thread, in bytes. 256 KiB.
    pub stack_size: usize,
    /// Connections at once. 8,192: each has a thread, a thread takes four of the process's memory maps,
    /// and on Linux the process aborts when it starts a thread beyond 65,530 maps.
    /// A connection that its client replaces from the same port counts until its handler has returned; where
    /// all places are taken, among the handshakes.
    pub max_connections: usize,
    /// Handshakes in progress at once, counted apart from the connections so that one cannot exhaust
    /// the other. 1,024.
    pub max_handshakes: usize,
    /// Handshakes in progress at once from one IPv4 address or one IPv6 /64. 256.
    pub max_handshakes_per_address: usize,
    /// Datagrams that wait for one connection; more are dropped, as a socket would. At least one. 256.
    pub inbox_capacity: usize,
    /// How long a worker whose handler has returned goes on answering a client that misses the last
    /// flight of the handshake, when nothing was heard from it since. In DTLS 1.3, where hearing it does not
    /// say that it has everything, until it closes. 2 s.
    pub linger: Duration,
    /// A connection from which nothing authentic and new came for this long is over: its `recv` and `send` fail
    /// with [`Error::Idle`](crate::Error::Idle), whatever its read timeout. Only
    /// what is read is heard: a handler that does nothing but send calls
    /// [`service`](crate::DtlsSocket::service) now and then. `None` waits for ever. A day, as long as a session
    /// lives: a client that is gone must not hold a thread for good. It is looked for once a second.
    pub idle_limit: Option<Duration>,
    /// Is told of the errors of handshakes, and of those that the handler returns: one that does not care how its
    /// client leaves returns `Ok` at [`Error::Closed`](crate::Error::Closed). Called in the thread of the client they concern, whose place is taken until it returns. `None`
    /// leaves them to the log, at level debug: anyone can cause them.
    pub on_error: Option<OnError>,
}

impl ServeOptions {
    pub(super) fn bounds(&self) -> Bounds {
        Bounds {
            connections: self.max_connections,
            handshakes: self.max_handshakes,
            handshakes_per_address: self.max_handshakes_per_address,
        }
    }
}

impl Default for ServeOptions {
    fn default() -> Self {
        ServeOptions {
            stack_size: 256 * 1024,
            max_connections: 8192,
            max_handshakes: 1024,
            max_handshakes_per_address: 256,
            inbox_capacity: 256,
            linger: Duration::from_secs(2),
            idle_limit: Some(Duration::from_secs(24 * 60 * 60)),
            on_error: None,
        }
    }
}

impl fmt::Debug for ServeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeOptions")
            .field("max_connections", &self.max_connections)
            .field("max_handshakes", &self.max_handshakes)
            .finish_non_exhaustive()
    }
}
