//! The retransmission plan.

use rand::RngExt;
use std::time::Duration;

/// When to send a flight again, and when to stop (RFC 6347 §4.2.4.1).
///
/// ```
/// use flightline::{GiveUp, Retransmission};
/// use std::time::Duration;
///
/// let patient = Retransmission::RFC6347;
/// assert_eq!(patient.initial, Duration::from_secs(1));
/// let hurried = Retransmission { give_up: GiveUp::Resends(3), ..Retransmission::LOSSY };
/// assert!(hurried.initial < patient.initial);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retransmission {
    /// The first delay of every flight. Not zero.
    pub initial: Duration,
    /// The delay doubles at each expiry, up to this. Not below `initial`.
    pub maximum: Duration,
    /// When the handshake fails with [`HandshakeTimeout`](crate::Error::HandshakeTimeout).
    pub give_up: GiveUp,
    /// Each wait is longer than its delay by a random share of it, up to so many percent: 0, the default, to 100.
    /// Whoever makes many connections at once does not send everything at once again then.
    pub jitter: u8,
}

/// When to stop sending a flight again. A whole handshake has three times as long as one flight, or the
/// deadline, whatever the peer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GiveUp {
    /// When the maximum delay has expired once.
    AtMaximum,
    /// When the delay expires after this many resends of a flight.
    Resends(u32),
    /// This long after the handshake began.
    Deadline(Duration),
}

impl Retransmission {
    /// RFC 6347 §4.2.4.1: 1 s, doubled up to 60 s, and over when those have expired: 7 sends in 123 s.
    pub const RFC6347: Self = Retransmission {
        initial: Duration::from_secs(1),
        maximum: Duration::from_secs(60),
        give_up: GiveUp::AtMaximum,
        jitter: 0,
    };

    /// For real-time traffic: 0.4 s, doubled up to 3 s, for 60 s.
    pub const REAL_TIME: Self = Retransmission {
        initial: Duration::from_millis(400),
        maximum: Duration::from_secs(3),
        give_up: GiveUp::Deadline(Duration::from_secs(60)),
        jitter: 0,
    };

    /// For links that lose much: 0.25 s, doubled up to 1 s, for 60 s. Not for peers whose timer starts anew
    /// with whatever arrives, as GnuTLS's does: they would never send again. Give them a longer `maximum`.
    pub const LOSSY: Self = Retransmission {
        initial: Duration::from_millis(250),
        maximum: Duration::from_secs(1),
        give_up: GiveUp::Deadline(Duration::from_secs(60)),
        jitter: 0,
    };

    /// Whether the delays and the end make sense together.
    pub(crate) fn is_sound(&self) -> bool {
        !self.initial.is_zero()
            && self.initial <= self.maximum
            && self.give_up != GiveUp::Deadline(Duration::ZERO)
            && self.jitter <= 100
    }

    /// How long to wait where the delay is this.
    pub(crate) fn wait(&self, delay: Duration) -> Duration {
        let most = self.share(delay);
        if most.is_zero() {
            return delay;
        }
        delay.saturating_add(rand::rng().random_range(Duration::ZERO..=most))
    }

    /// What jitter may add.
    fn share(&self, delay: Duration) -> Duration {
        let hundredfold = delay.saturating_mul(self.jitter.into());
        hundredfold.checked_div(100).unwrap_or_default()
    }

    /// When a whole handshake is over, however often the peer repeats itself: each side has three flights
    /// at most (RFC 6347 §4.2.4, figure 1), and has patience with each (hazard E16).
    pub(crate) fn longest_handshake(&self) -> Duration {
        let (mut delay, mut doubling) = (self.initial, Duration::ZERO);
        let mut delays = match self.give_up {
            GiveUp::AtMaximum => u32::MAX,
            GiveUp::Resends(resends) => resends.saturating_add(1),
            GiveUp::Deadline(after) => return after,
        };
        while delay < self.maximum && delays > 0 {
            doubling = doubling.saturating_add(delay);
            delay = delay.saturating_mul(2);
            delays = delays.saturating_sub(1);
        }
        let at_maximum = match self.give_up {
            GiveUp::AtMaximum => 1,
            GiveUp::Resends(_) | GiveUp::Deadline(_) => delays,
        };
        let flight = doubling.saturating_add(self.maximum.saturating_mul(at_maximum));
        let flight = flight.saturating_add(self.share(flight));
        flight.saturating_mul(3)
    }

    /// What `handshake_timeout(min, max)` means: doubling from `min` until `max` has expired.
    pub const fn handshake_timeout(min: Duration, max: Duration) -> Self {
        Retransmission {
            initial: min,
            maximum: max,
            give_up: GiveUp::AtMaximum,
            jitter: 0,
        }
    }
}

impl Default for Retransmission {
    fn default() -> Self {
        Retransmission::RFC6347
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e16_a_handshake_takes_three_flights_at_most() {
        let second = Duration::from_secs(1);
        let plan = |give_up| Retransmission {
            give_up,
            ..Retransmission::RFC6347
        };
        for (give_up, seconds) in [
            (GiveUp::AtMaximum, 3 * 123),
            (GiveUp::Resends(0), 3),
            (GiveUp::Resends(2), 3 * (1 + 2 + 4)),
            (GiveUp::Resends(8), 3 * (63 + 3 * 60)),
            (GiveUp::Deadline(Duration::from_secs(60)), 60),
        ] {
            let longest = plan(give_up).longest_handshake();
            assert_eq!(longest.as_secs(), seconds, "{give_up:?}");
        }
        // The maximum is one of the doubled delays, and expires once.
        let met = Retransmission::handshake_timeout(second, 4 * second);
        assert_eq!(met.longest_handshake(), 3 * (1 + 2 + 4) * second);
        assert!(plan(GiveUp::Resends(u32::MAX)).longest_handshake() > Duration::from_secs(1 << 32));
    }

    #[test]
    fn a_plan_has_delays_in_order_and_an_end() {
        let (zero, second) = (Duration::ZERO, Duration::from_secs(1));
        for (initial, maximum, give_up, sound) in [
            (second, 2 * second, GiveUp::AtMaximum, true),
            (second, second, GiveUp::Resends(0), true),
            (second, second, GiveUp::Deadline(second), true),
            (zero, second, GiveUp::AtMaximum, false),
            (2 * second, second, GiveUp::AtMaximum, false),
            (second, second, GiveUp::Deadline(zero), false),
        ] {
            let plan = Retransmission {
                initial,
                maximum,
                give_up,
                jitter: 0,
            };
            assert_eq!(plan.is_sound(), sound, "{plan:?}");
        }
    }
}
