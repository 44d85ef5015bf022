//! What becomes of a fragment of a handshake message.

use super::super::Rival;
use super::records::Input;
use super::{Inbound, Phase};
use crate::codec::Reader;
use crate::config::{Belief, Renegotiation};
use crate::error::Error;
use crate::flight::Inserted;
use crate::stats::DropReason;
use crate::wire::{HandshakeHeader, HandshakeType};

impl Inbound {
    pub(super) fn handshake(
        &mut self,
        input: &mut Input<'_>,
        plaintext: &[u8],
    ) -> Result<(), DropReason> {
        let mut reader = Reader::new(plaintext);
        // RFC 9147 §7: a record of which something was discarded is not acknowledged.
        let mut discarded = None;
        let mut unanswered = false;
        // RFC 5246 §6.2.1: no zero-length fragments of handshake messages.
        let mut first = true;
        while first || !reader.is_empty() {
            first = false;
            let (header, fragment) = match HandshakeHeader::read_fragment(&mut reader) {
                Ok(read) => read,
                Err(cause) => {
                    let what = "handshake fragment";
                    self.blame(input, Error::Decode { what, cause });
                    return Err(DropReason::BadFragment);
                }
            };
            match self.fragment(input, header, fragment) {
                // Nor is what is only ignored.
                Ok(()) => unanswered |= header.typ != HandshakeType::HELLO_REQUEST,
                // We have it already, so the peer may be told of it.
                Err(reason @ DropReason::RepeatedMessage) => {
                    unanswered |= !self.is_answered_hello(&header);
                    self.trace
                        .dropped(input.now, reason, input.epoch, input.sequence);
                }
                Err(reason) if self.ended.is_some() => return Err(reason),
                Err(reason) => discarded = Some(reason),
            }
        }
        match discarded {
            Some(reason) => Err(reason),
            None => {
                if unanswered && (self.is_13() || self.phase == Phase::Hello) {
                    input.response.acknowledge.push(input.number());
                }
                Ok(())
            }
        }
    }

    /// RFC 9147 §7.1: what our flight acknowledges needs no ACK. One of a hello does harm: a client that has
    /// lost our flight does not know the version yet, nor perhaps what an ACK is.
    fn is_answered_hello(&self, header: &HandshakeHeader) -> bool {
        header.typ == HandshakeType::CLIENT_HELLO && header.message_seq < self.current_flight
    }

    fn fragment(
        &mut self,
        input: &mut Input<'_>,
        mut header: HandshakeHeader,
        fragment: &[u8],
    ) -> Result<(), DropReason> {
        if self.is_established() && !self.is_13() {
            return Err(self.after_handshake(input, &header));
        }
        // RFC 5246 §7.4.1.1: a client that is negotiating ignores it. It takes no number of the handshake's.
        if header.typ == HandshakeType::HELLO_REQUEST
            && header.typ == self.rules.peer.wish()
            && !self.is_13()
        {
            return Ok(());
        }
        if input.epoch < self.epochs.current() {
            return Err(self.of_old_epoch(input, &header));
        }
        if self.is_established() && !self.may_follow(&header) {
            let (got, expected) = (header.typ, HandshakeType::KEY_UPDATE);
            self.blame(input, Error::UnexpectedMessage { got, expected });
            return Err(DropReason::UnexpectedType);
        }
        // A stateless server numbers its HelloVerifyRequest as it likes, 0 as a rule (RFC 6347 §4.2.2).
        if header.typ == HandshakeType::HELLO_VERIFY_REQUEST
            && header.is_whole()
            && self.phase == Phase::Hello
        {
            header.message_seq = self.reassembly.next_seq();
        }
        // RFC 6347 §4.2.2 numbers with 16 bits; they never wrap (hazard C8).
        if self.reassembly.exhausted() && !self.is_13() {
            self.blame(input, Error::NumbersExhausted);
            return Err(DropReason::FragmentWindow);
        }
        match self.reassembly.insert(input.epoch, &header, fragment) {
            Inserted::Stored => {
                self.stored(input);
                Ok(())
            }
            Inserted::Repeated => {
                self.repeated(input, &header);
                Err(DropReason::RepeatedMessage)
            }
            Inserted::OutOfWindow | Inserted::NoRoom => Err(DropReason::FragmentWindow),
            Inserted::Mismatch => {
                self.blame(input, Error::FragmentMismatch);
                Err(DropReason::BadFragment)
            }
            // RFC 8446 §4.6.1: a client may ignore a ticket. What else is said of it is a repetition then.
            Inserted::TooLong
                if self.is_established() && header.typ == HandshakeType::NEW_SESSION_TICKET =>
            {
                if header.message_seq != self.reassembly.next_seq() {
                    return Err(DropReason::FragmentWindow);
                }
                self.reassembly.pass_over();
                self.take_post_handshake(input);
                Ok(())
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

    /// Whether there is such a message behind a handshake of DTLS 1.3, or this is one of the handshake's own. What
    /// there is not would otherwise be held until it is whole.
    fn may_follow(&self, header: &HandshakeHeader) -> bool {
        self.reassembly.is_past(header.message_seq)
            || self.rules.peer.may_say_afterwards(header.typ)
    }

    /// A part of a message that is wanted.
    fn stored(&mut self, input: &mut Input<'_>) {
        match self.phase {
            Phase::Established(_) => self.take_post_handshake(input),
            // RFC 9147 §7.2: it answers our flight, so the peer has that. Anyone could say so in
            // plaintext, and what was lost would be lost for ever.
            Phase::Hello | Phase::Handshake(_) => {
                let believed = input.is_authentic() || self.rules.belief == Belief::Literal;
                input.response.flight_implied |= self.is_13() && believed;
            }
        }
    }

    /// What comes under keys that are over can only be said again.
    fn of_old_epoch(&mut self, input: &mut Input<'_>, header: &HandshakeHeader) -> DropReason {
        if !self.is_13() || self.reassembly.is_past(header.message_seq) {
            self.repeated(input, header);
            return match self.is_13() {
                true => DropReason::RepeatedMessage,
                false => DropReason::OldEpoch,
            };
        }
        // RFC 9147 §8: nothing new follows a KeyUpdate in its epoch.
        let error = Error::ExcessHandshakeData;
        if input.is_authentic() {
            self.fail(input.response, error);
        } else if self.rules.belief == Belief::Literal {
            input.response.suspicion.get_or_insert(error);
        }
        DropReason::OldEpoch
    }

    /// Nothing in DTLS 1.2 follows the handshake but its own repetitions, and wishes for another.
    fn after_handshake(&mut self, input: &mut Input<'_>, header: &HandshakeHeader) -> DropReason {
        if header.typ == self.rules.peer.wish() {
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
            // RFC 9147 §5.8.1: it is acknowledged; but a server that has not our Finished cannot read that.
            Phase::Established(_) if self.is_13() => {
                input.is_authentic() && self.rules.belief == Belief::Careful
            }
            // The first fragment stands for all, so that each repetition counts once.
            Phase::Established(_) => {
                header.typ == HandshakeType::FINISHED
                    && header.fragment_offset == 0
                    && input.is_authentic()
            }
            // Another handshake of the same peer may say what looks like it; but not this one's hello.
            Phase::Hello | Phase::Handshake(_) if self.rival != Rival::None => {
                header.typ == HandshakeType::CLIENT_HELLO || input.is_authentic()
            }
            Phase::Hello | Phase::Handshake(_) => true,
        };
        input.response.repeated |= of_last_flight && counts;
    }
}
