//! The thread that drives connections.

use super::{Connection, Context, Step, Wire};
use crate::Res;
use crate::case::KeyUpdate;
use crate::peers::{Conversation, Srtp};
use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A thread with a socket and its connections: one of a client, any number of a server.
pub(super) struct Driven {
    wishes: Sender<Wish>,
    said: Arc<Mutex<Said>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a connection is to do.
enum Wish {
    Say(Vec<u8>),
    UpdateKeys(KeyUpdate),
}

/// What the thread tells.
#[derive(Default)]
struct Said {
    heard: Vec<u8>,
    /// Of connections that failed; a server's others go on.
    errors: Vec<String>,
    srtp: Option<Srtp>,
    exported: Option<Vec<u8>>,
    ended: bool,
}

impl Driven {
    pub(super) fn start(
        context: Arc<dyn Context>,
        socket: UdpSocket,
        to: Option<SocketAddr>,
    ) -> Driven {
        let (wishes, wanted) = mpsc::channel();
        let (said, stop) = (Arc::<Mutex<Said>>::default(), Arc::<AtomicBool>::default());
        let (telling, stopped) = (said.clone(), stop.clone());
        let thread = thread::spawn(move || {
            // Here, since connections stay on their thread.
            let mut driver = Driver {
                context,
                socket,
                connections: HashMap::new(),
                newest: None,
                said: telling,
            };
            if let Err(error) = driver.run(to, &wanted, &stopped) {
                driver.said.lock().unwrap().errors.push(error.to_string());
            }
            driver.said.lock().unwrap().ended = true;
        });
        Driven {
            wishes,
            said,
            stop,
            thread: Some(thread),
        }
    }
}

impl Conversation for Driven {
    fn say(&mut self, line: &str) {
        let line = format!("{line}\n").into_bytes();
        let _ = self.wishes.send(Wish::Say(line));
    }

    fn update_keys(&mut self, update: KeyUpdate) {
        let _ = self.wishes.send(Wish::UpdateKeys(update));
    }

    fn heard(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap().heard).into_owned()
    }

    fn hears_data_only(&self) -> bool {
        true
    }

    fn ended(&mut self) -> Option<bool> {
        let said = self.said.lock().unwrap();
        said.ended.then_some(said.errors.is_empty())
    }

    fn complaint(&self) -> String {
        self.said.lock().unwrap().errors.join(" | ")
    }

    fn srtp(&self) -> Option<Srtp> {
        self.said.lock().unwrap().srtp.clone()
    }

    fn exported(&self) -> Option<Vec<u8>> {
        self.said.lock().unwrap().exported.clone()
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The longest wait for a datagram: lines to send are looked for in between.
const TICK: Duration = Duration::from_millis(10);

struct Driver {
    context: Arc<dyn Context>,
    socket: UdpSocket,
    connections: HashMap<SocketAddr, (Wire, Box<dyn Connection>)>,
    /// The connection whose handshake was completed last.
    newest: Option<SocketAddr>,
    said: Arc<Mutex<Said>>,
}

impl Driver {
    /// Runs until it is stopped, or, a client's, until its connection ends.
    fn run(
        &mut self,
        to: Option<SocketAddr>,
        wanted: &Receiver<Wish>,
        stop: &AtomicBool,
    ) -> Res<()> {
        if let Some(to) = to {
            self.open(to)?;
            self.step(to);
        }
        let mut buf = vec![0; 65_536];
        while !stop.load(Ordering::Relaxed) && (to.is_none() || !self.connections.is_empty()) {
            let wait = self.wait();
            self.socket.set_read_timeout(Some(wait))?;
            if let Ok((length, from)) = self.socket.recv_from(&mut buf) {
                if to.is_none() && !self.connections.contains_key(&from) {
                    self.open(from)?;
                }
                if let Some((wire, _)) = self.connections.get(&from) {
                    wire.deliver(&buf[..length]);
                    self.step(from);
                }
            }
            self.expire();
            while let Ok(wish) = wanted.try_recv() {
                self.fulfil(&wish);
            }
        }
        Ok(())
    }

    fn open(&mut self, address: SocketAddr) -> Res<()> {
        let wire = Wire::default();
        let connection = self.context.connection(wire.clone(), address)?;
        self.connections.insert(address, (wire, connection));
        Ok(())
    }

    /// Never zero, which a socket would take for no limit.
    fn wait(&mut self) -> Duration {
        let connections = self.connections.values_mut();
        let timeouts = connections.filter_map(|(_, connection)| connection.until_timeout());
        timeouts
            .fold(TICK, Duration::min)
            .max(Duration::from_millis(1))
    }

    /// Lets the connection with this address go on as far as it can.
    fn step(&mut self, address: SocketAddr) {
        loop {
            let Some((_, connection)) = self.connections.get_mut(&address) else {
                return;
            };
            let step = connection.step();
            let mut said = self.said.lock().unwrap();
            match step {
                Ok(Step::Waits) => break,
                Ok(Step::Connected) => {
                    said.srtp = connection.srtp();
                    said.exported = connection.exported();
                    self.newest = Some(address);
                }
                Ok(Step::Data(data)) => said.heard.extend_from_slice(&data),
                Ok(Step::Closed) => {
                    drop(said);
                    return self.close(address);
                }
                Err(error) => {
                    said.errors.push(error.to_string());
                    drop(said);
                    return self.close(address);
                }
            }
        }
        self.flush(address);
    }

    fn expire(&mut self) {
        let addresses: Vec<SocketAddr> = self.connections.keys().copied().collect();
        for address in addresses {
            let Some((_, connection)) = self.connections.get_mut(&address) else {
                continue;
            };
            if connection.until_timeout() != Some(Duration::ZERO) {
                continue;
            }
            match connection.expire() {
                Ok(()) => self.step(address),
                Err(error) => {
                    let error = format!("timer: {error}");
                    self.said.lock().unwrap().errors.push(error);
                    self.close(address);
                }
            }
        }
    }

    fn fulfil(&mut self, wish: &Wish) {
        let Some(address) = self.newest else {
            return;
        };
        if let Some((_, connection)) = self.connections.get_mut(&address) {
            let done = match wish {
                Wish::Say(line) => connection.send(line),
                Wish::UpdateKeys(update) => connection.update_keys(*update),
            };
            if let Err(error) = done {
                self.said.lock().unwrap().errors.push(error.to_string());
            }
            self.flush(address);
        }
    }

    /// Sends what the connection still has, and forgets it.
    fn close(&mut self, address: SocketAddr) {
        self.flush(address);
        self.connections.remove(&address);
    }

    fn flush(&mut self, address: SocketAddr) {
        if let Some((wire, _)) = self.connections.get(&address) {
            for datagram in wire.take_sent() {
                // A datagram that cannot be sent is one that is lost.
                let _ = self.socket.send_to(&datagram, address);
            }
        }
    }
}
