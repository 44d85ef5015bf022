//! What a handshake may hold of the heap, whatever the peer sends. The allocator counts, for each
//! thread on its own.
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

use allocation_counter::{AllocationInfo, measure, opt_out};
use common::{NAME, VARIANTS, pki, psk};
use flightline::lab::{End, Weather};
use flightline::{
    CipherSuite, ClientAuth, ClientConfig, CookieContext, Error, Handshake, RootsVerifier,
    ServerConfig, ServerIdentity, ServerName, ServerTrust, Transport,
};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What one side of a handshake may hold: everything but its configuration and its transport's
/// buffer.
const BOUND: i64 = 64 * 1024;

/// Carries datagrams between the two sides, and forged ones to one of them. What it holds itself is
/// not counted.
#[derive(Default)]
struct Wire {
    genuine: Mutex<VecDeque<Vec<u8>>>,
    flood: Mutex<Option<Flood>>,
    heard: AtomicUsize,
}

/// An end of two wires.
struct Plug {
    out: Arc<Wire>,
    inbox: Arc<Wire>,
}

impl Transport for Plug {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        opt_out(|| {
            self.out
                .genuine
                .lock()
                .unwrap()
                .push_back(datagram.to_vec())
        });
        Ok(())
    }

    fn recv(&self, buf: &mut Vec<u8>, _: Duration) -> io::Result<usize> {
        self.inbox.heard.fetch_add(1, Relaxed);
        let next = uncounted(|| match &mut *self.inbox.flood.lock().unwrap() {
            Some(flood) => flood.next(),
            None => self.inbox.genuine.lock().unwrap().pop_front(),
        });
        let datagram = next.ok_or(io::ErrorKind::WouldBlock)?;
        uncounted(|| {
            buf.clear();
            buf.extend(&datagram);
            drop(datagram);
        });
        Ok(buf.len())
    }

    fn max_datagram(&self) -> Option<usize> {
        Some(1400)
    }
}

fn uncounted<T>(call: impl FnOnce() -> T) -> T {
    let mut result = None;
    opt_out(|| result = Some(call()));
    result.unwrap()
}

/// What is measured of one side, call by call.
#[derive(Default)]
struct Held {
    now: i64,
    most: i64,
}

impl Held {
    fn during<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let mut result = None;
        let AllocationInfo {
            bytes_current,
            bytes_max,
            ..
        } = measure(|| result = Some(call()));
        self.most = self.most.max(self.now + bytes_max as i64);
        self.now += bytes_current;
        result.unwrap()
    }
}

/// Forged datagrams: the worst that one can think of, then any.
struct Flood {
    prepared: VecDeque<Vec<u8>>,
    random: StdRng,
    left: usize,
}

const TYPES: [u8; 12] = [0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 20];

/// The longest that messages of each type may be, or more.
const CLAIMS: [usize; 7] = [64, 258, 16_384, 32_768, 65_541, 70_000, 0xff_ffff];

impl Flood {
    fn new(seed: u64) -> Flood {
        let mut prepared = VecDeque::new();
        for typ in [4, 11, 16] {
            for claim in [16_384, 20_480, 32_768] {
                for message_seq in 0..8 {
                    // All but the last byte, so that it is never whole; then backwards and with gaps.
                    for offset in (0..claim - 1200).step_by(1200) {
                        prepared.push_back(fragment(typ, message_seq, claim, offset, 1200));
                    }
                    for offset in (0..claim - 100).step_by(100).rev() {
                        prepared.push_back(fragment(typ, message_seq, claim, offset, 50));
                    }
                }
            }
        }
        Flood {
            prepared,
            random: StdRng::seed_from_u64(seed),
            left: 5_000,
        }
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        if let Some(prepared) = self.prepared.pop_front() {
            return Some(prepared);
        }
        self.left = self.left.checked_sub(1)?;
        let random = &mut self.random;
        let length = random.random_range(0..1300);
        Some(match random.random_range(0..4) {
            0 => record(random.random_range(19..25), 0, &noise(random, length)),
            1 => record(22, 1, &noise(random, length)),
            _ => {
                let typ = TYPES[random.random_range(0..TYPES.len())];
                let claim = CLAIMS[random.random_range(0..CLAIMS.len())];
                let length = length.min(claim);
                let offset = random.random_range(0..=claim - length);
                fragment(typ, random.random_range(0..12), claim, offset, length)
            }
        })
    }
}

fn noise(random: &mut StdRng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    random.fill_bytes(&mut bytes);
    bytes
}

fn record(typ: u8, epoch: u16, content: &[u8]) -> Vec<u8> {
    let mut record = vec![typ, 0xfe, 0xfd];
    record.extend(epoch.to_be_bytes());
    record.extend([0, 0x40, 0, 0, 0, 0]);
    record.extend((content.len() as u16).to_be_bytes());
    record.extend(content);
    record
}

fn fragment(typ: u8, message_seq: u16, claim: usize, offset: usize, length: usize) -> Vec<u8> {
    let u24 = |n: usize| [(n >> 16) as u8, (n >> 8) as u8, n as u8];
    let mut content = vec![typ];
    content.extend(u24(claim));
    content.extend(message_seq.to_be_bytes());
    content.extend(u24(offset));
    content.extend(u24(length));
    content.resize(content.len() + length, typ);
    record(22, 0, &content)
}

#[derive(Clone)]
struct Kind {
    name: &'static str,
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    server_name: ServerName,
}

fn kinds() -> [Kind; 2] {
    let certificates = Kind {
        name: "mutual",
        client: Arc::new(
            ClientConfig::builder(ServerTrust::roots(pki().roots.clone()))
                .identity(pki().client.clone())
                .build()
                .unwrap(),
        ),
        server: Arc::new(
            ServerConfig::builder(ServerIdentity::certificate(pki().server.clone()))
                .client_auth(ClientAuth::required(RootsVerifier::new(
                    pki().roots.clone(),
                )))
                .danger_without_hello_verification()
                .build()
                .unwrap(),
        ),
        server_name: ServerName::new(NAME).unwrap(),
    };
    let suites = [CipherSuite::TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256];
    let keys = Kind {
        name: "ECDHE_PSK",
        client: Arc::new(
            ClientConfig::builder(ServerTrust::psk(psk()))
                .cipher_suites(suites)
                .build()
                .unwrap(),
        ),
        server: Arc::new(
            ServerConfig::builder(ServerIdentity::psk(psk()))
                .danger_without_hello_verification()
                .build()
                .unwrap(),
        ),
        server_name: ServerName::unnamed(),
    };
    [certificates, keys]
}

/// Shakes hands until `victim` has heard so many genuine datagrams, then floods it. What it held.
fn flooded(kind: &Kind, victim: End, heard: usize, seed: u64) -> Held {
    let [to_client, to_server] = [(); 2].map(|()| Arc::<Wire>::default());
    let (for_client, for_server) = (
        Plug {
            out: to_server.clone(),
            inbox: to_client.clone(),
        },
        Plug {
            out: to_client.clone(),
            inbox: to_server.clone(),
        },
    );
    let mut held = [Held::default(), Held::default()];
    let kind = kind.clone();
    let mut client = held[0]
        .during(|| Handshake::client(for_client, kind.server_name, kind.client))
        .unwrap();
    let mut server = held[1]
        .during(|| {
            Handshake::server(
                for_server,
                b"client",
                None::<Arc<CookieContext>>,
                kind.server,
            )
        })
        .unwrap();
    let wire = match victim {
        End::Client => &to_client,
        End::Server => &to_server,
    };
    for _ in 0..200 {
        if wire.heard.load(Relaxed) >= heard {
            break;
        }
        step(&mut held[0], &mut client);
        step(&mut held[1], &mut server);
    }
    *wire.flood.lock().unwrap() = Some(Flood::new(seed));
    let (subject, held) = match victim {
        End::Client => (&mut client, &mut held[0]),
        End::Server => (&mut server, &mut held[1]),
    };
    while wire.flood.lock().unwrap().as_ref().unwrap().left > 0 {
        if !step(held, subject) {
            break;
        }
    }
    std::mem::take(held)
}

/// One pass; whether there will be another.
fn step(held: &mut Held, side: &mut Handshake) -> bool {
    matches!(held.during(|| side.handshake()), Err(Error::WantRead))
}

/// Hazards A2, B11, C1, C6, I18: memory follows what came, up to a bound, at every point of the way.
#[test]
fn b11_c01_c06_i18_a_flooded_handshake_holds_64_kib_at_most() {
    for kind in kinds() {
        for victim in [End::Client, End::Server] {
            let mut most = 0;
            for heard in 0..6 {
                let seed = heard as u64;
                let held = flooded(&kind, victim, heard, seed);
                most = most.max(held.most);
                let at = format!("{} {victim:?} after {heard}, seed {seed}", kind.name);
                assert!(held.most <= BOUND, "{at}: {} bytes", held.most);
            }
            println!("{} {victim:?}: {most} bytes at most", kind.name);
        }
    }
}

/// Both sides of every kind of handshake, and the network between them.
#[test]
fn i18_an_honest_pair_holds_less_than_one_side_may() {
    for variant in VARIANTS {
        let shake_hands = || {
            let mut pair = variant.pair(Weather::clear());
            pair.establish(Duration::from_secs(60)).unwrap();
            pair.exchange(b"question", b"answer").unwrap();
        };
        shake_hands();
        let most = measure(shake_hands).bytes_max;
        println!("{}: {most} bytes at most", variant.name);
        assert!(most <= BOUND as u64, "{}: {most} bytes", variant.name);
    }
}

/// Whether it succeeds or is given up, on the way or at the end.
#[test]
fn c07_i18_nothing_is_left_of_a_connection() {
    for variant in VARIANTS.iter().filter(|variant| !variant.resumes()) {
        for steps in 0..12 {
            let give_up = || {
                let mut pair = variant.pair(Weather::clear());
                for _ in 0..steps {
                    pair.step();
                }
            };
            give_up();
            let left = measure(give_up).bytes_current;
            assert_eq!(left, 0, "{} after {steps} steps", variant.name);
        }
    }
}
