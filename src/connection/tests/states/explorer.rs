//! All sequences after each legal prefix.

use super::oracle::Stage;
use super::run::{Arena, Run};
use super::symbol::{Content, Message, Symbol, Under};
use std::collections::HashSet;
use std::fmt;

/// How far to go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Symbols in a sequence.
    pub(super) depth: usize,
    /// How many records of any kind may wait for their keys. Where more do, they are all of
    /// [`WAITING`]: nobody looks at them before the keys are there, and then at one after the other.
    pub(super) waiting: usize,
}

/// What stands for all that can wait: what may be in its place, what is dropped or false, what ends the
/// handshake badly, and what cannot be opened.
const WAITING: [Symbol; 5] = [
    Symbol::sealed(Message::EncryptedExtensions),
    Symbol::sealed(Message::Finished),
    Symbol::Record(Content::ApplicationData, Under::RightKeys),
    Symbol::Record(Content::FatalAlert, Under::RightKeys),
    Symbol::Record(Content::Handshake(Message::Finished), Under::WrongKeys),
];

/// Wrong outcomes that are told of a variant.
const TOLD: usize = 12;

pub(super) struct Explorer<'a> {
    arena: &'a Arena,
    limits: Limits,
    pub(super) tally: Tally,
    pub(super) wrong: Vec<String>,
}

/// What was said behind a prefix, and whether any of it waits for its keys.
#[derive(Default)]
struct Sequence {
    said: Vec<Symbol>,
    waits: bool,
}

impl<'a> Explorer<'a> {
    pub(super) fn new(arena: &'a Arena, limits: Limits) -> Explorer<'a> {
        Explorer {
            arena,
            limits,
            tally: Tally::default(),
            wrong: Vec::new(),
        }
    }

    pub(super) fn every_place(&mut self) {
        let truth = Symbol::sequence(self.arena.variant.truth);
        for said in 0..=truth.len() {
            self.place(&truth[..said]);
        }
    }

    /// All sequences behind this prefix, the shorter ones first. What has ended is not gone on with: nothing
    /// that comes then has an effect, which each run sees to. Of those that leave the connection, its peer and
    /// the oracle in one state, the first is gone on with, since what comes behind the others is the same.
    fn place(&mut self, prefix: &[Symbol]) {
        self.tally.places += 1;
        let start = match replay(self.arena, prefix) {
            Ok(run) => run.state(),
            Err(wrong) => return self.wrong.push(wrong),
        };
        let mut known = HashSet::from([start]);
        let mut front = vec![Sequence::default()];
        let alphabet = self.arena.variant.alphabet();
        for _ in 0..self.limits.depth {
            let mut next = Vec::new();
            for sequence in &front {
                for symbol in &alphabet {
                    if !self.follows(sequence, *symbol) {
                        continue;
                    }
                    match self.sequence(prefix, &sequence.said, *symbol) {
                        Ok(Some((state, longer))) if known.insert(state.clone()) => {
                            next.push(longer);
                        }
                        Ok(_) => {}
                        Err(wrong) => self.wrong.push(wrong),
                    }
                    if self.wrong.len() >= TOLD {
                        return;
                    }
                }
            }
            front = next;
        }
        let symbols = alphabet.len() as u64;
        let lengths = 1..=self.limits.depth as u32;
        self.tally.all += lengths.map(|length| symbols.pow(length)).sum::<u64>();
    }

    /// Runs a sequence to its end. What may be gone on with, and the state it leaves.
    fn sequence(
        &mut self,
        prefix: &[Symbol],
        said: &[Symbol],
        last: Symbol,
    ) -> Result<Option<(String, Sequence)>, String> {
        let mut run = replay(self.arena, &[prefix, said].concat())?;
        if !run.say(last)? {
            return Ok(None);
        }
        self.tally.run += 1;
        let first = said.is_empty();
        let said = [said, &[last]].concat();
        let dead = run.stage() == Stage::Dead;
        let left = (!dead && said.len() < self.limits.depth).then(|| {
            let waits = run.anything_waits();
            (run.state(), Sequence { said, waits })
        });
        run.finish()?;
        if dead && first {
            run.say_everything()?;
        }
        Ok(left)
    }
}

impl Explorer<'_> {
    /// What waits for its keys may be said before or after anything but what brings them. Where any record may
    /// wait, every pair is tried in both orders; of longer sequences only those in which all that waits comes
    /// last, but for what brings the keys and what comes behind that.
    fn follows(&self, sequence: &Sequence, symbol: Symbol) -> bool {
        let waiting = sequence.said.iter().filter(|said| said.is_under_keys());
        let waiting: Vec<_> = waiting.copied().collect();
        let is_followed = |waiting: &[Symbol]| {
            let mut symbols = waiting.iter();
            waiting.len() <= self.limits.waiting || symbols.all(|symbol| WAITING.contains(symbol))
        };
        if !sequence.waits {
            true
        } else if sequence.said.len() < 2 {
            is_followed(&waiting)
        } else if symbol.is_under_keys() {
            is_followed(&[&waiting[..], &[symbol]].concat())
        } else {
            is_followed(&waiting) && self.arena.variant.brings_keys(symbol)
        }
    }
}

fn replay<'a>(arena: &'a Arena, said: &[Symbol]) -> Result<Run<'a>, String> {
    let mut run = arena.run();
    for symbol in said {
        run.say(*symbol)?;
    }
    Ok(run)
}

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    /// Legal prefixes.
    places: u64,
    /// Sequences that were said, each behind its prefix, and the rest of the handshake behind it.
    run: u64,
    /// Sequences that there are of up to this many symbols.
    all: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: Tally) {
        self.places += other.places;
        self.run += other.run;
        self.all += other.all;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { places, run, all } = self;
        write!(f, "{run} sequences, for all {all} behind {places} prefixes")
    }
}
