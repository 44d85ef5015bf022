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

/// The newest version that both sides speak (RFC 8446 §4.2.1). A client that names none in an extension
/// speaks what its hello says, and what is older.
fn choose_version(config: &ServerConfig, hello: &ClientHello) -> Result<ProtocolVersion> {
    let speaks13 = config.settings.suites13().next().is_some();
    let speaks12 = config.settings.suites().next().is_some();
    // Versions count downwards: a client that offers an older one than ours has a larger number.
    let offers = |version: ProtocolVersion| match &hello.extensions.supported_versions {
        Some(versions) => versions.contains(&version),
        None => version != ProtocolVersion::DTLS1_3 && hello.version <= version,
    };
    if speaks13 && offers(ProtocolVersion::DTLS1_3) {
        Ok(ProtocolVersion::DTLS1_3)
    } else if speaks12 && offers(ProtocolVersion::DTLS1_2) {
        Ok(ProtocolVersion::DTLS1_2)
    } else {
        Err(Error::UnsupportedVersion(hello.version))
    }
}
