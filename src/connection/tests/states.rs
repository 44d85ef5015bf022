//! The state machines of DTLS 1.2 and 1.3, both sides of each, opposite a peer that can say any message in any
//! order, under right keys, wrong ones and none. After each legal prefix of each kind of handshake all sequences of
//! its symbols are said; exactly the legal ones are accepted, nothing finishes or is delivered early, what was
//! ignored left no trace, and what has failed stays failed.
//!
//! [`symbol`] is the alphabet of each version, [`flights`] the notation of a language, and [`variants12`] and
//! [`variants13`] the languages themselves; [`oracle`], by [`oracle12`] or [`oracle13`], says what is right.
//! [`peer12`] and [`peer13`] say the symbols, [`subject`] hears them, [`run`] compares, and [`explorer`] goes
//! through the sequences. [`patterns12`] and [`patterns13`] are the bugs that others have had, by name.

mod explorer;
mod flights;
mod oracle;
mod oracle12;
mod oracle13;
mod patterns;
mod patterns12;
mod patterns13;
mod peer;
mod peer12;
mod peer13;
mod run;
mod setup;
mod subject;
mod symbol;
mod variants;
mod variants12;
mod variants13;

use explorer::{Explorer, Limits, Tally};
use oracle::Mode;
use run::Arena;
use std::time::Instant;
use variants::{Cost, Variant};
use variants12::{CLIENTS, SERVERS};
use variants13::{CLIENTS13, SERVERS13};

/// How far a variant's sequences go. `FLIGHTLINE_DEPTH=4` has all of them go as far as that, which takes
/// minutes; otherwise those go further that cost less.
fn limits(variant: &Variant) -> Limits {
    let depth = std::env::var("FLIGHTLINE_DEPTH").ok();
    let depth = depth.map(|depth| depth.parse().expect("a number of symbols"));
    let (depth, waiting) = match (depth, variant.cost()) {
        (None, Cost::Least | Cost::Little) => (3, 1),
        (None, Cost::Much) => (2, 0),
        (None, Cost::Most) => (1, 0),
        (Some(depth), Cost::Least) => (depth, 3),
        (Some(depth), Cost::Little) => (depth, 2),
        (Some(depth), Cost::Much | Cost::Most) => (depth, 1),
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

#[test]
fn d01_d04_d05_d06_d10_d11_d12_f03_f04_a_client_of_dtls_1_3_takes_what_is_legal_and_nothing_else() {
    explore(CLIENTS13);
}

#[test]
fn d01_d03_d05_d10_d11_d12_f03_f04_a_server_of_dtls_1_3_takes_what_is_legal_and_nothing_else() {
    explore(SERVERS13);
}
