//! A client's way to its server, for an event loop: receiving never waits.

use flightline::Transport;
use mio::net::UdpSocket;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// More than any datagram that a server sends here.
pub(super) const BUFFER: usize = 2048;

pub(super) struct Line(Arc<UdpSocket>);

impl Line {
    pub(super) fn new(socket: UdpSocket) -> Line {
        Line(Arc::new(socket))
    }
}

/// A socket of a client, on an address that it need not share.
pub(super) fn bind(from: Ipv4Addr, to: SocketAddr) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind((from, 0))?;
    socket.connect(to)?;
    socket.set_nonblocking(true)?;
    Ok(UdpSocket::from_std(socket))
}

impl Transport for Line {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        match self.0.send(datagram) {
            Ok(_) => Ok(()),
            // Lost, as on any path.
            Err(error) if is_loss(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn recv(&self, buf: &mut Vec<u8>, _wait: Duration) -> io::Result<usize> {
        if buf.len() < BUFFER {
            buf.resize(BUFFER, 0);
        }
        match self.0.recv(buf) {
            Err(error) if is_loss(&error) => Err(io::ErrorKind::WouldBlock.into()),
            other => other,
        }
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

fn is_loss(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, WouldBlock};
    matches!(error.kind(), ConnectionRefused | WouldBlock)
}
