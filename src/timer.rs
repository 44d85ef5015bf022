//! Time: the clock that tells it, the timer that wakes a connection, and the retransmission plan.
//!
//! Below the shell nobody reads a clock: the time of day is an argument, a [`Duration`] since any
//! fixed origin. A [`Clock`] gives that argument its value.

mod clock;
mod retransmission;

pub use clock::{Clock, SystemClock};
pub use retransmission::{GiveUp, Retransmission};

use std::sync::Arc;
use std::time::Duration;

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

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;

    struct Hand(Mutex<Duration>);

    impl Clock for Hand {
        fn now(&self) -> Duration {
            *self.0.lock()
        }
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
