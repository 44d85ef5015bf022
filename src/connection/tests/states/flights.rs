//! The language of a peer: which messages may follow which.
//!
//! It is written in lines, each the RFCs' diagram of what one side says, such as
//! `ServerHello Certificate ServerKeyExchange CertificateRequest? ServerHelloDone [ChangeCipherSpec] {Finished}`.
//! `?` is what the diagrams mark by `*`: a message that may be missing. A word that ends in `!alert` is in
//! its place and false: it ends the handshake by this alert.

use super::symbol::{Content, Message, Symbol, Under};
use super::variants::Variant;
use crate::wire::AlertDescription;
use std::collections::BTreeSet;

const CHANGE_CIPHER_SPEC: Symbol = Symbol::Record(Content::ChangeCipherSpec, Under::Nothing);

/// All that may be said.
#[derive(Debug)]
pub(super) struct Language(Vec<Vec<Step>>);

/// That of a variant; and that of its peer in DTLS 1.2, where both versions are spoken.
pub(super) struct Languages {
    pub(super) newest: Language,
    pub(super) old: Option<Language>,
}

impl Languages {
    pub(super) fn of(variant: &Variant) -> Languages {
        let language = |of: &Variant| Language::of(&[of.legal, of.lies].concat());
        Languages {
            newest: language(variant),
            old: variant.old.map(language),
        }
    }
}

#[derive(Debug)]
struct Step {
    symbol: Symbol,
    optional: bool,
    lie: Option<AlertDescription>,
}

/// How far a peer has come: what it said may be the beginning of several lines, here with their next steps.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Progress(BTreeSet<(usize, usize)>);

/// What the language says of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    Legal(Progress),
    Lie(AlertDescription),
    OutOfPlace,
}

impl Language {
    pub(super) fn of(lines: &[&str]) -> Language {
        Language(lines.iter().map(|line| steps(line)).collect())
    }

    pub(super) fn start(&self) -> Progress {
        Progress((0..self.0.len()).map(|line| (line, 0)).collect())
    }

    /// What becomes of a peer at this place that says this.
    pub(super) fn after(&self, at: &Progress, symbol: Symbol) -> Next {
        let mut lie = None;
        let mut reached = BTreeSet::new();
        for (line, place, step) in self.possible(at) {
            match step.lie {
                _ if step.symbol != symbol => {}
                Some(alert) => lie = Some(alert),
                None => {
                    reached.insert((line, place + 1));
                }
            }
        }
        match (reached.is_empty(), lie) {
            (false, _) => Next::Legal(Progress(reached)),
            (true, Some(alert)) => Next::Lie(alert),
            (true, None) => Next::OutOfPlace,
        }
    }

    /// Whether the peer's ChangeCipherSpec is due.
    pub(super) fn changes_keys(&self, at: &Progress) -> bool {
        self.possible(at)
            .any(|(_, _, step)| step.symbol == CHANGE_CIPHER_SPEC)
    }

    /// What a peer still says that leaves out what it may, and is honest unless it has lied.
    pub(super) fn rest(&self, at: &Progress) -> Vec<Symbol> {
        let rest = |(line, place): &(usize, usize)| -> (bool, Vec<Symbol>) {
            let steps = self.0[*line][*place..].iter();
            let said = steps.filter(|step| !step.optional).map(|step| step.symbol);
            (!self.is_honest(*line), said.collect())
        };
        let ways = at.0.iter().map(rest).filter(|(_, way)| !way.is_empty());
        let first = ways.min_by_key(|(lies, _)| *lies);
        first.map(|(_, way)| way).unwrap_or_default()
    }

    /// What it says next; `None` at the end.
    pub(super) fn next_true(&self, at: &Progress) -> Option<Symbol> {
        self.rest(at).first().copied()
    }

    /// Whether this may be said next.
    pub(super) fn allows(&self, at: &Progress, symbol: Symbol) -> bool {
        matches!(self.after(at, symbol), Next::Legal(_))
    }

    /// The messages that are still to come before the ChangeCipherSpec, if that is certain.
    pub(super) fn ahead(&self, at: &Progress) -> Option<Vec<Message>> {
        let honest = at.0.iter().filter(|(line, _)| self.is_honest(*line));
        let mut ways = honest.map(|(line, place)| {
            let steps = self.0[*line][*place..].iter();
            let before = steps.take_while(|step| step.symbol != CHANGE_CIPHER_SPEC);
            before
                .map(|step| match step.symbol {
                    Symbol::Record(Content::Handshake(message), Under::Nothing)
                        if !step.optional =>
                    {
                        Some(message)
                    }
                    _ => None,
                })
                .collect::<Option<Vec<_>>>()
        });
        let first = ways.next()??;
        ways.all(|way| way.as_ref() == Some(&first))
            .then_some(first)
    }

    /// The steps that may be next: that of each line, and those behind it that it may be left out for.
    fn possible(&self, at: &Progress) -> impl Iterator<Item = (usize, usize, &Step)> {
        at.0.iter().flat_map(|(line, place)| {
            let steps = self.0[*line].iter().enumerate().skip(*place);
            let mut left_out = true;
            steps
                .take_while(move |(_, step)| std::mem::replace(&mut left_out, step.optional))
                .map(|(place, step)| (*line, place, step))
        })
    }

    fn is_honest(&self, line: usize) -> bool {
        self.0[line].iter().all(|step| step.lie.is_none())
    }
}

fn steps(line: &str) -> Vec<Step> {
    line.split_whitespace().map(step).collect()
}

fn step(word: &str) -> Step {
    let (word, lie) = match word.split_once('!') {
        Some((word, alert)) => (word, Some(alert_named(alert))),
        None => (word, None),
    };
    let (name, optional) = match word.strip_suffix('?') {
        Some(name) => (name, true),
        None => (word, false),
    };
    Step {
        symbol: Symbol::named(name),
        optional,
        lie,
    }
}

fn alert_named(name: &str) -> AlertDescription {
    let mut known = (0..=u8::MAX).map(AlertDescription);
    known
        .find(|alert| alert.name() == Some(&name.to_uppercase()))
        .unwrap_or_else(|| panic!("no alert {name}"))
}

#[test]
fn the_language_reads_as_the_diagrams_do() {
    let line = "ServerHello CertificateRequest? ServerHelloDone [ChangeCipherSpec] {Finished}";
    let language = Language::of(&[line, "ServerHello Certificate!bad_certificate"]);
    let mut at = language.start();
    for (said, legal) in [
        ("ServerHelloDone", false),
        ("ServerHello", true),
        ("ServerHello", false),
        ("ServerHelloDone", true),
        ("CertificateRequest", false),
        ("Finished", false),
        ("{Finished}", false),
        ("[ChangeCipherSpec]", true),
        ("Finished", false),
        ("{Finished}", true),
        ("{Finished}", false),
    ] {
        let next = language.after(&at, Symbol::named(said));
        assert_eq!(matches!(next, Next::Legal(_)), legal, "{said}");
        if let Next::Legal(progress) = next {
            at = progress;
        }
    }
    let Next::Legal(at) = language.after(&language.start(), Symbol::named("ServerHello")) else {
        panic!("no ServerHello");
    };
    let lie = language.after(&at, Symbol::named("Certificate"));
    assert_eq!(lie, Next::Lie(AlertDescription::BAD_CERTIFICATE));
    assert_eq!(
        language.ahead(&at),
        None,
        "it may be asked for a certificate"
    );
    assert_eq!(
        language.next_true(&at),
        Some(Symbol::named("ServerHelloDone"))
    );
}
