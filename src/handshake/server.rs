//! The server's side of the hellos. The gate has answered flight 1 with flight 2 and forgotten it;
//! here begins flight 3 (RFC 6347 §4.2.4, figure 1).

use super::io::Io;
use super::server12;
use crate::config::ServerConfig;
use crate::cookie::VerifiedHello;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::wire::ProtocolVersion;
use std::sync::Arc;

pub(super) async fn run(
    mut io: Io,
    config: Arc<ServerConfig>,
    verified: VerifiedHello,
) -> Result<Session> {
    // Flight 3: a hello whose sender is where it says.
    io.adopt(verified.message_seq(), verified.body());
    let hello = verified.into_hello();

    // Versions count downwards: a client that offers an older one than ours has a larger number.
    if hello.version > ProtocolVersion::DTLS1_2 {
        return Err(Error::UnsupportedVersion(hello.version));
    }
    io.agreed(ProtocolVersion::DTLS1_2);
    server12::run(io, config, hello).await
}
