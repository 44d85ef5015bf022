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
mod held;

use allocation_counter::measure;
use common::{NAME, VARIANTS, pki, psk};
use flightline::lab::{End, Weather};
use flightline::{
    CipherSuite, ClientAuth, ClientConfig, Clock, CookieContext, Event, GiveUp, Handshake,
    Observer, ProtocolVersion, Retransmission, RootsVerifier, ServerConfig, ServerIdentity,
    ServerName, ServerTrust, What,
};
use held::{BOUND, Held, Plug, Wire, fragment, record};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Forged datagrams: the worst that one can think of, then any.
struct Flood {
    prepared: VecDeque<Vec<u8>>,
    random: StdRng,
    left: usize,
}

const HELLO_VERIFY_REQUEST: u8 = 3;

const TYPES: [u8; 12] = [0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 20];

/// The longest that messages of each type may be, or more.
const CLAIMS: [usize; 7] = [64, 258, 3_072, 5_120, 12_288, 16_384, 0xff_ffff];

impl Flood {
    fn new(seed: u64) -> Flood {
        let mut prepared = VecDeque::new();
        // Each may ask for an answer, or for an ACK.
        for (typ, message_seq) in [(1, 0), (1, 1), (2, 0), (2, 1), (8, 2), (20, 3)] {
            let repeat = fragment(typ, message_seq, 0, 0, &[]);
            prepared.push_back(record(22, 0, &repeat).repeat(2_600));
        }
        // Of nothing that costs so little there may be so much.
        let request = fragment(HELLO_VERIFY_REQUEST, 0, 3, 0, &[0xfe, 0xff, 0]);
        prepared.extend((0..6_000).map(|_| record(22, 0, &request)));
        for typ in [4, 11, 16] {
            for claim in [5_120, 12_288, 16_384] {
                for message_seq in 0..8 {
                    // All but the last byte, so that it is never whole; then backwards and with gaps.
                    for offset in (0..claim - 1200).step_by(1200) {
                        prepared.push_back(forged(typ, message_seq, claim, offset, 1200));
                    }
                    for offset in (0..claim - 100).step_by(100).rev() {
                        prepared.push_back(forged(typ, message_seq, claim, offset, 50));
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
                forged(typ, random.random_range(0..12), claim, offset, length)
            }
        })
    }
}

fn forged(typ: u8, message_seq: u16, claim: usize, offset: usize, length: usize) -> Vec<u8> {
    let part = vec![typ; length];
    record(22, 0, &fragment(typ, message_seq, claim, offset, &part))
}

fn noise(random: &mut StdRng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    random.fill_bytes(&mut bytes);
    bytes
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
        if wire.heard() >= heard {
            break;
        }
        held[0].step(&mut client);
        held[1].step(&mut server);
    }
    let mut flood = Flood::new(seed);
    wire.flood(Box::new(move || flood.next()));
    let (subject, held) = match victim {
        End::Client => (&mut client, &mut held[0]),
        End::Server => (&mut server, &mut held[1]),
    };
    while held.step(subject) && !wire.is_drained() {}
    *held
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

/// Goes only when it is told to.
#[derive(Default)]
struct Watch(Mutex<Duration>);

impl Clock for Watch {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

/// Anyone can have a flight sent again, as long as it is not answered: what is remembered of each sending has to
/// have an end, too.
#[test]
fn i18_a_flight_that_forgers_have_sent_again_400_times_leaves_room_for_a_flood() {
    let certificate = ServerIdentity::certificate(pki().server.clone());
    let roots = ServerTrust::roots(pki().roots.clone());
    let sides = [
        ("PSK", ServerTrust::psk(psk()), ServerIdentity::psk(psk())),
        ("certificate", roots, certificate),
    ];
    for (name, trust, identity) in sides {
        let watch = Arc::new(Watch::default());
        let client = ClientConfig::builder(trust).versions([ProtocolVersion::DTLS1_3]);
        // It has patience for so many: one is answered in a delay.
        let server = ServerConfig::builder(identity)
            .clock(watch.clone())
            .retransmission(Retransmission {
                give_up: GiveUp::Deadline(Duration::from_secs(500)),
                ..Retransmission::RFC6347
            })
            .danger_without_hello_verification();
        let (client, server) = (client.build().unwrap(), server.build().unwrap());
        let [to_client, to_server] = [(); 2].map(|()| Arc::<Wire>::default());
        let plug = |out: &Arc<Wire>, inbox: &Arc<Wire>| Plug {
            out: out.clone(),
            inbox: inbox.clone(),
        };
        let server_name = match name {
            "PSK" => ServerName::unnamed(),
            _ => ServerName::new(NAME).unwrap(),
        };
        let for_client = plug(&to_server, &to_client);
        let mut client = Handshake::client(for_client, server_name, Arc::new(client)).unwrap();
        Held::default().step(&mut client);
        let mut held = Held::default();
        let for_server = plug(&to_client, &to_server);
        let no_cookies = None::<Arc<CookieContext>>;
        let mut server = held
            .during(|| Handshake::server(for_server, b"client", no_cookies, Arc::new(server)))
            .unwrap();
        assert!(held.step(&mut server), "{name}");
        let answer = std::iter::from_fn(|| to_client.pop()).count();
        let answered = held;

        let repeat = record(22, 0, &fragment(1, 0, 0, 0, &[]));
        for _ in 0..400 {
            *watch.0.lock().unwrap() += Duration::from_secs(1);
            to_server.push(repeat.clone());
            assert!(held.step(&mut server), "{name}");
        }
        let again = std::iter::from_fn(|| to_client.pop()).count();
        assert!(again >= 400 * answer, "{name}: {again} datagrams");
        let more = held.now - answered.now;
        assert!(more <= 12 << 10, "{name}: {more} bytes more");
        let mut flood = Flood::new(400);
        to_server.flood(Box::new(move || flood.next()));
        while held.step(&mut server) && !to_server.is_drained() {}
        println!("{name}: {more} bytes more, {} at most", held.most);
        assert!(held.most <= BOUND, "{name}: {} bytes", held.most);
    }
}

/// Counts what it is told of.
#[derive(Default)]
struct Count(AtomicUsize);

impl Observer for Count {
    fn event(&self, event: &Event) {
        let events = match event.what {
            What::Omitted { events } => events,
            _ => 1,
        };
        self.0.fetch_add(events, Relaxed);
    }
}

/// Each of the alerts is a suspicion, and dropped.
#[test]
fn i18_an_observer_of_4_300_records_in_one_datagram_costs_no_more_than_64_kib() {
    const ALERTS: usize = 4_300;
    let count = Arc::new(Count::default());
    let config = ClientConfig::builder(ServerTrust::psk(psk()))
        .observer(count.clone())
        .build()
        .unwrap();
    let inbox = Arc::<Wire>::default();
    let plug = Plug {
        out: Arc::default(),
        inbox: inbox.clone(),
    };
    let mut held = Held::default();
    let mut client = held
        .during(|| Handshake::client(plug, ServerName::unnamed(), Arc::new(config)))
        .unwrap();
    held.step(&mut client);
    let before = count.0.load(Relaxed);
    inbox.push(record(21, 0, &[2, 40]).repeat(ALERTS));
    assert!(held.step(&mut client), "nobody ends a handshake so");
    let told = count.0.load(Relaxed) - before;
    println!("{told} events, {} bytes at most", held.most);
    assert_eq!(told, 2 * ALERTS);
    assert!(held.most <= BOUND, "{} bytes", held.most);
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
