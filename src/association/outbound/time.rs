//! What time brings to the writing half.

use super::super::Rival;
use super::{Emit, Outbound};
use crate::error::Result;
use crate::flight::Expiry;
use crate::trace::{ResendReason, What};
use std::time::Duration;

/// What came of the timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ticked {
    Going,
    Resent,
    GaveUp,
}

/// Whether there will be another word of the peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Speaks,
    /// RFC 9147 §5.10: what it says behind its close_notify is ignored, its ACKs too, so that nothing that they
    /// would tell of is worth the end of the connection.
    IsSilent,
}

impl Outbound {
    /// Sends an ACK if one is due, then the flight's next burst if it has waited for long enough, or the
    /// flight again if its timer has expired.
    pub(crate) fn tick(&mut self, now: Duration, emit: Emit<'_>) -> Result<Ticked> {
        let has_to_tell = self.ack_due().is_some_and(|due| due <= now);
        if has_to_tell {
            self.acknowledge(now, emit)?;
        }
        if self.retransmit.goes_on().is_some_and(|due| due <= now) {
            self.go_on(now, emit)?;
        }
        let begins_in_the_clear = self.flight.first_epoch() == Some(0);
        match self.retransmit.expired(now) {
            Expiry::GiveUp if self.can_do_without_flight() => {
                let flight = std::mem::take(&mut self.flight);
                self.given_up.extend(flight.into_missing());
                self.forget_flight();
                self.flight_is_over(now, emit)?;
                Ok(Ticked::Going)
            }
            Expiry::GiveUp if self.peer == Peer::IsSilent => {
                self.retransmit.finished();
                Ok(Ticked::Going)
            }
            Expiry::GiveUp => Ok(Ticked::GaveUp),
            Expiry::Resend(_) if self.rival == Rival::Newer && begins_in_the_clear => {
                self.retransmit.held_back();
                Ok(Ticked::Going)
            }
            Expiry::Resend(reason) => {
                self.resend(reason, now, emit)?;
                Ok(Ticked::Resent)
            }
            Expiry::AskAgain => {
                if !has_to_tell {
                    self.acknowledge(now, emit)?;
                }
                self.note_timer(now);
                Ok(Ticked::Going)
            }
            Expiry::NotDue => {
                if self.retransmit.expires().is_none() && !self.flight.is_empty() {
                    self.forget_flight();
                }
                Ok(Ticked::Going)
            }
        }
    }

    /// RFC 6347 §4.1.1.1: whichever side's timer it was. What is acknowledged has found its way, and a repetition that
    /// comes sooner than our timer says nothing of datagrams of that size: it may be anyone's.
    pub(super) fn seems_lost(&self, reason: ResendReason, now: Duration) -> bool {
        match reason {
            ResendReason::Timer { .. } => true,
            ResendReason::PeerRepeated => {
                now.saturating_sub(self.mtu_since) >= self.retransmit.delay()
            }
            ResendReason::PartlyAcknowledged => false,
        }
    }

    pub(super) fn note_timer(&mut self, now: Duration) {
        if let Some(delay) = self.retransmit.wait() {
            self.trace.note(now, || What::TimerArmed { delay });
        }
    }

    /// Changes the initial delay of the retransmission plan, and with it the timer that runs.
    pub(crate) fn set_initial_delay(&mut self, initial: Duration) {
        self.retransmit.set_initial(initial);
    }

    pub(crate) fn began(&self) -> Duration {
        self.retransmit.began()
    }

    /// When `tick` has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let deadlines = [
            self.ack_due(),
            self.retransmit.goes_on(),
            self.retransmit.expires(),
        ];
        deadlines.into_iter().flatten().min()
    }

    pub(crate) fn intermediate(&self) -> Option<Duration> {
        self.retransmit.intermediate()
    }

    /// When the retransmission plan gives the handshake up, whatever the timer does.
    pub(crate) fn handshake_deadline(&self) -> Option<Duration> {
        self.retransmit.deadline()
    }
}
