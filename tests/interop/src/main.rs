//! Talks to OpenSSL's s_client and s_server, and to gnutls-cli: every suite, group, kind of certificate and way to
//! authenticate that both have, over a good path and over one that loses a fifth of all datagrams.
//! After each handshake messages go both ways and are compared.
//!
//!     cargo run --release            # in tests/interop
//!     cargo run --release -- --only "group P-256" --seed 7

mod cases;
mod configuration;
mod pki;
mod proxy;
mod run;
mod tool;

use cases::{Case, Ours};
use clap::Parser;
use std::error::Error;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub type Res<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Whether everything that happens is printed.
static VERBOSE: AtomicBool = AtomicBool::new(false);

fn is_verbose() -> bool {
    VERBOSE.load(Ordering::Relaxed)
}

/// Tries flightline against OpenSSL.
#[derive(Parser)]
struct Options {
    /// Run only cases whose line contains this
    #[arg(long, default_value = "")]
    only: String,
    /// The seed of the first bad path; each path has the next
    #[arg(long)]
    seed: Option<u64>,
    /// Print the flight log of our side and the fate of every datagram on a bad path
    #[arg(short, long)]
    verbose: bool,
    /// Cases at a time
    #[arg(long, default_value_t = 4)]
    jobs: usize,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the cases; how many failed.
fn run(options: &Options) -> Res<usize> {
    let version = Command::new("openssl")
        .arg("version")
        .output()
        .map_err(|error| format!("openssl cannot be run, install it: {error}"))?;
    let seed = options
        .seed
        .unwrap_or_else(|| u64::from(std::process::id()));
    println!(
        "flightline against {}",
        String::from_utf8_lossy(&version.stdout).trim()
    );
    println!("seed {seed}");
    VERBOSE.store(options.verbose, Ordering::Relaxed);
    let pki = pki::Pki::new()?;
    let cases: Vec<Case> = cases::all(seed)
        .into_iter()
        .filter(|case| line(case).contains(&options.only))
        .collect();
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let start = Instant::now();
                    let outcome = run::run(case, &pki);
                    print(case, &outcome, start.elapsed());
                    if outcome.is_err() {
                        failures.lock().unwrap().push(line(case));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner()?;
    for failure in &failures {
        println!("failed: {failure}");
    }
    let passed = cases.len() - failures.len();
    println!(
        "{passed} passed, {} failed in {:.0?} (seed {seed})",
        failures.len(),
        start.elapsed()
    );
    if cases.is_empty() {
        return Err("no case has this in its line".into());
    }
    Ok(failures.len())
}

fn line(case: &Case) -> String {
    let sides = match case.ours {
        Ours::Client => "client -> s_server",
        Ours::Server if case.gnutls => "gnutls-cli -> server",
        Ours::Server => "s_client -> server",
    };
    format!("{sides}  {}", case.name)
}

fn print(case: &Case, outcome: &Res<String>, took: Duration) {
    let (verdict, detail) = match outcome {
        Ok(detail) => ("ok  ", detail.clone()),
        Err(error) => ("FAIL", error.to_string()),
    };
    let seed = case
        .seed
        .map(|seed| format!(" seed {seed}"))
        .unwrap_or_default();
    println!(
        "{verdict} {:60} {:6.2} s{seed}  {detail}",
        line(case),
        took.as_secs_f64()
    );
}
