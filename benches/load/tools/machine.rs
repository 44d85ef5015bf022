//! What is known of this process, most of it from Linux, and where the machine's own limits are.

use super::{Facts, Outcome};
use peak_alloc::PeakAlloc;
use std::fs;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Instant;

/// Counts what is in use of the heap.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// What a server tells of its process, with the socket at `address`, whose main thread reads that.
pub(crate) fn observe(address: SocketAddr) -> Outcome<Facts> {
    Ok(Facts::new()
        .with("thread_ns", main_thread_time()?)
        .with("process_s", process_time()?)
        .with("kernel_drops", kernel_drops(address)?)
        .with("resident", resident()?)
        .with("heap", HEAP.current_usage())
        .with("at_ns", started().elapsed().as_nanos()))
}

/// The beginning of time, for differences.
fn started() -> Instant {
    static STARTED: OnceLock<Instant> = OnceLock::new();
    *STARTED.get_or_init(Instant::now)
}

/// Resident memory of this process, in KiB.
fn resident() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let words = line.ok_or("no VmRSS")?.split_whitespace();
    Ok(words.skip(1).take(1).collect::<String>().parse()?)
}

/// Processor time of the main thread, in nanoseconds.
fn main_thread_time() -> Outcome<u64> {
    let path = format!("/proc/self/task/{}/schedstat", std::process::id());
    let told = fs::read_to_string(path)?;
    Ok(told
        .split_whitespace()
        .take(1)
        .collect::<String>()
        .parse()?)
}

/// Processor time of this process with all its threads, in seconds.
fn process_time() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name, which may hold anything, ends with the last parenthesis; user and system time are the
    // 12th and 13th words behind it, in hundredths of a second.
    let (_, behind) = stat.rsplit_once(')').ok_or("no name")?;
    let times = behind.split_whitespace().skip(11).take(2);
    let ticks: Vec<f64> = times.map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

/// What the kernel had to drop since the socket bound to this address did not keep up.
fn kernel_drops(address: SocketAddr) -> Outcome<u64> {
    let port = format!(":{:04X}", address.port());
    let sockets = fs::read_to_string("/proc/self/net/udp")?;
    let mut drops = 0;
    for line in sockets.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, local, remote, .., last] = words[..] else {
            continue;
        };
        if local == format!("0100007F{port}") && remote == "00000000:0000" {
            drops += last.parse::<u64>()?;
        }
    }
    Ok(drops)
}

/// How many files this process may have open.
pub(crate) fn open_files() -> Outcome<usize> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let words = line.ok_or("no limit of open files")?.split_whitespace();
    let soft: String = words.skip(3).take(1).collect();
    Ok(soft.parse().unwrap_or(usize::MAX))
}

/// Says which limit of the machine is in the way of so many threads in one process, if one is.
pub(crate) fn room_for_threads(threads: usize) -> Outcome<()> {
    let limits = [
        ("/proc/sys/vm/max_map_count", 4),
        ("/proc/sys/kernel/threads-max", 1),
        ("/proc/sys/kernel/pid_max", 1),
    ];
    for (path, each) in limits {
        let limit: usize = fs::read_to_string(path)?.trim().parse()?;
        if threads * each >= limit {
            return Err(format!(
                "{threads} threads need {} of {path}, which is {limit}",
                threads * each
            )
            .into());
        }
    }
    Ok(())
}

/// How busy the machine was before, and on how many processors.
pub(crate) fn describe() -> Outcome<String> {
    let load = fs::read_to_string("/proc/loadavg")?;
    let load: Vec<_> = load.split_whitespace().take(1).collect();
    let processors = std::thread::available_parallelism()?;
    Ok(format!(
        "{processors} processors, load before {}",
        load.join(" ")
    ))
}
