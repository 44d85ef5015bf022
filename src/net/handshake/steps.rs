//! What a handshake's pass is made of.

use super::super::admission::Admission;
use super::super::fate::Fate;
use super::super::link::{DATAGRAMS_A_PASS, SLICE};
use super::super::transport::{self, Sent, Transport};
use super::{Handshake, Stage};
use crate::config::Belief;
use crate::connection::Connection;
use crate::cookie::{ReplyBuffer, Verdict};
use crate::error::{Error, Result};
use crate::timer::Delay;
use crate::trace::TARGET;
use std::time::Duration;

impl Handshake {
    pub(super) fn is_done(&self) -> bool {
        matches!(&self.stage, Stage::Running(connection) if connection.is_established())
    }

    /// Sends what waits to be sent: a client's first flight, or the answer to a verified hello.
    pub(super) fn begin(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.stage, Stage::Failed(Error::Closed)) {
            Stage::Failed(error) => {
                self.stage = Stage::Failed(error.clone());
                Err(error)
            }
            Stage::Verified { hello, config } => {
                // Its client has begun anew before this one had a thread: nothing is signed for it.
                if let Some(error) = self.admission.as_ref().and_then(Admission::lost) {
                    return Err(self.fail(error));
                }
                let now = self.clock.now();
                let connection = Connection::server(config, *hello, self.who.clone(), now);
                self.run(connection)
            }
            Stage::Ready { server, config } => {
                let now = self.clock.now();
                let connection = Connection::client(config, server, self.who.clone(), now);
                self.run(connection)
            }
            begun @ (Stage::Running(_) | Stage::Listening { .. }) => {
                self.stage = begun;
                Ok(())
            }
        }
    }

    /// Sends a connection's first flight.
    fn run(&mut self, connection: Connection) -> Result<()> {
        let mut connection = Box::new(connection);
        brief(&mut connection, &*self.transport, &self.fate);
        let begun = connection.begin(self.clock.now());
        self.stage = Stage::Running(connection);
        self.after_step(begun)
    }

    /// One datagram into `self.datagram`, or `None` when nothing came within `wait`.
    pub(super) fn receive(&mut self, wait: Duration) -> Result<Option<usize>> {
        let received = transport::recv(&*self.transport, &mut self.datagram, wait);
        let hint = self.transport.take_error();
        if let (Stage::Running(connection), Some(hint)) = (&mut self.stage, hint) {
            connection.hint(hint, self.clock.now());
            connection.tell();
        }
        received.map_err(|error| self.fail(error))
    }

    /// Takes in the datagram that was received, and sends what it calls for.
    pub(super) fn step(&mut self, length: usize) -> Result<()> {
        let now = self.clock.now();
        let datagram = self.datagram.get_mut(..length).unwrap_or_default();
        match &mut self.stage {
            Stage::Running(connection) => {
                brief(connection, &*self.transport, &self.fate);
                let pending = &mut self.pending;
                // Beyond the queue's bound it is lost, as it would have been a moment before.
                let mut deliver = |message: &[u8]| drop(pending.push(message));
                let outcome = connection.receive(datagram, now, &mut deliver);
                self.after_step(outcome)
            }
            Stage::Listening { .. } => match self.ask_entrance(length, now) {
                Ok(true) => self.begin(),
                Ok(false) => Ok(()),
                Err(error) => Err(self.fail(error)),
            },
            Stage::Ready { .. } | Stage::Verified { .. } | Stage::Failed(_) => self.begin(),
        }
    }

    /// Shows the datagram at the entrance; true where it let a hello in.
    pub(super) fn ask_entrance(&mut self, length: usize, now: Duration) -> Result<bool> {
        let Stage::Listening {
            entrance,
            client_id,
            config,
        } = &mut self.stage
        else {
            return Ok(false);
        };
        let datagram = self.datagram.get(..length).unwrap_or_default();
        let mut reply = ReplyBuffer::new();
        let verdict = entrance.check(client_id, datagram, now, &mut reply);
        log::debug!(target: TARGET, "{}: {verdict}", self.who);
        match verdict {
            Verdict::Verified(hello) => {
                let config = config.clone();
                self.stage = Stage::Verified { hello, config };
                Ok(true)
            }
            Verdict::Challenge(challenge) => {
                transport::send(&*self.transport, challenge)?;
                Err(Error::HelloVerifyRequired)
            }
            Verdict::Refuse(alert) => {
                transport::send(&*self.transport, alert)?;
                Ok(false)
            }
            Verdict::Drop(reason) => match reason.suspicion() {
                Some(error) if config.settings.belief() == Belief::Literal => {
                    self.turn_away(&error)?;
                    Err(error)
                }
                _ => Ok(false),
            },
            Verdict::NoContext => Err(Error::NoCookieContext),
        }
    }

    /// Tells why a first hello is not let in. The answer is shorter than the hello, and no alert is ever
    /// answered so.
    fn turn_away(&self, error: &Error) -> Result<()> {
        let Some(description) = error.alert() else {
            return Ok(());
        };
        let mut reply = ReplyBuffer::new();
        transport::send(&*self.transport, reply.alert(0, description)).map(drop)
    }

    /// Takes in what has come, a pass at most, and only then fires what is due: a process that was stopped for a
    /// while has the peer's answer in its socket, which counts before a timer, a suspicion or a deadline. The
    /// pass has an end so that a flood keeps none of these from firing (hazards P7 and P13).
    pub(super) fn catch_up(&mut self) -> Result<()> {
        let mut pass = 0..DATAGRAMS_A_PASS;
        while !self.is_done() {
            self.unread = pass.next().is_none();
            if self.unread {
                break;
            }
            match self.receive(Duration::ZERO)? {
                Some(length) => self.step(length)?,
                None => break,
            }
        }
        match self.is_due() {
            true => self.fire(),
            false => Ok(()),
        }
    }

    /// Whether the timer says that something is due.
    pub(super) fn is_due(&self) -> bool {
        let is_running = matches!(self.stage, Stage::Running(_)) && !self.is_done();
        is_running && self.timer.get_delay() == Delay::Final
    }

    fn fire(&mut self) -> Result<()> {
        let now = self.clock.now();
        let Stage::Running(connection) = &mut self.stage else {
            return Ok(());
        };
        self.armed = None;
        // The timer decides when the time has come, so a timer that is early by its rounding counts.
        let due = connection.next_deadline().unwrap_or_default();
        brief(connection, &*self.transport, &self.fate);
        let outcome = connection.tick(now.max(due));
        self.after_step(outcome)
    }

    /// After each step: sends, tells, and sets the timer for what is due next.
    pub(super) fn after_step(&mut self, outcome: Result<()>) -> Result<()> {
        let sent = self.send_all();
        if let Stage::Running(connection) = &mut self.stage {
            connection.tell();
        }
        if let Err(error) = outcome.and(sent) {
            return Err(self.fail(error));
        }
        if self.is_done() {
            self.cancel_timer();
            if let Some(admission) = self.admission.take() {
                if let Err(error) = admission.succeed() {
                    // The client has our Finished, and believes that it is connected.
                    self.close();
                    return Err(self.fail(error));
                }
            }
        } else {
            self.set_delays();
        }
        Ok(())
    }

    /// Tells a peer that has been answered that there will be no connection.
    pub(super) fn close(&mut self) {
        if let Stage::Running(connection) = &mut self.stage {
            connection.set_rival(self.fate.rival());
            connection.close(self.clock.now());
            let _ = self.send_all();
            if let Stage::Running(connection) = &mut self.stage {
                connection.tell();
            }
        }
    }

    pub(super) fn send_all(&mut self) -> Result<()> {
        let Stage::Running(connection) = &mut self.stage else {
            return Ok(());
        };
        // It ends: where nothing smaller is left, what is refused is lost.
        while let Some(datagram) = connection.transmit() {
            match transport::send(&*self.transport, &datagram)? {
                Sent::Gone => {}
                Sent::TooLong => {
                    connection.set_max_datagram(self.transport.max_datagram());
                    connection.lower_mtu(datagram.len(), self.clock.now());
                }
            }
        }
        connection.flight_left(self.clock.now());
        Ok(())
    }

    /// Remembers why, and cancels the timer.
    pub(super) fn fail(&mut self, error: Error) -> Error {
        self.cancel_timer();
        self.admission = None;
        self.stage = Stage::Failed(error.clone());
        error
    }

    pub(super) fn set_delays(&mut self) {
        let Stage::Running(connection) = &self.stage else {
            return;
        };
        let Some(deadline) = connection.next_deadline() else {
            return self.cancel_timer();
        };
        let intermediate = connection.intermediate().unwrap_or(deadline).min(deadline);
        // A timer that runs for these runs on: delays are rounded up, so that setting it anew for each
        // datagram of a flood would put it off for as long as the flood lasts (pitfall 7).
        if self.armed.replace((intermediate, deadline)) == Some((intermediate, deadline)) {
            return;
        }
        let now = self.clock.now();
        let final_ = time_until(deadline, now);
        let intermediate = intermediate.saturating_sub(now).min(final_);
        self.timer.set_delay(intermediate, final_);
    }

    pub(super) fn cancel_timer(&mut self) {
        self.armed = None;
        self.timer.set_delay(Duration::ZERO, Duration::ZERO);
    }

    /// How long to wait for the next datagram.
    pub(super) fn remaining(&self) -> Duration {
        self.until_due().map_or(SLICE, |due| due.min(SLICE))
    }
}

/// Tells a connection what the transport and the listener know at this moment.
fn brief(connection: &mut Connection, transport: &dyn Transport, fate: &Fate) {
    connection.set_max_datagram(transport.max_datagram());
    connection.set_rival(fate.rival());
}

/// At least a millisecond, the finest that sockets and most timers count in: zero would cancel a timer,
/// and a wait of zero would spin.
pub(super) fn time_until(deadline: Duration, now: Duration) -> Duration {
    deadline.saturating_sub(now).max(Duration::from_millis(1))
}
