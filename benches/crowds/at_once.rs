//! Clients that come all at the same moment.

use crate::shared::Outcome;
use crate::shared::child::Child;
use crate::shared::figures::{median, percentile};
use crate::shared::table::{Table, verdict};
use clap::Args;

#[derive(Args, Debug)]
pub(crate) struct AtOnce {
    /// Clients that connect at once; 0 leaves this part out
    #[arg(long, default_value_t = 1000)]
    at_once: usize,
    /// Times that they do
    #[arg(long, default_value_t = 3)]
    bursts: usize,
}

impl AtOnce {
    pub(crate) fn run(&self) -> Outcome<()> {
        if self.at_once == 0 {
            return Ok(());
        }
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
            self.at_once
        ));
        Ok(())
    }

    fn measure(&self) -> Outcome<[String; 7]> {
        let mut server = Child::start(&["serve"])?;
        let told = server.hear()?;
        let (to, ca): (String, String) = (told.get("address")?, told.get("ca")?);
        let number = self.at_once.to_string();
        let mut clients = Child::start(&[
            "clients",
            "--to",
            &to,
            "--ca",
            &ca,
            "--number",
            &number,
            "--network",
            "90",
            "--echoes",
            "1",
        ])?;
        let came = clients.hear()?;
        // Served is who gets its echo.
        let echoed = clients.ask("echo 1")?;
        let served = echoed.get::<u64>("sent")? - echoed.get::<u64>("lost")?;
        let handshakes = came.list("handshakes_ms")?;
        let seen = server.ask("tell")?;
        Ok([
            served.to_string(),
            verdict(served == self.at_once as u64),
            format!("{:.2}", came.get::<f64>("took_s")?),
            came.get("resent")?,
            format!("{:.0}", median(&handshakes)),
            format!("{:.0}", percentile(&handshakes, 0.99)),
            seen.get("kernel_drops")?,
        ])
    }
}
