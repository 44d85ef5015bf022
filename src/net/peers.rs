//! Who is connected to a listener: one seat per address, and at most one candidate beside it.

mod leaving;

use super::address::network;
use super::fate::Fate;
use super::inbox::{End, Inbox};
use crate::association::Rival;
use leaving::Leaving;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Tells two seats at one address apart.
pub(super) type SeatId = u64;

/// Where a connection, or a handshake on its way to one, gets its datagrams.
pub(super) struct Seat {
    pub(super) id: SeatId,
    /// The random of the client's hello: the same again is a duplicate, another a new beginning.
    pub(super) random: [u8; 32],
    pub(super) inbox: Arc<Inbox>,
    pub(super) fate: Arc<Fate>,
    /// How far it is, and which place it holds.
    state: State,
    /// When its hello comes again to be heard.
    deaf_until: Duration,
}

/// A hello that comes again asks for the answer again. Once in so long is enough: no client repeats it
/// sooner, and a flood of them must not keep a worker busy.
const HELLO_AGAIN: Duration = Duration::from_millis(10);

impl Seat {
    /// Whether to hear a repetition of its hello now.
    pub(super) fn hears_hello(&mut self, now: Duration) -> bool {
        let hears = self.state == State::Handshake && now >= self.deaf_until;
        if hears {
            self.deaf_until = now.saturating_add(HELLO_AGAIN);
        }
        hears
    }

    /// Whoever waits for its datagrams is woken, and finds that it can send no more either.
    fn end(&self, end: End) {
        self.fate.end(end);
        self.inbox.end(end);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Handshake,
    Established,
}

/// Everything at one address.
struct Table {
    current: Seat,
    /// A verified handshake beside an association that lives (RFC 6347 §4.2.8). It takes over when it
    /// is finished, and not before: whoever can only replay a hello changes nothing.
    candidate: Option<Seat>,
    /// The last few hellos that newer ones have replaced here.
    left_behind: VecDeque<LeftBehind>,
}

/// A hello that another has replaced. Its client has moved on, so whoever says it again is somebody else, or the
/// network; unless the other was not the client's, but an old one that somebody said again. Then it is said again
/// and again.
struct LeftBehind {
    random: [u8; 32],
    /// When it came first again.
    again: Option<Duration>,
}

/// For so long a hello that was left behind begins nothing when it comes again. No client has two timers sooner.
const INSISTING: Duration = Duration::from_millis(500);

/// How many such randoms are kept. Of a hello that was forgotten a replay begins a handshake again, while its
/// cookie is good.
const MOST_LEFT_BEHIND: usize = 8;

impl Table {
    fn leave_behind(&mut self, random: [u8; 32]) {
        self.left_behind.retain(|left| left.random != random);
        if self.left_behind.len() >= MOST_LEFT_BEHIND {
            self.left_behind.pop_front();
        }
        let again = None;
        self.left_behind.push_back(LeftBehind { random, again });
    }

    /// The candidate, if there is one, takes the place of who was there before.
    fn succeed(&mut self) -> Option<Seat> {
        let candidate = self.candidate.take()?;
        candidate.fate.set_rival(Rival::None);
        Some(std::mem::replace(&mut self.current, candidate))
    }
}

/// Bounds on what clients can make a listener hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) connections: usize,
    pub(super) handshakes: usize,
    pub(super) handshakes_per_address: usize,
}

/// Why there is no place for one more. Whoever comes last is who is turned away: a client that has shown
/// no more than its address never costs another its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoRoom {
    Connections,
    Handshakes,
    /// Handshakes of this client's network.
    HandshakesPerAddress,
    /// The listener is draining: nobody new is seated any more.
    Draining,
}

/// What became of a seat whose handshake is finished.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Succession {
    /// A connection where there was none.
    First,
    /// In another connection's place.
    Replaced,
    /// Another candidate has taken its seat, or the listener is closed.
    None,
}

/// Where a datagram from a known address belongs.
pub(super) enum Route<'a> {
    One(&'a Seat),
    Both(&'a Seat, &'a Seat),
}

impl Route<'_> {
    pub(super) fn each(self, mut deliver: impl FnMut(&Seat)) {
        match self {
            Route::One(seat) => deliver(seat),
            Route::Both(current, candidate) => {
                deliver(current);
                deliver(candidate);
            }
        }
    }
}

/// How many that were replaced may still run at one address. A client that crashes three times in a row is served
/// at once, though a handler is busy; whoever has hellos enough to go on so waits until one is gone.
const MOST_LEAVING: usize = 3;

/// All of a listener's clients.
pub(super) struct Peers {
    tables: HashMap<SocketAddr, Table>,
    leaving: Leaving,
    handshakes: HashMap<IpAddr, usize>,
    handshakes_total: usize,
    established: usize,
    next_id: SeatId,
    open: bool,
}

impl Peers {
    pub(super) fn new() -> Peers {
        Peers {
            tables: HashMap::new(),
            leaving: Leaving::default(),
            handshakes: HashMap::new(),
            handshakes_total: 0,
            established: 0,
            next_id: 0,
            open: true,
        }
    }

    /// Connections, those among them that sit nowhere any more and still run.
    pub(super) fn established(&self) -> usize {
        self.established
    }

    pub(super) fn handshakes(&self) -> usize {
        self.handshakes_total
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Who of `address` began with this hello.
    pub(super) fn find(&mut self, address: SocketAddr, random: &[u8; 32]) -> Option<&mut Seat> {
        let table = self.tables.get_mut(&address)?;
        let mut seats = std::iter::once(&mut table.current).chain(&mut table.candidate);
        seats.find(|seat| seat.random == *random)
    }

    /// Whether a client of `address` began with this hello and with another since, and does not insist.
    pub(super) fn has_left_behind(
        &mut self,
        address: SocketAddr,
        random: &[u8; 32],
        now: Duration,
    ) -> bool {
        let table = self.tables.get_mut(&address);
        let known = |left: &&mut LeftBehind| left.random == *random;
        let left = table.and_then(|table| table.left_behind.iter_mut().find(known));
        left.is_some_and(|left| {
            let since = *left.again.get_or_insert(now);
            now.saturating_sub(since) < INSISTING
        })
    }

    /// Who gets a datagram from `address`. While a candidate runs beside an established association,
    /// what is in the clear is the candidate's; everything else may be either's.
    pub(super) fn route(
        &self,
        address: SocketAddr,
        is_clear: impl Fn() -> bool,
    ) -> Option<Route<'_>> {
        let table = self.tables.get(&address)?;
        Some(match &table.candidate {
            None => Route::One(&table.current),
            Some(candidate) if table.current.state == State::Established && is_clear() => {
                Route::One(candidate)
            }
            Some(candidate) => Route::Both(&table.current, candidate),
        })
    }

    /// Seats a verified client. One that comes from a known address is a candidate there, in place of
    /// another candidate.
    pub(super) fn admit(
        &mut self,
        address: SocketAddr,
        random: [u8; 32],
        inbox: Arc<Inbox>,
        bounds: Bounds,
    ) -> Result<(SeatId, Arc<Fate>), NoRoom> {
        self.has_room(address, bounds)?;
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        let fate = Arc::new(Fate::default());
        let seat = Seat {
            id,
            random,
            inbox,
            fate: fate.clone(),
            state: State::Handshake,
            deaf_until: Duration::ZERO,
        };
        self.handshakes_total = self.handshakes_total.saturating_add(1);
        let count = self.handshakes.entry(network(address)).or_default();
        *count = count.saturating_add(1);
        let gone = match self.tables.get_mut(&address) {
            None => {
                let table = Table {
                    current: seat,
                    candidate: None,
                    left_behind: VecDeque::new(),
                };
                self.tables.insert(address, table);
                None
            }
            Some(table) => {
                table.current.fate.set_rival(Rival::Newer);
                seat.fate.set_rival(Rival::Older);
                table.candidate.replace(seat)
            }
        };
        if let Some(gone) = gone {
            self.leave(address, gone);
        }
        Ok((id, fate))
    }

    fn has_room(&self, address: SocketAddr, bounds: Bounds) -> Result<(), NoRoom> {
        let here = self.handshakes.get(&network(address)).copied();
        let has_enough = here.unwrap_or_default() >= bounds.handshakes_per_address
            || self.leaving.at(address) >= MOST_LEAVING;
        if !self.open {
            Err(NoRoom::Draining)
        } else if self.established >= bounds.connections && !self.may_exchange(address) {
            Err(NoRoom::Connections)
        } else if has_enough {
            Err(NoRoom::HandshakesPerAddress)
        } else if self.handshakes_total >= bounds.handshakes {
            Err(NoRoom::Handshakes)
        } else {
            Ok(())
        }
    }

    /// Whether a new connection at `address` has a place though all are taken: that of the one which it replaces.
    /// Not while one that was replaced runs there, so that no port gains a second handler by it.
    fn may_exchange(&self, address: SocketAddr) -> bool {
        let table = self.tables.get(&address);
        table.is_some_and(|table| table.current.state == State::Established)
            && self.leaving.at(address) == 0
    }

    /// A handshake is finished: it takes over its address.
    pub(super) fn establish(
        &mut self,
        address: SocketAddr,
        id: SeatId,
        bounds: Bounds,
    ) -> Result<Succession, NoRoom> {
        let Some(table) = self.tables.get_mut(&address) else {
            return Ok(Succession::None);
        };
        let replaces = match &table.candidate {
            Some(candidate) => candidate.id == id,
            None => false,
        };
        if !replaces && table.current.id != id {
            return Ok(Succession::None);
        }
        let is_full = self.established >= bounds.connections;
        let connected = table.current.state == State::Established;
        if is_full && !(replaces && connected) {
            return Err(NoRoom::Connections);
        }
        let mut older = if replaces { table.succeed() } else { None };
        match &mut older {
            // Whoever leaves keeps a place until its worker is gone. Where there is none for both, it is that of
            // the handshake.
            Some(older) if is_full => std::mem::swap(&mut older.state, &mut table.current.state),
            _ => {
                table.current.state = State::Established;
                self.established = self.established.saturating_add(1);
                self.handshake_over(address);
            }
        }
        if let Some(older) = older {
            self.leave(address, older);
        }
        Ok(match replaces && connected {
            true => Succession::Replaced,
            false => Succession::First,
        })
    }

    /// Gives a seat up: datagrams from its address go to nobody, or to its rival. Its place is held until
    /// [`free`](Self::free). One that has been replaced has no seat any more.
    pub(super) fn vacate(&mut self, address: SocketAddr, id: SeatId) {
        let Some(table) = self.tables.get_mut(&address) else {
            return;
        };
        let gone = if table.candidate.as_ref().is_some_and(|seat| seat.id == id) {
            table.current.fate.set_rival(Rival::None);
            table.candidate.take()
        } else if table.current.id == id {
            match table.succeed() {
                Some(gone) => Some(gone),
                None => self.tables.remove(&address).map(|table| table.current),
            }
        } else {
            None
        };
        if let Some(gone) = gone {
            self.leaving.add(address, gone.id, gone.state);
        }
    }

    /// Nobody has anything to do any more for one that sits nowhere: its place is free.
    pub(super) fn free(&mut self, address: SocketAddr, id: SeatId) {
        match self.leaving.remove(address, id) {
            Some(State::Handshake) => self.handshake_over(address),
            Some(State::Established) => self.established = self.established.saturating_sub(1),
            None => {}
        }
    }

    /// Ends the connections of clients that have been silent for `limit`; how many. Their places are free
    /// when their workers have gone.
    pub(super) fn end_silent(&mut self, now: Duration, limit: Duration) -> usize {
        let mut ended = 0_usize;
        for seat in self.tables.values().map(|table| &table.current) {
            let connected = seat.state == State::Established && seat.inbox.ended().is_none();
            if connected && seat.fate.is_silent(now, limit) {
                seat.end(End::Idle);
                ended = ended.saturating_add(1);
            }
        }
        ended
    }

    /// Ends everybody: nothing is received any more, and nobody new is seated.
    pub(super) fn close(&mut self) {
        self.open = false;
        for (_, table) in self.tables.drain() {
            let seats = std::iter::once(table.current).chain(table.candidate);
            seats.for_each(|seat| seat.end(End::Closed));
        }
        self.leaving = Leaving::default();
        self.handshakes.clear();
        self.handshakes_total = 0;
        self.established = 0;
    }

    /// Seats nobody new, and leaves those who are there alone.
    pub(super) fn drain(&mut self) {
        self.open = false;
    }

    /// Another takes its seat. It has a thread, and so a place, until its worker has noticed.
    fn leave(&mut self, address: SocketAddr, seat: Seat) {
        seat.end(End::Replaced);
        if let Some(table) = self.tables.get_mut(&address) {
            table.leave_behind(seat.random);
        }
        self.leaving.add(address, seat.id, seat.state);
    }

    fn handshake_over(&mut self, address: SocketAddr) {
        self.handshakes_total = self.handshakes_total.saturating_sub(1);
        let network = network(address);
        if let Some(count) = self.handshakes.get_mut(&network) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.handshakes.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests;
