//! What becomes of a record.

use super::{DTLS_MAJOR, EARLY_BYTES, EARLY_RECORDS, Inbound, Phase, Response};
use crate::codec::{Reader, Writer};
use crate::config::Renegotiation;
use crate::error::Error;
use crate::flight::Inserted;
use crate::record::Opener;
use crate::stats::DropReason;
use crate::trace::What;
use crate::wire::{
    Alert, AlertDescription, AlertLevel, ContentType, HandshakeHeader, HandshakeType,
    MAX_PLAINTEXT, RECORD_HEADER, RecordHeader,
};
use std::time::Duration;

/// A record on its way in, and what it brings about.
pub(super) struct Input<'a> {
    pub(super) header: RecordHeader,
    pub(super) now: Duration,
    pub(super) response: &'a mut Response,
}

impl Input<'_> {
    fn is_authentic(&self) -> bool {
        self.header.epoch > 0
    }
}

impl Inbound {
    pub(super) fn record(
        &mut self,
        input: &mut Input<'_>,
        fragment: &mut [u8],
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Result<(), DropReason> {
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
        match opener.open(&header, fragment, self.rules.replay) {
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
    ) -> Result<(), DropReason> {
        // RFC 5246 §6.2.3.
        if plaintext.len() > MAX_PLAINTEXT {
            self.blame(input, Error::RecordOverflow);
            return Err(DropReason::RecordOverflow);
        }
        match input.header.content_type {
            ContentType::APPLICATION_DATA if self.phase != Phase::Established => {
                if !input.is_authentic() {
                    self.suspect(input, Error::UnexpectedRecord("application data"));
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
            self.suspect(input, Error::CannotDecrypt);
        }
        if let Some(limit) = self.opener.as_ref().and_then(Opener::integrity_limit) {
            return self.end(input, Error::TooManyBadRecords { limit });
        }
        if self.contested {
            return;
        }
        self.bad_macs = self.bad_macs.saturating_add(1);
        let configured = self.rules.bad_mac_limit;
        if let Some(limit) = configured.filter(|limit| self.bad_macs >= limit.get()) {
            let limit = limit.get().into();
            self.end(input, Error::TooManyBadRecords { limit });
        }
    }

    fn keep_early(&mut self, header: &RecordHeader, fragment: &[u8]) -> Result<(), DropReason> {
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
        self.early.push(Writer::bytes_of(|w| {
            header.write(w);
            w.bytes(fragment);
        }));
        Ok(())
    }

    fn handshake(&mut self, input: &mut Input<'_>, plaintext: &[u8]) -> Result<(), DropReason> {
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
    ) -> Result<(), DropReason> {
        if self.phase == Phase::Established {
            return Err(self.after_handshake(input, &header));
        }
        // RFC 5246 §7.4.1.1: a client that is negotiating ignores it. It takes no number of the handshake's.
        if header.typ == HandshakeType::HELLO_REQUEST && header.typ == self.rules.wish {
            return Ok(());
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
        // RFC 6347 §4.2.2 numbers with 16 bits; they never wrap (hazard C8).
        if self.reassembly.exhausted() {
            self.blame(input, Error::NumbersExhausted);
            return Err(DropReason::FragmentWindow);
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

    /// Nothing in DTLS 1.2 follows the handshake but its own repetitions, and wishes for another.
    fn after_handshake(&mut self, input: &mut Input<'_>, header: &HandshakeHeader) -> DropReason {
        if header.typ == self.rules.wish {
            match self.rules.renegotiation {
                // RFC 5746 §5: it is refused; once, so that asking costs nothing.
                Renegotiation::Refused => {
                    input.response.no_renegotiation |= !self.renegotiation_refused;
                    self.renegotiation_refused = true;
                }
                Renegotiation::Fatal => {
                    self.blame(input, Error::UnexpectedRecord("a wish to renegotiate"));
                }
            }
            return DropReason::RefusedMessage;
        }
        if self.reassembly.is_past(header.message_seq) {
            self.repeated(input, header);
            return DropReason::RepeatedMessage;
        }
        let what = "a handshake message after the handshake";
        self.blame(input, Error::UnexpectedRecord(what));
        DropReason::UnexpectedType
    }

    /// RFC 6347 §4.2.4: a retransmission of the flight that ours answers asks for ours again. Once the
    /// handshake is complete only an authentic Finished does, since anyone can send the rest.
    fn repeated(&mut self, input: &mut Input<'_>, header: &HandshakeHeader) {
        let of_last_flight =
            (self.previous_flight..self.current_flight).contains(&header.message_seq);
        let counts = match self.phase {
            // The first fragment stands for all, so that each repetition counts once.
            Phase::Established => {
                header.typ == HandshakeType::FINISHED
                    && header.fragment_offset == 0
                    && input.is_authentic()
            }
            Phase::Hello | Phase::Handshake => true,
        };
        input.response.repeated |= of_last_flight && counts;
    }

    fn alert(&mut self, input: &mut Input<'_>, plaintext: &[u8]) -> Result<(), DropReason> {
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
                self.suspect(input, Error::PeerAlert(alert.description));
            }
            return Err(DropReason::UnauthenticatedAlert);
        }
        self.trace
            .note(input.now, || What::AlertReceived(alert.description));
        if closes && self.phase != Phase::Established {
            // Its Finished may have been lost before, and comes again when ours does.
            self.closed_early = true;
            self.suspect(input, Error::PeerAlert(alert.description));
        } else if closes {
            self.ended = Some(Error::Closed);
            input.response.close_notify = true;
        } else if alert.level == AlertLevel::FATAL {
            self.end(input, Error::PeerAlert(alert.description));
        } else if alert.level != AlertLevel::WARNING {
            self.end(input, Error::IllegalParameter("alert level"));
        }
        Ok(())
    }

    fn change_cipher_spec(
        &mut self,
        input: &mut Input<'_>,
        plaintext: &[u8],
    ) -> Result<(), DropReason> {
        if plaintext != [1] {
            self.blame(input, Error::IllegalParameter("ChangeCipherSpec"));
            return Err(DropReason::UnexpectedType);
        }
        if self.read_epoch() > 0 {
            return Err(DropReason::UnexpectedType);
        }
        // Before there are keys it is only remembered: reordering may have brought it early, or it came
        // along with the ServerHello of an abbreviated handshake. It never makes keys (hazard D2).
        self.change_cipher_spec_seen = true;
        self.change_keys(input.now, input.response);
        Ok(())
    }

    pub(super) fn change_keys(&mut self, now: Duration, response: &mut Response) {
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
            self.suspect(input, error);
        }
    }

    /// Something that the handshake may have to fail for. Once there are keys, what is in the clear says
    /// nothing (hazard D12).
    fn suspect(&self, input: &mut Input<'_>, error: Error) {
        if input.header.epoch == self.read_epoch() {
            input.response.suspicion.get_or_insert(error);
        }
    }

    fn end(&mut self, input: &mut Input<'_>, error: Error) {
        self.ended = Some(error.clone());
        input.response.fatal = Some(error);
    }
}
