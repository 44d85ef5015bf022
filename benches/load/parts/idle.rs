//! Connections that lie idle: what each of them holds, and what all of them cost.

use crate::tools::pki::Offer;
use crate::tools::{Child, Opt, Outcome, Table, Target, machine, name, verdict};
use clap::Args;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What a connection may hold of the heap, in KiB.
const MARK: f64 = 8.0;

/// Files that a process of clients has open beside their sockets.
const OTHER_FILES: usize = 64;

/// How long the server may need to be empty after all have left.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Args, Debug)]
pub(crate) struct Idle {
    /// Idle connections
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// Seconds for which their cost is watched
    #[arg(long, default_value_t = 30.0)]
    watch: f64,
    /// Stack of each of the server's workers, in KiB
    #[arg(long, default_value_t = 64)]
    worker_stack: usize,
}

/// What was seen of connections of one version.
struct Seen {
    took: f64,
    resent: usize,
    heap: f64,
    resident: f64,
    busy: f64,
    emptied: f64,
    left_over: f64,
    /// Farewells, and whatever else the kernel dropped while they left.
    unheard: u64,
}

impl Idle {
    pub(crate) fn run(&self) -> Outcome<()> {
        machine::room_for_threads(self.connections)?;
        let (old, new) = (self.measure(Offer::Only12)?, self.measure(Offer::Default)?);
        let mut table = Table::new(["", "DTLS 1.2", "DTLS 1.3", "mark", ""]);
        let mut row = |title: &str, what: &dyn Fn(&Seen) -> String, mark: &str, reached: String| {
            table.row([title.into(), what(&old), what(&new), mark.into(), reached]);
        };
        let fits = verdict(old.heap.max(new.heap) <= MARK);
        row(
            "heap of each, KiB",
            &|seen| format!("{:.2}", seen.heap),
            "8 at most",
            fits,
        );
        row(
            "resident memory of each, KiB",
            &|seen| format!("{:.1}", seen.resident),
            "",
            String::new(),
        );
        row(
            "processor time a minute, s",
            &|seen| format!("{:.2}", seen.busy),
            "",
            String::new(),
        );
        row(
            "all connected after, s",
            &|seen| format!("{:.1}", seen.took),
            "",
            String::new(),
        );
        row(
            "clients that sent a flight again",
            &|seen| seen.resent.to_string(),
            "",
            String::new(),
        );
        let empty = verdict(old.emptied.max(new.emptied) < PATIENCE.as_secs_f64());
        row(
            "gauges at zero after they left, s",
            &|seen| format!("{:.1}", seen.emptied),
            "in the end",
            empty,
        );
        row(
            "datagrams of theirs that the kernel dropped",
            &|seen| seen.unheard.to_string(),
            "",
            String::new(),
        );
        row(
            "heap that is left then, KiB in all",
            &|seen| format!("{:.0}", seen.left_over),
            "",
            String::new(),
        );
        table.print(&format!(
            "{} idle connections in one process, workers with stacks of {} KiB",
            self.connections, self.worker_stack
        ));
        Ok(())
    }

    fn measure(&self, offer: Offer) -> Outcome<Seen> {
        eprintln!("idle: {offer:?}");
        let room = self.connections + 64;
        let options: [Opt<'_>; 2] = [("stack", &self.worker_stack), ("connections", &room)];
        let mut server = Target::start("serve", &options)?;
        // What the first connection makes for all is no connection's.
        let mut first = come(&server, offer, 1, 99)?;
        first.hear()?;
        first.ask("leave")?;
        empty(&mut server)?;
        let before = server.ask()?;

        let start = Instant::now();
        let each = machine::open_files()?.saturating_sub(OTHER_FILES);
        let mut crowds = Vec::new();
        let mut left = self.connections;
        while left > 0 {
            let number = left.min(each);
            left -= number;
            let network = 100 + crowds.len() as u8;
            crowds.push(come(&server, offer, number, network)?);
        }
        let (mut connected, mut resent) = (0, 0);
        for crowd in &mut crowds {
            let came = crowd.hear()?;
            connected += came.get::<usize>("connected")?;
            resent += came.get::<usize>("resent")?;
        }
        let took = start.elapsed().as_secs_f64();
        if connected < self.connections {
            return Err(format!("only {connected} of {} connected", self.connections).into());
        }

        // The last flights are served for some seconds.
        sleep(Duration::from_secs(5));
        let idle = server.ask()?;
        sleep(Duration::from_secs_f64(self.watch));
        let watched = server.ask()?;
        let each =
            |what: &str| Outcome::Ok(watched.since(&before, what)? / self.connections as f64);
        let (heap, resident) = (each("heap")? / 1024.0, each("resident")?);
        let busy = watched.since(&idle, "process_s")?;
        let watch = watched.since(&idle, "at_ns")? / 1e9;

        for crowd in &mut crowds {
            crowd.order("leave")?;
        }
        for crowd in &mut crowds {
            crowd.hear()?;
        }
        let emptied = empty(&mut server)?;
        let after = server.ask()?;
        Ok(Seen {
            took,
            resent,
            heap,
            resident,
            busy: busy / watch * 60.0,
            emptied,
            unheard: after.since(&watched, "kernel_drops")? as u64,
            left_over: after.since(&before, "heap")? / 1024.0,
        })
    }
}

/// Clients come from a network of their own, not all of them at once.
fn come(server: &Target, offer: Offer, number: usize, network: u8) -> Outcome<Child> {
    let options: [Opt<'_>; 4] = [
        ("offer", &name(offer)),
        ("number", &number),
        ("network", &network),
        ("at-once", &50),
    ];
    server.child("clients", &options)
}

/// Waits until the server has no connections and no handshakes; how many seconds that took.
fn empty(server: &mut Target) -> Outcome<f64> {
    let start = Instant::now();
    loop {
        let told = server.ask()?;
        let gauges = (
            told.get::<u64>("connections")?,
            told.get::<u64>("handshakes")?,
        );
        if gauges == (0, 0) || start.elapsed() > PATIENCE {
            return Ok(start.elapsed().as_secs_f64());
        }
        sleep(Duration::from_millis(50));
    }
}
