//! The state machine of DTLS 1.2, both sides of it, opposite a peer that can say any message in any order,
//! under right keys, wrong ones and none. After each legal prefix of each kind of handshake all sequences of
//! its symbols are said; exactly the legal ones are accepted, nothing finishes or is delivered early, what was
//! ignored left no trace, and what has failed stays failed.
//!
//! [`symbol`] is the alphabet, [`flights`] the notation of the language and [`variants12`] the language
//! itself; [`oracle`] says what is right. [`peer12`] says the symbols, [`subject`] hears them, [`run`] compares,
//! and [`explorer`] goes through the sequences. [`patterns`] are the bugs that others have had, by name.

mod explorer;
mod flights;
mod oracle;
mod patterns;
mod peer12;
mod run;
mod setup12;
mod subject;
mod symbol;
mod variants12;

use explorer::{Explorer, Limits, Tally};
use oracle::Mode;
use run::Arena;
use std::time::Instant;
use variants12::{CLIENTS, Cost, SERVERS, Variant};

/// How far a variant's sequences go. `FLIGHTLINE_DEPTH=4` has all of them go as far as that, which takes
/// minutes; otherwise those go further that are without signatures.
fn limits(variant: &Variant) -> Limits {
    let depth = std::env::var("FLIGHTLINE_DEPTH").ok();
    let depth = depth.map(|depth| depth.parse().expect("a number of symbols"));
    let (depth, waiting) = match (depth, variant.cost()) {
        (None, Cost::Least | Cost::Little) => (3, 1),
        (None, Cost::Much) => (2, 0),
        (Some(depth), Cost::Least) => (depth, 3),
        (Some(depth), Cost::Little) => (depth, 2),
        (Some(depth), Cost::Much) => (depth, 1),
    };
    Limits { depth, waiting }
}

fn explore(variants: &'static [Variant]) {
    let began = Instant::now();
    let mut total = Tally::default();
    let mut wrong = Vec::new();
    for variant in variants {
        for mode in [Mode::Strict, Mode::Patient] {
            let arena = Arena::new(variant, mode);
            let mut explorer = Explorer::new(&arena, limits(variant));
            explorer.every_place();
            println!("{} ({mode:?}): {}", variant.name, explorer.tally);
            total.add(explorer.tally);
            wrong.extend(explorer.wrong);
        }
    }
    println!("{total}, in {:.1?}", began.elapsed());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn d01_d02_d04_d05_d06_d10_d11_d12_a_client_takes_what_is_legal_and_nothing_else() {
    explore(CLIENTS);
}

#[test]
fn d01_d02_d03_d05_d10_d11_d12_a_server_takes_what_is_legal_and_nothing_else() {
    explore(SERVERS);
}
