//! Drives a library's connections over a UDP socket, on a thread of their own: lines go out, what comes
//! in is kept, and the library's retransmission timer is honoured. A library says how by [`Context`] and
//! [`Connection`], and is a [`Peer`] by being a [`Library`].

use super::{Client, Conversation, Peer, Server, Srtp};
use crate::Res;
use crate::case::{Case, Role};
use crate::feature::Lack;
use crate::pki::Pki;
use std::collections::{HashMap, VecDeque};
use std::ffi::c_void;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A library that runs in this process.
pub struct Library {
    pub name: &'static str,
    pub version: fn() -> String,
    pub lacks: &'static [Lack],
    /// As [`Peer::attempts`].
    pub attempts: usize,
    /// What all connections of one role share in a case.
    pub context: fn(&Case, &Pki, Role) -> Res<Arc<dyn Context>>,
}

/// What the connections of one role share: configuration, sessions.
pub trait Context: Send + Sync {
    /// A new connection over this wire. `from` is the peer's address.
    fn connection(&self, wire: Wire, from: SocketAddr) -> Res<Box<dyn Connection>>;
}

/// A connection of a library, without a socket and a clock.
pub trait Connection {
    /// Goes on with the handshake; after it, takes what has arrived.
    fn step(&mut self) -> Res<Step>;

    fn send(&mut self, data: &[u8]) -> Res<()>;

    /// The time until `expire` is due.
    fn until_timeout(&mut self) -> Option<Duration>;

    /// Lets the retransmission timer expire, if it is due.
    fn expire(&mut self) -> Res<()>;

    fn srtp(&self) -> Option<Srtp> {
        None
    }
}

pub enum Step {
    /// For a datagram, or the timer.
    Waits,
    /// The handshake has just been completed.
    Connected,
    Data(Vec<u8>),
    Closed,
}

/// The datagrams on their way to and from a connection.
#[derive(Clone, Default)]
pub struct Wire(Arc<Mutex<Queues>>);

#[derive(Default)]
struct Queues {
    arrived: VecDeque<Vec<u8>>,
    sent: VecDeque<Vec<u8>>,
}

impl Wire {
    /// Takes the next datagram that arrived; what does not fit is cut off.
    pub fn receive(&self, buf: &mut [u8]) -> Option<usize> {
        let datagram = self.0.lock().unwrap().arrived.pop_front()?;
        let length = datagram.len().min(buf.len());
        buf[..length].copy_from_slice(&datagram[..length]);
        Some(length)
    }

    pub fn send(&self, datagram: &[u8]) {
        self.0.lock().unwrap().sent.push_back(datagram.to_vec());
    }

    /// For libraries in C.
    ///
    /// # Safety
    ///
    /// `wire` points to a `Wire`, and `data` to `length` bytes.
    pub unsafe fn send_from(wire: *mut c_void, data: *const u8, length: usize) {
        // SAFETY: as the caller promises.
        let (wire, data) = unsafe { (&*wire.cast::<Wire>(), slice::from_raw_parts(data, length)) };
        wire.send(data);
    }

    /// For libraries in C.
    ///
    /// # Safety
    ///
    /// `wire` points to a `Wire`, and `data` to `room` initialized bytes.
    pub unsafe fn receive_into(wire: *mut c_void, data: *mut u8, room: usize) -> Option<usize> {
        // SAFETY: as the caller promises.
        let (wire, data) =
            unsafe { (&*wire.cast::<Wire>(), slice::from_raw_parts_mut(data, room)) };
        wire.receive(data)
    }

    /// Forgets what arrived and is as `unwanted` says.
    pub fn discard(&self, mut unwanted: impl FnMut(&[u8]) -> bool) {
        let mut queues = self.0.lock().unwrap();
        queues.arrived.retain(|datagram| !unwanted(datagram));
    }

    /// Whether datagrams wait to be sent.
    pub fn sends(&self) -> bool {
        !self.0.lock().unwrap().sent.is_empty()
    }

    fn deliver(&self, datagram: &[u8]) {
        self.0.lock().unwrap().arrived.push_back(datagram.to_vec());
    }

    fn take_sent(&self) -> VecDeque<Vec<u8>> {
        std::mem::take(&mut self.0.lock().unwrap().sent)
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.receive(buf).ok_or(io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Wire {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.send(datagram);
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Peer for Library {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> Res<String> {
        Ok((self.version)())
    }

    fn lacks(&self) -> &'static [Lack] {
        self.lacks
    }

    fn attempts(&self) -> usize {
        self.attempts
    }

    fn server(&self, case: &Case, pki: &Pki) -> Res<Server> {
        let context = (self.context)(case, pki, Role::Server)?;
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        Ok(Server {
            address: socket.local_addr()?,
            conversation: Box::new(Driven::start(context, socket, None)),
        })
    }

    fn client<'a>(&self, case: &'a Case, pki: &'a Pki) -> Res<Box<dyn Client + 'a>> {
        Ok(Box::new(LibraryClient {
            context: (self.context)(case, pki, Role::Client)?,
        }))
    }
}

struct LibraryClient {
    context: Arc<dyn Context>,
}

impl Client for LibraryClient {
    fn connect(&mut self, to: SocketAddr) -> Res<Box<dyn Conversation>> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        Ok(Box::new(Driven::start(
            self.context.clone(),
            socket,
            Some(to),
        )))
    }
}

/// A thread with a socket and its connections: one of a client, any number of a server.
struct Driven {
    say: Sender<Vec<u8>>,
    said: Arc<Mutex<Said>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread tells.
#[derive(Default)]
struct Said {
    heard: Vec<u8>,
    /// Of connections that failed; a server's others go on.
    errors: Vec<String>,
    srtp: Option<Srtp>,
    ended: bool,
}

impl Driven {
    fn start(context: Arc<dyn Context>, socket: UdpSocket, to: Option<SocketAddr>) -> Driven {
        let (say, lines) = mpsc::channel();
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
            if let Err(error) = driver.run(to, &lines, &stopped) {
                driver.said.lock().unwrap().errors.push(error.to_string());
            }
            driver.said.lock().unwrap().ended = true;
        });
        Driven {
            say,
            said,
            stop,
            thread: Some(thread),
        }
    }
}

impl Conversation for Driven {
    fn say(&mut self, line: &str) {
        let _ = self.say.send(format!("{line}\n").into_bytes());
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
}

impl Drop for Driven {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The first delay of every library's timer. Short, since it doubles with each datagram that is lost.
pub const FIRST_TIMEOUT: Duration = Duration::from_millis(50);

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
        lines: &Receiver<Vec<u8>>,
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
            while let Ok(line) = lines.try_recv() {
                self.send(&line);
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

    fn send(&mut self, line: &[u8]) {
        let Some(address) = self.newest else {
            return;
        };
        if let Some((_, connection)) = self.connections.get_mut(&address) {
            if let Err(error) = connection.send(line) {
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
