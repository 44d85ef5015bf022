//! What floods do to a listener, beside a bare UDP program in the same run: `cargo bench --bench floods`.
//!
//! Part one, [`saturation`]: as much of each kind of flood as comes, and what the listener's dispatcher
//! makes of it. Part two, [`steady`]: a flood of so many hellos a second, and what good clients and
//! established connections notice of it. Every role is a process of its own, this program started again.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing
)]

mod bare;
mod generator;
mod kinds;
mod saturation;
#[path = "../shared/mod.rs"]
mod shared;
mod steady;

use clap::{Parser, Subcommand};
use shared::Outcome;
use shared::clients::Clients;
use shared::machine;
use shared::server::Serve;
use std::process::ExitCode;

/// Floods a listener and prints tables of what it makes of them.
#[derive(Parser, Debug)]
struct Arguments {
    /// What cargo says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
    #[command(flatten)]
    saturation: saturation::Saturation,
    #[command(flatten)]
    steady: steady::Steady,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What a child does.
#[derive(Subcommand, Debug)]
#[command(hide = true)]
enum Role {
    Serve(Serve),
    Bare(bare::Bare),
    Flood(generator::Flood),
    Clients(Clients),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.role {
        Some(Role::Serve(serve)) => serve.run(|| 0),
        Some(Role::Bare(bare)) => bare.run(),
        Some(Role::Flood(flood)) => flood.run(),
        Some(Role::Clients(clients)) => clients.run(),
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
    arguments.saturation.run()?;
    arguments.steady.run()
}
