//! A client and a server.

use super::network::{End, Network};
use super::weather::Weather;
use crate::certificate::{PeerIdentity, ServerName};
use crate::config::{ClientConfig, ServerConfig};
use crate::connection::Connection;
use crate::cookie::{CookieContext, Entrance, ReplyBuffer, Verdict};
use crate::error::{Error, Result};
use crate::srtp::SrtpKeys;
use crate::stats::Stats;
use crate::wire::{KeyUpdate, ProtocolVersion};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// The address of the laboratory's client, as cookies are bound to it.
const CLIENT_ID: &[u8] = b"the client";

/// A client and a server with a network between them.
pub struct Pair {
    now: Duration,
    network: Network,
    client: Side,
    server: Option<Side>,
    entrance: Entrance,
    server_config: Arc<ServerConfig>,
}

/// Whose keys are updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysOf {
    /// Those of the side that says so.
    OneSide,
    /// Those of the peer as well.
    BothSides,
}

struct Side {
    connection: Connection,
    received: VecDeque<Vec<u8>>,
    failure: Option<Error>,
}

impl Pair {
    /// A client that has just sent its hello into this weather, and a server that waits for it.
    ///
    /// # Errors
    /// Those of making the cookie context and the client.
    pub fn new(
        client: impl Into<Arc<ClientConfig>>,
        server: impl Into<Arc<ServerConfig>>,
        name: ServerName,
        weather: Weather,
    ) -> Result<Pair> {
        let now = Duration::ZERO;
        let server_config = server.into();
        let cookies = Arc::new(CookieContext::new()?);
        let client = client.into();
        client.check_name(&name)?;
        let connection = Connection::client(client, name, "client".into(), now);
        let mut pair = Pair {
            now,
            network: Network::new(weather),
            client: Side::new(connection, now),
            server: None,
            entrance: server_config.entrance(Some(cookies), 4),
            server_config,
        };
        pair.transmit();
        Ok(pair)
    }

    /// The virtual time since the client began.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Changes the weather for what is sent from now on.
    pub fn set_weather(&mut self, weather: Weather) {
        self.network.set_weather(weather);
    }

    /// Datagrams that both sides have sent so far.
    pub fn datagrams_sent(&self) -> u64 {
        self.network.sent()
    }

    /// A side's counters; those of a server that does not exist yet are zero.
    pub fn stats(&self, end: End) -> Stats {
        self.side(end)
            .map(|side| side.connection.stats())
            .unwrap_or_default()
    }

    /// Why a side's connection ended, if it did.
    pub fn failure(&self, end: End) -> Option<&Error> {
        self.side(end).and_then(|side| side.failure.as_ref())
    }

    /// Lets time pass until both sides are established.
    ///
    /// # Errors
    /// The failure of a side, or [`Error::HandshakeTimeout`] where `limit` of virtual time has passed.
    pub fn establish(&mut self, limit: Duration) -> Result<()> {
        while !self.is_established() {
            if let Some(error) = self
                .failure(End::Client)
                .or_else(|| self.failure(End::Server))
            {
                return Err(error.clone());
            }
            if self.now > limit || !self.step() {
                return Err(Error::HandshakeTimeout {
                    after: self.now,
                    suspect: None,
                });
            }
        }
        Ok(())
    }

    /// Whether both sides are established.
    pub fn is_established(&self) -> bool {
        let established = |side: &Side| side.connection.is_established();
        established(&self.client) && self.server.as_ref().is_some_and(established)
    }

    /// Sends `request` to the server and `response` to the client, and checks that they arrive. What
    /// is lost stays lost: change the weather before.
    ///
    /// # Errors
    /// [`Error::ReadTimeout`] where one does not arrive within 10 virtual seconds.
    pub fn exchange(&mut self, request: &[u8], response: &[u8]) -> Result<()> {
        self.send(End::Client, request)?;
        self.expect(End::Server, request)?;
        self.send(End::Server, response)?;
        self.expect(End::Client, response)
    }

    /// Sends one message.
    ///
    /// # Errors
    /// Those of sending.
    pub fn send(&mut self, from: End, data: &[u8]) -> Result<()> {
        let now = self.now;
        let side = self.side_mut(from).ok_or(Error::Closed)?;
        let datagram = side.connection.send(data)?.to_vec();
        self.network.send(from, datagram, now);
        Ok(())
    }

    /// Lets a side take new keys for what it sends.
    ///
    /// # Errors
    /// Those of [`DtlsSocket::update_keys`](crate::DtlsSocket::update_keys).
    pub fn update_keys(&mut self, end: End, of: KeysOf) -> Result<()> {
        let now = self.now;
        let update = match of {
            KeysOf::OneSide => KeyUpdate::NotRequested,
            KeysOf::BothSides => KeyUpdate::Requested,
        };
        let side = self.side_mut(end).ok_or(Error::Closed)?;
        side.connection.update_keys(update, now)?;
        self.transmit();
        Ok(())
    }

    /// The next message that a side has received.
    pub fn received(&mut self, end: End) -> Option<Vec<u8>> {
        self.side_mut(end)?.received.pop_front()
    }

    /// Both sides' key for this label: the same, if they agree.
    ///
    /// # Errors
    /// Those of exporting; [`Error::WantRead`] before both are established.
    pub fn exported(&self, label: &[u8]) -> Result<[[u8; 32]; 2]> {
        let mut keys = [[0; 32]; 2];
        for (key, end) in keys.iter_mut().zip([End::Client, End::Server]) {
            let session = self.side(end).and_then(|side| side.connection.session());
            session
                .ok_or(Error::WantRead)?
                .export_keying_material(key, label, None)?;
        }
        Ok(keys)
    }

    /// The version that a side believes to be agreed on; `None` before it is established.
    pub fn version(&self, end: End) -> Option<ProtocolVersion> {
        Some(self.side(end)?.connection.session()?.version)
    }

    /// The application protocol that a side believes to be agreed on.
    pub fn alpn(&self, end: End) -> Option<Vec<u8>> {
        self.side(end)?.connection.session()?.alpn.clone()
    }

    /// Who a side believes the other to be; `None` before it is established.
    pub fn peer_identity(&self, end: End) -> Option<&PeerIdentity> {
        Some(&self.side(end)?.connection.session()?.peer_identity)
    }

    /// Whether a side believes to go on with an earlier session; `None` before it is established.
    pub fn resumed(&self, end: End) -> Option<bool> {
        Some(self.side(end)?.connection.session()?.resumed)
    }

    /// A side's keys for SRTP.
    ///
    /// # Errors
    /// Those of [`DtlsSocket::srtp_keys`](crate::DtlsSocket::srtp_keys); [`Error::WantRead`] before it is
    /// established.
    pub fn srtp_keys(&self, end: End) -> Result<SrtpKeys> {
        let session = self.side(end).and_then(|side| side.connection.session());
        session.ok_or(Error::WantRead)?.srtp_keys()
    }

    /// Whether anything is under way.
    pub fn network_busy(&self) -> bool {
        self.network.next_arrival().is_some()
    }

    /// Jumps to the next arrival or timer and lets it happen; `false` if there is none.
    pub fn step(&mut self) -> bool {
        let client = self.client.next_deadline();
        let server = self.server.as_ref().and_then(Side::next_deadline);
        let Some(next) = [self.network.next_arrival(), client, server]
            .into_iter()
            .flatten()
            .min()
        else {
            return false;
        };
        self.now = self.now.max(next);
        while let Some((end, mut bytes)) = self.network.receive(self.now) {
            self.arrive(end, &mut bytes);
            self.transmit();
        }
        let now = self.now;
        for end in [End::Client, End::Server] {
            if let Some(side) = self.side_mut(end) {
                side.tick(now);
            }
        }
        self.transmit();
        true
    }

    fn expect(&mut self, end: End, data: &[u8]) -> Result<()> {
        let limit = self.now.saturating_add(Duration::from_secs(10));
        loop {
            while let Some(message) = self.received(end) {
                if message == data {
                    return Ok(());
                }
            }
            if self.now > limit || !self.step() {
                return Err(Error::ReadTimeout);
            }
        }
    }

    fn arrive(&mut self, end: End, bytes: &mut [u8]) {
        let now = self.now;
        if let Some(side) = self.side_mut(end) {
            return side.receive(bytes, now);
        }
        let mut reply = ReplyBuffer::new();
        match self.entrance.check(CLIENT_ID, bytes, now, &mut reply) {
            Verdict::Verified(hello) => {
                let config = self.server_config.clone();
                let connection = Connection::server(config, *hello, "server".into(), now);
                self.server = Some(Side::new(connection, now));
            }
            Verdict::Challenge(reply) | Verdict::Refuse(reply) => {
                let reply = reply.to_vec();
                self.network.send(End::Server, reply, now);
            }
            Verdict::Drop(_) | Verdict::NoContext => {}
        }
    }

    fn transmit(&mut self) {
        let now = self.now;
        let sides = [
            (End::Client, Some(&mut self.client)),
            (End::Server, self.server.as_mut()),
        ];
        for (end, side) in sides {
            let Some(side) = side else { continue };
            while let Some(datagram) = side.connection.transmit() {
                self.network.send(end, datagram, now);
            }
            side.connection.tell();
        }
    }

    fn side(&self, end: End) -> Option<&Side> {
        match end {
            End::Client => Some(&self.client),
            End::Server => self.server.as_ref(),
        }
    }

    fn side_mut(&mut self, end: End) -> Option<&mut Side> {
        match end {
            End::Client => Some(&mut self.client),
            End::Server => self.server.as_mut(),
        }
    }
}

impl Side {
    fn new(connection: Connection, now: Duration) -> Self {
        let mut side = Side {
            connection,
            received: VecDeque::new(),
            failure: None,
        };
        let begun = side.connection.begin(now);
        side.note(begun);
        side
    }

    fn next_deadline(&self) -> Option<Duration> {
        self.connection
            .next_deadline()
            .filter(|_| self.failure.is_none())
    }

    fn receive(&mut self, bytes: &mut [u8], now: Duration) {
        let received = &mut self.received;
        let outcome = self
            .connection
            .receive(bytes, now, &mut |data| received.push_back(data.to_vec()));
        self.note(outcome);
    }

    fn tick(&mut self, now: Duration) {
        if self.failure.is_none() {
            let outcome = self.connection.tick(now);
            self.note(outcome);
        }
    }

    fn note(&mut self, outcome: Result<()>) {
        if let Err(error) = outcome {
            self.failure.get_or_insert(error);
        }
    }
}
