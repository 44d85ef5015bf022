//! As much of each kind of flood as comes.

use crate::roles::Kind;
use crate::tools::figures::median_of;
use crate::tools::pki::{self, Offer};
use crate::tools::{Child, Opt, Outcome, Table, Target, learn, name, verdict};
use clap::Args;
use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::Duration;

/// What the dispatcher must reach of what the bare program does.
const MARK: f64 = 0.8;

/// A flood runs for so long before it is measured.
const WARM_UP: f64 = 0.3;

#[derive(Args, Debug)]
pub(crate) struct Saturation {
    /// Kinds of flood; all of one sort where none is named
    #[arg(long)]
    kind: Vec<Kind>,
    /// Times that each side is measured
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 2.0)]
    turn: f64,
}

/// A server that is flooded.
struct Side {
    server: Target,
    flood: Child,
    /// What of its facts says how many datagrams it answered, or disposed of.
    counted: &'static str,
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
        let kinds = match &self.kind[..] {
            [] => &Kind::ALL,
            kinds => kinds,
        };
        for kind in kinds {
            eprintln!("saturation: {}", kind.title());
            table.row(self.measure(*kind)?);
        }
        table.print(&format!(
            "Saturation: datagrams a second that are answered or disposed of, medians of {} turns of {} s",
            self.rounds, self.turn
        ));
        Ok(())
    }

    fn measure(&self, kind: Kind) -> Outcome<[String; 9]> {
        let listener = Target::start("serve", &[])?;
        let reply = reply_length(kind, &listener)?;
        let bare = Target::start("bare", &[("reply", &reply)])?;
        let counted = if kind.is_answered() {
            "challenges"
        } else {
            "handled"
        };
        let mut bare = Side {
            flood: flood(kind, &listener, &bare)?,
            server: bare,
            counted: "handled",
        };
        let mut listener = Side {
            flood: flood(kind, &listener, &listener)?,
            server: listener,
            counted,
        };
        let (mut bares, mut listeners) = (Vec::new(), Vec::new());
        // What the first turn needs is there from then on.
        let mut before = None;
        for _ in 0..self.rounds {
            bares.push(self.turn(&mut bare)?);
            listeners.push(self.turn(&mut listener)?);
            if before.is_none() {
                before = Some(listener.server.ask()?);
            }
        }
        let after = listener.server.ask()?;
        let grown = after.since(&before.unwrap_or_default(), "resident")?;

        let rate = |turns: &[Turn]| median_of(turns, |turn| turn.rate);
        let rate_of_thread = |turns: &[Turn]| median_of(turns, |turn| turn.rate_of_thread);
        let share = rate(&listeners) / rate(&bares);
        let share_of_thread = rate_of_thread(&listeners) / rate_of_thread(&bares);
        Ok([
            kind.title().into(),
            format!("{:.0}", median_of(&listeners, |turn| turn.offered)),
            format!("{:.0}", rate(&bares)),
            format!("{:.0}", rate(&listeners)),
            format!("{share:.2}"),
            format!("{share_of_thread:.2}"),
            // Where the flood is not more than both can take, only the second share says something.
            format!("{MARK}: {}", verdict(share.min(share_of_thread) >= MARK)),
            format!("{}", after.get::<u64>("resident")?),
            format!("{grown:+}"),
        ])
    }

    fn turn(&self, side: &mut Side) -> Outcome<Turn> {
        side.flood.order(self.turn + 2.0 * WARM_UP)?;
        sleep(Duration::from_secs_f64(WARM_UP));
        let before = side.server.ask()?;
        sleep(Duration::from_secs_f64(self.turn));
        let after = side.server.ask()?;
        let count = after.since(&before, side.counted)?;
        Ok(Turn {
            rate: count / (after.since(&before, "at_ns")? / 1e9),
            rate_of_thread: count / (after.since(&before, "thread_ns")? / 1e9),
            offered: side.flood.hear()?.get("rate")?,
        })
    }
}

/// A flood at one server, of what is learned from the listener.
fn flood(kind: Kind, listener: &Target, at: &Target) -> Outcome<Child> {
    let options: [Opt<'_>; 2] = [("kind", &name(kind)), ("at", &at.address())];
    let mut flood = listener.child("flood", &options)?;
    flood.hear()?;
    Ok(flood)
}

/// The length of the listener's answer, which the bare program's answers have too.
fn reply_length(kind: Kind, listener: &Target) -> Outcome<usize> {
    let offer = match kind {
        Kind::Hellos13 => Offer::Default,
        _ => Offer::Only12,
    };
    let hello = learn::hello(&pki::client(listener.ca()?, offer)?)?;
    let socket = learn::socket(Ipv4Addr::new(127, 50, 0, 1), listener.address())?;
    socket.send(&hello)?;
    Ok(socket.recv(&mut [0; 2048])?)
}
