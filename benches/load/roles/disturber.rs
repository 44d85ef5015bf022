//! The role of those who disturb the others.

use super::end::End;
use super::server::STICK;
use super::trickle::Trickle;
use crate::tools::pki::{self, Offer};
use crate::tools::{Facts, Outcome, learn, orders, pace, tell};
use clap::{Args, ValueEnum};
use flightline::{DtlsSocket, UdpTransport};
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
    /// The certificate of the server's authority; a client that is fast needs none, and then speaks no DTLS
    #[arg(long)]
    ca: Option<String>,
}

/// What a client that is fast sends.
const LONG: &[u8] = &[0; 1000];

/// Messages a second of a client whose handler does not read them.
const UNREAD: u32 = 1000;

/// How long to wait for what comes back.
const WAIT: Duration = Duration::from_millis(200);

impl Disturb {
    /// Disturbs for as long as each order says.
    pub(super) fn run(&self) -> Outcome<()> {
        let orders = orders();
        let disturbs: Box<dyn Fn(Duration) -> Outcome<Facts>> = match self.how {
            How::Stuck => {
                let end = self.connect(1)?;
                end.send(STICK)?;
                Box::new(move |time| pace::keep(Some(UNREAD), time, || Ok(end.send(LONG)?)))
            }
            How::Fast => {
                let end = self.connect(2)?;
                Box::new(move |time| fast(&end, time))
            }
            How::Trickle => {
                let ca = self.ca.as_ref().ok_or("handshakes need a certificate")?;
                let (config, to) = (pki::client(ca, Offer::Only12)?, self.to);
                Box::new(move |time| {
                    Trickle::begin(to, &config)?.go_on(time)?;
                    Ok(Facts::new())
                })
            }
        };
        tell(&Facts::new());
        for order in orders {
            tell(&disturbs(Duration::from_secs_f64(order.parse()?))?);
        }
        Ok(())
    }

    fn connect(&self, last: u8) -> Outcome<End> {
        let socket = learn::socket(Ipv4Addr::new(127, 60, 0, last), self.to)?;
        let Some(ca) = &self.ca else {
            return Ok(End::Bare(Box::new(UdpTransport::new(socket)?)));
        };
        let config = pki::client(ca, Offer::Default)?;
        let socket = DtlsSocket::from_socket(socket, pki::server_name()?, config)?;
        socket.set_read_timeout(Some(WAIT))?;
        Ok(End::Dtls(socket))
    }
}

/// What comes back is read, so that nobody but the server is in the way.
fn fast(end: &End, time: Duration) -> Outcome<Facts> {
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut buf = vec![0; 2048];
            while start.elapsed() < time {
                let _ = end.recv(&mut buf, WAIT);
            }
        });
        pace::keep(None, time, || Ok(end.send(LONG)?))
    })
}
