//! What crowds of clients cost a listener, and what they notice of each other: `cargo bench --bench crowds`.
//!
//! [`idle`]: many connections that lie idle. [`at_once`]: many clients that come at the same moment.
//! [`fairness`]: clients beside others that stick, flood or trickle. Every role is a process of its own,
//! this program started again.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing
)]

mod at_once;
mod disturber;
mod fairness;
mod idle;
#[path = "../shared/mod.rs"]
mod shared;
mod trickle;

use clap::{Parser, Subcommand};
use peak_alloc::PeakAlloc;
use shared::Outcome;
use shared::clients::Clients;
use shared::machine;
use shared::server::Serve;
use std::process::ExitCode;

/// Counts what is in use of the heap, which the server's process tells.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Brings crowds to a listener and prints tables of what they cost and notice.
#[derive(Parser, Debug)]
struct Arguments {
    /// What cargo says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
    #[command(flatten)]
    idle: idle::Idle,
    #[command(flatten)]
    at_once: at_once::AtOnce,
    #[command(flatten)]
    fairness: fairness::Fairness,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What a child does.
#[derive(Subcommand, Debug)]
#[command(hide = true)]
enum Role {
    Serve(Serve),
    Clients(Clients),
    Disturb(disturber::Disturb),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.role {
        Some(Role::Serve(serve)) => serve.run(|| HEAP.current_usage()),
        Some(Role::Clients(clients)) => clients.run(),
        Some(Role::Disturb(disturb)) => disturb.run(),
        None => run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Outcome<()> {
    println!("{}", machine::describe()?);
    arguments.idle.run()?;
    arguments.at_once.run()?;
    arguments.fairness.run()
}
