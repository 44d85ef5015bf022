//! Time, as the shell tells it.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Monotonic time since an origin that never changes.
    fn now(&self) -> Duration;

    /// The date, for the validity of certificates, the age of sessions and the keys of a
    /// [`SharedTicketer`](crate::SharedTicketer). Never used for a timer.
    fn date(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// The machine's clock, by [`Instant`]: jumps of the date do not touch it. All of a process tell the same
/// time, so what rotates by one goes on by the next: a [`CookieContext`](crate::CookieContext) may outlive
/// the configuration that it was first used with.
#[derive(Debug, Clone)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// The time since this was called first.
    pub fn new() -> Self {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        SystemClock {
            origin: *ORIGIN.get_or_init(Instant::now),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_counts_from_its_origin() {
        let moment = Duration::from_millis(1);
        let origin = Instant::now().checked_sub(moment).unwrap();
        let clock = SystemClock { origin };
        let earlier = clock.now();
        assert!(moment <= earlier && earlier <= clock.now());
        assert_eq!(
            origin
                .checked_add(earlier)
                .map(|then| then <= Instant::now()),
            Some(true)
        );
    }

    /// Keys that rotate by the one must not stand still by the next, whose origin is later.
    #[test]
    fn a05_a_new_clock_goes_on_where_the_others_are() {
        let first = SystemClock::new();
        while first.now() < Duration::from_millis(1) {}
        let told = first.now();
        assert!(SystemClock::new().now() >= told);
    }
}
