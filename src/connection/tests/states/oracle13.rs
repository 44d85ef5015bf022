//! What is right in DTLS 1.3:
//!
//! | what is said | strict | by default |
//! | --- | --- | --- |
//! | in the clear, in its place | taken | taken |
//! | in the clear, in its place, and false | the end | the end |
//! | in the clear, out of place, before there are keys | the end | ignored: anyone can have said it (hazards A21, D11) |
//! | in the clear, once there are keys, an alert, data or a false ACK | the end | ignored |
//! | any other in the clear, once there are keys | the end | ignored (RFC 9147 §4.5.2, hazard D12) |
//! | in the clear, once something came under the keys | the end | ignored |
//! | in the clear, once established | ignored | ignored |
//! | under the handshake's keys, before they are here | waits | waits |
//! | under the handshake's keys, in its place | taken | taken |
//! | under the handshake's keys, out of place | the end | the end: nobody but the peer can have said it |
//! | under those keys, once established | new messages and data: the end | likewise |
//! | under the keys of data, in the handshake | ignored (RFC 9147 §4.2.1) | ignored |
//! | under the keys of data, in its place | taken | taken |
//! | under the keys of data, out of place | the end | the end |
//! | under keys that a KeyUpdate has ended | data: taken; new messages: the end (RFC 9147 §8) | likewise |
//! | under wrong keys, in the handshake, before something came under the right ones | the end | ignored |
//! | the same behind that | ignored (RFC 9147 §4.5.2) | ignored |
//! | under wrong keys, once established | ignored (RFC 9147 §4.5.2) | ignored |
//! | ChangeCipherSpec in the clear | ignored (RFC 9147 §5) | ignored |
//! | ChangeCipherSpec under keys | the end (RFC 8446 §5) | the end |
//! | anything at all, after the end | nothing | nothing (hazard D10) |

use super::flights::{Next, Progress};
use super::oracle::{Course, Expected, Mode, Opened, Oracle, Stage};
use super::symbol::{Content, Message, Role, Symbol, Under};
use super::variants::{SecondHello, Variant};
use crate::wire::AlertDescription;

const UNEXPECTED: Option<AlertDescription> = Some(AlertDescription::UNEXPECTED_MESSAGE);
const ILLEGAL: Option<AlertDescription> = Some(AlertDescription::ILLEGAL_PARAMETER);

/// The epoch of a handshake's messages, and the first of application data (RFC 9147 §6.1).
const HANDSHAKE: u16 = 2;
const APPLICATION: u16 = 3;

#[derive(Debug)]
pub(super) struct Oracle13<'a> {
    pub(super) course: Course<'a>,
    /// How often a server under test listens for a hello before it keeps any state.
    hellos_forgotten: usize,
    /// Tickets are to be sent by a server that is under test.
    sends_tickets: bool,
    /// The peer's KeyUpdates that were taken.
    updates: u16,
    ours: Ours,
}

/// What the connection itself has under way behind the handshake.
#[derive(Debug, Default)]
struct Ours {
    /// KeyUpdates that the peer has.
    updates: u16,
    flight: Flight,
    /// The peer has asked for new keys.
    asked: bool,
}

/// What the peer has not acknowledged.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Flight {
    #[default]
    None,
    /// The end of the handshake, or tickets.
    Messages,
    KeyUpdate,
}

impl<'a> Oracle13<'a> {
    pub(super) fn new(course: Course<'a>, variant: &Variant) -> Oracle13<'a> {
        Oracle13 {
            course,
            hellos_forgotten: usize::from(variant.second_hello == SecondHello::Cookie),
            sends_tickets: variant.session.has_new_ticket(),
            updates: 0,
            ours: Ours::default(),
        }
    }
}

impl Oracle for Oracle13<'_> {
    fn course(&self) -> &Course<'_> {
        &self.course
    }

    fn hear(&mut self, symbol: Symbol) -> Expected {
        match (self.course.stage, symbol) {
            (Stage::Dead | Stage::Closed, _) => {}
            (Stage::Listening, symbol) => self.listen(symbol),
            // RFC 9147 §5.2: its number tells that it was taken before.
            (_, Symbol::Repetition | Symbol::Straggler) => {}
            (stage, Symbol::Record(content, under)) => self.record(stage, content, under),
        }
        std::mem::take(&mut self.course.expected)
    }

    /// Before the ServerHello a server may say what belongs behind it, all under the keys that follow from
    /// it. Of what a peer may leave out, it leaves out everything.
    fn ahead(&self, under: Under) -> Option<Vec<Message>> {
        let course = &self.course;
        let taken = match course.stage {
            Stage::Listening if course.at == course.language.start() => return None,
            Stage::Clear | Stage::Keys | Stage::Listening => course.language.rest(&course.at),
            Stage::Established | Stage::Closed => Vec::new(),
            // Whatever it is, nobody hears it any more.
            Stage::Dead => course.language.rest(&course.at),
        };
        let messages = |symbols: &[Symbol]| -> Vec<Message> {
            let message = |symbol: &Symbol| match symbol {
                Symbol::Record(Content::Handshake(message), _) => Some(*message),
                _ => None,
            };
            symbols.iter().filter_map(message).collect()
        };
        let hellos = taken.iter().position(|symbol| symbol.is_under_keys());
        let (hellos, rest) = taken.split_at(hellos.unwrap_or(taken.len()));
        Some(match under {
            Under::Nothing => Vec::new(),
            Under::RightKeys | Under::WrongKeys if course.stage == Stage::Dead => messages(hellos),
            Under::RightKeys | Under::WrongKeys => {
                [messages(hellos), self.in_their_place()].concat()
            }
            _ => [messages(hellos), messages(rest)].concat(),
        })
    }

    fn data_epoch(&self) -> u16 {
        APPLICATION + self.ours.updates
    }

    fn data_keys(&self) -> Under {
        Under::DataKeys
    }

    fn state(&self) -> String {
        let Oracle13 {
            course,
            hellos_forgotten,
            updates,
            ours,
            ..
        } = self;
        let course = course.state(&self.opened());
        let placed = self.in_their_place();
        format!("{course} {placed:?} {hellos_forgotten} {updates} {ours:?}")
    }
}

impl Oracle13<'_> {
    /// RFC 9147 §5.1: nothing but hellos is answered, and the first may be forgotten at once.
    fn listen(&mut self, symbol: Symbol) {
        if let Next::Legal(next) = self.course.language.after(&self.course.at, symbol) {
            if self.hellos_forgotten == 0 {
                self.course.stage = Stage::Clear;
            }
            self.hellos_forgotten = self.hellos_forgotten.saturating_sub(1);
            self.take(Message::ClientHello, next);
        }
    }

    fn record(&mut self, stage: Stage, content: Content, under: Under) {
        use Under::*;
        match (stage, under) {
            (Stage::Clear, Nothing) => self.clear(content),
            (Stage::Clear, RightKeys | WrongKeys | OtherVersionKeys) => {
                self.course.wait(Symbol::Record(content, under));
            }
            (Stage::Keys, Nothing) => self.clear_behind_keys(content),
            (Stage::Keys, RightKeys) => {
                self.course.use_keys();
                self.handshake(content);
            }
            // RFC 9147 §4.5.2: silently discarded, but for whoever believes everything.
            (Stage::Keys, WrongKeys) => self.course.suspect_the_keys(),
            (Stage::Established, DataKeys) => self.data(content),
            (Stage::Established, OldKeys) => self.old(content, APPLICATION),
            // RFC 9147 §4.2.1: keys of earlier epochs may be kept; those of two before the present are.
            (Stage::Established, RightKeys) if self.updates < 2 => self.old(content, HANDSHAKE),
            // RFC 9147 §4.2.1 and §4.5.2: of an epoch that is over or not here yet, or of nobody.
            _ => {}
        }
    }

    /// Before there are keys.
    fn clear(&mut self, content: Content) {
        let course = &mut self.course;
        // Some hello has said which version it is.
        let is_known = course.at != course.language.start();
        match content {
            // RFC 5246 §7.4.1.1: as long as it may still be one of DTLS 1.2, a client ignores it.
            Content::Handshake(Message::HelloRequest)
                if course.subject == Role::Client && !is_known => {}
            // RFC 9147 §5.1: so asks whoever speaks 1.2 at most.
            Content::Handshake(Message::HelloVerifyRequest)
                if course.subject == Role::Client && !is_known =>
            {
                course.suspect(Some(AlertDescription::PROTOCOL_VERSION));
            }
            Content::Handshake(message) => {
                match course.language.after(&course.at, Symbol::clear(message)) {
                    Next::Legal(next) => self.take(message, next),
                    Next::Lie(alert) => course.die(Some(alert)),
                    Next::OutOfPlace => course.suspect(UNEXPECTED),
                }
            }
            Content::ApplicationData => course.suspect(UNEXPECTED),
            // RFC 9147 §7: before the version is known an ACK is ignored.
            Content::WrongAck if is_known => course.suspect(ILLEGAL),
            Content::CloseNotify | Content::FatalAlert => course.suspect(None),
            Content::ChangeCipherSpec | Content::Ack | Content::WrongAck | Content::Warning => {}
        }
    }

    /// In the clear, where what belongs to the handshake is under keys: once something came under those it says
    /// nothing, but for whoever believes everything. Before that the peer may have none.
    fn clear_behind_keys(&mut self, content: Content) {
        let course = &mut self.course;
        match content {
            _ if course.mode == Mode::Patient && course.keys_are_used => {}
            Content::Handshake(_) if course.mode == Mode::Patient => {}
            Content::Handshake(_) | Content::ApplicationData => course.suspect(UNEXPECTED),
            Content::WrongAck => course.suspect(ILLEGAL),
            Content::CloseNotify | Content::FatalAlert => course.suspect(None),
            Content::ChangeCipherSpec | Content::Ack | Content::Warning => {}
        }
    }

    /// A message in its place.
    fn take(&mut self, message: Message, next: Progress) {
        self.course.take(message, next);
        if message == Message::HelloRetryRequest {
            // What came early belongs to a handshake that is none.
            for symbol in &mut self.course.waiting {
                if let Symbol::Record(_, under @ Under::RightKeys) = symbol {
                    *under = Under::WrongKeys;
                }
            }
        }
        let keyed = [Stage::Listening, Stage::Clear].contains(&self.course.stage)
            && self.course.next_true().is_some_and(Symbol::is_under_keys);
        if keyed {
            self.course.stage = Stage::Keys;
            self.open_what_waited();
        }
        if message == Message::Finished {
            self.course.establish();
            // RFC 9147 §7.1: a client's last flight, and tickets, wait for an ACK.
            if self.course.subject == Role::Client || self.sends_tickets {
                self.ours.flight = Flight::Messages;
            }
        }
    }

    /// What the records that wait are once they are opened.
    fn opened(&self) -> Opened {
        let mut opened = Opened::default();
        let mut at = self.behind_the_hellos();
        let mut before = 0;
        for symbol in &self.course.waiting {
            match *symbol {
                _ if opened.fatal.is_some() => {}
                Symbol::Record(_, Under::OtherVersionKeys) => {}
                Symbol::Record(_, Under::WrongKeys) => opened.suspect_the_keys(),
                Symbol::Record(content, _) => {
                    opened.use_keys();
                    match self.judge(content) {
                        Judgement::Message(message) => {
                            opened.message(before, message);
                            if let Next::Legal(next) = self.course.language.after(&at, *symbol) {
                                at = next;
                                before += 1;
                            }
                        }
                        Judgement::Closes => opened.close(),
                        Judgement::Ends(alert) => opened.fatal = Some(alert),
                        Judgement::Nothing => {}
                    }
                }
                Symbol::Repetition | Symbol::Straggler => {}
            }
        }
        opened
    }

    fn open_what_waited(&mut self) {
        let opened = self.opened();
        let messages = self.course.open(opened);
        for (place, message) in messages.iter().enumerate() {
            if self.course.stage != Stage::Keys {
                return;
            }
            let last = place + 1 == messages.len();
            match message {
                // Nothing may be left over where the handshake ends (hazard C11, RFC 8446 §5.1).
                Message::Finished if !last && self.course.allows(Symbol::sealed(*message)) => {
                    self.course.expected.takes.push(*message);
                    self.course.die(UNEXPECTED);
                }
                _ => self.handshake(Content::Handshake(*message)),
            }
        }
    }

    /// Where an honest peer is when its keys are in force.
    fn behind_the_hellos(&self) -> Progress {
        let course = &self.course;
        let mut at = course.at.clone();
        for hello in course.language.rest(&at) {
            match course.language.after(&at, hello) {
                Next::Legal(next) if !hello.is_under_keys() => at = next,
                _ => break,
            }
        }
        at
    }

    /// The messages that wait and will be taken, if nothing else stands against them.
    fn in_their_place(&self) -> Vec<Message> {
        let course = &self.course;
        let mut at = self.behind_the_hellos();
        let mut messages = Vec::new();
        for symbol in &course.waiting {
            let next = course.language.after(&at, *symbol);
            if let (Next::Legal(next), Symbol::Record(Content::Handshake(message), _)) =
                (next, symbol)
            {
                at = next;
                messages.push(*message);
            }
        }
        messages
    }

    /// What a record under the handshake's keys brings.
    fn judge(&self, content: Content) -> Judgement {
        match content {
            Content::Handshake(message) => Judgement::Message(message),
            // RFC 9147 §6.1: there is none in epoch 2; RFC 8446 §5: it is never protected.
            Content::ApplicationData | Content::ChangeCipherSpec => Judgement::Ends(UNEXPECTED),
            // RFC 9147 §7: an ACK is of no higher epoch than the records that it tells of.
            Content::WrongAck => Judgement::Ends(ILLEGAL),
            Content::CloseNotify => Judgement::Closes,
            Content::FatalAlert => Judgement::Ends(None),
            Content::Ack | Content::Warning => Judgement::Nothing,
        }
    }

    /// Under the handshake's keys.
    fn handshake(&mut self, content: Content) {
        let message = match self.judge(content) {
            Judgement::Message(message) => message,
            Judgement::Closes => return self.course.close_early(),
            Judgement::Ends(alert) => return self.course.die(alert),
            Judgement::Nothing => return,
        };
        let course = &mut self.course;
        match course.language.after(&course.at, Symbol::sealed(message)) {
            Next::Legal(next) => self.take(message, next),
            Next::Lie(alert) => course.die(Some(alert)),
            // RFC 8446 §4.4.4.
            Next::OutOfPlace
                if message == Message::WrongFinished
                    && course.allows(Symbol::sealed(Message::Finished)) =>
            {
                course.die(Some(AlertDescription::DECRYPT_ERROR));
            }
            Next::OutOfPlace => course.die(UNEXPECTED),
        }
    }

    /// Under the keys of application data, once established.
    fn data(&mut self, content: Content) {
        let is_client = self.course.subject == Role::Client;
        let expected = &mut self.course.expected;
        match content {
            Content::Handshake(message @ (Message::KeyUpdate | Message::KeyUpdateRequest)) => {
                expected.takes.push(message);
                self.updates += 1;
                if message == Message::KeyUpdateRequest {
                    self.ask();
                }
            }
            // RFC 8446 §4.6.1.
            Content::Handshake(message @ Message::NewSessionTicket) if is_client => {
                expected.takes.push(message);
            }
            other => self.always(other),
        }
    }

    /// Under keys of an earlier epoch: RFC 9147 §8, and §6.1 of those of the handshake.
    fn old(&mut self, content: Content, epoch: u16) {
        match content {
            Content::ApplicationData if epoch == HANDSHAKE => self.course.die(UNEXPECTED),
            other => self.always(other),
        }
    }

    /// What does not depend on which of the peer's keys it comes under.
    fn always(&mut self, content: Content) {
        match content {
            Content::ApplicationData => self.course.expected.delivers = 1,
            // RFC 8446 §6.1: it closes one direction only.
            Content::CloseNotify => self.course.stage = Stage::Closed,
            Content::FatalAlert => self.course.die(None),
            Content::Handshake(_) | Content::ChangeCipherSpec => self.course.die(UNEXPECTED),
            Content::Ack => self.acknowledged(),
            Content::WrongAck | Content::Warning => {}
        }
    }

    /// RFC 8446 §4.6.3: the connection owes a KeyUpdate. One that is under way is new enough.
    fn ask(&mut self) {
        self.ours.asked |= self.ours.flight != Flight::KeyUpdate;
        self.update();
    }

    fn acknowledged(&mut self) {
        if self.ours.flight == Flight::KeyUpdate {
            self.ours.updates += 1;
        }
        self.ours.flight = Flight::None;
        self.update();
    }

    /// RFC 9147 §8: not before everything that precedes it is acknowledged.
    fn update(&mut self) {
        if self.ours.asked && self.ours.flight == Flight::None {
            self.ours.asked = false;
            self.ours.flight = Flight::KeyUpdate;
            self.course.expected.key_updates += 1;
        }
    }
}

/// Of a record under the handshake's keys.
enum Judgement {
    Message(Message),
    Closes,
    Ends(Option<AlertDescription>),
    Nothing,
}
