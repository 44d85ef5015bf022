//! Names that OpenSSL gave, and that others took over.

use crate::case::Case;
use crate::matrix::{SRTP_PROFILES, SUITES};
use crate::ours::{EXPORTED, EXPORTER_LABEL};
use flightline::{CipherSuite, NamedGroup, SignatureScheme, SrtpProfile};

/// `ECDHE-ECDSA-AES128-GCM-SHA256`, for example.
pub fn suite_name(suite: CipherSuite) -> String {
    let name = suite.name().unwrap_or("unknown").replace("_WITH_", "_");
    let name = name.trim_start_matches("TLS_").replace("AES_", "AES");
    let name = name.replace('_', "-");
    match name.strip_suffix("POLY1305-SHA256") {
        Some(start) => format!("{start}POLY1305"),
        None => name,
    }
}

/// These groups, in OpenSSL's form of a list.
pub fn group_names(groups: &[NamedGroup]) -> String {
    let names = groups.iter().map(|group| group_name(*group));
    names.collect::<Vec<_>>().join(":")
}

/// All suites that are wanted, in OpenSSL's form of a list.
pub fn suite_names(wanted: impl FnMut(&CipherSuite) -> bool) -> String {
    let suites = SUITES.into_iter().filter(wanted);
    suites.map(suite_name).collect::<Vec<_>>().join(":")
}

fn group_name(group: NamedGroup) -> &'static str {
    match group {
        NamedGroup::X25519 => "X25519",
        NamedGroup::SECP256R1 => "P-256",
        NamedGroup::SECP384R1 => "P-384",
        _ => "unknown",
    }
}

pub fn signature_name(scheme: SignatureScheme) -> String {
    scheme.name().unwrap_or("unknown").to_lowercase()
}

/// This algorithm alone for the peer's certificate.
pub fn signatures(scheme: SignatureScheme) -> String {
    // The authority's own signature has to be acceptable beside the one that is tried.
    match scheme {
        SignatureScheme::ECDSA_SECP256R1_SHA256 => signature_name(scheme),
        _ => [scheme, SignatureScheme::ECDSA_SECP256R1_SHA256]
            .map(signature_name)
            .join(":"),
    }
}

pub fn srtp_name(profile: SrtpProfile) -> &'static str {
    match profile {
        SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_80 => "SRTP_AES128_CM_SHA1_80",
        SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_32 => "SRTP_AES128_CM_SHA1_32",
        SrtpProfile::SRTP_AEAD_AES_128_GCM => "SRTP_AEAD_AES_128_GCM",
        SrtpProfile::SRTP_AEAD_AES_256_GCM => "SRTP_AEAD_AES_256_GCM",
        _ => "unknown",
    }
}

pub fn srtp_profile(name: &str) -> Option<SrtpProfile> {
    SRTP_PROFILES
        .into_iter()
        .find(|profile| srtp_name(*profile) == name)
}

/// RFC 5764 §4.2.
pub const SRTP_LABEL: &str = "EXTRACTOR-dtls_srtp";

/// The label of the keys that the case has exported, and their length: those for SRTP are.
pub fn exported(case: &Case) -> Option<(&'static str, usize)> {
    match case.srtp {
        Some(profile) => Some((SRTP_LABEL, srtp_material(profile))),
        None => case.exporter.then_some((EXPORTER_LABEL, EXPORTED)),
    }
}

/// How many bytes of keys and salts the profile takes.
pub fn srtp_material(profile: SrtpProfile) -> usize {
    match profile {
        SrtpProfile::SRTP_AEAD_AES_128_GCM => 56,
        SrtpProfile::SRTP_AEAD_AES_256_GCM => 88,
        _ => 60,
    }
}
