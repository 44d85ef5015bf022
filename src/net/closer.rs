//! Closes a listener from anywhere.

use super::counters::ListenerStats;
use super::hub::Hub;
use std::sync::Arc;

/// Closes a listener from anywhere: another thread, a signal handler's thread, a handler.
///
/// ```no_run
/// # fn serve(config: flightline::ServerConfig) -> flightline::Result<()> {
/// let listener = flightline::DtlsListener::bind("0.0.0.0:4433", config)?;
/// let closer = listener.closer();
/// std::thread::spawn(move || {
///     std::thread::sleep(std::time::Duration::from_secs(60));
///     closer.close();
/// });
/// listener.serve(|socket: flightline::DtlsSocket| socket.send(b"bye").map(drop))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Closer(pub(super) Arc<Hub>);

impl Closer {
    /// Closes the listener, once: no handshake begins or goes on, every `recv` on its sockets fails with
    /// [`Error::Closed`](crate::Error::Closed) after what had arrived, and `serve` returns when its
    /// handlers have. `accept` fails with [`Error::ListenerClosed`](crate::Error::ListenerClosed).
    pub fn close(&self) {
        self.0.close();
    }

    /// What the listener has seen; here too, since `serve` takes the listener itself.
    pub fn stats(&self) -> ListenerStats {
        self.0.stats()
    }
}

impl std::fmt::Debug for Closer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Closer")
    }
}
