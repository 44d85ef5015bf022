//! The peer of a side that speaks both versions. It can say all that a peer of either says.

use super::peer::{Heard, Peer};
use super::peer12::Peer12;
use super::peer13::Peer13;
use super::symbol::{Content, Message, Role, Symbol, Under};
use super::variants::Variant;
use crate::codec::Reader;
use crate::record::{Record, Records};
use crate::wire::{Body, HandshakeHeader, HandshakeType, ProtocolVersion, ServerHello};

pub(super) struct PeerOfBoth {
    role: Role,
    old: Peer12,
    new: Peer13,
    /// Of the hello that counted last.
    version: ProtocolVersion,
    /// The version is agreed on.
    agreed: bool,
    /// The number of the next record in the clear. Both peers number theirs from 0.
    next_in_the_clear: u8,
}

impl PeerOfBoth {
    pub(super) fn of(variant: &'static Variant, old: &'static Variant) -> PeerOfBoth {
        PeerOfBoth {
            role: variant.subject.other(),
            old: Peer12::of(old),
            new: Peer13::of(variant),
            version: old.version,
            agreed: false,
            next_in_the_clear: 0,
        }
    }

    fn is_13(&self) -> bool {
        self.version == ProtocolVersion::DTLS1_3
    }

    /// Whose words these are.
    fn says_as_old(&self, symbol: Symbol) -> bool {
        match symbol {
            Symbol::Record(_, Under::OldVersionKeys | Under::WrongOldVersionKeys) => true,
            Symbol::Record(Content::Handshake(message), Under::Nothing) if !self.agreed => {
                matches!(
                    message,
                    Message::OldClientHello
                        | Message::OldServerHello
                        | Message::MarkedServerHello
                        | Message::HelloVerifyRequest
                )
            }
            Symbol::Record(_, Under::Nothing) | Symbol::Repetition | Symbol::Straggler => {
                !self.is_13()
            }
            Symbol::Record(..) => false,
        }
    }
}

impl Peer for PeerOfBoth {
    fn say(&mut self, symbol: Symbol, ahead: Option<&[Message]>) -> Option<Vec<u8>> {
        let mut datagram = match self.says_as_old(symbol) {
            true => self.old.say(symbol.of_one_version(), ahead)?,
            false => self.new.say(symbol, ahead)?,
        };
        let is_in_the_clear = datagram[0] & 0xe0 != 0x20 && datagram[3..5] == [0, 0];
        if is_in_the_clear {
            datagram[5..11].copy_from_slice(&[0, 0, 0, 0, 0, self.next_in_the_clear]);
            self.next_in_the_clear += 1;
        }
        Some(datagram)
    }

    fn accepted(&mut self, message: Message) {
        if !self.agreed {
            self.version = match message {
                Message::OldClientHello | Message::OldServerHello | Message::HelloVerifyRequest => {
                    ProtocolVersion::DTLS1_2
                }
                _ => ProtocolVersion::DTLS1_3,
            };
            self.agreed = self.role == Role::Server && message != Message::HelloVerifyRequest;
        }
        match self.is_13() {
            true => self.new.accepted(message),
            false => self.old.accepted(message.of_one_version()),
        }
        // The next hello that it is asked for has the next number, and so has the answer to that.
        if message == Message::HelloVerifyRequest {
            self.new.accepted(message);
        }
    }

    fn hear(&mut self, datagram: &mut [u8]) {
        self.agreed |= is_choice(datagram);
        // A client's hello is for both.
        if self.role == Role::Server && !self.agreed {
            self.new.hear(&mut datagram.to_vec());
            return self.old.hear(datagram);
        }
        match self.is_13() {
            true => self.new.hear(datagram),
            false => self.old.hear(datagram),
        }
    }

    fn heard(&mut self) -> &mut Heard {
        match self.is_13() {
            true => self.new.heard(),
            false => self.old.heard(),
        }
    }

    fn change_suites(&mut self) {
        self.old.change_suites();
        self.new.change_suites();
    }
}

/// Whether a server chooses a version here.
fn is_choice(datagram: &[u8]) -> bool {
    let mut datagram = datagram.to_vec();
    let mut records = Records::new(&mut datagram);
    let Some(Ok(Record::Full(header, fragment))) = records.next() else {
        return false;
    };
    let message = HandshakeHeader::read_fragment(&mut Reader::new(fragment));
    match message {
        Ok((message, body)) if header.epoch == 0 && message.typ == HandshakeType::SERVER_HELLO => {
            !ServerHello::decode(body).unwrap().is_retry_request()
        }
        _ => false,
    }
}
