//! What is right in DTLS 1.2:
//!
//! | what is said | strict | by default |
//! | --- | --- | --- |
//! | in the clear, in its place | taken | taken |
//! | in the clear, in its place, and false | the end | the end |
//! | in the clear, out of place | the end | ignored: anyone can have said it (hazards A21, D11) |
//! | a second HelloVerifyRequest, where our hello has not come again | ignored (hazard A21) | ignored |
//! | under keys, before the ChangeCipherSpec | waits | waits |
//! | under keys, in its place | taken | taken |
//! | under keys, out of place | the end | the end: nobody but the peer can have said it |
//! | under wrong keys, in the handshake, before something came under the right ones | the end | ignored |
//! | the same behind that | ignored | ignored |
//! | in the clear, once something came under the keys | ignored | ignored (hazard D12) |
//! | in the clear before, an alert or what no message may stand beside | the end | ignored |
//! | any other in the clear, once there are keys | ignored | ignored |
//! | anything at all, after the end | nothing | nothing (hazard D10) |

use super::flights::Next;
use super::oracle::{Course, Expected, Opened, Oracle, Stage};
use super::symbol::{Content, Message, Role, Symbol, Under};
use crate::wire::{Alert, AlertDescription};

#[derive(Debug)]
pub(super) struct Oracle12<'a> {
    pub(super) course: Course<'a>,
    change_cipher_spec_seen: bool,
    refused_renegotiation: bool,
}

impl<'a> Oracle12<'a> {
    pub(super) fn new(course: Course<'a>) -> Oracle12<'a> {
        Oracle12 {
            course,
            change_cipher_spec_seen: false,
            refused_renegotiation: false,
        }
    }
}

impl Oracle for Oracle12<'_> {
    fn course(&self) -> &Course<'_> {
        &self.course
    }

    fn hear(&mut self, symbol: Symbol) -> Expected {
        match (self.course.stage, symbol) {
            (Stage::Dead | Stage::Closed, _) => {}
            (Stage::Listening, symbol) => self.listen(symbol),
            // RFC 6347 §4.2.2: its number tells that it was taken before. It asks for our last flight at most
            // (§4.2.4).
            (_, Symbol::Repetition | Symbol::Straggler) => {}
            (Stage::Clear, Symbol::Record(content, Under::Nothing)) => self.clear(content),
            (Stage::Clear, held) => self.course.wait(held),
            // Whoever sent the ChangeCipherSpec, nobody has shown to have keys.
            (Stage::Keys, Symbol::Record(content, Under::Nothing))
                if !self.course.keys_are_used =>
            {
                self.clear_beside_keys(content);
            }
            // RFC 6347 §4.1: of an epoch that is over.
            (_, Symbol::Record(_, Under::Nothing)) => {}
            (Stage::Keys, Symbol::Record(content, Under::RightKeys)) => {
                self.course.use_keys();
                self.keys(content);
            }
            (Stage::Keys, Symbol::Record(..)) => self.course.suspect_the_keys(),
            (Stage::Established, Symbol::Record(content, Under::RightKeys)) => {
                self.established(content);
            }
            // RFC 6347 §4.1.2.7: silently discarded.
            (Stage::Established, Symbol::Record(..)) => {}
        }
        std::mem::take(&mut self.course.expected)
    }

    /// Behind the ChangeCipherSpec there is nothing but a Finished that waits already.
    fn ahead(&self, _: Under) -> Option<Vec<Message>> {
        let course = &self.course;
        let certain = match course.stage {
            Stage::Listening => None,
            Stage::Clear => course.language.ahead(&course.at),
            Stage::Dead => Some(course.language.ahead(&course.at).unwrap_or_default()),
            Stage::Keys | Stage::Established | Stage::Closed => Some(Vec::new()),
        };
        let waits = self.finished_waits().then_some(Message::Finished);
        certain.map(|ahead| ahead.into_iter().chain(waits).collect())
    }

    fn data_epoch(&self) -> u16 {
        1
    }

    fn data_keys(&self) -> Under {
        Under::RightKeys
    }

    fn state(&self) -> String {
        let (seen, refused) = (self.change_cipher_spec_seen, self.refused_renegotiation);
        let course = self.course.state(&self.opened());
        format!("{course} {} {seen} {refused}", self.finished_waits())
    }
}

impl Oracle12<'_> {
    fn finished_waits(&self) -> bool {
        let mut messages = self
            .course
            .waiting
            .iter()
            .filter_map(|symbol| match symbol {
                Symbol::Record(Content::Handshake(message), Under::RightKeys) => Some(*message),
                _ => None,
            });
        messages.find(|message| !self.is_ignored(*message)) == Some(Message::Finished)
    }

    /// RFC 6347 §4.2.1: nothing but hellos is answered.
    fn listen(&mut self, symbol: Symbol) {
        let course = &mut self.course;
        if let Next::Legal(next) = course.language.after(&course.at, symbol) {
            course.take(Message::ClientHello, next);
            if !course.allows(symbol) {
                course.stage = Stage::Clear;
            }
        }
    }

    /// A client under test has answered a HelloVerifyRequest and waits for more.
    fn is_among_hellos(&self) -> bool {
        let asks = Symbol::clear(Message::HelloVerifyRequest);
        let course = &self.course;
        let hello = course.language.start();
        course.at != hello && course.allows(SERVER_HELLO) && course.language.allows(&hello, asks)
    }

    fn clear(&mut self, content: Content) {
        match content {
            Content::Handshake(message) => self.clear_message(message),
            // It has no number, so it may have overtaken what comes before it (hazard D2).
            Content::ChangeCipherSpec => {
                self.change_cipher_spec_seen = true;
                self.change_keys();
            }
            Content::CloseNotify | Content::FatalAlert => self.course.suspect(None),
            Content::Warning => {}
            Content::ApplicationData | Content::Ack | Content::WrongAck => {
                self.course
                    .suspect(Some(AlertDescription::UNEXPECTED_MESSAGE));
            }
        }
    }

    /// RFC 6347 §4.1: a message in the clear is of an epoch that is over, and so is a ChangeCipherSpec.
    fn clear_beside_keys(&mut self, content: Content) {
        match content {
            Content::Handshake(_) | Content::ChangeCipherSpec => {}
            other => self.clear(other),
        }
    }

    fn clear_message(&mut self, message: Message) {
        let ignored = self.is_ignored(message);
        let is_among_hellos = self.is_among_hellos();
        let course = &mut self.course;
        match course.language.after(&course.at, Symbol::clear(message)) {
            Next::Legal(next) => {
                course.take(message, next);
                self.change_keys();
            }
            Next::Lie(alert) => course.die(Some(alert)),
            Next::OutOfPlace if ignored => {}
            // A second: as long as our hello does not have to come again, one answer is enough.
            Next::OutOfPlace if message == Message::HelloVerifyRequest && is_among_hellos => {}
            Next::OutOfPlace => course.suspect(Some(AlertDescription::UNEXPECTED_MESSAGE)),
        }
    }

    /// RFC 5246 §7.4.1.1: "ignored by the client if the client is currently negotiating a session".
    fn is_ignored(&self, message: Message) -> bool {
        message == Message::HelloRequest && self.course.subject == Role::Client
    }

    /// The keys are in force once the ChangeCipherSpec and all that belongs before it is here.
    fn change_keys(&mut self) {
        let course = &mut self.course;
        if !self.change_cipher_spec_seen || !course.language.changes_keys(&course.at) {
            return;
        }
        let change = Symbol::Record(Content::ChangeCipherSpec, Under::Nothing);
        if let Next::Legal(next) = course.language.after(&course.at, change) {
            course.at = next;
        }
        course.stage = Stage::Keys;
        self.open_what_waited();
    }

    /// What the records that wait are once they are opened.
    fn opened(&self) -> Opened {
        let mut opened = Opened::default();
        for symbol in &self.course.waiting {
            if opened.fatal.is_none() && matches!(symbol, Symbol::Record(_, Under::RightKeys)) {
                opened.use_keys();
            }
            match *symbol {
                _ if opened.fatal.is_some() => {}
                Symbol::Record(_, Under::OtherVersionKeys) => {}
                Symbol::Record(_, Under::WrongKeys) => opened.suspect_the_keys(),
                Symbol::Record(Content::CloseNotify, _) => opened.close(),
                Symbol::Record(Content::FatalAlert, _) => opened.fatal = Some(None),
                Symbol::Record(Content::Handshake(message), _) if !self.is_ignored(message) => {
                    let before = usize::from(opened.first() == Some(Message::Finished));
                    opened.message(before, message);
                }
                _ => {}
            }
        }
        opened
    }

    fn open_what_waited(&mut self) {
        let opened = self.opened();
        let course = &mut self.course;
        match course.open(opened)[..] {
            [] => {}
            // Nothing may be left over where the handshake ends (hazard C11).
            [Message::Finished, _, ..] => {
                course.expected.takes.push(Message::Finished);
                course.die(Some(AlertDescription::UNEXPECTED_MESSAGE));
            }
            [message, ..] => self.keys(Content::Handshake(message)),
        }
    }

    fn keys(&mut self, content: Content) {
        match content {
            Content::Handshake(Message::Finished) => {
                self.course.expected.takes.push(Message::Finished);
                self.course.establish();
            }
            // RFC 5246 §7.4.9.
            Content::Handshake(Message::WrongFinished) => {
                self.course.die(Some(AlertDescription::DECRYPT_ERROR));
            }
            Content::Handshake(message) if self.is_ignored(message) => {}
            Content::CloseNotify => self.course.close_early(),
            Content::FatalAlert => self.course.die(None),
            // Data before the Finished is dropped, as UDP may (hazard B13).
            Content::ChangeCipherSpec | Content::ApplicationData | Content::Warning => {}
            Content::Handshake(_) | Content::Ack | Content::WrongAck => {
                self.course.die(Some(AlertDescription::UNEXPECTED_MESSAGE));
            }
        }
    }

    fn established(&mut self, content: Content) {
        let wish = match self.course.subject {
            Role::Client => Message::HelloRequest,
            Role::Server => Message::ClientHello,
        };
        let expected = &mut self.course.expected;
        match content {
            Content::ApplicationData => expected.delivers = 1,
            // RFC 5246 §7.2.1: it is answered by another.
            Content::CloseNotify => {
                let alert = Alert::warning(AlertDescription::CLOSE_NOTIFY);
                expected.alerts.push(alert);
                self.course.stage = Stage::Closed;
            }
            Content::FatalAlert => self.course.die(None),
            // RFC 5746 §5, and hazard D14: once.
            Content::Handshake(message) if message == wish => {
                if !self.refused_renegotiation {
                    let alert = Alert::warning(AlertDescription::NO_RENEGOTIATION);
                    expected.alerts.push(alert);
                }
                self.refused_renegotiation = true;
            }
            Content::ChangeCipherSpec | Content::Warning => {}
            Content::Handshake(_) | Content::Ack | Content::WrongAck => {
                self.course.die(Some(AlertDescription::UNEXPECTED_MESSAGE));
            }
        }
    }
}

const SERVER_HELLO: Symbol = Symbol::clear(Message::ServerHello);
