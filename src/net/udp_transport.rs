//! A connected UDP socket as a transport, with std's traps hidden here.

use super::os_error;
use super::transport::Transport;
use parking_lot::Mutex;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Holds any UDP datagram and one byte more: a full buffer means that the datagram was cut.
pub(super) const RECEIVE_BUFFER: usize = 65_536;

/// The datagram that was received into `buffer`, unless it was cut: systems fill the buffer then, and tell
/// nobody.
pub(super) fn uncut(buffer: &[u8], length: usize) -> Option<&[u8]> {
    buffer.get(..length).filter(|_| length < buffer.len())
}

/// How often a send is repeated that failed because of an earlier datagram: a connected socket reports
/// an ICMP message by failing the next call, whatever that call is. "Fragmentation needed" is one, and looks as if
/// this datagram were too long.
const SEND_TRIES: usize = 3;

/// How often a poll looks past a datagram that was cut or an error that was a hint.
const POLLS: usize = 16;

/// A *connected* UDP socket as a [`Transport`].
///
/// It hides what differs between systems and what is odd about sockets: a timeout of zero, two names for
/// the same timeout, interrupted calls, cut datagrams. What ICMP says (connection refused, host
/// unreachable) is a hint that anyone can forge, so a wait goes on, and [`take_error`](Transport::take_error) tells it; a full send buffer is a lost datagram.
///
/// ```no_run
/// use flightline::{Transport, UdpTransport};
/// use std::net::UdpSocket;
/// use std::time::Duration;
///
/// let socket = UdpSocket::bind("0.0.0.0:0")?;
/// socket.connect("192.0.2.1:4433")?;
/// let transport = UdpTransport::new(socket)?;
/// transport.send(b"hello")?;
/// let mut buf = Vec::new();
/// let length = transport.recv(&mut buf, Duration::from_secs(1))?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct UdpTransport {
    socket: UdpSocket,
    peer: SocketAddr,
    /// How the socket was last told to receive. Clones of a socket share this setting, so nobody but
    /// the one thread that receives may change it.
    mode: Mutex<Mode>,
    /// A refusal is an error still: that was asked for, and nothing was received yet.
    believes_refusals: AtomicBool,
    /// What the network said last.
    hint: Mutex<Option<io::Error>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Mode {
    Unknown,
    Polling,
    Waiting(Duration),
}

impl UdpTransport {
    /// A transport over `socket`, whose read timeout and blocking mode it manages from now on.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotConnected`] if the socket is not connected.
    pub fn new(socket: UdpSocket) -> io::Result<UdpTransport> {
        let peer = socket.peer_addr()?;
        Ok(UdpTransport {
            socket,
            peer,
            mode: Mutex::new(Mode::Unknown),
            believes_refusals: AtomicBool::new(false),
            hint: Mutex::new(None),
        })
    }

    /// Fails when the peer's machine says that nobody listens there, until a datagram comes. For
    /// choosing among addresses: anyone could say so.
    pub(super) fn believing_refusals(self) -> UdpTransport {
        self.believes_refusals.store(true, Ordering::Relaxed);
        self
    }

    fn believes(&self, error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::ConnectionRefused
            && self.believes_refusals.load(Ordering::Relaxed)
    }

    fn send_by(&self, mut send: impl FnMut() -> io::Result<usize>) -> io::Result<()> {
        let mut tries = 0..SEND_TRIES;
        loop {
            match send() {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.believes(&error) => return Err(error),
                // The other thread polls at this moment and the send buffer is full: lost, as UDP may.
                Err(error) if os_error::is_nothing(&error) => return Ok(()),
                Err(error) if os_error::is_transient(&error) => {
                    *self.hint.lock() = Some(error);
                    if tries.next().is_none() {
                        return Ok(());
                    }
                }
                Err(error) if os_error::is_too_long(&error) && tries.next().is_some() => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn set_mode(&self, mode: &mut Mode, wanted: Mode) -> io::Result<()> {
        if *mode == wanted {
            return Ok(());
        }
        let was_polling = !matches!(*mode, Mode::Waiting(_));
        *mode = Mode::Unknown;
        match &wanted {
            Mode::Polling => self.socket.set_nonblocking(true)?,
            Mode::Waiting(time) => {
                self.socket.set_read_timeout(Some(*time))?;
                if was_polling {
                    self.socket.set_nonblocking(false)?;
                }
            }
            Mode::Unknown => {}
        }
        *mode = wanted;
        Ok(())
    }
}

impl Transport for UdpTransport {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        self.send_by(|| self.socket.send(datagram))
    }

    fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        if buf.len() < RECEIVE_BUFFER {
            buf.resize(RECEIVE_BUFFER, 0);
        }
        let mut mode = self.mode.lock();
        let start = Instant::now();
        let mut remaining = wait;
        let mut looks = 0..POLLS;
        loop {
            let wanted = if wait.is_zero() {
                Mode::Polling
            } else {
                Mode::Waiting(whole_milliseconds(remaining))
            };
            self.set_mode(&mut mode, wanted)?;
            match self.socket.recv(buf) {
                Ok(length) if uncut(buf, length).is_some() => {
                    self.believes_refusals.store(false, Ordering::Relaxed);
                    return Ok(length);
                }
                Ok(_cut) => {}
                Err(error) if self.believes(&error) => return Err(error),
                Err(error) if os_error::is_nothing(&error) => return Err(error),
                Err(error) if os_error::is_transient(&error) => *self.hint.lock() = Some(error),
                Err(error)
                    if error.kind() == io::ErrorKind::Interrupted
                        || os_error::is_too_long(&error) => {}
                Err(error) => return Err(error),
            }
            // What came was nothing for us: look again, or wait for the rest of the time.
            remaining = wait.saturating_sub(start.elapsed());
            if remaining.is_zero() && (!wait.is_zero() || looks.next().is_none()) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
    }

    fn take_error(&self) -> Option<io::Error> {
        self.hint.lock().take()
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for UdpTransport {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Rounds up: a socket's timeout of zero is an error in std, and systems count in milliseconds.
fn whole_milliseconds(wait: Duration) -> Duration {
    let millis = wait.as_nanos().div_ceil(1_000_000).max(1);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use std::net::Ipv4Addr;

    fn pair() -> (UdpTransport, UdpSocket) {
        let one = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        one.connect(other.local_addr().unwrap()).unwrap();
        other.connect(one.local_addr().unwrap()).unwrap();
        (UdpTransport::new(one).unwrap(), other)
    }

    #[test]
    fn a_socket_that_is_not_connected_is_refused() {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let error = UdpTransport::new(socket).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotConnected);
    }

    #[test]
    fn i06_p67_zero_polls_and_tiny_waits_round_up() {
        assert_eq!(
            whole_milliseconds(Duration::from_nanos(1)),
            Duration::from_millis(1)
        );
        assert_eq!(
            whole_milliseconds(Duration::from_micros(1001)),
            Duration::from_millis(2)
        );
        let (transport, other) = pair();
        let mut buf = Vec::new();
        for wait in [Duration::ZERO, Duration::from_nanos(1)] {
            let error = transport.recv(&mut buf, wait).unwrap_err();
            assert!(os_error::is_nothing(&error), "{error:?}");
        }
        other.send(b"there").unwrap();
        assert_eq!(
            transport.recv(&mut buf, Duration::from_secs(1)).unwrap(),
            5,
            "waits again after polling"
        );
    }

    #[test]
    fn i05_an_empty_datagram_is_a_datagram() {
        let (transport, other) = pair();
        other.send(b"").unwrap();
        let mut buf = Vec::new();
        assert_eq!(transport.recv(&mut buf, Duration::from_secs(1)).unwrap(), 0);
    }

    /// The longest datagram of IPv4 is received whole, and a buffer that was too small is not used as it is.
    #[test]
    fn a18_p66_the_longest_datagram_is_not_cut() {
        let (transport, other) = pair();
        let longest = vec![0x17; 65_507];
        for mut buf in [Vec::new(), vec![0; 100]] {
            other.send(&longest).unwrap();
            let length = transport.recv(&mut buf, Duration::from_secs(1)).unwrap();
            assert_eq!(buf[..length], longest);
        }
    }

    /// What an earlier datagram has met is reported once for each; what this one meets, each time.
    #[test]
    fn h14_i03_a_send_that_fails_for_an_earlier_datagram_is_made_again() {
        let (transport, _other) = pair();
        let too_long = |_| {
            io::Error::from(Error::MessageTooLong {
                length: 1,
                maximum: 0,
            })
        };
        let refused = |_| io::Error::from(io::ErrorKind::ConnectionRefused);
        let made: [fn(usize) -> io::Error; 2] = [too_long, refused];
        for error in made {
            let mut calls = 0;
            let sent = transport.send_by(|| {
                calls += 1;
                if calls <= SEND_TRIES {
                    Err(error(calls))
                } else {
                    Ok(1)
                }
            });
            assert!(sent.is_ok(), "{sent:?}");
            assert_eq!(calls, SEND_TRIES + 1);
        }
        let sent = transport.send_by(|| Err(too_long(0)));
        assert!(os_error::is_too_long(&sent.unwrap_err()));
        assert!(transport.send_by(|| Err(refused(0))).is_ok(), "it is lost");
    }

    /// No datagram is so long that it fills the buffer by itself.
    #[test]
    fn a18_p66_a_buffer_that_is_full_holds_a_datagram_that_was_cut() {
        let buffer = vec![0x17; RECEIVE_BUFFER];
        for length in [0, 1, 65_507, 65_527, 65_535] {
            assert_eq!(uncut(&buffer, length), Some(&buffer[..length]));
        }
        for length in [RECEIVE_BUFFER, RECEIVE_BUFFER + 1] {
            assert_eq!(uncut(&buffer, length), None);
        }
    }

    #[test]
    fn h14_p65_a_refused_datagram_neither_fails_nor_shortens_the_wait() {
        let (transport, other) = pair();
        drop(other);
        transport.send(b"nobody there").unwrap();
        let start = Instant::now();
        let error = transport
            .recv(&mut Vec::new(), Duration::from_millis(30))
            .unwrap_err();
        assert!(os_error::is_nothing(&error), "{error:?}");
        assert!(start.elapsed() >= Duration::from_millis(25));
        let hint = transport.take_error().map(|error| error.kind());
        assert_eq!(hint, Some(io::ErrorKind::ConnectionRefused));
        assert!(transport.take_error().is_none());
        transport.send(b"still nobody").unwrap();
        transport.send(b"still nobody").unwrap();
    }

    #[test]
    fn a_refusal_is_believed_where_that_was_asked_for() {
        let (transport, other) = pair();
        drop(other);
        let transport = transport.believing_refusals();
        transport.send(b"nobody there").unwrap();
        let error = transport
            .recv(&mut Vec::new(), Duration::from_secs(1))
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn i03_p69_a_datagram_too_long_says_so() {
        let (transport, _other) = pair();
        let error = transport.send(&[0; 65_508]).unwrap_err();
        assert!(os_error::is_too_long(&error), "{error:?}");
    }
}
