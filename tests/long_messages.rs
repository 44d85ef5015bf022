//! Hazard I18 against a peer that says nothing but what is in its place, and says it at full length: before there
//! are keys, and in DTLS 1.3 under the right ones. Beside each message lies all that may be held of later ones.
#![cfg(feature = "x509")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]

mod common;
mod held;
mod wiretap;

use common::{NAME, pki};
use flightline::lab::End;
use flightline::{
    CertificateError, CertificateVerifier, ClientAuth, ClientConfig, ConfigBuilder, CookieContext,
    Error, Handshake, PeerCertificates, ProtocolVersion, ServerConfig, ServerIdentity, ServerName,
    ServerTrust,
};
use held::{BOUND, Held, Plug, Wire, fragment, record};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use std::sync::Arc;
use wiretap::Wiretap;

const SERVER_HELLO: u8 = 2;
const NEW_SESSION_TICKET: u8 = 4;
const ENCRYPTED_EXTENSIONS: u8 = 8;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const CERTIFICATE_REQUEST: u8 = 13;
const SERVER_HELLO_DONE: u8 = 14;
const CERTIFICATE_VERIFY: u8 = 15;
const CLIENT_KEY_EXCHANGE: u8 = 16;
const FINISHED: u8 = 20;

/// The longest bodies that are accepted by default.
const LONGEST_CERTIFICATE: usize = 12 << 10;
const LONGEST: usize = 5 << 10;
const LONGEST_KEY_EXCHANGE: usize = 3 << 10;

/// Whom it is talking to does not matter here.
struct Anybody;

impl CertificateVerifier for Anybody {
    fn verify(&self, _: &PeerCertificates<'_>) -> Result<(), CertificateError> {
        Ok(())
    }
}

/// Which keys the peer's messages are under.
enum Under<'a> {
    None,
    HandshakeKeys(&'a Wiretap, End),
}

/// One side of a handshake, whose peer is the test.
struct Victim {
    side: Handshake,
    held: Held,
    inbox: Arc<Wire>,
    outbox: Arc<Wire>,
    next_seq: u16,
    next_record: u16,
    /// What all messages may still have together, at least.
    left: usize,
    /// Whether it goes on.
    alive: bool,
}

impl Victim {
    fn client(config: ConfigBuilder<ClientConfig>) -> Victim {
        let config = Arc::new(config.identity(pki().client.clone()).build().unwrap());
        Victim::new(|plug| Handshake::client(plug, ServerName::new(NAME).unwrap(), config))
    }

    fn server(config: ConfigBuilder<ServerConfig>) -> Victim {
        let config = config
            .client_auth(ClientAuth::required(Anybody))
            .danger_without_hello_verification();
        let config = Arc::new(config.build().unwrap());
        let no_cookies = None::<Arc<CookieContext>>;
        Victim::new(|plug| Handshake::server(plug, b"client", no_cookies, config))
    }

    fn new(make: impl FnOnce(Plug) -> flightline::Result<Handshake>) -> Victim {
        let [inbox, outbox] = [(); 2].map(|()| Arc::<Wire>::default());
        let plug = Plug {
            out: outbox.clone(),
            inbox: inbox.clone(),
        };
        let mut held = Held::default();
        let mut side = held.during(|| make(plug)).unwrap();
        let alive = held.step(&mut side);
        Victim {
            side,
            held,
            inbox,
            outbox,
            next_seq: 0,
            next_record: 0,
            left: LONGEST_CERTIFICATE + LONGEST - 600,
            alive,
        }
    }

    /// All that it has sent by now.
    fn sent(&self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.outbox.pop()).collect()
    }

    /// A client's first flight, which goes to the gate first.
    fn is_greeted(&mut self, hello: Vec<Vec<u8>>) {
        hello.into_iter().for_each(|hello| self.inbox.push(hello));
        self.alive = self.held.step(&mut self.side);
        self.next_seq = 1;
        assert!(!self.sent().is_empty(), "it has answered");
    }

    /// Says a message; before that, all that it may have to hold beside it.
    fn hear(&mut self, under: &Under<'_>, typ: u8, body: &[u8]) {
        let end = (!self.alive).then(|| self.side.handshake());
        assert!(end.is_none(), "ended before type {typ}: {end:?}");
        // All but a byte of the next, and as much of what comes behind it as there is room for. Whom the victim
        // knows must not contradict itself: it says once what lies behind the end of its flight. Since that stays,
        // it leaves the room that the rest of the flight needs.
        let (ahead, claim) = match under {
            Under::None => (0..7, self.left.min(LONGEST_CERTIFICATE)),
            Under::HandshakeKeys(..) if self.next_record == 0 => (5..7, 2000),
            Under::HandshakeKeys(..) => (0..0, 0),
        };
        let part = [typ; 400];
        let first = self.next_seq;
        for seq in ahead.map(|ahead| first + ahead) {
            for offset in (0..claim.saturating_sub(400)).step_by(400) {
                self.say(under, &fragment(CERTIFICATE, seq, claim, offset, &part));
            }
        }
        for _ in 0..6 {
            let early = match under {
                Under::None => record(22, 1, &[7; 1000]),
                Under::HandshakeKeys(..) => [&[0x2f, 0, 7, 3, 232][..], &[7; 1000]].concat(),
            };
            self.inbox.push(early);
        }
        let mut parts: Vec<_> = body.chunks(1200).enumerate().collect();
        if body.is_empty() {
            parts.push((0, &[]));
        }
        for (number, part) in parts {
            let content = fragment(typ, self.next_seq, body.len(), number * 1200, part);
            self.say(under, &content);
        }
        self.next_seq += 1;
        self.left = self.left.saturating_sub(body.len());
        let before = self.held;
        self.held.most = 0;
        loop {
            self.alive = self.held.step(&mut self.side);
            if !self.alive || self.inbox.is_drained() {
                break;
            }
        }
        self.held.most = self.held.most.max(before.most);
    }

    fn say(&mut self, under: &Under<'_>, content: &[u8]) {
        self.inbox.push(match under {
            Under::None => record(22, 0, content),
            Under::HandshakeKeys(tap, end) => tap.seal(*end, self.next_record, 22, content),
        });
        self.next_record += 1;
    }

    /// What it held, which is bounded. It must have come to its end, for this reason.
    fn ends(mut self, who: &str, why: impl Fn(&Error) -> bool) {
        let end = self.side.handshake().unwrap_err();
        println!("{who}: {} bytes at most, {end}", self.held.most);
        assert!(why(&end), "{who}: {end:?}");
        assert!(self.held.most <= BOUND, "{who}: {} bytes", self.held.most);
    }
}

/// A certificate with so many names that its message is as long as may be, and its key.
fn long_certificate(message: usize) -> (Vec<u8>, rcgen::KeyPair) {
    let key = rcgen::KeyPair::generate().unwrap();
    let name = |number| format!("peer-{number:06}.test");
    let issue = |names: usize| {
        let names = (0..names).map(name).collect::<Vec<_>>();
        let params = rcgen::CertificateParams::new(names).unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    };
    let mut names = message / 18;
    while issue(names).len() + 16 > message {
        names -= 1;
    }
    (issue(names), key)
}

/// Bodies, by what they consist of.
fn vec8(body: &[u8]) -> Vec<u8> {
    [&[body.len() as u8][..], body].concat()
}

fn vec16(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u16).to_be_bytes()[..], body].concat()
}

fn vec24(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[1..], body].concat()
}

fn extension(typ: u16, body: &[u8]) -> Vec<u8> {
    [&typ.to_be_bytes()[..], &vec16(body)].concat()
}

fn server_hello(random: [u8; 32], suite: u16, extensions: &[Vec<u8>]) -> Vec<u8> {
    let suite = suite.to_be_bytes();
    let rest = vec16(&extensions.concat());
    [&[0xfe, 0xfd][..], &random, &[0], &suite, &[0], &rest].concat()
}

/// The client's random is at one place in every hello.
fn random_of(hello: &[u8]) -> &[u8] {
    &hello[13 + 12 + 2..][..32]
}

/// A point on P-256, which is a public key, too.
fn point(key: &rcgen::KeyPair) -> &[u8] {
    let der = key.public_key_raw();
    assert_eq!((der[0], der.len()), (4, 65));
    der
}

#[test]
fn i18_a_client_of_dtls_1_2_that_hears_the_longest_messages() {
    let config = ClientConfig::builder(ServerTrust::custom(Anybody));
    let mut client = Victim::client(config);
    let hello = client.sent().concat();
    let (certificate, key) = long_certificate(LONGEST_CERTIFICATE);

    let random = [9; 32];
    let answers = [
        extension(23, &[]),
        extension(35, &[]),
        extension(0xff01, &[0]),
    ];
    client.hear(
        &Under::None,
        SERVER_HELLO,
        &server_hello(random, 0xc02b, &answers),
    );
    client.hear(&Under::None, CERTIFICATE, &vec24(&vec24(&certificate)));
    let params = [&[3, 0, 23][..], &vec8(point(&key))].concat();
    let rng = ring::rand::SystemRandom::new();
    let signer = key.serialize_der();
    let signer = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &signer, &rng).unwrap();
    let signed = [random_of(&hello), &random, &params].concat();
    let signature = signer.sign(&rng, &signed).unwrap();
    let exchange = [&params[..], &[4, 3], &vec16(signature.as_ref())].concat();
    client.hear(&Under::None, SERVER_KEY_EXCHANGE, &exchange);
    // Together with the certificate as much as all may have.
    let name = vec16(&[5; 1000]);
    let names = vec![name; 4].concat();
    let request = [&[1, 64, 0, 2, 4, 3][..], &vec16(&names)].concat();
    client.hear(&Under::None, CERTIFICATE_REQUEST, &request);
    client.hear(&Under::None, SERVER_HELLO_DONE, &[]);
    assert!(!client.sent().is_empty(), "it has answered");
    let ticket = [&[0, 0, 0, 0][..], &vec16(&vec![6; client.left.max(100)])].concat();
    client.hear(&Under::None, NEW_SESSION_TICKET, &ticket);
    client.hear(&Under::None, FINISHED, &[0; 12]);
    let held = client.held.most;
    println!("client of DTLS 1.2: {held} bytes at most");
    assert!(held <= BOUND, "{held} bytes");
}

#[test]
fn i18_a_server_of_dtls_1_2_that_hears_the_longest_messages() {
    let versions = [ProtocolVersion::DTLS1_2];
    let client = ClientConfig::builder(ServerTrust::custom(Anybody)).versions(versions);
    let hello = Victim::client(client).sent();
    let identity = ServerIdentity::certificate(pki().server.clone());
    let mut server = Victim::server(ServerConfig::builder(identity));
    let (certificate, key) = long_certificate(LONGEST_CERTIFICATE);

    server.is_greeted(hello);
    server.hear(&Under::None, CERTIFICATE, &vec24(&vec24(&certificate)));
    server.hear(&Under::None, CLIENT_KEY_EXCHANGE, &vec8(&x25519()));
    let signature = vec![1; LONGEST_KEY_EXCHANGE - 4];
    let verify = [&[4, 3][..], &vec16(&signature)].concat();
    server.hear(&Under::None, CERTIFICATE_VERIFY, &verify);
    drop(key);
    server.ends("server of DTLS 1.2", |end| {
        matches!(end, Error::BadSignature)
    });
}

/// Somebody's public key.
fn x25519() -> [u8; 32] {
    let mut base = [0; 32];
    base[0] = 9;
    base
}

#[test]
fn i18_a_client_of_dtls_1_3_that_hears_the_longest_messages() {
    // All together have room for some of them only.
    hear_all_of_dtls_1_3(LONGEST - 60, 8, 8);
    hear_all_of_dtls_1_3(8, LONGEST - 800, 8);
    hear_all_of_dtls_1_3(8, 8, LONGEST - 800);
}

/// With so long a cookie, list of groups and list of schemes.
fn hear_all_of_dtls_1_3(cookie: usize, groups: usize, schemes: usize) {
    let tap = Arc::new(Wiretap::default());
    let config = tap.client(ClientConfig::builder(ServerTrust::custom(Anybody)));
    let mut client = Victim::client(config.versions([ProtocolVersion::DTLS1_3]));
    let version = || extension(43, &[0xfe, 0xfc]);

    let retry = [
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8,
        0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8,
        0x33, 0x9c,
    ];
    let request = extension(44, &vec16(&vec![8; cookie]));
    client.sent();
    client.hear(
        &Under::None,
        SERVER_HELLO,
        &server_hello(retry, 0x1301, &[version(), request]),
    );
    assert!(client.sent().concat().len() > cookie, "the cookie is back");
    let share = [&[0, 29][..], &vec16(&x25519())].concat();
    let answer = server_hello([9; 32], 0x1301, &[version(), extension(51, &share)]);
    client.hear(&Under::None, SERVER_HELLO, &answer);

    let keys = Under::HandshakeKeys(&tap, End::Server);
    client.next_record = 0;
    let groups = extension(10, &vec16(&vec![0; groups]));
    client.hear(&keys, ENCRYPTED_EXTENSIONS, &vec16(&groups));
    let schemes = extension(13, &vec16(&vec![4; schemes]));
    client.hear(
        &keys,
        CERTIFICATE_REQUEST,
        &[&[0][..], &vec16(&schemes)].concat(),
    );
    let (certificate, _) = long_certificate(client.left.min(LONGEST_CERTIFICATE) - 16);
    let entry = [&vec24(&certificate)[..], &[0, 0]].concat();
    client.hear(&keys, CERTIFICATE, &[&[0][..], &vec24(&entry)].concat());
    let signature = vec![1; client.left.min(LONGEST_KEY_EXCHANGE) - 4];
    let verify = [&[4, 3][..], &vec16(&signature)].concat();
    client.hear(&keys, CERTIFICATE_VERIFY, &verify);
    client.ends("client of DTLS 1.3", |end| {
        matches!(end, Error::BadSignature)
    });
}

#[test]
fn i18_a_server_of_dtls_1_3_that_hears_the_longest_messages() {
    let tap = Arc::new(Wiretap::default());
    let client = tap.client(ClientConfig::builder(ServerTrust::custom(Anybody)));
    let hello = Victim::client(client).sent();
    let identity = ServerIdentity::certificate(pki().server.clone());
    let server = ServerConfig::builder(identity).key_log(tap.clone());
    let mut server = Victim::server(server);

    server.is_greeted(hello);
    let keys = Under::HandshakeKeys(&tap, End::Client);
    server.next_record = 0;
    let (certificate, _) = long_certificate(LONGEST_CERTIFICATE);
    let entry = [&vec24(&certificate)[..], &[0, 0]].concat();
    server.hear(&keys, CERTIFICATE, &[&[0][..], &vec24(&entry)].concat());
    let signature = vec![1; LONGEST_KEY_EXCHANGE - 4];
    let verify = [&[4, 3][..], &vec16(&signature)].concat();
    server.hear(&keys, CERTIFICATE_VERIFY, &verify);
    server.ends("server of DTLS 1.3", |end| {
        matches!(end, Error::BadSignature)
    });
}
