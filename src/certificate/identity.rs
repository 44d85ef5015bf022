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
    ///
    /// # Errors
    /// [`Error::Config`] names the file and what is wrong with it: it cannot be read, its key is of a kind that cannot
    /// sign here, or does not belong to the first certificate.
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
    ///
    /// # Errors
    /// [`Error::Config`] says what is wrong with it.
    pub fn from_pem(cert_pem: &[u8], key_pem: &[u8]) -> Result<Identity> {
        let chain = pem::certificates(cert_pem)?;
        let key = pem::private_key(key_pem)?;
        Identity::join(chain, SigningKey::from_der(key.as_bytes())?)
    }

    /// Takes a chain, our own certificate first, and a key in DER: PKCS #8, PKCS #1 or SEC 1.
    ///
    /// # Errors
    /// [`Error::Config`] says what is wrong with them.
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
        if !public_key.is_of_kind(&key) {
            return Err(Error::Config(
                "the first certificate says that the key is of another kind, so that no peer could \
                 verify with it; for an RSA key it must name rsaEncryption, not RSASSA-PSS"
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

#[cfg(test)]
mod tests {
    use super::super::test_certificates::{self_signed, self_signed_pem};
    use super::super::verify_signature;
    use super::*;
    use crate::crypto::test_keys::*;
    use crate::wire::SignatureScheme;

    /// Every form in which a key may come, with the form that its certificate is made from.
    const USABLE: [(&str, &str); 9] = [
        (P256_SEC1, P256_PKCS8),
        (P256_SEC1_PARAMETERS, P256_PKCS8),
        (P256_PKCS8, P256_PKCS8),
        (P384_SEC1, P384_PKCS8),
        (P384_SEC1_PARAMETERS, P384_PKCS8),
        (P384_PKCS8, P384_PKCS8),
        (ED25519_PKCS8, ED25519_PKCS8),
        (RSA_PKCS1, RSA_PKCS8),
        (RSA_PKCS8, RSA_PKCS8),
    ];

    fn why<T>(result: Result<T>) -> String {
        match result.err() {
            Some(Error::Config(why)) => why,
            Some(other) => panic!("{other}"),
            None => panic!("it was accepted"),
        }
    }

    fn assert_signs(identity: &Identity) {
        let leaf = &identity.chain()[0];
        assert!(!identity.key().schemes().is_empty());
        for scheme in identity.key().schemes() {
            let signature = identity.key().sign(*scheme, b"a handshake").unwrap();
            verify_signature(leaf, *scheme, b"a handshake", &signature).unwrap();
            assert!(matches!(
                verify_signature(leaf, *scheme, b"another", &signature),
                Err(Error::BadSignature)
            ));
        }
        assert!(matches!(
            identity.key().sign(SignatureScheme(0x0603), b""),
            Err(Error::NoCommonSignatureScheme)
        ));
    }

    #[test]
    fn every_form_of_key_signs_for_its_certificate() {
        for (key, pkcs8) in USABLE {
            let certificate = self_signed_pem(pkcs8, |_| ());
            let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
            assert_signs(&identity);
            let authentication = super::super::authentication_of(&identity.chain()[0]).unwrap();
            assert_eq!(authentication, identity.key().authentication());
        }
    }

    #[test]
    fn ed25519_with_its_public_key_beside_it() {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let pem = key.serialize_pem();
        let certificate = self_signed_pem(&pem, |_| ());
        assert_signs(&Identity::from_pem(certificate.as_bytes(), pem.as_bytes()).unwrap());
    }

    #[test]
    fn sec1_without_parameters_is_told_by_its_length() {
        let p256 = pem::private_key(P256_SEC1.as_bytes()).unwrap();
        let p256 = p256.as_bytes();
        let bare = [&[0x30, 107], &p256[2..39], &p256[51..]].concat();
        let chain = vec![self_signed(P256_PKCS8, |_| ())];
        assert_signs(&Identity::from_der(chain, &bare).unwrap());

        let p384 = pem::private_key(P384_SEC1.as_bytes()).unwrap();
        let p384 = p384.as_bytes();
        let bare = [&[0x30, 0x81, 155], &p384[3..56], &p384[65..]].concat();
        let chain = vec![self_signed(P384_PKCS8, |_| ())];
        assert_signs(&Identity::from_der(chain, &bare).unwrap());
    }

    #[test]
    fn a_key_that_does_not_do_says_what_to_do() {
        let certificate = self_signed_pem(P256_PKCS8, |_| ());
        let load = |key: &str| why(Identity::from_pem(certificate.as_bytes(), key.as_bytes()));
        for (key, what, advice) in [
            (P256_ENCRYPTED, "encrypted", "openssl pkcs8 -topk8 -nocrypt"),
            (
                P256_SEC1_ENCRYPTED,
                "encrypted",
                "openssl pkcs8 -topk8 -nocrypt",
            ),
            (
                P256_SEC1_NO_PUBLIC,
                "without its public key",
                "openssl genpkey",
            ),
            (P521_SEC1, "other than P-256 and P-384", "openssl genpkey"),
            (RSA_1024, "1024 bits", "openssl genpkey -algorithm RSA"),
            (ED448_PKCS8, "not supported", "openssl genpkey"),
            (
                &certificate,
                "no private key",
                "-----BEGIN PRIVATE KEY-----",
            ),
            ("-----BEGIN PRIVATE KEY-----\n%\n", "not well-formed", ""),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                "cannot be read",
                "",
            ),
            (P384_PKCS8, "does not belong", "comes first"),
            (RSA_PKCS8, "does not belong", "comes first"),
        ] {
            let why = load(key);
            assert!(why.contains(what) && why.contains(advice), "{why}");
        }
        let encrypted_der = [0x30, 4, 0x30, 0, 0x04, 0];
        let why = why(Identity::from_der(vec![vec![]], &encrypted_der));
        assert!(why.contains("encrypted"), "{why}");
    }

    #[test]
    fn no_prefix_of_a_key_is_a_key() {
        for (key, _) in USABLE {
            let der = pem::private_key(key.as_bytes()).unwrap();
            for n in 0..der.as_bytes().len() {
                why(SigningKey::from_der(&der.as_bytes()[..n]));
            }
        }
    }

    #[test]
    fn a_certificate_that_does_not_do_says_why() {
        let key = P256_PKCS8.as_bytes();
        assert!(why(Identity::from_pem(b"", key)).contains("no certificate"));
        assert!(why(Identity::from_pem(key, key)).contains("no certificate"));
        let der = pem::private_key(key).unwrap();
        assert!(why(Identity::from_der(vec![], der.as_bytes())).contains("empty"));
        let junk = vec![vec![0; 9]];
        assert!(why(Identity::from_der(junk, der.as_bytes())).contains("not usable"));
    }

    #[test]
    fn a_certificate_that_names_another_kind_of_key_does_not_do() {
        use crate::crypto::der::{EC_PUBLIC_KEY, SECP256R1};
        let key = pem::private_key(P256_PKCS8.as_bytes()).unwrap();
        for named in [EC_PUBLIC_KEY, SECP256R1] {
            let mut certificate = self_signed(P256_PKCS8, |_| ());
            let mut places = certificate.windows(named.len());
            let at = places.position(|window| window == named).unwrap();
            certificate[at + named.len() - 1] ^= 1;
            let why = why(Identity::from_der(vec![certificate], key.as_bytes()));
            assert!(why.contains("of another kind"), "{why}");
        }
    }

    #[test]
    fn files_are_named() {
        let directory = std::env::temp_dir().join(format!("flightline-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let certificate = directory.join("certificate.pem");
        let key = directory.join("key.pem");
        std::fs::write(&certificate, self_signed_pem(P256_PKCS8, |_| ())).unwrap();
        std::fs::write(&key, P256_SEC1_PARAMETERS).unwrap();
        let good = Identity::from_pem_files(&certificate, &key);
        let missing = why(Identity::from_pem_files(directory.join("absent"), &key));
        let swapped = why(Identity::from_pem_files(&key, &certificate));
        std::fs::write(&key, RSA_1024).unwrap();
        let weak = why(Identity::from_pem_files(&certificate, &key));
        std::fs::remove_dir_all(&directory).unwrap();

        assert_signs(&good.unwrap());
        assert!(missing.contains("absent: cannot be read"), "{missing}");
        assert!(
            swapped.contains("key.pem: there is no certificate"),
            "{swapped}"
        );
        assert!(
            weak.contains("key.pem: the RSA key has 1024 bits"),
            "{weak}"
        );
    }

    #[test]
    fn f07_debug_does_not_tell_the_key() {
        let certificate = self_signed_pem(P256_PKCS8, |_| ());
        let identity = Identity::from_pem(certificate.as_bytes(), P256_PKCS8.as_bytes()).unwrap();
        let debug = format!("{identity:?}");
        assert!(debug.contains("SigningKey(ECDSA P-256)"), "{debug}");
        assert!(debug.contains(&identity.fingerprint().to_string()));
    }
}
