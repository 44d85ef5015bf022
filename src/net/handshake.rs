//! A handshake that is not done yet: one pass at a time, or until it ends.

mod steps;

use super::admission::Admission;
use super::fate::Fate;
use super::link::{Link, SOON, Turn};
use super::pending::Pending;
use super::socket::DtlsSocket;
use super::transport::Transport;
use crate::certificate::ServerName;
use crate::config::{ClientConfig, ServerConfig, Settings};
use crate::connection::Connection;
use crate::cookie::{CookieContext, Entrance, VerifiedHello};
use crate::error::{Error, Result};
use crate::timer::{Clock, Timer};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use steps::time_until;

/// A handshake in progress.
///
/// [`complete`](Handshake::complete) blocks until it is done. An event loop calls
/// [`handshake`](Handshake::handshake) instead, whenever a datagram or the timer is due. Dropping an
/// unfinished handshake gives it up.
///
/// ```no_run
/// use flightline::{ClientConfig, Error, Handshake, Psk, ServerName, ServerTrust, UdpTransport};
/// use std::net::UdpSocket;
/// use std::sync::Arc;
///
/// let psk = Psk::new("sensor-7", [0x5a; 32])?;
/// let config = ClientConfig::builder(ServerTrust::psk(psk)).build()?;
/// let socket = UdpSocket::bind("0.0.0.0:0")?;
/// socket.connect("192.0.2.1:4433")?;
/// // Of this, an event loop waits for the file descriptor (`as_fd`).
/// let transport = Arc::new(UdpTransport::new(socket)?);
/// let mut handshake = Handshake::client(transport.clone(), ServerName::unnamed(), config)?;
/// loop {
///     match handshake.handshake() {
///         Ok(()) => break,
///         Err(Error::WantRead) => {
///             // Wait until `transport` can be read, or for handshake.next_timeout().
///         }
///         Err(error) => return Err(error.into()),
///     }
/// }
/// let socket = handshake.into_socket()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Handshake {
    stage: Stage,
    transport: Arc<dyn Transport>,
    /// What a listener and this handshake tell each other. Without a listener nobody does.
    fate: Arc<Fate>,
    timer: Box<dyn Timer>,
    clock: Arc<dyn Clock>,
    read_timeout: Option<Duration>,
    who: Arc<str>,
    datagram: Vec<u8>,
    /// The last pass took as much as it may, and more may be there.
    unread: bool,
    /// Messages that came right behind the peer's Finished.
    pending: Pending,
    admission: Option<Admission>,
    /// What the timer runs for: when its delays are over, by the clock.
    armed: Option<(Duration, Duration)>,
}

/// How far it is.
enum Stage {
    /// A server waits for a hello that passes the gate.
    Listening {
        entrance: Box<Entrance>,
        client_id: Vec<u8>,
        config: Arc<ServerConfig>,
    },
    /// A server has such a hello, and has done no work on it.
    Verified {
        hello: Box<VerifiedHello>,
        config: Arc<ServerConfig>,
    },
    /// A client has not sent anything.
    Ready {
        server: ServerName,
        config: Arc<ClientConfig>,
    },
    /// Flights go back and forth, or are done.
    Running(Box<Connection>),
    /// It failed, and fails ever after.
    Failed(Error),
}

impl Handshake {
    /// A client's handshake. It begins, and its time runs, with the first call of
    /// [`handshake`](Handshake::handshake) or [`complete`](Handshake::complete).
    ///
    /// # Errors
    /// [`Error::Config`] if the configuration needs a name and `server` has none.
    pub fn client(
        transport: impl Transport + 'static,
        server: ServerName,
        config: impl Into<Arc<ClientConfig>>,
    ) -> Result<Handshake> {
        let config = config.into();
        config.check_name(&server)?;
        let who = name("client to", transport.peer_addr());
        let settings = config.settings.clone();
        let stage = Stage::Ready { server, config };
        Ok(Handshake::new(stage, Arc::new(transport), who, &settings))
    }

    /// A server's handshake with one client, without a listener.
    ///
    /// `client_transport_id` is what cookies are bound to: the client's address and port in any fixed
    /// form. `cookies` is made once and shared by all handshakes of a server. Without it every handshake
    /// fails with [`Error::NoCookieContext`], unless the configuration goes without verification by name.
    ///
    /// A first hello is answered with a cookie and forgotten: the handshake then fails with
    /// [`Error::HelloVerifyRequired`], and the caller starts afresh with a new one.
    ///
    /// ```no_run
    /// use flightline::{CookieContext, Error, Handshake, ServerConfig, UdpTransport};
    /// use std::net::UdpSocket;
    /// use std::sync::Arc;
    ///
    /// fn serve_one(
    ///     socket: &UdpSocket,
    ///     cookies: &Arc<CookieContext>,
    ///     config: &Arc<ServerConfig>,
    /// ) -> flightline::Result<flightline::DtlsSocket> {
    ///     loop {
    ///         let transport = UdpTransport::new(socket.try_clone()?)?;
    ///         let client_id = socket.peer_addr()?.to_string();
    ///         let handshake =
    ///             Handshake::server(transport, client_id, cookies.clone(), config.clone())?;
    ///         match handshake.complete() {
    ///             Err(Error::HelloVerifyRequired) => continue,
    ///             other => return other,
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// None at present.
    pub fn server(
        transport: impl Transport + 'static,
        client_transport_id: impl AsRef<[u8]>,
        cookies: impl Into<Option<Arc<CookieContext>>>,
        config: impl Into<Arc<ServerConfig>>,
    ) -> Result<Handshake> {
        let config = config.into();
        let who = name("server of", transport.peer_addr());
        let settings = config.settings.clone();
        let stage = Stage::Listening {
            entrance: Box::new(config.entrance(cookies.into(), 1)),
            client_id: client_transport_id.as_ref().to_vec(),
            config,
        };
        Ok(Handshake::new(stage, Arc::new(transport), who, &settings))
    }

    /// The handshake of a client that a listener has verified. The listener's thread spends no
    /// cryptography on it: the first pass does.
    pub(super) fn admitted(
        transport: impl Transport + 'static,
        hello: Box<VerifiedHello>,
        config: Arc<ServerConfig>,
        admission: Admission,
    ) -> Handshake {
        let who = name("server of", transport.peer_addr());
        let settings = config.settings.clone();
        let stage = Stage::Verified { hello, config };
        let mut handshake = Handshake::new(stage, Arc::new(transport), who, &settings);
        handshake.fate = admission.fate.clone();
        handshake.admission = Some(admission);
        handshake
    }

    fn new(
        stage: Stage,
        transport: Arc<dyn Transport>,
        who: Arc<str>,
        settings: &Settings,
    ) -> Handshake {
        Handshake {
            stage,
            transport,
            fate: Arc::default(),
            timer: settings.timer(),
            clock: settings.clock.clone(),
            read_timeout: settings.read_timeout,
            who,
            datagram: Vec::new(),
            unread: false,
            pending: Pending::default(),
            admission: None,
            armed: None,
        }
    }

    /// Makes one pass without waiting: receives and answers what is there, 64 datagrams at most, so that a
    /// flood does not keep the caller's thread, and then fires the timer if it is due.
    ///
    /// # Errors
    /// [`Error::WantRead`] while it is not done: call again when a datagram or the timer is due. After a
    /// pass that left datagrams behind, [`next_timeout`](Handshake::next_timeout) is 1 ms, for loops that
    /// are told of a readable socket only once. Every other error is final.
    ///
    /// When it is done, nothing behind the handshake's last datagram was read: such loops go on with
    /// [`service`](DtlsSocket::service) or `recv` at once.
    pub fn handshake(&mut self) -> Result<()> {
        self.unread = false;
        self.begin()?;
        self.catch_up()?;
        match self.is_done() {
            true => Ok(()),
            false => Err(Error::WantRead),
        }
    }

    /// Blocks until the handshake is done.
    ///
    /// # Errors
    /// Says why it failed: [`Error::HandshakeTimeout`] when the peer does not answer in time.
    pub fn complete(mut self) -> Result<DtlsSocket> {
        self.begin()?;
        while !self.is_done() {
            if self.is_due() {
                self.catch_up()?;
                continue;
            }
            // For the time that remains, computed anew each time: junk must not postpone anything.
            let wait = self.remaining();
            if let Some(length) = self.receive(wait)? {
                self.step(length)?;
            }
        }
        self.into_socket()
    }

    /// The connection, once [`handshake`](Handshake::handshake) has returned `Ok`.
    ///
    /// # Errors
    /// [`Error::WantRead`] if the handshake is not done, which gives it up, or why it failed.
    pub fn into_socket(mut self) -> Result<DtlsSocket> {
        if let Stage::Failed(error) = &self.stage {
            return Err(error.clone());
        }
        if !self.is_done() {
            return Err(Error::WantRead);
        }
        let over = Stage::Failed(Error::Closed);
        let Stage::Running(connection) = std::mem::replace(&mut self.stage, over) else {
            return Err(Error::Closed);
        };
        Ok(DtlsSocket::new(Link::new(
            self.transport.clone(),
            self.fate.clone(),
            self.clock.clone(),
            self.read_timeout,
            connection.into_established()?,
            Turn {
                datagram: std::mem::take(&mut self.datagram),
                pending: std::mem::take(&mut self.pending),
            },
        )))
    }

    /// How long until the timer is due, at least 1 ms so that waiting for it makes progress, and 1 ms before the first
    /// pass. `None` when nothing is due: the handshake is done, has failed, or a server waits for its first hello.
    pub fn next_timeout(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Ready { .. } | Stage::Verified { .. } => Some(SOON),
            _ if self.unread => Some(SOON),
            _ => self.until_due(),
        }
    }

    fn until_due(&self) -> Option<Duration> {
        let deadline = match &self.stage {
            Stage::Running(connection) if !connection.is_established() => {
                connection.next_deadline()?
            }
            _ => return None,
        };
        Some(time_until(deadline, self.clock.now()))
    }

    /// Exchanges the timer, for one that raises events for instance. The delays start anew.
    pub fn set_timer(&mut self, timer: Box<dyn Timer>) {
        self.cancel_timer();
        self.timer = timer;
        self.set_delays();
    }

    /// Changes the initial delay of the retransmission plan, for this handshake: its path turned out to
    /// be slower or faster than expected. The delay that runs becomes what it would be had it always been
    /// so, and may be over at once.
    ///
    /// # Errors
    /// [`Error::Config`] if `initial` is zero or beyond the plan's maximum, or why the handshake failed.
    pub fn set_initial_delay(&mut self, initial: Duration) -> Result<()> {
        match &mut self.stage {
            Stage::Listening { config, .. } | Stage::Verified { config, .. } => {
                Arc::make_mut(config).settings.set_initial_delay(initial)?;
            }
            Stage::Ready { config, .. } => {
                Arc::make_mut(config).settings.set_initial_delay(initial)?;
            }
            Stage::Running(connection) => connection.set_initial_delay(initial)?,
            Stage::Failed(error) => return Err(error.clone()),
        }
        if !self.is_done() {
            self.set_delays();
        }
        Ok(())
    }

    /// The peer's address.
    ///
    /// # Errors
    /// Those of [`Transport::peer_addr`].
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.transport.peer_addr()
    }

    /// Gives the handshake up. A peer that has been answered already is told so; one that has not
    /// hears nothing.
    pub fn refuse(self) {
        drop(self);
    }
}

fn name(role: &str, peer: io::Result<SocketAddr>) -> Arc<str> {
    match peer {
        Ok(peer) => format!("{role} {peer}").into(),
        Err(_) => format!("{role} a peer without address").into(),
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.cancel_timer();
        self.close();
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("who", &self.who)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "anti-replay"))]
mod tests;
