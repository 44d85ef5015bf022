//! DTLS for plain threads and `std::net`: datagrams as with [`UdpSocket`](std::net::UdpSocket), and
//! with them integrity, secrecy and a peer that is who it says it is.
//!
//! A server binds one socket. The thread that serves it reads every datagram, proves each new client by
//! a cookie without keeping anything for it (RFC 6347 §4.2.1), and hands it to a worker thread. The
//! worker drives the handshake by a loop that one can read: wait for what is left of the timer, receive
//! or let the timer expire, step, send. A client connects, sends and receives.
//!
//! ```no_run
//! use flightline::{ClientConfig, DtlsListener, DtlsSocket, Psk, ServerConfig, ServerIdentity, ServerTrust};
//!
//! fn serve(psk: Psk) -> Result<(), Box<dyn std::error::Error>> {
//!     let config = ServerConfig::builder(ServerIdentity::psk(psk)).build()?;
//!     // Each client in a thread of its own: sends back what it says.
//!     DtlsListener::bind("192.0.2.1:4433", config)?.serve(|socket: DtlsSocket| -> flightline::Result<()> {
//!         let mut buf = [0; 1500];
//!         loop {
//!             let length = socket.recv(&mut buf)?;
//!             socket.send(&buf[..length])?;
//!         }
//!     })?;
//!     Ok(())
//! }
//!
//! fn ask(psk: Psk) -> flightline::Result<()> {
//!     let config = ClientConfig::builder(ServerTrust::psk(psk)).build()?;
//!     let socket = DtlsSocket::connect("192.0.2.1:4433", "device.example", config)?;
//!     socket.send(b"hello")?;
//!     let mut buf = [0; 1500];
//!     let length = socket.recv(&mut buf)?;
//!     println!("{}", buf[..length].escape_ascii());
//!     Ok(())
//! }
//! ```
//!
//! [`DtlsListener`] serves as above, or [accepts](DtlsListener::accept) for threads of one's own, until its [`Closer`]
//! ends it. [`DtlsSocket`] is a connection on either side. [`Handshake`] is one that is not done yet, for event loops
//! and for other [`Transport`]s than UDP.
//!
//! # What it takes
//!
//! The one choice without a safe default is an argument: whom a client trusts ([`ServerTrust`]), and who
//! a server is ([`ServerIdentity`]). Everything else is set on a [`ConfigBuilder`] and has a safe
//! default; what weakens protection is spelled out by name.
//!
//! # What it promises
//!
//! What UDP promises and no more: messages keep their boundaries, may be lost and may be reordered.
//! Duplicates are discarded. Nothing that anyone could have sent ends a connection: junk is dropped and
//! counted ([`Stats`]), and a plaintext alert is only a suspicion, which the handshake's progress disproves and
//! five seconds without any confirm.
//!
//! # Looking inside
//!
//! The `log` facade at debug level under the target `flightline` reads as a flight log. An [`Observer`]
//! gets the same as typed events, a [`KeyLog`] the secrets for a capture.
//!
//! # Features
//!
//! - `x509` (default): certificates. Without it there are pre-shared keys only.
//! - `anti-replay`, `bad-mac-limit`, `hello-verify` (default): protections that can be compiled out; a
//!   configuration that needs one fails to build then, unless it says in words that it goes without.
//! - `lab`: a client, a server and a faulty network between them, in virtual time.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

mod association;
mod certificate;
mod codec;
mod config;
mod connection;
mod cookie;
mod crypto;
mod error;
mod flight;
#[cfg(flightline_fuzzing)]
#[doc(hidden)]
#[path = "../tests/fuzz/inside/mod.rs"]
pub mod fuzzing;
mod handshake;
mod key_log;
#[cfg(feature = "lab")]
pub mod lab;
mod net;
mod record;
mod resumption;
mod session;
mod srtp;
mod stats;
mod timer;
mod trace;
mod wire;

#[cfg(feature = "x509")]
pub use certificate::{
    CertificateVerifier, CertifiedRole, Fingerprint, Identity, PeerCertificates, PinnedVerifier,
    RootCertificates, RootsVerifier,
};
pub use certificate::{PeerIdentity, ServerName};
pub use codec::DecodeError;
pub use config::{
    AlpnChoice, AlpnSelector, ClientConfig, ConfigBuilder, ExtendedMasterSecret, Psk, PskLookup,
    Renegotiation, ServerConfig, ServerIdentity, ServerTrust, Settings,
};
#[cfg(feature = "x509")]
pub use config::{CertificateResolver, ClientAuth};
pub use cookie::{CookieContext, CookieSigner, HmacCookies};
pub use error::{CertificateError, Error, Result};
pub use key_log::{KeyLog, KeyLogFile};
pub use net::{
    Closer, DtlsListener, DtlsSocket, Handshake, Incoming, ListenerStats, OnError, Outcome,
    ServeError, ServeOptions, Transport, UdpTransport,
};
pub use record::Replay;
pub use resumption::{
    ClientSession, ClientSessionCache, ClientSessions, OpenedTicket, RotatingTicketer,
    ServerSessionCache, ServerSessions, SharedTicketer, Ticketer,
};
pub use srtp::SrtpKeys;
pub use stats::{DropReason, Drops, Stats};
pub use timer::{Clock, Delay, GiveUp, Retransmission, SystemClock, Timer, TimestampTimer};
pub use trace::{Event, Message, Observer, ResendReason, What};
pub use wire::{
    AlertDescription, CipherSuite, ExtensionType, HandshakeType, NamedGroup, ProtocolVersion,
    SignatureScheme, SrtpProfile,
};

/// The README's programs are tests.
#[cfg(all(doctest, feature = "x509"))]
#[doc = include_str!("../README.md")]
struct Readme;
