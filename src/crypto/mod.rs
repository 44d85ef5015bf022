//! The cryptography, behind nouns of this crate: above this layer nobody names the library that does it.

mod aead;
mod constant_time;
#[cfg(feature = "x509")]
pub(crate) mod der;
mod hash;
mod hkdf;
mod key_exchange;
pub(crate) mod prf;
#[cfg(feature = "x509")]
mod private_key;
pub(crate) mod random;
mod rotating_keys;
mod secret;
#[cfg(feature = "x509")]
mod signing_key;
mod stack;
mod suite;
mod suite13;
#[cfg(all(test, feature = "x509"))]
pub(crate) mod test_keys;

#[cfg(flightline_fuzzing)]
pub(crate) use aead::null_cipher;
pub(crate) use aead::{Aead, AeadAlgorithm, NONCE_LEN, RecordNumberKey, TAG_LEN, nonce};
pub(crate) use constant_time::equal;
pub(crate) use hash::{HashAlgorithm, HmacKey, RunningDigest};
pub(crate) use hkdf::{Hkdf, Labels};
pub(crate) use key_exchange::{DEFAULT_GROUPS, EphemeralKey, respond};
pub(crate) use prf::WriteKeys;
#[cfg(feature = "x509")]
pub(crate) use private_key::ENCRYPTED as ENCRYPTED_KEY;
pub(crate) use rotating_keys::{Keys, RotatingKeys};
pub(crate) use secret::Secret;
#[cfg(feature = "x509")]
pub(crate) use signing_key::SigningKey;
pub(crate) use stack::wipe_stack;
#[cfg(feature = "x509")]
pub(crate) use suite::Authentication;
pub(crate) use suite::{KeyExchange, SUITES, Suite};
pub(crate) use suite13::{EXTERNAL_PSK_HKDF, SUITES13, Suite13};
