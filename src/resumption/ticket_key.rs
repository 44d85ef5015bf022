//! A key that tickets are sealed under.

use crate::codec::Writer;
use crate::crypto::{self, Aead, AeadAlgorithm, NONCE_LEN, Secret, TAG_LEN, random};
use crate::error::{Error, Result};
use zeroize::Zeroizing;

/// How many seconds a key seals; for as long again it still opens.
pub(super) const PERIOD: u64 = 6 * 60 * 60;

const NAME_LEN: usize = 16;
const KEY_LEN: usize = 32;

/// How many bytes a key is made of.
pub(super) const MATERIAL_LEN: usize = NAME_LEN + KEY_LEN;

/// A name and a key for AES-256-GCM. A ticket is the name, a random nonce, and the sealed state (RFC 5077 §4 in its
/// spirit).
pub(super) struct TicketKey {
    name: [u8; NAME_LEN],
    aead: Box<dyn Aead>,
}

impl TicketKey {
    pub(super) fn random() -> Result<TicketKey> {
        TicketKey::new(&Secret::random(MATERIAL_LEN)?)
    }

    /// The key that these [`MATERIAL_LEN`] bytes are.
    pub(super) fn new(material: &Secret) -> Result<TicketKey> {
        let (name, key) = material
            .as_bytes()
            .split_first_chunk()
            .ok_or(Error::Crypto("ticket key"))?;
        Ok(TicketKey {
            name: *name,
            aead: AeadAlgorithm::Aes256Gcm.key(key)?,
        })
    }

    /// A random nonce of 96 bits may be drawn 2^32 times under one key, which is 200,000 tickets a
    /// second for six hours, by all together that have it.
    pub(super) fn seal(&self, state: &[u8]) -> Result<Vec<u8>> {
        let nonce = random::array::<NONCE_LEN>()?;
        let mut sealed = Zeroizing::new(state.to_vec());
        let tag = self.aead.seal(nonce, &self.name, &mut sealed)?;
        Ok(Writer::bytes_of(|w| {
            w.bytes(&self.name);
            w.bytes(&nonce);
            w.bytes(&sealed);
            w.bytes(&tag);
        }))
    }

    pub(super) fn open(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_at_checked(NAME_LEN)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        if !crypto::equal(name, &self.name) || sealed.len() < TAG_LEN {
            return None;
        }
        let mut state = sealed.to_vec();
        let length = self.aead.open(nonce.try_into().ok()?, name, &mut state)?;
        state.truncate(length);
        Some(state)
    }
}
