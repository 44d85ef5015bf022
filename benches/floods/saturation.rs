//! Part one: as much of each kind as comes.

use crate::kinds::Kind;
use crate::shared::Outcome;
use crate::shared::child::Child;
use crate::shared::facts::Facts;
use crate::shared::figures::median;
use crate::shared::learn;
use crate::shared::pki::{self, Offer};
use crate::shared::table::{Table, verdict};
use clap::Args;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::sleep;
use std::time::Duration;

/// What the dispatcher must reach of what the bare program does.
const MARK: f64 = 0.8;

/// A flood runs for so long before it is measured.
const WARM_UP: f64 = 0.3;

#[derive(Args, Debug)]
pub(crate) struct Saturation {
    /// Part one: times that each side is measured; 0 leaves this part out
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Part one: seconds of each measurement
    #[arg(long, default_value_t = 2.0)]
    turn: f64,
}

/// One measurement of one side.
struct Turn {
    /// Answered, or disposed of, in a second.
    rate: f64,
    /// The same for a second of the thread's processor time.
    rate_of_thread: f64,
    /// What the flood sent in a second.
    offered: f64,
}

impl Saturation {
    pub(crate) fn run(&self) -> Outcome<()> {
        if self.rounds == 0 {
            return Ok(());
        }
        let mut table = Table::new([
            "flood",
            "offered/s",
            "bare/s",
            "listener/s",
            "share",
            "share per CPU second",
            "mark",
            "memory, KiB",
            "grown, KiB",
        ]);
        for kind in Kind::ALL {
            eprintln!("saturation: {}", kind.title());
            table.row(self.measure(kind)?);
        }
        table.print(&format!(
            "Saturation: datagrams a second that are answered or disposed of, medians of {} turns of {} s",
            self.rounds, self.turn
        ));
        Ok(())
    }

    fn measure(&self, kind: Kind) -> Outcome<[String; 9]> {
        let mut server = Child::start(&["serve"])?;
        let told = server.hear()?;
        let address: SocketAddr = told.get("address")?;
        let ca: String = told.get("ca")?;
        let reply = reply_length(kind, address, &ca)?;
        let mut bare = Child::start(&["bare", "--reply", &reply.to_string()])?;
        let bare_address: SocketAddr = bare.hear()?.get("address")?;

        let flood = |to: SocketAddr| {
            let name = kind.argument();
            let (to, server) = (to.to_string(), address.to_string());
            let arguments = [
                "flood", "--kind", &name, "--to", &to, "--server", &server, "--ca", &ca,
            ];
            let mut child = Child::start(&arguments)?;
            child.hear()?;
            Outcome::Ok(child)
        };
        // One after the other: both learn from the listener, at the same addresses.
        let (mut to_bare, mut to_listener) = (None, None);
        let (mut bares, mut listeners) = (Vec::new(), Vec::new());
        let mut before = None;
        for _ in 0..self.rounds {
            let flood_bare = match &mut to_bare {
                Some(child) => child,
                None => to_bare.insert(flood(bare_address)?),
            };
            bares.push(self.turn(&mut bare, flood_bare, "handled")?);
            let flood_listener = match &mut to_listener {
                Some(child) => child,
                None => to_listener.insert(flood(address)?),
            };
            let counted = if kind.is_answered() {
                "challenges"
            } else {
                "handled"
            };
            listeners.push(self.turn(&mut server, flood_listener, counted)?);
            // What the first turn needed is there from now on.
            if before.is_none() {
                before = Some(server.ask("tell")?);
            }
        }
        let after = server.ask("tell")?;
        let grown = after.since(&before.unwrap_or_default(), "resident")?;

        let of = |turns: &[Turn], what: fn(&Turn) -> f64| {
            median(&turns.iter().map(what).collect::<Vec<_>>())
        };
        let share = of(&listeners, |turn| turn.rate) / of(&bares, |turn| turn.rate);
        let share_of_thread =
            of(&listeners, |turn| turn.rate_of_thread) / of(&bares, |turn| turn.rate_of_thread);
        Ok([
            kind.title().into(),
            format!("{:.0}", of(&listeners, |turn| turn.offered)),
            format!("{:.0}", of(&bares, |turn| turn.rate)),
            format!("{:.0}", of(&listeners, |turn| turn.rate)),
            format!("{share:.2}"),
            format!("{share_of_thread:.2}"),
            // Where the flood is not more than both can take, only the second share says something.
            format!("{MARK}: {}", verdict(share.min(share_of_thread) >= MARK)),
            format!("{}", after.get::<u64>("resident")?),
            format!("{grown:+}"),
        ])
    }

    fn turn(&self, side: &mut Child, flood: &mut Child, counted: &str) -> Outcome<Turn> {
        flood.order(&(self.turn + 2.0 * WARM_UP).to_string())?;
        sleep(Duration::from_secs_f64(WARM_UP));
        let before = side.ask("tell")?;
        sleep(Duration::from_secs_f64(self.turn));
        let after = side.ask("tell")?;
        let flooded: Facts = flood.hear()?;
        let count = after.since(&before, counted)?;
        Ok(Turn {
            rate: count / (after.since(&before, "at_ns")? / 1e9),
            rate_of_thread: count / (after.since(&before, "thread_ns")? / 1e9),
            offered: flooded.get("rate")?,
        })
    }
}

/// The length of the listener's answer, which the bare program's answers have too.
fn reply_length(kind: Kind, server: SocketAddr, ca: &str) -> Outcome<usize> {
    let offer = match kind {
        Kind::Hellos13 => Offer::Default,
        _ => Offer::Only12,
    };
    let hello = learn::hello(&pki::client_offering(ca, offer)?)?;
    let socket = learn::socket(Ipv4Addr::new(127, 50, 0, 1), server)?;
    socket.send(&hello)?;
    Ok(socket.recv(&mut [0; 2048])?)
}
