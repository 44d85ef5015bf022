//! What a listener's dispatcher and its connections share.

use super::counters::{Counters, ListenerStats};
use super::peers::Peers;
use super::pool::Pool;
use parking_lot::Mutex;
use std::net::UdpSocket;

pub(super) struct Hub {
    pub(super) socket: UdpSocket,
    pub(super) peers: Mutex<Peers>,
    pub(super) pool: Pool,
    pub(super) counters: Counters,
    state: Mutex<State>,
}

/// How long the dispatcher goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    /// Until the last connection is gone.
    Retired,
    /// Not any more.
    Closed,
}

impl Hub {
    pub(super) fn new(socket: UdpSocket) -> Hub {
        Hub {
            socket,
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

    /// Nobody takes new clients any more; those that are there go on.
    pub(super) fn retire(&self) {
        let mut state = self.state.lock();
        if *state == State::Open {
            *state = State::Retired;
            self.peers.lock().retire();
        }
    }

    /// Ends every connection.
    pub(super) fn close(&self) {
        *self.state.lock() = State::Closed;
        self.peers.lock().close();
    }
}
