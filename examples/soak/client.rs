//! A client's life: it comes to an address, connects there once or more, and goes to another.

use crate::Outcome;
use crate::failures::Failures;
use crate::parties::{self, HANDSHAKE_DEADLINE};
use crate::stalls::{Call, Stalls};
use crate::talk::Talk;
use crate::tally::ClientTally;
use crate::weather::{Cut, Line, Sky};
use flightline::{ClientConfig, DtlsSocket, Error, Handshake, PeerIdentity, ProtocolVersion};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// What the clients of one round share.
pub(crate) struct Round {
    pub(crate) server: SocketAddr,
    /// When everybody leaves.
    pub(crate) leave_at: Instant,
    pub(crate) sky: Arc<Sky>,
    pub(crate) configs: Vec<Arc<ClientConfig>>,
    pub(crate) tally: Arc<ClientTally>,
    pub(crate) failures: Arc<Failures>,
    pub(crate) stalls: Arc<Stalls>,
}

impl Round {
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.leave_at
    }

    /// Whether the weather was good from `begun` until now.
    pub(crate) fn is_clear_since(&self, begun: Instant) -> bool {
        self.sky.is_clear(begun, Instant::now())
    }
}

/// The call that a client is in, and since when.
pub(crate) struct Doing(Mutex<(&'static str, Instant)>);

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, since) = *self.0.lock();
        write!(f, "{what} for {:.1?}", since.elapsed())
    }
}

/// How the last connection of an address ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    Closed,
    /// The server was not told.
    Abandoned,
    /// In bad weather: who knows.
    Lost,
}

pub(crate) struct Client {
    pub(crate) number: u16,
    pub(crate) round: Arc<Round>,
    pub(crate) random: StdRng,
    pub(crate) doing: Arc<Doing>,
}

impl Client {
    pub(crate) fn new(number: u16, round: Arc<Round>, random: &mut StdRng) -> Client {
        Client {
            number,
            round,
            random: StdRng::seed_from_u64(random.next_u64()),
            doing: Arc::new(Doing(Mutex::new(("nothing", Instant::now())))),
        }
    }

    /// Until the round is over.
    pub(crate) fn live(mut self) {
        while !self.round.is_over() {
            if let Err(error) = self.stay_at_one_address() {
                return self.fails(&error.to_string());
            }
        }
    }

    fn stay_at_one_address(&mut self) -> Outcome<()> {
        let [high, low] = self.number.to_be_bytes();
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 1, high, low), 0))?;
        socket.connect(self.round.server)?;
        let mut last = None;
        for _ in 0..self.random.random_range(1..=4) {
            if self.round.is_over() {
                break;
            }
            let talk = match self.random.random_bool(0.1) {
                true => self.begin_anew(&socket)?,
                false => self.connect(&socket)?,
            };
            let Some(talk) = talk else {
                break;
            };
            let tally = &talk.client.round.tally;
            match last {
                Some(Farewell::Closed) => tally.back_after_closing.count(),
                Some(Farewell::Abandoned) => tally.back_after_abandoning.count(),
                Some(Farewell::Lost) | None => {}
            }
            last = Some(talk.talk_and_part());
        }
        Ok(())
    }

    /// Shakes hands. `None` where bad weather kept it from that.
    fn connect(&mut self, socket: &UdpSocket) -> Outcome<Option<Talk<'_>>> {
        let begun = Instant::now();
        match self.shake_hands(socket)? {
            Ok((secured, cut)) => Ok(Some(Talk::new(self, secured, cut, begun))),
            Err(error) => {
                if self.round.is_clear_since(begun) {
                    self.fails(&format!("a handshake failed in clear weather: {error}"));
                } else {
                    self.round.tally.lost_handshakes.count();
                }
                Ok(None)
            }
        }
    }

    /// Leaves a handshake alone half way and shakes hands at the same address. On a busy machine what the
    /// server still has to say to the old handshake may come late, into the new one, which cannot tell
    /// and fails. The next one may not.
    fn begin_anew(&mut self, socket: &UdpSocket) -> Outcome<Option<Talk<'_>>> {
        self.drop_a_handshake(socket)?;
        hear_nothing_more(socket)?;
        let begun = Instant::now();
        match self.shake_hands(socket)? {
            Ok((secured, cut)) => Ok(Some(Talk::new(self, secured, cut, begun))),
            Err(_) => {
                self.round.tally.disturbed_handshakes.count();
                hear_nothing_more(socket)?;
                self.connect(socket)
            }
        }
    }

    fn shake_hands(&mut self, socket: &UdpSocket) -> Outcome<Result<(DtlsSocket, Cut), Error>> {
        let (handshake, cut) = self.handshake(socket)?;
        let outcome = self.timed("a handshake", HANDSHAKE_DEADLINE, || handshake.complete());
        Ok(outcome.map(|secured| {
            self.count_handshake(&secured);
            (secured, cut)
        }))
    }

    /// Begins a handshake and leaves it alone, after a few datagrams or none.
    fn drop_a_handshake(&mut self, socket: &UdpSocket) -> Outcome<()> {
        let (mut handshake, cut) = self.handshake(socket)?;
        for _ in 0..self.random.random_range(1..=4) {
            match handshake.handshake() {
                Err(Error::WantRead) => thread::sleep(Duration::from_millis(5)),
                _ => break,
            }
        }
        cut.off();
        drop(handshake);
        self.round.tally.dropped_handshakes.count();
        Ok(())
    }

    fn handshake(&mut self, socket: &UdpSocket) -> Outcome<(Handshake, Cut)> {
        let (sky, tally) = (self.round.sky.clone(), self.round.tally.clone());
        let (line, cut) = Line::over(socket, sky, tally, &mut self.random)?;
        let which = self.random.random_range(0..self.round.configs.len());
        let config = self.round.configs.get(which).ok_or("no configuration")?;
        let handshake = Handshake::client(line, parties::name(self.number)?, config.clone())?;
        Ok((handshake, cut))
    }

    fn count_handshake(&self, socket: &DtlsSocket) {
        let tally = &self.round.tally;
        tally.handshakes.count();
        let is_new = socket.version() == ProtocolVersion::DTLS1_3;
        let by_psk = matches!(socket.peer_identity(), PeerIdentity::Psk(_));
        match (is_new, by_psk) {
            (false, false) => tally.dtls12_by_certificate.count(),
            (false, true) => tally.dtls12_by_psk.count(),
            (true, false) => tally.dtls13_by_certificate.count(),
            (true, true) => tally.dtls13_by_psk.count(),
        }
        match (is_new, socket.resumed()) {
            (false, true) => tally.dtls12_resumed.count(),
            (true, true) => tally.dtls13_resumed.count(),
            (_, false) => {}
        }
    }

    /// Makes a call that promises to return within `limit`. Later is a failure.
    pub(crate) fn timed<T>(
        &self,
        what: &'static str,
        limit: Duration,
        call: impl FnOnce() -> T,
    ) -> T {
        *self.doing.0.lock() = (what, Instant::now());
        let begun = Call::begin();
        let outcome = call();
        if let Some(late) = self.round.stalls.lateness(&begun, limit) {
            self.fails(&format!("{what} came back {late:.1?} later than {limit:?}"));
        }
        *self.doing.0.lock() = ("nothing", Instant::now());
        outcome
    }

    pub(crate) fn fails(&self, what: &str) {
        self.round
            .failures
            .add(format!("client {}: {what}", self.number));
    }
}

/// Takes what comes until it is quiet.
fn hear_nothing_more(socket: &UdpSocket) -> Outcome<()> {
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(Duration::from_millis(300)))?;
    while socket.recv(&mut [0; 2048]).is_ok() {}
    Ok(())
}
