//! A conversation on one connection.

use crate::book::Book;
use crate::client::{Client, Farewell};
use crate::message::Kind;
use crate::weather::Cut;
use flightline::{DtlsSocket, Error, ProtocolVersion};
use rand::{Rng, RngExt};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// How long to wait for the answers to what was just sent.
const PATIENCE: Duration = Duration::from_millis(500);

/// After so many times without an answer the server is taken for gone. In clear weather that is a failure.
const SILENCES: u32 = 6;

/// One connection, established.
pub(crate) struct Talk<'a> {
    pub(crate) client: &'a mut Client,
    pub(crate) socket: DtlsSocket,
    pub(crate) cut: Cut,
    /// When its handshake began.
    pub(crate) begun: Instant,
    book: Book,
}

/// The connection is over, for this reason.
pub(crate) struct Over(pub(crate) Error);

impl<'a> Talk<'a> {
    pub(crate) fn new(
        client: &'a mut Client,
        socket: DtlsSocket,
        cut: Cut,
        begun: Instant,
    ) -> Self {
        let book = Book::new(client.random.next_u64());
        Talk {
            client,
            socket,
            cut,
            begun,
            book,
        }
    }

    /// Until one of both has enough.
    pub(crate) fn talk_and_part(mut self) -> Farewell {
        match self.converse() {
            Ok(true) => self.part(),
            Ok(false) => self.lost("nothing is answered any more"),
            Err(Over(error)) => self.lost(&error.to_string()),
        }
    }

    /// The connection is no good any more, which only bad weather excuses.
    pub(crate) fn lost(self, why: &str) -> Farewell {
        if self.is_clear() {
            let version = self.socket.version();
            let age = self.begun.elapsed();
            let stats = self.socket.stats();
            self.client.fails(&format!(
                "lost in clear weather, {version}, after {age:.1?}: {why}; {stats:?}"
            ));
        }
        self.client.round.tally.lost_talks.count();
        Farewell::Lost
    }

    /// Whether the connection has seen no bad weather.
    pub(crate) fn is_clear(&self) -> bool {
        self.client.round.is_clear_since(self.begun)
    }

    /// Whether somebody answers still.
    fn converse(&mut self) -> Result<bool, Over> {
        let mut silences = 0_u32;
        for _ in 0..self.client.random.random_range(3..40) {
            if self.client.round.is_over() {
                break;
            }
            let kind = self.maybe_new_keys();
            let more = self.client.random.random_range(0..=2);
            let kinds = std::iter::once(kind).chain(std::iter::repeat_n(Kind::Echo, more));
            if self.ask(kinds)? {
                silences = 0;
            } else {
                silences = silences.saturating_add(1);
            }
            if silences == SILENCES {
                return Ok(false);
            }
            self.think()?;
        }
        Ok(true)
    }

    /// Sends these, and waits for their answers. Whether one came, of these or of earlier ones.
    pub(crate) fn ask(&mut self, kinds: impl Iterator<Item = Kind>) -> Result<bool, Over> {
        let mut missing = Vec::new();
        for kind in kinds {
            missing.push(self.send(kind)?);
        }
        let mut is_answered = false;
        let start = Instant::now();
        while !missing.is_empty() {
            let left = PATIENCE.saturating_sub(start.elapsed());
            let Some(number) = self.hear(left)? else {
                break;
            };
            is_answered = true;
            missing.retain(|other| *other != number);
        }
        let tally = &self.client.round.tally;
        missing.iter().for_each(|_| tally.lost_echoes.count());
        Ok(is_answered)
    }

    /// Sends one message, and says which.
    pub(crate) fn send(&mut self, kind: Kind) -> Result<u32, Over> {
        let message = self.book.next(kind);
        let bytes = message.write(self.socket.max_message());
        let sent = self.socket.send(&bytes);
        sent.map(|_| message.number).map_err(Over)
    }

    /// Waits for an answer.
    pub(crate) fn hear(&mut self, patience: Duration) -> Result<Option<u32>, Over> {
        let patience = patience.max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(patience)).map_err(Over)?;
        let mut buf = [0; 2048];
        let heard = self
            .client
            .timed("recv", patience, || self.socket.recv(&mut buf));
        match heard {
            Ok(length) => Ok(self.take(buf.get(..length).unwrap_or_default())),
            Err(Error::ReadTimeout) => Ok(None),
            Err(error) => Err(Over(error)),
        }
    }

    /// The number of an answer, if it is a right one.
    pub(crate) fn take(&mut self, answer: &[u8]) -> Option<u32> {
        match self.book.answer(answer) {
            Ok(number) => {
                self.client.round.tally.echoes.count();
                Some(number)
            }
            Err(what) => {
                self.client.fails(&what);
                None
            }
        }
    }

    /// Does nothing for a while but listen: a wait that mostly runs into its timeout.
    fn think(&mut self) -> Result<(), Over> {
        let time = Duration::from_millis(self.client.random.random_range(10..150));
        let start = Instant::now();
        while start.elapsed() < time {
            self.hear(time.saturating_sub(start.elapsed()))?;
        }
        Ok(())
    }

    /// Now and then takes new keys, asks the server to, or throws junk at it.
    fn maybe_new_keys(&mut self) -> Kind {
        let what = self.client.random.random_range(0..40);
        if what == 0 {
            self.throw_junk();
        }
        if self.socket.version() != ProtocolVersion::DTLS1_3 {
            return Kind::Echo;
        }
        let tally = &self.client.round.tally;
        let outcome = match what {
            1 => {
                tally.own_key_updates.count();
                self.socket.update_keys()
            }
            2 => {
                tally.requested_key_updates.count();
                self.socket.update_all_keys()
            }
            3 | 4 => {
                tally.server_key_updates.count();
                return if what == 3 {
                    Kind::NewKeys
                } else {
                    Kind::AllNewKeys
                };
            }
            _ => Ok(()),
        };
        if let Err(error) = outcome {
            self.client.fails(&format!("an update of keys: {error}"));
        }
        Kind::Echo
    }

    /// Datagrams of any bytes, from an address that nobody knows: they must change nothing.
    fn throw_junk(&mut self) {
        let Ok(socket) = UdpSocket::bind("127.0.0.1:0") else {
            return;
        };
        for first in [0, 20, 22, 23, 0x2f] {
            let mut junk = [0; 60];
            self.client.random.fill_bytes(&mut junk);
            let [byte, ..] = &mut junk;
            *byte = first;
            if socket.send_to(&junk, self.client.round.server).is_ok() {
                self.client.round.tally.junk_datagrams.count();
            }
        }
    }
}
