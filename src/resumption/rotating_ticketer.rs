//! Tickets under keys that rotate by themselves.

use super::ticket_key::{PERIOD, TicketKey};
use super::ticketer::{OpenedTicket, Ticketer};
use crate::crypto::RotatingKeys;
use crate::timer::{Clock, SystemClock};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Seals with AES-256-GCM under two overlapping random keys, each of which seals for six hours and
/// opens for twelve.
///
/// The keys come from the operating system's generator and exist in this value only: a restart ends
/// all sessions, and no two ticketers open each other's tickets; [`SharedTicketer`](crate::SharedTicketer) is for where
/// they should. The first key is drawn when it is needed, and an old one goes when the next is.
pub struct RotatingTicketer {
    clock: Arc<dyn Clock>,
    keys: RotatingKeys<TicketKey>,
}

impl RotatingTicketer {
    /// A ticketer with keys of its own, which rotate by the machine's clock.
    pub fn new() -> Self {
        RotatingTicketer::with_clock(Arc::new(SystemClock::new()))
    }

    /// A ticketer with keys of its own, which rotate by this clock.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        RotatingTicketer {
            clock,
            keys: RotatingKeys::new(PERIOD, TicketKey::random),
        }
    }
}

impl Ticketer for RotatingTicketer {
    fn seal(&self, state: &[u8]) -> Option<Vec<u8>> {
        let now = self.clock.now();
        self.keys.at(now, |keys| keys.current()?.seal(state).ok())
    }

    fn open(&self, ticket: &[u8]) -> Option<OpenedTicket> {
        let opens = |key: Option<&TicketKey>| key.and_then(|key| key.open(ticket));
        self.keys.at(self.clock.now(), |keys| {
            opens(keys.current())
                .map(OpenedTicket::Fresh)
                .or_else(|| opens(keys.previous()).map(OpenedTicket::Ageing))
        })
    }

    /// What is left of the present key's time to seal, and the six hours in which it still opens.
    fn lifetime(&self) -> Duration {
        let into_period = self.clock.now().as_secs() % PERIOD;
        let left = PERIOD.saturating_mul(2).saturating_sub(into_period);
        Duration::from_secs(left)
    }
}

impl Default for RotatingTicketer {
    fn default() -> Self {
        RotatingTicketer::new()
    }
}

impl fmt::Debug for RotatingTicketer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RotatingTicketer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;

    const HOUR: Duration = Duration::from_secs(3600);

    /// A clock that stands still until it is moved.
    #[derive(Default)]
    struct Hand(Mutex<Duration>);

    impl Clock for Hand {
        fn now(&self) -> Duration {
            *self.0.lock()
        }
    }

    #[test]
    fn g01_only_what_was_sealed_opens() {
        let ticketer = RotatingTicketer::new();
        let ticket = ticketer.seal(b"state").unwrap();
        assert_eq!(
            ticketer.open(&ticket),
            Some(OpenedTicket::Fresh(b"state".to_vec()))
        );
        for i in 0..ticket.len() {
            let mut forged = ticket.clone();
            forged[i] ^= 1;
            assert_eq!(ticketer.open(&forged), None, "byte {i}");
            assert_eq!(ticketer.open(&ticket[..i]), None, "{i} bytes");
        }
        assert_eq!(ticketer.open(&[&ticket[..], &[0]].concat()), None);
        assert_eq!(RotatingTicketer::new().open(&ticket), None);
    }

    #[test]
    fn g02_keys_rotate_and_two_are_accepted() {
        let hand = Arc::new(Hand::default());
        let ticketer = RotatingTicketer::with_clock(hand.clone());
        let at = |now| *hand.0.lock() = now;
        let opened = |now, ticket: &[u8]| {
            at(now);
            match ticketer.open(ticket) {
                None => "not at all",
                Some(OpenedTicket::Fresh(_)) => "fresh",
                Some(OpenedTicket::Ageing(_)) => "ageing",
            }
        };
        at(5 * HOUR);
        let ticket = ticketer.seal(b"state").unwrap();
        assert_eq!(ticketer.lifetime(), 7 * HOUR);
        assert_eq!(opened(5 * HOUR, &ticket), "fresh");
        assert_eq!(opened(6 * HOUR, &ticket), "ageing");
        // A thread that read the time a moment ago sees the same keys.
        assert_eq!(opened(5 * HOUR, &ticket), "ageing");
        assert_eq!(opened(12 * HOUR, &ticket), "not at all");
        // Nothing came for more than a period.
        let ticket = ticketer.seal(b"state").unwrap();
        assert_eq!(ticketer.lifetime(), 12 * HOUR);
        assert_eq!(opened(25 * HOUR, &ticket), "not at all");
    }

    #[test]
    fn no_two_tickets_are_alike() {
        let ticketer = RotatingTicketer::new();
        assert_ne!(
            ticketer.seal(b"state").unwrap(),
            ticketer.seal(b"state").unwrap()
        );
    }
}
