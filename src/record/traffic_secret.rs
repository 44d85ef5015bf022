//! A traffic secret of DTLS 1.3 and the keys that come from it (RFC 8446 §7.2 and §7.3).

use super::protection13::Dtls13;
use super::{Opener, Sealer};
use crate::crypto::{NONCE_LEN, Secret, Suite13};
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
        let hkdf = self.suite.hkdf();
        let secret = hkdf.expand_secret(&self.secret, b"traffic upd", &[])?;
        Ok(TrafficSecret { secret, ..*self })
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }

    fn protection(&self) -> Result<Dtls13> {
        let aead = self.suite.aead;
        let key = self.expand(b"key", aead.key_len())?;
        let iv = self.expand(b"iv", NONCE_LEN)?;
        let number_key = self.expand(b"sn", aead.key_len())?;
        let iv = iv.as_bytes().try_into();
        Ok(Dtls13 {
            key: aead.key(key.as_bytes())?,
            iv: Zeroizing::new(iv.map_err(|_| Error::Crypto("AEAD IV"))?),
            numbers: aead.record_number_key(number_key.as_bytes())?,
        })
    }

    fn expand(&self, label: &[u8], length: usize) -> Result<Secret> {
        let hkdf = self.suite.hkdf();
        hkdf.expand_label(&self.secret, label, &[], length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::from_hex;
    use crate::crypto::{AeadAlgorithm, HashAlgorithm, Labels};
    use crate::wire::CipherSuite;

    /// With the labels of TLS.
    static SUITE: Suite13 = Suite13 {
        id: CipherSuite::TLS_AES_128_GCM_SHA256,
        aead: AeadAlgorithm::Aes128Gcm,
        hash: HashAlgorithm::Sha256,
        labels: Labels::TLS13,
    };

    /// RFC 8448 §3: the client's first record of application data, 50 bytes that count from zero, under the keys
    /// of its traffic secret. The record's form is TLS's; its number is 0, so the nonce is the IV.
    #[test]
    fn key_and_iv_are_those_of_rfc_8448() {
        let secret = [
            0x9e40646ce79a7f9dc05af8889bce6552_u128,
            0x875afa0b06df0087f792ebb7c17504a5,
        ];
        let record = concat!(
            "a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e",
            "2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4"
        );
        let mut record = from_hex(record);
        let secret = secret.map(u128::to_be_bytes).concat();
        let keys = TrafficSecret::new(&SUITE, Secret::new(secret))
            .protection()
            .unwrap();
        let header = [23, 3, 3, 0, 67];
        let length = keys.key.open(*keys.iv, &header, &mut record).unwrap();
        let inner: Vec<u8> = (0..50).chain([23]).collect();
        assert_eq!(record[..length], inner);
    }
}
