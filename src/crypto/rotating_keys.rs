//! Keys that rotate by themselves.

use crate::error::Result;
use parking_lot::RwLock;
use std::time::Duration;

/// A key for each period, drawn when it is first needed, and the key of the period before. No two values
/// ever have the same keys.
pub(crate) struct RotatingKeys<K> {
    period_seconds: u64,
    draw: fn() -> Result<K>,
    keys: RwLock<Keys<K>>,
}

/// The keys of a period.
pub(crate) struct Keys<K> {
    period: u64,
    /// `None` before the first use, and while the generator fails.
    current: Option<K>,
    previous: Option<K>,
}

impl<K> RotatingKeys<K> {
    /// Keys that serve for `period_seconds` each, which must not be zero.
    pub(crate) fn new(period_seconds: u64, draw: fn() -> Result<K>) -> Self {
        RotatingKeys {
            period_seconds,
            draw,
            keys: RwLock::new(Keys {
                period: 0,
                current: None,
                previous: None,
            }),
        }
    }

    /// Calls `with` with the keys of the period of `now`, which may lie a little behind: the time is read
    /// before the lock is taken, so another thread may have been faster.
    pub(crate) fn at<T>(&self, now: Duration, with: impl FnOnce(&Keys<K>) -> T) -> T {
        let period = now.as_secs().checked_div(self.period_seconds).unwrap_or(0);
        let keys = self.keys.read();
        if period <= keys.period && keys.current.is_some() {
            return with(&keys);
        }
        drop(keys);
        let mut keys = self.keys.write();
        keys.advance(period, self.draw);
        with(&keys)
    }

    /// Calls `with` with the keys as they were last used.
    pub(crate) fn as_they_are<T>(&self, with: impl FnOnce(&Keys<K>) -> T) -> T {
        with(&self.keys.read())
    }
}

impl<K> Keys<K> {
    /// The number of the current key's period.
    pub(crate) fn period(&self) -> u64 {
        self.period
    }

    pub(crate) fn current(&self) -> Option<&K> {
        self.current.as_ref()
    }

    pub(crate) fn previous(&self) -> Option<&K> {
        self.previous.as_ref()
    }

    fn advance(&mut self, period: u64, draw: fn() -> Result<K>) {
        if period > self.period {
            // After a pause of more than a period the last key is over as well.
            let last = self.current.take();
            self.previous = last.filter(|_| period == self.period.saturating_add(1));
            self.period = period;
        }
        if self.current.is_none() {
            self.current = draw().ok();
        }
    }
}
