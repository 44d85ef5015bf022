//! The reading half: from datagrams to messages and application data.

mod epochs;
mod fragments;
mod post_handshake;
mod records;

use super::{LAST_HANDSHAKE_EPOCH, Rival, Role};
use crate::config::{Belief, Renegotiation};
use crate::error::Error;
use crate::flight::{MessageLimits, Reassembly, ReceivedMessage};
use crate::record::{Opener, Record, Records, Replay, TrafficSecret};
use crate::stats::{DropReason, Stats};
use crate::trace::{Told, Trace, What};
use crate::wire::{KeyUpdate, NewSessionTicket13, ProtocolVersion, RecordNumber};
use epochs::Epochs;
use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

/// Records of the next epoch that came before its keys are kept up to these bounds, since their flight
/// may just have been reordered (RFC 6347 §4.1).
const EARLY_RECORDS: usize = 4;
const EARLY_BYTES: usize = 4096;

/// The first byte of every version of DTLS.
const DTLS_MAJOR: u16 = 0xfe00;

/// What the writing half, or whoever drives both, must do about what was read.
#[derive(Debug, Default)]
pub(crate) struct Response {
    /// The peer sent its last flight again.
    pub(crate) repeated: bool,
    /// The peer closed; it is told that this was heard.
    pub(crate) close_notify: bool,
    /// The peer sends nothing more, not even ACKs, and reads on.
    pub(crate) half_closed: bool,
    /// The peer wants to renegotiate, which is refused.
    pub(crate) no_renegotiation: bool,
    /// The first record came under the handshake's keys: what was suspected before came from somebody else.
    pub(crate) keys_proven: bool,
    /// Something that nothing authenticated says that the handshake must fail.
    pub(crate) suspicion: Option<Error>,
    /// The connection is over.
    pub(crate) fatal: Option<Error>,
    /// Records whose handshake messages are taken in; the peer is told of them in time.
    pub(crate) acknowledge: Vec<RecordNumber>,
    /// Records of ours that the peer has.
    pub(crate) acknowledged: Vec<RecordNumber>,
    /// The peer has begun to answer our flight, so it has it.
    pub(crate) flight_implied: bool,
    /// New keys are due: ours, since the peer asks for them, or the peer's as well.
    pub(crate) key_update: Option<KeyUpdate>,
    /// Sessions to go on with later.
    pub(crate) tickets: Vec<NewSessionTicket13>,
}

impl Response {
    /// Whether it asks for nothing behind a handshake.
    pub(crate) fn is_empty(&self) -> bool {
        // Every field by name, so that a new one is not forgotten here.
        let Response {
            repeated,
            close_notify,
            half_closed,
            no_renegotiation,
            keys_proven: _,
            suspicion,
            fatal,
            acknowledge,
            acknowledged,
            flight_implied,
            key_update,
            tickets,
        } = self;
        let flags = [
            repeated,
            close_notify,
            half_closed,
            no_renegotiation,
            flight_implied,
        ];
        flags.into_iter().all(|flag| !flag)
            && suspicion.is_none()
            && fatal.is_none()
            && acknowledge.is_empty()
            && acknowledged.is_empty()
            && key_update.is_none()
            && tickets.is_empty()
    }
}

/// How far the handshake is, and of which version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing but hellos so far: a HelloVerifyRequest has a numbering of its own.
    Hello,
    Handshake(ProtocolVersion),
    Established(ProtocolVersion),
}

/// What is accepted of a peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) limits: MessageLimits,
    pub(crate) replay: Replay,
    pub(crate) bad_mac_limit: Option<NonZeroU32>,
    pub(crate) renegotiation: Renegotiation,
    pub(crate) belief: Belief,
    pub(crate) peer: Role,
}

/// Receives from one peer.
pub(crate) struct Inbound {
    phase: Phase,
    epochs: Epochs,
    /// That of the present epoch, from which a KeyUpdate makes the next; behind a handshake of DTLS 1.3.
    read_secret: Option<TrafficSecret>,
    /// The next epoch's keys, until the peer's ChangeCipherSpec puts them in force.
    at_change_cipher_spec: Option<Opener>,
    change_cipher_spec_seen: bool,
    /// Records that have overtaken what brings the keys of their epoch, the oldest first.
    early: VecDeque<Vec<u8>>,
    reassembly: Reassembly,
    /// The first message of the peer's previous flight, and of its current one.
    previous_flight: u16,
    current_flight: u16,
    rules: Rules,
    new_records: u64,
    bad_macs: u32,
    rival: Rival,
    renegotiation_refused: bool,
    /// The peer was done before we had its Finished, which may have been lost.
    closed_early: bool,
    ended: Option<Error>,
    trace: Trace,
}

impl Inbound {
    /// The peer's next message is `next_seq`, of a flight that began with `flight_start`.
    pub(crate) fn new(flight_start: u16, next_seq: u16, rules: Rules, trace: Trace) -> Self {
        Inbound {
            phase: Phase::Hello,
            epochs: Epochs::new(),
            read_secret: None,
            at_change_cipher_spec: None,
            change_cipher_spec_seen: false,
            early: VecDeque::new(),
            reassembly: Reassembly::new(next_seq, rules.limits),
            previous_flight: flight_start,
            current_flight: flight_start,
            rules,
            new_records: 0,
            bad_macs: 0,
            rival: Rival::None,
            renegotiation_refused: false,
            closed_early: false,
            ended: None,
            trace,
        }
    }

    /// Takes in a datagram. Application data goes to `deliver`, a message at a time.
    pub(crate) fn receive(
        &mut self,
        datagram: &mut [u8],
        now: Duration,
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Response {
        let mut response = Response::default();
        for record in self.records(datagram) {
            self.receive_record(record, now, &mut response, deliver);
        }
        response
    }

    /// The records of a datagram, each for [`receive_record`](Self::receive_record).
    pub(crate) fn records<'a>(&mut self, datagram: &'a mut [u8]) -> Records<'a> {
        self.trace.stats.datagrams_received = self.trace.stats.datagrams_received.wrapping_add(1);
        Records::new(datagram)
    }

    /// Takes in one record, or tells why it is none.
    pub(crate) fn receive_record(
        &mut self,
        record: Result<Record<'_>, DropReason>,
        now: Duration,
        response: &mut Response,
        deliver: &mut dyn FnMut(&[u8]),
    ) {
        let (epoch, sequence) = record.as_ref().map_or((0, 0), records::shown);
        let taken = record.and_then(|record| self.record(record, now, response, deliver));
        if let Err(reason) = taken {
            self.trace.dropped(now, reason, epoch, sequence);
        }
    }

    /// The next handshake message, in order, if it is whole.
    pub(crate) fn next_message(&mut self) -> Option<ReceivedMessage> {
        self.reassembly.take()
    }

    /// A message of the handshake was in place.
    pub(crate) fn message_accepted(&mut self, length: usize) {
        self.reassembly.accepted(length);
    }

    /// The message with this number was refused: another may come in its place.
    pub(crate) fn refuse_message(&mut self, message: &ReceivedMessage, now: Duration) {
        self.reassembly.skip_to(message.message_seq);
        self.trace
            .dropped(now, DropReason::RefusedMessage, message.epoch, 0);
    }

    /// The peer's numbering goes on from here, after a stateless exchange.
    pub(crate) fn skip_to(&mut self, next_seq: u16) {
        self.reassembly.skip_to(next_seq);
        self.previous_flight = next_seq;
        self.current_flight = next_seq;
    }

    /// The hellos are over: every message is in the one numbering from now on.
    pub(crate) fn agreed(&mut self, version: ProtocolVersion) {
        self.phase = Phase::Handshake(version);
    }

    /// The peer's flight was complete, since ours follows.
    pub(crate) fn flight_complete(&mut self) {
        self.previous_flight = self.current_flight;
        self.current_flight = self.reassembly.next_seq();
    }

    /// The next epoch's keys: in force from the peer's ChangeCipherSpec on, which may be here already.
    pub(crate) fn expect_change_cipher_spec(&mut self, opener: Opener, now: Duration) -> Response {
        let mut response = Response::default();
        self.at_change_cipher_spec = Some(opener);
        if self.change_cipher_spec_seen {
            self.take_change_cipher_spec(now, &mut response);
        }
        response
    }

    /// What comes next is read under these keys.
    pub(crate) fn change_read_keys(&mut self, opener: Opener, now: Duration) -> Response {
        let mut response = Response::default();
        self.change_keys(opener, now, &mut response);
        response
    }

    /// The handshake of DTLS 1.3 is over, and new keys are made from this.
    pub(crate) fn set_read_secret(&mut self, read_secret: TrafficSecret) {
        self.read_secret = Some(read_secret);
    }

    /// The handshake is complete; what served only it is freed.
    ///
    /// # Errors
    /// [`Error::ExcessHandshakeData`] where the peer has said more than belongs to a handshake.
    pub(crate) fn established(&mut self, version: ProtocolVersion) -> Result<(), Error> {
        if self.reassembly.holds_anything() {
            return Err(Error::ExcessHandshakeData);
        }
        self.phase = Phase::Established(version);
        self.reassembly.complete();
        self.ended = self.closed_early.then_some(Error::Closed);
        self.early = VecDeque::new();
        Ok(())
    }

    /// Beside another, records under other keys are no sign of an attack.
    pub(crate) fn set_rival(&mut self, rival: Rival) {
        self.rival = rival;
    }

    /// Why there will be nothing more to read, if so.
    pub(crate) fn closed(&self) -> Option<Error> {
        self.ended.clone()
    }

    /// Whether the peer is a client of DTLS 1.3 that may have missed our ACK of its last flight, and says that
    /// again. RFC 9147 §5.8.1: for twice the MSL it is answered. That it sends data proves nothing.
    pub(crate) fn last_flight_may_come_again(&self, now: Duration) -> bool {
        let is_client = self.rules.peer == Role::Client;
        self.is_13() && is_client && self.epochs.may_come_again(LAST_HANDSHAKE_EPOCH, now)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.trace.stats
    }

    /// How many records were opened so far that had not come before: signs of life.
    pub(crate) fn new_records(&self) -> u64 {
        self.new_records
    }

    pub(crate) fn take_events(&mut self) -> Told {
        self.trace.take()
    }

    pub(crate) fn note(&mut self, now: Duration, what: impl FnOnce() -> What) {
        self.trace.note(now, what);
    }

    /// Once it is agreed on.
    fn version(&self) -> Option<ProtocolVersion> {
        match self.phase {
            Phase::Hello => None,
            Phase::Handshake(version) | Phase::Established(version) => Some(version),
        }
    }

    fn is_13(&self) -> bool {
        self.version() == Some(ProtocolVersion::DTLS1_3)
    }

    fn is_established(&self) -> bool {
        matches!(self.phase, Phase::Established(_))
    }

    /// Nothing more is read.
    pub(crate) fn end(&mut self, error: Error) {
        self.ended = Some(error);
    }
}

#[cfg(test)]
mod tests;
