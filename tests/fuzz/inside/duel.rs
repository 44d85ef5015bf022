//! A client's and a server's connection, with nothing between them.

use crate::certificate::{Identity, RootCertificates, RootsVerifier, ServerName};
use crate::codec::{Reader, Writer};
use crate::config::{
    ClientAuth, ClientConfig, ConfigBuilder, Psk, ServerConfig, ServerIdentity, ServerTrust,
};
use crate::connection::Connection;
use crate::cookie::{Choices13, Entrance, HelloVerification, ReplyBuffer, Verdict};
use crate::error::Result;
use crate::lab::End;
use crate::timer::{Clock, Retransmission};
use crate::wire::{
    Body, CipherSuite, ClientHello, ContentType, HANDSHAKE_HEADER, HandshakeHeader, HandshakeType,
    ProtocolVersion, RECORD_HEADER, RecordHeader,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) const AUTHORITY: &[u8] = include_bytes!("../pki/ca.pem");
pub(super) const SERVER: &[u8] = include_bytes!("../pki/server.pem");
pub(super) const SERVER_KEY: &[u8] = include_bytes!("../pki/server.key");
const CLIENT: &[u8] = include_bytes!("../pki/client.pem");
pub(super) const CLIENT_KEY: &[u8] = include_bytes!("../pki/client.key");

/// How the two shake hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Psk,
    EcdhePsk,
    Ecdsa,
    Mutual,
    Resumed,
}

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
}

/// A message of a handshake.
pub(super) struct Said {
    pub(super) typ: HandshakeType,
    pub(super) message_seq: u16,
    pub(super) body: Vec<u8>,
}

/// A clock that stands still, so that certificates are valid.
struct Still;

impl Clock for Still {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn date(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }
}

impl Duel {
    pub(super) const KINDS: [Kind; 5] = [
        Kind::Psk,
        Kind::EcdhePsk,
        Kind::Ecdsa,
        Kind::Mutual,
        Kind::Resumed,
    ];

    /// The client has said its hello, and the server, which asks for no cookie, has heard it.
    pub(super) fn new(kind: Kind) -> Duel {
        let (client, server, name) = configs(kind);
        if kind == Kind::Resumed {
            let first = Duel::with(client.clone(), server.clone(), name.clone(), None);
            first.unwrap().finish();
        }
        Duel::with(client, server, name, None).unwrap()
    }

    /// The server has heard this hello, which it lets in, in the place of the client's.
    pub(super) fn with_hello(kind: Kind, hello: &[u8]) -> Option<Duel> {
        let (client, server, name) = configs(kind);
        Duel::with(client, server, name, Some(hello))
    }

    fn with(
        client: Arc<ClientConfig>,
        server: Arc<ServerConfig>,
        name: ServerName,
        other_hello: Option<&[u8]>,
    ) -> Option<Duel> {
        let now = Duration::ZERO;
        let client = Connection::client(client, name, "client".into(), now).unwrap();
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

    /// Whether the next datagram for a side has something under keys: the other's Finished.
    pub(super) fn finished_is_next(&mut self, to: End) -> bool {
        let said = &self.side(to.peer()).said;
        let mut reader = Reader::new(said.front().map(|next| &**next).unwrap_or_default());
        while let Ok(header) = RecordHeader::read(&mut reader) {
            if header.epoch > 0 {
                return true;
            }
            if reader.take(header.length.into()).is_err() {
                break;
            }
        }
        false
    }

    /// The client's first datagram.
    pub(super) fn hello(kind: Kind) -> Vec<u8> {
        let (client, _, name) = configs(kind);
        let connection = Connection::client(client, name, "client".into(), Duration::ZERO);
        Side::new(connection.unwrap()).said.pop_front().unwrap()
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

    /// What is said to a side in the clear.
    pub(super) fn messages(kind: Kind, to: End) -> Vec<Said> {
        let said = Duel::datagrams(kind).into_iter();
        said.filter(|(end, _)| *end == to)
            .flat_map(|(_, datagram)| plaintext_messages(&datagram))
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

    /// The client's hello with room for a cookie, and where that is.
    pub(super) fn hello_with_room(kind: Kind) -> (Vec<u8>, u8) {
        let datagram = Duel::hello(kind);
        let mut hello = ClientHello::decode(&datagram[RECORD_HEADER + HANDSHAKE_HEADER..]).unwrap();
        hello.cookie = vec![0; 17];
        let before = RECORD_HEADER + HANDSHAKE_HEADER + 2 + 32 + 1 + hello.session_id.len() + 1;
        let body = hello.encode();
        let fragment = Writer::bytes_of(|w| {
            HandshakeHeader::whole(HandshakeType::CLIENT_HELLO, 0, body.len() as u32).write(w);
            w.bytes(&body);
        });
        let version = ProtocolVersion::DTLS1_0;
        (
            record(ContentType::HANDSHAKE, version, 0, 0, &fragment),
            before as u8,
        )
    }
}

impl Side {
    fn new(connection: Connection) -> Side {
        let mut side = Side {
            connection,
            said: VecDeque::new(),
            failed: false,
        };
        let begun = side.connection.begin(Duration::ZERO);
        side.note(begun);
        side
    }

    /// Takes in a datagram; what it makes of it must fit the design.
    pub(super) fn hear(&mut self, datagram: &mut [u8], now: Duration) {
        let mut delivered = 0;
        let heard = self
            .connection
            .receive(datagram, now, &mut |_| delivered += 1);
        assert!(
            delivered == 0 || self.connection.is_established(),
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

    fn note(&mut self, outcome: Result<()>) {
        self.failed |= outcome.is_err();
        while let Some(datagram) = self.connection.transmit() {
            assert!(datagram.len() <= 1500, "a datagram of {}", datagram.len());
            self.said.push_back(datagram);
        }
        self.connection.tell();
    }
}

pub(super) fn record(
    content_type: ContentType,
    version: ProtocolVersion,
    epoch: u16,
    sequence: u64,
    fragment: &[u8],
) -> Vec<u8> {
    Writer::bytes_of(|w| {
        let length = fragment.len() as u16;
        RecordHeader {
            content_type,
            version,
            epoch,
            sequence,
            length,
        }
        .write(w);
        w.bytes(&fragment[..length.into()]);
    })
}

fn plaintext_messages(datagram: &[u8]) -> Vec<Said> {
    let mut reader = Reader::new(datagram);
    let mut messages = Vec::new();
    while let Ok(header) = RecordHeader::read(&mut reader) {
        let mut fragments = Reader::new(reader.take(header.length.into()).unwrap());
        if header.content_type != ContentType::HANDSHAKE || header.epoch > 0 {
            continue;
        }
        while let Ok((header, body)) = HandshakeHeader::read_fragment(&mut fragments) {
            messages.push(Said {
                typ: header.typ,
                message_seq: header.message_seq,
                body: body.to_vec(),
            });
        }
    }
    messages
}

/// The first certificate of a PEM file.
pub(super) fn der(pem: &[u8]) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem).unwrap().to_vec()
}

type Configs = (Arc<ClientConfig>, Arc<ServerConfig>, ServerName);

/// Those of a kind are made once, since keys and certificates take long to read; but for those that keep
/// sessions, or an input would do something else the second time.
pub(super) fn configs(kind: Kind) -> Configs {
    if kind == Kind::Resumed {
        return make(kind);
    }
    static CONFIGS: OnceLock<Vec<Configs>> = OnceLock::new();
    let at = Duel::KINDS.iter().position(|one| *one == kind).unwrap();
    CONFIGS.get_or_init(|| Duel::KINDS.map(make).to_vec())[at].clone()
}

fn make(kind: Kind) -> Configs {
    let roots = || RootCertificates::from_pem(AUTHORITY).unwrap();
    let psk = || Psk::new("tester", [0x42; 32]).unwrap();
    let (trust, identity, name) = match kind {
        Kind::Ecdsa | Kind::Mutual | Kind::Resumed => (
            ServerTrust::roots(roots()),
            ServerIdentity::certificate(Identity::from_pem(SERVER, SERVER_KEY).unwrap()),
            ServerName::new("server.test").unwrap(),
        ),
        Kind::Psk | Kind::EcdhePsk => (
            ServerTrust::psk(psk()),
            ServerIdentity::psk(psk()),
            ServerName::unnamed(),
        ),
    };
    let suite = match kind {
        Kind::Psk => CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256,
        Kind::EcdhePsk => CipherSuite::TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384,
        _ => CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    };
    let mut client = ClientConfig::builder(trust)
        .cipher_suites([suite])
        .retransmission(Retransmission::LOSSY)
        .clock(Arc::new(Still));
    let mut server: ConfigBuilder<ServerConfig> = ServerConfig::builder(identity)
        .cipher_suites([suite])
        .retransmission(Retransmission::LOSSY)
        .clock(Arc::new(Still))
        .danger_without_hello_verification();
    if kind == Kind::Mutual {
        let verifier = RootsVerifier::new(roots());
        client = client.identity(Identity::from_pem(CLIENT, CLIENT_KEY).unwrap());
        server = server.client_auth(ClientAuth::required(verifier));
    }
    if kind != Kind::Resumed {
        client = client.without_resumption();
        server = server.without_resumption();
    }
    (
        Arc::new(client.build().unwrap()),
        Arc::new(server.build().unwrap()),
        name,
    )
}
