//! What waits to be sent.

use std::collections::VecDeque;

/// Datagrams that wait to be sent, the oldest first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outbox(VecDeque<Vec<u8>>);

impl Outbox {
    /// Takes what the writing half emits.
    pub(super) fn emit(&mut self) -> impl FnMut(&[u8]) + '_ {
        |datagram| self.0.push_back(datagram.to_vec())
    }

    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        self.0.pop_front()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
