//! Who we are: a certificate chain and the key that goes with it.

use super::public_key::PublicKey;
use super::{Fingerprint, pem};
use crate::crypto::SigningKey;
use crate::error::{Error, Result};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A certificate chain, our own certificate first, and its private key.
///
/// The key may be ECDSA on P-256 or P-384, Ed25519, or RSA with 2048 to 4096 bits; its file may be
/// PKCS#8, SEC1 or PKCS#1, as long as it is not encrypted. Cheap to clone.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    chain: Vec<Vec<u8>>,
    key: SigningKey,
    fingerprint: Fingerprint,
}

impl Identity {
    /// Reads two PEM files. They may be one and the same.
    pub fn from_pem_files(
        cert_path: impl AsRef<Path>,
        key_path: impl AsRef<Path>,
    ) -> Result<Identity> {
        let (cert_path, key_path) = (cert_path.as_ref(), key_path.as_ref());
        let chain =
            pem::certificates(pem::read(cert_path)?.as_bytes()).map_err(pem::in_file(cert_path))?;
        let key = pem::private_key(pem::read(key_path)?.as_bytes())
            .and_then(|key| SigningKey::from_der(key.as_bytes()))
            .map_err(pem::in_file(key_path))?;
        Identity::join(chain, key).map_err(pem::in_file(cert_path))
    }

    /// Reads PEM.
    pub fn from_pem(cert_pem: &[u8], key_pem: &[u8]) -> Result<Identity> {
        let chain = pem::certificates(cert_pem)?;
        let key = pem::private_key(key_pem)?;
        Identity::join(chain, SigningKey::from_der(key.as_bytes())?)
    }

    /// Takes a chain and a key in DER.
    pub fn from_der(chain: Vec<Vec<u8>>, key: &[u8]) -> Result<Identity> {
        Identity::join(chain, SigningKey::from_der(key)?)
    }

    /// The fingerprint of our own certificate, for a peer to pin.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// Our own certificate first, in DER.
    pub(crate) fn chain(&self) -> &[Vec<u8>] {
        &self.0.chain
    }

    pub(crate) fn key(&self) -> &SigningKey {
        &self.0.key
    }

    fn join(chain: Vec<Vec<u8>>, key: SigningKey) -> Result<Identity> {
        let own = chain
            .first()
            .ok_or_else(|| Error::Config("the certificate chain is empty".into()))?;
        let public_key = PublicKey::of(own).map_err(|cause| {
            Error::Config(format!("the first certificate is not usable: {cause}"))
        })?;
        if public_key.bytes != key.public_key() {
            return Err(Error::Config(
                "the private key does not belong to the first certificate; \
                 our own certificate comes first, then its issuers"
                    .into(),
            ));
        }
        let fingerprint = Fingerprint::of(own);
        Ok(Identity(Arc::new(Inner {
            chain,
            key,
            fingerprint,
        })))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("key", &self.0.key)
            .field("certificates", &self.0.chain.len())
            .field("fingerprint", &self.0.fingerprint)
            .finish()
    }
}
