//! What ACKs ask of the writing half: to tell which records have arrived, and to go on when ours have
//! (RFC 9147 §7). A long flight goes in bursts (§5.8.3).

use super::{Emit, Outbound};
use crate::config::Belief;
use crate::error::Result;
use crate::flight::{BURST, Repeat};
use crate::record::Sealer;
use crate::trace::{ResendReason, What};
use crate::wire::{Ack, ContentType, HandshakeType, ProtocolVersion};
use std::time::Duration;

/// For one datagram, lest one of many short records bring as many. More than these have nothing to tell of in an
/// honest one, with what waited for it.
const MOST_ACKS_AT_ONCE: u8 = 4;

impl Outbound {
    /// When the peer is told which of its records have arrived.
    pub(super) fn ack_due(&self) -> Option<Duration> {
        let since = self.acknowledgements.since()?;
        Some(since.saturating_add(self.retransmit.ack_delay()))
    }

    /// Another datagram of the peer's is about to be taken in.
    pub(crate) fn datagram_begins(&mut self) {
        self.acks_at_once = 0;
    }

    /// Tells the peer at once if it may be waiting for word before it sends more of its flight, since it sent a
    /// burst, or as much as an ACK can tell of (RFC 9147 §5.8.3).
    pub(super) fn acknowledge_a_burst(&mut self, now: Duration, emit: Emit<'_>) -> Result<()> {
        let burst = BURST.min(self.most_in_an_ack()).max(1);
        let has_come = self.acknowledgements.is_authentic()
            && self.acknowledgements.untold() >= burst
            && self.version == ProtocolVersion::DTLS1_3;
        if !has_come || self.belief == Belief::Literal || self.acks_at_once >= MOST_ACKS_AT_ONCE {
            return Ok(());
        }
        self.acks_at_once = self.acks_at_once.saturating_add(1);
        self.acknowledge(now, emit)
    }

    fn most_in_an_ack(&self) -> usize {
        let overhead = self.sealers.last().map_or(0, Sealer::overhead);
        Ack::most_records_in(self.mtu.of_flights().saturating_sub(overhead))
    }

    /// Tells the peer which of its records have arrived, under the newest keys (RFC 9147 §7).
    pub(crate) fn acknowledge(&mut self, now: Duration, emit: Emit<'_>) -> Result<()> {
        let ack = self.acknowledgements.tell(self.most_in_an_ack());
        if ack.record_numbers.is_empty() {
            return Ok(());
        }
        emit(self.seal_record(
            self.epoch(),
            self.mtu.of_flights(),
            ContentType::ACK,
            &ack.encode(),
        )?);
        let records = ack.record_numbers.len();
        self.trace.note(now, || What::AckSent { records });
        Ok(())
    }

    /// The ACK that is due at some time goes now.
    pub(crate) fn acknowledge_at_once(&mut self, now: Duration, emit: Emit<'_>) -> Result<()> {
        match self.ack_due() {
            Some(_) => self.acknowledge(now, emit),
            None => Ok(()),
        }
    }

    /// The peer has something of the flight, or all.
    pub(super) fn partly_acknowledged(&mut self, now: Duration, emit: Emit<'_>) -> Result<()> {
        if self.flight.is_acknowledged() {
            self.flight_arrived(now, emit)
        } else if self.flight.has_rest() && self.flight.is_acknowledged_so_far() {
            self.go_on(now, emit)
        } else if self.belief == Belief::Careful
            && self.retransmit.partly_acknowledged(now) == Repeat::Resend
        {
            // RFC 9147 §7.2: what is not acknowledged by now is lost.
            self.resend(ResendReason::PartlyAcknowledged, now, emit)
        } else {
            Ok(())
        }
    }

    /// Sends the next burst of a flight that is too long for one (RFC 9147 §5.8.3).
    pub(super) fn go_on(&mut self, now: Duration, emit: Emit<'_>) -> Result<()> {
        self.retransmit.go_on(now);
        let datagrams = self.transmit(now, emit)?;
        self.trace.note(now, || What::FlightWentOn { datagrams });
        self.note_timer(now);
        Ok(())
    }

    /// The peer has the whole flight: what waited for that is done now.
    pub(super) fn flight_arrived(&mut self, now: Duration, emit: Emit<'_>) -> Result<()> {
        if self.flight.is_empty() {
            if self.retransmit.is_listening() {
                self.listen(now);
            }
            return Ok(());
        }
        let had_key_update = self.flight.holds(HandshakeType::KEY_UPDATE);
        self.forget_flight();
        if let Some(rekeying) = self.rekeying.as_mut().filter(|_| had_key_update) {
            // RFC 9147 §8: the new keys are not used before the KeyUpdate is acknowledged.
            self.sealers = vec![rekeying.advance()?.padded(self.padding)];
        }
        self.flight_is_over(now, emit)
    }

    /// What waited for the flight is sent now.
    pub(super) fn flight_is_over(&mut self, now: Duration, emit: Emit<'_>) -> Result<()> {
        self.trace.note(now, || What::TimerCancelled);
        if self.rekeying.is_none() && self.belief == Belief::Careful {
            self.listen(now);
        } else {
            self.retransmit.acknowledged();
        }
        self.send_key_update(now, emit)
    }

    /// In the handshake the peer's next flight answers ours.
    fn listen(&mut self, now: Duration) {
        let was_listening = self.retransmit.is_listening();
        self.retransmit.listen(now);
        // Each part that arrives starts it anew, which is not worth a line.
        if !was_listening {
            self.note_timer(now);
        }
    }
}

#[cfg(test)]
mod tests;
