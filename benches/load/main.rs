//! What floods and crowds do to a listener, beside bare UDP programs in the same run:
//! `cargo bench --bench load`.
//!
//! It prints the tables of all [`parts`], or of the one that the command line names. Each of the
//! [`roles`] is a process of its own, this program started again.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing
)]

mod parts;
mod roles;
mod tools;

use clap::{Parser, Subcommand};
use parts::Part;
use roles::Role;
use std::process::ExitCode;
use tools::{Outcome, machine};

/// Brings floods and crowds to a listener and prints tables of what it makes of them: of every part, or
/// of one.
#[derive(Parser, Debug)]
struct Arguments {
    /// What cargo says to every benchmark
    #[arg(long, hide = true, global = true)]
    bench: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    #[command(flatten)]
    Part(Part),
    #[command(flatten)]
    Role(Role),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Some(Command::Role(role)) => role.run(),
        Some(Command::Part(part)) => print(&[part]),
        None => parts::all().and_then(|parts| print(&parts)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(parts: &[Part]) -> Outcome<()> {
    println!("{}", machine::describe()?);
    parts.iter().try_for_each(Part::run)
}
