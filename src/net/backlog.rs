//! Handshakes that wait to be accepted.

use super::handshake::Handshake;
use super::sync::{Condvar, Mutex};
use std::collections::VecDeque;
use std::time::Duration;

/// Handshakes that wait at most. A client whose hello is dropped sends it again.
const MOST_WAITING: usize = 128;

/// A bounded queue between the thread that reads a listener's socket, which never waits, and those that accept.
pub(super) struct Backlog {
    /// `None` when there is nobody any more who could accept. Each that waits holds a place, and the socket:
    /// none may be put where nobody takes it out.
    waiting: Mutex<Option<VecDeque<Handshake>>>,
    changed: Condvar,
}

/// There was no room, and the handshake is over.
pub(super) struct Full;

impl Backlog {
    pub(super) fn new() -> Backlog {
        Backlog {
            waiting: Mutex::new(Some(VecDeque::new())),
            changed: Condvar::new(),
        }
    }

    /// Puts a handshake in, or gives it up where there is no room or nobody left who would take it.
    pub(super) fn put(&self, handshake: Handshake) -> Result<(), Full> {
        match &mut *self.waiting.lock() {
            Some(waiting) if waiting.len() < MOST_WAITING => waiting.push_back(handshake),
            _ => return Err(Full),
        }
        self.changed.notify_one();
        Ok(())
    }

    /// Takes the first, and waits for it for so long if there is none.
    pub(super) fn take(&self, wait: Duration) -> Option<Handshake> {
        let is_empty = |waiting: &mut Option<VecDeque<Handshake>>| {
            waiting.as_ref().is_none_or(VecDeque::is_empty)
        };
        let mut waiting = self.waiting.lock();
        self.changed.wait_while_for(&mut waiting, is_empty, wait);
        waiting.as_mut()?.pop_front()
    }

    /// Nobody accepts any more: gives those up that wait, and all that come.
    pub(super) fn shut(&self) {
        let waiting = self.waiting.lock().take();
        // Each locks the listener's seats as it goes.
        drop(waiting);
    }
}
