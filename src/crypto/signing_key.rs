//! The private key of a certificate.

use super::private_key::{Curve, PrivateKey};
use super::{Authentication, der};
use crate::codec::Reader;
use crate::error::{Error, Result};
use crate::wire::{NamedGroup, SignatureScheme};
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair};
use std::fmt;

/// A private key that signs handshakes.
pub(crate) struct SigningKey(Kind);

enum Kind {
    EcdsaP256(EcdsaKeyPair),
    EcdsaP384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl SigningKey {
    /// Reads PKCS#8, SEC1 or PKCS#1. Whatever does not do is an [`Error::Config`] that says why.
    pub(crate) fn from_der(bytes: &[u8]) -> Result<Self> {
        let kind = match PrivateKey::read(bytes)? {
            PrivateKey::Ec {
                curve,
                private,
                public,
            } => Kind::ecdsa(curve, private, public)?,
            PrivateKey::Ed25519(seed) => Ed25519KeyPair::from_seed_unchecked(seed)
                .map_err(rejected)
                .map(Kind::Ed25519)?,
            PrivateKey::Rsa(pkcs1) => Kind::rsa(pkcs1)?,
        };
        Ok(SigningKey(kind))
    }

    /// The kind of suite that a certificate with this key serves.
    pub(crate) fn authentication(&self) -> Authentication {
        match self.0 {
            Kind::EcdsaP256(_) | Kind::EcdsaP384(_) | Kind::Ed25519(_) => Authentication::Ecdsa,
            Kind::Rsa(_) => Authentication::Rsa,
        }
    }

    /// The curve of an ECDSA key. Ed25519 is offered as a signature scheme alone (RFC 8422 §5.1.3).
    pub(crate) fn curve(&self) -> Option<NamedGroup> {
        match self.0 {
            Kind::EcdsaP256(_) => Some(NamedGroup::SECP256R1),
            Kind::EcdsaP384(_) => Some(NamedGroup::SECP384R1),
            Kind::Ed25519(_) | Kind::Rsa(_) => None,
        }
    }

    /// The schemes in which this key signs, the preferred first. An ECDSA key signs with the hash
    /// of its curve's size only: (D)TLS 1.2 allows more, (D)TLS 1.3 does not (RFC 8446 §4.2.3).
    pub(crate) fn schemes(&self) -> &'static [SignatureScheme] {
        match self.0 {
            Kind::EcdsaP256(_) => &[SignatureScheme::ECDSA_SECP256R1_SHA256],
            Kind::EcdsaP384(_) => &[SignatureScheme::ECDSA_SECP384R1_SHA384],
            Kind::Ed25519(_) => &[SignatureScheme::ED25519],
            Kind::Rsa(_) => &[
                SignatureScheme::RSA_PSS_RSAE_SHA256,
                SignatureScheme::RSA_PSS_RSAE_SHA384,
                SignatureScheme::RSA_PSS_RSAE_SHA512,
                SignatureScheme::RSA_PKCS1_SHA256,
                SignatureScheme::RSA_PKCS1_SHA384,
                SignatureScheme::RSA_PKCS1_SHA512,
            ],
        }
    }

    /// Signs `message` in one of [`schemes`](Self::schemes).
    pub(crate) fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>> {
        if !self.schemes().contains(&scheme) {
            return Err(Error::NoCommonSignatureScheme);
        }
        match &self.0 {
            Kind::EcdsaP256(key) | Kind::EcdsaP384(key) => key
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| Error::Crypto("ECDSA signature")),
            Kind::Ed25519(key) => Ok(key.sign(message).as_ref().to_vec()),
            Kind::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(
                    rsa_encoding(scheme)?,
                    &SystemRandom::new(),
                    message,
                    &mut signature,
                )
                .map_err(|_| Error::Crypto("RSA signature"))?;
                Ok(signature)
            }
        }
    }

    /// The public key as it stands in a certificate's subjectPublicKey (RFC 5280 §4.1.2.7).
    pub(crate) fn public_key(&self) -> &[u8] {
        match &self.0 {
            Kind::EcdsaP256(key) | Kind::EcdsaP384(key) => key.public_key().as_ref(),
            Kind::Ed25519(key) => key.public_key().as_ref(),
            Kind::Rsa(key) => key.public_key().as_ref(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::EcdsaP256(_) => "SigningKey(ECDSA P-256)",
            Kind::EcdsaP384(_) => "SigningKey(ECDSA P-384)",
            Kind::Ed25519(_) => "SigningKey(Ed25519)",
            Kind::Rsa(_) => "SigningKey(RSA)",
        })
    }
}

impl Kind {
    fn ecdsa(curve: Curve, private: &[u8], public: &[u8]) -> Result<Self> {
        let algorithm = match curve {
            Curve::P256 => &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
            Curve::P384 => &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
        };
        let key = EcdsaKeyPair::from_private_key_and_public_key(
            algorithm,
            private,
            public,
            &SystemRandom::new(),
        )
        .map_err(rejected)?;
        Ok(match curve {
            Curve::P256 => Kind::EcdsaP256(key),
            Curve::P384 => Kind::EcdsaP384(key),
        })
    }

    fn rsa(pkcs1: &[u8]) -> Result<Self> {
        let bits = rsa_bits(pkcs1).unwrap_or_default();
        if !(2048..=4096).contains(&bits) {
            return Err(Error::Config(format!(
                "the RSA key has {bits} bits, and only 2048 to 4096 are supported; make a new key: \
                 openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out new.pem"
            )));
        }
        RsaKeyPair::from_der(pkcs1).map_err(rejected).map(Kind::Rsa)
    }
}

/// The size of RSAPrivateKey's modulus (RFC 8017 §A.1.2).
fn rsa_bits(pkcs1: &[u8]) -> Option<usize> {
    let mut key = Reader::new(der::element(&mut Reader::new(pkcs1), der::SEQUENCE).ok()?);
    let _version = der::element(&mut key, der::INTEGER).ok()?;
    der::element(&mut key, der::INTEGER)
        .ok()
        .map(der::bit_length)
}

fn rsa_encoding(scheme: SignatureScheme) -> Result<&'static dyn RsaEncoding> {
    match scheme {
        SignatureScheme::RSA_PSS_RSAE_SHA256 => Ok(&signature::RSA_PSS_SHA256),
        SignatureScheme::RSA_PSS_RSAE_SHA384 => Ok(&signature::RSA_PSS_SHA384),
        SignatureScheme::RSA_PSS_RSAE_SHA512 => Ok(&signature::RSA_PSS_SHA512),
        SignatureScheme::RSA_PKCS1_SHA256 => Ok(&signature::RSA_PKCS1_SHA256),
        SignatureScheme::RSA_PKCS1_SHA384 => Ok(&signature::RSA_PKCS1_SHA384),
        SignatureScheme::RSA_PKCS1_SHA512 => Ok(&signature::RSA_PKCS1_SHA512),
        _ => Err(Error::NoCommonSignatureScheme),
    }
}

fn rejected(why: ring::error::KeyRejected) -> Error {
    Error::Config(format!(
        "the private key is not usable ({why}); check it: openssl pkey -check -noout -in key.pem"
    ))
}
