//! What becomes of a record.

use super::super::{LAST_HANDSHAKE_EPOCH, Rival};
use super::epochs::Plaintext;
use super::{DTLS_MAJOR, EARLY_BYTES, EARLY_RECORDS, Inbound, Phase, Response};
use crate::codec::Reader;
use crate::config::Belief;
use crate::error::Error;
use crate::record::{Opened, Opener, Record, Records};
use crate::stats::DropReason;
use crate::trace::What;
use crate::wire::{
    Ack, Alert, AlertDescription, AlertLevel, ContentType, HandshakeHeader, KeyUpdate, RecordNumber,
};
use std::collections::VecDeque;
use std::time::Duration;

/// A record on its way in, and what it brings about.
pub(super) struct Input<'a> {
    pub(super) epoch: u16,
    pub(super) sequence: u64,
    pub(super) now: Duration,
    pub(super) response: &'a mut Response,
}

impl Input<'_> {
    pub(super) fn is_authentic(&self) -> bool {
        self.epoch > 0
    }

    /// Under the keys of a handshake of DTLS 1.3.
    fn is_of_handshake(&self) -> bool {
        self.epoch == LAST_HANDSHAKE_EPOCH
    }

    pub(super) fn number(&self) -> RecordNumber {
        RecordNumber {
            epoch: self.epoch.into(),
            sequence: self.sequence,
        }
    }
}

impl Inbound {
    pub(super) fn record(
        &mut self,
        record: Record<'_>,
        now: Duration,
        response: &mut Response,
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Result<(), DropReason> {
        if let Record::Full(header, _) = &record {
            if header.version.0 & 0xff00 != DTLS_MAJOR {
                return Err(DropReason::WrongVersion);
            }
        }
        if self.ended.is_some() && !self.is_half_closed() {
            return Err(DropReason::Closed);
        }
        let plaintext = match self.phase {
            Phase::Established(_) => Plaintext::Refused,
            Phase::Hello | Phase::Handshake(_) => Plaintext::Read,
        };
        let opener = match self.epochs.of(&record, plaintext, now) {
            Ok(opener) => opener,
            Err(DropReason::FutureEpoch) => return self.keep_early(&record, now),
            Err(reason) => return Err(reason),
        };
        match opener.open(record, self.rules.replay) {
            Ok(opened) => {
                let received = &mut self.trace.stats.records_received;
                *received = received.wrapping_add(1);
                let new = u64::from(opened.is_new);
                self.new_records = self.new_records.wrapping_add(new);
                if self.epochs.used(opened.epoch, now) {
                    response.keys_proven = true;
                    response.suspicion = None;
                }
                let mut input = Input {
                    epoch: opened.epoch,
                    sequence: opened.sequence,
                    now,
                    response,
                };
                self.content(&mut input, opened, deliver)
            }
            Err(DropReason::BadMac) => {
                self.bad_mac(response);
                Err(DropReason::BadMac)
            }
            Err(reason) => Err(reason),
        }
    }

    fn content(
        &mut self,
        input: &mut Input<'_>,
        opened: Opened<'_>,
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Result<(), DropReason> {
        if self.ended.is_some() {
            return self.behind_the_end(input, &opened);
        }
        // RFC 5246 §6.2.3.
        if opened.too_long {
            self.blame(input, Error::RecordOverflow);
            return Err(DropReason::RecordOverflow);
        }
        let plaintext = opened.plaintext;
        match opened.content_type {
            // RFC 9147 §6.1: in the epoch of the handshake there is none.
            ContentType::APPLICATION_DATA if self.is_13() && input.is_of_handshake() => {
                self.blame(input, Error::UnexpectedRecord("application data"));
                Err(DropReason::EarlyData)
            }
            ContentType::APPLICATION_DATA if !self.is_established() => {
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
            // RFC 9147 §7: before the version is known an ACK is ignored.
            ContentType::ACK if self.phase == Phase::Hello => Err(DropReason::UnexpectedType),
            ContentType::ACK if self.is_13() => self.ack(input, plaintext),
            _ => {
                self.blame(input, Error::UnexpectedRecord("a record of unknown type"));
                Err(DropReason::UnexpectedType)
            }
        }
    }

    /// The peer reads on, and all may not have arrived that it said before.
    fn is_half_closed(&self) -> bool {
        self.is_13() && matches!(self.ended, Some(Error::Closed))
    }

    /// RFC 9147 §5.10: what the peer numbered behind its close_notify is ignored. But its last flight, or its
    /// KeyUpdate, is from before, and comes again until it is acknowledged (§5.8.1).
    fn behind_the_end(
        &mut self,
        input: &mut Input<'_>,
        opened: &Opened<'_>,
    ) -> Result<(), DropReason> {
        let is_here = |header: &HandshakeHeader| self.reassembly.is_past(header.message_seq);
        if opened.content_type != ContentType::HANDSHAKE || !all_are(opened.plaintext, is_here) {
            return Err(DropReason::Closed);
        }
        input.response.acknowledge.push(input.number());
        Err(DropReason::RepeatedMessage)
    }

    /// RFC 9147 §7.2.
    fn ack(&mut self, input: &mut Input<'_>, plaintext: &[u8]) -> Result<(), DropReason> {
        let ack = match Ack::decode(plaintext) {
            Ok(ack) => ack,
            Err(cause) => {
                self.blame(input, Error::Decode { what: "ACK", cause });
                return Err(DropReason::UnexpectedType);
            }
        };
        // RFC 9147 §7: once the handshake is complete, either side may have updated its keys alone.
        let epoch = u64::from(input.epoch);
        let too_high = ack.record_numbers.iter().any(|number| number.epoch > epoch);
        if !self.is_established() && too_high {
            self.blame(input, Error::IllegalParameter("epoch in an ACK"));
            return Err(DropReason::UnexpectedType);
        }
        // A forged one would keep us from sending again what was lost.
        if !input.is_authentic() && self.rules.belief == Belief::Careful {
            return Err(DropReason::UnauthenticatedAck);
        }
        let records = ack.record_numbers.len();
        self.note(input.now, || What::AckReceived { records });
        input.response.acknowledged.extend(ack.record_numbers);
        Ok(())
    }

    /// RFC 6347 §4.1.2.7: silently discarded, unless the configuration sets a limit.
    fn bad_mac(&mut self, response: &mut Response) {
        if let Some(limit) = self.epochs.integrity_limit() {
            return self.fail(response, Error::TooManyBadRecords { limit });
        }
        // RFC 9147 §4.5.3: new keys in time, so that the connection need not end.
        if self.epochs.is_nearly_worn_out() && self.read_secret.is_some() {
            response.key_update = Some(KeyUpdate::Requested);
        }
        if self.rival != Rival::None {
            return;
        }
        // Keys under which something came are the peer's.
        if !self.is_established() && !self.epochs.current_is_used() {
            response.suspicion.get_or_insert(Error::CannotDecrypt);
        }
        self.bad_macs = self.bad_macs.saturating_add(1);
        let configured = self.rules.bad_mac_limit;
        if let Some(limit) = configured.filter(|limit| self.bad_macs >= limit.get()) {
            let limit = limit.get().into();
            self.fail(response, Error::TooManyBadRecords { limit });
        }
    }

    /// Of too many the newest are kept: anyone can send some early on.
    fn keep_early(&mut self, record: &Record<'_>, now: Duration) -> Result<(), DropReason> {
        let length = record.bytes_on_the_wire();
        if self.is_established()
            || !self.epochs.is_next(record)
            || !self.is_of_its_version(record)
            || length > EARLY_BYTES
        {
            return Err(DropReason::FutureEpoch);
        }
        let held = |early: &VecDeque<Vec<u8>>| early.iter().map(Vec::len).sum::<usize>();
        while self.early.len() >= EARLY_RECORDS
            || held(&self.early).saturating_add(length) > EARLY_BYTES
        {
            let Some(mut oldest) = self.early.pop_front() else {
                break;
            };
            for record in Records::new(&mut oldest).flatten() {
                let (epoch, sequence) = shown(&record);
                self.trace
                    .dropped(now, DropReason::FutureEpoch, epoch, sequence);
            }
        }
        self.early.push_back(record.encode());
        Ok(())
    }

    /// RFC 9147 §4: what is protected has the short header in DTLS 1.3, and there only.
    fn is_of_its_version(&self, record: &Record<'_>) -> bool {
        match (self.version(), record) {
            (None, _) => true,
            (Some(_), Record::Unified(..)) => self.is_13(),
            (Some(_), Record::Full(..)) => !self.is_13(),
        }
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
        let known = [AlertLevel::WARNING, AlertLevel::FATAL].contains(&alert.level);
        if !known {
            self.fail(input.response, Error::IllegalParameter("alert level"));
        } else if self.is_13() && !closes {
            // RFC 8446 §6: which level it is says nothing any more.
            if alert.description != AlertDescription::USER_CANCELED {
                self.fail(input.response, Error::PeerAlert(alert.description));
            }
        } else if closes && !self.is_established() {
            // Its Finished may have been lost before, and comes again when ours does.
            self.closed_early = true;
            self.suspect(input, Error::PeerAlert(alert.description));
        } else if closes {
            self.ended = Some(Error::Closed);
            // RFC 8446 §6.1: since DTLS 1.3 it closes one direction only.
            input.response.close_notify = !self.is_13();
            input.response.half_closed = self.is_13();
        } else if alert.level == AlertLevel::FATAL {
            self.fail(input.response, Error::PeerAlert(alert.description));
        }
        Ok(())
    }

    fn change_cipher_spec(
        &mut self,
        input: &mut Input<'_>,
        plaintext: &[u8],
    ) -> Result<(), DropReason> {
        // RFC 8446 §5: under keys there is none.
        if self.is_13() && input.is_authentic() {
            self.blame(
                input,
                Error::UnexpectedRecord("a protected ChangeCipherSpec"),
            );
            return Err(DropReason::UnexpectedType);
        }
        if plaintext != [1] {
            self.blame(input, Error::IllegalParameter("ChangeCipherSpec"));
            return Err(DropReason::UnexpectedType);
        }
        // RFC 9147 §5: DTLS 1.3 has none.
        if self.epochs.current() > 0 || self.is_13() {
            return Err(DropReason::UnexpectedType);
        }
        // Before there are keys it is only remembered: reordering may have brought it early, or it came
        // along with the ServerHello of an abbreviated handshake. It never makes keys (hazard D2).
        self.change_cipher_spec_seen = true;
        self.take_change_cipher_spec(input.now, input.response);
        Ok(())
    }

    pub(super) fn take_change_cipher_spec(&mut self, now: Duration, response: &mut Response) {
        if let Some(opener) = self.at_change_cipher_spec.take() {
            self.change_keys(opener, now, response);
        }
    }

    pub(super) fn change_keys(&mut self, opener: Opener, now: Duration, response: &mut Response) {
        if self.reassembly.holds_other_epoch(opener.epoch()) {
            match self.epochs.current() {
                0 => {
                    response.suspicion.get_or_insert(Error::ExcessHandshakeData);
                }
                _ => self.fail(response, Error::ExcessHandshakeData),
            }
            self.reassembly.clear();
        }
        self.epochs.change(opener);
        for mut early in std::mem::take(&mut self.early) {
            for record in Records::new(&mut early) {
                self.receive_record(record, now, response, &mut |_| ());
            }
        }
    }

    /// Something that has no place here: fatal if its sender is authentic, else a suspicion.
    pub(super) fn blame(&mut self, input: &mut Input<'_>, error: Error) {
        if input.is_authentic() {
            self.fail(input.response, error);
        } else {
            self.suspect(input, error);
        }
    }

    /// Something that the handshake may have to fail for. Once there are keys, what is in the clear says
    /// nothing (hazard D12), unless the peer may have none: anyone's ChangeCipherSpec or ServerHello puts ours in
    /// force, a client may refuse a true ServerHello, and only a record under the keys shows that the peer has
    /// them, too. In DTLS 1.3 whoever believes everything believes plain ACKs even then.
    fn suspect(&self, input: &mut Input<'_>, error: Error) {
        let keyless =
            !self.epochs.current_is_used() || self.is_13() && self.rules.belief == Belief::Literal;
        if input.epoch == self.epochs.current() || keyless {
            input.response.suspicion.get_or_insert(error);
        }
    }

    pub(super) fn fail(&mut self, response: &mut Response, error: Error) {
        self.ended = Some(error.clone());
        response.fatal = Some(error);
    }
}

/// What a record shows of its number. In DTLS 1.3 that is two bits of its epoch.
pub(super) fn shown(record: &Record<'_>) -> (u16, u64) {
    match record {
        Record::Full(header, _) => (header.epoch, header.sequence),
        Record::Unified(header, _) => (header.epoch.into(), 0),
    }
}

/// Whether there are fragments in it, and all are so.
fn all_are(fragments: &[u8], so: impl Fn(&HandshakeHeader) -> bool) -> bool {
    let mut reader = Reader::new(fragments);
    while !reader.is_empty() {
        match HandshakeHeader::read_fragment(&mut reader) {
            Ok((header, _)) if so(&header) => {}
            _ => return false,
        }
    }
    !fragments.is_empty()
}
