//! What a listener has decided about one of its connections.

use crate::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// Shared by the listener and the connection's transport.
#[derive(Debug, Default)]
pub(super) struct Fate {
    end: AtomicU8,
    contested: AtomicBool,
}

/// Zero is: goes on.
const REPLACED: u8 = 1;
const CLOSED: u8 = 2;

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
            _ => Error::Closed,
        }
    }

    /// Another connection owns the address now.
    pub(super) fn is_replaced(&self) -> bool {
        self.end.load(Ordering::Relaxed) == REPLACED
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
