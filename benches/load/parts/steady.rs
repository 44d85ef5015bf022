//! A flood of so many hellos a second, and what good clients and connections notice.

use crate::roles::Kind;
use crate::tools::figures::{median, median_of, percentile};
use crate::tools::{Child, Opt, Outcome, Table, Target, name, verdict};
use clap::Args;
use std::thread::sleep;
use std::time::Duration;

#[derive(Args, Debug)]
pub(crate) struct Steady {
    /// Runs, of which the median counts
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Spoofed hellos a second
    #[arg(long, default_value_t = 50_000)]
    rate: u32,
    /// Seconds of the flood
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
    /// Good clients, 10 a second
    #[arg(long, default_value_t = 200)]
    good: usize,
    /// Established connections, with 10 echoes a second each
    #[arg(long, default_value_t = 1000)]
    established: usize,
}

/// What one run has shown, quiet and flooded.
struct Run {
    quiet: Time,
    flooded: Time,
    /// What the flood reached, in a second.
    rate: f64,
    grown: f64,
}

/// What was noticed in a time.
struct Time {
    finished: f64,
    resent: f64,
    handshakes: Vec<f64>,
    echo_p50: f64,
    echo_p99: f64,
    lost: f64,
    kernel_drops: f64,
}

/// Milliseconds between good clients.
const APART: usize = 100;

impl Steady {
    pub(crate) fn run(&self) -> Outcome<()> {
        let runs = (1..=self.runs).map(|run| {
            eprintln!("steady: run {run}");
            self.measure()
        });
        let runs: Vec<Run> = runs.collect::<Outcome<_>>()?;
        self.print(&runs);
        Ok(())
    }

    fn measure(&self) -> Outcome<Run> {
        let mut server = Target::start("serve", &[])?;
        let mut echoes = server.clients(self.established, &[("network", &80), ("at-once", &20)])?;
        let quiet = self.time(&mut server, &mut echoes, 0.0)?;

        let kind = name(Kind::Hellos);
        let mut flood = server.child("flood", &[("kind", &kind), ("rate", &self.rate)])?;
        flood.hear()?;
        let before = server.ask()?;
        flood.order(self.seconds)?;
        sleep(Duration::from_millis(500));
        let flooded = self.time(&mut server, &mut echoes, self.seconds - 1.0)?;
        let rate = flood.hear()?.get("rate")?;
        let after = server.ask()?;
        Ok(Run {
            quiet,
            flooded,
            rate,
            grown: after.since(&before, "resident")?,
        })
    }

    /// The good clients come, while the others send for so many seconds, or as long as clients come.
    fn time(&self, server: &mut Target, echoes: &mut Child, seconds: f64) -> Outcome<Time> {
        let coming = (self.good * APART) as f64 / 1e3;
        let before = server.ask()?;
        echoes.order(format!("echo {}", seconds.max(coming)))?;
        let good: [Opt<'_>; 3] = [("number", &self.good), ("network", &81), ("apart", &APART)];
        let mut clients = server.child("clients", &good)?;
        let came = clients.hear()?;
        clients.ask("leave")?;
        let echoed = echoes.hear()?;
        let after = server.ask()?;
        Ok(Time {
            finished: came.get("connected")?,
            resent: came.get("resent")?,
            handshakes: came.list("handshakes_ms")?,
            echo_p50: echoed.get("p50_ms")?,
            echo_p99: echoed.get("p99_ms")?,
            lost: echoed.get::<f64>("lost")? / echoed.get::<f64>("sent")?,
            kernel_drops: after.since(&before, "kernel_drops")?,
        })
    }

    fn print(&self, runs: &[Run]) {
        let of = |what: &dyn Fn(&Run) -> f64| median_of(runs, what);
        let mut table = Table::new(["", "quiet", "flooded", "mark", ""]);
        let both = |what: &dyn Fn(&Time) -> f64| {
            (of(&|run| what(&run.quiet)), of(&|run| what(&run.flooded)))
        };
        let good = self.good as f64;
        let mut row = |title: &str,
                       what: &dyn Fn(&Time) -> f64,
                       mark: &dyn Fn(f64, f64) -> (String, String)| {
            let (quiet, flooded) = both(what);
            let (mark, reached) = mark(quiet, flooded);
            table.row([title.into(), figure(quiet), figure(flooded), mark, reached]);
        };
        let none = |_, _| (String::new(), String::new());
        row(
            "good clients that finished",
            &|time| time.finished,
            &|_, flooded| (format!("{good}"), verdict(flooded >= good)),
        );
        row(
            "of them, sent a flight again",
            &|time| time.resent,
            &|_, flooded| ("2 at most".into(), verdict(flooded <= 2.0)),
        );
        row(
            "handshake, median, ms",
            &|time| median(&time.handshakes),
            &none,
        );
        row(
            "handshake, p99, ms",
            &|time| percentile(&time.handshakes, 0.99),
            &|quiet, flooded| {
                let most = (2.0 * quiet).max(quiet + 5.0);
                (format!("{most:.1} at most"), verdict(flooded <= most))
            },
        );
        row("echo, median, ms", &|time| time.echo_p50, &none);
        row("echo, p99, ms", &|time| time.echo_p99, &none);
        row(
            "echoes lost, per cent",
            &|time| time.lost * 100.0,
            &|_, flooded| ("below 0.1".into(), verdict(flooded < 0.1)),
        );
        row(
            "datagrams that the kernel dropped at the listener",
            &|time| time.kernel_drops,
            &none,
        );
        // A machine that does not bring the flood shows nothing.
        let (rate, asked) = (of(&|run| run.rate), f64::from(self.rate));
        table.row([
            "hellos a second that were sent".into(),
            "0".into(),
            format!("{rate:.0}"),
            format!("{asked}"),
            verdict(rate >= 0.98 * asked),
        ]);
        table.print(&format!(
            "A flood of {} hellos a second for {} s, beside {} connections; medians of {} runs; \
             memory grew by {} KiB",
            self.rate,
            self.seconds,
            self.established,
            runs.len(),
            of(&|run| run.grown),
        ));
    }
}

fn figure(value: f64) -> String {
    if value == value.trunc() {
        format!("{value}")
    } else {
        format!("{value:.2}")
    }
}
