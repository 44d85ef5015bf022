//! The one thread that reads a listener's socket.
//!
//! One verdict per datagram: deliver it to a connection, challenge an unproven client, begin a new
//! handshake, or drop it. Nothing is kept for an address that has proven nothing (RFC 6347 §4.2.1),
//! and no connection can make this thread wait.

use super::address::{ClientId, canonical};
use super::admission::{Admission, Place};
use super::datagram_socket::DatagramSocket;
use super::handshake::Handshake;
use super::hub::{Hub, State};
use super::inbox::Inbox;
use super::link::SLICE;
use super::listener_transport::ListenerTransport;
use super::os_error;
use super::peers::{Bounds, NoRoom, Seat};
use super::udp_transport::{RECEIVE_BUFFER, uncut};
use crate::config::ServerConfig;
use crate::cookie::{Entrance, GateDrop, ReplyBuffer, Verdict, VerifiedHello};
use crate::trace::TARGET;
use crate::wire::{ContentType, HandshakeType, RECORD_HEADER, UnifiedHeader};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long to hold still after an error that says that the socket itself is in trouble, so that a
/// lasting one does not spin.
const PAUSE: Duration = Duration::from_millis(10);

/// Errors in a row that are taken for hints about single datagrams. A thousand clients that have gone
/// may each cause one, but not without any datagram between them.
const HINTS: usize = 64;

/// How often to look for connections that lie idle. Their limit counts in seconds.
const LOOK_AROUND: Duration = Duration::from_secs(1);

pub(super) struct Dispatcher<D> {
    pub(super) hub: Arc<Hub>,
    pub(super) socket: Arc<dyn DatagramSocket>,
    pub(super) config: Arc<ServerConfig>,
    pub(super) entrance: Entrance,
    pub(super) bounds: Bounds,
    pub(super) inbox_capacity: usize,
    pub(super) idle_limit: Option<Duration>,
    /// Where new handshakes go, each with its place. It must not wait.
    pub(super) door: D,
}

impl<D: FnMut(Handshake, Arc<Place>)> Dispatcher<D> {
    /// Reads the socket until the listener is closed, or drained and without connections. Whoever is
    /// still there then hears that it is closed.
    pub(super) fn run(mut self) -> io::Result<()> {
        let _last_act = Closing(self.hub.clone());
        self.read()
    }

    fn read(&mut self) -> io::Result<()> {
        self.socket.set_wait(SLICE)?;
        let mut buffer = vec![0; RECEIVE_BUFFER];
        let mut reply = ReplyBuffer::new();
        let mut look_around = Duration::ZERO;
        let mut errors: usize = 0;
        while self.goes_on() {
            self.end_silent(&mut look_around);
            match self.socket.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    errors = 0;
                    self.hub.counters.datagrams_received.count();
                    match uncut(&buffer, length) {
                        Some(datagram) => self.sort(datagram, from, &mut reply),
                        None => self.hub.counters.dropped_truncated.count(),
                    }
                }
                Err(error) if os_error::is_nothing(&error) => errors = 0,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A datagram too long for the buffer is an error on Windows.
                Err(error) if os_error::is_too_long(&error) => {
                    self.hub.counters.dropped_truncated.count();
                }
                Err(error) => {
                    self.hub.counters.socket_errors.count();
                    errors = errors.saturating_add(1);
                    if !os_error::is_transient(&error) || errors > HINTS {
                        std::thread::sleep(PAUSE);
                    }
                }
            }
        }
        Ok(())
    }

    /// Ends connections that lie idle. `next` is when to look for them again.
    fn end_silent(&self, next: &mut Duration) {
        let now = self.config.settings.clock.now();
        if let Some(limit) = self.idle_limit.filter(|_| now >= *next) {
            *next = now.saturating_add(LOOK_AROUND);
            let ended = self.hub.peers.lock().end_silent(now, limit);
            (0..ended).for_each(|_| self.hub.counters.connections_idle.count());
        }
    }

    fn goes_on(&self) -> bool {
        match self.hub.state() {
            State::Open => true,
            State::Draining { until } => {
                self.config.settings.clock.now() < until && !self.hub.peers.lock().is_empty()
            }
            State::Closed => false,
        }
    }

    /// Deliver, challenge, begin or drop.
    fn sort(&mut self, datagram: &[u8], from: SocketAddr, reply: &mut ReplyBuffer) {
        let address = canonical(from);
        if !begins_with_hello(datagram) {
            return self.deliver(datagram, address);
        }
        let client_id = ClientId::of(address);
        let now = self.config.settings.clock.now();
        let verdict = self
            .entrance
            .check(client_id.as_bytes(), datagram, now, reply);
        if self.hub.state() == State::Open {
            log::debug!(target: TARGET, "listener, {from}: {verdict}");
        }
        match verdict {
            // Whoever is drained proves nobody's address any more.
            Verdict::Challenge(_) | Verdict::Refuse(_) if self.hub.state() != State::Open => {
                self.turn_away(from, NoRoom::Draining);
            }
            Verdict::Challenge(challenge) => {
                self.hub.counters.challenges_sent.count();
                if self.socket.send_to(challenge, from).is_err() {
                    self.hub.counters.socket_errors.count();
                }
            }
            Verdict::Refuse(alert) => {
                self.hub.counters.dropped_hellos.count();
                if self.socket.send_to(alert, from).is_err() {
                    self.hub.counters.socket_errors.count();
                }
            }
            Verdict::Verified(hello) => self.welcome(hello, datagram, from, now),
            // RFC 8446 §4.1.4: where no cookie is asked for, a connection may have asked for a second hello.
            Verdict::Drop(GateDrop::NotTheFirst | GateDrop::Fragmented)
                if !self.config.hello_verification && !is_first_message(datagram) =>
            {
                self.deliver(datagram, address);
            }
            Verdict::Drop(GateDrop::NotAHello | GateDrop::OtherMessage(_)) => {
                self.hub.counters.dropped_unknown.count()
            }
            Verdict::Drop(_) | Verdict::NoContext => self.hub.counters.dropped_hellos.count(),
        }
    }

    /// A datagram that is no hello goes to whoever is at its address.
    fn deliver(&self, datagram: &[u8], address: SocketAddr) {
        let peers = self.hub.peers.lock();
        match peers.route(address, || is_all_clear(datagram)) {
            None => self.hub.counters.dropped_unknown.count(),
            Some(route) => route.each(|seat| self.put(seat, datagram)),
        }
    }

    fn put(&self, seat: &Seat, datagram: &[u8]) {
        if let Err(back) = seat.inbox.put(self.hub.pool.copy(datagram)) {
            let counter = match seat.inbox.ended() {
                // Whoever was there is about to leave.
                Some(_) => &self.hub.counters.dropped_unknown,
                None => &self.hub.counters.dropped_inbox_full,
            };
            counter.count();
            self.hub.pool.put(back);
        }
    }

    fn turn_away(&self, from: SocketAddr, why: NoRoom) {
        log::debug!(target: TARGET, "listener, {from}: turned away, no room: {why:?}");
        self.hub.counters.turned_away(why);
    }

    /// A verified hello: a duplicate for the handshake that it began, or the beginning of another. One that a newer
    /// has replaced begins nothing at first: its client says it no more, unless that was a replay.
    fn welcome(
        &mut self,
        hello: Box<VerifiedHello>,
        datagram: &[u8],
        from: SocketAddr,
        now: Duration,
    ) {
        let address = canonical(from);
        let random = hello.hello().random;
        let mut peers = self.hub.peers.lock();
        if let Some(seat) = peers.find(address, &random) {
            if seat.hears_hello(now) {
                return self.put(seat, datagram);
            }
            return self.hub.counters.dropped_hellos.count();
        }
        if peers.has_left_behind(address, &random, now) {
            return self.hub.counters.dropped_hellos.count();
        }
        let inbox = Arc::new(Inbox::new(self.inbox_capacity));
        let admitted = peers.admit(address, random, inbox.clone(), self.bounds);
        drop(peers);
        let (seat, fate) = match admitted {
            Ok(seated) => seated,
            Err(no_room) => return self.turn_away(from, no_room),
        };
        self.hub.counters.handshakes_started.count();
        let place = Arc::new(Place {
            hub: self.hub.clone(),
            address,
            seat,
        });
        let transport = ListenerTransport {
            socket: self.socket.clone(),
            inbox: inbox.clone(),
            peer: from,
            place: place.clone(),
        };
        let admission = Admission {
            hub: self.hub.clone(),
            address,
            seat,
            inbox,
            fate,
            bounds: self.bounds,
        };
        let config = self.config.clone();
        let handshake = Handshake::admitted(transport, hello, config, admission);
        (self.door)(handshake, place);
    }
}

/// Closes the listener when it goes: nobody waits for a thread that has gone, though it was a panic of the
/// application's clock.
struct Closing(Arc<Hub>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Its first record is a handshake record in the clear with a ClientHello, or claims so.
fn begins_with_hello(datagram: &[u8]) -> bool {
    datagram.first() == Some(&ContentType::HANDSHAKE.0)
        && is_clear(datagram)
        && datagram.get(RECORD_HEADER) == Some(&HandshakeType::CLIENT_HELLO.0)
}

/// The first message of its first record has the number 0 (RFC 6347 §4.2.2).
fn is_first_message(datagram: &[u8]) -> bool {
    const MESSAGE_SEQ: usize = RECORD_HEADER + 4;
    datagram.get(MESSAGE_SEQ..MESSAGE_SEQ + 2) == Some(&[0, 0])
}

/// All of its records are of epoch 0. A flight of DTLS 1.2 that comes again may begin so and end under keys.
fn is_all_clear(datagram: &[u8]) -> bool {
    let mut rest = datagram;
    while is_clear(rest) {
        let length = match rest.get(RECORD_HEADER - 2..RECORD_HEADER) {
            Some([high, low]) => usize::from(u16::from_be_bytes([*high, *low])),
            _ => 0,
        };
        rest = rest
            .get(RECORD_HEADER.saturating_add(length)..)
            .unwrap_or_default();
    }
    rest.is_empty()
}

/// Its first record is of epoch 0, so nothing protects it.
fn is_clear(datagram: &[u8]) -> bool {
    let unified = datagram
        .first()
        .is_some_and(|first| UnifiedHeader::is_one(*first));
    !unified && datagram.get(3..5) == Some(&[0, 0])
}
