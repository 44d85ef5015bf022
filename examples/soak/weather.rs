//! What happens to datagrams between a client and the server, in both directions. It all happens on the
//! client's side: the server has a plain socket.

use crate::tally::ClientTally;
use flightline::{Transport, UdpTransport};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The weather of one round: clear but for storms whose times are known beforehand.
#[derive(Debug)]
pub(crate) struct Sky {
    start: Instant,
    storms: Vec<Storm>,
}

#[derive(Debug)]
struct Storm {
    from: Duration,
    until: Duration,
    rates: Rates,
}

/// How often things go wrong, from 0 to 1.
#[derive(Debug, Clone, Copy)]
struct Rates {
    loss: f64,
    doubling: f64,
    overtaking: f64,
    corruption: f64,
}

impl Sky {
    /// Two storms in a round that takes this long: they fill a third of it.
    pub(crate) fn drawn(random: &mut StdRng, start: Instant, length: Duration) -> Sky {
        let twelfth = length.mul_f64(1.0 / 12.0);
        let storms = [3_u32, 7].map(|begin| Storm {
            from: twelfth.saturating_mul(begin),
            until: twelfth.saturating_mul(begin.saturating_add(2)),
            rates: Rates {
                loss: random.random_range(0.05..0.3),
                doubling: random.random_range(0.01..0.2),
                overtaking: random.random_range(0.01..0.2),
                corruption: random.random_range(0.01..0.1),
            },
        });
        Sky {
            start,
            storms: storms.into(),
        }
    }

    /// Without a storm.
    pub(crate) fn clear(start: Instant) -> Sky {
        Sky {
            start,
            storms: Vec::new(),
        }
    }

    /// Whether there is no storm between these times.
    pub(crate) fn is_clear(&self, from: Instant, until: Instant) -> bool {
        let [from, until] = [from, until].map(|at| at.saturating_duration_since(self.start));
        self.storms
            .iter()
            .all(|storm| until < storm.from || storm.until < from)
    }

    fn storm_now(&self) -> Option<Rates> {
        let now = self.start.elapsed();
        let mut storms = self.storms.iter();
        let storm = storms.find(|storm| storm.from <= now && now <= storm.until)?;
        Some(storm.rates)
    }
}

/// A client's transport: a socket under this sky.
pub(crate) struct Line {
    socket: UdpTransport,
    sky: Arc<Sky>,
    tally: Arc<ClientTally>,
    cut: Cut,
    out: Mutex<Way>,
    back: Mutex<Way>,
}

/// Cuts a line, so that nothing more leaves: the server hears no farewell.
#[derive(Clone, Default)]
pub(crate) struct Cut(Arc<AtomicBool>);

impl Cut {
    pub(crate) fn off(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Line {
    /// A line over a clone of this connected socket.
    pub(crate) fn over(
        socket: &UdpSocket,
        sky: Arc<Sky>,
        tally: Arc<ClientTally>,
        random: &mut StdRng,
    ) -> io::Result<(Line, Cut)> {
        let cut = Cut::default();
        let line = Line {
            socket: UdpTransport::new(socket.try_clone()?)?,
            sky,
            tally,
            cut: cut.clone(),
            out: Mutex::new(Way::new(random)),
            back: Mutex::new(Way::new(random)),
        };
        Ok((line, cut))
    }
}

impl Transport for Line {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        if self.cut.0.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut out = self.out.lock();
        out.pass(datagram, self.sky.storm_now(), &self.tally);
        while let Some(datagram) = out.arrived.pop_front() {
            self.socket.send(&datagram)?;
        }
        Ok(())
    }

    fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        let start = Instant::now();
        let mut back = self.back.lock();
        loop {
            if let Some(datagram) = back.arrived.pop_front() {
                *buf = datagram;
                return Ok(buf.len());
            }
            match self.socket.recv(buf, wait.saturating_sub(start.elapsed())) {
                Ok(length) => {
                    let datagram = buf.get(..length).unwrap_or_default();
                    back.pass(datagram, self.sky.storm_now(), &self.tally);
                }
                // Nothing came behind the one that is held, so nothing overtakes it.
                Err(_) if back.held.is_some() => {
                    let held = back.held.take();
                    back.arrived.extend(held);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.peer_addr()
    }
}

/// One direction.
struct Way {
    random: StdRng,
    arrived: VecDeque<Vec<u8>>,
    /// Waits for the next, which overtakes it.
    held: Option<Vec<u8>>,
}

impl Way {
    fn new(random: &mut StdRng) -> Way {
        Way {
            random: StdRng::seed_from_u64(random.next_u64()),
            arrived: VecDeque::new(),
            held: None,
        }
    }

    fn pass(&mut self, datagram: &[u8], storm: Option<Rates>, tally: &ClientTally) {
        let mut datagram = datagram.to_vec();
        if let Some(rates) = storm {
            if self.random.random_bool(rates.loss) {
                return tally.lost.count();
            }
            if self.random.random_bool(rates.corruption) {
                self.corrupt(&mut datagram);
                tally.corrupted.count();
            }
            if self.held.is_none() && self.random.random_bool(rates.overtaking) {
                self.held = Some(datagram);
                return tally.overtaken.count();
            }
            if self.random.random_bool(rates.doubling) {
                self.arrived.push_back(datagram.clone());
                tally.doubled.count();
            }
        }
        self.arrived.push_back(datagram);
        let held = self.held.take();
        self.arrived.extend(held);
    }

    fn corrupt(&mut self, datagram: &mut [u8]) {
        let bit = self.random.random_range(0..8_u32);
        let at = self.random.random_range(0..datagram.len().max(1));
        if let Some(byte) = datagram.get_mut(at) {
            *byte ^= 1_u8.rotate_left(bit);
        }
    }
}
