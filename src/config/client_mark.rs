//! By what a session's client is known again; nobody else goes on with it (hazards D23, G3). A session is bound to
//! the client's pre-shared key by a salted tag, else, on the client's side, to its certificate by the fingerprint.

use super::{ClientConfig, Psk, ServerConfig, Trust};
use crate::certificate::PeerIdentity;
use crate::crypto::{self, HashAlgorithm, HmacKey, random};
use crate::error::Result;
use crate::resumption::SessionState;

/// Short, since tickets hold them: another key has the same tag once in 2^64 times, and nobody can try.
const SALT: usize = 8;
const TAG: usize = 8;

impl Psk {
    /// A salt and a tag, by which the key is known again. No two sessions have the same.
    pub(crate) fn mark(&self) -> Result<Vec<u8>> {
        let salt = random::array::<SALT>()?;
        Ok([salt, self.tag(&salt)].concat())
    }

    /// Whether the mark was made with this key.
    pub(crate) fn bears(&self, mark: &[u8]) -> bool {
        let parts = mark.split_first_chunk::<SALT>();
        parts.is_some_and(|(salt, tag)| crypto::equal(tag, &self.tag(salt)))
    }

    fn tag(&self, salt: &[u8]) -> [u8; TAG] {
        let key = HmacKey::new(HashAlgorithm::Sha256, self.key().as_bytes());
        let tag = key.sign(&[b"session", salt]);
        tag.as_ref().first_chunk().copied().unwrap_or_default()
    }
}

impl ServerConfig {
    /// What to keep of a client that has proven to be `peer`. Empty, which no key bears, where its key is not known
    /// any more.
    pub(crate) fn client_mark(&self, peer: &PeerIdentity) -> Result<Vec<u8>> {
        let psk = self.known_psk(peer);
        psk.map_or_else(|| Ok(Vec::new()), |psk| psk.mark())
    }

    /// Whether the client of this session, which has proven itself by a key, has the one that is known now.
    pub(crate) fn knows_key_of(&self, state: &SessionState) -> bool {
        let psk = self.known_psk(&state.peer);
        psk.is_some_and(|psk| psk.bears(&state.client_mark))
    }

    fn known_psk(&self, peer: &PeerIdentity) -> Option<Psk> {
        match peer {
            PeerIdentity::Psk(identity) => self.identity.psk.as_ref()?.find(identity),
            _ => None,
        }
    }
}

impl ClientConfig {
    /// What to keep of ourselves where the server has proven itself by a certificate: it may have asked for ours.
    pub(crate) fn certificate_mark(&self) -> Vec<u8> {
        #[cfg(feature = "x509")]
        if let Some(identity) = &self.identity {
            return identity.fingerprint().as_bytes().to_vec();
        }
        Vec::new()
    }

    /// Whether the session is of whom a full handshake would make us. A hint of the server is not to be had before
    /// the session is offered, so it is the key without one that counts.
    pub(crate) fn is_client_of(&self, state: &SessionState) -> bool {
        let by_psk = |psk: Psk| {
            state.peer == PeerIdentity::Psk(psk.identity().to_vec())
                && psk.bears(&state.client_mark)
        };
        match &self.trust.0 {
            Trust::Psk(choose) => choose(None).is_some_and(by_psk),
            #[cfg(feature = "x509")]
            Trust::Certificates { .. } => {
                !matches!(state.peer, PeerIdentity::Psk(_))
                    && state.client_mark == self.certificate_mark()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_bears_its_own_marks_and_no_others() {
        let psk = |key: u8| Psk::new("tester", [key; 32]).unwrap();
        let marks = [(); 2].map(|()| psk(7).mark().unwrap());
        assert_ne!(marks[0], marks[1]);
        for mark in marks {
            assert!(psk(7).bears(&mark));
            assert!(!psk(8).bears(&mark));
            for end in 0..mark.len() {
                assert!(!psk(7).bears(&mark[..end]), "{end}");
                let mut damaged = mark.clone();
                damaged[end] ^= 1;
                assert!(!psk(7).bears(&damaged), "{end}");
            }
            assert!(!psk(7).bears(&[&mark[..], &[0]].concat()));
        }
    }
}
