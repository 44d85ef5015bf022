//! Keys for SRTP out of a handshake (RFC 5764 §4.2).

use crate::crypto::Secret;
use crate::error::{Error, Result};
use crate::wire::SrtpProfile;
use std::fmt;
use zeroize::Zeroizing;

/// The exporter's label (RFC 5764 §4.2).
const LABEL: &[u8] = b"EXTRACTOR-dtls_srtp";

/// The master keys and master salts with which both sides protect their SRTP packets. Wiped when they
/// are dropped.
#[derive(Clone)]
pub struct SrtpKeys {
    profile: SrtpProfile,
    client_write_key: Secret,
    server_write_key: Secret,
    client_write_salt: Secret,
    server_write_salt: Secret,
}

impl SrtpKeys {
    /// Cuts what `export` exports under a label, without a context.
    pub(crate) fn derive(
        profile: SrtpProfile,
        export: impl FnOnce(&mut [u8], &[u8]) -> Result<()>,
    ) -> Result<SrtpKeys> {
        let Lengths { key, salt } = Lengths::of(profile)
            .ok_or_else(|| Error::Config(format!("the SRTP profile {profile} is not supported")))?;
        let length = [key, key, salt, salt].iter().sum();
        let mut material = Zeroizing::new(vec![0; length]);
        export(&mut material, LABEL)?;
        let mut rest = material.as_slice();
        let mut cut = |length| {
            let (part, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = after;
            Secret::new(part.to_vec())
        };
        Ok(SrtpKeys {
            profile,
            client_write_key: cut(key),
            server_write_key: cut(key),
            client_write_salt: cut(salt),
            server_write_salt: cut(salt),
        })
    }

    /// What the keys are for.
    pub fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// The master key of what the client sends.
    pub fn client_write_key(&self) -> &[u8] {
        self.client_write_key.as_bytes()
    }

    /// The master key of what the server sends.
    pub fn server_write_key(&self) -> &[u8] {
        self.server_write_key.as_bytes()
    }

    /// The master salt of what the client sends.
    pub fn client_write_salt(&self) -> &[u8] {
        self.client_write_salt.as_bytes()
    }

    /// The master salt of what the server sends.
    pub fn server_write_salt(&self) -> &[u8] {
        self.server_write_salt.as_bytes()
    }
}

impl fmt::Debug for SrtpKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SrtpKeys({})", self.profile)
    }
}

/// Whether keys can be cut for a profile.
pub(crate) fn is_supported(profile: SrtpProfile) -> bool {
    Lengths::of(profile).is_some()
}

/// Of master key and master salt, in bytes.
struct Lengths {
    key: usize,
    salt: usize,
}

impl Lengths {
    fn of(profile: SrtpProfile) -> Option<Lengths> {
        Some(match profile {
            // RFC 5764 §4.1.2: 128 and 112 bits.
            SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_80 | SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_32 => {
                Lengths { key: 16, salt: 14 }
            }
            // RFC 7714 §12: salts of 96 bits.
            SrtpProfile::SRTP_AEAD_AES_128_GCM => Lengths { key: 16, salt: 12 },
            SrtpProfile::SRTP_AEAD_AES_256_GCM => Lengths { key: 32, salt: 12 },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_before_salts_and_the_clients_before_the_servers() {
        for (profile, key, salt) in [
            (SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_80, 16, 14),
            (SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_32, 16, 14),
            (SrtpProfile::SRTP_AEAD_AES_128_GCM, 16, 12),
            (SrtpProfile::SRTP_AEAD_AES_256_GCM, 32, 12),
        ] {
            assert!(is_supported(profile));
            let keys = SrtpKeys::derive(profile, |out, label| {
                assert_eq!(label, b"EXTRACTOR-dtls_srtp");
                out.iter_mut().zip(0..).for_each(|(byte, i)| *byte = i);
                Ok(())
            })
            .unwrap();
            let parts = [
                keys.client_write_key(),
                keys.server_write_key(),
                keys.client_write_salt(),
                keys.server_write_salt(),
            ];
            assert_eq!(parts.map(<[u8]>::len), [key, key, salt, salt], "{profile}");
            let all: Vec<u8> = (0..).take(2 * (key + salt)).collect();
            assert_eq!(parts.concat(), all, "{profile}");
            assert_eq!(format!("{keys:?}"), format!("SrtpKeys({profile})"));
        }
    }

    #[test]
    fn a_profile_of_unknown_lengths_has_no_keys() {
        let null = SrtpProfile(5);
        assert!(!is_supported(null));
        let derived = SrtpKeys::derive(null, |_, _| Ok(()));
        assert!(matches!(derived, Err(Error::Config(_))));
    }
}
