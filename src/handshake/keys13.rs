//! The key schedule of DTLS 1.3 (RFC 8446 §7.1). Each stage is a type, made from the one before it.
//!
//! ```text
//!          0                      early: binders
//! PSK ->  Extract = EarlySecret
//! share-> Extract = HandshakeSecret     c hs traffic, s hs traffic: epoch 2
//! 0   ->  Extract = MasterSecret        c ap traffic, s ap traffic: epoch 3, exporters, resumption
//! ```

use super::io::Io;
use crate::crypto::{HashAlgorithm, Hkdf, HmacKey, Secret, Suite13};
use crate::error::Result;
use crate::record::{Opener, Sealer, TrafficSecret};
use crate::session::Exporter;
use crate::wire::{Finished, Random};

/// The epoch of the handshake's messages (RFC 9147 §6.1).
const HANDSHAKE: u16 = 2;
/// The epoch of the first application data.
pub(super) const APPLICATION: u16 = 3;

/// What a pre-shared key comes from; one of a kind is never taken for the other (RFC 8446 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PskKind {
    External,
    Resumption,
}

/// The first stage: from a pre-shared key, or from none.
pub(super) struct EarlySecret {
    hkdf: Hkdf,
    secret: Secret,
}

impl EarlySecret {
    pub(super) fn new(hkdf: Hkdf, psk: Option<&Secret>) -> Self {
        let zeros = Secret::new(vec![0; hkdf.hash.len()]);
        let secret = hkdf.extract(&[], psk.unwrap_or(&zeros).as_bytes());
        EarlySecret { hkdf, secret }
    }

    /// The proof that the sender of a hello holds the key (RFC 8446 §4.2.11.2).
    pub(super) fn binder(&self, kind: PskKind, partial_hash: &[u8]) -> Result<Vec<u8>> {
        let label: &[u8] = match kind {
            PskKind::External => b"ext binder",
            PskKind::Resumption => b"res binder",
        };
        #[cfg(test)]
        BINDERS.set(BINDERS.get() + 1);
        let empty = no_messages(self.hkdf.hash);
        let key = self.hkdf.expand_secret(&self.secret, label, &empty)?;
        finished_mac(self.hkdf, &key, partial_hash)
    }
}

#[cfg(test)]
thread_local! {
    static BINDERS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How many binders this thread has made so far.
#[cfg(test)]
pub(super) fn binders_made() -> usize {
    BINDERS.get()
}

/// The second stage, with the keys of epoch 2.
pub(super) struct HandshakeSecret {
    suite: &'static Suite13,
    secret: Secret,
    client: TrafficSecret,
    server: TrafficSecret,
}

impl HandshakeSecret {
    /// The transcript must end with ServerHello. From here on its hash is all that counts.
    pub(super) fn derive(
        io: &mut Io,
        suite: &'static Suite13,
        early: &EarlySecret,
        shared: &Secret,
        client_random: Random,
    ) -> Result<Self> {
        let hkdf = suite.hkdf();
        let secret = next_stage(hkdf, &early.secret, shared.as_bytes())?;
        io.fold_transcript(suite.hash);
        let hash = io.transcript_hash(suite.hash);
        let traffic = |label: &[u8]| -> Result<TrafficSecret> {
            let secret = hkdf.expand_secret(&secret, label, &hash)?;
            Ok(TrafficSecret::new(suite, secret))
        };
        let (client, server) = (traffic(b"c hs traffic")?, traffic(b"s hs traffic")?);
        for (label, secret) in [
            ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", &client),
            ("SERVER_HANDSHAKE_TRAFFIC_SECRET", &server),
        ] {
            io.log_secret(label, client_random, secret.secret().as_bytes());
        }
        Ok(HandshakeSecret {
            suite,
            secret,
            client,
            server,
        })
    }

    pub(super) fn client_write(&self) -> Result<Sealer> {
        self.client.sealer(HANDSHAKE)
    }

    pub(super) fn client_read(&self) -> Result<Opener> {
        self.server.opener(HANDSHAKE)
    }

    pub(super) fn server_write(&self) -> Result<Sealer> {
        self.server.sealer(HANDSHAKE)
    }

    pub(super) fn server_read(&self) -> Result<Opener> {
        self.client.opener(HANDSHAKE)
    }

    /// The client's Finished over the transcript so far.
    pub(super) fn client_finished(&self, io: &Io) -> Result<Finished> {
        self.finished(io, &self.client)
    }

    /// The server's Finished over the transcript so far.
    pub(super) fn server_finished(&self, io: &Io) -> Result<Finished> {
        self.finished(io, &self.server)
    }

    fn finished(&self, io: &Io, sender: &TrafficSecret) -> Result<Finished> {
        let hash = io.transcript_hash(self.suite.hash);
        let verify_data = finished_mac(self.suite.hkdf(), sender.secret(), &hash)?;
        Ok(Finished { verify_data })
    }
}

/// The last stage, with the first keys for application data.
pub(super) struct MasterSecret {
    suite: &'static Suite13,
    secret: Secret,
    pub(super) client: TrafficSecret,
    pub(super) server: TrafficSecret,
    exporter: Secret,
}

impl MasterSecret {
    /// The transcript must end with the server's Finished.
    pub(super) fn derive(
        io: &mut Io,
        handshake: &HandshakeSecret,
        client_random: Random,
    ) -> Result<Self> {
        let suite = handshake.suite;
        let hkdf = suite.hkdf();
        let zeros = vec![0; suite.hash.len()];
        let secret = next_stage(hkdf, &handshake.secret, &zeros)?;
        let hash = io.transcript_hash(suite.hash);
        let derive = |label: &[u8]| hkdf.expand_secret(&secret, label, &hash);
        let traffic = |label: &[u8]| derive(label).map(|s| TrafficSecret::new(suite, s));
        let (client, server) = (traffic(b"c ap traffic")?, traffic(b"s ap traffic")?);
        let exporter = derive(b"exp master")?;
        for (label, secret) in [
            ("CLIENT_TRAFFIC_SECRET_0", client.secret()),
            ("SERVER_TRAFFIC_SECRET_0", server.secret()),
            ("EXPORTER_SECRET", &exporter),
        ] {
            io.log_secret(label, client_random, secret.as_bytes());
        }
        Ok(MasterSecret {
            suite,
            secret,
            client,
            server,
            exporter,
        })
    }

    pub(super) fn exporter(&self) -> Exporter {
        Exporter::Dtls13 {
            hkdf: self.suite.hkdf(),
            master: self.exporter.clone(),
        }
    }

    /// The secret of tickets; the transcript must end with the client's Finished.
    pub(super) fn resumption(&self, io: &Io) -> Result<Secret> {
        let hash = io.transcript_hash(self.suite.hash);
        let hkdf = self.suite.hkdf();
        hkdf.expand_secret(&self.secret, b"res master", &hash)
    }
}

fn next_stage(hkdf: Hkdf, secret: &Secret, input: &[u8]) -> Result<Secret> {
    let salt = hkdf.expand_secret(secret, b"derived", &no_messages(hkdf.hash))?;
    Ok(hkdf.extract(salt.as_bytes(), input))
}

fn no_messages(hash: HashAlgorithm) -> Vec<u8> {
    hash.digest(&[]).as_ref().to_vec()
}

/// RFC 8446 §4.4.4.
fn finished_mac(hkdf: Hkdf, base: &Secret, messages: &[u8]) -> Result<Vec<u8>> {
    let key = hkdf.expand_secret(base, b"finished", &[])?;
    let mac = HmacKey::new(hkdf.hash, key.as_bytes()).sign(&[messages]);
    Ok(mac.as_ref().to_vec())
}
