//! The parts of the benchmark, each with tables of its own.

mod at_once;
mod fairness;
mod idle;
mod saturation;
mod steady;

use crate::tools::Outcome;
use clap::{CommandFactory, Parser};

#[derive(Parser, Debug)]
pub(crate) enum Part {
    /// As much of each kind of flood as comes, and what the dispatcher makes of it
    Saturation(saturation::Saturation),
    /// A flood of so many hellos a second, and what good clients and established connections notice
    Steady(steady::Steady),
    /// Connections that lie idle: what each of them holds, and what all of them cost
    Idle(idle::Idle),
    /// Clients that come all at the same moment
    AtOnce(at_once::AtOnce),
    /// Clients beside others that stick, flood or trickle
    Fairness(fairness::Fairness),
}

impl Part {
    pub(crate) fn run(&self) -> Outcome<()> {
        match self {
            Part::Saturation(part) => part.run(),
            Part::Steady(part) => part.run(),
            Part::Idle(part) => part.run(),
            Part::AtOnce(part) => part.run(),
            Part::Fairness(part) => part.run(),
        }
    }
}

/// Every part, as it is where nothing else is asked for.
pub(crate) fn all() -> Outcome<Vec<Part>> {
    let command = Part::command();
    let names = command.get_subcommands().map(|part| part.get_name());
    let parts = names.map(|name| Part::try_parse_from(["load", name]));
    Ok(parts.collect::<Result<_, _>>()?)
}
