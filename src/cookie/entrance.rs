//! The gate, with the pool in front of it that puts cut hellos together.

use super::{Choices13, Gate, GateDrop, HelloPool, HelloVerification, ReplyBuffer, Verdict};
use std::time::Duration;

/// What every datagram from an unproven address passes.
pub(crate) struct Entrance {
    gate: Gate,
    pool: HelloPool,
}

impl Entrance {
    /// With places for so many hellos in fragments.
    pub(crate) fn new(
        verification: HelloVerification,
        choices: Choices13,
        fragmented_hellos: usize,
    ) -> Self {
        Entrance {
            gate: Gate::new(verification, choices),
            pool: HelloPool::new(fragmented_hellos),
        }
    }

    /// The gate's verdict; for the last fragment of a hello, that on the whole of it.
    pub(crate) fn check<'a>(
        &mut self,
        client_id: &[u8],
        datagram: &[u8],
        now: Duration,
        reply: &'a mut ReplyBuffer,
    ) -> Verdict<'a> {
        if !Gate::is_fragment(datagram) {
            return self.gate.check(client_id, datagram, now, reply);
        }
        match self.pool.add(client_id, datagram, now) {
            Some(whole) => self.gate.check(client_id, whole, now, reply),
            None => Verdict::Drop(GateDrop::Fragmented),
        }
    }
}
