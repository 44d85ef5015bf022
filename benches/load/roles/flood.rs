//! The role of the flood: sends as much as it can, or so many a second and no more.

use super::kinds::{Ammunition, Kind};
use crate::tools::{Facts, Outcome, orders, pace, tell};
use clap::Args;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// Addresses that strangers have at once. Replies to an address wait in its socket, which is gone
/// before they are many.
const STRANGERS: usize = 2048;

/// Datagrams that a stranger sends before another comes in its place.
const EACH: u64 = 16;

#[derive(Args, Debug)]
pub(crate) struct Flood {
    #[arg(long)]
    kind: Kind,
    /// The server from which datagrams are learned
    #[arg(long)]
    to: SocketAddr,
    /// The certificate of that server's authority
    #[arg(long)]
    ca: String,
    /// Whom to flood; that server where it is not said
    #[arg(long)]
    at: Option<SocketAddr>,
    /// Datagrams a second; as many as can be where it is not said
    #[arg(long)]
    rate: Option<u32>,
}

impl Flood {
    /// Floods for as long as each order says.
    pub(super) fn run(&self) -> Outcome<()> {
        let orders = orders();
        let mut gun = Gun::new(Ammunition::new(self.kind, self.to, &self.ca)?)?;
        let at = self.at.unwrap_or(self.to);
        tell(&Facts::new());
        for order in orders {
            let time = Duration::from_secs_f64(order.parse()?);
            tell(&pace::keep(self.rate, time, || Ok(gun.shoot(at)?))?);
        }
        Ok(())
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
