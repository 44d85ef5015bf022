//! A client and a server that shake hands through `Handshake` and `DtlsSocket` over wires in memory, which
//! a test may cut open; and a forger who has a connection's keys.

use crate::certificate::ServerName;
use crate::codec::Reader;
use crate::config::{ClientConfig, ConfigBuilder, Psk, ServerConfig, ServerIdentity, ServerTrust};
use crate::crypto::{Aead, AeadAlgorithm, HashAlgorithm, Secret, prf};
use crate::error::Error;
use crate::key_log::KeyLog;
use crate::net::{DtlsSocket, Handshake, Transport};
use crate::stats::DropReason;
use crate::timer::Clock;
use crate::trace::{Event, Observer, What};
use crate::wire::{
    AlertDescription, Body, CipherSuite, ContentType, HandshakeHeader, HandshakeType,
    ProtocolVersion, RECORD_HEADER, RecordHeader, ServerHello, UnifiedHeader,
};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// What becomes of a datagram on its way.
pub(super) type Tamper = Box<dyn FnMut(Vec<u8>) -> Vec<u8> + Send>;

/// One direction.
#[derive(Default)]
pub(super) struct Wire {
    pub(super) under_way: VecDeque<Vec<u8>>,
    pub(super) tamper: Option<Tamper>,
    /// The longest datagram that the system takes, which it tells only when it is asked for more.
    pub(super) most: Option<usize>,
    /// The longest datagram, as the transport tells it.
    pub(super) max_datagram: Option<usize>,
    /// Every call fails.
    pub(super) broken: bool,
    /// How often whoever waits at its end was woken.
    pub(super) woken: usize,
}

impl Wire {
    fn check(&self) -> io::Result<()> {
        match self.broken {
            true => Err(io::ErrorKind::BrokenPipe.into()),
            false => Ok(()),
        }
    }
}

/// An end of two wires, with a clock that is set by hand.
#[derive(Clone, Default)]
pub(super) struct Plug {
    pub(super) out: Arc<Mutex<Wire>>,
    pub(super) inbox: Arc<Mutex<Wire>>,
    pub(super) time: Arc<Mutex<Duration>>,
}

impl Transport for Plug {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        let mut out = self.out.lock();
        out.check()?;
        if out.most.is_some_and(|most| datagram.len() > most) {
            let (length, maximum) = (datagram.len(), 0);
            return Err(Error::MessageTooLong { length, maximum }.into());
        }
        let datagram = match &mut out.tamper {
            Some(tamper) => tamper(datagram.to_vec()),
            None => datagram.to_vec(),
        };
        out.under_way.push_back(datagram);
        Ok(())
    }

    /// Whoever waits for nothing has waited in vain.
    fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        let mut inbox = self.inbox.lock();
        inbox.check()?;
        match inbox.under_way.pop_front() {
            Some(next) => *buf = next,
            None => {
                *self.time.lock() += wait;
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
        Ok(buf.len())
    }

    fn wake(&self) -> bool {
        self.inbox.lock().woken += 1;
        true
    }

    fn max_datagram(&self) -> Option<usize> {
        self.out.lock().max_datagram
    }
}

impl Clock for Plug {
    fn now(&self) -> Duration {
        *self.time.lock()
    }
}

/// What a side tells of itself.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) dropped: Vec<DropReason>,
    pub(super) alerts: Vec<AlertDescription>,
    /// The client's random and the master secret.
    pub(super) secrets: Option<([u8; 32], [u8; 48])>,
}

#[derive(Clone, Default)]
pub(super) struct Watch(pub(super) Arc<Mutex<Seen>>);

impl Observer for Watch {
    fn event(&self, event: &Event) {
        match event.what {
            What::Dropped { reason, .. } => self.0.lock().dropped.push(reason),
            What::AlertSent(alert) => self.0.lock().alerts.push(alert),
            _ => {}
        }
    }
}

impl KeyLog for Watch {
    fn log(&self, _: &str, client_random: &[u8; 32], secret: &[u8]) {
        // Those of DTLS 1.3 are shorter, and nobody forges under them.
        if let Ok(secret) = secret.try_into() {
            self.0.lock().secrets = Some((*client_random, secret));
        }
    }
}

/// One side of a connection.
pub(super) struct Side {
    pub(super) plug: Plug,
    pub(super) watch: Watch,
    pub(super) stage: Stage,
}

pub(super) enum Stage {
    Handshake(Box<Handshake>),
    Established(DtlsSocket),
    Failed(Error),
}

impl Side {
    pub(super) fn pass(&mut self) {
        if let Stage::Handshake(handshake) = &mut self.stage {
            match handshake.handshake() {
                Ok(()) | Err(Error::WantRead) => {}
                Err(error) => self.stage = Stage::Failed(error),
            }
        }
    }

    /// The socket of a handshake that must be done.
    pub(super) fn establish(&mut self) {
        self.stage = match self.take_stage() {
            Stage::Handshake(handshake) => Stage::Established(handshake.into_socket().unwrap()),
            other => other,
        };
    }

    pub(super) fn socket(&self) -> &DtlsSocket {
        match &self.stage {
            Stage::Established(socket) => socket,
            Stage::Handshake(_) => panic!("the handshake is not done"),
            Stage::Failed(error) => panic!("{error}"),
        }
    }

    /// Takes it away, whatever it has become.
    pub(super) fn take_stage(&mut self) -> Stage {
        std::mem::replace(&mut self.stage, Stage::Failed(Error::Closed))
    }

    /// A datagram arrives at this side.
    pub(super) fn hear(&self, datagram: impl Into<Vec<u8>>) {
        self.plug.inbox.lock().under_way.push_back(datagram.into());
    }

    /// Whatever this side sends goes through `tamper`.
    pub(super) fn tamper(&self, tamper: impl FnMut(Vec<u8>) -> Vec<u8> + Send + 'static) {
        self.plug.out.lock().tamper = Some(Box::new(tamper));
    }

    /// The last datagram that this side sent and nobody has received.
    pub(super) fn intercept(&self) -> Vec<u8> {
        self.plug.out.lock().under_way.pop_back().unwrap()
    }
}

/// A client and a server.
pub(super) struct World {
    pub(super) client: Side,
    pub(super) server: Side,
}

pub(super) type Client = ConfigBuilder<ClientConfig>;
pub(super) type Server = ConfigBuilder<ServerConfig>;

/// Both believe at once what nothing authenticates, and use the one suite that the forger knows.
pub(super) const SUITE: CipherSuite = CipherSuite::TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256;

pub(super) fn psk(key: u8) -> Psk {
    Psk::new("tester", [key; 32]).unwrap()
}

pub(super) fn client() -> Client {
    let builder = ClientConfig::builder(ServerTrust::psk(psk(7)));
    builder.suspicion(Duration::ZERO).cipher_suites([SUITE])
}

pub(super) fn server() -> Server {
    let builder = ServerConfig::builder(ServerIdentity::psk(psk(7)));
    builder.suspicion(Duration::ZERO)
}

/// The same in DTLS 1.3, and in 1.2 if need be.
pub(super) fn client13() -> Client {
    let builder = ClientConfig::builder(ServerTrust::psk(psk(7)));
    builder.suspicion(Duration::ZERO)
}

impl World {
    pub(super) fn new(client: Client, server: Server) -> World {
        let here = Plug::default();
        let there = Plug {
            out: here.inbox.clone(),
            inbox: here.out.clone(),
            time: here.time.clone(),
        };
        let watches = [Watch::default(), Watch::default()];
        let [mine, theirs] = watches.clone().map(Arc::new);
        let client = client.clock(Arc::new(here.clone())).key_log(mine.clone());
        let server = server
            .clock(Arc::new(there.clone()))
            .key_log(theirs.clone());
        let client = client.observer(mine).build().unwrap();
        let server = server.danger_without_hello_verification();
        let server = server.observer(theirs).build().unwrap();
        let name = ServerName::new("server.test").unwrap();
        let client = Handshake::client(here.clone(), name, client).unwrap();
        let server = Handshake::server(there.clone(), "client", None, server).unwrap();
        let [mine, theirs] = watches;
        World {
            client: Side {
                plug: here,
                watch: mine,
                stage: Stage::Handshake(Box::new(client)),
            },
            server: Side {
                plug: there,
                watch: theirs,
                stage: Stage::Handshake(Box::new(server)),
            },
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.client.plug.now()
    }

    /// Passes of both sides until nothing more can happen without a timer.
    pub(super) fn run(&mut self) {
        for _ in 0..6 {
            self.client.pass();
            self.server.pass();
        }
    }

    pub(super) fn established(client: Client, server: Server) -> World {
        World::with_forger(client, server).0
    }

    /// Both sides established in DTLS 1.3 and not waiting, and nothing is left to be acknowledged.
    pub(super) fn quiet13() -> World {
        World::quiet13_with(server())
    }

    pub(super) fn quiet13_with(server: Server) -> World {
        let mut world = World::new(client13(), server);
        world.run();
        let sides = [&mut world.client, &mut world.server];
        for side in sides {
            side.establish();
            side.socket().set_nonblocking(true).unwrap();
        }
        for _ in 0..2 {
            *world.server.plug.time.lock() += Duration::from_secs(1);
            world.client.socket().service().unwrap();
            world.server.socket().service().unwrap();
        }
        world
    }

    /// Both sides established and not waiting, and somebody who has the server's keys.
    pub(super) fn with_forger(client: Client, server: Server) -> (World, Forger) {
        let mut world = World::new(client, server);
        world.client.pass();
        world.server.pass();
        let hello = world.server.intercept();
        world.client.hear(hello.clone());
        world.run();
        for side in [&mut world.client, &mut world.server] {
            side.establish();
            side.socket().set_nonblocking(true).unwrap();
        }
        let forger = Forger::server(&world, &hello);
        (world, forger)
    }
}

/// Writes what the peer could if it wanted: records under the keys of a connection.
pub(super) struct Forger {
    pub(super) key: Box<dyn Aead>,
    pub(super) salt: Vec<u8>,
    sequence: u64,
}

impl Forger {
    /// In the server's place. `server_hello` is its first datagram.
    pub(super) fn server(world: &World, server_hello: &[u8]) -> Forger {
        let (client_random, master) = world.client.watch.0.lock().secrets.unwrap();
        let hello = ServerHello::decode(message(server_hello)).unwrap();
        assert_eq!(hello.cipher_suite, SUITE);
        let aead = AeadAlgorithm::Aes128Gcm;
        let master = Secret::new(master.to_vec());
        let hash = HashAlgorithm::Sha256;
        let block = prf::key_block(hash, &master, &client_random, &hello.random, aead);
        Forger {
            key: aead.key(block.server.key.as_bytes()).unwrap(),
            salt: block.server.iv.as_bytes().to_vec(),
            // Near enough for the window to take what the true peer sends after it.
            sequence: 100,
        }
    }

    /// RFC 5246 §6.2.3.3, RFC 5288 §3.
    pub(super) fn record(&mut self, content_type: ContentType, plaintext: &[u8]) -> Vec<u8> {
        self.sequence += 1;
        let mut header = RecordHeader {
            content_type,
            version: ProtocolVersion::DTLS1_2,
            epoch: 1,
            sequence: self.sequence,
            length: plaintext.len() as u16,
        };
        let number = header.number().to_be_bytes();
        let aad = [&number[..], &header_end(&header)].concat();
        let nonce = [&self.salt[..], &number].concat().try_into().unwrap();
        let mut body = plaintext.to_vec();
        let tag = self.key.seal(nonce, &aad, &mut body).unwrap();
        header.length += 8 + 16;
        record(header, &[&number[..], &body, &tag].concat())
    }
}

/// Type, version and length, as they are authenticated.
pub(super) fn header_end(header: &RecordHeader) -> [u8; 5] {
    let [v0, v1] = header.version.0.to_be_bytes();
    let [l0, l1] = header.length.to_be_bytes();
    [header.content_type.0, v0, v1, l0, l1]
}

pub(super) fn record(header: RecordHeader, fragment: &[u8]) -> Vec<u8> {
    crate::codec::Writer::bytes_of(|w| {
        header.write(w);
        w.bytes(fragment);
    })
}

/// A record that nothing protects.
pub(super) fn plain(content_type: ContentType, fragment: &[u8]) -> Vec<u8> {
    let header = RecordHeader {
        content_type,
        version: ProtocolVersion::DTLS1_2,
        epoch: 0,
        sequence: 900,
        length: fragment.len() as u16,
    };
    record(header, fragment)
}

/// The first bytes of a message, in a record that nothing protects.
pub(super) fn fragment(typ: HandshakeType, message_seq: u16, length: u32, bytes: &[u8]) -> Vec<u8> {
    let header = HandshakeHeader {
        fragment_length: bytes.len() as u32,
        ..HandshakeHeader::whole(typ, message_seq, length)
    };
    plain(
        ContentType::HANDSHAKE,
        &crate::codec::Writer::bytes_of(|w| {
            header.write(w);
            w.bytes(bytes);
        }),
    )
}

/// A whole message in a record that nothing protects.
pub(super) fn whole(typ: HandshakeType, message_seq: u16, body: &[u8]) -> Vec<u8> {
    fragment(typ, message_seq, body.len() as u32, body)
}

/// The body of a datagram's first message, which is whole.
pub(super) fn message(datagram: &[u8]) -> &[u8] {
    let mut reader = Reader::new(&datagram[RECORD_HEADER..]);
    HandshakeHeader::read_fragment(&mut reader).unwrap().1
}

/// Changes the message of this kind wherever it stands in the clear, whole; everything else stays.
pub(super) fn edit<B: Body>(datagram: Vec<u8>, change: impl Fn(&mut B)) -> Vec<u8> {
    let mut reader = Reader::new(&datagram);
    let mut edited = Vec::new();
    while !reader.is_empty() {
        let rest = reader.clone().rest();
        if UnifiedHeader::is_one(rest[0]) {
            edited.extend(rest);
            break;
        }
        let header = RecordHeader::read(&mut reader).unwrap();
        let content = reader.take(header.length.into()).unwrap();
        if header.epoch != 0 || header.content_type != ContentType::HANDSHAKE {
            edited.extend(record(header, content));
            continue;
        }
        let mut messages = Reader::new(content);
        while !messages.is_empty() {
            let (message, mut body) = HandshakeHeader::read_fragment(&mut messages).unwrap();
            let changed;
            if message.typ == B::TYPE {
                let mut decoded = B::decode(body).unwrap();
                change(&mut decoded);
                changed = decoded.encode();
                body = &changed;
            }
            edited.extend(whole(message.typ, message.message_seq, body));
        }
    }
    edited
}
