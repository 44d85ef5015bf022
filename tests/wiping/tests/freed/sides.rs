//! Both sides of a handshake, whose secrets are known.

use flightline::{
    CipherSuite, ClientConfig, ClientSession, ClientSessions, DtlsSocket, Error, Handshake, KeyLog,
    ServerConfig, ServerName, SrtpProfile, Transport,
};
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{self, Session, Variant};

/// What a key log is told.
#[derive(Clone)]
pub struct Logged {
    pub label: String,
    pub client_random: [u8; 32],
    secret: [u8; 48],
    length: usize,
}

impl Logged {
    pub fn secret(&self) -> &[u8] {
        &self.secret[..self.length]
    }
}

/// What is known of each handshake. What it holds is never freed, so that it is not found.
#[derive(Clone, Copy)]
pub struct Known(pub &'static Mutex<Vec<Logged>>);

impl Known {
    fn new() -> Known {
        Known(Box::leak(Box::new(Mutex::new(Vec::with_capacity(64)))))
    }
}

impl KeyLog for Known {
    fn log(&self, label: &str, client_random: &[u8; 32], secret: &[u8]) {
        let mut known = self.0.lock().unwrap();
        assert!(known.len() < known.capacity());
        known.push(Logged {
            label: label.to_owned(),
            client_random: *client_random,
            secret: [0; 48],
            length: secret.len(),
        });
        // Where it is to stay, so that no copy is left elsewhere.
        let place = &mut known.last_mut().unwrap().secret;
        place[..secret.len()].copy_from_slice(secret);
    }
}

/// Keeps sessions as bytes, as a file would.
#[derive(Clone, Default)]
pub struct Stored(Arc<Mutex<Sessions>>);

#[derive(Default)]
struct Sessions {
    next: Option<&'static [u8]>,
    all: Vec<&'static [u8]>,
}

impl Stored {
    /// Every session that was ever put here.
    pub fn all(&self) -> Vec<&'static [u8]> {
        self.0.lock().unwrap().all.clone()
    }
}

impl ClientSessions for Stored {
    fn put(&self, _: &ServerName, session: ClientSession) {
        let bytes: &'static [u8] = session.to_bytes().leak();
        let mut sessions = self.0.lock().unwrap();
        sessions.next = Some(bytes);
        sessions.all.push(bytes);
    }

    fn take(&self, _: &ServerName) -> Option<ClientSession> {
        let bytes = self.0.lock().unwrap().next.take()?;
        Some(ClientSession::from_bytes(bytes).unwrap())
    }
}

#[derive(Default)]
struct Wire(Mutex<VecDeque<Vec<u8>>>);

struct Plug {
    out: Arc<Wire>,
    inbox: Arc<Wire>,
}

impl Transport for Plug {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        self.out.0.lock().unwrap().push_back(datagram.to_vec());
        Ok(())
    }

    fn recv(&self, buf: &mut Vec<u8>, _: Duration) -> io::Result<usize> {
        let next = self.inbox.0.lock().unwrap().pop_front();
        *buf = next.ok_or(io::ErrorKind::WouldBlock)?;
        Ok(buf.len())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Suites {
    Default,
    /// Whose IVs are secret, other than GCM's.
    ChaCha20,
}

const CHACHA20: [CipherSuite; 4] = [
    CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
];

/// Both sides of one kind of handshake.
pub struct Sides {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    pub known: Known,
}

impl Sides {
    pub fn new(
        variant: &Variant,
        suites: Suites,
        sessions: impl ClientSessions + 'static,
    ) -> Sides {
        let known = Known::new();
        let srtp = [SrtpProfile::SRTP_AEAD_AES_128_GCM];
        let mut client = variant.client().sessions(sessions).srtp_profiles(srtp);
        if suites == Suites::ChaCha20 {
            client = client.cipher_suites(CHACHA20);
        }
        let mut server = variant.server().srtp_profiles(srtp);
        server = server.danger_without_hello_verification();
        if variant.session == Session::ById {
            server = server.without_tickets();
        }
        Sides {
            client: Arc::new(client.key_log(Arc::new(known)).build().unwrap()),
            server: Arc::new(server.build().unwrap()),
            known,
        }
    }

    /// A handshake over a good network, up to so many turns; and the server's random, if it came so far.
    pub fn shake_hands(&self, turns: usize) -> ([Result<DtlsSocket, Error>; 2], Option<[u8; 32]>) {
        let (there, back) = (Arc::new(Wire::default()), Arc::new(Wire::default()));
        let plug = |out: &Arc<Wire>, inbox: &Arc<Wire>| Plug {
            out: out.clone(),
            inbox: inbox.clone(),
        };
        let name = ServerName::new(common::NAME).unwrap();
        let (to_server, to_client) = (plug(&there, &back), plug(&back, &there));
        let mut client = Handshake::client(to_server, name, self.client.clone()).unwrap();
        let mut server = Handshake::server(to_client, "client", None, self.server.clone()).unwrap();
        let mut random = None;
        for _ in 0..turns {
            let _ = client.handshake();
            let _ = server.handshake();
            random = random.or_else(|| {
                // The first datagram of the server begins with its ServerHello.
                let answers = back.0.lock().unwrap();
                answers.front()?.get(27..59)?.try_into().ok()
            });
        }
        ([client.into_socket(), server.into_socket()], random)
    }
}
