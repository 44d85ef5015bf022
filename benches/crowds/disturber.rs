//! The role of those who disturb the others.

use crate::shared::facts::Facts;
use crate::shared::orders::{orders, tell};
use crate::shared::pki::{self, Offer};
use crate::shared::server::STICK;
use crate::shared::{Outcome, learn};
use crate::trickle::Trickle;
use clap::{Args, ValueEnum};
use flightline::DtlsSocket;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum How {
    /// A client whose handler never returns, and who goes on sending.
    Stuck,
    /// A client that sends as fast as it can.
    Fast,
    /// Handshakes that get on by a byte whenever a timer would expire.
    Trickle,
}

#[derive(Args, Debug)]
pub(crate) struct Disturb {
    #[arg(long)]
    how: How,
    /// The server's address
    #[arg(long)]
    to: SocketAddr,
    /// The certificate of the server's authority
    #[arg(long)]
    ca: String,
}

/// What a client that is fast sends.
const LONG: &[u8] = &[0; 1000];

/// Between two messages of a client whose handler does not read them.
const PAUSE: Duration = Duration::from_millis(1);

impl Disturb {
    /// Disturbs for as long as each order says.
    pub(crate) fn run(&self) -> Outcome<()> {
        let orders = orders();
        let disturbs: Box<dyn Fn(Duration) -> Outcome<u64>> = match self.how {
            How::Stuck => {
                let socket = self.connect(1)?;
                socket.send(STICK)?;
                Box::new(move |time| stuck(&socket, time))
            }
            How::Fast => {
                let socket = self.connect(2)?;
                Box::new(move |time| fast(&socket, time))
            }
            How::Trickle => {
                let config = pki::client_offering(&self.ca, Offer::Only12)?;
                let to = self.to;
                Box::new(move |time| Trickle::begin(to, &config)?.go_on(time))
            }
        };
        tell(&Facts::new());
        for order in orders {
            let start = Instant::now();
            let sent = disturbs(Duration::from_secs_f64(order.parse()?))?;
            let rate = sent as f64 / start.elapsed().as_secs_f64();
            tell(&Facts::new().with("rate", rate));
        }
        Ok(())
    }

    fn connect(&self, last: u8) -> Outcome<DtlsSocket> {
        let socket = learn::socket(Ipv4Addr::new(127, 60, 0, last), self.to)?;
        let config = pki::client_offering(&self.ca, Offer::Default)?;
        Ok(DtlsSocket::from_socket(
            socket,
            pki::server_name()?,
            config,
        )?)
    }
}

fn stuck(socket: &DtlsSocket, time: Duration) -> Outcome<u64> {
    let start = Instant::now();
    let mut sent = 0;
    while start.elapsed() < time {
        socket.send(LONG)?;
        sent += 1;
        thread::sleep(PAUSE);
    }
    Ok(sent)
}

/// What comes back is read, so that nobody but the server is in the way.
fn fast(socket: &DtlsSocket, time: Duration) -> Outcome<u64> {
    socket.set_read_timeout(Some(Duration::from_millis(200)))?;
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            while start.elapsed() < time {
                let _ = socket.recv(&mut [0; 2048]);
            }
        });
        let mut sent = 0;
        while start.elapsed() < time {
            socket.send(LONG)?;
            sent += 1;
        }
        Ok(sent)
    })
}
