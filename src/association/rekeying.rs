//! The writing half's way from keys to keys in DTLS 1.3 (RFC 8446 §4.6.3, RFC 9147 §8).

use crate::error::{Error, Result};
use crate::flight::{Content, OutgoingMessage};
use crate::record::{Sealer, TrafficSecret};
use crate::wire::{Body, HandshakeType, KeyUpdate};

/// What is needed to update the keys that we write under.
pub(crate) struct Rekeying {
    secret: TrafficSecret,
    epoch: u16,
    next_message_seq: Option<u16>,
    wanted: Option<KeyUpdate>,
    /// A KeyUpdate was sent and is not acknowledged yet.
    under_way: bool,
}

impl Rekeying {
    /// `secret` is that of the present `epoch`, and our next message bears the number `next_message_seq`.
    pub(crate) fn new(secret: TrafficSecret, epoch: u16, next_message_seq: Option<u16>) -> Self {
        Rekeying {
            secret,
            epoch,
            next_message_seq,
            wanted: None,
            under_way: false,
        }
    }

    /// No new keys are under way.
    pub(super) fn is_idle(&self) -> bool {
        self.wanted.is_none() && !self.under_way
    }

    /// Several wishes are one, and new keys that are under way are new enough; but whoever asks the peer for
    /// new keys as well is heard.
    pub(super) fn want(&mut self, update: KeyUpdate) {
        if update == KeyUpdate::Requested || (self.wanted.is_none() && !self.under_way) {
            self.wanted = Some(update);
        }
    }

    /// The KeyUpdate that is wanted.
    pub(super) fn message(&mut self, epoch: u16) -> Result<Option<OutgoingMessage>> {
        let Some(update) = self.wanted.take() else {
            return Ok(None);
        };
        // RFC 9147 §8: neither epochs nor message numbers wrap.
        if self.epoch == u16::MAX {
            return Err(Error::NumbersExhausted);
        }
        let message_seq = self.next_message_seq.ok_or(Error::NumbersExhausted)?;
        self.next_message_seq = message_seq.checked_add(1);
        self.under_way = true;
        Ok(Some(OutgoingMessage {
            epoch,
            content: Content::Handshake {
                typ: HandshakeType::KEY_UPDATE,
                message_seq,
                body: update.encode(),
            },
        }))
    }

    /// The next epoch's keys.
    pub(super) fn advance(&mut self) -> Result<Sealer> {
        self.under_way = false;
        self.secret = self.secret.next()?;
        self.epoch = self.epoch.checked_add(1).ok_or(Error::NumbersExhausted)?;
        self.secret.sealer(self.epoch)
    }
}

#[cfg(all(test, feature = "anti-replay", feature = "x509"))]
impl Rekeying {
    /// All that decides when new keys are taken, but for the keys.
    pub(super) fn state(&self) -> String {
        let Rekeying {
            epoch,
            wanted,
            under_way,
            ..
        } = self;
        format!("{epoch} {wanted:?} {under_way}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{SUITES13, Secret};

    fn rekeying(epoch: u16, next_message_seq: Option<u16>) -> Rekeying {
        let secret = TrafficSecret::new(&SUITES13[0], Secret::new(vec![7; 32]));
        let mut rekeying = Rekeying::new(secret, epoch, next_message_seq);
        rekeying.want(KeyUpdate::NotRequested);
        rekeying
    }

    /// RFC 9147 §8: neither epochs nor message numbers wrap.
    #[test]
    fn the_last_epoch_and_the_last_number_have_no_successors() {
        let exhausted = |outcome: Result<Option<OutgoingMessage>>| {
            assert!(matches!(outcome, Err(Error::NumbersExhausted)));
        };
        let mut before_last = rekeying(u16::MAX - 1, Some(8));
        assert!(before_last.message(u16::MAX - 1).unwrap().is_some());
        assert_eq!(before_last.advance().unwrap().epoch(), u16::MAX);
        before_last.want(KeyUpdate::NotRequested);
        exhausted(before_last.message(u16::MAX));

        let mut last_number = rekeying(3, Some(u16::MAX));
        assert!(last_number.message(3).unwrap().is_some());
        assert_eq!(last_number.advance().unwrap().epoch(), 4);
        last_number.want(KeyUpdate::NotRequested);
        exhausted(last_number.message(4));
        exhausted(rekeying(3, None).message(3));
    }

    /// RFC 9147 §5.8.4: one at a time. Whoever wants new keys while there are new ones under way has them.
    #[test]
    fn new_keys_that_are_under_way_are_new_enough() {
        let mut rekeying = rekeying(3, Some(8));
        rekeying.want(KeyUpdate::NotRequested);
        assert!(rekeying.message(3).unwrap().is_some());
        assert!(rekeying.message(3).unwrap().is_none());
        rekeying.want(KeyUpdate::NotRequested);
        assert!(rekeying.message(3).unwrap().is_none());
        rekeying.advance().unwrap();
        assert!(rekeying.is_idle());
    }
}
