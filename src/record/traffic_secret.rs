//! A traffic secret of DTLS 1.3 and the keys that come from it (RFC 8446 §7.2 and §7.3).

use super::protection13::Dtls13;
use super::{Opener, Sealer};
use crate::crypto::{Secret, Suite13, hkdf};
use crate::error::{Error, Result};
use zeroize::Zeroizing;

/// One side's secret of an epoch.
#[derive(Debug, Clone)]
pub(crate) struct TrafficSecret {
    suite: &'static Suite13,
    secret: Secret,
}

impl TrafficSecret {
    pub(crate) fn new(suite: &'static Suite13, secret: Secret) -> Self {
        TrafficSecret { suite, secret }
    }

    pub(crate) fn sealer(&self, epoch: u16) -> Result<Sealer> {
        Ok(Sealer::dtls13(epoch, self.protection()?, self.suite.aead))
    }

    pub(crate) fn opener(&self, epoch: u16) -> Result<Opener> {
        Ok(Opener::dtls13(epoch, self.protection()?))
    }

    /// The secret after a KeyUpdate (RFC 8446 §7.2).
    pub(crate) fn next(&self) -> Result<TrafficSecret> {
        let secret = self.expand(b"traffic upd", self.suite.hash.len())?;
        Ok(TrafficSecret { secret, ..*self })
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }

    fn protection(&self) -> Result<Dtls13> {
        let aead = self.suite.aead;
        let key = self.expand(b"key", aead.key_len())?;
        let iv = self.expand(b"iv", 12)?;
        let number_key = self.expand(b"sn", aead.key_len())?;
        let iv = iv.as_bytes().try_into();
        Ok(Dtls13 {
            key: aead.key(key.as_bytes())?,
            iv: Zeroizing::new(iv.map_err(|_| Error::Crypto("AEAD IV"))?),
            numbers: aead.record_number_key(number_key.as_bytes())?,
        })
    }

    fn expand(&self, label: &[u8], length: usize) -> Result<Secret> {
        hkdf::expand_label(self.suite.hash, &self.secret, label, &[], length)
    }
}
