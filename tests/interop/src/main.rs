//! Lets flightline talk to other implementations of DTLS, both ways: every suite, group, kind of
//! certificate and way to authenticate that both have, over a good path and over one that loses a fifth
//! of all datagrams. After each handshake messages go both ways and are compared. Beside the matrix: our
//! CoAP programs with libcoap's, and captures that tshark reads with our key logs.
//!
//!     cargo run --release            # in tests/interop
//!     cargo run --release -- --peer OpenSSL --only "P-256" --seed 7

mod capture;
mod case;
mod coap;
mod decryption;
mod feature;
mod matrix;
mod ours;
mod peers;
mod pki;
mod proxy;
mod report;
mod run;
mod section;
mod trial;

use case::Role;
use clap::Parser;
use peers::Peer;
use report::Report;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use trial::{Counterpart, Trial};

pub type Res<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Whether everything that happens is printed.
static VERBOSE: AtomicBool = AtomicBool::new(false);

fn is_verbose() -> bool {
    VERBOSE.load(Ordering::Relaxed)
}

/// Tries flightline against other implementations.
#[derive(Parser)]
struct Options {
    /// Run only cases whose line contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Run only cases with peers whose name contains this
    #[arg(long, default_value = "")]
    peer: String,
    /// The seed of the first bad path; each path has the next
    #[arg(long)]
    seed: Option<u64>,
    /// Print the flight log of our side and the fate of every datagram on a bad path
    #[arg(short, long)]
    verbose: bool,
    /// Cases at a time
    #[arg(long, default_value_t = 24)]
    jobs: usize,
    /// Write the tables to this file
    #[arg(long, conflicts_with_all = ["only", "peer"])]
    write: Option<PathBuf>,
    /// Fail if this file has other tables
    #[arg(long, conflicts_with_all = ["only", "peer"])]
    check: Option<PathBuf>,
    /// Try also what the peers are said to lack; what passes then is a lack no more
    #[arg(long)]
    lacks: bool,
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
    let peers = peers::all();
    let mut counterparts = peers
        .iter()
        .map(|peer| peers::counterpart(&**peer))
        .collect::<Res<Vec<_>>>()?;
    counterparts.extend(coap::counterparts()?);
    counterparts.push(decryption::counterpart()?);
    for counterpart in &counterparts {
        println!("{}: {}", counterpart.name, counterpart.version);
    }
    let seed = options
        .seed
        .unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed {seed}");
    VERBOSE.store(options.verbose, Ordering::Relaxed);
    let mut report = Report::default();
    let plan = plan(options, &peers, &counterparts, seed, &mut report);
    let report = Mutex::new(report);
    let failures = carry_out(&plan, options, &report)?;
    for failure in &failures {
        println!("failed: {failure}");
    }
    print_counts(&counterparts, &plan, &failures, seed);
    let page = report.into_inner()?.page(&counterparts) + &report::versions(&counterparts);
    if let Some(path) = &options.write {
        fs::write(path, &page)?;
    }
    if let Some(path) = &options.check
        && !report::same(&fs::read_to_string(path)?, &page)
    {
        return Err(format!("{} is stale: run with --write", path.display()).into());
    }
    Ok(failures.len())
}

/// Every trial that is to be run; of the others the report is told why not.
fn plan<'a>(
    options: &Options,
    peers: &'a [Box<dyn Peer>],
    counterparts: &'a [Counterpart],
    seed: u64,
    report: &mut Report,
) -> Vec<Trial<'a>> {
    let mut trials = matrix_trials(peers, counterparts, seed);
    trials.extend(coap::trials(counterparts, seed));
    trials.extend(decryption::trials(counterparts, seed));
    let mut plan = Vec::new();
    for trial in trials.into_iter().filter(|trial| !trial.is_out_of_place()) {
        report.expect(&trial);
        let lacking = trial.is_lacking();
        if lacking {
            report.lacks(&trial);
        }
        let wanted =
            trial.with.name.contains(&options.peer) && trial.line().contains(&options.only);
        if wanted && lacking == options.lacks {
            plan.push(trial);
        }
    }
    plan
}

/// Every case of the matrix with every peer, then again on a bad path if it ought to succeed.
fn matrix_trials<'a>(
    peers: &'a [Box<dyn Peer>],
    counterparts: &'a [Counterpart],
    seed: u64,
) -> Vec<Trial<'a>> {
    let good = [Role::Client, Role::Server]
        .map(matrix::on_good_paths)
        .concat();
    let bad = matrix::on_bad_paths(&good, seed);
    let mut trials = Vec::new();
    for case in good.iter().chain(&bad) {
        for (peer, with) in peers.iter().zip(counterparts) {
            trials.push(Trial {
                with,
                case: case.clone(),
                run: Box::new(move |case, pki| run::run(case, &**peer, pki)),
            });
        }
    }
    trials
}

/// Runs what is planned, some at a time; the lines of those that failed.
fn carry_out(plan: &[Trial], options: &Options, report: &Mutex<Report>) -> Res<Vec<String>> {
    if plan.is_empty() {
        return Err("no case has this in its line".into());
    }
    let pki = pki::Pki::new()?;
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                while let Some(trial) = plan.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let start = Instant::now();
                    let outcome = (trial.run)(&trial.case, &pki);
                    print(trial, &outcome, start.elapsed());
                    let mut report = report.lock().unwrap();
                    if outcome.is_ok() {
                        report.passed(trial);
                    } else {
                        report.failed(trial);
                        failures.lock().unwrap().push(trial.line());
                    }
                }
            });
        }
    });
    Ok(failures.into_inner()?)
}

fn print(trial: &Trial, outcome: &Res<String>, took: Duration) {
    let (verdict, detail) = match outcome {
        Ok(detail) => ("ok  ", detail.clone()),
        Err(error) => ("FAIL", error.to_string()),
    };
    let seed = trial
        .case
        .seed
        .map(|seed| format!(" seed {seed}"))
        .unwrap_or_default();
    println!(
        "{verdict} {:60} {:6.2} s{seed}  {detail}",
        trial.line(),
        took.as_secs_f64()
    );
}

fn print_counts(counterparts: &[Counterpart], plan: &[Trial], failures: &[String], seed: u64) {
    for counterpart in counterparts {
        let count = plan
            .iter()
            .filter(|trial| trial.with.name == counterpart.name)
            .count();
        println!("{}: {count} cases", counterpart.name);
    }
    println!(
        "{} passed, {} failed (seed {seed})",
        plan.len() - failures.len(),
        failures.len()
    );
}
