//! What a client says, learned from one: hellos, hellos with a good cookie, records of a connection.

use super::{Outcome, pki};
use flightline::{ClientConfig, DtlsSocket, Error, Handshake, Transport, UdpTransport};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

/// How long to wait for a server's answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The first flight of a client.
pub(crate) fn hello(config: &Arc<ClientConfig>) -> Outcome<Vec<u8>> {
    let nowhere = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    nowhere.connect(nowhere.local_addr()?)?;
    let tap = Tap::new(nowhere, 0)?;
    let mut client = Handshake::client(tap.clone(), pki::server_name()?, config.clone())?;
    match client.handshake() {
        Err(Error::WantRead) => Ok(tap.last()),
        other => Err(format!("a hello waits for its answer: {other:?}").into()),
    }
}

/// The second flight of a client: a hello with a cookie that is good for the address of this socket.
pub(crate) fn cookied_hello(
    socket: UdpSocket,
    config: &Arc<ClientConfig>,
) -> Outcome<(UdpSocket, Vec<u8>)> {
    let kept = socket.try_clone()?;
    // The first flight leaves, the second does not.
    let tap = Tap::new(socket, 1)?;
    let mut client = Handshake::client(tap.clone(), pki::server_name()?, config.clone())?;
    while tap.seen().sent < 2 {
        match client.handshake() {
            Err(Error::WantRead) => sleep(Duration::from_micros(100)),
            other => return Err(format!("no cookie came: {other:?}").into()),
        }
    }
    Ok((kept, tap.last()))
}

/// A connection, and a record of it that was never sent.
pub(crate) fn record(
    socket: UdpSocket,
    config: &Arc<ClientConfig>,
) -> Outcome<(DtlsSocket, UdpSocket, Vec<u8>)> {
    let kept = socket.try_clone()?;
    let tap = Tap::new(socket, usize::MAX)?;
    let client = Handshake::client(tap.clone(), pki::server_name()?, config.clone())?;
    let client = client.complete()?;
    client.set_read_timeout(Some(PATIENCE))?;
    client.send(b"is anybody there?")?;
    client.recv(&mut [0; 64])?;
    tap.seen().leave = 0;
    client.send(&[0; 64])?;
    Ok((client, kept, tap.last()))
}

/// A socket connected to `to`, bound to an address of its own.
pub(crate) fn socket(from: Ipv4Addr, to: SocketAddr) -> Outcome<UdpSocket> {
    let socket = UdpSocket::bind((from, 0))?;
    socket.connect(to)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// Sees what is sent, and lets so many datagrams leave.
#[derive(Clone)]
struct Tap {
    way: Arc<UdpTransport>,
    seen: Arc<Mutex<Seen>>,
}

struct Seen {
    leave: usize,
    sent: usize,
    last: Vec<u8>,
}

impl Tap {
    fn new(socket: UdpSocket, leave: usize) -> Outcome<Tap> {
        let seen = Seen {
            leave,
            sent: 0,
            last: Vec::new(),
        };
        Ok(Tap {
            way: Arc::new(UdpTransport::new(socket)?),
            seen: Arc::new(Mutex::new(seen)),
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last(&self) -> Vec<u8> {
        self.seen().last.clone()
    }
}

impl Transport for Tap {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        let mut seen = self.seen();
        seen.last = datagram.to_vec();
        seen.sent += 1;
        if seen.leave > 0 {
            seen.leave -= 1;
            self.way.send(datagram)?;
        }
        Ok(())
    }

    fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        let seen = self.seen();
        let over = seen.leave == 0 && seen.sent > 1;
        drop(seen);
        if over {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.way.recv(buf, wait)
    }
}
