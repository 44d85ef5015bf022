//! What all clones of a socket share: an established association, its transport, and who waits for it.
//!
//! The two halves of the association have a lock each, taken in one order: inbound before outbound. A
//! third, the *reading turn*, says who reads the transport. Of these only the turn is held while a thread
//! waits for a datagram, so a waiting `recv` never delays a `send`. Observers are told of events, and so run
//! code of the application, with neither half locked.

mod upkeep;

use super::fate::Fate;
use super::inbox::End;
use super::pending::Pending;
use super::sync::{AtomicBool, AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering};
use super::transport::{self, Sent, Transport};
use crate::association::{Inbound, Outbound};
use crate::connection::Established;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::stats::{DropReason, Stats};
use crate::timer::Clock;
use crate::wire::{AlertDescription, KeyUpdate};
use std::sync::Arc;
use std::time::Duration;

/// Longest single wait for a datagram on a transport that cannot wake who waits: this soon a thread
/// notices there what others have done, since std offers no way to wake it.
pub(super) const SLICE: Duration = Duration::from_millis(100);

/// Longest single wait on one that can: nobody is woken for nothing.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How many datagrams a call that does not wait takes at most, so that a flood does not keep the thread
/// of an event loop. More than any flight of the usual size has.
pub(super) const DATAGRAMS_A_PASS: usize = 64;

/// How soon the caller should be back who was sent away before everything was taken in.
pub(super) const SOON: Duration = Duration::from_millis(1);

pub(super) struct Link {
    transport: Arc<dyn Transport>,
    fate: Arc<Fate>,
    /// The longest single wait for a datagram.
    longest_wait: Duration,
    clock: Arc<dyn Clock>,
    session: Session,
    pub(super) turn: Mutex<Turn>,
    inbound: Mutex<Inbound>,
    pub(super) outbound: Mutex<Outbound>,
    read_timeout: Mutex<Option<Duration>>,
    nonblocking: AtomicBool,
    reading_shut: AtomicBool,
    /// When something is due, in microseconds of the clock; [`NEVER`] where nothing is. As long as something
    /// is, somebody has to read: the last flight must be served (RFC 6347 §4.2.4), or a message awaits its
    /// ACK (RFC 9147 §7).
    due: AtomicU64,
    /// A call took as much as it may, and more may be there.
    unread: AtomicBool,
    /// The longest datagram that the system refused and that is still to be made smaller, in bytes.
    refused: AtomicUsize,
    /// When the socket was last looked at, in microseconds of the clock.
    looked_at: AtomicU64,
    /// The peer was heard after the handshake, so it has our last flight.
    heard: AtomicBool,
    /// What the shell itself had to drop.
    shed: Mutex<Stats>,
}

/// The right to read the transport, and what belongs to whoever has it.
pub(super) struct Turn {
    pub(super) datagram: Vec<u8>,
    pub(super) pending: Pending,
}

/// Whether a message that is copied out is removed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    Remove,
    Keep,
}

/// How long to wait for a message.
#[derive(Clone, Copy)]
enum Patience {
    None,
    Until(Duration),
    Endless,
}

impl Link {
    pub(super) fn new(
        transport: Arc<dyn Transport>,
        fate: Arc<Fate>,
        clock: Arc<dyn Clock>,
        read_timeout: Option<Duration>,
        established: Established,
        turn: Turn,
    ) -> Link {
        let Established {
            inbound,
            outbound,
            session,
        } = established;
        Link {
            longest_wait: match transport.wake() {
                true => LONGEST,
                false => SLICE,
            },
            transport,
            fate,
            clock,
            session,
            turn: Mutex::new(turn),
            due: AtomicU64::new(outbound.next_deadline().map_or(NEVER, micros)),
            inbound: Mutex::new(inbound),
            outbound: Mutex::new(outbound),
            read_timeout: Mutex::new(read_timeout),
            nonblocking: AtomicBool::new(false),
            reading_shut: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
            looked_at: AtomicU64::new(0),
            heard: AtomicBool::new(false),
            shed: Mutex::new(Stats::default()),
        }
    }

    /// Waits for one message and copies it into `buf`.
    pub(super) fn recv(&self, buf: &mut [u8], take: Take) -> Result<usize> {
        let patience = self.patience();
        let mut turn = self.wait_for_turn(patience)?;
        let mut pass = 0..DATAGRAMS_A_PASS;
        loop {
            if !turn.pending.is_empty() {
                self.not_aborted()?;
            }
            let kept = match take {
                Take::Remove => turn.pending.take(buf),
                Take::Keep => turn.pending.peek(buf),
            };
            if let Some(kept) = kept {
                return kept;
            }
            self.still_readable()?;
            if self.is_something_due() {
                let caught_up = match patience {
                    Patience::None => self.catch_up(&mut turn, &mut pass),
                    Patience::Until(_) | Patience::Endless => {
                        self.catch_up(&mut turn, &mut (0..DATAGRAMS_A_PASS))
                    }
                };
                // What came before the end comes first.
                if turn.pending.is_empty() {
                    caught_up?;
                }
                continue;
            }
            let wait = match patience {
                Patience::None if !self.goes_on(&mut pass) => return Err(Error::WantRead),
                Patience::None => Duration::ZERO,
                Patience::Endless => self.slice(),
                Patience::Until(deadline) => {
                    let remaining = deadline.saturating_sub(self.clock.now());
                    if remaining.is_zero() {
                        return Err(Error::ReadTimeout);
                    }
                    remaining.min(self.slice())
                }
            };
            // A message goes straight from the opened datagram to the caller. Only what comes on top
            // of it, or does not fit, is kept.
            let direct = match take {
                Take::Remove => Some(&mut *buf),
                Take::Keep => None,
            };
            match self.receive(&mut turn, direct, wait)? {
                Received::Message(length) => return Ok(length),
                Received::Datagram => {}
                Received::Nothing => {
                    if let Patience::None = patience {
                        return Err(Error::WantRead);
                    }
                }
            }
        }
    }

    /// Whether this side's listener was closed, and not the peer.
    pub(super) fn is_listener_closed(&self) -> bool {
        self.fate.ended() == Some(End::Closed)
    }

    /// Seals and sends one message.
    pub(super) fn send(&self, message: &[u8]) -> Result<usize> {
        self.not_given_up()?;
        self.look_now_and_then();
        let mut outbound = self.writing();
        let datagram = match outbound.seal(message) {
            Ok(datagram) => datagram,
            Err(error) => {
                // RFC 9147 §4.2.1: numbers do not wrap.
                if let Error::NumbersExhausted = error {
                    self.conclude(outbound, Some(error.clone()), self.clock.now());
                }
                return Err(error);
            }
        };
        let length = datagram.len();
        match transport::send(&*self.transport, datagram)? {
            Sent::Gone => {
                if outbound.keys_are_worn() {
                    drop(outbound);
                    // A KeyUpdate that cannot be sent is tried again with the next message.
                    let _ = self.update_keys(KeyUpdate::NotRequested);
                }
                Ok(message.len())
            }
            Sent::TooLong => {
                outbound.set_max_datagram(self.transport.max_datagram());
                let _ = outbound.lower_mtu(length, self.clock.now());
                let maximum = outbound.max_message();
                let told = outbound.take_events();
                drop(outbound);
                told.tell();
                Err(Error::MessageTooLong {
                    length: message.len(),
                    maximum,
                })
            }
        }
    }

    /// Takes new keys for what is sent, and asks the peer for new ones of its own if it is to have some.
    pub(super) fn update_keys(&self, update: KeyUpdate) -> Result<()> {
        self.not_given_up()?;
        let now = self.clock.now();
        let mut outbound = self.writing();
        let updated = outbound.update_keys(update, now, &mut |datagram| self.emit(datagram));
        self.conclude(outbound, None, now);
        updated
    }

    /// Sends close_notify, the first time.
    pub(super) fn close_writing(&self) {
        let now = self.clock.now();
        let mut outbound = self.writing();
        outbound.close_notify(now, &mut |datagram| self.emit(datagram));
        self.conclude(outbound, None, now);
    }

    /// Ends the connection with a fatal alert.
    pub(super) fn abort(&self, alert: AlertDescription) {
        let error = Error::Aborted(alert);
        self.end(error.clone());
        let mut outbound = self.outbound.lock();
        outbound.abort(&error, self.clock.now(), &mut |datagram| {
            self.emit(datagram)
        });
        self.note_due(&outbound);
        let told = outbound.take_events();
        drop(outbound);
        told.tell();
    }

    /// Nothing is received any more, for this reason.
    fn end(&self, error: Error) {
        self.inbound.lock().end(error);
        self.transport.wake();
    }

    /// Lets this and every later `recv` fail.
    pub(super) fn shut_reading(&self) {
        self.reading_shut.store(true, Ordering::Relaxed);
        self.transport.wake();
    }

    pub(super) fn set_read_timeout(&self, timeout: Option<Duration>) {
        *self.read_timeout.lock() = timeout;
    }

    pub(super) fn read_timeout(&self) -> Option<Duration> {
        *self.read_timeout.lock()
    }

    pub(super) fn set_nonblocking(&self, nonblocking: bool) {
        self.nonblocking.store(nonblocking, Ordering::Relaxed);
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn transport(&self) -> &dyn Transport {
        &*self.transport
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.now()
    }

    pub(super) fn max_message(&self) -> usize {
        self.writing().max_message()
    }

    pub(super) fn stats(&self) -> Stats {
        let inbound = self.inbound.lock().stats();
        let outbound = self.outbound.lock().stats();
        inbound.plus(&outbound).plus(&self.shed.lock())
    }

    /// How long until something is due.
    pub(super) fn next_timeout(&self) -> Option<Duration> {
        if self.unread.load(Ordering::Relaxed) {
            return Some(SOON);
        }
        let deadline = self.outbound.lock().next_deadline()?;
        Some(deadline.saturating_sub(self.clock.now()))
    }

    /// The writing half, which knows what the transport knows at this moment.
    fn writing(&self) -> MutexGuard<'_, Outbound> {
        let mut outbound = self.outbound.lock();
        outbound.set_max_datagram(self.transport.max_datagram());
        outbound
    }

    fn patience(&self) -> Patience {
        if self.nonblocking.load(Ordering::Relaxed) {
            return Patience::None;
        }
        match self.read_timeout() {
            Some(timeout) => Patience::Until(self.clock.now().saturating_add(timeout)),
            None => Patience::Endless,
        }
    }

    fn wait_for_turn(&self, patience: Patience) -> Result<MutexGuard<'_, Turn>> {
        match patience {
            Patience::Endless => Ok(self.turn.lock()),
            Patience::None => self.turn.try_lock().ok_or(Error::WantRead),
            Patience::Until(deadline) => {
                let wait = deadline.saturating_sub(self.clock.now());
                self.turn.try_lock_for(wait).ok_or(Error::ReadTimeout)
            }
        }
    }

    fn still_readable(&self) -> Result<()> {
        if self.reading_shut.load(Ordering::Relaxed) {
            return Err(Error::Closed);
        }
        self.inbound.lock().closed().map_or(Ok(()), Err)
    }

    /// A handler that only sends must not hold its thread for a client that is gone, nor for a listener that is
    /// closed. Whoever only receives is told by the inbox.
    fn not_given_up(&self) -> Result<()> {
        self.fate.ended().map_or(Ok(()), |end| Err(end.into()))
    }

    /// One datagram at most. A message goes to `direct` if that is there and large enough; every other
    /// is kept in the turn's queue.
    fn receive(
        &self,
        turn: &mut Turn,
        mut direct: Option<&mut [u8]>,
        wait: Duration,
    ) -> Result<Received> {
        let Turn { datagram, pending } = turn;
        let Some(length) = transport::recv(&*self.transport, datagram, wait)? else {
            self.unread.store(false, Ordering::Relaxed);
            return Ok(Received::Nothing);
        };
        let now = self.clock.now();
        self.looked_at.store(micros(now), Ordering::Relaxed);
        let mut delivered = None;
        let mut lost: u64 = 0;
        let mut heard = false;
        let mut deliver = |message: &[u8]| {
            heard = true;
            let room = direct
                .as_deref_mut()
                .and_then(|buf| buf.get_mut(..message.len()));
            match room {
                Some(room) if delivered.is_none() && pending.is_empty() => {
                    room.copy_from_slice(message);
                    delivered = Some(message.len());
                }
                _ => lost = lost.saturating_add(u64::from(pending.push(message).is_err())),
            }
        };
        let datagram = datagram.get_mut(..length).unwrap_or_default();
        let rival = self.fate.rival();
        let mut inbound = self.inbound.lock();
        inbound.set_rival(rival);
        let before = inbound.new_records();
        let mut response = inbound.receive(datagram, now, &mut deliver);
        let alive = inbound.new_records() != before;
        let told = inbound.take_events();
        drop(inbound);
        told.tell();
        if alive {
            self.fate.hear(now);
        }
        if heard {
            self.heard.store(true, Ordering::Relaxed);
        }
        if lost > 0 {
            let mut shed = self.shed.lock();
            (0..lost).for_each(|_| shed.dropped.count(DropReason::QueueFull));
        }
        for ticket in std::mem::take(&mut response.tickets) {
            self.session.keep_ticket(ticket)?;
        }
        if !response.is_empty() {
            self.respond(&response, now);
        }
        Ok(delivered.map_or(Received::Datagram, Received::Message))
    }
}

/// What a look at the transport brought.
enum Received {
    Nothing,
    Datagram,
    Message(usize),
}

/// No time at all.
const NEVER: u64 = u64::MAX;

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// When the last clone goes, the peer is told. Dropping never waits.
impl Drop for Link {
    fn drop(&mut self) {
        self.close_writing();
    }
}
