//! What a private key file may hold: PKCS#8 (RFC 5208), SEC1 (RFC 5915) or PKCS#1 (RFC 8017 §A.1.2).
//!
//! The three are told apart by what follows their version, so no label is needed.

use super::der;
use crate::codec::{DecodeError, Reader};
use crate::error::{Error, Result};

/// A private key, taken out of its file format but not yet checked.
pub(super) enum PrivateKey<'a> {
    Ec {
        curve: Curve,
        private: &'a [u8],
        /// The uncompressed point.
        public: &'a [u8],
    },
    /// The seed (RFC 8032 §5.1.5).
    Ed25519(&'a [u8]),
    /// RSAPrivateKey, as it stands.
    Rsa(&'a [u8]),
}

/// A curve that ECDSA is done on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

impl<'a> PrivateKey<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut key = Reader::whole(bytes, |r| der::element(r, der::SEQUENCE).map(Reader::new))
            .map_err(unreadable)?;
        // EncryptedPrivateKeyInfo has no version: an algorithm comes first (RFC 5208 §6).
        if der::next_tag(&key) == Some(der::SEQUENCE) {
            return Err(Error::Config(ENCRYPTED.into()));
        }
        der::element(&mut key, der::INTEGER).map_err(unreadable)?;
        match der::next_tag(&key) {
            Some(der::SEQUENCE) => Self::read_pkcs8(&mut key),
            Some(der::OCTET_STRING) => Self::read_sec1(&mut key, None),
            Some(der::INTEGER) => Ok(PrivateKey::Rsa(bytes)),
            _ => Err(unreadable(DecodeError::IllegalValue)),
        }
    }

    /// PrivateKeyInfo behind its version (RFC 5208 §5). Attributes and, in later versions, a public
    /// key may follow; nothing in them is needed.
    fn read_pkcs8(key: &mut Reader<'a>) -> Result<Self> {
        let algorithm = der::element(key, der::SEQUENCE).map_err(unreadable)?;
        let mut algorithm = Reader::new(algorithm);
        let oid = der::element(&mut algorithm, der::OBJECT_IDENTIFIER).map_err(unreadable)?;
        let content = der::element(key, der::OCTET_STRING).map_err(unreadable)?;
        match oid {
            der::RSA_ENCRYPTION => Ok(PrivateKey::Rsa(content)),
            der::ED25519 => Reader::whole(content, |r| der::element(r, der::OCTET_STRING))
                .map(PrivateKey::Ed25519)
                .map_err(unreadable),
            der::EC_PUBLIC_KEY => {
                let curve = Curve::read(&mut algorithm)?;
                let mut sec1 = Reader::whole(content, |r| der::element(r, der::SEQUENCE))
                    .map(Reader::new)
                    .map_err(unreadable)?;
                der::element(&mut sec1, der::INTEGER).map_err(unreadable)?;
                Self::read_sec1(&mut sec1, Some(curve))
            }
            _ => Err(Error::Config(format!(
                "the private key is of a kind that is not supported; {NEW_KEY}"
            ))),
        }
    }

    /// ECPrivateKey behind its version (RFC 5915 §3). The curve may stand outside of it, inside, or
    /// nowhere: then the length of the key tells it.
    fn read_sec1(key: &mut Reader<'a>, outer: Option<Curve>) -> Result<Self> {
        let private = der::element(key, der::OCTET_STRING).map_err(unreadable)?;
        let inner = match der::optional_element(key, der::CONTEXT_0).map_err(unreadable)? {
            Some(parameters) => Some(Curve::read(&mut Reader::new(parameters))?),
            None => None,
        };
        let curve = match (outer.or(inner), private.len()) {
            (Some(curve), _) => curve,
            (None, 32) => Curve::P256,
            (None, 48) => Curve::P384,
            (None, _) => return Err(unsupported_curve()),
        };
        let public = der::optional_element(key, der::CONTEXT_1).map_err(unreadable)?;
        let Some(public) = public else {
            return Err(Error::Config(format!(
                "the private key comes without its public key, which is needed; {NEW_KEY}"
            )));
        };
        Ok(PrivateKey::Ec {
            curve,
            private,
            public: Reader::whole(public, der::bit_string).map_err(unreadable)?,
        })
    }
}

impl Curve {
    /// ECParameters: a curve by its name (RFC 5480 §2.1.1).
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        match der::element(reader, der::OBJECT_IDENTIFIER) {
            Ok(der::SECP256R1) => Ok(Curve::P256),
            Ok(der::SECP384R1) => Ok(Curve::P384),
            _ => Err(unsupported_curve()),
        }
    }
}

/// What to say of an encrypted key, in whatever form it comes.
pub(crate) const ENCRYPTED: &str = "the private key is encrypted; decrypt it first: \
     openssl pkcs8 -topk8 -nocrypt -in key.pem -out new.pem";

const NEW_KEY: &str =
    "make a new key: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out new.pem";

fn unsupported_curve() -> Error {
    Error::Config(format!(
        "the private key is on a curve other than P-256 and P-384, which alone are supported; {NEW_KEY}"
    ))
}

fn unreadable(cause: DecodeError) -> Error {
    Error::Config(format!(
        "the private key cannot be read ({cause}); convert it: \
         openssl pkcs8 -topk8 -nocrypt -in key.pem -out new.pem"
    ))
}
