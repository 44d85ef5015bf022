//! Time: the clock that tells it, the timer that wakes a connection, and the retransmission plan.
//!
//! Below the shell nobody reads a clock: the time of day is an argument, a [`Duration`] since any
//! fixed origin. A [`Clock`] gives that argument its value.

use rand::RngExt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Monotonic time since an origin that never changes.
    fn now(&self) -> Duration;

    /// The date, for the validity of certificates and the age of sessions. Never used for a timer.
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

/// What [`Timer::get_delay`] answers. The numbers are those of the classic C interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum Delay {
    /// No delay is running: the final delay was set to zero.
    Cancelled = -1,
    /// Neither delay has passed.
    Pending = 0,
    /// The intermediate delay has passed.
    Intermediate = 1,
    /// The final delay has passed: something is due.
    Final = 2,
}

/// Wakes one handshake. Each has a timer of its own. Behind it, ask
/// [`DtlsSocket::next_timeout`](crate::DtlsSocket::next_timeout) when [`service`](crate::DtlsSocket::service) is due: the last flight
/// is served, and DTLS 1.3 has ACKs, tickets and new keys.
///
/// After every step that changes what is due, a handshake calls [`set_delay`](Timer::set_delay); before every
/// wait for a datagram it asks [`get_delay`](Timer::get_delay). There is at most one running pair of delays: setting replaces it,
/// and a final delay of zero cancels it. It is cancelled when the handshake ends in any way.
///
/// Two strategies fit. *Timestamps*, the default ([`TimestampTimer`]): remember when the pair was set
/// and compare. *Events*: have a timer raise an event when the final delay has passed, and call
/// `handshake()` again on that event; `examples/event_loop.rs` does so.
///
/// ```
/// use flightline::{Delay, Timer};
/// use std::time::{Duration, Instant};
///
/// /// Timestamps, by hand.
/// #[derive(Default)]
/// struct Stopwatch(Option<(Instant, Duration, Duration)>);
///
/// impl Timer for Stopwatch {
///     fn set_delay(&mut self, intermediate: Duration, final_: Duration) {
///         self.0 = (!final_.is_zero()).then(|| (Instant::now(), intermediate, final_));
///     }
///     fn get_delay(&self) -> Delay {
///         match &self.0 {
///             None => Delay::Cancelled,
///             Some((start, _, final_)) if start.elapsed() >= *final_ => Delay::Final,
///             Some((start, intermediate, _)) if start.elapsed() >= *intermediate => Delay::Intermediate,
///             Some(_) => Delay::Pending,
///         }
///     }
/// }
///
/// let mut timer = Stopwatch::default();
/// assert_eq!(timer.get_delay(), Delay::Cancelled);
/// timer.set_delay(Duration::from_secs(5), Duration::from_secs(20));
/// assert_eq!(timer.get_delay(), Delay::Pending);
/// ```
pub trait Timer: Send {
    /// Starts both delays anew, in place of a running pair. `final_` of zero cancels. What happens
    /// at `intermediate` is internal; a timer that only raises an event at `final_` is enough.
    fn set_delay(&mut self, intermediate: Duration, final_: Duration);

    /// Which of the delays have passed.
    fn get_delay(&self) -> Delay;
}

/// The default timer: remembers when the delays were set, and compares.
pub struct TimestampTimer {
    clock: Arc<dyn Clock>,
    running: Option<Running>,
}

struct Running {
    intermediate: Duration,
    final_: Duration,
}

impl TimestampTimer {
    /// A timer that reads `clock`, with no delay running.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        TimestampTimer {
            clock,
            running: None,
        }
    }
}

impl Timer for TimestampTimer {
    fn set_delay(&mut self, intermediate: Duration, final_: Duration) {
        let now = self.clock.now();
        self.running = (!final_.is_zero()).then(|| Running {
            intermediate: now.saturating_add(intermediate),
            final_: now.saturating_add(final_),
        });
    }

    fn get_delay(&self) -> Delay {
        let now = self.clock.now();
        match &self.running {
            None => Delay::Cancelled,
            Some(running) if now >= running.final_ => Delay::Final,
            Some(running) if now >= running.intermediate => Delay::Intermediate,
            Some(_) => Delay::Pending,
        }
    }
}

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
    use parking_lot::Mutex;

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

    struct Hand(Mutex<Duration>);

    impl Clock for Hand {
        fn now(&self) -> Duration {
            *self.0.lock()
        }
    }

    /// Keys that rotate by the one must not stand still by the next, whose origin is later.
    #[test]
    fn a05_a_new_clock_goes_on_where_the_others_are() {
        let first = SystemClock::new();
        while first.now() < Duration::from_millis(1) {}
        let told = first.now();
        assert!(SystemClock::new().now() >= told);
    }

    #[test]
    fn set_delay_get_delay() {
        let clock = Arc::new(Hand(Mutex::new(Duration::from_secs(100))));
        let mut timer = TimestampTimer::new(clock.clone());
        let second = Duration::from_secs(1);
        assert_eq!(timer.get_delay(), Delay::Cancelled);
        timer.set_delay(second, 4 * second);
        assert_eq!(timer.get_delay(), Delay::Pending);
        *clock.0.lock() += second;
        assert_eq!(timer.get_delay(), Delay::Intermediate);
        *clock.0.lock() += 3 * second;
        assert_eq!(timer.get_delay(), Delay::Final);
        timer.set_delay(second, 4 * second);
        assert_eq!(
            timer.get_delay(),
            Delay::Pending,
            "setting replaces the running pair"
        );
        timer.set_delay(Duration::ZERO, Duration::ZERO);
        assert_eq!(timer.get_delay(), Delay::Cancelled, "zero cancels");
        assert_eq!(Delay::Cancelled as i8, -1);
        assert_eq!(Delay::Final as i8, 2);
    }
}
