//! What a listener's dispatcher and its connections share.

use super::counters::{Counters, ListenerStats};
use super::peers::Peers;
use super::pool::Pool;
use super::sync::Mutex;
use std::time::Duration;

/// Without the socket: whoever keeps a [`Closer`](super::Closer) must not keep the port.
pub(super) struct Hub {
    pub(super) peers: Mutex<Peers>,
    pub(super) pool: Pool,
    pub(super) counters: Counters,
    state: Mutex<State>,
}

/// How long the dispatcher goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    /// Until the last connection is gone, or until this time of the clock.
    Draining {
        until: Duration,
    },
    /// Not any more.
    Closed,
}

impl Hub {
    pub(super) fn new() -> Hub {
        Hub {
            peers: Mutex::new(Peers::new()),
            pool: Pool::new(),
            counters: Counters::default(),
            state: Mutex::new(State::Open),
        }
    }

    pub(super) fn state(&self) -> State {
        *self.state.lock()
    }

    pub(super) fn stats(&self) -> ListenerStats {
        let peers = self.peers.lock();
        let (connections, handshakes) = (peers.established(), peers.handshakes());
        drop(peers);
        self.counters.stats(connections, handshakes)
    }

    /// Nobody takes new clients any more; those that are there go on until then at most.
    pub(super) fn drain(&self, until: Duration) {
        let mut state = self.state.lock();
        let until = match *state {
            State::Open => until,
            State::Draining { until: sooner } => until.min(sooner),
            State::Closed => return,
        };
        *state = State::Draining { until };
        self.peers.lock().drain();
    }

    /// Ends every connection.
    pub(super) fn close(&self) {
        *self.state.lock() = State::Closed;
        self.peers.lock().close();
    }
}
