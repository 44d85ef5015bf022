//! A server's socket: one UDP socket for all clients.

use super::backlog::Backlog;
use super::closer::Closer;
use super::counters::ListenerStats;
use super::datagram_socket::DatagramSocket;
use super::dispatcher::Dispatcher;
use super::handshake::Handshake;
use super::hub::{Hub, State};
use super::link::SLICE;
use super::outcome::Outcome;
use super::serve_options::ServeOptions;
use super::socket::DtlsSocket;
use super::workers::Workers;
use crate::config::ServerConfig;
use crate::cookie::CookieContext;
use crate::error::{Error, Result};
use parking_lot::Mutex;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Places for hellos that come in fragments, 4 KiB each.
const FRAGMENTED_HELLOS: usize = 32;

/// A server's socket.
///
/// [`serve`](DtlsListener::serve) makes the calling thread read the socket and gives each client that
/// has proven its address a thread of its own. [`accept`](DtlsListener::accept) is the other way in, for
/// programs with a loop of their own. A listener goes one of the two.
///
/// On a machine with several addresses, bind to each of them: std cannot choose the source address of
/// an answer, so from a socket bound to all addresses it may leave from another than was asked.
///
/// ```no_run
/// use flightline::{DtlsListener, DtlsSocket, Psk, ServerConfig, ServerIdentity};
///
/// let identity = ServerIdentity::psk(Psk::new("sensor-7", [0x5a; 32])?);
/// let config = ServerConfig::builder(identity).build()?;
/// let listener = DtlsListener::bind("0.0.0.0:4433", config)?;
/// listener.serve(|socket: DtlsSocket| -> flightline::Result<()> {
///     let mut buf = [0; 1500];
///     loop {
///         let length = socket.recv(&mut buf)?;
///         socket.send(&buf[..length])?;
///     }
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct DtlsListener {
    hub: Arc<Hub>,
    socket: Arc<dyn DatagramSocket>,
    config: Arc<ServerConfig>,
    cookies: Option<Arc<CookieContext>>,
    /// Handshakes for `accept`, once the first call has started the thread that reads the socket.
    backlog: Mutex<Option<Arc<Backlog>>>,
}

impl DtlsListener {
    /// Binds a UDP socket, and makes the secrets that cookies are signed with, unless the configuration
    /// goes without them by name.
    ///
    /// # Errors
    /// [`Error::Io`] if the address cannot be bound, [`Error::RandomFailed`].
    pub fn bind(
        addr: impl ToSocketAddrs,
        config: impl Into<Arc<ServerConfig>>,
    ) -> Result<DtlsListener> {
        DtlsListener::from_socket(UdpSocket::bind(addr)?, config)
    }

    /// Binds a UDP socket, with cookies that other servers accept too.
    ///
    /// # Errors
    /// [`Error::Io`] if the address cannot be bound.
    pub fn bind_with_cookies(
        addr: impl ToSocketAddrs,
        cookies: Arc<CookieContext>,
        config: impl Into<Arc<ServerConfig>>,
    ) -> Result<DtlsListener> {
        let socket = UdpSocket::bind(addr)?;
        Ok(DtlsListener::from_socket_with_cookies(
            socket, cookies, config,
        ))
    }

    /// A listener on a bound UDP socket, whose read timeout and blocking mode it manages from now on.
    ///
    /// # Errors
    /// [`Error::RandomFailed`].
    pub fn from_socket(
        socket: UdpSocket,
        config: impl Into<Arc<ServerConfig>>,
    ) -> Result<DtlsListener> {
        let config = config.into();
        let cookies = if config.hello_verification {
            Some(Arc::new(CookieContext::new()?))
        } else {
            None
        };
        Ok(DtlsListener::new(socket, cookies, config))
    }

    /// The same, with cookies that other servers accept too.
    pub fn from_socket_with_cookies(
        socket: UdpSocket,
        cookies: Arc<CookieContext>,
        config: impl Into<Arc<ServerConfig>>,
    ) -> DtlsListener {
        DtlsListener::new(socket, Some(cookies), config.into())
    }

    pub(super) fn new(
        socket: impl DatagramSocket + 'static,
        cookies: Option<Arc<CookieContext>>,
        config: Arc<ServerConfig>,
    ) -> DtlsListener {
        DtlsListener {
            hub: Arc::new(Hub::new()),
            socket: Arc::new(socket),
            cookies,
            config,
            backlog: Mutex::new(None),
        }
    }

    /// Serves clients until a [`Closer`] closes or drains the listener. The calling thread reads the socket; each
    /// verified client gets a thread, which does its handshake and then calls `handler`. When `handler`
    /// returns, the connection is closed, unless it gave a clone of the socket to others. A panic in it
    /// ends its connection only. When `serve` returns the port is free, but for such clones.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] after [`accept`](DtlsListener::accept) was called, whose thread reads the
    /// socket: the listener is dropped. [`io::Error`] if the socket's read timeout cannot be set. What the network
    /// or a client does is no error, and a socket that cannot be read is read again, as long as it takes:
    /// [`ListenerStats::socket_errors`] counts that.
    pub fn serve<O: Outcome>(
        self,
        handler: impl Fn(DtlsSocket) -> O + Send + Sync + 'static,
    ) -> io::Result<()> {
        self.serve_with(ServeOptions::default(), handler)
    }

    /// [`serve`](DtlsListener::serve), with options.
    ///
    /// # Errors
    /// Those of `serve`.
    pub fn serve_with<O: Outcome>(
        self,
        options: ServeOptions,
        handler: impl Fn(DtlsSocket) -> O + Send + Sync + 'static,
    ) -> io::Result<()> {
        if self.backlog.lock().is_some() {
            let both = "the listener accepts, so that it cannot serve";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, both));
        }
        let workers = Workers::new(self.hub.clone(), options.clone(), handler);
        let door = |handshake, place| workers.start(handshake, place);
        let ran = self.dispatcher(&options, door).run();
        workers.wait();
        ran
    }

    /// Waits for a client that has proven its address and returns its handshake, not yet done: complete
    /// it in the thread that is to serve the client. The first call starts a thread that reads the
    /// socket, so that clients accepted before are served whether or not accept is called again.
    ///
    /// ```no_run
    /// # use flightline::{DtlsListener, DtlsSocket, Psk, ServerConfig, ServerIdentity};
    /// # let identity = ServerIdentity::psk(Psk::new("sensor-7", [0x5a; 32])?);
    /// # let config = ServerConfig::builder(identity).build()?;
    /// # fn talk(socket: DtlsSocket) {}
    /// let listener = DtlsListener::bind("192.0.2.1:4433", config)?;
    /// for accepted in listener.incoming() {
    ///     let (handshake, peer) = accepted?;
    ///     // Not here: it takes as long as the client does.
    ///     std::thread::spawn(move || match handshake.complete() {
    ///         Ok(socket) => talk(socket),
    ///         Err(error) => eprintln!("{peer}: {error}"),
    ///     });
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// 128 handshakes may wait to be accepted. Otherwise the defaults of [`ServeOptions`] hold, its idle limit of a day
    /// too; nobody lingers but who calls [`close`](DtlsSocket::close) with a time.
    ///
    /// # Errors
    /// [`Error::ListenerClosed`] after a [`Closer`] closed the listener, or drained it and nobody waits any more;
    /// [`Error::Io`] if the thread cannot be started.
    pub fn accept(&self) -> Result<(Handshake, SocketAddr)> {
        let backlog = self.backlog()?;
        let handshake = loop {
            match (backlog.take(SLICE), self.hub.state()) {
                (_, State::Closed) | (None, State::Draining { .. }) => {
                    return Err(Error::ListenerClosed);
                }
                (Some(handshake), _) => break handshake,
                (None, State::Open) => {}
            }
        };
        let peer = handshake.peer_addr()?;
        Ok((handshake, peer))
    }

    /// [`accept`](DtlsListener::accept), for ever: ends when the listener is closed.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming(self)
    }

    /// Something that closes this listener from elsewhere.
    pub fn closer(&self) -> Closer {
        Closer {
            hub: self.hub.clone(),
            clock: self.config.settings.clock.clone(),
        }
    }

    /// The address that the socket is bound to.
    ///
    /// # Errors
    /// Those of [`UdpSocket::local_addr`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// What the listener has seen, and how many clients it has.
    pub fn stats(&self) -> ListenerStats {
        self.hub.stats()
    }

    fn dispatcher<D>(&self, options: &ServeOptions, door: D) -> Dispatcher<D> {
        Dispatcher {
            hub: self.hub.clone(),
            socket: self.socket.clone(),
            config: self.config.clone(),
            entrance: self
                .config
                .entrance(self.cookies.clone(), FRAGMENTED_HELLOS),
            bounds: options.bounds(),
            inbox_capacity: options.inbox_capacity.max(1),
            idle_limit: options.idle_limit,
            door,
        }
    }

    fn backlog(&self) -> Result<Arc<Backlog>> {
        let mut backlog = self.backlog.lock();
        if let Some(backlog) = &*backlog {
            return Ok(backlog.clone());
        }
        let accepted = Arc::new(Backlog::new());
        let (hub, waiting) = (self.hub.clone(), accepted.clone());
        let door = move |handshake, _| {
            if waiting.put(handshake).is_err() {
                hub.counters.refused_backlog.count();
            }
        };
        let dispatcher = self.dispatcher(&ServeOptions::default(), door);
        thread::Builder::new()
            .name("dtls listener".into())
            .spawn(move || dispatcher.run())?;
        *backlog = Some(accepted.clone());
        Ok(accepted)
    }
}

/// Connections that were accepted live on; the socket is read until the last of them is gone. The port is
/// free within 100 ms then. Handshakes that wait to be accepted are given up.
impl Drop for DtlsListener {
    fn drop(&mut self) {
        self.hub.drain(Duration::MAX);
        if let Some(backlog) = self.backlog.get_mut() {
            backlog.shut();
        }
    }
}

impl fmt::Debug for DtlsListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DtlsListener")
            .field("local_addr", &self.local_addr().ok())
            .finish_non_exhaustive()
    }
}

/// The clients of a listener; see [`DtlsListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a>(&'a DtlsListener);

impl Iterator for Incoming<'_> {
    type Item = Result<(Handshake, SocketAddr)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.0.accept() {
            Err(Error::ListenerClosed) => None,
            other => Some(other),
        }
    }
}
