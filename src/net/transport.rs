//! What carries datagrams for one connection.

use crate::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Carries datagrams to and from one peer.
///
/// [`UdpTransport`](super::UdpTransport) is the usual one. Another may tunnel datagrams through
/// something else, or lose some on purpose. Only one thread at a time receives; any number send.
///
/// ```
/// use flightline::Transport;
/// use std::io;
/// use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
/// use std::sync::Mutex;
/// use std::time::Duration;
///
/// /// One end of a pair of channels in memory.
/// struct Pipe {
///     out: SyncSender<Vec<u8>>,
///     inbox: Mutex<Receiver<Vec<u8>>>,
/// }
///
/// impl Transport for Pipe {
///     fn send(&self, datagram: &[u8]) -> io::Result<()> {
///         let _ = self.out.try_send(datagram.to_vec()); // a full channel loses it, as UDP would
///         Ok(())
///     }
///
///     fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
///         let inbox = self.inbox.lock().unwrap();
///         *buf = inbox.recv_timeout(wait).map_err(|error| match error {
///             RecvTimeoutError::Timeout => io::ErrorKind::WouldBlock,
///             // Whoever says that nothing came must have waited.
///             RecvTimeoutError::Disconnected => io::ErrorKind::BrokenPipe,
///         })?;
///         Ok(buf.len())
///     }
/// }
/// ```
pub trait Transport: Send + Sync {
    /// Sends one datagram, whole or not at all. A datagram that is lost on the way is no error.
    ///
    /// # Errors
    /// Where the system says that the datagram is too long (EMSGSIZE, or an [`io::Error`] made of
    /// [`Error::MessageTooLong`]), datagrams become shorter and the flight is sent again. A call that was
    /// [interrupted](io::ErrorKind::Interrupted) is made again. Every other error ends a handshake and is returned from `send`.
    fn send(&self, datagram: &[u8]) -> io::Result<()>;

    /// Receives one datagram into the front of `buf`, which is grown as needed and may be exchanged
    /// for another, and returns its length in bytes. Waits for `wait` at most; zero does not wait.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] or [`io::ErrorKind::TimedOut`] when nothing came: the two mean
    /// the same, and so does [`io::ErrorKind::Interrupted`]. Every other error ends a handshake and is returned from `recv`.
    fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> io::Result<usize>;

    /// The longest datagram that can be sent at the moment, in bytes, where that is known. Flights are
    /// cut to it exactly then, and not to smaller sizes when they seem to be lost. `None` by default.
    fn max_datagram(&self) -> Option<usize> {
        None
    }

    /// Makes a `recv` that waits in another thread return early with nothing, or else the next one not
    /// wait, and returns true: a waiting thread is told at once what others have done, and an idle
    /// connection costs no time. Where the transport cannot do that, false, as by default: no wait is
    /// longer than a tenth of a second then.
    fn wake(&self) -> bool {
        false
    }

    /// What the network has said of earlier datagrams since the last call, such as "connection refused": the latest, as
    /// of [`UdpSocket::take_error`](std::net::UdpSocket::take_error). Anyone can forge it, so it ends nothing; a handshake
    /// that nobody answers names it as its likely reason. `None` by default.
    fn take_error(&self) -> Option<io::Error> {
        None
    }

    /// The address of this side.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`], the default, where there are no addresses.
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The address of the peer.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`], the default, where there are no addresses.
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// So that whoever waits for several connections at once can keep a transport at hand.
impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        (**self).send(datagram)
    }

    fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        (**self).recv(buf, wait)
    }

    fn max_datagram(&self) -> Option<usize> {
        (**self).max_datagram()
    }

    fn wake(&self) -> bool {
        (**self).wake()
    }

    fn take_error(&self) -> Option<io::Error> {
        (**self).take_error()
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        (**self).local_addr()
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        (**self).peer_addr()
    }
}

/// How sending a datagram went.
pub(super) enum Sent {
    /// It is on its way, or lost.
    Gone,
    /// It was too long to go.
    TooLong,
}

/// Sends, and tells the datagram that is too long from the transport that fails.
pub(super) fn send(transport: &dyn Transport, datagram: &[u8]) -> Result<Sent, Error> {
    if transport
        .max_datagram()
        .is_some_and(|most| datagram.len() > most)
    {
        return Ok(Sent::TooLong);
    }
    loop {
        match transport.send(datagram) {
            Ok(()) => return Ok(Sent::Gone),
            Err(error) if super::os_error::is_too_long(&error) => return Ok(Sent::TooLong),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Receives; `None` when nothing came within `wait`.
pub(super) fn recv(
    transport: &dyn Transport,
    buf: &mut Vec<u8>,
    wait: Duration,
) -> Result<Option<usize>, Error> {
    match transport.recv(buf, wait) {
        Ok(length) => Ok(Some(length)),
        // A call that was interrupted brought nothing: the caller waits for what remains of its time.
        Err(error)
            if super::os_error::is_nothing(&error)
                || error.kind() == io::ErrorKind::Interrupted =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::collections::VecDeque;

    /// Answers calls with these outcomes, one after another.
    struct Scripted(Mutex<VecDeque<io::Result<usize>>>);

    impl Scripted {
        fn next(&self) -> io::Result<usize> {
            self.0.lock().pop_front().unwrap()
        }
    }

    impl Transport for Scripted {
        fn send(&self, _: &[u8]) -> io::Result<()> {
            self.next().map(drop)
        }

        fn recv(&self, _: &mut Vec<u8>, _: Duration) -> io::Result<usize> {
            self.next()
        }
    }

    fn scripted<const N: usize>(outcomes: [io::Result<usize>; N]) -> Scripted {
        Scripted(Mutex::new(outcomes.into()))
    }

    /// Says of each call that it was made.
    struct Marked;

    impl Transport for Marked {
        fn send(&self, _: &[u8]) -> io::Result<()> {
            Err(io::ErrorKind::AddrInUse.into())
        }

        fn recv(&self, buf: &mut Vec<u8>, _: Duration) -> io::Result<usize> {
            buf.push(7);
            Ok(1)
        }

        fn max_datagram(&self) -> Option<usize> {
            Some(2)
        }

        fn wake(&self) -> bool {
            true
        }

        fn take_error(&self) -> Option<io::Error> {
            Some(io::ErrorKind::ConnectionRefused.into())
        }

        fn local_addr(&self) -> io::Result<SocketAddr> {
            Ok(([127, 0, 0, 1], 3).into())
        }

        fn peer_addr(&self) -> io::Result<SocketAddr> {
            Ok(([127, 0, 0, 1], 4).into())
        }
    }

    #[test]
    fn a_transport_that_is_shared_is_the_same_transport() {
        let shared: Arc<dyn Transport> = Arc::new(Marked);
        let one: &dyn Transport = &shared;
        let mut buf = Vec::new();
        let kind = |error: io::Error| error.kind();
        assert_eq!(one.send(b"").unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(one.recv(&mut buf, Duration::ZERO).unwrap(), buf.len());
        assert_eq!((one.max_datagram(), one.wake()), (Some(2), true));
        let refused = io::ErrorKind::ConnectionRefused;
        assert_eq!(one.take_error().map(kind), Some(refused));
        assert_eq!(one.local_addr().unwrap().port(), 3);
        assert_eq!(one.peer_addr().unwrap().port(), 4);
    }

    #[test]
    fn i01_p68_a_call_that_was_interrupted_is_no_failure() {
        use io::ErrorKind::{Interrupted, InvalidInput, TimedOut, WouldBlock};
        let transport = scripted([
            Err(Interrupted.into()),
            Err(WouldBlock.into()),
            Err(TimedOut.into()),
            Ok(7),
            Err(InvalidInput.into()),
        ]);
        let outcome = || recv(&transport, &mut Vec::new(), Duration::ZERO);
        for _ in 0..3 {
            assert!(matches!(outcome(), Ok(None)));
        }
        assert!(matches!(outcome(), Ok(Some(7))));
        assert!(matches!(outcome(), Err(Error::Io(_))));

        let transport = scripted([Err(Interrupted.into()), Err(Interrupted.into()), Ok(0)]);
        assert!(matches!(send(&transport, b"once"), Ok(Sent::Gone)));
        assert!(transport.0.lock().is_empty());
    }
}
