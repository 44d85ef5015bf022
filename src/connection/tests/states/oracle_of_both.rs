//! What is right where both versions are spoken: RFC 8446 §4.1.3 and §4.2.1, RFC 9147 §5.1 and §5.3.
//!
//! | what is said before a version is agreed on | to a client | to a server |
//! | --- | --- | --- |
//! | HelloVerifyRequest, the first | another hello | |
//! | ServerHello of DTLS 1.2 | from here on DTLS 1.2 | |
//! | the same, with the mark of a server of DTLS 1.3 | the end | |
//! | ServerHello or HelloRetryRequest of DTLS 1.3 | from here on DTLS 1.3 | |
//! | either, behind a HelloVerifyRequest | the end: whoever asks so speaks 1.2 at most | |
//! | ClientHello for both versions | | from here on DTLS 1.3 |
//! | ClientHello for DTLS 1.2 alone | | from here on DTLS 1.2 |
//! | any record of the epoch that either version has next | waits | nothing |
//! | all else | as in DTLS 1.2, but that ACKs are nothing | nothing |
//!
//! Behind a HelloRetryRequest a ServerHello of DTLS 1.2 is in its place and false. All else is as in that version
//! alone, and what comes under keys of the other is ignored.

use super::oracle::{Course, Expected, Oracle, Stage};
use super::oracle12::Oracle12;
use super::oracle13::Oracle13;
use super::symbol::{Content, Message, Role, Symbol, Under};
use super::variants::Variant;
use crate::wire::{AlertDescription, ProtocolVersion};

pub(super) struct OracleOfBoth<'a> {
    old: Oracle12<'a>,
    new: Oracle13<'a>,
    subject: Role,
    /// That of an honest peer, as long as none is agreed on.
    version: ProtocolVersion,
    agreed: bool,
}

impl<'a> OracleOfBoth<'a> {
    pub(super) fn new(old: Oracle12<'a>, new: Oracle13<'a>, variant: &Variant) -> OracleOfBoth<'a> {
        OracleOfBoth {
            old,
            new,
            subject: variant.subject,
            version: match variant.truth.contains("Old") {
                true => ProtocolVersion::DTLS1_2,
                false => variant.version,
            },
            agreed: false,
        }
    }

    fn is_13(&self) -> bool {
        self.version == ProtocolVersion::DTLS1_3
    }

    fn agree(&mut self, version: ProtocolVersion) {
        self.version = version;
        self.agreed = true;
    }

    fn hear_old(&mut self, symbol: Symbol) -> Expected {
        let mut expected = self.old.hear(symbol.of_one_version());
        for message in &mut expected.takes {
            *message = message.of_old_version();
        }
        expected
    }

    /// What a client hears before a server has chosen.
    fn choice(&mut self, symbol: Symbol) -> Expected {
        use Message::*;
        match symbol {
            Symbol::Record(Content::Handshake(ServerHello | HelloRetryRequest), Under::Nothing)
                if self.old.course.at == self.old.course.language.start() =>
            {
                self.agree(ProtocolVersion::DTLS1_3);
                self.new.hear(symbol)
            }
            Symbol::Record(
                Content::Handshake(ServerHello | HelloRetryRequest | MarkedServerHello),
                Under::Nothing,
            ) => self.old.course.end(AlertDescription::ILLEGAL_PARAMETER),
            Symbol::Record(Content::Handshake(OldServerHello), Under::Nothing) => {
                self.agree(ProtocolVersion::DTLS1_2);
                self.hear_old(symbol)
            }
            Symbol::Record(Content::Ack | Content::WrongAck, Under::Nothing) => Expected::default(),
            Symbol::Record(_, Under::Nothing) | Symbol::Repetition | Symbol::Straggler => {
                let expected = self.old.hear(symbol);
                if expected.takes.contains(&HelloVerifyRequest) {
                    self.version = ProtocolVersion::DTLS1_2;
                }
                expected
            }
            // Nobody knows yet which of them are of the version that is spoken.
            Symbol::Record(content, Under::RightKeys | Under::WrongKeys) => {
                let other = Symbol::Record(content, Under::OtherVersionKeys);
                self.old.course.wait(other);
                self.new.hear(symbol)
            }
            Symbol::Record(content, Under::OldVersionKeys | Under::WrongOldVersionKeys) => {
                let other = Symbol::Record(content, Under::OtherVersionKeys);
                self.new.course.wait(other);
                self.old.hear(symbol.of_one_version())
            }
            Symbol::Record(..) => Expected::default(),
        }
    }

    /// What a server hears before it has let in a client.
    fn listen(&mut self, symbol: Symbol) -> Expected {
        let (version, expected, stage) = match symbol {
            Symbol::Record(Content::Handshake(Message::OldClientHello), Under::Nothing) => {
                let expected = self.hear_old(symbol);
                (ProtocolVersion::DTLS1_2, expected, self.old.course.stage)
            }
            Symbol::Record(Content::Handshake(Message::ClientHello), Under::Nothing) => {
                let expected = self.new.hear(symbol);
                (ProtocolVersion::DTLS1_3, expected, self.new.course.stage)
            }
            _ => return Expected::default(),
        };
        self.version = version;
        self.agreed = stage != Stage::Listening;
        expected
    }

    fn speaks_new(&mut self, symbol: Symbol) -> Expected {
        let course = &mut self.new.course;
        match symbol {
            Symbol::Record(
                Content::Handshake(Message::OldServerHello | Message::MarkedServerHello),
                Under::Nothing,
            ) if course.stage == Stage::Clear
                && course.allows(Symbol::clear(Message::ServerHello)) =>
            {
                course.end(AlertDescription::ILLEGAL_PARAMETER)
            }
            Symbol::Record(content, Under::OldVersionKeys | Under::WrongOldVersionKeys) => self
                .new
                .hear(Symbol::Record(content, Under::OtherVersionKeys)),
            other => self.new.hear(other),
        }
    }

    fn speaks_old(&mut self, symbol: Symbol) -> Expected {
        match symbol {
            Symbol::Record(content, Under::RightKeys | Under::WrongKeys)
                if self.old.course.stage == Stage::Clear =>
            {
                let other = Symbol::Record(content, Under::OtherVersionKeys);
                self.old.hear(other)
            }
            Symbol::Record(
                _,
                Under::Nothing | Under::OldVersionKeys | Under::WrongOldVersionKeys,
            )
            | Symbol::Repetition
            | Symbol::Straggler => self.old.hear(symbol.of_one_version()),
            Symbol::Record(..) => Expected::default(),
        }
    }
}

impl Oracle for OracleOfBoth<'_> {
    /// Before there is a version, that of DTLS 1.2 stands for both in a client.
    fn course(&self) -> &Course<'_> {
        match self.is_13() && (self.agreed || self.subject == Role::Server) {
            true => self.new.course(),
            false => self.old.course(),
        }
    }

    fn hear(&mut self, symbol: Symbol) -> Expected {
        match (self.course().stage, self.subject) {
            (Stage::Dead, _) => Expected::default(),
            _ if self.agreed && self.is_13() => self.speaks_new(symbol),
            _ if self.agreed => self.speaks_old(symbol),
            (_, Role::Client) => self.choice(symbol),
            (_, Role::Server) => self.listen(symbol),
        }
    }

    fn ahead(&self, under: Under) -> Option<Vec<Message>> {
        match under {
            Under::OldVersionKeys | Under::WrongOldVersionKeys => self.old.ahead(Under::RightKeys),
            _ => self.new.ahead(under),
        }
    }

    fn next_true(&self) -> Option<Symbol> {
        match self.is_13() {
            _ if self.course().stage == Stage::Dead => None,
            true => self.new.next_true(),
            false => self.old.next_true().map(Symbol::of_old_version),
        }
    }

    fn data_epoch(&self) -> u16 {
        match self.is_13() {
            true => self.new.data_epoch(),
            false => self.old.data_epoch(),
        }
    }

    fn data_keys(&self) -> Under {
        match self.is_13() {
            true => Under::DataKeys,
            false => Under::OldVersionKeys,
        }
    }

    fn state(&self) -> String {
        let version = self.version;
        match self.agreed {
            true if self.is_13() => format!("{version}: {}", self.new.state()),
            true => format!("{version}: {}", self.old.state()),
            false => format!("{version}? {} {}", self.old.state(), self.new.state()),
        }
    }
}
