//! Clients that come all at the same moment.

use crate::tools::figures::{median, percentile};
use crate::tools::{Opt, Outcome, Table, Target, verdict};
use clap::Args;

#[derive(Args, Debug)]
pub(crate) struct AtOnce {
    /// Clients that connect at once
    #[arg(long, default_value_t = 1000)]
    clients: usize,
    /// Times that they do
    #[arg(long, default_value_t = 3)]
    bursts: usize,
}

impl AtOnce {
    pub(crate) fn run(&self) -> Outcome<()> {
        let mut table = Table::new([
            "served",
            "mark",
            "all served after, s",
            "clients that sent a flight again",
            "handshake, median, ms",
            "p99, ms",
            "dropped by the kernel",
        ]);
        for burst in 1..=self.bursts {
            eprintln!("at once: burst {burst}");
            table.row(self.measure()?);
        }
        table.print(&format!(
            "{} clients that connect at once, a row a time",
            self.clients
        ));
        Ok(())
    }

    fn measure(&self) -> Outcome<[String; 7]> {
        let mut server = Target::start("serve", &[])?;
        let options: [Opt<'_>; 3] = [("number", &self.clients), ("network", &90), ("echoes", &1)];
        let mut clients = server.child("clients", &options)?;
        let came = clients.hear()?;
        // Served is who gets its echo.
        let echoed = clients.ask("echo 1")?;
        let served = echoed.get::<u64>("sent")? - echoed.get::<u64>("lost")?;
        let handshakes = came.list("handshakes_ms")?;
        let seen = server.ask()?;
        Ok([
            served.to_string(),
            verdict(served == self.clients as u64),
            format!("{:.2}", came.get::<f64>("took_s")?),
            came.get("resent")?,
            format!("{:.0}", median(&handshakes)),
            format!("{:.0}", percentile(&handshakes, 0.99)),
            seen.get("kernel_drops")?,
        ])
    }
}
