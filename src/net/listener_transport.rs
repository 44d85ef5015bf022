//! A listener's connection: datagrams come through its inbox and go out through the shared socket.

use super::admission::Place;
use super::datagram_socket::DatagramSocket;
use super::inbox::{End, Inbox, Taken};
use super::os_error;
use super::pool::LARGEST;
use super::transport::Transport;
use crate::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct ListenerTransport {
    pub(super) socket: Arc<dyn DatagramSocket>,
    pub(super) inbox: Arc<Inbox>,
    /// Where the client's datagrams come from, in the socket's own form.
    pub(super) peer: SocketAddr,
    pub(super) place: Arc<Place>,
}

impl Transport for ListenerTransport {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        // What the peer could not open would only disturb the connection that it has now.
        if self.inbox.ended() == Some(End::Replaced) {
            return Err(Error::ReplacedByNewHandshake.into());
        }
        loop {
            match self.socket.send_to(datagram, self.peer) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if os_error::is_transient(&error) || os_error::is_nothing(&error) => {
                    self.place.hub.counters.socket_errors.count();
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        // Anyone can send a huge datagram, and it may be long until the next, which takes the buffer away.
        if buf.capacity() > LARGEST {
            *buf = Vec::new();
        }
        match self.inbox.take(wait) {
            Taken::Datagram(datagram) => {
                // Exchanged, not copied.
                let length = datagram.len();
                let old = std::mem::replace(buf, datagram);
                self.place.hub.pool.put(old);
                Ok(length)
            }
            Taken::Nothing => Err(io::ErrorKind::WouldBlock.into()),
            Taken::Ended(end) => Err(Error::from(end).into()),
        }
    }

    fn wake(&self) -> bool {
        self.inbox.call();
        true
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.place.address)
    }
}

impl Drop for ListenerTransport {
    fn drop(&mut self) {
        self.place.vacate();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::hub::Hub;
    use std::net::UdpSocket;

    const NOW: Duration = Duration::ZERO;

    fn transport() -> ListenerTransport {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        ListenerTransport {
            socket: Arc::new(socket),
            inbox: Arc::new(Inbox::new(4)),
            peer: address,
            place: Arc::new(Place {
                hub: Arc::new(Hub::new()),
                address,
                seat: 0,
            }),
        }
    }

    /// Nobody is woken in between: a wait has no end but a datagram, a call, or its time.
    #[test]
    fn i15_whoever_waits_is_called() {
        let transport = transport();
        assert!(transport.wake(), "so that waits may be long");
        let called = transport.recv(&mut Vec::new(), Duration::MAX).unwrap_err();
        assert_eq!(called.kind(), io::ErrorKind::WouldBlock);
    }

    /// The buffer is the connection's from one datagram to the next.
    #[test]
    fn i18_a_huge_datagram_does_not_stay_with_a_connection_that_waits() {
        let transport = transport();
        let mut buf = Vec::new();
        for (length, stays) in [(60_000, false), (LARGEST + 1, false), (LARGEST, true)] {
            transport.inbox.put(vec![7; length]).unwrap();
            assert_eq!(transport.recv(&mut buf, NOW).unwrap(), length);
            assert_eq!(buf, vec![7; length]);
            let nothing = transport.recv(&mut buf, NOW).unwrap_err();
            assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
            assert_eq!(buf.capacity(), if stays { length } else { 0 }, "{length}");
        }
    }
}
