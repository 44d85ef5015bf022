//! Many clients on one thread, driven by events.

use super::Outcome;
use super::line::{self, Line};
use flightline::{ClientConfig, DtlsSocket, Error, Handshake, ServerName};
use mio::{Events, Interest, Poll, Token};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

pub(crate) struct Crowd {
    poll: Poll,
    events: Events,
    members: Vec<Member>,
    /// When the timers of members are due, the earliest first; at most one for each.
    due: BTreeSet<(Instant, usize)>,
}

struct Member {
    stage: Stage,
    began: Instant,
    due: Option<Instant>,
}

enum Stage {
    Shaking(Box<Handshake>),
    Connected(DtlsSocket),
    Over,
}

/// What happened to a member.
pub(crate) enum News<'a> {
    /// Its handshake is done, after this time.
    Connected(Duration),
    Message(&'a [u8]),
    Over(Error),
}

impl Crowd {
    pub(crate) fn new() -> Outcome<Crowd> {
        Ok(Crowd {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            members: Vec::new(),
            due: BTreeSet::new(),
        })
    }

    /// One more client comes.
    pub(crate) fn join(
        &mut self,
        from: Ipv4Addr,
        to: SocketAddr,
        name: ServerName,
        config: Arc<ClientConfig>,
    ) -> Outcome<usize> {
        let number = self.members.len();
        let mut socket = line::bind(from, to)?;
        let registry = self.poll.registry();
        registry.register(&mut socket, Token(number), Interest::READABLE)?;
        let handshake = Handshake::client(Line::new(socket), name, config)?;
        // It begins when the crowd is attended to.
        let now = Instant::now();
        self.members.push(Member {
            stage: Stage::Shaking(Box::new(handshake)),
            began: now,
            due: Some(now),
        });
        self.due.insert((now, number));
        Ok(number)
    }

    pub(crate) fn socket(&self, member: usize) -> Option<&DtlsSocket> {
        match &self.members.get(member)?.stage {
            Stage::Connected(socket) => Some(socket),
            Stage::Shaking(_) | Stage::Over => None,
        }
    }

    pub(crate) fn sockets(&self) -> impl Iterator<Item = &DtlsSocket> {
        (0..self.members.len()).filter_map(|member| self.socket(member))
    }

    /// Waits for events until `until` at most, and serves those that come.
    pub(crate) fn attend(
        &mut self,
        until: Instant,
        on: &mut impl FnMut(usize, News<'_>),
    ) -> Outcome<()> {
        let next = self.due.first().map_or(until, |(at, _)| until.min(*at));
        let wait = next.saturating_duration_since(Instant::now());
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => {
                return Err(error.into());
            }
            _ => {}
        }
        let ready: Vec<_> = self.events.iter().map(|event| event.token().0).collect();
        for member in ready {
            self.step(member, on);
        }
        let now = Instant::now();
        while let Some((_, member)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.step(member, on);
        }
        Ok(())
    }

    /// All say farewell, a few in a millisecond: a farewell that the kernel has no room for is not
    /// repeated.
    pub(crate) fn leave(&mut self) {
        for (number, member) in self.members.iter_mut().enumerate() {
            if number % 5 == 0 {
                sleep(Duration::from_millis(1));
            }
            if let Stage::Connected(socket) = &member.stage {
                // It may be closed already.
                let _ = socket.shutdown(Shutdown::Both);
            }
            member.stage = Stage::Over;
            member.due = None;
        }
        self.due.clear();
    }

    /// Takes in what has come for a member and what is due.
    fn step(&mut self, number: usize, on: &mut impl FnMut(usize, News<'_>)) {
        let Some(member) = self.members.get_mut(number) else {
            return;
        };
        if let Some(at) = member.due.take() {
            self.due.remove(&(at, number));
        }
        if let Err(error) = member.step(number, on) {
            member.stage = Stage::Over;
            on(number, News::Over(error));
        }
        let delay = match &member.stage {
            Stage::Shaking(handshake) => handshake.next_timeout(),
            Stage::Connected(socket) => socket.next_timeout(),
            Stage::Over => None,
        };
        member.due = delay.map(|delay| Instant::now() + delay);
        self.due.extend(member.due.map(|at| (at, number)));
    }
}

impl Member {
    fn step(
        &mut self,
        number: usize,
        on: &mut impl FnMut(usize, News<'_>),
    ) -> flightline::Result<()> {
        if let Stage::Shaking(handshake) = &mut self.stage {
            match handshake.handshake() {
                Err(Error::WantRead) => return Ok(()),
                other => other?,
            }
            let Stage::Shaking(done) = std::mem::replace(&mut self.stage, Stage::Over) else {
                return Ok(());
            };
            let socket = done.into_socket()?;
            socket.set_nonblocking(true)?;
            self.stage = Stage::Connected(socket);
            on(number, News::Connected(self.began.elapsed()));
        }
        let Stage::Connected(socket) = &self.stage else {
            return Ok(());
        };
        let mut buf = [0; 2048];
        loop {
            match socket.recv(&mut buf) {
                Ok(length) => on(number, News::Message(&buf[..length])),
                Err(Error::WantRead) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}
