//! What a connection owes its peer besides messages: somebody has to read the socket and answer.

use super::super::sync::{MutexGuard, Ordering};
use super::super::transport::{self, Sent};
use super::{DATAGRAMS_A_PASS, Link, NEVER, Received, SLICE, Turn, micros};
use crate::association::{Outbound, Response, Ticked};
use crate::error::{Error, Result};
use crate::wire::ProtocolVersion;
use std::ops::Range;
use std::time::Duration;

/// While something may come that must be answered, a thread that only sends looks at the socket this often.
const SERVICE_EVERY: Duration = Duration::from_millis(20);

impl Link {
    /// Receives without waiting what is there and has room, up to a bound, and fires what is due.
    pub(in super::super) fn service(&self) -> Result<()> {
        if let Some(mut turn) = self.turn.try_lock() {
            self.catch_up(&mut turn, &mut (0..DATAGRAMS_A_PASS))?;
            // What came before the end comes first.
            let end = self.inbound.lock().closed();
            return end.filter(|_| turn.pending.is_empty()).map_or(Ok(()), Err);
        }
        // Whoever has the turn does all this already, and in the right order.
        if self.is_something_due() {
            self.transport.wake();
        }
        Ok(())
    }

    /// Takes in what has come, as far as there is room and `pass` goes, and only then fires what is due. In this
    /// order: a process that was stopped for a while has the peer's word in its socket, and what is
    /// acknowledged is neither sent again nor given up (RFC 9147 §7.2). The bound is there for hazards P7 and
    /// P13: a flood does not keep a timer from firing.
    pub(super) fn catch_up(&self, turn: &mut Turn, pass: &mut Range<usize>) -> Result<()> {
        let taken_in = self.take_in(turn, pass);
        self.fire_what_is_due();
        taken_in
    }

    fn take_in(&self, turn: &mut Turn, pass: &mut Range<usize>) -> Result<()> {
        while turn.pending.has_room() && self.goes_on(pass) {
            match self.receive(turn, None, Duration::ZERO)? {
                Received::Nothing => break,
                Received::Message(_) | Received::Datagram => {}
            }
        }
        Ok(())
    }

    /// Whether a call that does not wait may take one more datagram. Where not, the next is soon due.
    pub(super) fn goes_on(&self, pass: &mut Range<usize>) -> bool {
        let goes_on = pass.next().is_some();
        self.unread.store(!goes_on, Ordering::Relaxed);
        goes_on
    }

    /// Answers a peer that misses our last word until it is known to have it, it is gone, or `deadline`.
    pub(in super::super) fn linger(&self, deadline: Duration) {
        while self.may_be_needed() && self.still_readable().is_ok() {
            let remaining = deadline.saturating_sub(self.clock.now());
            if remaining.is_zero() {
                break;
            }
            // Whoever waits for a message in the meantime answers, too.
            let Some(mut turn) = self.turn.try_lock_for(remaining.min(SLICE)) else {
                continue;
            };
            let done = if self.is_something_due() {
                let read_on = self.read_on(&mut turn);
                self.fire_what_is_due();
                read_on
            } else {
                self.receive(&mut turn, None, remaining.min(self.slice()))
                    .map(drop)
            };
            if done.is_err() {
                break;
            }
        }
    }

    /// Takes in what has come, a pass at most, whether messages have room or not: other clones may ask for those
    /// that wait.
    fn read_on(&self, turn: &mut Turn) -> Result<()> {
        for _ in 0..DATAGRAMS_A_PASS {
            if let Received::Nothing = self.receive(turn, None, Duration::ZERO)? {
                break;
            }
        }
        Ok(())
    }

    /// Whether the peer may miss something that only we can say again, as far as one can tell.
    fn may_be_needed(&self) -> bool {
        match self.session.version {
            // RFC 9147 §5.8.1: the ACK of a client's last flight is not a flight, so nothing of it is due.
            ProtocolVersion::DTLS1_3 => {
                let now = self.clock.now();
                self.has_something_due() || self.inbound.lock().last_flight_may_come_again(now)
            }
            // Before DTLS 1.3 no ACK tells that the last flight has arrived, but whatever else is heard does.
            _ => self.has_something_due() && !self.heard.load(Ordering::Relaxed),
        }
    }

    /// Does what the reading half asks for.
    pub(super) fn respond(&self, response: &Response, now: Duration) {
        let mut outbound = self.writing();
        outbound.datagram_begins();
        let responded = outbound.respond(response, now, &mut |datagram| self.emit(datagram));
        self.conclude(outbound, responded.err(), now);
    }

    /// Sends what is to be sent by now: an ACK, a message that was not acknowledged.
    fn fire_what_is_due(&self) {
        let now = self.clock.now();
        if micros(now) < self.due.load(Ordering::Relaxed) {
            return;
        }
        let mut outbound = self.writing();
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

    /// Nothing more is believed of a peer that was found at fault.
    pub(super) fn not_aborted(&self) -> Result<()> {
        match self.inbound.lock().closed() {
            Some(error @ Error::Aborted(_)) => Err(error),
            _ => Ok(()),
        }
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
        self.settle(&mut outbound, now);
        let told = outbound.take_events();
        drop(outbound);
        told.tell();
        if let Some(error) = over {
            self.end(error);
        }
    }

    /// Sends what was refused in smaller datagrams, and notes when something is due.
    pub(super) fn settle(&self, outbound: &mut Outbound, now: Duration) {
        // It ends: where nothing smaller is left, what is refused is lost.
        loop {
            let length = self.refused.swap(0, Ordering::Relaxed);
            outbound.set_max_datagram(self.transport.max_datagram());
            if length == 0 || !outbound.lower_mtu(length, now) {
                break;
            }
            // What fails here fails again at the next resend, which reports it.
            let _ = outbound.cut_flight_anew(now, &mut |datagram| self.emit(datagram));
        }
        self.note_due(outbound);
    }

    /// How long to wait for a datagram at a time.
    pub(super) fn slice(&self) -> Duration {
        let due = self.due.load(Ordering::Relaxed);
        let until = due.saturating_sub(micros(self.clock.now()));
        self.longest_wait.min(Duration::from_micros(until))
    }

    /// Something is due at some time.
    fn has_something_due(&self) -> bool {
        self.due.load(Ordering::Relaxed) != NEVER
    }

    /// Something is due by now.
    pub(super) fn is_something_due(&self) -> bool {
        self.slice().is_zero()
    }

    /// A thread that only sends must hear a peer that misses our last flight (RFC 6347 §4.2.4, RFC 9147
    /// §5.8.1), and in DTLS 1.3 one that has new keys, which can be at any time (§8). The usual case costs
    /// a look at the clock.
    pub(super) fn look_now_and_then(&self) {
        let is_13 = self.session.version == ProtocolVersion::DTLS1_3;
        if !is_13 && !self.has_something_due() {
            return;
        }
        let now = micros(self.clock.now());
        let last = self.looked_at.load(Ordering::Relaxed);
        if now.saturating_sub(last) < micros(SERVICE_EVERY) {
            return;
        }
        self.looked_at.store(now, Ordering::Relaxed);
        // Whoever has the turn does all this already.
        let Some(mut turn) = self.turn.try_lock() else {
            return;
        };
        // A transport that cannot be read does not keep anyone from sending.
        let _ = self.catch_up(&mut turn, &mut (0..DATAGRAMS_A_PASS));
        drop(turn);
        self.acknowledge_at_once();
    }

    /// The next call may come in a minute only: an ACK that waited for it could come too late.
    fn acknowledge_at_once(&self) {
        let now = self.clock.now();
        let mut outbound = self.writing();
        let outcome = outbound.acknowledge_at_once(now, &mut |datagram| self.emit(datagram));
        self.conclude(outbound, outcome.err(), now);
    }

    pub(super) fn note_due(&self, outbound: &Outbound) {
        let due = outbound.next_deadline().map_or(NEVER, micros);
        if due < self.due.swap(due, Ordering::Relaxed) {
            // Whoever waits for a datagram waits too long.
            self.transport.wake();
        }
    }

    /// Sends what nobody waits for. What fails is lost, and asked for again.
    pub(super) fn emit(&self, datagram: &[u8]) {
        if let Ok(Sent::TooLong) = transport::send(&*self.transport, datagram) {
            self.refused.fetch_max(datagram.len(), Ordering::Relaxed);
        }
    }
}
