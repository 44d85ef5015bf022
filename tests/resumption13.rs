//! What keeps a session of DTLS 1.3 from being gone on with, and that it costs no more than a full handshake.
#![cfg(feature = "x509")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod common;

use common::{NAME, pki};
use flightline::lab::{End, Pair, Weather};
use flightline::{
    CipherSuite, ClientAuth, ClientConfig, ClientSession, ClientSessionCache, ClientSessions,
    ConfigBuilder, OpenedTicket, ProtocolVersion, RootsVerifier, RotatingTicketer, ServerConfig,
    ServerIdentity, ServerName, ServerSessionCache, ServerTrust, Ticketer,
};
use std::sync::Arc;
use std::time::Duration;

type Client = ConfigBuilder<ClientConfig>;
type Server = ConfigBuilder<ServerConfig>;

/// A store that outlives a configuration.
#[derive(Clone, Default)]
struct Store(Arc<ClientSessionCache>);

impl ClientSessions for Store {
    fn put(&self, server: &ServerName, session: ClientSession) {
        self.0.put(server, session);
    }

    fn take(&self, server: &ServerName) -> Option<ClientSession> {
        self.0.take(server)
    }
}

fn client() -> Client {
    ClientConfig::builder(ServerTrust::roots(pki().roots.clone()))
        .versions([ProtocolVersion::DTLS1_3])
        .sessions(Store::default())
}

/// Every configuration that is built from this shares its tickets' keys and its sessions.
fn server() -> Server {
    ServerConfig::builder(ServerIdentity::certificate(pki().server.clone()))
        .ticketer(Arc::new(RotatingTicketer::new()))
        .sessions(Arc::new(ServerSessionCache::default()))
}

fn demanding() -> ClientAuth {
    ClientAuth::required(RootsVerifier::new(pki().roots.clone()))
}

/// A handshake that succeeds, data, and tickets; whether both sides say that it went on with a session.
fn resumed(client: &Client, server: &Server) -> bool {
    let name = ServerName::new(NAME).unwrap();
    let (client, server) = (client.clone().build(), server.clone().build());
    let mut pair = Pair::new(client.unwrap(), server.unwrap(), name, Weather::clear()).unwrap();
    pair.establish(Duration::from_secs(60)).unwrap();
    let [client, server] = pair.exported(b"EXPORTER-test").unwrap();
    assert_eq!(client, server);
    pair.exchange(b"request", b"response").unwrap();
    while pair.network_busy() {
        pair.step();
    }
    let [client, server] = [End::Client, End::Server].map(|end| pair.resumed(end).unwrap());
    assert_eq!(client, server);
    client
}

#[test]
fn g03_d23_a_session_of_dtls_1_3_is_bound_to_what_it_was_made_for() {
    const AES_128: CipherSuite = CipherSuite::TLS_AES_128_GCM_SHA256;
    const AES_256: CipherSuite = CipherSuite::TLS_AES_256_GCM_SHA384;
    type Change<C> = fn(C) -> C;
    let same_client: Change<Client> = |client| client;
    let same_server: Change<Server> = |server| server;
    type Case = (
        &'static str,
        Change<Client>,
        Change<Server>,
        Change<Client>,
        Change<Server>,
    );
    let cases: [Case; 7] = [
        (
            "the suite's hash",
            |client| client.cipher_suites([AES_128]),
            same_server,
            |client| client.cipher_suites([AES_256]),
            same_server,
        ),
        (
            "the server's choice of a protocol",
            |client| client.alpn(["old", "new"]),
            |server| server.alpn(["old"]),
            same_client,
            |server| server.alpn(["new", "old"]),
        ),
        (
            "the client's protocols",
            |client| client.alpn(["old"]),
            |server| server.alpn(["old", "new"]),
            |client| client.alpn(["new"]),
            same_server,
        ),
        (
            "no protocol any more",
            |client| client.alpn(["old"]),
            |server| server.alpn(["old"]),
            same_client,
            |server| server.alpn::<&str>([]),
        ),
        (
            "clients must show certificates now",
            |client| client.identity(pki().client.clone()),
            same_server,
            same_client,
            |server| server.client_auth(demanding()),
        ),
        (
            "clients are not asked for certificates any more",
            |client| client.identity(pki().client.clone()),
            |server| server.client_auth(demanding()),
            same_client,
            |server| server.client_auth(ClientAuth::None),
        ),
        (
            "another server's tickets",
            same_client,
            same_server,
            same_client,
            |server| server.ticketer(Arc::new(RotatingTicketer::new())),
        ),
    ];
    for (case, first_client, first_server, then_client, then_server) in cases {
        let (client, server) = (first_client(client()), first_server(server()));
        assert!(!resumed(&client, &server), "{case}");
        assert!(resumed(&client, &server), "{case}");
        let (client, server) = (then_client(client), then_server(server));
        assert!(!resumed(&client, &server), "{case}");
        assert!(resumed(&client, &server), "{case}, again");
    }
}

/// Seals tickets of which one byte is wrong, or which are cut.
struct Damaging {
    good: RotatingTicketer,
    damage: fn(&mut Vec<u8>, usize),
    at: usize,
}

impl Ticketer for Damaging {
    fn seal(&self, state: &[u8]) -> Option<Vec<u8>> {
        let mut ticket = self.good.seal(state)?;
        (self.damage)(&mut ticket, self.at);
        Some(ticket)
    }

    fn open(&self, ticket: &[u8]) -> Option<OpenedTicket> {
        self.good.open(ticket)
    }

    fn lifetime(&self) -> Duration {
        self.good.lifetime()
    }
}

#[test]
fn g01_a_damaged_ticket_of_dtls_1_3_is_a_full_handshake() {
    let flip: fn(&mut Vec<u8>, usize) = |ticket, at| {
        if let Some(byte) = ticket.get_mut(at) {
            *byte ^= 0x80;
        } else {
            ticket.push(0);
        }
    };
    let cut: fn(&mut Vec<u8>, usize) = |ticket, at| ticket.truncate(at);
    for (damage, ats) in [(flip, 0..200), (cut, 1..60)] {
        for at in ats.step_by(3) {
            let damaging = Damaging {
                good: RotatingTicketer::new(),
                damage,
                at,
            };
            let (client, server) = (client(), server().ticketer(Arc::new(damaging)));
            assert!(!resumed(&client, &server));
            assert!(!resumed(&client, &server), "{at}");
        }
    }
}
