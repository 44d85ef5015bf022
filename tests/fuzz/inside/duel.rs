//! A client's and a server's connection, with nothing between them.

use super::kinds::{Configs, Kind, configs};
use super::opened::{self, Said};
use crate::connection::Connection;
use crate::cookie::{Choices13, Entrance, HelloVerification, ReplyBuffer, Verdict};
use crate::crypto::null_cipher;
use crate::error::{Error, Result};
use crate::lab::End;
use crate::wire::KeyUpdate;
use std::collections::VecDeque;
use std::time::Duration;

pub(super) struct Duel {
    pub(super) now: Duration,
    pub(super) client: Side,
    pub(super) server: Side,
}

/// A side, and what it has said that the other has not heard.
pub(super) struct Side {
    pub(super) connection: Connection,
    pub(super) said: VecDeque<Vec<u8>>,
    pub(super) failed: bool,
    /// Messages of application data that arrived.
    pub(super) delivered: Vec<Vec<u8>>,
}

impl Duel {
    /// The client has said its hello, and the server, which asks for no cookie, has heard it.
    pub(super) fn new(kind: Kind) -> Duel {
        let configs = configs(kind);
        if kind.is_resumed() {
            Duel::with(configs.clone(), None).unwrap().finish();
        }
        Duel::with(configs, None).unwrap()
    }

    /// The server has heard this hello, which it lets in, in the place of the client's.
    pub(super) fn with_hello(kind: Kind, hello: &[u8]) -> Option<Duel> {
        Duel::with(configs(kind), Some(hello))
    }

    fn with((client, server, name): Configs, other_hello: Option<&[u8]>) -> Option<Duel> {
        let now = Duration::ZERO;
        let client = Connection::client(client, name, "client".into(), now);
        let mut client = Side::new(client);
        let own_hello = client.said.pop_front().unwrap();
        let hello = other_hello.unwrap_or(&own_hello);
        let mut entrance = Entrance::new(HelloVerification::Waived, Choices13::default(), 1);
        let mut reply = ReplyBuffer::new();
        let Verdict::Verified(hello) = entrance.check(b"client", hello, now, &mut reply) else {
            return None;
        };
        let server = Connection::server(server, *hello, "server".into(), now);
        Some(Duel {
            now,
            client,
            server: Side::new(server),
        })
    }

    /// Whether the next datagram for a side has the other's Finished.
    pub(super) fn finished_is_next(&mut self, to: End) -> bool {
        let next = self.side(to.peer()).said.front();
        next.is_some_and(|next| opened::has_finished(next))
    }

    /// The client's first datagram.
    pub(super) fn hello(kind: Kind) -> Vec<u8> {
        let (client, _, name) = configs(kind);
        let connection = Connection::client(client, name, "client".into(), Duration::ZERO);
        Side::new(connection).said.pop_front().unwrap()
    }

    pub(super) fn side(&mut self, end: End) -> &mut Side {
        match end {
            End::Client => &mut self.client,
            End::Server => &mut self.server,
        }
    }

    /// The next datagram that `to` has not heard reaches it.
    pub(super) fn pass(&mut self, to: End) -> bool {
        let now = self.now;
        match self.side(to.peer()).said.pop_front() {
            Some(mut datagram) => {
                self.side(to).hear(&mut datagram, now);
                true
            }
            None => false,
        }
    }

    /// Shakes hands to the end.
    pub(super) fn finish(&mut self) {
        while self.pass(End::Client) || self.pass(End::Server) {}
        assert!(self.client.connection.is_established());
        assert!(self.server.connection.is_established());
    }

    /// What is said to a side, first to last.
    pub(super) fn messages(kind: Kind, to: End) -> Vec<Said> {
        null_cipher::set(true);
        let said = Duel::datagrams(kind).into_iter();
        null_cipher::set(false);
        said.filter(|(end, _)| *end == to)
            .flat_map(|(_, datagram)| opened::messages(&datagram))
            .collect()
    }

    /// All datagrams of a handshake, and whom they are for.
    pub(super) fn datagrams(kind: Kind) -> Vec<(End, Vec<u8>)> {
        let mut duel = Duel::new(kind);
        let mut all = Vec::new();
        loop {
            let before = all.len();
            for to in [End::Client, End::Server] {
                if let Some(datagram) = duel.side(to.peer()).said.front() {
                    all.push((to, datagram.clone()));
                    duel.pass(to);
                }
            }
            if all.len() == before {
                return all;
            }
        }
    }
}

impl Side {
    fn new(connection: Connection) -> Side {
        let mut side = Side {
            connection,
            said: VecDeque::new(),
            failed: false,
            delivered: Vec::new(),
        };
        let begun = side.connection.begin(Duration::ZERO);
        side.note(begun);
        side
    }

    /// Takes in a datagram; what it makes of it must fit the design.
    pub(super) fn hear(&mut self, datagram: &mut [u8], now: Duration) {
        let before = self.delivered.len();
        let delivered = &mut self.delivered;
        let heard = self.connection.receive(datagram, now, &mut |data| {
            delivered.push(data.to_vec());
        });
        assert!(
            self.delivered.len() == before || self.connection.is_established(),
            "data too early"
        );
        assert!(!self.failed || heard.is_err(), "back to life");
        self.note(heard);
    }

    pub(super) fn tick(&mut self, now: Duration) {
        if !self.failed {
            let ticked = self.connection.tick(now);
            self.note(ticked);
        }
    }

    /// Takes new keys, where there are any to take.
    pub(super) fn update_keys(&mut self, update: KeyUpdate, now: Duration) {
        let updated = self.connection.update_keys(update, now);
        assert!(matches!(
            updated,
            Ok(()) | Err(Error::NoKeyUpdate | Error::Closed)
        ));
        self.note(Ok(()));
    }

    /// Sends a message of application data, where that is possible.
    pub(super) fn send(&mut self, data: &[u8]) {
        if let Ok(datagram) = self.connection.send(data) {
            self.said.push_back(datagram.to_vec());
        }
    }

    fn note(&mut self, outcome: Result<()>) {
        self.failed |= outcome.is_err();
        while let Some(datagram) = self.connection.transmit() {
            assert!(datagram.len() <= 1500, "a datagram of {}", datagram.len());
            self.said.push_back(datagram);
        }
        self.connection.tell();
    }
}
