//! What a handshake agreed on.

use crate::certificate::PeerIdentity;
use crate::crypto::{HashAlgorithm, Secret, prf};
use crate::error::{Error, Result};
use crate::resumption::SessionState;
use crate::srtp::SrtpKeys;
use crate::wire::{CipherSuite, ProtocolVersion, Random, SrtpProfile};

/// The outcome of a handshake.
pub(crate) struct Session {
    pub(crate) version: ProtocolVersion,
    pub(crate) cipher_suite: CipherSuite,
    pub(crate) alpn: Option<Vec<u8>>,
    pub(crate) srtp_profile: Option<SrtpProfile>,
    pub(crate) peer_identity: PeerIdentity,
    pub(crate) server_name: Option<String>,
    /// It goes on with an earlier session.
    pub(crate) resumed: bool,
    pub(crate) exporter: Option<Exporter>,
}

/// Makes keys for other uses out of the session's secret (RFC 5705). Only under the extended master
/// secret, since else two sessions could have the same (RFC 7627 §6.4).
pub(crate) struct Exporter {
    pub(crate) hash: HashAlgorithm,
    pub(crate) master: Secret,
    pub(crate) client_random: Random,
    pub(crate) server_random: Random,
}

/// Labels that the protocol itself derives keys by, and that exporters must therefore not use.
const RESERVED_LABELS: [&[u8]; 5] = [
    b"client finished",
    b"server finished",
    b"master secret",
    b"extended master secret",
    b"key expansion",
];

impl Session {
    /// What to keep of a session whose full handshake was at `created`.
    pub(crate) fn state(&self, master: &Secret, created: u64) -> SessionState {
        SessionState {
            version: self.version,
            cipher_suite: self.cipher_suite,
            master: master.clone(),
            created,
            server_name: self.server_name.clone(),
            alpn: self.alpn.clone(),
            peer: self.peer_identity.clone(),
            psk_check: Vec::new(),
        }
    }

    pub(crate) fn export_keying_material(
        &self,
        out: &mut [u8],
        label: &[u8],
        context: Option<&[u8]>,
    ) -> Result<()> {
        let exporter = self.exporter.as_ref().ok_or(Error::NoExporter)?;
        if RESERVED_LABELS.contains(&label) {
            return Err(Error::Config(
                "this exporter label is reserved by the protocol".into(),
            ));
        }
        let length = match context.map(|context| u16::try_from(context.len())) {
            None => None,
            Some(Ok(length)) => Some(length.to_be_bytes()),
            Some(Err(_)) => {
                return Err(Error::Config(
                    "an exporter context has at most 65,535 bytes".into(),
                ));
            }
        };
        // RFC 5705 §4: without a context there is no length either, which differs from an empty one.
        let mut seed: Vec<&[u8]> = vec![&exporter.client_random, &exporter.server_random];
        if let (Some(length), Some(context)) = (&length, context) {
            seed.extend([&length[..], context]);
        }
        prf::prf(exporter.hash, exporter.master.as_bytes(), label, &seed, out);
        Ok(())
    }

    /// RFC 5764 §4.2.
    pub(crate) fn srtp_keys(&self) -> Result<SrtpKeys> {
        let profile = self
            .srtp_profile
            .ok_or_else(|| Error::Config("no SRTP profile was agreed on".into()))?;
        SrtpKeys::derive(profile, |out, label| {
            self.export_keying_material(out, label, None)
        })
    }
}
