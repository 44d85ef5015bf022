//! A place at a listener: taken by a verified client, free again when nobody has anything to do for it any more.

use super::fate::Fate;
use super::hub::Hub;
use super::inbox::Inbox;
use super::peers::{Bounds, SeatId, Succession};
use crate::error::{Error, Result};
use std::net::SocketAddr;
use std::sync::Arc;

/// The right to turn a handshake into a connection.
pub(super) struct Admission {
    pub(super) hub: Arc<Hub>,
    pub(super) address: SocketAddr,
    pub(super) seat: SeatId,
    /// Knows why the seat is gone, if it is.
    pub(super) inbox: Arc<Inbox>,
    pub(super) fate: Arc<Fate>,
    pub(super) bounds: Bounds,
}

impl Admission {
    /// Why there is nothing to be had by it any more, if so.
    pub(super) fn lost(&self) -> Option<Error> {
        self.inbox.ended().map(Error::from)
    }

    /// The handshake is finished: from here on its address is its own.
    pub(super) fn succeed(self) -> Result<()> {
        let mut peers = self.hub.peers.lock();
        match peers.establish(self.address, self.seat, self.bounds) {
            Ok(Succession::First) => Ok(()),
            Ok(Succession::Replaced) => {
                self.hub.counters.connections_replaced.count();
                Ok(())
            }
            Ok(Succession::None) => Err(self.lost().unwrap_or(Error::Closed)),
            Err(no_room) => {
                self.hub.counters.turned_away(no_room);
                Err(Error::TooManyConnections)
            }
        }
    }
}

/// A client's place under its listener's bounds. Its connection shares it with its worker, who may have something to
/// do when the connection is over: it is free when both have let go of it.
pub(super) struct Place {
    pub(super) hub: Arc<Hub>,
    pub(super) address: SocketAddr,
    pub(super) seat: SeatId,
}

impl Place {
    /// The connection is over, and its address another's.
    pub(super) fn vacate(&self) {
        self.hub.peers.lock().vacate(self.address, self.seat);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.hub.peers.lock().free(self.address, self.seat);
    }
}
