//! What a listener has decided about one of its connections.

use crate::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

/// Shared by the listener and the connection's transport.
#[derive(Debug, Default)]
pub(super) struct Fate {
    end: AtomicU8,
    contested: AtomicBool,
    /// When something authentic came last, in seconds of the clock and one more; zero before that.
    heard: AtomicU64,
}

/// Zero is: goes on.
const REPLACED: u8 = 1;
const CLOSED: u8 = 2;
const IDLE: u8 = 3;

impl Fate {
    /// The client's new handshake has taken this connection's place.
    pub(super) fn replace(&self) {
        self.end.store(REPLACED, Ordering::Relaxed);
    }

    /// The listener was closed.
    pub(super) fn close(&self) {
        self.end.store(CLOSED, Ordering::Relaxed);
    }

    /// Why nothing comes any more.
    pub(super) fn why_ended(&self) -> Error {
        match self.end.load(Ordering::Relaxed) {
            REPLACED => Error::ReplacedByNewHandshake,
            IDLE => Error::Idle,
            _ => Error::Closed,
        }
    }

    /// Another connection owns the address now.
    pub(super) fn is_replaced(&self) -> bool {
        self.end.load(Ordering::Relaxed) == REPLACED
    }

    /// Something authentic came.
    pub(super) fn hear(&self, now: Duration) {
        let heard = now.as_secs().saturating_add(1);
        self.heard.store(heard, Ordering::Relaxed);
    }

    /// Whether nothing has come for `limit`, counted from the first question on where nothing came ever.
    pub(super) fn is_silent(&self, now: Duration, limit: Duration) -> bool {
        match self.heard.load(Ordering::Relaxed).checked_sub(1) {
            Some(heard) => now.saturating_sub(Duration::from_secs(heard)) >= limit,
            None => {
                self.hear(now);
                false
            }
        }
    }

    pub(super) fn is_forgotten(&self) -> bool {
        self.end.load(Ordering::Relaxed) == IDLE
    }

    /// The client has been silent for too long.
    pub(super) fn forget(&self) {
        self.end.store(IDLE, Ordering::Relaxed);
    }

    /// A new handshake runs beside this connection, and records of either may reach it.
    pub(super) fn contest(&self) {
        self.contested.store(true, Ordering::Relaxed);
    }

    /// That handshake is over.
    pub(super) fn uncontest(&self) {
        self.contested.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_contested(&self) -> bool {
        self.contested.load(Ordering::Relaxed)
    }
}
