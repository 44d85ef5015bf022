//! Ends a listener from anywhere.

use super::counters::ListenerStats;
use super::hub::{Hub, State};
use crate::timer::Clock;
use std::sync::Arc;
use std::time::Duration;

/// Ends a listener from anywhere: another thread, a signal handler's thread, a handler. It may be kept for
/// as long as anyone likes: it does not keep the port.
///
/// ```no_run
/// # use std::time::Duration;
/// # fn serve(config: flightline::ServerConfig) -> flightline::Result<()> {
/// let listener = flightline::DtlsListener::bind("0.0.0.0:4433", config)?;
/// let closer = listener.closer();
/// std::thread::spawn(move || {
///     std::thread::sleep(Duration::from_secs(3600));
///     // An hour is enough. Whoever is there may finish within ten seconds.
///     closer.drain(Duration::from_secs(10));
/// });
/// listener.serve(|socket: flightline::DtlsSocket| socket.send(b"bye").map(drop))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Closer {
    pub(super) hub: Arc<Hub>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Closer {
    /// Closes the listener, once: no handshake begins or goes on, every `send` on its sockets fails with
    /// [`Error::Closed`](crate::Error::Closed), every `recv` does after what had arrived, and `serve` returns when
    /// its handlers have. `accept` fails with [`Error::ListenerClosed`](crate::Error::ListenerClosed).
    pub fn close(&self) {
        self.hub.close();
    }

    /// Lets the listener run dry: from now on nobody new is let in, and hellos are dropped without a
    /// word, so that their clients go on to another server. Whoever is connected, or has a handshake
    /// under way, goes on for `grace` at most, or for good with [`Duration::MAX`]; the listener is closed
    /// when the last of them has left, or then. `serve` returns as after [`close`](Closer::close), and
    /// `accept` fails when nobody waits any more. Returns at once; the sooner end counts where it is called again.
    ///
    /// A handler that waits for its client does not see this: one with a read timeout may ask
    /// [`is_draining`](Closer::is_draining) when it is over, and say goodbye.
    pub fn drain(&self, grace: Duration) {
        self.hub.drain(self.clock.now().saturating_add(grace));
    }

    /// Whether the listener lets nobody in any more: it is drained or closed.
    pub fn is_draining(&self) -> bool {
        self.hub.state() != State::Open
    }

    /// What the listener has seen; here too, since `serve` takes the listener itself.
    pub fn stats(&self) -> ListenerStats {
        self.hub.stats()
    }
}

impl std::fmt::Debug for Closer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Closer")
    }
}
