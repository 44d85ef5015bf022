//! Tickets under keys that rotate by themselves.

use super::ticketer::{OpenedTicket, Ticketer};
use crate::codec::Writer;
use crate::crypto::{self, Aead, AeadAlgorithm, RotatingKeys, Secret, TAG_LEN, random};
use crate::error::Result;
use std::fmt;
use std::time::Duration;

/// How long a key seals; for as long again it still opens.
const PERIOD_SECONDS: u64 = 6 * 60 * 60;

const NAME_LEN: usize = 16;
const NONCE_LEN: usize = 12;

/// Seals with AES-256-GCM under two overlapping random keys, each of which seals for six hours and
/// opens for twelve.
///
/// The keys come from the operating system's generator and exist in this value only: a restart ends
/// all sessions, and no two servers open each other's tickets. The first key is drawn when it is needed.
///
/// A ticket is the key's name, a random nonce, and the sealed state (RFC 5077 §4 in its spirit).
pub struct RotatingTicketer {
    keys: RotatingKeys<Key>,
}

impl RotatingTicketer {
    /// A ticketer with keys of its own.
    pub fn new() -> Self {
        RotatingTicketer {
            keys: RotatingKeys::new(PERIOD_SECONDS, Key::random),
        }
    }
}

impl Ticketer for RotatingTicketer {
    fn seal(&self, now: Duration, state: &[u8]) -> Option<Vec<u8>> {
        self.keys.at(now, |keys| keys.current()?.seal(state).ok())
    }

    fn open(&self, now: Duration, ticket: &[u8]) -> Option<OpenedTicket> {
        let opens = |key: Option<&Key>| key.and_then(|key| key.open(ticket));
        self.keys.at(now, |keys| {
            opens(keys.current())
                .map(OpenedTicket::Fresh)
                .or_else(|| opens(keys.previous()).map(OpenedTicket::Ageing))
        })
    }

    fn lifetime(&self) -> Duration {
        Duration::from_secs(PERIOD_SECONDS)
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

struct Key {
    name: [u8; NAME_LEN],
    aead: Box<dyn Aead>,
}

impl Key {
    fn random() -> Result<Key> {
        let key = Secret::new(random::array::<32>()?.to_vec());
        Ok(Key {
            name: random::array()?,
            aead: AeadAlgorithm::Aes256Gcm.key(key.as_bytes())?,
        })
    }

    /// A random nonce of 96 bits may be drawn 2^32 times under one key, which is 200,000 tickets a
    /// second for six hours.
    fn seal(&self, state: &[u8]) -> Result<Vec<u8>> {
        let nonce = random::array::<NONCE_LEN>()?;
        let mut sealed = state.to_vec();
        let tag = self.aead.seal(nonce, &self.name, &mut sealed)?;
        Ok(Writer::bytes_of(|w| {
            w.bytes(&self.name);
            w.bytes(&nonce);
            w.bytes(&sealed);
            w.bytes(&tag);
        }))
    }

    fn open(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_at_checked(NAME_LEN)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        if !crypto::equal(name, &self.name) || sealed.len() < TAG_LEN {
            return None;
        }
        let mut state = sealed.to_vec();
        let length = self.aead.open(nonce.try_into().ok()?, name, &mut state)?;
        state.truncate(length);
        Some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn g01_only_what_was_sealed_opens() {
        let ticketer = RotatingTicketer::new();
        let ticket = ticketer.seal(HOUR, b"state").unwrap();
        assert_eq!(
            ticketer.open(HOUR, &ticket),
            Some(OpenedTicket::Fresh(b"state".to_vec()))
        );
        for i in 0..ticket.len() {
            let mut forged = ticket.clone();
            forged[i] ^= 1;
            assert_eq!(ticketer.open(HOUR, &forged), None, "byte {i}");
            assert_eq!(ticketer.open(HOUR, &ticket[..i]), None, "{i} bytes");
        }
        assert_eq!(ticketer.open(HOUR, &[&ticket[..], &[0]].concat()), None);
        assert_eq!(RotatingTicketer::new().open(HOUR, &ticket), None);
    }

    #[test]
    fn g02_keys_rotate_and_two_are_accepted() {
        let ticketer = RotatingTicketer::new();
        let opened = |now, ticket: &[u8]| match ticketer.open(now, ticket) {
            None => "not at all",
            Some(OpenedTicket::Fresh(_)) => "fresh",
            Some(OpenedTicket::Ageing(_)) => "ageing",
        };
        let ticket = ticketer.seal(5 * HOUR, b"state").unwrap();
        assert_eq!(opened(5 * HOUR, &ticket), "fresh");
        assert_eq!(opened(6 * HOUR, &ticket), "ageing");
        // A thread that read the time a moment ago sees the same keys.
        assert_eq!(opened(5 * HOUR, &ticket), "ageing");
        assert_eq!(opened(12 * HOUR, &ticket), "not at all");
        // Nothing came for more than a period.
        let ticket = ticketer.seal(12 * HOUR, b"state").unwrap();
        assert_eq!(opened(25 * HOUR, &ticket), "not at all");
    }

    #[test]
    fn no_two_tickets_are_alike() {
        let ticketer = RotatingTicketer::new();
        assert_ne!(
            ticketer.seal(HOUR, b"state").unwrap(),
            ticketer.seal(HOUR, b"state").unwrap()
        );
    }
}
