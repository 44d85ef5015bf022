//! What a listener and one of its connections tell each other.

use super::inbox::End;
use super::sync::{AtomicU64, Mutex, Ordering};
use crate::association::Rival;
use std::time::Duration;

/// Shared by the listener and the connection, which is its handshake at first. One without a listener has
/// a fate of its own, in which nothing ever happens.
#[derive(Default)]
pub(super) struct Fate {
    rival: Mutex<Rival>,
    /// When something authentic came last, in milliseconds of the clock and one more; zero before that.
    heard: AtomicU64,
    end: Mutex<Option<End>>,
}

impl Fate {
    /// Something authentic came.
    pub(super) fn hear(&self, now: Duration) {
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.heard
            .store(millis.saturating_add(1), Ordering::Relaxed);
    }

    /// Whether nothing has come for `limit`, counted from the first question on where nothing came ever.
    pub(super) fn is_silent(&self, now: Duration, limit: Duration) -> bool {
        match self.heard.load(Ordering::Relaxed).checked_sub(1) {
            Some(heard) => now.saturating_sub(Duration::from_millis(heard)) >= limit,
            None => {
                self.hear(now);
                false
            }
        }
    }

    /// The connection is over, but for its farewell. The first reason counts.
    pub(super) fn end(&self, end: End) {
        self.end.lock().get_or_insert(end);
    }

    pub(super) fn ended(&self) -> Option<End> {
        *self.end.lock()
    }

    /// Another association of the same client is beside this connection, or none any more.
    pub(super) fn set_rival(&self, rival: Rival) {
        *self.rival.lock() = rival;
    }

    pub(super) fn rival(&self) -> Rival {
        *self.rival.lock()
    }
}
