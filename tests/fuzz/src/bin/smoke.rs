//! Feeds each target its seeds, and random changes of them: a short run, the same for the same seed.
//!
//!     cargo run --release --bin smoke                      # in tests/fuzz
//!     cargo run --release --bin smoke -- --only pair --seed 7 --seconds 60
//!     cargo run --release --bin smoke -- --only pair --input 000102
//!     cargo run --release --bin smoke -- --write corpus    # seeds for cargo-fuzz

use clap::Parser;
use flightline::fuzzing::{TARGETS, Target, check_seeds};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{fs, panic};

/// Tries every target with seeded input.
#[derive(Parser)]
struct Options {
    /// Only this target
    #[arg(long)]
    only: Option<String>,
    /// The seed of everything random
    #[arg(long)]
    seed: Option<u64>,
    /// For how long each target is tried
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// One input, in hexadecimal digits, instead of random ones
    #[arg(long)]
    input: Option<String>,
    /// Writes the targets' seeds into directories under this one, and tries nothing
    #[arg(long)]
    write: Option<PathBuf>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let options = Options::parse();
    let chosen: Vec<&Target> = TARGETS
        .iter()
        .filter(|target| options.only.as_ref().is_none_or(|only| only == target.name))
        .collect();
    if chosen.is_empty() {
        return Err("no target of this name".into());
    }
    if let Some(directory) = &options.write {
        write(&chosen, directory)?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.input.is_none() {
        check_seeds();
    }
    let seed = options.seed.unwrap_or_else(rand::random);
    println!("seed {seed}");
    let mut failed = false;
    for target in chosen {
        let outcome = match &options.input {
            Some(digits) => attempt(target, &parse(digits)?).map(|()| 1),
            None => run(target, seed, Duration::from_secs(options.seconds)),
        };
        match outcome {
            Ok(runs) => println!("ok    {:22} {runs} inputs", target.name),
            Err(Finding(input)) => {
                failed = true;
                println!("FAIL  {:22} --only {0} --input {input}", target.name);
            }
        }
    }
    Ok(match failed {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// An input that a target does not bear.
struct Finding(String);

fn run(target: &Target, seed: u64, time: Duration) -> Result<u64, Finding> {
    let mut random = StdRng::seed_from_u64(seed);
    let seeds = (target.seeds)();
    for seed in &seeds {
        attempt(target, seed)?;
    }
    let (mut runs, start) = (seeds.len() as u64, Instant::now());
    while start.elapsed() < time {
        attempt(target, &change(&seeds, &mut random))?;
        runs += 1;
    }
    Ok(runs)
}

fn attempt(target: &Target, input: &[u8]) -> Result<(), Finding> {
    panic::catch_unwind(|| (target.run)(input)).map_err(|_| Finding(hex(input)))
}

/// A seed, changed in a few places; or parts of two; or anything.
fn change(seeds: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
    let mut input = seeds.choose(random).cloned().unwrap_or_default();
    if random.random_bool(0.05) {
        input = vec![0; random.random_range(0..300)];
        random.fill_bytes(&mut input);
    }
    if random.random_bool(0.2) {
        let other = seeds.choose(random).cloned().unwrap_or_default();
        input.truncate(random.random_range(0..=input.len()));
        input.extend(&other[random.random_range(0..=other.len())..]);
    }
    for _ in 0..random.random_range(0..6) {
        let at = random.random_range(0..=input.len());
        match random.random_range(0..5) {
            0 => input.insert(at, random.random()),
            1 => input.truncate(at),
            2 => {
                let byte = random.random();
                input.iter_mut().skip(at).take(1).for_each(|b| *b = byte);
            }
            3 => {
                let bit = 1 << random.random_range(0..8);
                input.iter_mut().skip(at).take(1).for_each(|b| *b ^= bit);
            }
            _ => {
                let end = (at + random.random_range(0..20)).min(input.len());
                let again = input[at..end].to_vec();
                input.splice(at..at, again);
            }
        }
    }
    input
}

fn write(targets: &[&Target], directory: &std::path::Path) -> std::io::Result<()> {
    for target in targets {
        let directory = directory.join(target.name);
        fs::create_dir_all(&directory)?;
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(directory.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse(digits: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let bytes = digits.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair)?;
        Ok(u8::from_str_radix(pair, 16)?)
    });
    bytes.collect()
}
