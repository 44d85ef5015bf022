//! The role of the clients: they come, send what is echoed when they are told to, and leave.

use super::crowd::{Crowd, News};
use super::end::End;
use crate::tools::figures::percentile;
use crate::tools::pki::{self, Offer};
use crate::tools::{Facts, Outcome, orders, tell};
use clap::Args;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::TryRecvError;
use std::time::{Duration, Instant};

/// How long to wait for echoes that are still on their way.
const GRACE: Duration = Duration::from_secs(1);

/// How long clients may need to connect in all, beyond the time at which the last of them begins.
const PATIENCE: Duration = Duration::from_secs(240);

#[derive(Args, Debug)]
pub(crate) struct Clients {
    /// The server's address
    #[arg(long)]
    to: SocketAddr,
    /// The certificate of the server's authority; where it is not said they speak no DTLS
    #[arg(long)]
    ca: Option<String>,
    /// The versions that they offer
    #[arg(long, default_value = "1.3")]
    offer: Offer,
    /// Their number
    #[arg(long)]
    number: usize,
    /// The second byte of the addresses 127.x.0.0/16 that they come from
    #[arg(long)]
    network: u8,
    /// Handshakes in progress at once at most
    #[arg(long, default_value_t = usize::MAX)]
    at_once: usize,
    /// Milliseconds between the beginnings of two
    #[arg(long, default_value_t = 0)]
    apart: u64,
    /// Echoes of each in a second
    #[arg(long, default_value_t = 10)]
    echoes: u32,
}

impl Clients {
    pub(crate) fn run(&self) -> Outcome<()> {
        let orders = orders();
        let mut crowd = Crowd::new()?;
        tell(&match &self.ca {
            Some(ca) => self.connect(&mut crowd, ca),
            None => self.open(&mut crowd),
        }?);
        let mut round = 0;
        loop {
            match orders.try_recv() {
                Err(TryRecvError::Empty) => {
                    let soon = Instant::now() + Duration::from_millis(20);
                    crowd.attend(soon, &mut |_, _| {})?;
                }
                Err(TryRecvError::Disconnected) => return Ok(()),
                Ok(order) if order == "leave" => {
                    crowd.leave();
                    tell(&Facts::new());
                }
                Ok(order) => {
                    let seconds = order
                        .strip_prefix("echo ")
                        .ok_or("no such order")?
                        .parse()?;
                    round += 1;
                    tell(&self.echo(&mut crowd, round, Duration::from_secs_f64(seconds))?);
                }
            }
        }
    }

    /// The address of a client: no two share one, since a server counts handshakes for each address.
    fn from(&self, client: usize) -> Ipv4Addr {
        Ipv4Addr::new(
            127,
            self.network,
            (client / 250) as u8,
            (client % 250) as u8 + 1,
        )
    }

    /// They come who speak no DTLS.
    fn open(&self, crowd: &mut Crowd) -> Outcome<Facts> {
        for client in 0..self.number {
            crowd.join_bare(self.from(client), self.to)?;
        }
        Ok(tally(crowd))
    }

    /// They come who do.
    fn connect(&self, crowd: &mut Crowd, ca: &str) -> Outcome<Facts> {
        let config = pki::client(ca, self.offer)?;
        let start = Instant::now();
        let last = Duration::from_millis(self.apart * self.number as u64);
        let limit = start + last + PATIENCE;
        let (mut begun, mut over) = (0, 0);
        let mut times = Vec::new();
        while times.len() + over < self.number && Instant::now() < limit {
            let begins = |client: usize| start + Duration::from_millis(self.apart * client as u64);
            while begun < self.number
                && begun - times.len() - over < self.at_once
                && begins(begun) <= Instant::now()
            {
                let config = config.clone();
                crowd.join(self.from(begun), self.to, pki::server_name()?, config)?;
                begun += 1;
            }
            let wait = begins(begun).max(Instant::now() + Duration::from_millis(1));
            let wait = if begun < self.number { wait } else { limit };
            crowd.attend(wait, &mut |_, news| match news {
                News::Connected(took) => times.push(took.as_secs_f64() * 1e3),
                News::Over(error) => {
                    over += 1;
                    eprintln!("a client failed: {error}");
                }
                News::Message(_) => {}
            })?;
        }
        Ok(tally(crowd)
            .with("took_s", start.elapsed().as_secs_f64())
            .with_list("handshakes_ms", &times))
    }

    /// Every client sends so many messages a second, all of them spread evenly.
    fn echo(&self, crowd: &mut Crowd, round: u64, time: Duration) -> Outcome<Facts> {
        let start = Instant::now();
        let rate = f64::from(self.echoes) * self.number as f64;
        let all = (rate * time.as_secs_f64()) as u64;
        let end = start + time + GRACE;
        let (mut next, mut sent) = (0, 0_u64);
        let mut latencies = Vec::new();
        while Instant::now() < end && (next < all || (latencies.len() as u64) < sent) {
            let at = |number: u64| start + Duration::from_secs_f64(number as f64 / rate);
            while next < all && at(next) <= Instant::now() {
                let member = (next % self.number as u64) as usize;
                next += 1;
                sent += 1;
                // From one whose connection is over, it is lost.
                if let Some(end) = crowd.end(member) {
                    let _ = end.send(&message(round, start));
                }
            }
            let until = if next < all { at(next) } else { end };
            crowd.attend(until, &mut |_, news| {
                if let News::Message(echo) = news {
                    latencies.extend(latency(echo, round, start));
                }
            })?;
        }
        Ok(Facts::new()
            .with("sent", sent)
            .with("lost", sent - latencies.len() as u64)
            .with("p50_ms", percentile(&latencies, 0.5))
            .with("p99_ms", percentile(&latencies, 0.99)))
    }
}

/// How many are connected, and how many of them had to send a flight of their handshake again.
fn tally(crowd: &Crowd) -> Facts {
    let resent = |end: &&End| match end {
        End::Dtls(socket) => socket.stats().flights_resent > 0,
        End::Bare(_) => false,
    };
    Facts::new()
        .with("connected", crowd.ends().count())
        .with("resent", crowd.ends().filter(resent).count())
}

/// The round, and the time since its beginning.
fn message(round: u64, start: Instant) -> [u8; 64] {
    let mut message = [0; 64];
    message[..8].copy_from_slice(&round.to_be_bytes());
    let now = start.elapsed().as_nanos() as u64;
    message[8..16].copy_from_slice(&now.to_be_bytes());
    message
}

/// How many milliseconds ago it was sent, if it is of this round.
fn latency(echo: &[u8], round: u64, start: Instant) -> Option<f64> {
    let (of, rest) = echo.split_first_chunk()?;
    let (sent, _) = rest.split_first_chunk()?;
    let sent = Duration::from_nanos(u64::from_be_bytes(*sent));
    let took = start.elapsed().saturating_sub(sent);
    (u64::from_be_bytes(*of) == round).then_some(took.as_secs_f64() * 1e3)
}
