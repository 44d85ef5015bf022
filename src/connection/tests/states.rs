//! The state machines of DTLS 1.2 and 1.3, both sides of each, opposite a peer that can say any message in any
//! order, under right keys, wrong ones and none. After each legal prefix of each kind of handshake all sequences of
//! its symbols are said; exactly the legal ones are accepted, nothing finishes or is delivered early, what was
//! ignored left no trace, and what has failed stays failed.
//!
//! [`symbol`] is the alphabet of each version, [`flights`] the notation of a language, and [`variants12`] and
//! [`variants13`] the languages themselves; [`oracle`], by [`oracle12`] or [`oracle13`], says what is right.
//! [`peer12`] and [`peer13`] say the symbols, [`subject`] hears them, [`run`] compares, and [`explorer`] goes
//! through the sequences. [`patterns12`] and [`patterns13`] are the bugs that others have had, by name. Sides that
//! speak both versions have [`variants_of_both`], [`oracle_of_both`] and [`peer_of_both`].

mod explorer;
mod flights;
mod oracle;
mod oracle12;
mod oracle13;
mod oracle_of_both;
mod patterns;
mod patterns12;
mod patterns13;
mod peer;
mod peer12;
mod peer13;
mod peer_of_both;
mod run;
mod setup;
mod subject;
mod symbol;
mod variants;
mod variants12;
mod variants13;
mod variants_of_both;

use explorer::{Explorer, Merging, Tally};
use oracle::Mode;
use run::Arena;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use variants::{Cost, Variant};
use variants_of_both::{CLIENTS_OF_BOTH, SERVERS_OF_BOTH};
use variants12::{CLIENTS, SERVERS};
use variants13::{CLIENTS13, SERVERS13};

/// How far all sequences go where `FLIGHTLINE_DEPTH=4` says so, which takes minutes.
fn depth() -> Option<usize> {
    let depth = std::env::var("FLIGHTLINE_DEPTH").ok()?;
    Some(depth.parse().expect("a number of symbols"))
}

/// How far a variant's sequences go. If nobody says, those go further that cost less.
fn depth_of(variant: &Variant) -> usize {
    depth().unwrap_or(match variant.cost() {
        Cost::Least | Cost::Little => 3,
        Cost::Much => 2,
        Cost::Most => 1,
    })
}

/// Each variant in both modes, on as many threads as the machine has processors.
fn in_each(
    variants: impl IntoIterator<Item = &'static Variant>,
    look: impl Fn(&Arena) -> Outcome + Sync,
) {
    let began = Instant::now();
    let modes = [Mode::Strict, Mode::Patient];
    let of_both = |variant| modes.map(|mode| (variant, mode));
    let all: Vec<_> = variants.into_iter().flat_map(of_both).collect();
    let next = AtomicUsize::new(0);
    let work = || -> Vec<Outcome> {
        let turns = std::iter::from_fn(|| all.get(next.fetch_add(1, Ordering::Relaxed)));
        let outcomes = turns.map(|(variant, mode)| {
            let outcome = look(&Arena::new(variant, *mode));
            println!("{} ({mode:?}): {}", variant.name, outcome.tally);
            outcome
        });
        outcomes.collect()
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let done = threads.into_iter().map(|thread| thread.join().unwrap());
        done.flatten().collect()
    });
    let mut total = Tally::default();
    let mut wrong = Vec::new();
    for outcome in outcomes {
        total.add(outcome.tally);
        wrong.extend(outcome.wrong);
    }
    println!("{total}, in {:.1?}", began.elapsed());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

struct Outcome {
    tally: Tally,
    wrong: Vec<String>,
}

fn explore(variants: &'static [Variant]) {
    in_each(variants, |arena| {
        let mut explorer = Explorer::new(arena, depth_of(arena.variant), Merging::OfOneState);
        explorer.every_place();
        Outcome {
            tally: explorer.tally,
            wrong: explorer.wrong,
        }
    });
}

/// That nothing is lost by what makes the exploration finite: where each sequence has a handshake of its own
/// and is gone on with, whatever state it leaves, all is right too, and the states are the same.
fn explore_without_merging(arena: &Arena) -> Outcome {
    let merging = [Merging::OfOneState, Merging::Nothing];
    let [merged, each] = merging.map(|merging| {
        let mut explorer = Explorer::new(arena, UNMERGED, merging);
        explorer.every_place();
        explorer
    });
    let mut wrong = [&merged.wrong[..], &each.wrong].concat();
    for (merged, each) in merged.reached.iter().zip(&each.reached) {
        let mut others = merged.symmetric_difference(each);
        wrong.extend(others.next().map(|state| {
            let (name, mode) = (arena.variant.name, arena.mode);
            format!("{name} ({mode:?}): reached in one way only: {state:?}")
        }));
    }
    Outcome {
        tally: each.tally,
        wrong,
    }
}

/// Symbols in a sequence where none stands for others.
const UNMERGED: usize = 2;

/// Variants of every kind, of which that is tried.
const CONTROLS: [&str; 11] = [
    "client, PSK, cookie",
    "client, ECDHE, cookie, new ticket",
    "client, resumed by ticket, new ticket",
    "server, PSK, cookie",
    "server, ECDHE, certificate optional and shown",
    "server, resumed by ticket",
    "client 1.3, PSK, cookie",
    "client 1.3, PSK, tickets and new keys",
    "server 1.3, PSK, tickets and new keys",
    "client of both, PSK, 1.2",
    "server of both, PSK, 1.3",
];

#[test]
fn d01_d02_d04_d05_d06_d10_d11_d12_a_client_takes_what_is_legal_and_nothing_else() {
    explore(CLIENTS);
}

#[test]
fn d01_d02_d03_d05_d10_d11_d12_a_server_takes_what_is_legal_and_nothing_else() {
    explore(SERVERS);
}

#[test]
fn d01_d04_d05_d06_d10_d11_d12_f03_f04_a_client_of_dtls_1_3_takes_what_is_legal_and_nothing_else() {
    explore(CLIENTS13);
}

#[test]
fn d01_d03_d05_d10_d11_d12_f03_f04_a_server_of_dtls_1_3_takes_what_is_legal_and_nothing_else() {
    explore(SERVERS13);
}

#[test]
fn a_client_of_both_versions_takes_what_is_legal_and_nothing_else() {
    explore(CLIENTS_OF_BOTH);
}

#[test]
fn a_server_of_both_versions_takes_what_is_legal_and_nothing_else() {
    explore(SERVERS_OF_BOTH);
}

#[test]
fn sequences_that_leave_one_state_go_on_alike() {
    if depth().is_some() {
        in_each(CONTROLS.map(patterns::variant), explore_without_merging);
    }
}
