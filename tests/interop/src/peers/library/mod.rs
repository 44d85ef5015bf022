//! Drives a library's connections over a UDP socket, on a thread of their own: lines go out, what comes
//! in is kept, and the library's retransmission timer is honoured. A library says how by [`Context`] and
//! [`Connection`], and is a [`Peer`] by being a [`Library`].

mod driver;
mod wire;

use super::{Client, Conversation, Peer, Server, Srtp};
use crate::Res;
use crate::case::{Case, KeyUpdate, Role};
use crate::feature::Lack;
use crate::pki::Pki;
use crate::trial::Attempts;
use driver::Driven;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
pub use wire::Wire;

/// The first delay of every library's timer. Short, since it doubles with each datagram that is lost.
pub const FIRST_TIMEOUT: Duration = Duration::from_millis(50);

/// A library that runs in this process.
pub struct Library {
    pub name: &'static str,
    pub version: fn() -> String,
    pub lacks: &'static [Lack],
    /// As [`Peer::attempts`].
    pub attempts: Attempts,
    /// What all connections of one role share in a case.
    pub context: fn(&Case, &Pki, Role) -> Res<Arc<dyn Context>>,
}

/// What the connections of one role share: configuration, sessions.
pub trait Context: Send + Sync {
    /// A new connection over this wire. `from` is the peer's address.
    fn connection(&self, wire: Wire, from: SocketAddr) -> Res<Box<dyn Connection>>;
}

/// A connection of a library, without a socket and a clock.
pub trait Connection {
    /// Goes on with the handshake; after it, takes what has arrived.
    fn step(&mut self) -> Res<Step>;

    fn send(&mut self, data: &[u8]) -> Res<()>;

    /// The time until `expire` is due.
    fn until_timeout(&mut self) -> Option<Duration>;

    /// Lets the retransmission timer expire, if it is due.
    fn expire(&mut self) -> Res<()>;

    fn srtp(&self) -> Option<Srtp> {
        None
    }

    /// The keys that it exports under our label.
    fn exported(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// Takes new keys in DTLS 1.3, or more.
    fn update_keys(&mut self, _: KeyUpdate) -> Res<()> {
        Ok(())
    }
}

pub enum Step {
    /// For a datagram, or the timer.
    Waits,
    /// The handshake has just been completed.
    Connected,
    Data(Vec<u8>),
    Closed,
}

impl Peer for Library {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> Res<String> {
        Ok((self.version)())
    }

    fn lacks(&self) -> &'static [Lack] {
        self.lacks
    }

    fn attempts(&self) -> Attempts {
        self.attempts
    }

    fn server(&self, case: &Case, pki: &Pki) -> Res<Server> {
        let context = (self.context)(case, pki, Role::Server)?;
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        Ok(Server {
            address: socket.local_addr()?,
            conversation: Box::new(Driven::start(context, socket, None)),
        })
    }

    fn client<'a>(&self, case: &'a Case, pki: &'a Pki) -> Res<Box<dyn Client + 'a>> {
        Ok(Box::new(LibraryClient {
            context: (self.context)(case, pki, Role::Client)?,
        }))
    }
}

struct LibraryClient {
    context: Arc<dyn Context>,
}

impl Client for LibraryClient {
    fn connect(&mut self, to: SocketAddr) -> Res<Box<dyn Conversation>> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        Ok(Box::new(Driven::start(
            self.context.clone(),
            socket,
            Some(to),
        )))
    }
}
