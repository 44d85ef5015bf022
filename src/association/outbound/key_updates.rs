//! New keys behind the handshake of DTLS 1.3 (RFC 9147 §8), and tickets that are in their way.

use super::super::rekeying::Rekeying;
use super::{Emit, Outbound};
use crate::config::Belief;
use crate::error::{Error, Result};
use crate::record::Sealer;
use crate::wire::{HandshakeType, KeyUpdate};
use std::time::Duration;

impl Outbound {
    /// From now on keys can be updated.
    pub(crate) fn set_rekeying(&mut self, rekeying: Rekeying) {
        self.rekeying = Some(rekeying);
    }

    /// Whether the keys have protected so much that new ones are due, and can be had (RFC 9147 §4.5.3).
    pub(crate) fn keys_are_worn(&self) -> bool {
        self.rekeying.as_ref().is_some_and(Rekeying::is_idle)
            && self.sealers.last().is_some_and(Sealer::is_worn)
    }

    /// New keys for what we send, as soon as the peer has our last flight (RFC 9147 §8).
    pub(crate) fn update_keys(
        &mut self,
        update: KeyUpdate,
        now: Duration,
        emit: Emit<'_>,
    ) -> Result<()> {
        let rekeying = self.rekeying.as_mut().ok_or(Error::NoKeyUpdate)?;
        if self.closed {
            return Err(Error::Closed);
        }
        rekeying.want(update);
        self.send_key_update(now, emit)
    }

    pub(super) fn send_key_update(&mut self, now: Duration, emit: Emit<'_>) -> Result<()> {
        if !self.flight.is_empty() || self.closed {
            return Ok(());
        }
        let epoch = self.epoch();
        let message = match &mut self.rekeying {
            Some(rekeying) => rekeying.message(epoch)?,
            None => None,
        };
        match message {
            Some(message) => {
                // RFC 9147 §8: the new keys wait for the ACK of all that was sent before, too.
                let mut messages = std::mem::take(&mut self.given_up);
                messages.push(message);
                self.send_flight(messages, now, emit)
            }
            None => Ok(()),
        }
    }

    /// RFC 9147 §5.8.4: a ticket that nobody acknowledges is no reason to end a connection, unless
    /// everything is taken at its word.
    pub(super) fn can_do_without_flight(&self) -> bool {
        !self.flight.is_empty()
            && self.flight.is_all(HandshakeType::NEW_SESSION_TICKET)
            && self.belief == Belief::Careful
    }
}
