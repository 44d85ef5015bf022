//! The process of all clients: a thread each, as many at once as the options say.

use crate::child::{Order, Report};
use crate::client::{Client, Doing, Round};
use crate::failures::Failures;
use crate::stalls::Stalls;
use crate::tally::ClientTally;
use crate::vitals::Vitals;
use crate::weather::{Line, Sky};
use crate::{Options, Outcome, parties};
use flightline::{ClientConfig, DtlsSocket, Error, Fingerprint, Handshake};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::io::{self, BufRead};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long the slowest of calls may take to end after the round is over: a handshake in bad weather, and
/// some calls behind it.
const LEAVE_WITHIN: Duration = Duration::from_secs(25);

/// How long the server's close may take to be seen by everyone.
const CLOSE_WITHIN: Duration = Duration::from_secs(60);

const STACK: usize = 256 * 1024;

/// What the process has from beginning to end.
struct Site {
    server: SocketAddr,
    seed: u64,
    clients: u16,
    configs: Vec<Arc<ClientConfig>>,
    tally: Arc<ClientTally>,
    failures: Arc<Failures>,
    stalls: Arc<Stalls>,
}

fn say(report: &Report) {
    println!("{}", report.write());
}

/// Does what the parent orders until its pipe is closed.
pub(crate) fn run(options: &Options, server: SocketAddr, pin: Fingerprint) -> Outcome<()> {
    let failures = Failures::told_by(|what| say(&Report::Failure(format!("clients: {what}"))));
    failures.watch_panics();
    let site = Site {
        server,
        seed: options.seed.unwrap_or_default(),
        clients: options.clients,
        configs: parties::clients(pin)?,
        tally: Arc::default(),
        failures,
        stalls: Stalls::watch()?,
    };
    for line in io::stdin().lock().lines() {
        match Order::read(&line?).ok_or("an order that is none")? {
            Order::Round {
                number,
                milliseconds,
            } => site.round(number, Duration::from_millis(milliseconds))?,
            Order::Stay(count) => site.stay(count)?,
        }
    }
    Ok(())
}

impl Site {
    fn round(&self, number: u32, length: Duration) -> Outcome<()> {
        let mut random = StdRng::seed_from_u64(self.seed ^ u64::from(number).rotate_left(32));
        let start = Instant::now();
        let round = Arc::new(Round {
            server: self.server,
            leave_at: start.checked_add(length).ok_or("the round is too long")?,
            sky: Arc::new(Sky::drawn(&mut random, start, length)),
            configs: self.configs.clone(),
            tally: self.tally.clone(),
            failures: self.failures.clone(),
            stalls: self.stalls.clone(),
        });
        let mut here: Vec<(u16, Arc<Doing>, JoinHandle<()>)> = Vec::new();
        for number in 0..self.clients {
            let client = Client::new(number, round.clone(), &mut random);
            let doing = client.doing.clone();
            let thread = thread::Builder::new()
                .stack_size(STACK)
                .spawn(move || client.live())?;
            here.push((number, doing, thread));
        }
        while !here.is_empty() {
            here.retain(|(_, _, thread)| !thread.is_finished());
            thread::sleep(Duration::from_millis(100));
            if round.leave_at.elapsed() > LEAVE_WITHIN {
                for (number, doing, _) in &here {
                    self.failures
                        .add(format!("client {number} hangs in {doing}"));
                }
                return Err("clients hang".into());
            }
            if start.elapsed().subsec_millis() < 100 {
                say(&Report::Tally(self.tally.figures()));
            }
        }
        drop(here);
        say(&Report::Tally(self.tally.figures()));
        say(&Report::Left(self.at_rest(round)?));
        Ok(())
    }

    /// What the process holds when nothing of the round is left.
    fn at_rest(&self, round: Arc<Round>) -> Outcome<Vitals> {
        drop(round);
        // A thread is listed for a moment after it was seen to be finished.
        thread::sleep(Duration::from_millis(200));
        Ok(Vitals::now()?)
    }

    /// Connects, and waits in `recv` without a timeout until the server closes.
    fn stay(&self, count: u16) -> Outcome<()> {
        let mut random = StdRng::seed_from_u64(self.seed);
        let sky = Arc::new(Sky::clear(Instant::now()));
        let mut sockets: Vec<DtlsSocket> = Vec::new();
        for (number, config) in (0..count).zip(self.configs.iter().cycle()) {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.connect(self.server)?;
            let (line, _) = Line::over(&socket, sky.clone(), self.tally.clone(), &mut random)?;
            let handshake = Handshake::client(line, parties::name(number)?, config.clone())?;
            sockets.push(handshake.complete()?);
        }
        let (sender, ends) = std::sync::mpsc::channel();
        for socket in sockets {
            let sender = sender.clone();
            thread::spawn(move || {
                let end = socket.recv(&mut [0; 2048]);
                // The channel outlives the threads, unless one of them is late.
                let _ = sender.send(end);
            });
        }
        drop(sender);
        say(&Report::Staying);
        for number in 0..count {
            match ends.recv_timeout(CLOSE_WITHIN) {
                Ok(Err(Error::Closed)) => {}
                Ok(other) => self.failures.add(format!(
                    "a client that waited for the server's close got {other:?}"
                )),
                Err(_) => {
                    let missing = count.saturating_sub(number);
                    self.failures
                        .add(format!("{missing} clients never saw the server's close"));
                    break;
                }
            }
        }
        say(&Report::Ended);
        Ok(())
    }
}
