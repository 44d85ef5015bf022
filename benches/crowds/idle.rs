//! Connections that lie idle: what each of them holds, and what all of them cost.

use crate::shared::Outcome;
use crate::shared::child::Child;
use crate::shared::facts::Facts;
use crate::shared::machine;
use crate::shared::pki::Offer;
use crate::shared::table::{Table, verdict};
use clap::{Args, ValueEnum};
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
    /// Idle connections; 0 leaves this part out
    #[arg(long, default_value_t = 10_000)]
    idle: usize,
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
        if self.idle == 0 {
            return Ok(());
        }
        machine::room_for_threads(self.idle)?;
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
            self.idle, self.worker_stack
        ));
        Ok(())
    }

    fn measure(&self, offer: Offer) -> Outcome<Seen> {
        eprintln!("idle: {offer:?}");
        let (stack, room) = (self.worker_stack.to_string(), (self.idle + 64).to_string());
        let mut server = Child::start(&["serve", "--stack", &stack, "--connections", &room])?;
        let told = server.hear()?;
        // What the first connection makes for all is no connection's.
        let mut first = self.clients(&told, offer, 1, 99)?;
        first.hear()?;
        first.ask("leave")?;
        settle(&mut server, 0)?;
        let before = server.ask("tell")?;

        let start = Instant::now();
        let each = machine::open_files()?.saturating_sub(OTHER_FILES);
        let mut crowds = Vec::new();
        let mut left = self.idle;
        while left > 0 {
            let number = left.min(each);
            left -= number;
            let network = 100 + crowds.len() as u8;
            crowds.push(self.clients(&told, offer, number, network)?);
        }
        let (mut connected, mut resent) = (0, 0);
        for crowd in &mut crowds {
            let came = crowd.hear()?;
            connected += came.get::<usize>("connected")?;
            resent += came.get::<usize>("resent")?;
        }
        let took = start.elapsed().as_secs_f64();
        if connected < self.idle {
            return Err(format!("only {connected} of {} connected", self.idle).into());
        }

        // The last flights are served for some seconds.
        sleep(Duration::from_secs(5));
        let idle = server.ask("tell")?;
        sleep(Duration::from_secs_f64(self.watch));
        let watched = server.ask("tell")?;
        let each = |what: &str| Outcome::Ok(watched.since(&before, what)? / self.idle as f64);
        let (heap, resident) = (each("heap")? / 1024.0, each("resident")?);
        let busy = watched.since(&idle, "process_s")?;
        let watch = watched.since(&idle, "at_ns")? / 1e9;

        for crowd in &mut crowds {
            crowd.order("leave")?;
        }
        for crowd in &mut crowds {
            crowd.hear()?;
        }
        let emptied = settle(&mut server, 0)?;
        let after = server.ask("tell")?;
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

    fn clients(&self, told: &Facts, offer: Offer, number: usize, network: u8) -> Outcome<Child> {
        let (to, ca): (String, String) = (told.get("address")?, told.get("ca")?);
        let (number, network) = (number.to_string(), network.to_string());
        let offer = offer.to_possible_value().ok_or("no such offer")?;
        Child::start(&[
            "clients",
            "--to",
            &to,
            "--ca",
            &ca,
            "--offer",
            offer.get_name(),
            "--number",
            &number,
            "--network",
            &network,
            "--at-once",
            "50",
        ])
    }
}

/// Waits until the server has so many connections and no handshakes; how many seconds that took.
fn settle(server: &mut Child, connections: u64) -> Outcome<f64> {
    let start = Instant::now();
    loop {
        let told = server.ask("tell")?;
        let gauges = (
            told.get::<u64>("connections")?,
            told.get::<u64>("handshakes")?,
        );
        if gauges == (connections, 0) || start.elapsed() > PATIENCE {
            return Ok(start.elapsed().as_secs_f64());
        }
        sleep(Duration::from_millis(50));
    }
}
