//! The connection under test, as its peer sees it: datagrams in, datagrams out.

use super::setup::Config;
use crate::certificate::ServerName;
use crate::config::ServerConfig;
use crate::connection::{Connection, Outbox, Progress};
use crate::cookie::{CookieContext, Entrance, HelloVerification, ReplyBuffer, Verdict};
use crate::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Nothing here takes time.
const NOW: Duration = Duration::ZERO;

pub(super) struct Subject {
    gate: Option<(Entrance, Arc<ServerConfig>)>,
    connection: Option<Connection>,
    answers: Vec<Vec<u8>>,
    /// Messages that were delivered.
    pub(super) delivered: usize,
}

impl Subject {
    pub(super) fn new(config: &Config) -> Subject {
        let mut subject = Subject {
            gate: None,
            connection: None,
            answers: Vec::new(),
            delivered: 0,
        };
        match config.clone() {
            Config::Client(config) => {
                let name = ServerName::unnamed();
                let client = Connection::client(config, name, "client".into(), NOW);
                subject.begin(client);
            }
            Config::Server(config) => {
                let verification = match config.hello_verification {
                    true => HelloVerification::Cookies(cookies().clone()),
                    false => HelloVerification::Waived,
                };
                let entrance = Entrance::new(verification, config.choices13(), 1);
                subject.gate = Some((entrance, config));
            }
        }
        subject
    }

    fn begin(&mut self, mut connection: Connection) {
        connection.begin(NOW).unwrap();
        self.connection = Some(connection);
    }

    pub(super) fn hear(&mut self, datagram: &mut [u8]) -> Result<(), Error> {
        let Some(connection) = &mut self.connection else {
            self.knock(datagram);
            return Ok(());
        };
        let delivered = &mut self.delivered;
        connection.receive(datagram, NOW, &mut |_| *delivered += 1)
    }

    fn knock(&mut self, datagram: &[u8]) {
        let Some((entrance, config)) = &mut self.gate else {
            return;
        };
        let mut reply = ReplyBuffer::new();
        match entrance.check(b"peer", datagram, NOW, &mut reply) {
            Verdict::Verified(hello) => {
                let server = Connection::server(config.clone(), *hello, "server".into(), NOW);
                self.begin(server);
            }
            Verdict::Challenge(reply) | Verdict::Refuse(reply) => {
                self.answers.push(reply.to_vec());
            }
            Verdict::Drop(_) | Verdict::NoContext => {}
        }
    }

    /// The next datagram that it has to send.
    pub(super) fn transmit(&mut self) -> Option<Vec<u8>> {
        if let Some(answer) = self.answers.pop() {
            return Some(answer);
        }
        let connection = self.connection.as_mut()?;
        let datagram = connection.transmit();
        connection.tell();
        datagram
    }

    /// A message of application data from it.
    pub(super) fn send(&mut self, data: &[u8]) -> Vec<u8> {
        self.connection
            .as_mut()
            .unwrap()
            .send(data)
            .unwrap()
            .to_vec()
    }

    pub(super) fn is_established(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(Connection::is_established)
    }

    /// Whether something that nobody authenticated speaks against its handshake.
    pub(super) fn suspects(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(|connection| connection.suspect.is_some())
    }

    /// How many records it is about to acknowledge.
    pub(super) fn untold(&self) -> usize {
        let connection = self.connection.as_ref();
        connection.map_or(0, |connection| connection.outbound.untold())
    }

    /// All of it that decides what it does next, but for keys, counters and windows: no record comes twice.
    pub(super) fn state(&self) -> String {
        let Some(connection) = &self.connection else {
            return "listening".to_owned();
        };
        let Connection {
            inbound,
            outbound,
            suspect,
            heard,
            progress,
            outbox,
            ..
        } = connection;
        let progress = match progress {
            Progress::Handshake(_) => "handshake",
            Progress::Established(_) => "established",
            // Nothing else decides anything then.
            Progress::Failed(error) => return format!("failed: {error}"),
        };
        // What else its reason says is for people to read.
        let suspect = suspect.as_ref().map(|suspect| suspect.error.alert());
        let heard: Vec<_> = heard.iter().map(|message| message.typ).collect();
        let (inbound, outbound) = (inbound.state(), outbound.state());
        assert_eq!(*outbox, Outbox::default());
        format!("{progress} {suspect:?} {heard:?} {inbound} {outbound}")
    }
}

fn cookies() -> &'static Arc<CookieContext> {
    static MADE: OnceLock<Arc<CookieContext>> = OnceLock::new();
    MADE.get_or_init(|| Arc::new(CookieContext::new().unwrap()))
}
