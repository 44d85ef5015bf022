//! What a handshake agreed on.

mod ticket_keeper;

pub(crate) use ticket_keeper::{TicketKeeper, ticket_psk};

use crate::certificate::PeerIdentity;
use crate::crypto::{HashAlgorithm, Hkdf, Secret, prf};
use crate::error::{Error, Result};
use crate::resumption::SessionState;
use crate::srtp::SrtpKeys;
use crate::wire::{CipherSuite, NewSessionTicket13, ProtocolVersion, Random, SrtpProfile};

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
    /// Where a client's tickets go that come later.
    pub(crate) tickets: Option<Box<TicketKeeper>>,
}

/// Makes keys for other uses out of the session's secret.
pub(crate) enum Exporter {
    /// RFC 5705. Only under the extended master secret, since else two sessions could have the same
    /// (RFC 7627 §5.4).
    Dtls12 {
        hash: HashAlgorithm,
        master: Secret,
        client_random: Random,
        server_random: Random,
    },
    /// RFC 8446 §7.5.
    Dtls13 { hkdf: Hkdf, master: Secret },
}

/// Labels that the protocol itself derives keys by, and that exporters must therefore not use.
const RESERVED_LABELS: [&[u8]; 5] = [
    b"client finished",
    b"server finished",
    b"master secret",
    b"extended master secret",
    b"key expansion",
];

/// Beside the prefix that all labels of DTLS 1.3 share.
const LONGEST_LABEL: usize = 249;

impl Session {
    /// What to keep of a session whose full handshake was at `created`, by the client that bears this mark.
    pub(crate) fn state(
        &self,
        master: &Secret,
        created: u64,
        client_mark: Vec<u8>,
    ) -> SessionState {
        SessionState {
            version: self.version,
            cipher_suite: self.cipher_suite,
            master: master.clone(),
            created,
            server_name: self.server_name.clone(),
            alpn: self.alpn.clone(),
            peer: self.peer_identity.clone(),
            client_mark,
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
        exporter.export(out, label, context)
    }

    /// Keeps the session that the ticket is of, for a later connection.
    pub(crate) fn keep_ticket(&self, ticket: NewSessionTicket13) -> Result<()> {
        match &self.tickets {
            Some(tickets) => tickets.keep(ticket),
            None => Ok(()),
        }
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

impl Exporter {
    fn export(&self, out: &mut [u8], label: &[u8], context: Option<&[u8]>) -> Result<()> {
        match self {
            Exporter::Dtls12 {
                hash,
                master,
                client_random,
                server_random,
            } => {
                // RFC 5705 §4: without a context there is no length either, which differs from an empty one.
                let length = context.map(length_of).transpose()?;
                let length = length.as_ref().map_or(&[][..], |length| length);
                let context = context.unwrap_or_default();
                let seed = [&client_random[..], server_random, length, context];
                prf::prf(*hash, master.as_bytes(), label, &seed, out);
                Ok(())
            }
            Exporter::Dtls13 { hkdf, master } => export13(*hkdf, master, out, label, context),
        }
    }
}

fn length_of(context: &[u8]) -> Result<[u8; 2]> {
    match u16::try_from(context.len()) {
        Ok(length) => Ok(length.to_be_bytes()),
        Err(_) => Err(Error::Config(
            "an exporter context has at most 65,535 bytes".into(),
        )),
    }
}

/// RFC 8446 §7.5.
fn export13(
    hkdf: Hkdf,
    master: &Secret,
    out: &mut [u8],
    label: &[u8],
    context: Option<&[u8]>,
) -> Result<()> {
    // RFC 8446 §7.1: a label and its length share 255 bytes with the prefix. It wants a byte at least, but other
    // libraries export keys for an empty one, and so do we.
    if label.len() > LONGEST_LABEL {
        return Err(Error::Config(
            "an exporter label has at most 249 bytes".into(),
        ));
    }
    let empty = hkdf.hash.digest(&[]);
    let secret = hkdf.expand_secret(master, label, empty.as_ref())?;
    // No context is as an empty one.
    let context = hkdf.hash.digest(context.unwrap_or_default());
    let bytes = hkdf.expand_label(&secret, b"exporter", context.as_ref(), out.len())?;
    let filled = out.iter_mut().zip(bytes.as_bytes());
    filled.for_each(|(to, from)| *to = *from);
    Ok(())
}
