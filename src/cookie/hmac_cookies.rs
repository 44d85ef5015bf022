//! Cookies under keys that rotate by themselves.

use super::CookieSigner;
use crate::crypto::{HashAlgorithm, HmacKey, Keys, RotatingKeys, Secret};
use crate::error::{Error, Result};
use std::fmt;
use std::time::Duration;

/// How long a key makes cookies; for as long again it still verifies them. A cookie is thus good for
/// 128 s at least, which leaves time for the resends of a slow client, and for 256 s at most, so
/// that cookies cannot be gathered for later (RFC 6347 §4.2.1).
const PERIOD_SECONDS: u64 = 128;

/// HMAC-SHA256 under two overlapping random keys.
///
/// The keys come from the operating system's generator and exist in this value only: no two
/// servers, and no two runs of one server, accept each other's cookies.
pub struct HmacCookies {
    keys: RotatingKeys<HmacKey>,
}

impl HmacCookies {
    /// Draws the first key.
    ///
    /// # Errors
    ///
    /// [`Error::RandomFailed`](crate::Error::RandomFailed), if the operating system has no random bytes.
    pub fn new() -> Result<Self> {
        let keys = RotatingKeys::new(PERIOD_SECONDS, random_key);
        match keys.at(Duration::ZERO, |keys| keys.current().is_some()) {
            true => Ok(HmacCookies { keys }),
            false => Err(Error::RandomFailed),
        }
    }
}

impl CookieSigner for HmacCookies {
    fn period(&self, now: Duration) -> u8 {
        self.keys.at(now, |keys| name(keys.period()))
    }

    fn sign(&self, period: u8, message: &[&[u8]]) -> Option<[u8; 16]> {
        self.keys.as_they_are(|keys| {
            let tag = of_period(keys, period)?.sign(message);
            tag.as_ref().first_chunk().copied()
        })
    }

    fn verify(&self, now: Duration, period: u8, message: &[&[u8]], tag: &[u8; 16]) -> bool {
        // A key that is over is gone before it is looked for.
        self.keys.at(now, |keys| {
            of_period(keys, period).is_some_and(|key| key.verify_truncated(message, tag))
        })
    }
}

impl fmt::Debug for HmacCookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacCookies").finish_non_exhaustive()
    }
}

/// The key of the period with this name. Names repeat after 256 periods; keys never do.
fn of_period(keys: &Keys<HmacKey>, period: u8) -> Option<&HmacKey> {
    if period == name(keys.period()) {
        keys.current()
    } else if period == name(keys.period().wrapping_sub(1)) {
        keys.previous()
    } else {
        None
    }
}

fn name(period: u64) -> u8 {
    let [.., name] = period.to_be_bytes();
    name
}

fn random_key() -> Result<HmacKey> {
    let bytes = Secret::random(32)?;
    Ok(HmacKey::new(HashAlgorithm::Sha256, bytes.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn signed(cookies: &HmacCookies, now: Duration) -> (u8, [u8; 16]) {
        let period = cookies.period(now);
        (period, cookies.sign(period, &[b"message"]).unwrap())
    }

    fn good(cookies: &HmacCookies, now: Duration, (period, tag): (u8, [u8; 16])) -> bool {
        cookies.verify(now, period, &[b"mess", b"age"], &tag)
    }

    #[test]
    fn a05_a_cookie_lives_128_seconds_at_least_and_256_at_most() {
        for age in [0, 1, 64, 127] {
            let cookies = HmacCookies::new().unwrap();
            let made = SECOND * (1_000 * 128 + age);
            let cookie = signed(&cookies, made);
            assert!(good(&cookies, made, cookie));
            assert!(good(&cookies, made + SECOND * 128, cookie));
            assert!(!good(&cookies, made + SECOND * 256, cookie));
        }
    }

    #[test]
    fn p38_a_rotated_key_is_accepted_for_one_more_period() {
        let cookies = HmacCookies::new().unwrap();
        let cookie = signed(&cookies, SECOND * 127);
        let next = signed(&cookies, SECOND * 128);
        assert_ne!(cookie, next);
        assert!(good(&cookies, SECOND * 128, cookie));
        assert!(good(&cookies, SECOND * 255, cookie));
        assert!(!good(&cookies, SECOND * 256, cookie));
        assert!(good(&cookies, SECOND * 256, next));
    }

    #[test]
    fn a05_a_key_is_over_after_a_pause_too() {
        let cookies = HmacCookies::new().unwrap();
        let cookie = signed(&cookies, Duration::ZERO);
        // The name of the period is the same one again.
        assert!(!good(&cookies, SECOND * 128 * 256, cookie));
        let later = signed(&cookies, SECOND * 128 * 256);
        assert_eq!(later.0, cookie.0);
        assert_ne!(later.1, cookie.1);
    }

    #[test]
    fn a_thread_that_comes_late_does_not_turn_the_keys_back() {
        let cookies = HmacCookies::new().unwrap();
        let cookie = signed(&cookies, SECOND * 128);
        assert_eq!(signed(&cookies, SECOND * 127), cookie);
        assert!(good(&cookies, SECOND * 127, cookie));
    }

    #[test]
    fn a07_keys_are_random_from_the_start() {
        let tag = |cookies: HmacCookies| signed(&cookies, Duration::ZERO).1;
        assert_ne!(
            tag(HmacCookies::new().unwrap()),
            tag(HmacCookies::new().unwrap())
        );
    }

    #[test]
    fn time_without_end_is_no_trouble() {
        let cookies = HmacCookies::new().unwrap();
        let cookie = signed(&cookies, Duration::MAX);
        assert!(good(&cookies, Duration::MAX, cookie));
    }

    #[test]
    fn f07_debug_does_not_tell() {
        assert_eq!(
            format!("{:?}", HmacCookies::new().unwrap()),
            "HmacCookies { .. }"
        );
    }
}
