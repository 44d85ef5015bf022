//! Tickets under keys that follow from a secret.

use super::session_state::seconds;
use super::ticket_key::{MATERIAL_LEN, PERIOD, TicketKey};
use super::ticketer::{OpenedTicket, Ticketer};
use crate::crypto::{HashAlgorithm, Hkdf, Labels, Secret};
use crate::error::{Error, Result};
use crate::timer::{Clock, SystemClock};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A secret must not be easier to guess than the keys that follow from it.
const SHORTEST_SECRET: usize = 32;

const HKDF: Hkdf = Hkdf {
    hash: HashAlgorithm::Sha256,
    labels: Labels::OUR_OWN,
};

/// Seals with AES-256-GCM under keys that follow from a secret and the date, each of which seals for six hours and
/// opens for twelve: servers with the same secret open each other's tickets, and so does a server that was
/// started again.
///
/// Their clocks may differ; by less than six hours, sessions are only gone on with a little shorter or longer.
///
/// **Whoever has the secret can open all tickets that were ever made with it**: read every connection of DTLS 1.2 whose
/// session was sealed, and in all versions pass for its client. The keys rotate, but the secret does not: exchange it
/// now and then, as a certificate's key. Where no sessions need to be shared, [`RotatingTicketer`](crate::RotatingTicketer)
/// forgets its keys. What [`Ticketer`] says of sharing holds here.
///
/// ```
/// use flightline::{Psk, ServerConfig, ServerIdentity, SharedTicketer};
/// # let secret_of_all_our_servers = || [0x5a; 32];
///
/// // As from a file that only the servers can read; 32 random bytes.
/// let secret = secret_of_all_our_servers();
/// let identity = ServerIdentity::psk(Psk::new("sensor-7", [0x5a; 32])?);
/// let config = ServerConfig::builder(identity).ticketer(SharedTicketer::new(secret)?).build()?;
/// # Ok::<(), flightline::Error>(())
/// ```
pub struct SharedTicketer {
    clock: Arc<dyn Clock>,
    secret: Secret,
}

impl SharedTicketer {
    /// A ticketer whose keys follow from `secret` and the machine's date. It should be random, and has at least 32
    /// bytes: not a password.
    ///
    /// # Errors
    /// [`Error::Config`] if it is shorter.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self> {
        SharedTicketer::with_clock(secret, Arc::new(SystemClock::new()))
    }

    /// A ticketer whose keys follow from `secret` and this clock's [`date`](Clock::date).
    ///
    /// # Errors
    /// [`Error::Config`] if the secret is shorter than 32 bytes.
    pub fn with_clock(secret: impl AsRef<[u8]>, clock: Arc<dyn Clock>) -> Result<Self> {
        let secret = secret.as_ref();
        if secret.len() < SHORTEST_SECRET {
            let what = "the secret of a SharedTicketer has at least 32 random bytes";
            return Err(Error::Config(what.into()));
        }
        Ok(SharedTicketer {
            clock,
            secret: HKDF.extract(b"flightline tickets", secret),
        })
    }

    fn now(&self) -> u64 {
        seconds(self.clock.date())
    }

    fn key(&self, period: u64) -> Result<TicketKey> {
        let material = HKDF.expand_label(
            &self.secret,
            b"ticket key",
            &period.to_be_bytes(),
            MATERIAL_LEN,
        )?;
        TicketKey::new(&material)
    }
}

impl Ticketer for SharedTicketer {
    fn seal(&self, state: &[u8]) -> Option<Vec<u8>> {
        self.key(self.now() / PERIOD).ok()?.seal(state).ok()
    }

    fn open(&self, ticket: &[u8]) -> Option<OpenedTicket> {
        let now = self.now() / PERIOD;
        let open = |period| self.key(period).ok()?.open(ticket);
        open(now)
            // Sealed by a server whose clock is ahead.
            .or_else(|| open(now.checked_add(1)?))
            .map(OpenedTicket::Fresh)
            .or_else(|| open(now.checked_sub(1)?).map(OpenedTicket::Ageing))
    }

    /// What is left of the present key's time to seal, and the six hours in which it still opens.
    fn lifetime(&self) -> Duration {
        let left = PERIOD.saturating_mul(2).saturating_sub(self.now() % PERIOD);
        Duration::from_secs(left)
    }
}

impl fmt::Debug for SharedTicketer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedTicketer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{SystemTime, UNIX_EPOCH};

    const HOUR: u64 = 3600;

    /// A clock that stands still at this date.
    struct Date(u64);

    impl Clock for Date {
        fn now(&self) -> Duration {
            Duration::ZERO
        }

        fn date(&self) -> SystemTime {
            UNIX_EPOCH + Duration::from_secs(self.0)
        }
    }

    fn at(hours: u64, secret: u8) -> SharedTicketer {
        SharedTicketer::with_clock([secret; 32], Arc::new(Date(hours * HOUR))).unwrap()
    }

    /// Each `at` is another server, or the same after a restart.
    #[test]
    fn g02_whoever_has_the_secret_opens_it_while_its_time_lasts() {
        // The first hour of a period, long after the epoch.
        const START: u64 = 480_000;
        let ticket = at(START + 5, 7).seal(b"state").unwrap();
        let opened = |hours, secret| match at(hours, secret).open(&ticket) {
            None => "not at all",
            Some(OpenedTicket::Fresh(state)) if state == b"state" => "fresh",
            Some(OpenedTicket::Ageing(state)) if state == b"state" => "ageing",
            Some(_) => "something else",
        };
        assert_eq!(at(START + 5, 7).lifetime().as_secs(), 7 * HOUR);
        let moments = [
            (START - 7, "not at all"),
            (START - 6, "fresh"),
            (START - 1, "fresh"),
            (START, "fresh"),
            (START + 5, "fresh"),
            (START + 6, "ageing"),
            (START + 11, "ageing"),
            (START + 12, "not at all"),
        ];
        for (hours, how) in moments {
            assert_eq!(opened(hours, 7), how, "{hours} h");
            assert_eq!(opened(hours, 8), "not at all", "{hours} h, another secret");
        }
    }

    #[test]
    fn a_clock_at_its_origin_serves_as_well() {
        let ticket = at(0, 7).seal(b"state").unwrap();
        assert!(at(0, 7).open(&ticket).is_some());
        assert!(at(0, 7).open(b"forged").is_none());
    }

    #[test]
    fn a_secret_that_can_be_guessed_is_none() {
        for length in 0..32 {
            let error = SharedTicketer::new(vec![7; length]).unwrap_err();
            assert!(matches!(error, Error::Config(_)), "{length} bytes: {error}");
        }
        assert!(SharedTicketer::new([7; 33]).is_ok());
    }
}
