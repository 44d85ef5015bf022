//! No block of memory that the crate frees holds a secret of its own: pre-shared keys, master secrets,
//! traffic keys, exported keys, private keys.
//!
//! ring keeps the keys that it was given in values that it does not wipe, so traffic keys are looked for
//! until a connection is dropped and not beyond. What lies on stacks is not looked at.

#[path = "../../common/mod.rs"]
mod common;

use common::{Cookie, Session, VARIANTS, Variant};
use flightline::{
    CipherSuite, ClientSession, ClientSessionCache, ClientSessions, DtlsSocket, Error, Handshake,
    Identity, KeyLog, ProtocolVersion, ServerName, SrtpProfile, Transport,
};
use ring::hmac;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wiping::{Recorder, Recording, Secret};

#[global_allocator]
static RECORDER: Recorder = Recorder;

type Secrets = Vec<Secret>;

/// The pre-shared key of `common::psk`.
const PSK: [u8; 32] = [0x42; 32];

/// What is known of each handshake. What it holds is never freed, so that it is not found.
#[derive(Clone, Copy)]
struct Known(&'static Mutex<Vec<([u8; 32], [u8; 48])>>);

impl Known {
    fn new() -> Known {
        Known(Box::leak(Box::new(Mutex::new(Vec::with_capacity(64)))))
    }
}

impl KeyLog for Known {
    fn log(&self, _: &str, client_random: &[u8; 32], secret: &[u8]) {
        let mut known = self.0.lock().unwrap();
        assert!(known.len() < known.capacity());
        known.push((*client_random, secret.try_into().unwrap()));
    }
}

/// Keeps sessions as bytes, as a file would.
#[derive(Default)]
struct Stored(Mutex<Option<&'static [u8]>>);

impl ClientSessions for Stored {
    fn put(&self, _: &ServerName, session: ClientSession) {
        *self.0.lock().unwrap() = Some(session.to_bytes().leak());
    }

    fn take(&self, _: &ServerName) -> Option<ClientSession> {
        let bytes = self.0.lock().unwrap().take()?;
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
enum Suites {
    Default,
    /// Whose IVs are secret, other than GCM's.
    ChaCha20,
}

const CHACHA20: [CipherSuite; 3] = [
    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
];

/// Both sides of one kind of handshake.
struct Sides {
    client: Arc<flightline::ClientConfig>,
    server: Arc<flightline::ServerConfig>,
    known: Known,
}

impl Sides {
    fn new(variant: &Variant, suites: Suites, sessions: impl ClientSessions + 'static) -> Sides {
        let known = Known::new();
        let srtp = [SrtpProfile::SRTP_AEAD_AES_128_GCM];
        let mut client = variant.client().sessions(sessions).srtp_profiles(srtp);
        if suites == Suites::ChaCha20 {
            client = client.cipher_suites(CHACHA20);
        }
        let mut server = variant.server().srtp_profiles(srtp);
        server = server.danger_without_hello_verification();
        if variant.session == Session::ByNumber {
            server = server.without_tickets();
        }
        Sides {
            client: Arc::new(client.key_log(Arc::new(known)).build().unwrap()),
            server: Arc::new(server.build().unwrap()),
            known,
        }
    }

    /// A handshake over a good network, up to so many turns; and the server's random, if it came so far.
    fn shake_hands(&self, turns: usize) -> ([Result<DtlsSocket, Error>; 2], Option<[u8; 32]>) {
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

fn add(secrets: &mut Secrets, name: &'static str, secret: &[u8]) {
    secrets.push((name, secret.to_vec().leak()));
}

/// Each part is a secret, so that what was overwritten in part is found as well.
fn add_parts(secrets: &mut Secrets, name: &'static str, secret: &[u8]) {
    secret
        .chunks_exact(16)
        .for_each(|part| add(secrets, name, part));
}

/// RFC 5246 §5 and §6.3, with the hash that the suite has.
fn key_block(
    hash: hmac::Algorithm,
    master: &[u8],
    client: &[u8; 32],
    server: &[u8; 32],
) -> Vec<u8> {
    let key = hmac::Key::new(hash, master);
    let seed = [b"key expansion", &server[..], client].concat();
    let mut a = hmac::sign(&key, &seed);
    let mut block = Vec::new();
    while block.len() < 88 {
        block.extend(hmac::sign(&key, &[a.as_ref(), &seed].concat()).as_ref());
        a = hmac::sign(&key, a.as_ref());
    }
    block
}

/// A full handshake, then one that goes on with its session where that can be; data; exported keys.
fn look_at(variant: &Variant, suites: Suites, sessions: impl ClientSessions + 'static) {
    let recording = Recording::start();
    let sides = Sides::new(variant, suites, sessions);
    let mut traffic = Secrets::new();
    let mut lasting = Secrets::new();
    let mut sockets = Vec::new();
    let mut exported = [[0; 32]; 4];
    let mut randoms = Vec::new();
    for out in exported.chunks_mut(2) {
        let (both, random) = sides.shake_hands(6);
        let [client, server] = both.map(Result::unwrap);
        client.send(b"message").unwrap();
        assert_eq!(server.recv(&mut [0; 64]).unwrap(), 7);
        for (socket, out) in [&client, &server].into_iter().zip(out) {
            socket
                .export_keying_material(out, b"EXPERIMENTAL-wiping", None)
                .unwrap();
        }
        randoms.push(random.unwrap());
        sockets.extend([client, server]);
    }
    assert!(sockets[2].resumed() && sockets[3].resumed());
    // Kept, so that they are not freed themselves.
    let srtp: Vec<_> = sockets.iter().map(|s| s.srtp_keys().unwrap()).collect();
    let freed = recording.stop();

    add_parts(&mut lasting, "the pre-shared key", &PSK);
    for out in exported {
        add_parts(&mut lasting, "an exported key", &out);
    }
    for keys in &srtp {
        add_parts(&mut lasting, "an SRTP key", keys.client_write_key());
        add_parts(&mut lasting, "an SRTP key", keys.server_write_key());
    }
    let known = sides.known.0.lock().unwrap().clone();
    assert_eq!(known.len(), 2);
    let suite = sockets[0].cipher_suite().to_string();
    for ((client_random, master), server_random) in known.iter().zip(&randoms) {
        add_parts(&mut lasting, "the master secret", master);
        let hash = match suite.contains("SHA384") {
            true => hmac::HMAC_SHA384,
            false => hmac::HMAC_SHA256,
        };
        let block = key_block(hash, master, client_random, server_random);
        let (key, iv) = match suite {
            _ if suite.contains("CHACHA20") => (32, 12),
            _ if suite.contains("AES_128") => (16, 4),
            _ => (32, 4),
        };
        add_parts(&mut traffic, "a traffic key", &block[..2 * key]);
        // The salts of GCM are too short to be looked for one by one.
        let ivs = &block[2 * key..2 * (key + iv)];
        ivs.chunks_exact(iv.max(8))
            .for_each(|iv| add(&mut traffic, "an IV", &iv[..8]));
    }
    traffic.extend(&lasting);
    assert_eq!(freed.find(&traffic), [""; 0], "{}", variant.name);
    drop(freed);

    let recording = Recording::start();
    drop((srtp, sockets, sides));
    let freed = recording.stop();
    assert_eq!(freed.find(&lasting), [""; 0], "{}, dropped", variant.name);
}

/// Each kind of DTLS 1.2 once: with a cookie or without is the same here.
fn variants() -> impl Iterator<Item = &'static Variant> {
    let variants = VARIANTS.iter();
    let variants = variants.filter(|v| v.version == ProtocolVersion::DTLS1_2);
    variants.filter(|v| v.cookie == Cookie::Without || v.session == Session::ByNumber)
}

#[test]
fn nothing_that_is_freed_holds_a_secret_of_a_handshake() {
    for variant in variants() {
        for suites in [Suites::Default, Suites::ChaCha20] {
            look_at(variant, suites, ClientSessionCache::default());
        }
    }
}

#[test]
fn nothing_that_is_freed_holds_a_secret_of_a_session_that_is_stored() {
    for variant in variants() {
        look_at(variant, Suites::Default, Stored::default());
    }
}

/// Wherever a handshake is given up.
#[test]
fn nothing_that_is_freed_holds_a_secret_of_a_handshake_that_ends_early() {
    for variant in variants() {
        for turns in 1..5 {
            let recording = Recording::start();
            let sides = Sides::new(variant, Suites::Default, ClientSessionCache::default());
            let (both, _) = sides.shake_hands(turns);
            let (known, mut secrets) = (sides.known, Secrets::new());
            drop((both, sides));
            let freed = recording.stop();
            add_parts(&mut secrets, "the pre-shared key", &PSK);
            for (_, master) in known.0.lock().unwrap().iter() {
                add_parts(&mut secrets, "the master secret", master);
            }
            assert_eq!(freed.find(&secrets), [""; 0], "{}", variant.name);
        }
    }
}

/// The key in DER is looked for, and the file's own text: two lines of it, since the reader of PEM
/// gathers the lines of a key without their ends, and frees that unwiped.
#[test]
fn nothing_that_is_freed_holds_a_private_key() {
    let key = rcgen::KeyPair::generate().unwrap();
    let cert = rcgen::CertificateParams::new(vec![common::NAME.to_owned()])
        .and_then(|params| params.self_signed(&key))
        .unwrap();
    let (der, key_pem, cert_pem) = (key.serialize_der(), key.serialize_pem(), cert.pem());
    let directory = std::env::temp_dir().join(format!("wiping-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let files = [directory.join("cert.pem"), directory.join("key.pem")];
    std::fs::write(&files[0], &cert_pem).unwrap();
    std::fs::write(&files[1], &key_pem).unwrap();

    let mut secrets = Secrets::new();
    // An OCTET STRING of 32 bytes (RFC 5915 §3).
    let at = der.windows(2).position(|w| w == [4, 32]).unwrap() + 2;
    add_parts(&mut secrets, "the private key", &der[at..at + 32]);
    let text = key_pem.as_bytes();
    let line = text
        .iter()
        .skip(40)
        .position(|byte| *byte == b'\n')
        .unwrap()
        + 40;
    add(&mut secrets, "the file", &text[line - 12..line + 12]);

    let recording = Recording::start();
    let from_files = Identity::from_pem_files(&files[0], &files[1]).unwrap();
    let from_pem = Identity::from_pem(cert_pem.as_bytes(), text).unwrap();
    let from_der = Identity::from_der(vec![cert.der().to_vec()], &der).unwrap();
    let wrong = Identity::from_pem_files(&files[1], &files[1]).unwrap_err();
    let other = Identity::from_der(vec![vec![0; 3]], &der).unwrap_err();
    let freed = recording.stop();
    let told = format!("{wrong} {other:?} {from_files:?} {from_pem:?} {from_der:?}");
    assert_eq!(freed.find(&secrets), [""; 0]);
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(!told.contains(key_pem.lines().nth(1).unwrap()));
}

/// The tests above would see a secret.
#[test]
fn a_secret_that_is_not_wiped_is_found() {
    let secret = vec![0x5b; 16];
    let secrets: [Secret; 1] = [("it", secret.clone().leak())];
    let recording = Recording::start();
    drop(secret);
    let freed = recording.stop();
    assert_eq!(
        freed.find(&secrets),
        ["it, 1 times, in blocks of [16] bytes"]
    );
    drop(freed);

    let mut grows: Vec<u8> = Vec::with_capacity(16);
    grows.extend([0x5b; 16]);
    let recording = Recording::start();
    grows.extend([1; 64]);
    let freed = recording.stop();
    assert_eq!(
        freed.find(&secrets),
        ["it, 1 times, in blocks of [16] bytes"]
    );
}
