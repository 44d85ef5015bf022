//! The key schedule of DTLS 1.2 (RFC 5246 §6.3, §8.1; RFC 7627).

use super::io::Io;
use crate::config::Psk;
use crate::crypto::{Secret, Suite, prf};
use crate::error::Result;
use crate::record::{Opener, Sealer};
use crate::session::Exporter;
use crate::wire::{Finished, Random};

/// The epoch of the first keys, and in DTLS 1.2 without renegotiation of the only ones.
const EPOCH: u16 = 1;

/// Both randoms, in the order of their names.
#[derive(Clone, Copy)]
pub(super) struct Randoms {
    pub(super) client: Random,
    pub(super) server: Random,
}

/// Premaster secret of a PSK suite (RFC 4279 §2, RFC 5489 §2): the other secret is zeros, as many as
/// the key has bytes, where there is no key agreement.
pub(super) fn psk_pre_master(psk: &Psk, agreed: Option<&Secret>) -> Secret {
    let key = psk.key().as_bytes();
    let zeros = Secret::new(vec![0; key.len()]);
    let other = agreed.unwrap_or(&zeros).as_bytes();
    Secret::new(crate::codec::Writer::bytes_of(|w| {
        w.vec16(|w| w.bytes(other));
        w.vec16(|w| w.bytes(key));
    }))
}

/// Which master secret is derived.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Derivation {
    /// From the randoms (RFC 5246 §8.1).
    Classic,
    /// From the transcript up to ClientKeyExchange (RFC 7627 §4).
    Extended,
}

/// The secrets of a session.
pub(super) struct Keys {
    suite: &'static Suite,
    master: Secret,
    randoms: Randoms,
    derivation: Derivation,
}

impl Keys {
    /// Derives the master secret; the transcript must end with ClientKeyExchange.
    pub(super) fn derive(
        io: &mut Io,
        suite: &'static Suite,
        derivation: Derivation,
        pre_master: &Secret,
        randoms: Randoms,
    ) -> Keys {
        let pre_master = pre_master.as_bytes();
        let master = match derivation {
            Derivation::Classic => {
                prf::master_secret(suite.hash, pre_master, &randoms.client, &randoms.server)
            }
            Derivation::Extended => {
                prf::extended_master_secret(suite.hash, pre_master, &io.transcript_hash(suite.hash))
            }
        };
        io.log_secret("CLIENT_RANDOM", randoms.client, master.as_bytes());
        Keys {
            suite,
            master,
            randoms,
            derivation,
        }
    }

    /// The keys of one more connection of an earlier session (RFC 5246 §8.1, RFC 7627 §5.3).
    pub(super) fn resume(
        io: &mut Io,
        suite: &'static Suite,
        master: Secret,
        randoms: Randoms,
    ) -> Keys {
        io.log_secret("CLIENT_RANDOM", randoms.client, master.as_bytes());
        Keys {
            suite,
            master,
            randoms,
            derivation: Derivation::Extended,
        }
    }

    pub(super) fn client_write(&self) -> Result<Sealer> {
        Sealer::dtls12(EPOCH, self.suite.aead, &self.block().client)
    }

    pub(super) fn server_write(&self) -> Result<Sealer> {
        Sealer::dtls12(EPOCH, self.suite.aead, &self.block().server)
    }

    pub(super) fn client_read(&self) -> Result<Opener> {
        Opener::dtls12(EPOCH, self.suite.aead, &self.block().server)
    }

    pub(super) fn server_read(&self) -> Result<Opener> {
        Opener::dtls12(EPOCH, self.suite.aead, &self.block().client)
    }

    /// The client's Finished over the transcript so far.
    pub(super) fn client_finished(&self, io: &Io) -> Finished {
        self.finished(io, prf::CLIENT_FINISHED)
    }

    /// The server's Finished over the transcript so far.
    pub(super) fn server_finished(&self, io: &Io) -> Finished {
        self.finished(io, prf::SERVER_FINISHED)
    }

    pub(super) fn master(&self) -> &Secret {
        &self.master
    }

    /// For the application, if the master secret is one that allows it (RFC 7627 §5.4).
    pub(super) fn exporter(&self) -> Option<Exporter> {
        (self.derivation == Derivation::Extended).then_some(Exporter::Dtls12 {
            hash: self.suite.hash,
            master: self.master.clone(),
            client_random: self.randoms.client,
            server_random: self.randoms.server,
        })
    }

    fn finished(&self, io: &Io, label: &[u8]) -> Finished {
        let hash = io.transcript_hash(self.suite.hash);
        Finished {
            verify_data: prf::verify_data(self.suite.hash, &self.master, label, &hash).to_vec(),
        }
    }

    fn block(&self) -> prf::KeyBlock {
        let Randoms { client, server } = &self.randoms;
        prf::key_block(
            self.suite.hash,
            &self.master,
            client,
            server,
            self.suite.aead,
        )
    }
}
