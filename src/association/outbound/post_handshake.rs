//! What DTLS 1.3 adds to the writing half: acknowledgements, and new keys behind the handshake.

use super::super::rekeying::Rekeying;
use super::{Emit, Outbound};
use crate::error::{Error, Result};
use crate::record::Sealer;
use crate::trace::What;
use crate::wire::{ContentType, HandshakeType, KeyUpdate};
use std::time::Duration;

/// Bytes of a RecordNumber in an ACK (RFC 9147 §4).
const RECORD_NUMBER: usize = 16;

impl Outbound {
    /// When the peer is told which of its records have arrived.
    pub(super) fn ack_due(&self) -> Option<Duration> {
        let since = self.acknowledgements.since()?;
        Some(since.saturating_add(self.retransmit.ack_delay()))
    }

    /// Tells the peer which of its records have arrived, under the newest keys (RFC 9147 §7).
    pub(crate) fn acknowledge(&mut self, now: Duration, emit: Emit<'_>) -> Result<()> {
        let Some(sealer) = self.sealers.last_mut() else {
            return Ok(());
        };
        let room = self.mtu.of_flights().saturating_sub(sealer.overhead());
        let most = room
            .saturating_sub(2)
            .checked_div(RECORD_NUMBER)
            .unwrap_or(0);
        let ack = self.acknowledgements.tell(most);
        if ack.record_numbers.is_empty() {
            return Ok(());
        }
        self.datagram.clear();
        sealer.seal(
            ContentType::ACK,
            self.version,
            &ack.encode(),
            &mut self.datagram,
        )?;
        self.count_sent();
        emit(&self.datagram);
        let records = ack.record_numbers.len();
        self.trace.note(now, || What::AckSent { records });
        Ok(())
    }

    /// The peer has the whole flight: what waited for that is done now.
    pub(super) fn flight_arrived(&mut self, now: Duration, emit: Emit<'_>) -> Result<()> {
        if self.flight.is_empty() {
            return Ok(());
        }
        let had_key_update = self.flight.holds(HandshakeType::KEY_UPDATE);
        self.forget_flight();
        if let Some(rekeying) = self.rekeying.as_mut().filter(|_| had_key_update) {
            // RFC 9147 §8: the new keys are not used before the KeyUpdate is acknowledged.
            self.sealers = vec![rekeying.advance()?];
        }
        self.flight_is_over(now, emit)
    }

    /// What waited for the flight is sent now.
    pub(super) fn flight_is_over(&mut self, now: Duration, emit: Emit<'_>) -> Result<()> {
        self.retransmit.acknowledged();
        self.trace.note(now, || What::TimerCancelled);
        self.send_key_update(now, emit)
    }

    /// RFC 9147 §5.8.4: a ticket that nobody acknowledges is no reason to end a connection, unless
    /// everything is taken at its word.
    pub(super) fn can_do_without_flight(&self) -> bool {
        self.flight.is_all(HandshakeType::NEW_SESSION_TICKET) && self.retransmit.is_lenient()
    }

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
        rekeying.want(update);
        self.send_key_update(now, emit)
    }

    fn send_key_update(&mut self, now: Duration, emit: Emit<'_>) -> Result<()> {
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
}

#[cfg(test)]
mod tests;
