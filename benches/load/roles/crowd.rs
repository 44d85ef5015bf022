//! Many clients on one thread, driven by events.

use super::end::End;
use super::line::{self, Line};
use crate::tools::Outcome;
use flightline::{ClientConfig, Error, Handshake, ServerName};
use mio::{Events, Interest, Poll, Token};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

pub(super) struct Crowd {
    poll: Poll,
    events: Events,
    members: Vec<Member>,
    /// Where messages are received.
    buf: Vec<u8>,
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
    Connected(End),
    Over,
}

/// What happened to a member.
pub(super) enum News<'a> {
    /// Its handshake is done, after this time.
    Connected(Duration),
    Message(&'a [u8]),
    Over(Error),
}

impl Crowd {
    pub(super) fn new() -> Outcome<Crowd> {
        Ok(Crowd {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            members: Vec::new(),
            buf: vec![0; line::BUFFER],
            due: BTreeSet::new(),
        })
    }

    /// One more client comes. Its handshake begins when the crowd is attended to.
    pub(super) fn join(
        &mut self,
        from: Ipv4Addr,
        to: SocketAddr,
        name: ServerName,
        config: Arc<ClientConfig>,
    ) -> Outcome<()> {
        let line = self.line(from, to)?;
        let handshake = Handshake::client(line, name, config)?;
        let now = Instant::now();
        self.due.insert((now, self.members.len()));
        self.members.push(Member {
            stage: Stage::Shaking(Box::new(handshake)),
            began: now,
            due: Some(now),
        });
        Ok(())
    }

    /// One more client comes, who speaks no DTLS: it is connected at once.
    pub(super) fn join_bare(&mut self, from: Ipv4Addr, to: SocketAddr) -> Outcome<()> {
        let line = self.line(from, to)?;
        self.members.push(Member {
            stage: Stage::Connected(End::Bare(Box::new(line))),
            began: Instant::now(),
            due: None,
        });
        Ok(())
    }

    /// The way of the next member.
    fn line(&self, from: Ipv4Addr, to: SocketAddr) -> Outcome<Line> {
        let mut socket = line::bind(from, to)?;
        let (registry, number) = (self.poll.registry(), Token(self.members.len()));
        registry.register(&mut socket, number, Interest::READABLE)?;
        Ok(Line::new(socket))
    }

    /// What a member has with the server, if it is connected.
    pub(super) fn end(&self, member: usize) -> Option<&End> {
        match &self.members.get(member)?.stage {
            Stage::Connected(end) => Some(end),
            Stage::Shaking(_) | Stage::Over => None,
        }
    }

    /// Of all who are connected.
    pub(super) fn ends(&self) -> impl Iterator<Item = &End> {
        (0..self.members.len()).filter_map(|member| self.end(member))
    }

    /// Waits for events until `until` at most, and serves those that come.
    pub(super) fn attend(
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
    pub(super) fn leave(&mut self) {
        for (number, member) in self.members.iter_mut().enumerate() {
            if number % 5 == 0 {
                sleep(Duration::from_millis(1));
            }
            if let Stage::Connected(End::Dtls(socket)) = &member.stage {
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
        if let Err(error) = member.step(number, &mut self.buf, on) {
            member.stage = Stage::Over;
            on(number, News::Over(error));
        }
        let delay = match &member.stage {
            Stage::Shaking(handshake) => handshake.next_timeout(),
            Stage::Connected(End::Dtls(socket)) => socket.next_timeout(),
            Stage::Connected(End::Bare(_)) | Stage::Over => None,
        };
        member.due = delay.map(|delay| Instant::now() + delay);
        self.due.extend(member.due.map(|at| (at, number)));
    }
}

impl Member {
    fn step(
        &mut self,
        number: usize,
        buf: &mut Vec<u8>,
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
            self.stage = Stage::Connected(End::Dtls(socket));
            on(number, News::Connected(self.began.elapsed()));
        }
        let Stage::Connected(end) = &self.stage else {
            return Ok(());
        };
        loop {
            match end.recv(buf, Duration::ZERO) {
                Ok(length) => on(number, News::Message(&buf[..length])),
                Err(Error::WantRead) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}
