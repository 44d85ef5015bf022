//! A connected, secured UDP socket.

use super::handshake::Handshake;
use super::link::{Link, Take};
use super::udp_transport::UdpTransport;
use crate::certificate::{PeerIdentity, ServerName};
use crate::config::ClientConfig;
use crate::error::{Error, Result};
use crate::srtp::SrtpKeys;
use crate::stats::Stats;
use crate::wire::{AlertDescription, CipherSuite, KeyUpdate, ProtocolVersion, SrtpProfile};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// A connected UDP socket whose datagrams are encrypted and authenticated.
///
/// Not a stream: each `send` is one message and one datagram, which may be lost or overtaken on the way
/// but not changed, read or repeated by others. Every call takes `&self`, so one thread can wait in
/// `recv` while others send. A clone is the same connection; when the last goes, the peer is told.
///
/// ```no_run
/// use flightline::{ClientConfig, DtlsSocket, RootCertificates, ServerTrust};
///
/// # #[cfg(feature = "x509")] {
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let roots = RootCertificates::from_pem_file("authority.pem")?;
/// let config = ClientConfig::builder(ServerTrust::roots(roots)).build()?;
/// let socket = DtlsSocket::connect("device.example:4433", "device.example", config)?;
/// socket.send(b"temperature?")?;
/// let mut buf = [0; 1500];
/// let length = socket.recv(&mut buf)?;
/// println!("{:?}", &buf[..length]);
/// # Ok(())
/// # }
/// # }
/// ```
#[derive(Clone)]
pub struct DtlsSocket {
    pub(super) link: Arc<Link>,
}

impl DtlsSocket {
    pub(super) fn new(link: Link) -> DtlsSocket {
        DtlsSocket {
            link: Arc::new(link),
        }
    }

    /// Connects to `addr` from a socket of its own and blocks until the handshake is done. `server` is
    /// the name that the server must prove. Where `addr` resolves to several addresses, they are tried
    /// in turn until one answers. One that this machine has no way to is passed over.
    ///
    /// Where nobody answers, this takes two minutes by default. It does so even where nobody listens: unlike TCP's,
    /// a refusal can be forged. [`connect_timeout`](DtlsSocket::connect_timeout) is for the impatient.
    ///
    /// # Errors
    /// Why the handshake failed with the last address that was tried; [`Error::Io`] if none could be,
    /// with the reason of the last one; [`Error::Config`] for a bad name, or where there is no address.
    pub fn connect<S>(
        addr: impl ToSocketAddrs,
        server: S,
        config: impl Into<Arc<ClientConfig>>,
    ) -> Result<DtlsSocket>
    where
        S: TryInto<ServerName>,
        S::Error: Into<Error>,
    {
        let server = server.try_into().map_err(Into::into)?;
        let config = config.into();
        let mut sockets = Vec::new();
        let mut no_way = Error::Config("no address to connect to".into());
        for address in addr.to_socket_addrs()? {
            match bound_for(address) {
                Ok(socket) => sockets.push(socket),
                Err(error) => no_way = error,
            }
        }
        let Some(last) = sockets.pop() else {
            return Err(no_way);
        };
        for socket in sockets {
            // While there are others to try, a refusal is believed.
            let transport = UdpTransport::new(socket)?.believing_refusals();
            match Handshake::client(transport, server.clone(), config.clone())?.complete() {
                Err(Error::Io(_)) => {}
                Err(error) if error.is_silence() => {}
                answered => return answered,
            }
        }
        Handshake::client(UdpTransport::new(last)?, server, config)?.complete()
    }

    /// [`connect`](DtlsSocket::connect) to one address, with an end after `timeout`.
    ///
    /// # Errors
    /// Those of `connect`; [`Error::HandshakeTimeout`] after `timeout`, and [`Error::Config`] if it is
    /// zero.
    pub fn connect_timeout<S>(
        addr: &SocketAddr,
        server: S,
        config: impl Into<Arc<ClientConfig>>,
        timeout: Duration,
    ) -> Result<DtlsSocket>
    where
        S: TryInto<ServerName>,
        S::Error: Into<Error>,
    {
        if timeout.is_zero() {
            return Err(Error::Config("a timeout of zero leaves no time".into()));
        }
        let server = server.try_into().map_err(Into::into)?;
        let mut config = config.into();
        Arc::make_mut(&mut config)
            .settings
            .end_handshake_within(timeout);
        let transport = UdpTransport::new(bound_for(*addr)?)?;
        Handshake::client(transport, server, config)?.complete()
    }

    /// Makes a connected UDP socket a secured one: the client's side of the handshake, blocking. The
    /// socket's read timeout and blocking mode are managed from here on.
    ///
    /// # Errors
    /// Those of [`connect`](DtlsSocket::connect), and [`Error::Io`] if `socket` is not connected.
    pub fn from_socket<S>(
        socket: UdpSocket,
        server: S,
        config: impl Into<Arc<ClientConfig>>,
    ) -> Result<DtlsSocket>
    where
        S: TryInto<ServerName>,
        S::Error: Into<Error>,
    {
        let server = server.try_into().map_err(Into::into)?;
        Handshake::client(UdpTransport::new(socket)?, server, config)?.complete()
    }

    /// Sends one message as one datagram and returns its length.
    ///
    /// # Errors
    /// [`Error::MessageTooLong`] beyond [`max_message`](DtlsSocket::max_message),
    /// [`Error::EmptyMessage`], [`Error::Closed`] after the writing side was shut down, the connection
    /// failed or its listener was closed, [`Error::ReplacedByNewHandshake`] and [`Error::Idle`] as from [`recv`](Self::recv),
    /// [`Error::Io`] where the socket fails. A datagram lost on the way is no error. In DTLS 1.3 a peer that has
    /// closed may read on, so that `send` goes on, too, and only `recv` and [`service`](Self::service) tell of it.
    pub fn send(&self, message: &[u8]) -> Result<usize> {
        self.link.send(message)
    }

    /// Receives one message into `buf` and returns its length.
    ///
    /// # Errors
    /// [`Error::ReadTimeout`] after the read timeout, [`Error::WantRead`] in non-blocking mode;
    /// [`Error::BufferTooSmall`], and the message stays; [`Error::Closed`] when either side has closed
    /// the connection; [`Error::ReplacedByNewHandshake`] when the client began anew; [`Error::Idle`] when nothing
    /// came from it for [as long as that](crate::ServeOptions::idle_limit); [`Error::HandshakeTimeout`] when a
    /// message behind the handshake of DTLS 1.3, a ticket or a KeyUpdate, is never acknowledged;
    /// [`Error::PeerAlert`] when the peer ended the connection by an alert; [`Error::TooManyBadRecords`] where a
    /// limit of those is configured; [`Error::Io`] where the socket fails.
    pub fn recv(&self, buf: &mut [u8]) -> Result<usize> {
        self.link.recv(buf, Take::Remove)
    }

    /// Receives one message as [`recv`](DtlsSocket::recv) does, and leaves it there.
    ///
    /// # Errors
    /// Those of `recv`.
    pub fn peek(&self, buf: &mut [u8]) -> Result<usize> {
        self.link.recv(buf, Take::Keep)
    }

    /// How long each later `recv` waits, counted from its call. `None` is for ever. All clones share it.
    ///
    /// # Errors
    /// [`Error::Config`] if it is zero; see [`set_nonblocking`](DtlsSocket::set_nonblocking).
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> Result<()> {
        if timeout == Some(Duration::ZERO) {
            let what = "a read timeout of zero is not a timeout: use none, or non-blocking mode";
            return Err(Error::Config(what.into()));
        }
        self.link.set_read_timeout(timeout);
        Ok(())
    }

    /// How long `recv` waits, `None` for ever.
    pub fn read_timeout(&self) -> Option<Duration> {
        self.link.read_timeout()
    }

    /// Whether `recv` and `peek` fail with [`Error::WantRead`] instead of waiting. All clones share it.
    ///
    /// They do so, too, after 64 datagrams without a message, since a flood of junk must not keep the
    /// thread of an event loop: [`next_timeout`](DtlsSocket::next_timeout) is 1 ms then, for loops that are
    /// told of a readable socket only once.
    ///
    /// # Errors
    /// None; the signature is std's.
    pub fn set_nonblocking(&self, nonblocking: bool) -> Result<()> {
        self.link.set_nonblocking(nonblocking);
        Ok(())
    }

    /// Ends reading, writing or both, for all clones. Ending writing tells the peer; ending reading wakes
    /// a `recv` that waits in another thread, within 100 ms. What was received before is still handed out.
    ///
    /// In DTLS 1.3 what the peer still says arrives behind the end of writing. In DTLS 1.2 the peer's answer is its own
    /// end of writing (RFC 5246 §7.2.1).
    ///
    /// # Errors
    /// None; the signature is std's.
    pub fn shutdown(&self, how: Shutdown) -> Result<()> {
        if matches!(how, Shutdown::Write | Shutdown::Both) {
            self.link.close_writing();
        }
        if matches!(how, Shutdown::Read | Shutdown::Both) {
            self.link.shut_reading();
        }
        Ok(())
    }

    /// Ends the connection with a fatal alert, for all clones: the protocol on top has found the peer at
    /// fault. Nothing more is sent, and nothing more is handed out, though it was received before.
    pub fn abort(&self, alert: AlertDescription) {
        self.link.abort(alert);
    }

    /// Tells the peer, then serves the last flight of the handshake for `timeout` at most, in case the
    /// peer misses it. Returns earlier when the peer is known to have it, or is gone itself. In DTLS 1.3 a server
    /// knows little of that (RFC 9147 §5.8.1): in the four minutes behind a handshake it waits until the
    /// client closes, too.
    pub fn close(self, timeout: Duration) {
        self.link.close_writing();
        let deadline = self.link.now().saturating_add(timeout);
        self.link.linger(deadline);
    }

    /// Another handle on the same connection, as `clone` makes; here since std's sockets have it.
    ///
    /// # Errors
    /// None.
    pub fn try_clone(&self) -> Result<DtlsSocket> {
        Ok(self.clone())
    }

    /// The address of this side.
    ///
    /// # Errors
    /// Those of [`Transport::local_addr`](super::Transport::local_addr).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.link.transport().local_addr()
    }

    /// The peer's address.
    ///
    /// # Errors
    /// Those of [`Transport::peer_addr`](super::Transport::peer_addr).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.link.transport().peer_addr()
    }

    /// What the network has said of earlier datagrams since the last call, such as "connection refused" where nobody
    /// listens any more. Anyone can forge it, so it ends nothing, and neither `send` nor `recv` fails with it.
    ///
    /// # Errors
    /// None; the signature is std's.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(self.link.transport().take_error())
    }

    /// The protocol version.
    pub fn version(&self) -> ProtocolVersion {
        self.link.session().version
    }

    /// The cipher suite.
    pub fn cipher_suite(&self) -> CipherSuite {
        self.link.session().cipher_suite
    }

    /// The application protocol that both sides agreed on (RFC 7301).
    pub fn alpn(&self) -> Option<&[u8]> {
        self.link.session().alpn.as_deref()
    }

    /// Who the peer is, as far as it proved it.
    pub fn peer_identity(&self) -> &PeerIdentity {
        &self.link.session().peer_identity
    }

    /// The server's name as the client asked for it (RFC 6066 §3).
    pub fn server_name(&self) -> Option<&str> {
        self.link.session().server_name.as_deref()
    }

    /// Whether the handshake went on with an earlier session, so that who the peer is was proven then.
    pub fn resumed(&self) -> bool {
        self.link.session().resumed
    }

    /// Fills `out` with key material for another protocol (RFC 5705): the same on both sides for the same
    /// label and context. RFC 8446 §7.1 wants a label of a byte at least; an empty one serves as in other libraries.
    ///
    /// # Errors
    /// [`Error::NoExporter`] without the extended master secret; [`Error::Config`] for a label that TLS itself
    /// uses, or, in DTLS 1.3, one that is longer than 249 bytes; [`Error::Crypto`] for more output than HKDF makes (RFC 5869 §2.3).
    pub fn export_keying_material(
        &self,
        out: &mut [u8],
        label: &[u8],
        context: Option<&[u8]>,
    ) -> Result<()> {
        self.link
            .session()
            .export_keying_material(out, label, context)
    }

    /// How SRTP packets between these two peers are protected, if both sides want them (RFC 5764).
    pub fn srtp_profile(&self) -> Option<SrtpProfile> {
        self.link.session().srtp_profile
    }

    /// The keys for those packets, which go beside this connection and not through it. On one port, a
    /// [`Transport`](super::Transport) of yours tells them from DTLS by their first byte (RFC 5764 §5.1.2).
    ///
    /// # Errors
    /// [`Error::Config`] where no profile was agreed on, [`Error::NoExporter`] without the extended
    /// master secret.
    pub fn srtp_keys(&self) -> Result<SrtpKeys> {
        self.link.session().srtp_keys()
    }

    /// Takes new keys for what this side sends from some moment on (RFC 9147 §8). They are in use once the
    /// peer has acknowledged that, which takes a round trip, and a call of [`recv`](Self::recv),
    /// [`send`](Self::send) or [`service`](Self::service) on each side that hears the other.
    ///
    /// # Errors
    /// [`Error::NoKeyUpdate`] in DTLS 1.2; [`Error::NumbersExhausted`] after 65,000 updates or so;
    /// [`Error::Closed`] and [`Error::Idle`] where nothing more is sent, as from [`send`](Self::send).
    pub fn update_keys(&self) -> Result<()> {
        self.link.update_keys(KeyUpdate::NotRequested)
    }

    /// The same, and asks the peer for new keys of its own.
    ///
    /// # Errors
    /// As those of [`update_keys`](Self::update_keys).
    pub fn update_all_keys(&self) -> Result<()> {
        self.link.update_keys(KeyUpdate::Requested)
    }

    /// The longest message that can be sent at the moment, in bytes. It may become less.
    pub fn max_message(&self) -> usize {
        self.link.max_message()
    }

    /// Counters since the handshake began.
    pub fn stats(&self) -> Stats {
        self.link.stats()
    }

    /// How long until [`service`](DtlsSocket::service) has something to do, if no datagram comes.
    /// A connection that is in use needs no such care; one that lies idle does.
    pub fn next_timeout(&self) -> Option<Duration> {
        self.link.next_timeout()
    }

    /// Without waiting: receives what is there, 64 datagrams at most, keeps messages for `recv`, answers a
    /// peer that misses the last flight of the handshake, and fires what is due. Where more may be there,
    /// [`next_timeout`](DtlsSocket::next_timeout) is 1 ms afterwards.
    ///
    /// # Errors
    /// What [`recv`](DtlsSocket::recv) says of a connection that is over; [`Error::Io`] where the socket fails.
    pub fn service(&self) -> Result<()> {
        self.link.service()
    }

    /// The one handle that is left.
    pub(super) fn is_last(&self) -> bool {
        Arc::strong_count(&self.link) == 1
    }
}

/// A socket on any port, connected to `address`.
fn bound_for(address: SocketAddr) -> Result<UdpSocket> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(address)?;
    Ok(socket)
}

impl fmt::Debug for DtlsSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DtlsSocket")
            .field("peer", &self.peer_addr().ok())
            .finish_non_exhaustive()
    }
}
