//! Clients beside others that stick, flood or trickle; and the same clients and the same flood at a bare
//! UDP program that echoes, where all that is lost is lost by the kernel.

use crate::roles::How;
use crate::tools::figures::median_of;
use crate::tools::{Opt, Outcome, Table, Target, name};
use clap::Args;
use std::thread::sleep;
use std::time::Duration;

#[derive(Args, Debug)]
pub(crate) struct Fairness {
    /// Clients of which fairness is measured
    #[arg(long, default_value_t = 50)]
    others: usize,
    /// Echoes of each of them in a second
    #[arg(long, default_value_t = 20)]
    echoes: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 10.0)]
    time: f64,
    /// Measurements, of which the median counts
    #[arg(long, default_value_t = 3)]
    times: usize,
}

/// What the clients noticed.
struct Noticed {
    p50: f64,
    p99: f64,
    lost: f64,
    kernel_drops: f64,
    /// Messages a second of the client that is fast; 0 where there is none.
    fast: f64,
}

/// What the clients talk to, and who is there beside them.
struct Setting {
    title: &'static str,
    server: &'static str,
    disturbers: &'static [How],
}

impl Setting {
    const fn listener(title: &'static str, disturbers: &'static [How]) -> Setting {
        let server = "serve";
        Setting {
            title,
            server,
            disturbers,
        }
    }

    const fn bare(title: &'static str, disturbers: &'static [How]) -> Setting {
        let server = "bare";
        Setting {
            title,
            server,
            disturbers,
        }
    }
}

/// In this order: ratios are to the last that were alone.
const SETTINGS: [Setting; 7] = [
    Setting::listener("alone", &[]),
    Setting::listener("a worker that is stuck", &[How::Stuck]),
    Setting::listener("100 handshakes that trickle", &[How::Trickle]),
    Setting::listener("a client at line rate", &[How::Fast]),
    Setting::listener("all of these", &[How::Stuck, How::Fast, How::Trickle]),
    Setting::bare("bare UDP: alone", &[]),
    Setting::bare("bare UDP: a client at line rate", &[How::Fast]),
];

impl Fairness {
    pub(crate) fn run(&self) -> Outcome<()> {
        // In turns, so that what changes on the machine meets all alike.
        let mut noticed: [Vec<Noticed>; SETTINGS.len()] = Default::default();
        for _ in 0..self.times {
            for (setting, noticed) in SETTINGS.iter().zip(&mut noticed) {
                eprintln!("fairness: {}", setting.title);
                noticed.push(self.measure(setting)?);
            }
        }
        let mut table = Table::new([
            "beside",
            "echo, median, ms",
            "ratio",
            "p99, ms",
            "ratio",
            "lost, per cent",
            "dropped by the kernel",
            "messages/s of the fast client",
        ]);
        let mut alone = (f64::NAN, f64::NAN);
        for (setting, times) in SETTINGS.iter().zip(&noticed) {
            let (p50, p99) = (median_of(times, |n| n.p50), median_of(times, |n| n.p99));
            if setting.disturbers.is_empty() {
                alone = (p50, p99);
            }
            table.row([
                setting.title.into(),
                format!("{p50:.3}"),
                format!("{:.2}", p50 / alone.0),
                format!("{p99:.3}"),
                format!("{:.2}", p99 / alone.1),
                format!("{:.3}", median_of(times, |n| n.lost)),
                format!("{:.0}", median_of(times, |n| n.kernel_drops)),
                format!("{:.0}", median_of(times, |n| n.fast)),
            ]);
        }
        table.print(&format!(
            "What {} clients with {} echoes a second each notice of others, medians of {} times {} s",
            self.others, self.echoes, self.times, self.time
        ));
        Ok(())
    }

    fn measure(&self, setting: &Setting) -> Outcome<Noticed> {
        let mut server = Target::start(setting.server, &[])?;
        let options: [Opt<'_>; 2] = [("network", &95), ("echoes", &self.echoes)];
        let mut others = server.clients(self.others, &options)?;
        let mut disturbing = Vec::new();
        for how in setting.disturbers {
            let mut child = server.child("disturb", &[("how", &name(*how))])?;
            child.hear()?;
            child.order(self.time + 3.0)?;
            disturbing.push(child);
        }
        sleep(Duration::from_secs(1));
        let before = server.ask()?;
        let echoed = others.ask(format!("echo {}", self.time))?;
        let after = server.ask()?;
        let mut fast = 0.0;
        for (how, mut child) in setting.disturbers.iter().zip(disturbing) {
            let told = child.hear()?;
            if *how == How::Fast {
                fast = told.get("rate")?;
            }
        }
        Ok(Noticed {
            p50: echoed.get("p50_ms")?,
            p99: echoed.get("p99_ms")?,
            lost: 100.0 * echoed.get::<f64>("lost")? / echoed.get::<f64>("sent")?,
            kernel_drops: after.since(&before, "kernel_drops")?,
            fast,
        })
    }
}
