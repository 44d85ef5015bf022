//! Tickets under keys that follow from a secret.

use super::session_state::{CLOCK_SKEW, seconds};
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
/// started again. Their clocks may differ by an hour.
///
/// **Whoever has the secret can be anyone.** He opens all tickets that were ever made with it, and so reads every
/// connection of DTLS 1.2 whose session was sealed; he can make tickets himself, of clients with certificates that never
/// were; and he can be the server to whoever comes with a ticket. The keys rotate, but the secret does not: exchange it
/// now and then ([`with_previous`](SharedTicketer::with_previous)), as a certificate's key. Where no sessions need to be
/// shared, [`RotatingTicketer`](crate::RotatingTicketer) forgets its keys. What [`Ticketer`] says of sharing holds here.
///
/// Sessions of clients with certificates (in DTLS 1.2: of all that are asked for one) go into no ticket as long as the
/// server can [keep](crate::ConfigBuilder::sessions) them, since such tickets are long. For them to outlive a restart the
/// store has to, or there is [none](crate::ConfigBuilder::without_session_cache).
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
    previous: Option<Secret>,
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
        Ok(SharedTicketer {
            clock,
            secret: extract(secret.as_ref())?,
            previous: None,
        })
    }

    /// Opens also what was sealed with this secret, for the half day after all servers have got another. As long it is
    /// worth as much as the new one: not for a secret that others may know, and to be taken out again.
    ///
    /// # Errors
    /// [`Error::Config`] if it is shorter than 32 bytes.
    pub fn with_previous(mut self, secret: impl AsRef<[u8]>) -> Result<Self> {
        self.previous = Some(extract(secret.as_ref())?);
        Ok(self)
    }

    fn now(&self) -> u64 {
        seconds(self.clock.date())
    }
}

fn extract(secret: &[u8]) -> Result<Secret> {
    match secret.len() < SHORTEST_SECRET {
        true => {
            let what = "the secret of a SharedTicketer has at least 32 random bytes";
            Err(Error::Config(what.into()))
        }
        false => Ok(HKDF.extract(b"flightline tickets", secret)),
    }
}

/// Servers of other releases make the same key of it.
fn key(secret: &Secret, period: u64) -> Result<TicketKey> {
    let context = period.to_be_bytes();
    TicketKey::new(&HKDF.expand_label(secret, b"ticket key", &context, MATERIAL_LEN)?)
}

impl Ticketer for SharedTicketer {
    fn seal(&self, state: &[u8]) -> Option<Vec<u8>> {
        let key = key(&self.secret, self.now() / PERIOD);
        key.ok()?.seal(state).ok()
    }

    fn open(&self, ticket: &[u8]) -> Option<OpenedTicket> {
        let now = self.now();
        let (present, last) = (now / PERIOD, (now / PERIOD).saturating_sub(1));
        // It may be of a server whose clock is ahead.
        let next = now.saturating_add(CLOCK_SKEW.as_secs()) / PERIOD;
        let open = |secret, period| key(secret, period).ok()?.open(ticket);
        let fresh = (present..=next).find_map(|period| open(&self.secret, period));
        let ageing = || {
            let previous = self.previous.as_ref();
            open(&self.secret, last)
                .or_else(|| (last..=next).find_map(|period| open(previous?, period)))
        };
        let fresh = fresh.map(OpenedTicket::Fresh);
        fresh.or_else(|| ageing().map(OpenedTicket::Ageing))
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
            (START - 2, "not at all"),
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
            let other = at(hours, 8).with_previous([7; 32]).unwrap();
            let opened = other.open(&ticket);
            assert_eq!(opened.is_some(), how != "not at all", "{hours} h");
            assert!(!matches!(opened, Some(OpenedTicket::Fresh(_))));
        }
    }

    /// Sealed once, and kept here: by a secret of sevens, 480,005 hours after 1970 began.
    #[test]
    fn the_keys_of_a_secret_are_the_same_for_ever() {
        let ticket = KNOWN.as_bytes().chunks(2).map(|pair| {
            let digits = std::str::from_utf8(pair).unwrap();
            u8::from_str_radix(digits, 16).unwrap()
        });
        let ticket: Vec<u8> = ticket.collect();
        let opened = at(480_005, 7).open(&ticket);
        assert_eq!(opened, Some(OpenedTicket::Fresh(b"state".to_vec())));
    }

    const KNOWN: &str = "9d0e4c0555703ac9fe66c627fe82a88828a5b3c40339b6531294e06ef5fa705d\
        d9bf59a12aee0ce7612a25caaf0ec67250";

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
