//! The reading half: from datagrams to messages and application data.

use crate::codec::{DecodeError, Reader};
use crate::error::{Error, Result};
use crate::flight::{Inserted, MessageLimits, Reassembly, ReceivedMessage};
use crate::record::{Opener, Records, Replay};
use crate::stats::{DropReason, Stats};
use crate::trace::{Told, Trace, What};
use crate::wire::{
    Alert, AlertDescription, AlertLevel, ContentType, HandshakeHeader, HandshakeType,
    RECORD_HEADER, RecordHeader,
};
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
    /// The peer wants to renegotiate, which is refused.
    pub(crate) no_renegotiation: bool,
    /// Something that nothing authenticated says that the handshake must fail.
    pub(crate) suspicion: Option<Error>,
    /// The connection is over.
    pub(crate) fatal: Option<Error>,
}

impl Response {
    pub(crate) fn is_empty(&self) -> bool {
        !self.repeated
            && !self.close_notify
            && !self.no_renegotiation
            && self.suspicion.is_none()
            && self.fatal.is_none()
    }
}

/// Whether the handshake is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing but hellos so far: a HelloVerifyRequest has a numbering of its own.
    Hello,
    Handshake,
    Established,
}

/// Receives from one peer.
pub(crate) struct Inbound {
    phase: Phase,
    plaintext: Opener,
    /// The current epoch's keys, once there are any.
    opener: Option<Opener>,
    /// The next epoch's keys, until the peer's ChangeCipherSpec puts them in force.
    at_change_cipher_spec: Option<Opener>,
    change_cipher_spec_seen: bool,
    early: Vec<Vec<u8>>,
    reassembly: Reassembly,
    /// The first message of the peer's previous flight, and of its current one.
    previous_flight: u16,
    current_flight: u16,
    replay: Replay,
    bad_mac_limit: Option<NonZeroU32>,
    bad_macs: u32,
    contested: bool,
    renegotiation_refused: bool,
    ended: Option<Error>,
    trace: Trace,
}

impl Inbound {
    /// The peer's next message is `next_seq`, of a flight that began with `flight_start`.
    pub(crate) fn new(
        flight_start: u16,
        next_seq: u16,
        limits: MessageLimits,
        replay: Replay,
        bad_mac_limit: Option<NonZeroU32>,
        trace: Trace,
    ) -> Self {
        Inbound {
            phase: Phase::Hello,
            plaintext: Opener::plaintext(),
            opener: None,
            at_change_cipher_spec: None,
            change_cipher_spec_seen: false,
            early: Vec::new(),
            reassembly: Reassembly::new(next_seq, limits),
            previous_flight: flight_start,
            current_flight: flight_start,
            replay,
            bad_mac_limit,
            bad_macs: 0,
            contested: false,
            renegotiation_refused: false,
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
        self.trace.stats.datagrams_received = self.trace.stats.datagrams_received.wrapping_add(1);
        for record in Records::new(datagram) {
            match record {
                Err(reason) => self.trace.drop(now, reason, 0, 0),
                Ok((header, fragment)) => {
                    let mut input = Input {
                        header,
                        now,
                        response: &mut response,
                    };
                    if let Err(reason) = self.record(&mut input, fragment, deliver) {
                        self.trace.drop(now, reason, header.epoch, header.sequence);
                    }
                }
            }
        }
        response
    }

    /// The next handshake message, in order, if it is whole.
    pub(crate) fn next_message(&mut self) -> Option<ReceivedMessage> {
        self.reassembly.take()
    }

    /// The message with this number was refused: another may come in its place.
    pub(crate) fn refuse_message(&mut self, message: &ReceivedMessage, now: Duration) {
        self.reassembly.skip_to(message.message_seq);
        self.trace
            .drop(now, DropReason::RefusedMessage, message.epoch, 0);
    }

    /// The peer's numbering goes on from here, after a stateless exchange.
    pub(crate) fn skip_to(&mut self, next_seq: u16) {
        self.reassembly.skip_to(next_seq);
        self.previous_flight = next_seq;
        self.current_flight = next_seq;
    }

    /// The hellos are over: every message is in the one numbering from now on.
    pub(crate) fn hellos_done(&mut self) {
        self.phase = Phase::Handshake;
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
            self.change_keys(now, &mut response);
        }
        response
    }

    /// The handshake is complete; what served only it is freed.
    pub(crate) fn established(&mut self) {
        self.phase = Phase::Established;
        self.reassembly.clear();
        self.early = Vec::new();
    }

    /// Whether the peer may have begun anew beside this association, so that records under other keys
    /// are no sign of an attack.
    pub(crate) fn set_contested(&mut self, contested: bool) {
        self.contested = contested;
    }

    /// Why there will be nothing more to read, if so.
    pub(crate) fn closed(&self) -> Option<Error> {
        self.ended.clone()
    }

    pub(crate) fn stats(&self) -> Stats {
        self.trace.stats
    }

    pub(crate) fn take_events(&mut self) -> Told {
        self.trace.take()
    }

    pub(crate) fn note(&mut self, now: Duration, what: impl FnOnce() -> What) {
        self.trace.note(now, what);
    }

    pub(crate) fn count_drop(&mut self, now: Duration, reason: DropReason) {
        self.trace.drop(now, reason, 0, 0);
    }

    fn read_epoch(&self) -> u16 {
        self.opener.as_ref().map_or(0, Opener::epoch)
    }

    fn record(
        &mut self,
        input: &mut Input<'_>,
        fragment: &mut [u8],
        deliver: &mut dyn FnMut(&[u8]),
    ) -> std::result::Result<(), DropReason> {
        let header = input.header;
        if header.version.0 & 0xff00 != DTLS_MAJOR {
            return Err(DropReason::WrongVersion);
        }
        if self.ended.is_some() {
            return Err(DropReason::Closed);
        }
        let current = self.read_epoch();
        let opener = match &mut self.opener {
            Some(opener) if header.epoch == current => opener,
            _ if header.epoch == 0 && self.phase != Phase::Established => &mut self.plaintext,
            _ if header.epoch < current => return Err(DropReason::OldEpoch),
            _ => return self.keep_early(&header, fragment),
        };
        match opener.open(&header, fragment, self.replay) {
            Ok(plaintext) => {
                self.trace.stats.records_received =
                    self.trace.stats.records_received.wrapping_add(1);
                self.content(input, plaintext, deliver)
            }
            Err(DropReason::BadMac) => {
                self.bad_mac(input);
                Err(DropReason::BadMac)
            }
            Err(reason) => Err(reason),
        }
    }

    fn content(
        &mut self,
        input: &mut Input<'_>,
        plaintext: &[u8],
        deliver: &mut dyn FnMut(&[u8]),
    ) -> std::result::Result<(), DropReason> {
        match input.header.content_type {
            ContentType::APPLICATION_DATA if self.phase != Phase::Established => {
                if !input.is_authentic() {
                    input.suspect(Error::UnexpectedRecord("application data"));
                }
                Err(DropReason::EarlyData)
            }
            ContentType::APPLICATION_DATA if plaintext.is_empty() => Err(DropReason::EmptyRecord),
            ContentType::APPLICATION_DATA => {
                deliver(plaintext);
                Ok(())
            }
            ContentType::HANDSHAKE => self.handshake(input, plaintext),
            ContentType::ALERT => self.alert(input, plaintext),
            ContentType::CHANGE_CIPHER_SPEC => self.change_cipher_spec(input, plaintext),
            _ => {
                self.blame(input, Error::UnexpectedRecord("a record of unknown type"));
                Err(DropReason::UnexpectedType)
            }
        }
    }

    /// RFC 6347 §4.1.2.7: silently discarded, unless the configuration sets a limit.
    fn bad_mac(&mut self, input: &mut Input<'_>) {
        if self.phase != Phase::Established {
            input.suspect(Error::CannotDecrypt);
        }
        if self.contested {
            return;
        }
        self.bad_macs = self.bad_macs.saturating_add(1);
        if let Some(limit) = self
            .bad_mac_limit
            .filter(|limit| self.bad_macs >= limit.get())
        {
            self.end(input, Error::TooManyBadRecords { limit: limit.get() });
        }
    }

    fn keep_early(
        &mut self,
        header: &RecordHeader,
        fragment: &[u8],
    ) -> std::result::Result<(), DropReason> {
        let held: usize = self.early.iter().map(Vec::len).sum();
        let room = self.early.len() < EARLY_RECORDS
            && held
                .saturating_add(fragment.len())
                .saturating_add(RECORD_HEADER)
                <= EARLY_BYTES;
        let next = self.read_epoch().checked_add(1) == Some(header.epoch);
        if self.phase == Phase::Established || !next || !room {
            return Err(DropReason::FutureEpoch);
        }
        self.early.push(crate::codec::Writer::bytes_of(|w| {
            header.write(w);
            w.bytes(fragment);
        }));
        Ok(())
    }

    fn handshake(
        &mut self,
        input: &mut Input<'_>,
        plaintext: &[u8],
    ) -> std::result::Result<(), DropReason> {
        let mut reader = Reader::new(plaintext);
        // RFC 5246 §6.2.1: no zero-length fragments of handshake messages.
        let mut first = true;
        while first || !reader.is_empty() {
            first = false;
            match HandshakeHeader::read_fragment(&mut reader) {
                Ok((header, fragment)) => self.fragment(input, header, fragment)?,
                Err(cause) => {
                    self.blame(
                        input,
                        Error::Decode {
                            what: "handshake fragment",
                            cause,
                        },
                    );
                    return Err(DropReason::BadFragment);
                }
            }
        }
        Ok(())
    }

    fn fragment(
        &mut self,
        input: &mut Input<'_>,
        mut header: HandshakeHeader,
        fragment: &[u8],
    ) -> std::result::Result<(), DropReason> {
        if self.phase == Phase::Established {
            if let HandshakeType::HELLO_REQUEST | HandshakeType::CLIENT_HELLO = header.typ {
                // RFC 5746 §5: renegotiation is refused; once, so that asking costs nothing.
                input.response.no_renegotiation |= !self.renegotiation_refused;
                self.renegotiation_refused = true;
                return Err(DropReason::RefusedMessage);
            }
        }
        let epoch = input.header.epoch;
        if epoch < self.read_epoch() {
            self.repeated(input, &header);
            return Err(DropReason::OldEpoch);
        }
        // A stateless server numbers its HelloVerifyRequest as it likes, 0 as a rule (RFC 6347 §4.2.2).
        if header.typ == HandshakeType::HELLO_VERIFY_REQUEST
            && header.is_whole()
            && self.phase == Phase::Hello
        {
            header.message_seq = self.reassembly.next_seq();
        }
        match self.reassembly.insert(epoch, &header, fragment) {
            Inserted::Stored => Ok(()),
            Inserted::Repeated => {
                self.repeated(input, &header);
                Err(DropReason::RepeatedMessage)
            }
            Inserted::OutOfWindow | Inserted::NoRoom => Err(DropReason::FragmentWindow),
            Inserted::Mismatch => {
                self.blame(input, Error::FragmentMismatch);
                Err(DropReason::BadFragment)
            }
            Inserted::TooLong => {
                let length = usize::try_from(header.length).unwrap_or(usize::MAX);
                self.blame(
                    input,
                    Error::HandshakeMessageTooLong {
                        what: header.typ,
                        length,
                    },
                );
                Err(DropReason::BadFragment)
            }
        }
    }

    /// RFC 6347 §4.2.4: a retransmission of the flight that ours answers asks for ours again. Once the
    /// handshake is complete only an authentic Finished does, since anyone can send the rest.
    fn repeated(&mut self, input: &mut Input<'_>, header: &HandshakeHeader) {
        let of_last_flight =
            (self.previous_flight..self.current_flight).contains(&header.message_seq);
        let counts = match self.phase {
            Phase::Established => header.typ == HandshakeType::FINISHED && input.is_authentic(),
            Phase::Hello | Phase::Handshake => true,
        };
        input.response.repeated |= of_last_flight && counts;
    }

    fn alert(
        &mut self,
        input: &mut Input<'_>,
        plaintext: &[u8],
    ) -> std::result::Result<(), DropReason> {
        let alert = match Alert::decode(plaintext) {
            Ok(alert) => alert,
            Err(cause) => {
                self.blame(
                    input,
                    Error::Decode {
                        what: "alert",
                        cause,
                    },
                );
                return Err(DropReason::UnexpectedType);
            }
        };
        let closes = alert.description == AlertDescription::CLOSE_NOTIFY;
        if !input.is_authentic() {
            if closes || alert.level == AlertLevel::FATAL {
                input.suspect(Error::PeerAlert(alert.description));
            }
            return Err(DropReason::UnauthenticatedAlert);
        }
        self.trace
            .note(input.now, || What::AlertReceived(alert.description));
        if closes {
            self.ended = Some(Error::Closed);
            input.response.close_notify = true;
            if self.phase != Phase::Established {
                input.response.fatal = Some(Error::PeerAlert(alert.description));
            }
        } else if alert.level == AlertLevel::FATAL {
            self.end(input, Error::PeerAlert(alert.description));
        } else if alert.level != AlertLevel::WARNING {
            let cause = DecodeError::IllegalValue;
            self.end(
                input,
                Error::Decode {
                    what: "alert",
                    cause,
                },
            );
        }
        Ok(())
    }

    fn change_cipher_spec(
        &mut self,
        input: &mut Input<'_>,
        plaintext: &[u8],
    ) -> std::result::Result<(), DropReason> {
        if plaintext != [1] {
            self.blame(input, Error::IllegalParameter("ChangeCipherSpec"));
            return Err(DropReason::UnexpectedType);
        }
        if self.read_epoch() > 0 || self.phase == Phase::Hello {
            return Err(DropReason::UnexpectedType);
        }
        // Before there are keys it is only remembered: reordering may have brought it early, and it
        // never makes keys (hazard D2).
        self.change_cipher_spec_seen = true;
        self.change_keys(input.now, input.response);
        Ok(())
    }

    fn change_keys(&mut self, now: Duration, response: &mut Response) {
        let Some(opener) = self.at_change_cipher_spec.take() else {
            return;
        };
        if self.reassembly.holds_other_epoch(opener.epoch()) {
            response.suspicion.get_or_insert(Error::ExcessHandshakeData);
            self.reassembly.clear();
        }
        self.opener = Some(opener);
        for mut record in std::mem::take(&mut self.early) {
            let heard = self.receive_early(&mut record, now);
            response.repeated |= heard.repeated;
            response.suspicion = response.suspicion.take().or(heard.suspicion);
            response.fatal = response.fatal.take().or(heard.fatal);
        }
    }

    fn receive_early(&mut self, record: &mut [u8], now: Duration) -> Response {
        let response = self.receive(record, now, &mut |_| {});
        self.trace.stats.datagrams_received = self.trace.stats.datagrams_received.wrapping_sub(1);
        response
    }

    /// Something that has no place here: fatal if its sender is authentic, else a suspicion.
    fn blame(&mut self, input: &mut Input<'_>, error: Error) {
        if input.is_authentic() {
            self.end(input, error);
        } else {
            input.suspect(error);
        }
    }

    fn end(&mut self, input: &mut Input<'_>, error: Error) {
        self.ended = Some(error.clone());
        input.response.fatal = Some(error);
    }

    /// Fails the connection from outside: whoever reads next is told.
    pub(crate) fn fail(&mut self, error: Error) -> Result<()> {
        self.ended.get_or_insert(error.clone());
        Err(error)
    }
}

/// A record on its way in, and what it brings about.
struct Input<'a> {
    header: RecordHeader,
    now: Duration,
    response: &'a mut Response,
}

impl Input<'_> {
    fn is_authentic(&self) -> bool {
        self.header.epoch > 0
    }

    fn suspect(&mut self, error: Error) {
        self.response.suspicion.get_or_insert(error);
    }
}
