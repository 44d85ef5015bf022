//! Who has been replaced, or is over, and still runs.

use super::{SeatId, State};
use std::collections::HashMap;
use std::net::SocketAddr;

/// Those who have no seats any more. Nothing reaches them, but each holds a thread.
#[derive(Default)]
pub(super) struct Leaving(HashMap<SocketAddr, Vec<(SeatId, State)>>);

impl Leaving {
    /// One leaves from `address`, and keeps a place of this kind until it is gone.
    pub(super) fn add(&mut self, address: SocketAddr, id: SeatId, state: State) {
        self.0.entry(address).or_default().push((id, state));
    }

    /// It is gone; the place that it kept. `None` if it was not among them.
    pub(super) fn remove(&mut self, address: SocketAddr, id: SeatId) -> Option<State> {
        let here = self.0.get_mut(&address)?;
        let position = here.iter().position(|(seat, _)| *seat == id)?;
        let (_, state) = here.swap_remove(position);
        if here.is_empty() {
            self.0.remove(&address);
        }
        Some(state)
    }

    /// How many from `address`.
    pub(super) fn at(&self, address: SocketAddr) -> usize {
        self.0.get(&address).map_or(0, Vec::len)
    }
}
