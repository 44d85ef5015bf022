//! Does the time of a refusal tell where what is refused is wrong (hazard J8)? `cargo bench --bench constant_time`.
//!
//! Two classes of input, which are wrong in the first byte that counts and in the last, are refused in random
//! order. Welch's t says how sure it is that their mean times differ: beyond 4.5 it is, by the custom of dudect
//! (Reparaz, Balasch, Verbauwhede 2017). The slowest tenth of the times is left out, since it is the system's.
//! Of pre-shared keys (hazard J7) the two classes are a wrong key and an unknown identity.
//! The first row is a comparison that stops at the first difference, to show what would be seen.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]

use flightline::{
    CipherSuite, ClientConfig, CookieSigner, DtlsSocket, Error, Handshake, HmacCookies,
    ProtocolVersion, Psk, ServerConfig, ServerIdentity, ServerName, ServerTrust, Transport,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::VecDeque;
use std::hint::black_box;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SEED: u64 = 20;
const MEASUREMENTS: usize = 400_000;
/// Between a hint and a proof, by dudect's custom.
const SURE: f64 = 4.5;

fn main() {
    println!("{MEASUREMENTS} refusals each, seed {SEED}");
    println!("| what is refused | mean, wrong at the front | at the end | Welch's t | |");
    println!("| --- | ---: | ---: | ---: | --- |");
    row("a comparison that stops early", 64, leaking());
    row("a cookie's tag", 4, cookie());
    for (version, suite) in [
        (
            ProtocolVersion::DTLS1_2,
            CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256,
        ),
        (
            ProtocolVersion::DTLS1_2,
            CipherSuite::TLS_PSK_WITH_CHACHA20_POLY1305_SHA256,
        ),
        (
            ProtocolVersion::DTLS1_3,
            CipherSuite::TLS_AES_128_GCM_SHA256,
        ),
        (
            ProtocolVersion::DTLS1_3,
            CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
        ),
    ] {
        row(
            &format!("a record's tag, {version}, {suite}"),
            1,
            record(version, suite),
        );
    }
    row("a hello, DTLS 1.3: wrong key, unknown identity", 1, hello());
}

/// Refuses what is wrong at the front (0) or at the end (1). Both are made before any time is measured: what has
/// just been written is read in a time that depends on where it was.
type Refuse = Box<dyn FnMut(usize)>;

fn wrong_at<T: Clone + AsMut<[u8]>>(right: &T, places: [usize; 2]) -> [T; 2] {
    places.map(|at| {
        let mut wrong = right.clone();
        wrong.as_mut()[at] ^= 1;
        wrong
    })
}

/// Measures; `at_once` refusals at a time, where one is too short for the clock.
fn row(what: &str, at_once: usize, mut refuse: Refuse) {
    let mut random = StdRng::seed_from_u64(SEED);
    let mut times = Vec::with_capacity(MEASUREMENTS);
    for _ in 0..MEASUREMENTS {
        let class = usize::from(random.random_bool(0.5));
        let start = Instant::now();
        (0..at_once).for_each(|_| refuse(black_box(class)));
        times.push((class, start.elapsed().as_nanos() as f64 / at_once as f64));
    }
    let mut sorted: Vec<_> = times.iter().map(|(_, time)| *time).collect();
    sorted.sort_by(f64::total_cmp);
    let slow = sorted[sorted.len() / 10 * 9];
    times.retain(|(_, time)| *time <= slow);
    let [front, end] = [0, 1].map(|class| Moments::of(&times, class));
    let t = (front.mean - end.mean) / (front.error() + end.error()).sqrt();
    let verdict = if t.abs() < SURE {
        "no difference"
    } else {
        "they differ"
    };
    println!(
        "| {what} | {:.1} ns | {:.1} ns | {t:+.1} | {verdict} |",
        front.mean, end.mean
    );
}

struct Moments {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Moments {
    fn of(times: &[(usize, f64)], class: usize) -> Moments {
        let of_class = || times.iter().filter(|(of, _)| *of == class);
        let count = of_class().count() as f64;
        let mean = of_class().map(|(_, time)| time).sum::<f64>() / count;
        let squares = of_class().map(|(_, time)| (time - mean).powi(2));
        Moments {
            count,
            mean,
            variance: squares.sum::<f64>() / (count - 1.0),
        }
    }

    fn error(&self) -> f64 {
        self.variance / self.count
    }
}

/// What this program is there to notice.
fn leaking() -> Refuse {
    let right: [u8; 16] = [7; 16];
    let wrong = wrong_at(&right, [0, 15]);
    Box::new(move |class| {
        let equal = wrong[class]
            .iter()
            .zip(&right)
            .all(|(a, b)| black_box(a == b));
        assert!(!black_box(equal));
    })
}

fn cookie() -> Refuse {
    let cookies = HmacCookies::new().unwrap();
    let (now, message) = (Duration::ZERO, [7; 80]);
    let period = cookies.period(now);
    let right = cookies.sign(period, &[&message]).unwrap();
    assert!(cookies.verify(now, period, &[&message], &right));
    let wrong = wrong_at(&right, [0, 15]);
    Box::new(move |class| {
        assert!(!cookies.verify(now, period, &[&message], &wrong[class]));
    })
}

/// A connection that refuses records.
fn record(version: ProtocolVersion, suite: CipherSuite) -> Refuse {
    let psk = Psk::new("tester", [7; 32]).unwrap();
    let client = ClientConfig::builder(ServerTrust::psk(psk.clone()))
        .versions([version])
        .cipher_suites([suite]);
    let server = ServerConfig::builder(ServerIdentity::psk(psk))
        .versions([version])
        .danger_without_hello_verification();
    let [to_client, to_server]: [Arc<Queue>; 2] = Default::default();
    let ends = |incoming: &Arc<Queue>, outgoing: &Arc<Queue>| Wire {
        incoming: incoming.clone(),
        outgoing: outgoing.clone(),
    };
    let name = ServerName::unnamed();
    let end = ends(&to_client, &to_server);
    let client = Handshake::client(end, name, client.build().unwrap()).unwrap();
    let end = ends(&to_server, &to_client);
    let server = Handshake::server(end, "client", None, server.build().unwrap()).unwrap();
    let (client, server) = shake_hands(client, server);
    client.service().unwrap();
    server.service().unwrap();
    to_server.lock().unwrap().clear();

    client.send(&[7; 64]).unwrap();
    let right = to_server.lock().unwrap().pop_front().unwrap();
    let wrong = wrong_at(&right, [right.len() - 16, right.len() - 1]);
    Box::new(move |class| {
        to_server.lock().unwrap().push_back(wrong[class].clone());
        server.service().unwrap();
        // It lives as long.
        black_box(&client);
    })
}

/// A server that refuses hellos of DTLS 1.3 whose key it does not know.
fn hello() -> Refuse {
    let server = ServerConfig::builder(ServerIdentity::psk(Psk::new("tester", [9; 32]).unwrap()))
        .danger_without_hello_verification()
        .suspicion(Duration::ZERO);
    let server = Arc::new(server.build().unwrap());
    let hellos = ["tester", "nobody"].map(|identity| {
        let psk = Psk::new(identity, [7; 32]).unwrap();
        let client =
            ClientConfig::builder(ServerTrust::psk(psk)).versions([ProtocolVersion::DTLS1_3]);
        let wire = Wire::default();
        let sent = wire.outgoing.clone();
        let name = ServerName::unnamed();
        let mut client = Handshake::client(wire, name, client.build().unwrap()).unwrap();
        assert!(matches!(client.handshake(), Err(Error::WantRead)));
        sent.lock().unwrap().pop_front().unwrap()
    });
    assert_eq!(hellos[0].len(), hellos[1].len());
    Box::new(move |class| {
        let wire = Wire::default();
        wire.incoming
            .lock()
            .unwrap()
            .push_back(hellos[class].clone());
        let mut server = Handshake::server(wire, "client", None, server.clone()).unwrap();
        let refused = server.handshake();
        assert!(
            matches!(refused, Err(Error::UnknownPskIdentity)),
            "{refused:?}"
        );
    })
}

fn shake_hands(mut client: Handshake, mut server: Handshake) -> (DtlsSocket, DtlsSocket) {
    let mut done = [false; 2];
    while done != [true; 2] {
        for (handshake, done) in [&mut client, &mut server].into_iter().zip(&mut done) {
            if !*done {
                match handshake.handshake() {
                    Ok(()) => *done = true,
                    Err(Error::WantRead) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
    (client.complete().unwrap(), server.complete().unwrap())
}

type Queue = Mutex<VecDeque<Vec<u8>>>;

/// One end of a wire that loses nothing and takes no time.
#[derive(Default)]
struct Wire {
    incoming: Arc<Queue>,
    outgoing: Arc<Queue>,
}

impl Transport for Wire {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        self.outgoing.lock().unwrap().push_back(datagram.to_vec());
        Ok(())
    }

    fn recv(&self, buf: &mut Vec<u8>, _: Duration) -> io::Result<usize> {
        let datagram = self.incoming.lock().unwrap().pop_front();
        let datagram = datagram.ok_or(io::ErrorKind::WouldBlock)?;
        buf.resize(buf.len().max(datagram.len()), 0);
        buf[..datagram.len()].copy_from_slice(&datagram);
        Ok(datagram.len())
    }
}
