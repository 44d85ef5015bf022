//! Ephemeral key exchange: one side offers a share, the other answers with its own and both hold a
//! secret. The answer needs the offer, so that a KEM fits as well as a Diffie-Hellman group.

use super::Secret;
use crate::error::{Error, Result};
use crate::wire::NamedGroup;
use ring::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey};
use ring::rand::SystemRandom;

/// The groups, in the order in which they are preferred by default.
pub(crate) const DEFAULT_GROUPS: [NamedGroup; 3] = [
    NamedGroup::X25519,
    NamedGroup::SECP256R1,
    NamedGroup::SECP384R1,
];

/// The offering side's private key, good for one exchange.
pub(crate) struct EphemeralKey(EphemeralPrivateKey);

impl EphemeralKey {
    /// A new key and the share to offer.
    pub(crate) fn generate(group: NamedGroup) -> Result<(EphemeralKey, Vec<u8>)> {
        let key = EphemeralPrivateKey::generate(algorithm(group)?, &SystemRandom::new())
            .map_err(|_| Error::RandomFailed)?;
        let share = key
            .compute_public_key()
            .map_err(|_| Error::Crypto("key share"))?;
        Ok((EphemeralKey(key), share.as_ref().to_vec()))
    }

    /// The secret, from the share that the other side answered with.
    ///
    /// A share of the wrong length or off the curve (RFC 8422 §5.10), or one that makes X25519
    /// yield zeros (RFC 8422 §5.11), is [`Error::BadKeyShare`].
    pub(crate) fn complete(self, peer_share: &[u8]) -> Result<Secret> {
        let peer = UnparsedPublicKey::new(self.0.algorithm(), peer_share);
        agreement::agree_ephemeral(self.0, &peer, |secret| Secret::new(secret.to_vec()))
            .map_err(|_| Error::BadKeyShare)
    }
}

/// The answering side: the share to answer with, and the secret.
pub(crate) fn respond(group: NamedGroup, peer_share: &[u8]) -> Result<(Vec<u8>, Secret)> {
    let (key, share) = EphemeralKey::generate(group)?;
    Ok((share, key.complete(peer_share)?))
}

fn algorithm(group: NamedGroup) -> Result<&'static agreement::Algorithm> {
    match group {
        NamedGroup::X25519 => Ok(&agreement::X25519),
        NamedGroup::SECP256R1 => Ok(&agreement::ECDH_P256),
        NamedGroup::SECP384R1 => Ok(&agreement::ECDH_P384),
        _ => Err(Error::NoCommonGroup),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_bad(group: NamedGroup, share: &[u8]) -> bool {
        let (key, _) = EphemeralKey::generate(group).unwrap();
        matches!(key.complete(share), Err(Error::BadKeyShare))
            && matches!(respond(group, share), Err(Error::BadKeyShare))
    }

    #[test]
    fn both_sides_hold_the_same_secret() {
        for group in DEFAULT_GROUPS {
            let (key, offer) = EphemeralKey::generate(group).unwrap();
            let (answer, theirs) = respond(group, &offer).unwrap();
            let ours = key.complete(&answer).unwrap();
            assert_eq!(ours.as_bytes(), theirs.as_bytes());
            assert_ne!(offer, answer);
        }
    }

    #[test]
    fn d19_a_share_of_the_wrong_length_is_bad() {
        for group in DEFAULT_GROUPS {
            let (_, share) = EphemeralKey::generate(group).unwrap();
            assert!(is_bad(group, &[]));
            assert!(is_bad(group, &share[1..]));
            assert!(is_bad(group, &[&share[..], &[0]].concat()));
        }
    }

    #[test]
    fn d19_a_share_off_the_curve_is_bad() {
        for group in [NamedGroup::SECP256R1, NamedGroup::SECP384R1] {
            let (_, share) = EphemeralKey::generate(group).unwrap();
            let mut off_curve = share.clone();
            *off_curve.last_mut().unwrap() ^= 1;
            assert!(is_bad(group, &off_curve));

            let mut origin = vec![0; share.len()];
            origin[0] = 4;
            assert!(is_bad(group, &origin));
            // The point at infinity.
            assert!(is_bad(group, &[0]));
            // Compressed points are gone from TLS (RFC 8422 §5.1.2).
            let mut compressed = share[..=share.len() / 2].to_vec();
            compressed[0] = 2 + share.last().unwrap() % 2;
            assert!(is_bad(group, &compressed));
        }
    }

    #[test]
    fn d19_a_share_that_yields_zeros_is_bad() {
        assert!(is_bad(NamedGroup::X25519, &[0; 32]));
        let mut one = [0; 32];
        one[0] = 1;
        assert!(is_bad(NamedGroup::X25519, &one));
    }

    #[test]
    fn an_unknown_group_is_not_common() {
        let secp521r1 = NamedGroup(25);
        assert!(matches!(
            EphemeralKey::generate(secp521r1),
            Err(Error::NoCommonGroup)
        ));
        assert!(matches!(respond(secp521r1, &[]), Err(Error::NoCommonGroup)));
    }
}
