//! A client's end of what it has with a server: a connection, or nothing but a socket.

use flightline::{DtlsSocket, Error, Result, Transport};
use std::io;
use std::time::Duration;

pub(super) enum End {
    Dtls(DtlsSocket),
    Bare(Box<dyn Transport>),
}

impl End {
    pub(super) fn send(&self, message: &[u8]) -> Result<()> {
        match self {
            End::Dtls(socket) => socket.send(message).map(drop),
            End::Bare(way) => Ok(way.send(message)?),
        }
    }

    /// Where nothing comes a bare end gives up after `wait`, a connection as it was told to.
    pub(super) fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> Result<usize> {
        match self {
            End::Dtls(socket) => socket.recv(buf),
            End::Bare(way) => way.recv(buf, wait).map_err(|error| match error.kind() {
                io::ErrorKind::WouldBlock => Error::WantRead,
                _ => error.into(),
            }),
        }
    }
}
