//! A socket as std's readers and writers see it.

use super::socket::DtlsSocket;
use crate::error::Error;
use std::io::{self, Read, Write};

/// One message a read, in a buffer that is long enough for it: [`io::copy`] and a
/// [`BufReader`](io::BufReader) with room for the longest message do, while `read_exact` and `read_to_end` ask for
/// pieces, and fail. A message that does not fit stays.
///
/// The peer's close is the end of the data, and only that: where this side's listener is closed, or the
/// connection has failed, what came may be cut short, and it is an error.
///
/// ```no_run
/// use std::io::{BufRead, BufReader};
///
/// # fn lines(socket: flightline::DtlsSocket) -> std::io::Result<()> {
/// for line in BufReader::with_capacity(16 * 1024, &socket).lines() {
///     println!("{}", line?);
/// }
/// # Ok(())
/// # }
/// ```
impl Read for &DtlsSocket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        match self.recv(buf) {
            Err(Error::Closed) if !self.link.is_listener_closed() => Ok(0),
            // `TimedOut` would say that there may be more.
            Err(error @ Error::HandshakeTimeout { .. }) => {
                Err(io::Error::new(io::ErrorKind::ConnectionAborted, error))
            }
            other => Ok(other?),
        }
    }
}

/// One message a write, and messages may be lost and overtake each other. `write!` writes in pieces, so format
/// first, or put a [`BufWriter`](io::BufWriter) of [`max_message`](DtlsSocket::max_message) bytes between, and
/// flush behind each message.
impl Write for &DtlsSocket {
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        if message.is_empty() {
            return Ok(0);
        }
        Ok(self.send(message)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As for `&DtlsSocket`.
impl Read for DtlsSocket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }
}

/// As for `&DtlsSocket`.
impl Write for DtlsSocket {
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        (&*self).write(message)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
