//! A listener whose socket fails as real ones do. Nothing of that ends the thread that reads it.

use crate::certificate::ServerName;
use crate::config::{ClientConfig, Psk, ServerConfig, ServerIdentity, ServerTrust};
use crate::cookie::CookieContext;
use crate::error::{Error, Result};
use crate::net::datagram_socket::DatagramSocket;
use crate::net::{Closer, DtlsListener, DtlsSocket, ServeOptions};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(5);

/// A socket of the loopback interface, with errors between its datagrams.
struct Faulty {
    socket: UdpSocket,
    faults: Arc<Faults>,
}

#[derive(Default)]
struct Faults {
    receiving: Mutex<VecDeque<io::Error>>,
    /// Fronts of datagrams that fill the buffer, before anything else.
    cut: Mutex<Vec<Vec<u8>>>,
    sending: Mutex<VecDeque<io::Error>>,
    /// When the listener asked for a datagram.
    asked: Mutex<Vec<Instant>>,
}

impl DatagramSocket for Faulty {
    fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.faults.asked.lock().push(Instant::now());
        if let Some(front) = self.faults.cut.lock().pop() {
            buf.fill(0);
            buf[..front.len()].copy_from_slice(&front);
            return Ok((buf.len(), self.socket.local_addr()?));
        }
        match self.faults.receiving.lock().pop_front() {
            Some(fault) => Err(fault),
            None => self.socket.recv_from(buf),
        }
    }

    fn send_to(&self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        match self.faults.sending.lock().pop_front() {
            Some(fault) => Err(fault),
            None => DatagramSocket::send_to(&self.socket, datagram, to),
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn set_wait(&self, wait: Duration) -> io::Result<()> {
        self.socket.set_wait(wait)
    }
}

struct Server {
    address: SocketAddr,
    faults: Arc<Faults>,
    closer: Closer,
    serving: JoinHandle<io::Result<()>>,
}

fn psk() -> Psk {
    Psk::new("tester", [7; 32]).unwrap()
}

fn serve() -> Server {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    let faults = Arc::new(Faults::default());
    let config = ServerConfig::builder(ServerIdentity::psk(psk())).build();
    let faulty = Faulty {
        socket,
        faults: faults.clone(),
    };
    let cookies = Arc::new(CookieContext::new().unwrap());
    let listener = DtlsListener::new(faulty, Some(cookies), Arc::new(config.unwrap()));
    let closer = listener.closer();
    let echo = |socket: DtlsSocket| -> Result<()> {
        let mut buf = [0; 64];
        loop {
            let length = socket.recv(&mut buf)?;
            // A datagram that does not go is lost, whatever the reason.
            let _ = socket.send(&buf[..length]);
        }
    };
    let serving = thread::spawn(move || listener.serve_with(ServeOptions::default(), echo));
    Server {
        address,
        faults,
        closer,
        serving,
    }
}

fn connect(to: SocketAddr) -> DtlsSocket {
    let config = ClientConfig::builder(ServerTrust::psk(psk()))
        .handshake_timeout(Duration::from_millis(100), LONG)
        .read_timeout(Duration::from_millis(100))
        .build();
    DtlsSocket::connect_timeout(&to, ServerName::unnamed(), config.unwrap(), LONG).unwrap()
}

/// Asks again until an answer comes.
fn ask(socket: &DtlsSocket, question: &[u8]) {
    let start = Instant::now();
    let mut buf = [0; 64];
    loop {
        assert!(start.elapsed() < LONG, "no answer to {question:?}");
        socket.send(question).unwrap();
        match socket.recv(&mut buf) {
            Ok(length) if &buf[..length] == question => return,
            Ok(_) | Err(Error::ReadTimeout) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

type Fault = fn() -> io::Error;

/// What a socket is known to say, by name, so that each can be made as often as needed.
const FAULTS: &[(&str, Fault)] = &[
    ("interface gone", || ErrorKind::NetworkDown.into()),
    ("no route", || ErrorKind::NetworkUnreachable.into()),
    ("no such host", || ErrorKind::HostUnreachable.into()),
    ("port closed", || ErrorKind::ConnectionRefused.into()),
    ("reset", || ErrorKind::ConnectionReset.into()),
    ("aborted", || ErrorKind::ConnectionAborted.into()),
    ("firewall", || ErrorKind::PermissionDenied.into()),
    ("no memory", || ErrorKind::OutOfMemory.into()),
    #[cfg(target_os = "linux")]
    ("ENOBUFS", || io::Error::from_raw_os_error(105)),
    ("interrupted", || ErrorKind::Interrupted.into()),
    ("send buffer full", || ErrorKind::WouldBlock.into()),
    #[cfg(target_os = "linux")]
    ("EMSGSIZE", || io::Error::from_raw_os_error(90)),
    ("something new", || io::Error::other("something new")),
];

/// Each fault, on both ways, while one client talks and another comes.
#[test]
fn i02_i04_no_fault_of_the_socket_ends_the_listener() {
    let server = serve();
    let old = connect(server.address);
    for (name, fault) in FAULTS {
        for queue in [&server.faults.receiving, &server.faults.sending] {
            queue.lock().extend((0..3).map(|_| fault()));
            ask(&old, name.as_bytes());
            queue.lock().extend((0..3).map(|_| fault()));
            let new = connect(server.address);
            ask(&new, name.as_bytes());
            assert!(queue.lock().is_empty(), "{name}: never asked for");
        }
    }
    assert!(server.closer.stats().socket_errors > 30);
    server.closer.close();
    server.serving.join().unwrap().unwrap();
}

/// An error that lasts does not make the listener spin, even one that is a hint when it comes alone; and
/// when it is over, all is as before.
#[test]
fn i04_an_error_that_lasts_costs_no_processor() {
    let server = serve();
    let down = || io::Error::from(ErrorKind::NetworkDown);
    let begin = server.faults.asked.lock().len();
    server
        .faults
        .receiving
        .lock()
        .extend((0..80).map(|_| down()));
    ask(&connect(server.address), b"up again");
    let asked = server.faults.asked.lock();
    // Behind the last of a long row, it holds still.
    let gaps = asked[begin..].windows(2).map(|pair| pair[1] - pair[0]);
    let long = gaps.filter(|gap| *gap >= Duration::from_millis(10)).count();
    assert!(long >= 80 - 64, "{long}");
    drop(asked);
    server.closer.close();
    server.serving.join().unwrap().unwrap();
}

/// What fills the buffer was cut, so it is not what was sent, however good its front looks: here a hello.
#[test]
fn a18_p66_a_listener_drops_what_was_cut() {
    let server = serve();
    let mut hello = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 54];
    hello.extend([1, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, 42]);
    hello.extend([&[0xfe, 0xfd][..], &[7; 32], &[0, 0, 0, 2, 0xc0, 0x2b, 1, 0]].concat());
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    client.set_read_timeout(Some(LONG)).unwrap();
    client.send_to(&hello, server.address).unwrap();
    assert!(client.recv(&mut [0; 100]).unwrap() > 0, "it is a hello");
    let before = server.closer.stats();
    server.faults.cut.lock().extend([hello.clone(), hello]);
    ask(&connect(server.address), b"still here");
    let stats = server.closer.stats();
    assert_eq!((before.dropped_truncated, stats.dropped_truncated), (0, 2));
    let answered = stats.challenges_sent - before.challenges_sent;
    let heard = stats.datagrams_received - before.datagrams_received;
    assert!(answered >= 1 && heard > 2);
    assert_eq!(stats.dropped_hellos, 0);
    server.closer.close();
    server.serving.join().unwrap().unwrap();
}
