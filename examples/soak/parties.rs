//! Who the server is, and who its clients are.

use crate::Outcome;
use flightline::{
    ClientConfig, ConfigBuilder, Fingerprint, Identity, ProtocolVersion, Psk, ServerConfig,
    ServerIdentity, ServerName, ServerTrust, Settings,
};
use std::sync::Arc;
use std::time::Duration;

/// When both sides give up a handshake. Longer than the delays of both together.
pub(crate) const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(8);

/// Names under which clients keep their sessions.
const NAMES: u16 = 32;

/// A server with a certificate made now and a pre-shared key, and the certificate's fingerprint.
pub(crate) fn server() -> Outcome<(ServerConfig, Fingerprint)> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let key = made.signing_key.serialize_pem();
    let identity = Identity::from_pem(made.cert.pem().as_bytes(), key.as_bytes())?;
    let fingerprint = identity.fingerprint();
    let identity = ServerIdentity::certificate(identity).with_psk(psk()?);
    let builder = hasty(ServerConfig::builder(identity));
    Ok((builder.build()?, fingerprint))
}

/// One configuration for each way to shake hands. Each keeps sessions of its own.
pub(crate) fn clients(pin: Fingerprint) -> Outcome<Vec<Arc<ClientConfig>>> {
    let (old, new) = (ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_3);
    let mut all = Vec::new();
    for versions in [&[old][..], &[new], &[old, new]] {
        for trust in [ServerTrust::pinned([pin]), ServerTrust::psk(psk()?)] {
            let builder = ClientConfig::builder(trust).versions(versions.iter().copied());
            all.push(Arc::new(hasty(builder).build()?));
        }
    }
    Ok(all)
}

/// What this client calls the server, and keeps its sessions under.
pub(crate) fn name(client: u16) -> Outcome<ServerName> {
    Ok(ServerName::new(&format!(
        "soak-{}.example",
        client % NAMES
    ))?)
}

fn psk() -> Outcome<Psk> {
    Ok(Psk::new("soak", [0x50; 32])?)
}

/// Delays that suit a network without latency, so that bad weather costs no minutes.
fn hasty<C: AsMut<Settings>>(builder: ConfigBuilder<C>) -> ConfigBuilder<C> {
    builder
        .handshake_timeout(Duration::from_millis(100), Duration::from_millis(1600))
        .handshake_deadline(HANDSHAKE_DEADLINE)
}
