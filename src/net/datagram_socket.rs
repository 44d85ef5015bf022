//! What a listener asks of its socket.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// A bound UDP socket, or a test's that fails as a real one may.
pub(super) trait DatagramSocket: Send + Sync {
    fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)>;
    fn send_to(&self, datagram: &[u8], to: SocketAddr) -> io::Result<()>;
    fn local_addr(&self) -> io::Result<SocketAddr>;
    /// Waits for a datagram so long, from now on.
    fn set_wait(&self, wait: Duration) -> io::Result<()>;
}

impl DatagramSocket for UdpSocket {
    fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        UdpSocket::recv_from(self, buf)
    }

    fn send_to(&self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        UdpSocket::send_to(self, datagram, to).map(drop)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        UdpSocket::local_addr(self)
    }

    fn set_wait(&self, wait: Duration) -> io::Result<()> {
        self.set_nonblocking(false)?;
        self.set_read_timeout(Some(wait))
    }
}
