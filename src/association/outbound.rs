//! The writing half: from messages and application data to datagrams.

mod acknowledging;
mod key_updates;
mod time;

use crate::config::{Belief, Settings};
use crate::error::{Error, Result};
use crate::flight::{Acknowledgements, Flight, OutgoingMessage, Repeat, Retransmit};
use crate::record::{Padding, Sealer};
use crate::stats::Stats;
use crate::trace::{ResendReason, Told, Trace, What};
use crate::wire::{
    Alert, AlertDescription, ContentType, HandshakeType, MAX_PLAINTEXT, ProtocolVersion,
};
use std::time::Duration;

use super::mtu::{self, Mtu};
use super::rekeying::Rekeying;
use super::{LAST_HANDSHAKE_EPOCH, Response, Rival};
use time::Peer;
pub(crate) use time::Ticked;

/// Where datagrams go.
pub(crate) type Emit<'a> = &'a mut dyn FnMut(&[u8]);

/// A path is suspected of swallowing large datagrams when a flight has to go again for so many times.
const SHRINK_AT_RESEND: u32 = 2;

/// Sends to one peer.
pub(crate) struct Outbound {
    version: ProtocolVersion,
    /// Every epoch that the current flight was sent in, the newest last.
    sealers: Vec<Sealer>,
    flight: Flight,
    retransmit: Retransmit,
    acknowledgements: Acknowledgements,
    acks_at_once: u8,
    /// Once a handshake of DTLS 1.3 is complete.
    rekeying: Option<Rekeying>,
    /// Tickets that were given up. The peer takes no later message without them.
    given_up: Vec<OutgoingMessage>,
    mtu: Mtu,
    /// Since when the flight has been cut to that.
    mtu_since: Duration,
    hello_was_cut: bool,
    padding: Padding,
    belief: Belief,
    datagram: Vec<u8>,
    closed: bool,
    peer: Peer,
    rival: Rival,
    trace: Trace,
}

impl Outbound {
    /// `first_sequence` is the number of the first record, and `version` stands in record headers
    /// until one is agreed on.
    pub(crate) fn new(
        version: ProtocolVersion,
        first_sequence: u64,
        settings: &Settings,
        now: Duration,
        trace: Trace,
    ) -> Self {
        let belief = settings.belief();
        Outbound {
            version,
            sealers: vec![Sealer::plaintext(first_sequence)],
            flight: Flight::default(),
            retransmit: Retransmit::new(settings.retransmission, belief, now),
            acknowledgements: Acknowledgements::default(),
            acks_at_once: 0,
            rekeying: None,
            given_up: Vec::new(),
            mtu: Mtu::new(settings.mtu),
            mtu_since: now,
            hello_was_cut: false,
            padding: Padding::to_multiple_of(settings.padded_to),
            belief,
            datagram: Vec::new(),
            closed: false,
            peer: Peer::Speaks,
            rival: Rival::None,
            trace,
        }
    }

    pub(crate) fn agreed(&mut self, version: ProtocolVersion, now: Duration) {
        self.version = version;
        match version {
            // RFC 9147 §7: now that the version is known, what came before can be told of.
            ProtocolVersion::DTLS1_3 if self.belief == Belief::Careful => {
                self.acknowledgements.become_due(now);
            }
            ProtocolVersion::DTLS1_3 => {}
            _ => self.acknowledgements.clear(),
        }
    }

    /// A message that had come was discarded. RFC 9147 §7: the records that it came in must not be acknowledged.
    /// Nobody knows any more which they were; what else has come is only sent once more.
    pub(crate) fn discarded(&mut self) {
        self.acknowledgements.clear();
    }

    pub(crate) fn epoch(&self) -> u16 {
        self.sealers.last().map_or(0, Sealer::epoch)
    }

    /// What is sent from now on is under these keys.
    pub(crate) fn change_keys(&mut self, sealer: Sealer) {
        self.sealers.push(sealer.padded(self.padding));
    }

    /// Sends a new flight in place of the one before, which was answered.
    pub(crate) fn send_flight(
        &mut self,
        messages: Vec<OutgoingMessage>,
        now: Duration,
        emit: Emit<'_>,
    ) -> Result<()> {
        self.flight = Flight::new(messages);
        // RFC 9147 §7: a flight of the handshake says that the peer's has arrived. One behind it does not.
        if self.flight_is_of_handshake() {
            self.acknowledgements.clear();
        }
        self.retransmit.flight_sent(now);
        self.mtu_since = now;
        self.trace.stats.flights_sent = self.trace.stats.flights_sent.wrapping_add(1);
        // A client takes the first answer for the answer to its latest hello; it asks if it wants this one.
        let datagrams =
            if self.rival == Rival::Newer && self.flight.holds(HandshakeType::SERVER_HELLO) {
                self.retransmit.held_back();
                0
            } else {
                self.transmit(now, emit)?
            };
        let flight = &self.flight;
        self.trace.note(now, || What::FlightSent {
            messages: flight.outline(),
            datagrams,
        });
        self.note_timer(now);
        Ok(())
    }

    /// The flight that was made has left.
    pub(crate) fn flight_left(&mut self, now: Duration) {
        self.retransmit.flight_left(now);
    }

    /// Whether a hello of ours took more than one datagram.
    pub(crate) fn hello_was_cut(&self) -> bool {
        self.hello_was_cut
    }

    pub(crate) fn has_flight(&self) -> bool {
        !self.flight.is_empty()
    }

    /// The handshake is over. If the last flight was ours, it stays at hand for a peer that missed it.
    pub(crate) fn established(&mut self, last_flight: LastFlight, now: Duration) {
        match (self.version, last_flight) {
            // RFC 9147 §7.1: the last flight is sent again until it is acknowledged.
            (ProtocolVersion::DTLS1_3, LastFlight::Ours) => return,
            (_, LastFlight::Ours) => self.retransmit.last_flight_sent(now),
            (_, LastFlight::Peers) => {
                self.retransmit.finished();
                self.forget_flight();
            }
        }
        self.trace.note(now, || What::TimerCancelled);
    }

    /// Does what the reading half asks for.
    pub(crate) fn respond(
        &mut self,
        response: &Response,
        now: Duration,
        emit: Emit<'_>,
    ) -> Result<()> {
        if response.flight_implied {
            self.flight_arrived(now, emit)?;
        }
        let mut acknowledged = false;
        for number in &response.acknowledged {
            acknowledged |= self.flight.acknowledge(*number);
        }
        if acknowledged {
            self.partly_acknowledged(now, emit)?;
        }
        for number in &response.acknowledge {
            match self.version {
                ProtocolVersion::DTLS1_3 => self.acknowledgements.add(*number, now),
                // RFC 9147 §7: no ACK before the version is known.
                _ => self.acknowledgements.remember(*number),
            }
        }
        self.acknowledge_a_burst(now, emit)?;
        // Whoever sends nothing more needs no new keys.
        if let Some(update) = response.key_update.filter(|_| !self.closed) {
            self.update_keys(update, now, emit)?;
        }
        if response.repeated && self.flight_is_of_handshake() {
            match self.retransmit.peer_repeated(now) {
                Repeat::Resend => self.resend(ResendReason::PeerRepeated, now, emit)?,
                Repeat::Damped => {
                    let damped = &mut self.trace.stats.repeats_damped;
                    *damped = damped.wrapping_add(1);
                    self.trace.note(now, || What::RepeatDamped);
                }
                Repeat::Nothing => {}
            }
        }
        if response.no_renegotiation {
            self.alert(
                Alert::warning(AlertDescription::NO_RENEGOTIATION),
                now,
                emit,
            )?;
        }
        if response.half_closed {
            self.peer = Peer::IsSilent;
        }
        if let Some(error) = &response.fatal {
            self.abort(error, now, emit);
        } else if response.close_notify {
            self.close_notify(now, emit);
        }
        Ok(())
    }

    /// Beside a newer one nothing is sent in the clear that is not asked for.
    pub(crate) fn set_rival(&mut self, rival: Rival) {
        self.rival = rival;
    }

    /// What the transport knows of the longest datagram, if it knows.
    pub(crate) fn set_max_datagram(&mut self, max_datagram: Option<usize>) {
        self.mtu.tell(max_datagram);
    }

    /// The system refused a datagram of so many bytes as too long. Whether smaller ones go from now on.
    pub(crate) fn lower_mtu(&mut self, length: usize, now: Duration) -> bool {
        let lowered = self.mtu.refused(length);
        if let Some(mtu) = lowered {
            self.trace.note(now, || What::MtuLowered { mtu });
        }
        lowered.is_some()
    }

    /// Sends the flight, a datagram of which was refused, in smaller ones.
    pub(crate) fn cut_flight_anew(&mut self, now: Duration, emit: Emit<'_>) -> Result<()> {
        if self.flight.is_empty() {
            return Ok(());
        }
        self.flight.rewind();
        self.transmit(now, emit).map(|_| ())
    }

    /// One message of application data as one datagram.
    pub(crate) fn seal(&mut self, data: &[u8]) -> Result<&[u8]> {
        if self.closed {
            return Err(Error::Closed);
        }
        if data.is_empty() {
            return Err(Error::EmptyMessage);
        }
        let maximum = self.max_message();
        if data.len() > maximum {
            return Err(Error::MessageTooLong {
                length: data.len(),
                maximum,
            });
        }
        self.seal_record(
            self.epoch(),
            self.mtu.of_data(),
            ContentType::APPLICATION_DATA,
            data,
        )
    }

    /// Tells the peer that nothing more follows. Once.
    pub(crate) fn close_notify(&mut self, now: Duration, emit: Emit<'_>) {
        if !self.closed {
            self.closed = true;
            // RFC 8446 §6.1: what follows is ignored, so what is owed goes first.
            let _ = self.acknowledge_at_once(now, emit);
            // Nothing will be sent under the keys that it announces, so nobody need have it.
            if self.flight.holds(HandshakeType::KEY_UPDATE) {
                self.forget_flight();
                self.retransmit.finished();
                self.trace.note(now, || What::TimerCancelled);
            }
            // A close that cannot be sent is as one that is lost: RFC 6347 §4.2.7 repeats no alert.
            let _ = self.alert(Alert::warning(AlertDescription::CLOSE_NOTIFY), now, emit);
        }
    }

    /// Tells the peer why the connection is over, if the cause has an alert.
    pub(crate) fn abort(&mut self, error: &Error, now: Duration, emit: Emit<'_>) {
        match error.alert() {
            // Nobody is to blame, and the peer need not wait.
            None if matches!(error, Error::NumbersExhausted) => self.close_notify(now, emit),
            Some(description) if !self.closed => {
                // As for close_notify: whether it arrives is not ours to know.
                let _ = self.alert(Alert::fatal(description), now, emit);
            }
            None | Some(_) => {}
        }
        self.closed = true;
        self.forget_flight();
        self.acknowledgements.clear();
        self.retransmit.finished();
        self.trace.note(now, || What::Ended(error.to_string()));
    }

    /// Bytes of application data that fit into a datagram.
    pub(crate) fn max_message(&self) -> usize {
        let overhead = self.sealers.last().map_or(0, Sealer::overhead);
        let room = self.mtu.of_data().saturating_sub(overhead);
        room.min(MAX_PLAINTEXT)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.trace.stats
    }

    pub(crate) fn take_events(&mut self) -> Told {
        self.trace.take()
    }

    fn resend(&mut self, reason: ResendReason, now: Duration, emit: Emit<'_>) -> Result<()> {
        self.trace.stats.flights_resent = self.trace.stats.flights_resent.wrapping_add(1);
        if self.seems_lost(reason, now) && self.flight.was_unanswered() >= SHRINK_AT_RESEND {
            self.shrink(now);
        }
        self.flight.rewind();
        let datagrams = self.transmit(now, emit)?;
        let flight = &self.flight;
        self.trace.note(now, || What::FlightResent {
            reason,
            messages: flight.outline(),
            datagrams,
        });
        self.note_timer(now);
        Ok(())
    }

    fn transmit(&mut self, now: Duration, emit: Emit<'_>) -> Result<usize> {
        let mtu = self.mtu.of_flights();
        let packed = self
            .flight
            .pack(mtu, self.version, &mut self.sealers, emit)?;
        self.hello_was_cut |= packed.datagrams > 1 && self.flight_is_a_hello();
        let add = |counter: &mut u64, n: usize| {
            *counter = counter.wrapping_add(u64::try_from(n).unwrap_or(u64::MAX));
        };
        add(&mut self.trace.stats.datagrams_sent, packed.datagrams);
        add(&mut self.trace.stats.records_sent, packed.records);
        if self.flight.has_rest() {
            self.retransmit.burst_sent(now);
        }
        Ok(packed.datagrams)
    }

    fn alert(&mut self, alert: Alert, now: Duration, emit: Emit<'_>) -> Result<()> {
        let epoch = self.epoch_of_alerts();
        if self.rival == Rival::Newer && epoch == 0 {
            return Ok(());
        }
        let most = self.mtu.of_flights();
        emit(self.seal_record(epoch, most, ContentType::ALERT, &alert.encode())?);
        self.trace.note(now, || What::AlertSent(alert.description));
        Ok(())
    }

    /// A client that misses a part of flight 4 of DTLS 1.3 has no keys for what a server sends behind it, and one that
    /// has all keeps those of the handshake for a while (RFC 9147 §4.2.1).
    fn epoch_of_alerts(&self) -> u16 {
        match self.rekeying {
            None if !self.flight.is_empty() => self.epoch().min(LAST_HANDSHAKE_EPOCH),
            _ => self.epoch(),
        }
    }

    /// One record in a datagram of its own, padded to no more than `most` bytes, under the keys of this epoch.
    fn seal_record(
        &mut self,
        epoch: u16,
        most: usize,
        typ: ContentType,
        content: &[u8],
    ) -> Result<&[u8]> {
        self.datagram.clear();
        let mut sealers = self.sealers.iter_mut();
        let sealer = sealers.rfind(|sealer| sealer.epoch() == epoch);
        let sealer = sealer.ok_or(Error::Closed)?;
        sealer.seal_padded(most, typ, self.version, content, &mut self.datagram)?;
        self.trace.stats.count_sent();
        Ok(&self.datagram)
    }

    fn shrink(&mut self, now: Duration) {
        let least = self.flight_is_a_hello().then_some(mtu::A_HELLO);
        if let Some(mtu) = self.mtu.suspect(least) {
            self.mtu_since = now;
            self.trace.note(now, || What::MtuLowered { mtu });
        }
    }

    /// Whether the flight is of the handshake, and not of what may follow it.
    fn flight_is_of_handshake(&self) -> bool {
        self.flight.first_epoch() <= Some(LAST_HANDSHAKE_EPOCH)
    }

    fn flight_is_a_hello(&self) -> bool {
        self.flight.is_all(HandshakeType::CLIENT_HELLO)
    }

    /// Nobody can need the flight any more, nor the epochs before the current one.
    fn forget_flight(&mut self) {
        self.flight = Flight::default();
        let last = self.epoch();
        self.sealers.retain(|sealer| sealer.epoch() == last);
    }
}

/// Who sent the last flight of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastFlight {
    Ours,
    Peers,
}

#[cfg(test)]
mod tests;
