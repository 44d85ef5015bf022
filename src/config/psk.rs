//! Pre-shared keys (RFC 4279).

use crate::crypto::Secret;
use crate::error::{Error, Result};
use std::fmt;

/// Half of what a server puts together of a hello in fragments: the other half is for all else in it.
pub(super) const LONGEST_IDENTITY: usize = 2048;

/// RFC 4279 §2: as long as a premaster secret has room for.
const LONGEST_KEY: usize = 65_535;

/// A pre-shared key under the name that both sides know it by. It proves both ways: whoever holds it
/// is believed to be the other side.
///
/// ```
/// let psk = flightline::Psk::new("sensor-7", [0x5a; 32])?;
/// assert_eq!(psk.identity(), b"sensor-7");
/// # Ok::<(), flightline::Error>(())
/// ```
#[derive(Clone)]
pub struct Psk {
    identity: Vec<u8>,
    key: Secret,
}

impl Psk {
    /// An identity, any bytes that both sides agree on, and its key, which should be random and have
    /// at least 16 bytes: a password can be guessed from one recorded handshake (RFC 9257 §4).
    ///
    /// Short identities are the best. In DTLS 1.3 they stand in the hello: with more than about 1,000 bytes it
    /// is longer than a datagram, and not every server puts hellos together.
    ///
    /// # Errors
    /// [`Error::Config`] if either is empty, the identity longer than 2,048 bytes, or the key longer than 65,535.
    pub fn new(identity: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Result<Psk> {
        let (identity, key) = (identity.as_ref(), key.as_ref());
        let fits = |bytes: &[u8], most: usize| (1..=most).contains(&bytes.len());
        if !fits(identity, LONGEST_IDENTITY) || !fits(key, LONGEST_KEY) {
            return Err(Error::Config(
                "a PSK needs an identity of 1 to 2,048 bytes and a key of 1 to 65,535".into(),
            ));
        }
        Ok(Psk {
            identity: identity.to_vec(),
            key: Secret::new(key.to_vec()),
        })
    }

    /// The name of the key.
    pub fn identity(&self) -> &[u8] {
        &self.identity
    }

    pub(crate) fn key(&self) -> &Secret {
        &self.key
    }
}

impl fmt::Debug for Psk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Psk({})", self.identity.escape_ascii())
    }
}

/// Finds the key of a client's identity. A closure will do, and so will a single [`Psk`].
pub trait PskLookup: Send + Sync {
    /// The key that goes by exactly this identity, or `None`: a server of DTLS 1.3 asks for tickets that it does
    /// not know, too.
    ///
    /// An unknown identity looks to the client like a wrong key, so identities cannot be listed by trying; but
    /// for one case. A server of DTLS 1.3 that has certificates as well answers a client whose identities are
    /// all unknown by certificate, and one with a wrong key by decrypt_error, as RFC 8446 §4.2.11 wants it.
    fn find(&self, identity: &[u8]) -> Option<Psk>;
}

impl PskLookup for Psk {
    fn find(&self, identity: &[u8]) -> Option<Psk> {
        (self.identity == identity).then(|| self.clone())
    }
}

impl<F: Fn(&[u8]) -> Option<Psk> + Send + Sync> PskLookup for F {
    fn find(&self, identity: &[u8]) -> Option<Psk> {
        self(identity)
    }
}
