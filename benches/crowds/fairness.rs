//! Clients beside others that stick, flood or trickle.

use crate::disturber::How;
use crate::shared::Outcome;
use crate::shared::child::Child;
use crate::shared::figures::median;
use crate::shared::table::Table;
use clap::{Args, ValueEnum};
use std::thread::sleep;
use std::time::Duration;

#[derive(Args, Debug)]
pub(crate) struct Fairness {
    /// Clients of which fairness is measured; 0 leaves this part out
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
}

/// Who disturbs them, in this order.
const BESIDE: [(&str, &[How]); 5] = [
    ("alone", &[]),
    ("a worker that is stuck", &[How::Stuck]),
    ("a client at line rate", &[How::Fast]),
    ("100 handshakes that trickle", &[How::Trickle]),
    ("all of these", &[How::Stuck, How::Fast, How::Trickle]),
];

impl Fairness {
    pub(crate) fn run(&self) -> Outcome<()> {
        if self.others == 0 {
            return Ok(());
        }
        let mut table = Table::new([
            "beside",
            "echo, median, ms",
            "ratio",
            "p99, ms",
            "ratio",
            "lost, per cent",
            "dropped by the kernel",
        ]);
        // In turns, so that what changes on the machine meets all alike.
        let mut noticed: Vec<Vec<Noticed>> = BESIDE.iter().map(|_| Vec::new()).collect();
        for _ in 0..self.times {
            for ((title, disturbers), noticed) in BESIDE.iter().zip(&mut noticed) {
                eprintln!("fairness: {title}");
                noticed.push(self.measure(disturbers)?);
            }
        }
        let of = |times: &[Noticed], what: fn(&Noticed) -> f64| {
            median(&times.iter().map(what).collect::<Vec<_>>())
        };
        let (alone_p50, alone_p99) = (of(&noticed[0], |n| n.p50), of(&noticed[0], |n| n.p99));
        for ((title, _), times) in BESIDE.iter().zip(&noticed) {
            let (p50, p99) = (of(times, |n| n.p50), of(times, |n| n.p99));
            table.row([
                (*title).into(),
                format!("{p50:.3}"),
                format!("{:.2}", p50 / alone_p50),
                format!("{p99:.3}"),
                format!("{:.2}", p99 / alone_p99),
                format!("{:.3}", of(times, |n| n.lost)),
                format!("{:.0}", of(times, |n| n.kernel_drops)),
            ]);
        }
        table.print(&format!(
            "What {} clients with {} echoes a second each notice of others, medians of {} times {} s",
            self.others, self.echoes, self.times, self.time
        ));
        Ok(())
    }

    fn measure(&self, disturbers: &[How]) -> Outcome<Noticed> {
        let mut server = Child::start(&["serve"])?;
        let told = server.hear()?;
        let (to, ca): (String, String) = (told.get("address")?, told.get("ca")?);
        let (number, echoes) = (self.others.to_string(), self.echoes.to_string());
        let mut others = Child::start(&[
            "clients",
            "--to",
            &to,
            "--ca",
            &ca,
            "--number",
            &number,
            "--network",
            "95",
            "--echoes",
            &echoes,
        ])?;
        let connected: usize = others.hear()?.get("connected")?;
        if connected < self.others {
            return Err(format!("only {connected} of {number} connected").into());
        }
        let mut disturbing = Vec::new();
        for how in disturbers {
            let how = how.to_possible_value().ok_or("no such disturber")?;
            let mut child =
                Child::start(&["disturb", "--how", how.get_name(), "--to", &to, "--ca", &ca])?;
            child.hear()?;
            child.order(&(self.time + 3.0).to_string())?;
            disturbing.push(child);
        }
        sleep(Duration::from_secs(1));
        let before = server.ask("tell")?;
        let echoed = others.ask(&format!("echo {}", self.time))?;
        let after = server.ask("tell")?;
        Ok(Noticed {
            p50: echoed.get("p50_ms")?,
            p99: echoed.get("p99_ms")?,
            lost: 100.0 * echoed.get::<f64>("lost")? / echoed.get::<f64>("sent")?,
            kernel_drops: after.since(&before, "kernel_drops")?,
        })
    }
}
