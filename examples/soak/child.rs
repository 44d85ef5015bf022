//! The process of the clients, as its parent sees it, and the lines that the two exchange.

use crate::tally::Figures;
use crate::vitals::Vitals;
use crate::{Options, Outcome};
use flightline::Fingerprint;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// What the parent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Come, and leave after so many milliseconds.
    Round { number: u32, milliseconds: u64 },
    /// This many come, and stay until the server closes.
    Stay(u16),
}

impl Order {
    fn write(self) -> String {
        match self {
            Order::Round {
                number,
                milliseconds,
            } => format!("round {number} {milliseconds}"),
            Order::Stay(count) => format!("stay {count}"),
        }
    }

    pub(crate) fn read(line: &str) -> Option<Order> {
        let mut words = line.split_whitespace();
        let order = match words.next()? {
            "round" => Order::Round {
                number: words.next()?.parse().ok()?,
                milliseconds: words.next()?.parse().ok()?,
            },
            "stay" => Order::Stay(words.next()?.parse().ok()?),
            _ => return None,
        };
        Some(order)
    }
}

/// What the child says.
#[derive(Debug)]
pub(crate) enum Report {
    /// So far.
    Tally(Figures),
    /// All have left, and this is what the process holds.
    Left(Vitals),
    /// Those that were to stay are connected.
    Staying,
    /// The server has closed, and all that stayed have seen it, or there is a failure for each.
    Ended,
    Failure(String),
}

impl Report {
    pub(crate) fn write(&self) -> String {
        let list = |figures: &Figures| -> String {
            figures
                .iter()
                .map(|(name, number)| format!(" {name}={number}"))
                .collect()
        };
        match self {
            Report::Tally(figures) => format!("tally{}", list(figures)),
            Report::Left(vitals) => format!("left{}", list(&vitals.figures())),
            Report::Staying => "staying".to_owned(),
            Report::Ended => "ended".to_owned(),
            Report::Failure(what) => format!("failure {what}"),
        }
    }

    fn read(line: &str) -> Option<Report> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let figures = || -> Option<Figures> {
            rest.split_whitespace()
                .map(|word| {
                    let (name, number) = word.split_once('=')?;
                    Some((name.to_owned(), number.parse().ok()?))
                })
                .collect()
        };
        Some(match word {
            "tally" => Report::Tally(figures()?),
            "left" => Report::Left(Vitals::from_figures(&figures()?)),
            "staying" => Report::Staying,
            "ended" => Report::Ended,
            "failure" => Report::Failure(rest.to_owned()),
            _ => return None,
        })
    }
}

/// The process of the clients. It ends with this.
pub(crate) struct Clients {
    process: Child,
    orders: ChildStdin,
    reports: Receiver<Report>,
}

/// Nothing was reported.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// For as long as that.
    Yet,
    /// And nothing will be.
    Gone,
}

impl Clients {
    pub(crate) fn start(
        options: &Options,
        server: SocketAddr,
        pin: Fingerprint,
        seed: u64,
    ) -> Outcome<Clients> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--clients-of", &server.to_string()]);
        command.args(["--pin", &pin.to_string()]);
        command.args(["--seed", &seed.to_string()]);
        command.args(["--clients", &options.clients.to_string()]);
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let missing = "the child has no standard input or output";
        let orders = process.stdin.take().ok_or(missing)?;
        let lines = BufReader::new(process.stdout.take().ok_or(missing)?).lines();
        let (sender, reports) = mpsc::channel();
        thread::Builder::new()
            .name("reports".into())
            .spawn(move || {
                for line in lines.map_while(Result::ok) {
                    let report = Report::read(&line).unwrap_or(Report::Failure(line));
                    if sender.send(report).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Clients {
            process,
            orders,
            reports,
        })
    }

    pub(crate) fn order(&mut self, order: Order) -> io::Result<()> {
        writeln!(self.orders, "{}", order.write())?;
        self.orders.flush()
    }

    pub(crate) fn report_within(&self, patience: Duration) -> Result<Report, Silence> {
        self.reports
            .recv_timeout(patience)
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => Silence::Yet,
                RecvTimeoutError::Disconnected => Silence::Gone,
            })
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
