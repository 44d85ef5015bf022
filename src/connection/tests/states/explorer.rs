//! All sequences after each legal prefix.

use super::oracle::{Stage, WAITING};
use super::run::{Arena, Run};
use super::symbol::Symbol;
use std::collections::{BTreeSet, HashSet};
use std::fmt;

/// Wrong outcomes that are told of a variant.
const TOLD: usize = 12;

/// Which sequences are gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Merging {
    /// Of those that leave one state, the first; and what leaves the state as it was is said in one go.
    OfOneState,
    /// Every one, each in a handshake of its own.
    Nothing,
}

pub(super) struct Explorer<'a> {
    arena: &'a Arena,
    /// Symbols in a sequence.
    depth: usize,
    merging: Merging,
    pub(super) tally: Tally,
    pub(super) wrong: Vec<String>,
    /// The states that were reached behind each prefix.
    pub(super) reached: Vec<BTreeSet<State>>,
}

/// All that decides what comes next, and for what waits for its keys what it makes of the handshake that an
/// honest peer brings to its end: nobody looks at it before, and then at one record after the other.
pub(super) type State = (String, Vec<String>);

impl<'a> Explorer<'a> {
    pub(super) fn new(arena: &'a Arena, depth: usize, merging: Merging) -> Explorer<'a> {
        Explorer {
            arena,
            depth,
            merging,
            tally: Tally::default(),
            wrong: Vec::new(),
            reached: Vec::new(),
        }
    }

    pub(super) fn every_place(&mut self) {
        let truth = Symbol::sequence(self.arena.variant.truth);
        for said in 0..=truth.len() {
            if let Err(wrong) = self.place(&truth[..said]) {
                self.wrong.push(wrong);
            }
        }
    }

    /// All sequences behind this prefix, the shorter ones first. What has ended is not gone on with: nothing
    /// that comes then has an effect, which each run sees to.
    fn place(&mut self, prefix: &[Symbol]) -> Result<(), String> {
        self.tally.places += 1;
        assert!(self.depth <= WAITING, "what waits has no room");
        let start = self.replay(prefix)?.state();
        let mut known = HashSet::from([(start, Vec::new())]);
        let mut front = vec![Vec::new()];
        for length in 1..=self.depth {
            let mut next = Vec::new();
            for said in &front {
                for (state, symbol) in self.after(prefix, said) {
                    let is_new = known.insert(state);
                    if length < self.depth && (is_new || self.merging == Merging::Nothing) {
                        next.push([said, &[symbol][..]].concat());
                    }
                }
                if self.wrong.len() >= TOLD {
                    return Ok(());
                }
            }
            front = next;
        }
        self.reached.push(known.into_iter().collect());
        let symbols = self.arena.variant.alphabet().len() as u64;
        let lengths = 1..=self.depth as u32;
        self.tally.all += lengths.map(|length| symbols.pow(length)).sum::<u64>();
        Ok(())
    }

    /// Every symbol behind what was said, each with the rest of the handshake behind it. What may be gone on
    /// with, and the state it leaves.
    fn after(&mut self, prefix: &[Symbol], said: &[Symbol]) -> Vec<(State, Symbol)> {
        let mut left = Vec::new();
        let before = [prefix, said].concat();
        let mut run = None;
        for symbol in self.arena.variant.alphabet() {
            match self.symbol(&before, &mut run, symbol) {
                Ok(Then::GoesOn(state)) => left.push((state, symbol)),
                Ok(Then::Ends(mut run)) if said.is_empty() => {
                    self.wrong.extend(run.say_everything().err());
                }
                Ok(_) => {}
                Err(wrong) => self.wrong.push(wrong),
            }
        }
        if let Some(Err(wrong)) = run.map(|mut run| run.finish()) {
            self.wrong.push(wrong);
        }
        left
    }

    /// One of them, in the run that is there or in another. What leaves everything as it was can be followed
    /// by the next in the same run, as if it had not been said.
    fn symbol(
        &mut self,
        before: &[Symbol],
        kept: &mut Option<Run<'a>>,
        symbol: Symbol,
    ) -> Result<Then<'a>, String> {
        let mut run = match kept.take() {
            Some(run) => run,
            None => self.replay(before)?,
        };
        let was = (run.state(), run.waiting());
        if !run.say(symbol)? {
            *kept = Some(run);
            return Ok(Then::Stays);
        }
        self.tally.said += 1;
        let state = run.state();
        // What waits takes up room, even if it will change nothing.
        let stays = (&state, run.waiting()) == (&was.0, was.1);
        if stays && self.merging == Merging::OfOneState {
            *kept = Some(run);
            return Ok(Then::Stays);
        }
        let (dead, waits) = (run.stage() == Stage::Dead, run.waiting() > 0);
        let mut opened = run.finish()?;
        if !waits {
            opened.clear();
        }
        match dead {
            true => Ok(Then::Ends(Box::new(run))),
            false => Ok(Then::GoesOn((state, opened))),
        }
    }

    fn replay(&self, said: &[Symbol]) -> Result<Run<'a>, String> {
        let mut run = self.arena.run();
        for symbol in said {
            run.say(*symbol)?;
        }
        Ok(run)
    }
}

/// What a symbol leads to.
enum Then<'a> {
    /// Where it was, if it can be said at all.
    Stays,
    GoesOn(State),
    Ends(Box<Run<'a>>),
}

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    /// Legal prefixes.
    places: u64,
    /// Sequences that were said, each behind its prefix, and the rest of the handshake behind it.
    said: u64,
    /// Sequences that there are of up to this many symbols.
    all: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: Tally) {
        self.places += other.places;
        self.said += other.said;
        self.all += other.all;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { places, said, all } = self;
        write!(
            f,
            "{said} sequences, for all {all} behind {places} prefixes"
        )
    }
}
