//! What a connection owes its peer besides messages: somebody has to read the socket and answer.

use super::super::pending::Pending;
use super::super::sync::{MutexGuard, Ordering};
use super::super::transport;
use super::{DATAGRAMS_A_PASS, Link, NEVER, Received, micros};
use crate::association::{Outbound, Response, Ticked};
use crate::error::{Error, Result};
use crate::wire::ProtocolVersion;
use std::ops::Range;
use std::time::Duration;

/// While the last flight must be served, a thread that only sends looks at the socket this often.
const SERVICE_EVERY: Duration = Duration::from_millis(20);

impl Link {
    /// Receives without waiting what is there and has room, up to a bound, and fires what is due.
    pub(in super::super) fn service(&self) -> Result<()> {
        // Whoever has the turn does all this already.
        if let Some(mut turn) = self.turn.try_lock() {
            let mut pass = 0..DATAGRAMS_A_PASS;
            while turn.pending.has_room() && self.goes_on(&mut pass) {
                match self.receive(&mut turn, None, Duration::ZERO)? {
                    Received::Nothing => break,
                    Received::Message(_) | Received::Datagram => {}
                }
            }
        }
        self.fire_what_is_due();
        Ok(())
    }

    /// Whether a call that does not wait may take one more datagram. Where not, the next is soon due.
    pub(super) fn goes_on(&self, pass: &mut Range<usize>) -> bool {
        let goes_on = pass.next().is_some();
        self.unread.store(!goes_on, Ordering::Relaxed);
        goes_on
    }

    /// Serves the last flight until it needs no more serving, the peer is gone, or `deadline`.
    pub(in super::super) fn linger(&self, deadline: Duration) {
        let Some(mut turn) = self.turn.try_lock() else {
            return;
        };
        let mut nothing_asked_for = Pending::default();
        std::mem::swap(&mut turn.pending, &mut nothing_asked_for);
        // Before DTLS 1.3 no ACK tells that the last flight has arrived, but whatever else is heard does.
        let heard = || {
            let tells = self.session.version != ProtocolVersion::DTLS1_3;
            tells && self.heard.load(Ordering::Relaxed)
        };
        while self.has_something_due() && !heard() && self.still_readable().is_ok() {
            let remaining = deadline.saturating_sub(self.clock.now());
            if remaining.is_zero() {
                break;
            }
            if self
                .receive(&mut turn, None, remaining.min(self.slice()))
                .is_err()
            {
                break;
            }
            self.fire_what_is_due();
        }
    }

    /// Does what the reading half asks for.
    pub(super) fn respond(&self, response: &Response, now: Duration) {
        let mut outbound = self.outbound.lock();
        outbound.set_max_datagram(self.transport.max_datagram());
        outbound.datagram_begins();
        let responded = outbound.respond(response, now, &mut |datagram| self.emit(datagram));
        self.conclude(outbound, responded.err(), now);
    }

    /// Sends what is to be sent by now: an ACK, a message that was not acknowledged.
    pub(super) fn fire_what_is_due(&self) {
        let now = self.clock.now();
        if micros(now) < self.due.load(Ordering::Relaxed) {
            return;
        }
        let mut outbound = self.outbound.lock();
        outbound.set_max_datagram(self.transport.max_datagram());
        let over = match outbound.tick(now, &mut |datagram| self.emit(datagram)) {
            Ok(Ticked::Going | Ticked::Resent) => None,
            Ok(Ticked::GaveUp) => {
                let after = now.saturating_sub(outbound.began());
                let suspect = None;
                Some(Error::HandshakeTimeout { after, suspect })
            }
            Err(error) => Some(error),
        };
        self.conclude(outbound, over, now);
    }

    /// What the writing half has to tell is told; the connection ends if it is over for some reason.
    pub(super) fn conclude(
        &self,
        mut outbound: MutexGuard<'_, Outbound>,
        over: Option<Error>,
        now: Duration,
    ) {
        if let Some(error) = &over {
            // What was given up stays due otherwise, and the caller of an event loop would never rest.
            outbound.abort(error, now, &mut |datagram| self.emit(datagram));
        }
        self.note_due(&outbound);
        let told = outbound.take_events();
        drop(outbound);
        told.tell();
        if let Some(error) = over {
            self.end(error);
        }
    }

    /// How long to wait for a datagram at a time.
    pub(super) fn slice(&self) -> Duration {
        let due = self.due.load(Ordering::Relaxed);
        let until = due.saturating_sub(micros(self.clock.now()));
        self.longest_wait.min(Duration::from_micros(until))
    }

    fn has_something_due(&self) -> bool {
        self.due.load(Ordering::Relaxed) != NEVER
    }

    /// A thread that only sends must hear a peer that misses our last flight (RFC 6347 §4.2.4). The
    /// usual case costs one load.
    pub(super) fn look_now_and_then(&self) {
        if !self.has_something_due() {
            return;
        }
        let now = micros(self.clock.now());
        let last = self.looked_at.load(Ordering::Relaxed);
        if now.saturating_sub(last) < micros(SERVICE_EVERY) {
            return;
        }
        self.looked_at.store(now, Ordering::Relaxed);
        // A transport that cannot be read does not keep anyone from sending.
        let _ = self.service();
    }

    pub(super) fn note_due(&self, outbound: &Outbound) {
        let due = outbound.next_deadline().map_or(NEVER, micros);
        if due < self.due.swap(due, Ordering::Relaxed) {
            // Whoever waits for a datagram waits too long.
            self.transport.wake();
        }
    }

    /// Sends what nobody waits for. What is too long or fails is lost, and asked for again.
    pub(super) fn emit(&self, datagram: &[u8]) {
        let _ = transport::send(&*self.transport, datagram);
    }
}
