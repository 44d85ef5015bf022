//! What is right: whether a connection takes what its peer says, and what it makes of it otherwise.
//!
//! Nothing here is derived from the scripts. What may follow what is the [`Language`] of the variant; what
//! becomes of everything else stands in a table for each version, in [`oracle12`](super::oracle12) and
//! [`oracle13`](super::oracle13). This file has what both keep.

use super::flights::{Language, Languages, Progress};
use super::oracle_of_both::OracleOfBoth;
use super::oracle12::Oracle12;
use super::oracle13::Oracle13;
use super::symbol::{Message, Role, Symbol, Under};
use super::variants::Variant;
use crate::wire::{Alert, AlertDescription};

/// Hazard B11: so many records of the next epoch wait for its keys.
pub(super) const WAITING: usize = 4;

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
    /// Before the peer's keys are in force.
    Clear,
    /// From then on, before the Finished.
    Keys,
    Established,
    /// Established, and the peer will say no more.
    Closed,
    Dead,
}

/// What is to be seen of a connection after its peer has said something.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    /// The messages that become part of the handshake, or of what follows it.
    pub(super) takes: Vec<Message>,
    pub(super) delivers: usize,
    pub(super) alerts: Vec<Alert>,
    /// KeyUpdates that it sends.
    pub(super) key_updates: usize,
}

/// One version's.
pub(super) trait Oracle {
    fn course(&self) -> &Course<'_>;

    /// What is right after the peer has said this.
    fn hear(&mut self, symbol: Symbol) -> Expected;

    /// The messages that belong before a record under these keys and were not taken yet, where that is
    /// certain.
    fn ahead(&self, under: Under) -> Option<Vec<Message>>;

    /// What an honest peer says next.
    fn next_true(&self) -> Option<Symbol> {
        self.course().next_true()
    }

    /// The epoch under which the connection sends data.
    fn data_epoch(&self) -> u16;

    /// The keys under which its peer does.
    fn data_keys(&self) -> Under;

    /// All that decides what is right next.
    fn state(&self) -> String;
}

pub(super) fn oracle<'a>(
    languages: &'a Languages,
    variant: &Variant,
    mode: Mode,
) -> Box<dyn Oracle + 'a> {
    let course = |language| Course::new(language, variant.subject, mode);
    let newest = course(&languages.newest);
    match &languages.old {
        Some(old) => Box::new(OracleOfBoth::new(
            Oracle12::new(course(old)),
            Oracle13::new(newest, variant),
            variant,
        )),
        None if variant.is_13() => Box::new(Oracle13::new(newest, variant)),
        None => Box::new(Oracle12::new(newest)),
    }
}

/// How a connection has fared so far.
#[derive(Debug)]
pub(super) struct Course<'a> {
    pub(super) language: &'a Language,
    pub(super) subject: Role,
    pub(super) mode: Mode,
    pub(super) at: Progress,
    pub(super) stage: Stage,
    /// What waits for the keys.
    pub(super) waiting: Vec<Symbol>,
    /// A record came under the handshake's keys, so that the peer has them.
    pub(super) keys_are_used: bool,
    /// Nobody has authenticated it, but something speaks against the handshake.
    pub(super) suspects: bool,
    /// The peer has closed before its Finished was here.
    pub(super) closing: bool,
    /// What is to be seen of it next.
    pub(super) expected: Expected,
}

impl<'a> Course<'a> {
    fn new(language: &'a Language, subject: Role, mode: Mode) -> Course<'a> {
        Course {
            language,
            subject,
            mode,
            at: language.start(),
            stage: match subject {
                Role::Client => Stage::Clear,
                Role::Server => Stage::Listening,
            },
            waiting: Vec::new(),
            keys_are_used: false,
            suspects: false,
            closing: false,
            expected: Expected::default(),
        }
    }

    /// What an honest peer says next.
    pub(super) fn next_true(&self) -> Option<Symbol> {
        match self.stage {
            Stage::Listening | Stage::Clear | Stage::Keys => self.language.next_true(&self.at),
            Stage::Established | Stage::Closed | Stage::Dead => None,
        }
    }

    /// What waits counts as what it will turn out to be, of which `opened` tells. How much it is does not matter
    /// where sequences are no longer than there is room for.
    pub(super) fn state(&self, opened: &Opened) -> String {
        let Course {
            at,
            stage,
            waiting,
            keys_are_used,
            suspects,
            closing,
            ..
        } = self;
        let opened = match opened.outlook(self.mode) {
            Outlook::Ends(alert) => format!("{alert:?}"),
            outlook => format!("{outlook:?} {} {:?}", opened.uses_keys, opened.messages),
        };
        let waiting = !waiting.is_empty();
        format!("{at:?} {stage:?} {keys_are_used} {suspects} {closing} {waiting} {opened}")
    }

    pub(super) fn allows(&self, symbol: Symbol) -> bool {
        self.language.allows(&self.at, symbol)
    }

    /// A message is taken, and nothing that nobody authenticated speaks against the handshake any more.
    pub(super) fn take(&mut self, message: Message, at: Progress) {
        self.at = at;
        self.suspects = false;
        self.expected.takes.push(message);
    }

    /// It may just have overtaken what brings its keys: RFC 6347 §4.1, RFC 9147 §4.2.1.
    pub(super) fn wait(&mut self, symbol: Symbol) {
        if self.waiting.len() == WAITING {
            self.waiting.remove(0);
        }
        self.waiting.push(symbol);
    }

    /// Something is opened under the handshake's keys. Whatever spoke against it before came from somebody else.
    pub(super) fn use_keys(&mut self) {
        if !self.keys_are_used {
            self.keys_are_used = true;
            self.suspects = false;
        }
    }

    /// Something does not open. Keys that have opened something are the right ones.
    pub(super) fn suspect_the_keys(&mut self) {
        if !self.keys_are_used {
            self.suspect(Some(AlertDescription::DECRYPT_ERROR));
        }
    }

    /// The handshake is complete.
    pub(super) fn establish(&mut self) {
        self.suspects = false;
        self.stage = match self.closing {
            true => Stage::Closed,
            false => Stage::Established,
        };
    }

    /// The peer closes before its Finished is here, which may have been lost before, and comes again.
    pub(super) fn close_early(&mut self) {
        self.closing = true;
        self.suspect(None);
    }

    pub(super) fn suspect(&mut self, alert: Option<AlertDescription>) {
        match self.mode {
            Mode::Strict => self.die(alert),
            Mode::Patient => self.suspects = true,
        }
    }

    /// RFC 5246 §7.2.2, RFC 8446 §6.2: an alert is answered by none.
    pub(super) fn die(&mut self, alert: Option<AlertDescription>) {
        self.stage = Stage::Dead;
        self.expected.alerts.extend(alert.map(Alert::fatal));
    }

    /// It is over by this alert, and nothing else is to be seen.
    pub(super) fn end(&mut self, alert: AlertDescription) -> Expected {
        self.die(Some(alert));
        std::mem::take(&mut self.expected)
    }

    /// What has waited is opened in its order, and only then looked at as a whole: in one datagram it might
    /// have come in any other. The messages that remain, in the order of their numbers.
    pub(super) fn open(&mut self, opened: Opened) -> Vec<Message> {
        self.waiting.clear();
        if opened.uses_keys {
            self.use_keys();
        }
        match opened.outlook(self.mode) {
            Outlook::Ends(alert) => {
                self.die(alert);
                Vec::new()
            }
            Outlook::GoesOn { suspects, closes } => {
                self.suspects |= suspects;
                self.closing |= closes;
                opened.messages
            }
        }
    }
}

/// What becomes of a connection once those are opened, before it looks at messages.
#[derive(Debug)]
enum Outlook {
    Ends(Option<AlertDescription>),
    GoesOn { suspects: bool, closes: bool },
}

/// What records that waited turn out to be.
#[derive(Debug, Default)]
pub(super) struct Opened {
    uses_keys: bool,
    suspicion: Option<Option<AlertDescription>>,
    closes: bool,
    pub(super) fatal: Option<Option<AlertDescription>>,
    messages: Vec<Message>,
}

impl Opened {
    /// As [`Course::use_keys`].
    pub(super) fn use_keys(&mut self) {
        if !self.uses_keys {
            self.uses_keys = true;
            self.suspicion = None;
        }
    }

    /// As [`Course::suspect_the_keys`].
    pub(super) fn suspect_the_keys(&mut self) {
        if !self.uses_keys {
            self.suspect(Some(AlertDescription::DECRYPT_ERROR));
        }
    }

    fn suspect(&mut self, alert: Option<AlertDescription>) {
        self.suspicion.get_or_insert(alert);
    }

    /// What it makes of the connection.
    fn outlook(&self, mode: Mode) -> Outlook {
        match (self.suspicion, self.fatal) {
            (Some(alert), _) if mode == Mode::Strict => Outlook::Ends(alert),
            (_, Some(alert)) => Outlook::Ends(alert),
            (suspicion, None) => Outlook::GoesOn {
                suspects: suspicion.is_some(),
                closes: self.closes,
            },
        }
    }

    pub(super) fn close(&mut self) {
        self.closes = true;
        self.suspect(None);
    }

    pub(super) fn first(&self) -> Option<Message> {
        self.messages.first().copied()
    }

    /// A message, of which so many are here that belong before it. Of two with one number the first stays if
    /// they look alike; else one of them contradicts the other (hazard C2).
    pub(super) fn message(&mut self, before: usize, message: Message) {
        match self.messages.get(before) {
            None => self.messages.push(message),
            Some(held) if held.looks_like(message) => {}
            Some(_) => self.fatal = Some(Some(AlertDescription::ILLEGAL_PARAMETER)),
        }
    }
}
