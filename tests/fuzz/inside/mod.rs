//! What the fuzzer holds true, from inside the crate: these files are a module of it, and only where
//! `flightline_fuzzing` is set. Each target takes any bytes and panics where something does not hold.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod acknowledgements;
mod certificates;
mod cookie_gate;
mod duel;
mod handshake;
mod hellos;
mod input;
mod key_updates;
mod kinds;
mod messages;
mod opened;
mod pair;
mod reassembly;
mod records;
mod replay;
mod retold;
mod tickets;

/// A target: its name, what it does with an input, and inputs to begin with.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    pub seeds: fn() -> Vec<Vec<u8>>,
}

#[rustfmt::skip]
pub const TARGETS: [Target; 16] = [
    Target { name: "record", run: records::run, seeds: records::seeds },
    Target { name: "replay_window", run: replay::run, seeds: replay::seeds },
    Target { name: "handshake_messages", run: messages::run, seeds: messages::seeds },
    Target { name: "hellos", run: hellos::run, seeds: hellos::seeds },
    Target { name: "reassembly", run: reassembly::run, seeds: reassembly::seeds },
    Target { name: "acknowledgements", run: acknowledgements::run, seeds: acknowledgements::seeds },
    Target { name: "cookie_gate", run: cookie_gate::run, seeds: cookie_gate::seeds },
    Target { name: "ticket", run: tickets::run, seeds: tickets::seeds },
    Target { name: "certificates", run: certificates::run, seeds: certificates::seeds },
    Target { name: "server", run: handshake::server, seeds: handshake::seeds_server },
    Target { name: "server_authenticated", run: handshake::server_authenticated, seeds: handshake::seeds_server_authenticated },
    Target { name: "client", run: handshake::client, seeds: handshake::seeds_client },
    Target { name: "client_authenticated", run: handshake::client_authenticated, seeds: handshake::seeds_client_authenticated },
    Target { name: "key_updates", run: key_updates::run, seeds: key_updates::seeds },
    Target { name: "pair", run: pair::run, seeds: pair::seeds },
    Target { name: "pair_corrupted", run: pair::run_corrupted, seeds: pair::seeds },
];

/// The target of this name.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.unwrap_or_else(|| panic!("no target {name}")).run)(data);
}

/// Panics where the seeds do not reach what they are for.
pub fn check_seeds() {
    cookie_gate::check_seeds();
    handshake::check_seeds();
    reassembly::check_seeds();
}
