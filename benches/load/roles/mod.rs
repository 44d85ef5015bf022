//! What a child does.

mod bare;
mod clients;
mod crowd;
mod disturber;
mod end;
mod flood;
mod kinds;
mod line;
mod server;
mod trickle;

pub(crate) use disturber::How;
pub(crate) use kinds::Kind;

use crate::tools::Outcome;
use clap::Subcommand;

#[derive(Subcommand, Debug)]
pub(crate) enum Role {
    #[command(hide = true)]
    Serve(server::Serve),
    #[command(hide = true)]
    Bare(bare::Bare),
    #[command(hide = true)]
    Flood(flood::Flood),
    #[command(hide = true)]
    Clients(clients::Clients),
    #[command(hide = true)]
    Disturb(disturber::Disturb),
}

impl Role {
    pub(crate) fn run(&self) -> Outcome<()> {
        match self {
            Role::Serve(role) => role.run(),
            Role::Bare(role) => role.run(),
            Role::Flood(role) => role.run(),
            Role::Clients(role) => role.run(),
            Role::Disturb(role) => role.run(),
        }
    }
}
