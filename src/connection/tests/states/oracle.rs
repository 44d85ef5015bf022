//! What is right: whether a connection takes what its peer says, and what it makes of it otherwise.
//!
//! Nothing here is derived from the scripts. What may follow what is the [`Language`] of the variant; this
//! file says what becomes of everything else:
//!
//! | what is said | strict | by default |
//! | --- | --- | --- |
//! | in the clear, in its place | taken | taken |
//! | in the clear, in its place, and false | the end | the end |
//! | in the clear, out of place | the end | ignored: anyone can have said it (hazards A21, D11) |
//! | under keys, before the ChangeCipherSpec | waits | waits |
//! | under keys, in its place | taken | taken |
//! | under keys, out of place | the end | the end: nobody but the peer can have said it |
//! | under wrong keys, in the handshake | the end | ignored |
//! | in the clear, once there are keys | ignored | ignored (hazard D12) |
//! | anything at all, after the end | nothing | nothing (hazard D10) |

use super::flights::{Language, Next, Progress};
use super::symbol::{Content, Message, Role, Symbol, Under};
use crate::wire::{Alert, AlertDescription};

/// Hazard B11: so many records of the next epoch wait for its keys.
const WAITING: usize = 4;

/// How willing a connection is to believe what nobody authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// It believes all at once: `suspicion(Duration::ZERO)`.
    Strict,
    /// It waits for something better.
    Patient,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// A server that has not let in a client.
    Listening,
    /// Before the peer's ChangeCipherSpec.
    Clear,
    /// Behind it, before the Finished.
    Keys,
    Established,
    /// Established, and the peer will say no more.
    Closed,
    Dead,
}

/// What is to be seen of a connection after its peer has said something.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    /// The messages that become part of the handshake.
    pub(super) takes: Vec<Message>,
    pub(super) delivers: usize,
    pub(super) alerts: Vec<Alert>,
}

#[derive(Debug)]
pub(super) struct Oracle<'a> {
    language: &'a Language,
    subject: Role,
    mode: Mode,
    at: Progress,
    pub(super) stage: Stage,
    change_cipher_spec_seen: bool,
    /// What waits for the keys.
    waiting: Vec<Symbol>,
    /// Nobody has authenticated it, but something speaks against the handshake.
    pub(super) suspects: bool,
    closing: bool,
    refused_renegotiation: bool,
}

impl<'a> Oracle<'a> {
    pub(super) fn new(language: &'a Language, subject: Role, mode: Mode) -> Oracle<'a> {
        Oracle {
            language,
            subject,
            mode,
            at: language.start(),
            stage: match subject {
                Role::Client => Stage::Clear,
                Role::Server => Stage::Listening,
            },
            change_cipher_spec_seen: false,
            waiting: Vec::new(),
            suspects: false,
            closing: false,
            refused_renegotiation: false,
        }
    }

    /// What an honest peer says next.
    pub(super) fn next_true(&self) -> Option<Symbol> {
        match self.stage {
            Stage::Listening | Stage::Clear | Stage::Keys => self.language.next_true(&self.at),
            Stage::Established | Stage::Closed | Stage::Dead => None,
        }
    }

    /// The messages that are still to come before the keys change, where that is certain.
    pub(super) fn ahead(&self) -> Option<Vec<Message>> {
        match self.stage {
            Stage::Listening => None,
            Stage::Clear => self.language.ahead(&self.at),
            Stage::Dead => Some(self.language.ahead(&self.at).unwrap_or_default()),
            Stage::Keys | Stage::Established | Stage::Closed => Some(Vec::new()),
        }
    }

    /// Whether a Finished waits already, so that what the peer says next bears the number behind it.
    pub(super) fn finished_waits(&self) -> bool {
        let mut messages = self.waiting.iter().filter_map(|symbol| match symbol {
            Symbol::Record(Content::Handshake(message), Under::RightKeys) => Some(*message),
            _ => None,
        });
        messages.find(|message| !self.is_ignored(*message)) == Some(Message::Finished)
    }

    pub(super) fn anything_waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// All that decides what is right next.
    pub(super) fn state(&self) -> String {
        let Oracle {
            at,
            stage,
            change_cipher_spec_seen: seen,
            waiting,
            suspects,
            closing,
            refused_renegotiation: refused,
            ..
        } = self;
        format!("{at:?} {stage:?} {seen} {waiting:?} {suspects} {closing} {refused}")
    }

    pub(super) fn hear(&mut self, symbol: Symbol) -> Expected {
        let mut expected = Expected::default();
        match (self.stage, symbol) {
            (Stage::Dead | Stage::Closed, _) => {}
            (Stage::Listening, symbol) => self.listen(symbol, &mut expected),
            (_, Symbol::Repetition) => self.repetition(),
            // RFC 6347 §4.2.2: its number tells that it was taken before.
            (_, Symbol::Straggler) => {}
            (Stage::Clear, Symbol::Record(content, Under::Nothing)) => {
                self.clear(content, &mut expected);
            }
            // RFC 6347 §4.1: it may just have overtaken the ChangeCipherSpec.
            (Stage::Clear, held) if self.waiting.len() < WAITING => self.waiting.push(held),
            (Stage::Clear, _) => {}
            // RFC 6347 §4.1: of an epoch that is over.
            (_, Symbol::Record(_, Under::Nothing)) => {}
            (Stage::Keys, Symbol::Record(_, Under::WrongKeys)) => {
                self.suspect(Some(AlertDescription::DECRYPT_ERROR), &mut expected);
            }
            // RFC 6347 §4.1.2.7: silently discarded.
            (Stage::Established, Symbol::Record(_, Under::WrongKeys)) => {}
            (Stage::Keys, Symbol::Record(content, Under::RightKeys)) => {
                self.keys(content, &mut expected);
            }
            (Stage::Established, Symbol::Record(content, Under::RightKeys)) => {
                self.established(content, &mut expected);
            }
        }
        expected
    }

    /// RFC 6347 §4.2.1: nothing but hellos is answered.
    fn listen(&mut self, symbol: Symbol, expected: &mut Expected) {
        if let Next::Legal(next) = self.language.after(&self.at, symbol) {
            self.at = next;
            expected.takes.push(Message::ClientHello);
            if !matches!(self.language.after(&self.at, symbol), Next::Legal(_)) {
                self.stage = Stage::Clear;
            }
        }
    }

    /// RFC 6347 §4.2.4: it asks for our last flight at most. A HelloVerifyRequest has no number to tell a
    /// repetition by, but a cookie; it is progress of a kind.
    fn repetition(&mut self) {
        let asks = Symbol::Record(
            Content::Handshake(Message::HelloVerifyRequest),
            Under::Nothing,
        );
        let hello = self.language.start();
        let in_hellos = matches!(self.language.after(&self.at, SERVER_HELLO), Next::Legal(_));
        if self.at != hello
            && in_hellos
            && matches!(self.language.after(&hello, asks), Next::Legal(_))
        {
            self.suspects = false;
        }
    }

    fn clear(&mut self, content: Content, expected: &mut Expected) {
        match content {
            Content::Handshake(message) => self.clear_message(message, expected),
            // It has no number, so it may have overtaken what comes before it (hazard D2).
            Content::ChangeCipherSpec => {
                self.change_cipher_spec_seen = true;
                self.change_keys(expected);
            }
            Content::ApplicationData => {
                self.suspect(Some(AlertDescription::UNEXPECTED_MESSAGE), expected);
            }
            Content::Warning => {}
            // RFC 5246 §7.2.2: an alert is answered by none.
            Content::CloseNotify | Content::FatalAlert => self.suspect(None, expected),
        }
    }

    fn clear_message(&mut self, message: Message, expected: &mut Expected) {
        let symbol = Symbol::Record(Content::Handshake(message), Under::Nothing);
        match self.language.after(&self.at, symbol) {
            Next::Legal(next) => {
                self.at = next;
                self.suspects = false;
                expected.takes.push(message);
                self.change_keys(expected);
            }
            Next::Lie(alert) => self.die(Some(alert), expected),
            Next::OutOfPlace if self.is_ignored(message) => {}
            Next::OutOfPlace => {
                let in_hellos =
                    matches!(self.language.after(&self.at, SERVER_HELLO), Next::Legal(_));
                let alert = match message {
                    // A fifth; RFC 6347 §4.2.1 asks for one and allows another.
                    Message::HelloVerifyRequest if in_hellos => AlertDescription::ILLEGAL_PARAMETER,
                    _ => AlertDescription::UNEXPECTED_MESSAGE,
                };
                self.suspect(Some(alert), expected);
            }
        }
    }

    /// RFC 5246 §7.4.1.1: "ignored by the client if the client is currently negotiating a session".
    fn is_ignored(&self, message: Message) -> bool {
        message == Message::HelloRequest && self.subject == Role::Client
    }

    /// The keys are in force once the ChangeCipherSpec and all that belongs before it is here.
    fn change_keys(&mut self, expected: &mut Expected) {
        if !self.change_cipher_spec_seen || !self.language.changes_keys(&self.at) {
            return;
        }
        let change = Symbol::Record(Content::ChangeCipherSpec, Under::Nothing);
        if let Next::Legal(next) = self.language.after(&self.at, change) {
            self.at = next;
        }
        self.stage = Stage::Keys;
        self.open_what_waited(expected);
    }

    /// What waited is opened in its order, and only then looked at as a whole: in one datagram it might
    /// have come in any other.
    fn open_what_waited(&mut self, expected: &mut Expected) {
        let waiting = std::mem::take(&mut self.waiting);
        let mut opened = Opened::default();
        for symbol in waiting {
            match symbol {
                _ if opened.fatal.is_some() => {}
                Symbol::Record(_, Under::WrongKeys) => {
                    opened.suspect(Some(AlertDescription::DECRYPT_ERROR));
                }
                Symbol::Record(Content::CloseNotify, _) => {
                    self.closing = true;
                    opened.suspect(None);
                }
                Symbol::Record(Content::FatalAlert, _) => opened.fatal = Some(None),
                Symbol::Record(Content::Handshake(message), _) if !self.is_ignored(message) => {
                    opened.message(message);
                }
                _ => {}
            }
        }
        if let Some(alert) = opened.suspicion {
            self.suspect(alert, expected);
        }
        match (opened.fatal, opened.first) {
            _ if self.stage == Stage::Dead => {}
            (Some(alert), _) => self.die(alert, expected),
            (None, None) => {}
            // Nothing may be left over where the handshake ends (hazard C11).
            (None, Some(Message::Finished)) if opened.second.is_some() => {
                expected.takes.push(Message::Finished);
                self.die(Some(AlertDescription::UNEXPECTED_MESSAGE), expected);
            }
            (None, Some(message)) => self.keys(Content::Handshake(message), expected),
        }
    }

    fn keys(&mut self, content: Content, expected: &mut Expected) {
        match content {
            Content::Handshake(Message::Finished) => {
                expected.takes.push(Message::Finished);
                self.suspects = false;
                self.stage = match self.closing {
                    true => Stage::Closed,
                    false => Stage::Established,
                };
            }
            // RFC 5246 §7.4.9.
            Content::Handshake(Message::WrongFinished) => {
                self.die(Some(AlertDescription::DECRYPT_ERROR), expected);
            }
            Content::Handshake(message) if self.is_ignored(message) => {}
            Content::Handshake(_) => {
                self.die(Some(AlertDescription::UNEXPECTED_MESSAGE), expected);
            }
            // Its Finished may have been lost before, and comes again.
            Content::CloseNotify => {
                self.closing = true;
                self.suspect(None, expected);
            }
            Content::FatalAlert => self.die(None, expected),
            // Data before the Finished is dropped, as UDP may (hazard B13).
            Content::ChangeCipherSpec | Content::ApplicationData | Content::Warning => {}
        }
    }

    fn established(&mut self, content: Content, expected: &mut Expected) {
        let wish = match self.subject {
            Role::Client => Message::HelloRequest,
            Role::Server => Message::ClientHello,
        };
        match content {
            Content::ApplicationData => expected.delivers = 1,
            // RFC 5246 §7.2.1: it is answered by another.
            Content::CloseNotify => {
                let alert = Alert::warning(AlertDescription::CLOSE_NOTIFY);
                expected.alerts.push(alert);
                self.stage = Stage::Closed;
            }
            Content::FatalAlert => self.die(None, expected),
            // RFC 5746 §5, and hazard D14: once.
            Content::Handshake(message) if message == wish => {
                if !self.refused_renegotiation {
                    let alert = Alert::warning(AlertDescription::NO_RENEGOTIATION);
                    expected.alerts.push(alert);
                }
                self.refused_renegotiation = true;
            }
            Content::Handshake(_) => {
                self.die(Some(AlertDescription::UNEXPECTED_MESSAGE), expected);
            }
            Content::ChangeCipherSpec | Content::Warning => {}
        }
    }

    fn suspect(&mut self, alert: Option<AlertDescription>, expected: &mut Expected) {
        match self.mode {
            Mode::Strict => self.die(alert, expected),
            Mode::Patient => self.suspects = true,
        }
    }

    fn die(&mut self, alert: Option<AlertDescription>, expected: &mut Expected) {
        self.stage = Stage::Dead;
        expected.alerts.extend(alert.map(Alert::fatal));
    }
}

const SERVER_HELLO: Symbol =
    Symbol::Record(Content::Handshake(Message::ServerHello), Under::Nothing);

/// What records that waited turn out to be.
#[derive(Default)]
struct Opened {
    suspicion: Option<Option<AlertDescription>>,
    fatal: Option<Option<AlertDescription>>,
    /// The message in the place of the Finished, and the one behind it.
    first: Option<Message>,
    second: Option<Message>,
}

impl Opened {
    fn suspect(&mut self, alert: Option<AlertDescription>) {
        self.suspicion.get_or_insert(alert);
    }

    fn message(&mut self, message: Message) {
        let place = match self.first {
            Some(Message::Finished) => &mut self.second,
            _ => &mut self.first,
        };
        let held = *place.get_or_insert(message);
        // Of two with one number the first stays if they look alike, and hazard C2 if they do not.
        let alike = held == message
            || held.typ() == message.typ() && held.typ() != Message::Certificate.typ();
        if !alike {
            self.fatal = Some(Some(AlertDescription::ILLEGAL_PARAMETER));
        }
    }
}
