//! The role of the flood: sends as much as it can, or so many a second and no more.

use crate::kinds::{Ammunition, Kind};
use crate::shared::Outcome;
use crate::shared::facts::Facts;
use crate::shared::orders::{orders, tell};
use clap::Args;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

/// Addresses that strangers have at once. Replies to an address wait in its socket, which is gone
/// before they are many.
const STRANGERS: usize = 2048;

/// Datagrams that a stranger sends before another comes in its place.
const EACH: u64 = 16;

/// Between two batches of a flood with a pace.
const BEAT: Duration = Duration::from_millis(1);

/// Batches that are made up for at once, after a time without the processor: more than a few would be
/// another flood than the one that was asked for.
const ARREARS: u32 = 3;

#[derive(Args, Debug)]
pub(crate) struct Flood {
    #[arg(long)]
    kind: Kind,
    /// Whom to flood
    #[arg(long)]
    to: SocketAddr,
    /// The server from which datagrams are learned
    #[arg(long)]
    server: SocketAddr,
    /// The certificate of that server's authority
    #[arg(long)]
    ca: String,
    /// Datagrams a second; as many as can be where it is not said
    #[arg(long)]
    rate: Option<u32>,
}

impl Flood {
    /// Floods for as long as each order says.
    pub(crate) fn run(&self) -> Outcome<()> {
        let orders = orders();
        let mut gun = Gun::new(Ammunition::new(self.kind, self.server, &self.ca)?)?;
        tell(&Facts::new());
        for order in orders {
            let time = Duration::from_secs_f64(order.parse()?);
            let start = Instant::now();
            let sent = match self.rate {
                None => self.as_can_be(&mut gun, start + time),
                Some(rate) => self.paced(&mut gun, start + time, rate),
            }?;
            let rate = sent as f64 / start.elapsed().as_secs_f64();
            tell(&Facts::new().with("sent", sent).with("rate", rate));
        }
        Ok(())
    }

    fn as_can_be(&self, gun: &mut Gun, end: Instant) -> io::Result<u64> {
        let mut sent = 0;
        while Instant::now() < end {
            for _ in 0..32 {
                gun.shoot(self.to)?;
                sent += 1;
            }
        }
        Ok(sent)
    }

    fn paced(&self, gun: &mut Gun, end: Instant, rate: u32) -> io::Result<u64> {
        let a_beat = BEAT.as_secs_f64() * f64::from(rate);
        let mut next = Instant::now();
        let (mut sent, mut owed) = (0, 0.0);
        while next < end {
            thread::sleep(next.saturating_duration_since(Instant::now()));
            let late = Instant::now().saturating_duration_since(next);
            if late > BEAT * ARREARS {
                next += late - BEAT * ARREARS;
            }
            next += BEAT;
            owed += a_beat;
            while owed >= 1.0 {
                gun.shoot(self.to)?;
                owed -= 1.0;
                sent += 1;
            }
        }
        Ok(sent)
    }
}

/// Sends datagram after datagram, each from the next address.
struct Gun {
    ammunition: Ammunition,
    strangers: Vec<UdpSocket>,
    shots: u64,
}

impl Gun {
    fn new(ammunition: Ammunition) -> io::Result<Gun> {
        let strangers = match &ammunition {
            Ammunition::Strangers(_) => (0..STRANGERS as u64).map(stranger).collect(),
            Ammunition::Known(_) => Ok(Vec::new()),
        };
        Ok(Gun {
            ammunition,
            strangers: strangers?,
            shots: 0,
        })
    }

    fn shoot(&mut self, to: SocketAddr) -> io::Result<()> {
        let shot = self.shots as usize;
        self.shots += 1;
        let (socket, datagram) = match &mut self.ammunition {
            Ammunition::Known(known) => {
                let at = shot % known.len();
                (&known[at].socket, &known[at].datagram)
            }
            Ammunition::Strangers(datagrams) => {
                let at = shot % STRANGERS;
                if self.shots % EACH == 0 {
                    self.strangers[at] = stranger(self.shots)?;
                }
                let kind = shot % datagrams.len();
                let datagram = &mut datagrams[kind];
                if let Some(at) = datagram.random_at {
                    datagram.bytes[at..at + 8].copy_from_slice(&self.shots.to_be_bytes());
                }
                (&self.strangers[at], &datagram.bytes)
            }
        };
        match socket.send_to(datagram, to) {
            // What the kernel drops, or says of an earlier one, is a flood's own affair.
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// A socket on an address that the last ones did not have.
fn stranger(number: u64) -> io::Result<UdpSocket> {
    let [.., a, b, c] = number.wrapping_mul(0x9e37_79b1).to_be_bytes();
    // Below 40, so that nobody who is meant to be known has it.
    UdpSocket::bind((Ipv4Addr::new(127, a % 40, b, c), 0))
}
