//! The handshakes, each a straight line from its first flight to its last.
//!
//! # How to read these functions
//!
//! [`client`] and [`server`] settle what both versions share, the hellos; [`client12`], [`server12`],
//! [`client13`] and [`server13`] go on from there. Each is an `async fn`, but there is no runtime and no
//! thread behind it: `.await` marks the places where the script stands still until the peer's next message is
//! here, and the compiler writes the state machine that the RFC draws. Only [`Io::recv`] and its kin are ever
//! awaited. What is not known yet is not in scope yet.
//!
//! A script touches no socket, no timer, no alert and no lock. It sends by [`Io::send`], which also
//! feeds the transcript; all it sends between two receives is one flight, which is kept and sent
//! again by the association. An error ends the script; its alert follows from its cause.

#[cfg_attr(not(feature = "x509"), path = "auth_without_x509.rs")]
mod auth;
mod certificate13;
mod client;
mod client12;
mod client13;
mod finished;
mod io;
mod keys12;
mod keys13;
mod known_session;
mod new_session;
mod offered_session;
mod psk13;
mod resume12;
mod server;
mod server12;
mod server13;
mod signed;
mod terms;
#[cfg(test)]
mod tests;
mod transcript;

pub(crate) use io::{Action, Io, Mailbox};

use crate::certificate::ServerName;
use crate::config::{ClientConfig, ServerConfig};
use crate::cookie::VerifiedHello;
use crate::error::Result;
use crate::session::Session;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A handshake in progress: where it stands is where its future stands.
pub(crate) type Script = Pin<Box<dyn Future<Output = Result<Session>> + Send>>;

/// A client's handshake.
pub(crate) fn client_script(io: Io, config: Arc<ClientConfig>, server: ServerName) -> Script {
    Box::pin(client::run(io, config, server))
}

/// A server's handshake with a client whose hello has passed the gate.
pub(crate) fn server_script(io: Io, config: Arc<ServerConfig>, hello: VerifiedHello) -> Script {
    Box::pin(server::run(io, config, hello))
}
