//! Hundreds of connections on one thread: timers that raise events, no read timeouts, and
//! `handshake()` called again on each event.
//!
//! Both sides of every connection live in this process. The network is one UDP socket that sends to
//! itself: each datagram begins with the number of the end it is for, and one in ten is lost on
//! purpose, so that timers have something to do. The loop waits in one place only, for the next
//! datagram or the earliest deadline, whichever comes first.
//!
//! Behind the handshake a connection sets no timer any more. It may have something to send again still, so the loop
//! asks it when (`next_timeout`), and serves it then (`service`, or any other call). A connection that fails is
//! dropped, and the others go on.
//!
//! The order of things: [`EventTimer`] is what a connection sets, [`Line`] is what it sends and receives
//! by, [`End`] is one end of a connection and what it does on an event, [`run`] is the loop.

use clap::Parser;
use flightline::{
    ClientConfig, CookieContext, Delay, DtlsSocket, Error, Fingerprint, Handshake, Identity,
    Retransmission, ServerConfig, ServerIdentity, ServerName, ServerTrust, Timer, Transport,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::{BTreeSet, VecDeque};
use std::error::Error as StdError;
use std::io;
use std::net::UdpSocket;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Runs many handshakes at once on one thread.
#[derive(Parser, Debug, Clone, Copy)]
struct Options {
    /// How many connections
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u16).range(1..=32_768))]
    connections: u16,
    /// The share of datagrams that is lost, in per cent
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(0..=90))]
    loss: u8,
    /// Give up after this many seconds
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The deadlines of all ends, the earliest first. At most one for each end.
type Deadlines = Arc<Mutex<BTreeSet<(Instant, usize)>>>;

/// Nothing here panics while it holds a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A timer that raises events: it keeps its connection's final delay among the deadlines that the
/// loop watches. Setting replaces the running pair; zero cancels it, so that no event is raised.
struct EventTimer {
    end: usize,
    deadlines: Deadlines,
    running: Option<(Instant, Instant)>,
}

impl EventTimer {
    fn new(end: usize, deadlines: &Deadlines) -> Self {
        EventTimer {
            end,
            deadlines: deadlines.clone(),
            running: None,
        }
    }
}

impl Timer for EventTimer {
    fn set_delay(&mut self, intermediate: Duration, final_: Duration) {
        let mut deadlines = lock(&self.deadlines);
        if let Some((_, at)) = self.running.take() {
            deadlines.remove(&(at, self.end));
        }
        let now = Instant::now();
        let pair = now.checked_add(intermediate).zip(now.checked_add(final_));
        self.running = pair.filter(|_| !final_.is_zero());
        if let Some((_, at)) = self.running {
            deadlines.insert((at, self.end));
        }
    }

    fn get_delay(&self) -> Delay {
        let now = Instant::now();
        match self.running {
            None => Delay::Cancelled,
            Some((_, at)) if at <= now => Delay::Final,
            Some((at, _)) if at <= now => Delay::Intermediate,
            Some(_) => Delay::Pending,
        }
    }
}

/// The network: one socket, and what was received by it for each end.
struct Network {
    socket: UdpSocket,
    inboxes: Mutex<Vec<VecDeque<Vec<u8>>>>,
    dice: Mutex<StdRng>,
    loss: f64,
}

impl Network {
    fn new(ends: usize, loss: f64) -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(socket.local_addr()?)?;
        Ok(Network {
            socket,
            inboxes: Mutex::new(vec![VecDeque::new(); ends]),
            dice: Mutex::new(StdRng::seed_from_u64(1)),
            loss,
        })
    }

    fn loses(&self) -> bool {
        lock(&self.dice).random_bool(self.loss)
    }

    /// Waits for a datagram until the deadline, files it, and says for which end it is.
    fn wait(&self, deadline: Instant, buf: &mut [u8]) -> io::Result<Option<usize>> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        self.socket.set_read_timeout(Some(left))?;
        let length = match self.socket.recv(buf) {
            Ok(length) => length,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let datagram = buf.get(..length).unwrap_or_default();
        let Some((number, content)) = datagram.split_first_chunk() else {
            return Ok(None);
        };
        let end = usize::from(u16::from_be_bytes(*number));
        if let Some(inbox) = lock(&self.inboxes).get_mut(end) {
            inbox.push_back(content.to_vec());
        }
        Ok(Some(end))
    }
}

/// One end's line to the other. Receiving never waits, whatever it is told: the loop waits.
#[derive(Clone)]
struct Line {
    network: Arc<Network>,
    from: usize,
    to: u16,
}

impl Transport for Line {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        if self.network.loses() {
            return Ok(());
        }
        let framed = [&self.to.to_be_bytes(), datagram].concat();
        self.network.socket.send(&framed).map(drop)
    }

    fn recv(&self, buf: &mut Vec<u8>, _wait: Duration) -> io::Result<usize> {
        let mut inboxes = lock(&self.network.inboxes);
        let datagram = inboxes.get_mut(self.from).and_then(VecDeque::pop_front);
        *buf = datagram.ok_or(io::ErrorKind::WouldBlock)?;
        Ok(buf.len())
    }
}

/// What all ends share.
struct Shared {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    cookies: Arc<CookieContext>,
    deadlines: Deadlines,
}

/// One end of a connection. Even numbers are clients, the next odd number is each one's server.
struct End {
    number: usize,
    line: Line,
    /// For what comes behind the handshake.
    timer: EventTimer,
    stage: Stage,
}

enum Stage {
    /// The handshake goes on. Its timer raises events.
    Shaking(Box<Handshake>),
    /// A client has asked at this time, and asks again after a while: messages may be lost too.
    Asking(DtlsSocket, Instant),
    /// A server answers.
    Answering(DtlsSocket),
    /// A client has its answer.
    Answered(DtlsSocket),
    /// It failed.
    Over,
}

const QUESTION: &[u8] = b"is anybody there?";
const PATIENCE: Duration = Duration::from_millis(200);

impl End {
    fn new(
        number: usize,
        network: &Arc<Network>,
        shared: &Shared,
    ) -> Result<End, Box<dyn StdError>> {
        let line = Line {
            network: network.clone(),
            from: number,
            to: u16::try_from(number ^ 1)?,
        };
        let stage = Stage::Shaking(begin(number, &line, shared)?);
        Ok(End {
            number,
            line,
            timer: EventTimer::new(number, &shared.deadlines),
            stage,
        })
    }

    /// A datagram came or the timer expired; which of the two, nobody needs to say.
    fn event(&mut self, shared: &Shared) -> Result<(), Error> {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let next = self.next(stage, shared);
        let outcome = next.map(|stage| self.stage = stage);
        // While it lasts, the handshake has a timer of its own.
        if !matches!(self.stage, Stage::Shaking(_)) {
            let delay = self.due().unwrap_or_default();
            self.timer.set_delay(delay, delay);
        }
        outcome
    }

    fn next(&self, stage: Stage, shared: &Shared) -> Result<Stage, Error> {
        Ok(match stage {
            Stage::Shaking(mut handshake) => match handshake.handshake() {
                Ok(()) => self.connected(handshake.into_socket()?)?,
                Err(Error::WantRead) => Stage::Shaking(handshake),
                Err(Error::HelloVerifyRequired) => {
                    Stage::Shaking(begin(self.number, &self.line, shared)?)
                }
                Err(error) => return Err(error),
            },
            Stage::Asking(socket, asked) => match receive(&socket)? {
                Some(_) => Stage::Answered(socket),
                None if asked.elapsed() < PATIENCE => Stage::Asking(socket, asked),
                None => ask(socket)?,
            },
            Stage::Answering(socket) => {
                while let Some(message) = receive(&socket)? {
                    socket.send(&message)?;
                }
                Stage::Answering(socket)
            }
            Stage::Answered(socket) => {
                socket.service()?;
                Stage::Answered(socket)
            }
            Stage::Over => Stage::Over,
        })
    }

    fn connected(&self, socket: DtlsSocket) -> Result<Stage, Error> {
        socket.set_nonblocking(true)?;
        if self.is_server() {
            return Ok(Stage::Answering(socket));
        }
        ask(socket)
    }

    /// How long the loop may leave a connection alone, unless a datagram comes.
    fn due(&self) -> Option<Duration> {
        let question = match &self.stage {
            Stage::Asking(_, asked) => Some(PATIENCE.saturating_sub(asked.elapsed())),
            _ => None,
        };
        let service = self.socket()?.next_timeout();
        let due = question.into_iter().chain(service).min()?;
        // Zero would cancel the timer.
        Some(due.max(Duration::from_millis(1)))
    }

    fn is_server(&self) -> bool {
        self.number % 2 == 1
    }

    fn waits_for_an_answer(&self) -> bool {
        !self.is_server() && !matches!(self.stage, Stage::Answered(_) | Stage::Over)
    }

    fn socket(&self) -> Option<&DtlsSocket> {
        match &self.stage {
            Stage::Asking(socket, _) | Stage::Answering(socket) | Stage::Answered(socket) => {
                Some(socket)
            }
            Stage::Shaking(_) | Stage::Over => None,
        }
    }
}

fn ask(socket: DtlsSocket) -> Result<Stage, Error> {
    socket.send(QUESTION)?;
    Ok(Stage::Asking(socket, Instant::now()))
}

fn begin(number: usize, line: &Line, shared: &Shared) -> Result<Box<Handshake>, Error> {
    let mut handshake = if number % 2 == 0 {
        Handshake::client(line.clone(), ServerName::unnamed(), shared.client.clone())?
    } else {
        let id = number.to_be_bytes();
        let cookies = shared.cookies.clone();
        Handshake::server(line.clone(), id, cookies, shared.server.clone())?
    };
    handshake.set_timer(Box::new(EventTimer::new(number, &shared.deadlines)));
    Ok(Box::new(handshake))
}

fn receive(socket: &DtlsSocket) -> Result<Option<Vec<u8>>, Error> {
    let mut buf = vec![0; 2048];
    match socket.recv(&mut buf) {
        Ok(length) => {
            buf.truncate(length);
            Ok(Some(buf))
        }
        Err(Error::WantRead) => Ok(None),
        Err(error) => Err(error),
    }
}

fn configurations() -> Result<(Arc<ClientConfig>, Arc<ServerConfig>), Box<dyn StdError>> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let key = made.signing_key.serialize_pem();
    let identity = Identity::from_pem(made.cert.pem().as_bytes(), key.as_bytes())?;
    let pin: Fingerprint = identity.fingerprint();
    // Six sends of a flight are too few here: a hello or its answer gets lost in one round of five,
    // and with hundreds of connections some meet that six times running.
    let plan = Retransmission::LOSSY;
    let client = ClientConfig::builder(ServerTrust::pinned([pin])).retransmission(plan);
    let server = ServerConfig::builder(ServerIdentity::certificate(identity)).retransmission(plan);
    Ok((Arc::new(client.build()?), Arc::new(server.build()?)))
}

fn run(options: Options) -> Result<(), Box<dyn StdError>> {
    let start = Instant::now();
    let limit = start
        .checked_add(Duration::from_secs(options.seconds))
        .ok_or("--seconds: too many")?;
    let count = usize::from(options.connections).saturating_mul(2);
    let network = Arc::new(Network::new(count, f64::from(options.loss) / 100.0)?);
    let (client, server) = configurations()?;
    let shared = Shared {
        client,
        server,
        cookies: Arc::new(CookieContext::new()?),
        deadlines: Deadlines::default(),
    };
    let mut ends = (0..count)
        .map(|number| End::new(number, &network, &shared))
        .collect::<Result<Vec<_>, _>>()?;

    // The first event of each client is that it begins; servers wait to be spoken to.
    for client in ends.iter_mut().step_by(2) {
        client.event(&shared)?;
    }
    let (mut datagrams, mut expiries, mut failures) = (0_u64, 0_u64, 0_u64);
    let mut buf = vec![0; 65_536];
    let mut unanswered = options.connections;
    while unanswered > 0 {
        if Instant::now() >= limit {
            return Err(
                format!("{unanswered} connections were not done in time; see --seconds").into(),
            );
        }
        let next = lock(&shared.deadlines).first().copied();
        let (deadline, of) = next.map_or((limit, None), |(at, end)| (at, Some(end)));
        let ready = match network.wait(deadline.min(limit), &mut buf)? {
            Some(end) => {
                datagrams = datagrams.saturating_add(1);
                Some(end)
            }
            // Nothing came until the earliest deadline: that is the timer's event.
            None if Instant::now() >= deadline => {
                expiries = expiries.saturating_add(1);
                of
            }
            None => None,
        };
        let Some(end) = ready.and_then(|number| ends.get_mut(number)) else {
            continue;
        };
        let waited = end.waits_for_an_answer();
        if let Err(error) = end.event(&shared) {
            eprintln!("end {} failed: {error}", end.number);
            failures = failures.saturating_add(1);
        }
        if waited && !end.waits_for_an_answer() {
            unanswered = unanswered.saturating_sub(1);
        }
    }

    let handshakes = ends.iter().filter_map(End::socket).count();
    let resends: u64 = ends
        .iter()
        .filter_map(End::socket)
        .map(|socket| socket.stats().flights_resent)
        .sum();
    println!(
        "{} connections ({handshakes} handshakes, both sides) on one thread in {:.2?}",
        options.connections,
        start.elapsed()
    );
    println!("{datagrams} datagrams, {expiries} timer events, {resends} flights sent again");
    match failures {
        0 => Ok(()),
        _ => Err(format!("{failures} ends failed").into()),
    }
}
