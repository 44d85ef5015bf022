//! A path: a proxy for clients one after the other. A bad path drops, duplicates, delays and reorders datagrams, the same
//! way for the same seed and the same order of arrival.

use crate::Res;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const DROP: f64 = 0.20;
const DUPLICATE: f64 = 0.05;
const DELAY: f64 = 0.15;
const DELAY_MS: std::ops::Range<u64> = 5..60;

/// A running proxy. Dropping it stops it.
pub struct Proxy {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    ToServer,
    ToClient,
}

/// One that has been heard of, and the socket that is its own: the server knows clients by their addresses.
struct Client {
    address: SocketAddr,
    back: UdpSocket,
}

impl Client {
    fn new(address: SocketAddr, server: SocketAddr) -> std::io::Result<Client> {
        let back = UdpSocket::bind("127.0.0.1:0")?;
        back.connect(server)?;
        back.set_nonblocking(true)?;
        Ok(Client { address, back })
    }
}

/// Sees every datagram before the path does something to it: where it comes from, and where it goes.
pub type Watcher = Box<dyn FnMut(SocketAddr, SocketAddr, &[u8]) + Send>;

impl Proxy {
    /// A bad path to `server`.
    pub fn start(server: SocketAddr, seed: u64) -> Res<Proxy> {
        Proxy::watched(server, Some(seed), Box::new(|_, _, _| ()))
    }

    /// A path to `server` that is watched, and that is bad if it has a seed.
    pub fn watched(server: SocketAddr, seed: Option<u64>, watcher: Watcher) -> Res<Proxy> {
        let front = UdpSocket::bind("127.0.0.1:0")?;
        front.set_nonblocking(true)?;
        let address = front.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || run(&front, server, seed, watcher, &stopped));
        Ok(Proxy {
            address,
            stop,
            thread: Some(thread),
        })
    }

    /// Where the client is to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(
    front: &UdpSocket,
    server: SocketAddr,
    seed: Option<u64>,
    mut watcher: Watcher,
    stop: &AtomicBool,
) {
    let mut faults = seed.map(Faults::new);
    let mut buf = [0; 65_536];
    let mut clients: Vec<Client> = Vec::new();
    let mut number = 0_u64;
    let mut waiting = BinaryHeap::new();
    loop {
        let mut idle = true;
        let mut arrived = Vec::new();
        while let Ok((length, from)) = front.recv_from(&mut buf) {
            let mut known = clients.iter();
            let known = known.position(|client| client.address == from);
            let Some(client) = known.or_else(|| {
                clients.push(Client::new(from, server).ok()?);
                Some(clients.len() - 1)
            }) else {
                continue;
            };
            arrived.push((client, Way::ToServer, buf[..length].to_vec()));
        }
        for (number, client) in clients.iter().enumerate() {
            while let Ok(length) = client.back.recv(&mut buf) {
                arrived.push((number, Way::ToClient, buf[..length].to_vec()));
            }
        }
        for (client, way, datagram) in arrived {
            idle = false;
            let address = clients[client].address;
            match way {
                Way::ToServer => watcher(address, server, &datagram),
                Way::ToClient => watcher(server, address, &datagram),
            }
            let copies = faults.as_mut().map_or(1, Faults::copies);
            if crate::is_verbose() {
                println!("path: {} bytes {way:?}, {copies} times", datagram.len());
            }
            for _ in 0..copies {
                let late = faults.as_mut().map_or(Duration::ZERO, Faults::delay);
                number += 1;
                waiting.push(Reverse((
                    Instant::now() + late,
                    number,
                    client,
                    way,
                    datagram.clone(),
                )));
            }
        }
        while let Some(Reverse((due, ..))) = waiting.peek() {
            if *due > Instant::now() {
                break;
            }
            if let Some(Reverse((_, _, client, way, datagram))) = waiting.pop() {
                let client = &clients[client];
                // A datagram that cannot be sent is one more that is lost.
                let _ = match way {
                    Way::ToServer => client.back.send(&datagram),
                    Way::ToClient => front.send_to(&datagram, client.address),
                };
            }
        }
        // What has arrived before the end is still seen.
        if idle && stop.load(Ordering::Relaxed) {
            return;
        }
        if idle {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The fates of datagrams.
struct Faults(StdRng);

impl Faults {
    fn new(seed: u64) -> Faults {
        Faults(StdRng::seed_from_u64(seed))
    }

    fn copies(&mut self) -> usize {
        match (self.0.random_bool(DROP), self.0.random_bool(DUPLICATE)) {
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => 1,
        }
    }

    fn delay(&mut self) -> Duration {
        if self.0.random_bool(DELAY) {
            Duration::from_millis(self.0.random_range(DELAY_MS))
        } else {
            Duration::ZERO
        }
    }
}
