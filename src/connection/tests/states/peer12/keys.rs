//! The peer's key schedule: RFC 5246 §6.3 and §8.1, RFC 4279 §2, RFC 7627 §4. It owes nothing to that of
//! the scripts.

use super::super::setup::{MASTER, psk};
use super::super::symbol::Role;
use super::{GROUP, Peer12, Said};
use crate::codec::Writer;
use crate::crypto::{self, KeyExchange, Secret, Suite, WriteKeys, prf};
use crate::record::{Opener, Sealer};
use crate::wire::{Body, ClientKeyExchange, ServerKeyExchange};

pub(super) struct Keys {
    master: Secret,
    pub(super) sealer: Sealer,
    pub(super) opener: Opener,
}

impl Peer12 {
    /// The client's half of the key agreement.
    pub(super) fn answer_share(&mut self, body: &[u8]) {
        let exchange = ServerKeyExchange::decode(body).unwrap();
        let offer = match self.suite.key_exchange {
            KeyExchange::Psk => None,
            KeyExchange::EcdhePsk => Some(exchange.as_ecdhe_psk().unwrap().1),
            KeyExchange::Ecdhe(_) => Some(exchange.as_ecdhe().unwrap().offer),
        };
        self.answered = offer.map(|offer| crypto::respond(GROUP, &offer.share).unwrap());
    }

    /// The server's half of the key agreement.
    pub(super) fn complete(&mut self, body: &[u8]) {
        let exchange = ClientKeyExchange::decode(body).unwrap();
        let agreed = match self.suite.key_exchange {
            KeyExchange::Psk => None,
            KeyExchange::EcdhePsk => Some(exchange.as_ecdhe_psk().unwrap().1),
            KeyExchange::Ecdhe(_) => Some(exchange.as_ecdhe().unwrap()),
        };
        let agreed = agreed.map(|share| {
            let key = self.ephemeral.take().unwrap();
            key.complete(&share).unwrap()
        });
        self.pre_master = Some(self.pre_master_of(agreed));
    }

    /// RFC 4279 §2, RFC 5489 §2.
    fn pre_master_of(&self, agreed: Option<Secret>) -> Secret {
        let psk = psk();
        let zeros = vec![0; psk.key().as_bytes().len()];
        match (self.suite.uses_psk(), agreed) {
            (false, agreed) => agreed.unwrap(),
            (true, agreed) => Secret::new(Writer::bytes_of(|w| {
                w.vec16(|w| w.bytes(agreed.as_ref().map_or(&zeros, Secret::as_bytes)));
                w.vec16(|w| w.bytes(psk.key().as_bytes()));
            })),
        }
    }

    /// RFC 7627 §4, where the transcript ends with the ClientKeyExchange; or the earlier session's.
    pub(super) fn master(&self, said: &Said) -> Option<Secret> {
        if self.resumed {
            return Some(Secret::new(MASTER.to_vec()));
        }
        let pre_master = match (&self.pre_master, &self.answered) {
            (Some(pre_master), _) => pre_master.clone(),
            (None, answered) if self.role == Role::Client => {
                self.pre_master_of(answered.as_ref().map(|(_, secret)| secret.clone()))
            }
            (None, _) => return None,
        };
        let hash = self.suite.hash.digest(&said.transcript);
        Some(prf::extended_master_secret(
            self.suite.hash,
            pre_master.as_bytes(),
            hash.as_ref(),
        ))
    }

    /// Makes the keys of the master secret, unless they are made.
    pub(super) fn agree(&mut self, said: &Said) {
        let known = self.keys.as_ref().map(|keys| keys.master.as_bytes());
        match &said.master {
            Some(master) if known != Some(master.as_bytes()) => {
                self.keys = Some(self.keys_of(master.clone()));
            }
            _ => {}
        }
    }

    fn keys_of(&self, master: Secret) -> Keys {
        let (hash, aead) = (self.suite.hash, self.suite.aead);
        let block = prf::key_block(hash, &master, &self.hello.random, &self.answer.random, aead);
        let (ours, theirs) = match self.role {
            Role::Client => (block.client, block.server),
            Role::Server => (block.server, block.client),
        };
        Keys {
            sealer: Sealer::dtls12(1, aead, &ours).unwrap(),
            opener: Opener::dtls12(1, aead, &theirs).unwrap(),
            master,
        }
    }

    /// RFC 5246 §7.4.9.
    pub(super) fn verify_data(&self, said: &Said, of: Role) -> Vec<u8> {
        let label = match of {
            Role::Client => prf::CLIENT_FINISHED,
            Role::Server => prf::SERVER_FINISHED,
        };
        let hash = self.suite.hash.digest(&said.transcript);
        let Some(master) = &said.master else {
            return vec![0; 12];
        };
        prf::verify_data(self.suite.hash, master, label, hash.as_ref()).to_vec()
    }
}

/// Keys that nobody agreed on.
pub(super) fn wrong_keys(suite: &Suite) -> Sealer {
    let write_keys = WriteKeys {
        key: Secret::new(vec![0xee; suite.aead.key_len()]),
        iv: Secret::new(vec![0xee; suite.aead.fixed_iv_len()]),
    };
    Sealer::dtls12(1, suite.aead, &write_keys).unwrap()
}
