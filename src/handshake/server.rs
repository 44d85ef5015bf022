//! The server's side of the hellos. The gate has answered flight 1 with flight 2 and forgotten it;
//! here begins flight 3 (RFC 6347 §4.2.4, figure 1).

use super::io::Io;
use super::{server12, server13};
use crate::config::ServerConfig;
use crate::cookie::VerifiedHello;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::wire::{ClientHello, ProtocolVersion};
use std::sync::Arc;

pub(super) async fn run(
    mut io: Io,
    config: Arc<ServerConfig>,
    verified: VerifiedHello,
) -> Result<Session> {
    // Flight 3: a hello whose sender is where it says.
    let version = choose_version(&config, verified.hello())?;
    io.agreed(version);
    let retried = verified.retried();
    if let Some(retried) = retried {
        io.adopt_retry(retried.state.hello_hash(), &retried.request);
    }
    let retried = retried.map(|retried| retried.state);
    io.adopt(verified.message_seq(), verified.body());
    let hello = verified.into_hello();
    match version {
        ProtocolVersion::DTLS1_3 => server13::run(io, config, hello, retried).await,
        _ => server12::run(io, config, hello).await,
    }
}

/// The newest version that both sides speak (RFC 8446 §4.2.1).
fn choose_version(config: &ServerConfig, hello: &ClientHello) -> Result<ProtocolVersion> {
    let speaks13 = config.suites13().next().is_some();
    let speaks12 = config.suites().next().is_some();
    if speaks13 && hello.offers(ProtocolVersion::DTLS1_3) {
        Ok(ProtocolVersion::DTLS1_3)
    } else if speaks12 && hello.offers(ProtocolVersion::DTLS1_2) {
        Ok(ProtocolVersion::DTLS1_2)
    } else {
        Err(Error::UnsupportedVersion(hello.version))
    }
}
