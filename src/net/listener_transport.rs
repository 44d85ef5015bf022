//! A listener's connection: datagrams come through its inbox and go out through the shared socket.

use super::admission::Place;
use super::datagram_socket::DatagramSocket;
use super::inbox::{End, Inbox, Taken};
use super::os_error;
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
    pub(super) place: Place,
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
