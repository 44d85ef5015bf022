//! The settings that clients and servers share.

use crate::codec::MOST_ITEMS;
use crate::crypto::{DEFAULT_GROUPS, SUITES, SUITES13, Suite, Suite13};
use crate::error::{Error, Result};
use crate::key_log::KeyLog;
use crate::record::Replay;
use crate::srtp;
use crate::timer::{Clock, Retransmission, SystemClock, Timer, TimestampTimer};
use crate::trace::Observer;
use crate::wire::{CipherSuite, MAX_PLAINTEXT, NamedGroup, ProtocolVersion, SrtpProfile};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// The smallest datagram to cut flights to, in bytes of UDP payload: below it a record's overhead
/// leaves no room for handshake fragments.
pub(crate) const SMALLEST_MTU: usize = 128;

/// Above the larger bound UDP itself ends.
const MTU_BOUNDS: std::ops::RangeInclusive<usize> = SMALLEST_MTU..=65_507;

/// A longer content than the larger bound no record has.
const PADDING_BOUNDS: std::ops::RangeInclusive<usize> = 1..=MAX_PLAINTEXT;

/// A message of less has no room for a certificate that names an issuer and a server.
const LEAST_CERTIFICATE_MESSAGE: usize = 1024;

/// What is wrong with a plan that is not sound.
const UNSOUND_RETRANSMISSION: &str = "retransmission needs 0 < initial <= maximum, a deadline that is not zero, and jitter of at most 100 percent";

/// Makes a timer for each connection.
pub(crate) type TimerFactory = Arc<dyn Fn() -> Box<dyn Timer> + Send + Sync>;

/// Whether the extended master secret (RFC 7627) is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExtendedMasterSecret {
    /// A peer without it is refused.
    #[default]
    Required,
    /// A peer without it is accepted; keys cannot be exported then, nor is SRTP agreed on (RFC 7627 §5.4).
    Optional,
}

/// What becomes of a connection whose peer asks to renegotiate, which is never done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Renegotiation {
    /// The wish is refused by a warning, once, and the connection goes on (RFC 5246 §7.2.2).
    #[default]
    Refused,
    /// The connection ends.
    Fatal,
}

/// Settings of both roles.
#[derive(Clone)]
pub struct Settings {
    pub(crate) versions: Vec<ProtocolVersion>,
    pub(crate) cipher_suites: Vec<CipherSuite>,
    pub(crate) groups: Vec<NamedGroup>,
    pub(crate) alpn: Vec<Vec<u8>>,
    pub(crate) srtp_profiles: Vec<SrtpProfile>,
    pub(crate) extended_master_secret: ExtendedMasterSecret,
    pub(crate) mtu: usize,
    pub(crate) padded_to: usize,
    pub(crate) retransmission: Retransmission,
    pub(crate) handshake_deadline: Option<Duration>,
    pub(crate) suspicion: Duration,
    pub(crate) read_timeout: Option<Duration>,
    pub(crate) replay: Replay,
    pub(crate) bad_mac_limit: Option<NonZeroU32>,
    pub(crate) renegotiation: Renegotiation,
    pub(crate) max_certificate_message: usize,
    pub(crate) timers: Option<TimerFactory>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) key_log: Option<Arc<dyn KeyLog>>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

/// The versions there are, the newest first.
const SUPPORTED_VERSIONS: [ProtocolVersion; 2] =
    [ProtocolVersion::DTLS1_3, ProtocolVersion::DTLS1_2];

impl Default for Settings {
    fn default() -> Self {
        Settings {
            versions: SUPPORTED_VERSIONS.to_vec(),
            cipher_suites: SUITES13
                .iter()
                .map(|suite| suite.id)
                .chain(SUITES.iter().map(|suite| suite.id))
                .collect(),
            groups: DEFAULT_GROUPS.to_vec(),
            alpn: Vec::new(),
            srtp_profiles: Vec::new(),
            extended_master_secret: ExtendedMasterSecret::default(),
            mtu: 1400,
            padded_to: 1,
            retransmission: Retransmission::default(),
            handshake_deadline: None,
            suspicion: Duration::from_secs(5),
            read_timeout: None,
            replay: Replay::Window,
            bad_mac_limit: None,
            renegotiation: Renegotiation::default(),
            max_certificate_message: 12 * 1024,
            timers: None,
            clock: Arc::new(SystemClock::new()),
            key_log: None,
            observer: None,
        }
    }
}

impl Settings {
    /// The suites of DTLS 1.2 in order of preference; none where the version is not spoken. Which of them a
    /// role can use, [`ClientConfig`](crate::ClientConfig) and [`ServerConfig`](crate::ServerConfig) say.
    pub(super) fn suites(&self) -> impl Iterator<Item = &'static Suite> + '_ {
        let spoken = self.versions.contains(&ProtocolVersion::DTLS1_2);
        let ids = self.cipher_suites.iter().filter(move |_| spoken);
        ids.filter_map(|id| Suite::find(*id))
    }

    /// The same of DTLS 1.3.
    pub(super) fn suites13(&self) -> impl Iterator<Item = &'static Suite13> + '_ {
        let spoken = self.versions.contains(&ProtocolVersion::DTLS1_3);
        let ids = self.cipher_suites.iter().filter(move |_| spoken);
        ids.filter_map(|id| Suite13::find(*id))
    }

    /// A timer for one more connection.
    pub(crate) fn timer(&self) -> Box<dyn Timer> {
        match &self.timers {
            Some(factory) => factory(),
            None => Box::new(TimestampTimer::new(self.clock.clone())),
        }
    }

    /// Changes the initial delay of the retransmission plan.
    pub(crate) fn set_initial_delay(&mut self, initial: Duration) -> Result<()> {
        let plan = Retransmission {
            initial,
            ..self.retransmission
        };
        if !plan.is_sound() {
            return Err(Error::Config(UNSOUND_RETRANSMISSION.into()));
        }
        self.retransmission = plan;
        Ok(())
    }

    /// Ends a handshake this long after it began, unless it ends earlier anyway.
    pub(crate) fn end_handshake_within(&mut self, patience: Duration) {
        let own = self.handshake_deadline;
        self.handshake_deadline = Some(own.map_or(patience, |own| own.min(patience)));
    }

    pub(super) fn check(&self) -> Result<()> {
        let unsupported = self
            .unsupported()
            .map(|what| format!("{what} is not supported"));
        let broken = || self.rules().into_iter().find(|(holds, _)| !holds);
        match unsupported.or_else(|| broken().map(|(_, rule)| rule.into())) {
            Some(wrong) => Err(Error::Config(wrong)),
            None => Ok(()),
        }
    }

    /// The first name in the lists that we do not know.
    fn unsupported(&self) -> Option<String> {
        let mut suites = self.cipher_suites.iter();
        let mut versions = self.versions.iter();
        let mut groups = self.groups.iter();
        let mut profiles = self.srtp_profiles.iter();
        let suite = suites.find(|id| Suite::find(**id).is_none() && Suite13::find(**id).is_none());
        let version = versions.find(|version| !SUPPORTED_VERSIONS.contains(version));
        let group = groups.find(|group| !DEFAULT_GROUPS.contains(group));
        let profile = profiles.find(|profile| !srtp::is_supported(**profile));
        suite
            .map(|suite| format!("the cipher suite {suite}"))
            .or_else(|| version.map(|version| format!("the version {version}")))
            .or_else(|| group.map(|group| format!("the group {group}")))
            .or_else(|| profile.map(|profile| format!("the SRTP profile {profile}")))
    }

    /// What must hold, and what is said where it does not.
    fn rules(&self) -> [(bool, &'static str); 15] {
        let is_name = |name: &Vec<u8>| (1..=255).contains(&name.len());
        let on_the_wire = |name: &Vec<u8>| name.len().saturating_add(1);
        let zero = Some(Duration::ZERO);
        let any_suite = self.suites().next().is_some() || self.suites13().next().is_some();
        [
            (!self.versions.is_empty(), "no versions"),
            (!self.cipher_suites.is_empty(), "no cipher suites"),
            (
                any_suite,
                "none of the cipher suites is of one of the versions",
            ),
            (!self.groups.is_empty(), "no groups"),
            (
                self.alpn.iter().all(is_name),
                "an ALPN protocol name has 1 to 255 bytes",
            ),
            (
                self.alpn.len() <= MOST_ITEMS,
                "there are more than 64 ALPN protocol names",
            ),
            (
                self.alpn.iter().map(on_the_wire).sum::<usize>() <= 8192,
                "the ALPN protocol names have more than 8 KiB together",
            ),
            (
                MTU_BOUNDS.contains(&self.mtu),
                "the MTU is the most bytes of UDP payload, 128 to 65,507",
            ),
            (
                PADDING_BOUNDS.contains(&self.padded_to),
                "records are padded to a multiple of 1 to 16,384 bytes",
            ),
            (
                self.max_certificate_message >= LEAST_CERTIFICATE_MESSAGE,
                "the largest Certificate message to accept has 1,024 bytes at least",
            ),
            (self.retransmission.is_sound(), UNSOUND_RETRANSMISSION),
            (
                self.handshake_deadline != zero,
                "a handshake deadline of zero leaves no time for any handshake",
            ),
            (
                self.read_timeout != zero,
                "a read timeout of zero is not a timeout: use none, or non-blocking mode",
            ),
            (
                cfg!(feature = "anti-replay") || self.replay != Replay::Window,
                "built without the feature `anti-replay`: enable it, or say replay(Replay::AcceptDuplicates)",
            ),
            (
                cfg!(feature = "bad-mac-limit") || self.bad_mac_limit.is_none(),
                "built without the feature `bad-mac-limit`: enable it, or set no limit",
            ),
        ]
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("cipher_suites", &self.cipher_suites)
            .field("groups", &self.groups)
            .field("mtu", &self.mtu)
            .field("retransmission", &self.retransmission)
            .finish_non_exhaustive()
    }
}

/// Builds a [`ClientConfig`](crate::ClientConfig) or a [`ServerConfig`](crate::ServerConfig).
#[derive(Debug, Clone)]
#[must_use]
pub struct ConfigBuilder<C> {
    pub(super) config: C,
}

impl<C: AsMut<Settings>> ConfigBuilder<C> {
    pub(super) fn new(config: C) -> Self {
        ConfigBuilder { config }
    }

    fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(self.config.as_mut());
        self
    }

    /// The versions to speak, in any order: the newest that both sides speak is used. DTLS 1.3 and
    /// 1.2 by default.
    pub fn versions(self, versions: impl IntoIterator<Item = ProtocolVersion>) -> Self {
        self.set(|s| s.versions = versions.into_iter().collect())
    }

    /// The cipher suites of all versions, the preferred first; a server's order decides. All by default. A
    /// version of which no suite is left is not spoken. In DTLS 1.3, suites with SHA-256 alone go with a
    /// pre-shared key (RFC 8446 §4.2.11).
    pub fn cipher_suites(self, suites: impl IntoIterator<Item = CipherSuite>) -> Self {
        self.set(|s| s.cipher_suites = suites.into_iter().collect())
    }

    /// The groups for the key agreement, the preferred first; a server's order decides. X25519, P-256
    /// and P-384 by default. A client's are also the curves that a server's ECDSA certificate may be on
    /// (RFC 8422 §5.3): with X25519 alone, it must have another certificate.
    pub fn groups(self, groups: impl IntoIterator<Item = NamedGroup>) -> Self {
        self.set(|s| s.groups = groups.into_iter().collect())
    }

    /// Application protocols, the preferred first; a server's order decides, and where both sides name
    /// some and none is in common, the handshake fails (RFC 7301 §3.2). None by default.
    ///
    /// At most 64 names of 1 to 255 bytes, and 8 KiB in all, a byte for the length of each included. A client's
    /// whole hello must fit into a datagram of its [`mtu`](Self::mtu), or into the 4,096 bytes that servers put
    /// together, whatever the name of the server and the cookie: 3,000 bytes of protocols always do, or 1,000 where a
    /// pre-shared key may be named, whose identity has up to 2,048.
    pub fn alpn<P: AsRef<[u8]>>(self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.set(|s| s.alpn = protocols.into_iter().map(|p| p.as_ref().to_vec()).collect())
    }

    /// Profiles for SRTP with keys of this handshake (RFC 5764), the preferred first; a server's order
    /// decides. Without a common one, or without the extended master secret (RFC 7627 §5.4), the handshake goes on
    /// without SRTP. None by default.
    pub fn srtp_profiles(self, profiles: impl IntoIterator<Item = SrtpProfile>) -> Self {
        self.set(|s| s.srtp_profiles = profiles.into_iter().collect())
    }

    /// Whether a peer without the extended master secret (RFC 7627) is refused. It is by default.
    pub fn extended_master_secret(self, demand: ExtendedMasterSecret) -> Self {
        self.set(|s| s.extended_master_secret = demand)
    }

    /// The largest datagram to send, in bytes of UDP payload: 128 to 65,507, 1,400 by default. Lowered
    /// by itself where the system refuses a datagram as too long, and for handshakes where their flights keep being
    /// lost. Which messages a path takes is the application's to find out: a longer one than it takes is cut by IP, and
    /// often lost. See [`max_message`](crate::DtlsSocket::max_message).
    pub fn mtu(self, bytes: usize) -> Self {
        self.set(|s| s.mtu = bytes)
    }

    /// What the records of DTLS 1.3 protect is padded with zeros to a multiple of this many bytes, so that
    /// lengths tell less of it (RFC 8446 §5.4): 1 to 16,384, where 1, the default, is no padding. Only as far
    /// as the datagram has room: padding makes none longer than the [`mtu`](Self::mtu). Handshake messages,
    /// acknowledgements and alerts are padded too. DTLS 1.2 has no padding.
    ///
    /// ```
    /// use flightline::{ClientConfig, Psk, ServerTrust};
    ///
    /// let psk = Psk::new("sensor-7", [7; 32])?;
    /// // Messages of 1 to 128 bytes look alike.
    /// let config = ClientConfig::builder(ServerTrust::psk(psk)).padded_to(128).build()?;
    /// # Ok::<(), flightline::Error>(())
    /// ```
    pub fn padded_to(self, multiple_of: usize) -> Self {
        self.set(|s| s.padded_to = multiple_of)
    }

    /// The retransmission delays: `min` at first, doubled until `max` has expired, then the handshake
    /// fails. 1 s and 60 s by default: 7 sends in 123 s.
    pub fn handshake_timeout(self, min: Duration, max: Duration) -> Self {
        self.retransmission(Retransmission::handshake_timeout(min, max))
    }

    /// The retransmission plan in full.
    pub fn retransmission(self, plan: Retransmission) -> Self {
        self.set(|s| s.retransmission = plan)
    }

    /// A handshake fails when it has taken this long, whatever the retransmission plan says. By default
    /// the plan decides: three times as long as it has patience with one flight, or its own deadline.
    pub fn handshake_deadline(self, deadline: Duration) -> Self {
        self.set(|s| s.handshake_deadline = Some(deadline))
    }

    /// How long a handshake goes on after something that nothing authenticated said it must fail, such
    /// as a plaintext alert. Anyone could have sent it, so if the handshake makes progress within this
    /// time, it is forgotten. 5 s by default; zero believes everything at once, which lets anyone who
    /// can guess the ports end a handshake, and answers every repetition of the peer's Finished.
    pub fn suspicion(self, patience: Duration) -> Self {
        self.set(|s| s.suspicion = patience)
    }

    /// How long `recv` waits. For ever by default.
    pub fn read_timeout(self, timeout: Duration) -> Self {
        self.set(|s| s.read_timeout = Some(timeout))
    }

    /// Whether replayed records are discarded (RFC 6347 §4.1.2.6). They are by default.
    pub fn replay(self, replay: Replay) -> Self {
        self.set(|s| s.replay = replay)
    }

    /// The connection ends at this many records that fail authentication. `None`, the default, is
    /// never: anyone can send such records (RFC 6347 §4.1.2.7).
    pub fn bad_mac_limit(self, limit: Option<NonZeroU32>) -> Self {
        self.set(|s| s.bad_mac_limit = limit)
    }

    /// What becomes of a connection whose peer asks to renegotiate. By default it goes on.
    pub fn renegotiation(self, renegotiation: Renegotiation) -> Self {
        self.set(|s| s.renegotiation = renegotiation)
    }

    /// The largest Certificate message to accept, in bytes, and as much for a CertificateRequest: 1,024 at least,
    /// 12 KiB by default. All messages of a handshake together may have 5 KiB more. More than 64 KiB is for
    /// verifiers of one's own: those of this crate take chains of 64 KiB and of 10 certificates at most.
    pub fn max_certificate_message(self, bytes: usize) -> Self {
        self.set(|s| s.max_certificate_message = bytes)
    }

    /// Makes the timer of each handshake. [`TimestampTimer`] by default.
    pub fn timers(self, factory: impl Fn() -> Box<dyn Timer> + Send + Sync + 'static) -> Self {
        self.set(|s| s.timers = Some(Arc::new(factory)))
    }

    /// The clock. [`SystemClock`] by default.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        self.set(|s| s.clock = clock)
    }

    /// Receives secrets for the decryption of captures. None by default.
    pub fn key_log(self, key_log: Arc<dyn KeyLog>) -> Self {
        self.set(|s| s.key_log = Some(key_log))
    }

    /// Is told what happens on every connection. None by default.
    pub fn observer(self, observer: Arc<dyn Observer>) -> Self {
        self.set(|s| s.observer = Some(observer))
    }
}
