//! One sequence: a subject, its peer, and the oracle, which says what must be seen after each symbol.

use super::flights::Languages;
use super::oracle::{Mode, Oracle, Stage, oracle};
use super::peer::{Peer, peer};
use super::setup::{Config, config};
use super::subject::Subject;
use super::symbol::{Content, Message, Symbol, Under};
use super::variants::Variant;

/// A variant in a mode: what all its sequences have in common.
pub(super) struct Arena {
    pub(super) variant: &'static Variant,
    pub(super) mode: Mode,
    languages: Languages,
    config: Config,
}

impl Arena {
    pub(super) fn new(variant: &'static Variant, mode: Mode) -> Arena {
        Arena {
            variant,
            mode,
            languages: Languages::of(variant),
            config: config(variant, mode),
        }
    }

    /// A run at the beginning of its handshake.
    pub(super) fn run(&self) -> Run<'_> {
        let mut run = Run {
            arena: self,
            subject: Subject::new(&self.config),
            peer: peer(self.variant),
            oracle: oracle(&self.languages, self.variant, self.mode),
            said: Vec::new(),
            left_out: &[],
            alerts: Vec::new(),
        };
        run.carry();
        run
    }
}

pub(super) struct Run<'a> {
    arena: &'a Arena,
    subject: Subject,
    peer: Box<dyn Peer>,
    oracle: Box<dyn Oracle + 'a>,
    said: Vec<Symbol>,
    left_out: &'static [Message],
    alerts: Vec<&'static str>,
}

/// What was seen is not what is right.
pub(super) type Outcome = Result<(), String>;

impl Run<'_> {
    pub(super) fn stage(&self) -> Stage {
        self.oracle.course().stage
    }

    /// The peer, for a test that has it lie in a way that the alphabet does not have.
    pub(super) fn peer(&mut self) -> &mut dyn Peer {
        &mut *self.peer
    }

    /// What the peer says under keys, it says as if these messages belonged to no handshake.
    pub(super) fn leave_out(&mut self, messages: &'static [Message]) {
        self.left_out = messages;
    }

    /// The names of the alerts that the last symbol brought.
    pub(super) fn alerts(&self) -> &[&'static str] {
        &self.alerts
    }

    pub(super) fn is_established(&self) -> bool {
        self.subject.is_established()
    }

    /// How many records wait for their keys.
    pub(super) fn waiting(&self) -> usize {
        self.oracle.course().waiting.len()
    }

    /// The peer says this. `false` if it cannot: it has no keys yet, or nothing to repeat.
    pub(super) fn say(&mut self, symbol: Symbol) -> Result<bool, String> {
        let under = match symbol {
            Symbol::Record(_, under) => under,
            Symbol::Repetition | Symbol::Straggler => Under::Nothing,
        };
        let mut ahead = self.oracle.ahead(under);
        if let Some(ahead) = &mut ahead {
            ahead.retain(|message| !self.left_out.contains(message));
        }
        let Some(mut datagram) = self.peer.say(symbol, ahead.as_deref()) else {
            return Ok(false);
        };
        self.said.push(symbol);
        let expected = self.oracle.hear(symbol);
        let before = self.subject.delivered;
        let untold = self.subject.untold();
        let heard = self.subject.hear(&mut datagram);
        for message in &expected.takes {
            self.peer.accepted(*message);
        }
        let (records, key_updates) = (self.peer.heard().records, self.peer.heard().key_updates);
        self.carry();
        let alerts = std::mem::take(&mut self.peer.heard().alerts);
        self.alerts = alerts
            .iter()
            .filter_map(|alert| alert.description.name())
            .collect();

        let dead = self.oracle.course().stage == Stage::Dead;
        self.check("the end", dead, heard.is_err())?;
        self.check("alerts", &expected.alerts, &alerts)?;
        let delivered = self.subject.delivered - before;
        self.check("messages delivered", expected.delivers, delivered)?;
        let established = matches!(
            self.oracle.course().stage,
            Stage::Established | Stage::Closed
        );
        self.check("established", established, self.subject.is_established())?;
        if !dead {
            let suspects = self.oracle.course().suspects;
            self.check("a suspicion", suspects, self.subject.suspects())?;
        }
        let key_updates = key_updates + expected.key_updates;
        let sent = self.peer.heard().key_updates;
        self.check("KeyUpdates in answer", key_updates, sent)?;
        if is_answered_by_nothing(symbol) && expected.takes.is_empty() {
            let records = records + expected.alerts.len();
            let answered = self.peer.heard().records;
            self.check("records in answer", records, answered)?;
        }
        // RFC 9147 §7: what was discarded is not acknowledged.
        if symbol.is_message_in_the_clear() && expected.takes.is_empty() && !dead {
            let told = untold < self.subject.untold();
            self.check("an ACK for what was discarded", false, told)?;
        }
        Ok(true)
    }

    /// The peer says the rest as an honest one does. Where nothing speaks against it, both are established
    /// with the same keys, and data flows. The states that this leads through.
    pub(super) fn finish(&mut self) -> Result<Vec<String>, String> {
        let mut states = Vec::new();
        while let Some(symbol) = self.oracle.next_true() {
            self.say(symbol)?;
            states.push(self.state());
        }
        self.end()?;
        Ok(states)
    }

    /// What must be at the end of a handshake.
    fn end(&mut self) -> Outcome {
        match self.oracle.course().stage {
            Stage::Dead => AFTER_THE_END
                .into_iter()
                .chain([self.data()])
                .try_for_each(|symbol| self.say(symbol).map(|_| ())),
            Stage::Established => {
                let finished = self.peer.heard().finished;
                self.check("the subject's end of the handshake", true, finished)?;
                self.say(self.data())?;
                let mut answer = self.subject.send(b"answer");
                self.peer.hear(&mut answer);
                let right = self.peer.heard().data == [b"answer"];
                self.check("the answer", true, right)?;
                let epoch = self.peer.heard().epoch;
                self.check("the answer's epoch", self.oracle.data_epoch(), epoch)
            }
            Stage::Closed => self.say(self.data()).map(|_| ()),
            Stage::Listening | Stage::Clear | Stage::Keys => {
                Err(self.describe("is not at its end"))
            }
        }
    }

    /// The peer says all that there is to say, to no effect where the subject has failed.
    pub(super) fn say_everything(&mut self) -> Outcome {
        for symbol in self.arena.variant.alphabet() {
            self.say(symbol)?;
        }
        Ok(())
    }

    /// All that decides what comes next, on all sides, but for what is in the records that wait.
    pub(super) fn state(&self) -> String {
        let (subject, oracle) = (self.subject.state(), self.oracle.state());
        format!("{oracle} / {subject}")
    }

    /// Application data from the peer.
    fn data(&self) -> Symbol {
        Symbol::Record(Content::ApplicationData, self.oracle.data_keys())
    }

    fn carry(&mut self) {
        while let Some(mut datagram) = self.subject.transmit() {
            self.peer.hear(&mut datagram);
        }
    }

    fn check<T: PartialEq + std::fmt::Debug>(&self, what: &str, right: T, seen: T) -> Outcome {
        if right == seen {
            return Ok(());
        }
        Err(self.describe(&format!("{what}: {right:?} is right, seen was {seen:?}")))
    }

    fn describe(&self, what: &str) -> String {
        format!(
            "{} ({:?}), {}: {what}",
            self.arena.variant.name,
            self.arena.mode,
            self.words()
        )
    }

    fn words(&self) -> String {
        let words: Vec<_> = self.said.iter().map(Symbol::to_string).collect();
        words.join(" ")
    }
}

/// A run that panics says how far it came.
impl Drop for Run<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.describe("a panic"));
        }
    }
}

/// What might bring a connection back to life that has failed.
const AFTER_THE_END: [Symbol; 3] = [
    Symbol::Record(Content::ChangeCipherSpec, Under::Nothing),
    Symbol::clear(Message::Finished),
    Symbol::sealed(Message::Finished),
];

/// Whether it brings no answer unless it is taken. What was taken before may be asked for again, and what an
/// ACK leaves out may be sent again (RFC 9147 §7.2).
fn is_answered_by_nothing(symbol: Symbol) -> bool {
    match symbol {
        Symbol::Record(content, _) => ![Content::Ack, Content::WrongAck].contains(&content),
        Symbol::Repetition | Symbol::Straggler => false,
    }
}
