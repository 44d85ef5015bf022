//! Hours in a minute: one listener, hundreds of clients that come and go in good and bad weather, and a
//! monitor that fails the run (exit code 1) when anything grows, hangs or goes missing.
//!
//! Two processes: this one is the server and the monitor, a child of it is all the clients. So the memory,
//! threads and descriptors of the one are never mistaken for those of the other, and whoever hangs or dies
//! does it alone. The child is this program again; they talk by lines on its standard input and output.
//!
//! A run goes in rounds. In each, clients shake hands, talk, update keys, go away in every way there is and
//! come back, while storms come and go; then all of them leave. What is left when nobody is there is
//! compared with what was left after the first round: like with like.
//!
//! Where to begin: [`server::run`] is the run, [`handler`] is what it serves, [`client`] is what a client does,
//! [`talk`] and [`parting`] are the parts of that, [`weather`] is between the two.

#[path = "soak/book.rs"]
mod book;
#[path = "soak/child.rs"]
mod child;
#[path = "soak/client.rs"]
mod client;
#[path = "soak/clients.rs"]
mod clients;
#[path = "soak/failures.rs"]
mod failures;
#[path = "soak/handler.rs"]
mod handler;
#[path = "soak/kernel.rs"]
mod kernel;
#[path = "soak/message.rs"]
mod message;
#[path = "soak/parties.rs"]
mod parties;
#[path = "soak/parting.rs"]
mod parting;
#[path = "soak/server.rs"]
mod server;
#[path = "soak/stalls.rs"]
mod stalls;
#[path = "soak/talk.rs"]
mod talk;
#[path = "soak/tally.rs"]
mod tally;
#[path = "soak/vitals.rs"]
mod vitals;
#[path = "soak/weather.rs"]
mod weather;

use clap::Parser;
use flightline::Fingerprint;
use peak_alloc::PeakAlloc;
use std::error::Error as StdError;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

/// Counts what is allocated and not freed.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

pub(crate) type Outcome<T> = Result<T, Box<dyn StdError>>;

/// Runs a listener and its clients for some minutes and fails if anything grows, hangs or goes missing.
#[derive(Parser, Debug, Clone)]
struct Options {
    /// How long, in minutes: 30, 1, 0.5
    #[arg(default_value = "1", value_parser = minutes)]
    minutes: Duration,
    /// Repeats the choices of another run, though not the machine's timing
    #[arg(long)]
    seed: Option<u64>,
    /// How many clients there are at once
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=4000))]
    clients: u16,
    /// A line of figures every so many seconds
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Be the clients of this server, for the process that started this one
    #[arg(long, hide = true, requires = "pin")]
    clients_of: Option<SocketAddr>,
    /// The fingerprint of its certificate
    #[arg(long, hide = true)]
    pin: Option<Fingerprint>,
}

fn minutes(text: &str) -> Result<Duration, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "a number of minutes, such as 0.5".to_owned())?;
    match Duration::try_from_secs_f64(number * 60.0) {
        Ok(time) if time >= Duration::from_secs(15) => Ok(time),
        Ok(_) => Err("less than a quarter of a minute shows nothing".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match (options.clients_of, options.pin) {
        (Some(server), Some(pin)) => clients::run(&options, server, pin),
        _ => server::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
