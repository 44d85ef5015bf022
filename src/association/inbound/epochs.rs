//! The keys under which records are read.

use super::super::LAST_HANDSHAKE_EPOCH;
use crate::record::{Opener, Record};
use crate::stats::DropReason;
use std::time::Duration;

/// How long the keys before the current ones are kept once records come under the current ones: twice the
/// maximum segment lifetime of RFC 793, in which a server answers repetitions of the client's last
/// flight (RFC 9147 §5.8.1), and reordered records still find their keys (§4.2.1).
const PREVIOUS_KEYS: Duration = Duration::from_secs(240);

/// With the current one, no two of these share their two low bits (pitfall 62).
const MOST_PREVIOUS: usize = 2;

/// One epoch's keys after another.
pub(super) struct Epochs {
    plaintext: Opener,
    /// Once there are any.
    current: Option<Opener>,
    /// Whether a record came under them.
    current_is_used: bool,
    /// Of DTLS 1.3, the newest last.
    previous: Vec<Previous>,
}

struct Previous {
    opener: Opener,
    /// Known once a record came under the keys that followed.
    until: Option<Duration>,
}

impl Epochs {
    pub(super) fn new() -> Self {
        Epochs {
            plaintext: Opener::plaintext(),
            current: None,
            current_is_used: false,
            previous: Vec::new(),
        }
    }

    /// The number of the newest epoch.
    pub(super) fn current(&self) -> u16 {
        self.current.as_ref().map_or(0, Opener::epoch)
    }

    /// Whether the peer has shown that it has the newest epoch's keys.
    pub(super) fn current_is_used(&self) -> bool {
        self.current_is_used
    }

    pub(super) fn integrity_limit(&self) -> Option<u64> {
        self.current.as_ref().and_then(Opener::integrity_limit)
    }

    /// The present keys have just refused half as many records as they may.
    pub(super) fn is_nearly_worn_out(&self) -> bool {
        self.current.as_ref().is_some_and(Opener::is_worn)
    }

    /// The keys of a record. Plaintext is read only where `plaintext` says so.
    pub(super) fn of(
        &mut self,
        record: &Record<'_>,
        plaintext: Plaintext,
        now: Duration,
    ) -> Result<&mut Opener, DropReason> {
        // RFC 9147 §4.5.3: the previous keys can be dropped when they reach their limit.
        self.previous.retain(|previous| {
            previous.until.is_none_or(|until| now < until)
                && previous.opener.integrity_limit().is_none()
        });
        let current = self.current();
        match record {
            Record::Full(header, _) if header.epoch == current && current > 0 => {
                self.current.as_mut().ok_or(DropReason::FutureEpoch)
            }
            Record::Full(header, _) if header.epoch == 0 && plaintext == Plaintext::Read => {
                Ok(&mut self.plaintext)
            }
            Record::Full(header, _) if header.epoch < current => Err(DropReason::OldEpoch),
            Record::Full(..) => Err(DropReason::FutureEpoch),
            // RFC 9147 §4.2.2: the current epoch, or the most recent one that has these bits.
            Record::Unified(header, _) => {
                let previous = self.previous.iter_mut().rev().map(|p| &mut p.opener);
                let mut all = self.current.iter_mut().chain(previous);
                all.find(|opener| opener.epoch().to_be_bytes()[1] & 3 == header.epoch)
                    .ok_or(DropReason::FutureEpoch)
            }
        }
    }

    /// Whether it is of the epoch whose keys the handshake brings next. In DTLS 1.3 that is its own (RFC 9147
    /// §6.1): what comes under later ones is no part of it.
    pub(super) fn is_next(&self, record: &Record<'_>) -> bool {
        match record {
            Record::Full(header, _) => self.current().checked_add(1) == Some(header.epoch),
            Record::Unified(header, _) => {
                self.current.is_none() && u16::from(header.epoch) == LAST_HANDSHAKE_EPOCH
            }
        }
    }

    /// Reads under new keys. Those before them are kept for a while.
    pub(super) fn change(&mut self, opener: Opener) {
        self.current_is_used = false;
        if let Some(opener) = self.current.replace(opener) {
            let until = None;
            self.previous.push(Previous { opener, until });
        }
        if self.previous.len() > MOST_PREVIOUS {
            self.previous.remove(0);
        }
    }

    /// Whether the peer may say again, and be understood, what it said in this epoch: its keys are kept, and
    /// it was not heard in an epoch beyond the next, which takes an acknowledgement of all that went before
    /// (RFC 9147 §8).
    pub(super) fn may_come_again(&self, epoch: u16, now: Duration) -> bool {
        let is_kept = |previous: &Previous| previous.until.is_none_or(|until| now < until);
        let of = |previous: &&Previous| previous.opener.epoch() == epoch;
        let is_beyond =
            |previous: &Previous| previous.opener.epoch() > epoch && previous.until.is_some();
        self.previous.iter().find(of).is_some_and(is_kept) && !self.previous.iter().any(is_beyond)
    }

    /// A record was opened. Whether it is the first under the newest keys.
    pub(super) fn used(&mut self, epoch: u16, now: Duration) -> bool {
        if epoch != self.current() || epoch == 0 {
            return false;
        }
        let until = now.saturating_add(PREVIOUS_KEYS);
        for previous in &mut self.previous {
            previous.until.get_or_insert(until);
        }
        !std::mem::replace(&mut self.current_is_used, true)
    }
}

/// Whether records of epoch 0 are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plaintext {
    Read,
    Refused,
}

#[cfg(all(test, feature = "anti-replay", feature = "x509"))]
impl Epochs {
    /// Every epoch that there are keys of.
    pub(super) fn all(&self) -> Vec<u16> {
        let previous = self.previous.iter().map(|previous| &previous.opener);
        let openers = previous.chain(&self.current);
        openers.map(Opener::epoch).collect()
    }
}

#[cfg(test)]
impl Epochs {
    /// How many epochs have keys.
    pub(super) fn held(&self) -> usize {
        self.previous.len() + usize::from(self.current.is_some())
    }
}
