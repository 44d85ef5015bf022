//! What a case asks of a peer, and what a peer lacks.

use crate::case::{Case, KeyUpdate, Resumed, Role, Wrong};
use crate::pki::Kind;
use flightline::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme, SrtpProfile};
use std::fmt;

/// One thing that a peer can do, or cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    Version(ProtocolVersion),
    Suite(CipherSuite),
    Psk,
    Group(NamedGroup),
    /// A client's first share is in this group, though the server does not have it.
    FirstShare(NamedGroup),
    ServerCertificate(Kind),
    Signature(SignatureScheme),
    OptionalClientAuth,
    RequiredClientAuth,
    ClientCertificate(Kind),
    /// A client that is asked for a certificate has none.
    NoClientCertificate,
    Alpn,
    /// It names the server that it wants, or has a certificate for each of two names.
    ServerName,
    Srtp,
    SrtpProfile(SrtpProfile),
    Cookies,
    Exporter,
    KeyUpdate(KeyUpdate),
    Mtu(usize),
    Resumption,
    Resumed(Resumed),
    Refuses(Wrong),
    /// It gets through a fifth of all datagrams lost.
    Loss,
    /// A key update on a path that loses datagrams.
    LossAroundKeyUpdate(KeyUpdate),
    /// The same as a server, where its HelloRetryRequest may be among them.
    LossOfRetryRequest,
    /// What nobody says again, on such a path.
    LossOfUnconfirmed,
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Feature::Version(version) => write!(f, "{version}"),
            Feature::Suite(suite) => write!(f, "{suite}"),
            Feature::Psk => f.write_str("pre-shared keys"),
            Feature::Group(group) => write!(f, "group {group}"),
            Feature::FirstShare(group) => write!(f, "first share in {group}"),
            Feature::ServerCertificate(kind) => write!(f, "{kind} server certificate"),
            Feature::Signature(scheme) => write!(f, "{scheme}"),
            Feature::OptionalClientAuth => f.write_str("optional client certificate"),
            Feature::RequiredClientAuth => f.write_str("required client certificate"),
            Feature::ClientCertificate(kind) => write!(f, "{kind} client certificate"),
            Feature::NoClientCertificate => f.write_str("asked, no client certificate"),
            Feature::Alpn => f.write_str("ALPN"),
            Feature::ServerName => f.write_str("SNI"),
            Feature::Srtp => f.write_str("SRTP"),
            Feature::SrtpProfile(profile) => write!(f, "{profile}"),
            Feature::Cookies => f.write_str("cookies"),
            Feature::Exporter => f.write_str("exporter"),
            Feature::KeyUpdate(update) => f.write_str(update.name()),
            Feature::Mtu(mtu) => write!(f, "MTU {mtu}"),
            Feature::Resumption => f.write_str("resumption"),
            Feature::Resumed(Resumed::ByTicket) => f.write_str("resumption by ticket"),
            Feature::Resumed(Resumed::ById) => f.write_str("resumption by session ID"),
            Feature::Refuses(wrong) => write!(f, "refusing a wrong {}", wrong.name()),
            Feature::Loss => f.write_str("20 % loss"),
            Feature::LossAroundKeyUpdate(update) => write!(f, "{} with 20 % loss", update.name()),
            Feature::LossOfRetryRequest => f.write_str("HelloRetryRequest with 20 % loss"),
            Feature::LossOfUnconfirmed => f.write_str("Non-confirmable request with 20 % loss"),
        }
    }
}

/// Something that a peer cannot do, and why.
#[derive(Debug, Clone, Copy)]
pub struct Lack {
    /// The peer's role; without one it is both.
    pub role: Option<Role>,
    /// The version that is agreed on; without one it is any.
    pub version: Option<ProtocolVersion>,
    /// Each of these. Nothing at all means everything.
    pub features: &'static [Feature],
    pub why: &'static str,
}

impl Lack {
    pub const fn client(features: &'static [Feature], why: &'static str) -> Lack {
        Lack {
            role: Some(Role::Client),
            version: None,
            features,
            why,
        }
    }

    pub const fn server(features: &'static [Feature], why: &'static str) -> Lack {
        Lack {
            role: Some(Role::Server),
            version: None,
            features,
            why,
        }
    }

    pub const fn both(features: &'static [Feature], why: &'static str) -> Lack {
        Lack {
            role: None,
            version: None,
            features,
            why,
        }
    }

    /// Only where this version is agreed on.
    pub const fn in_version(self, version: ProtocolVersion) -> Lack {
        Lack {
            version: Some(version),
            ..self
        }
    }

    /// Whether it is the whole version that the case is of.
    pub fn is_of_version(&self, case: &Case) -> bool {
        let version = case.version().map(Feature::Version);
        self.concerns(case) && version.is_some_and(|version| self.features.contains(&version))
    }

    pub fn concerns(&self, case: &Case) -> bool {
        let asked = case.features();
        self.role.is_none_or(|role| role == case.theirs())
            && (self.version.is_none() || self.version == case.version())
            && (self.features.is_empty()
                || self.features.iter().any(|lacked| asked.contains(lacked)))
    }
}

impl Wrong {
    pub fn name(self) -> &'static str {
        match self {
            Wrong::Nothing => "nothing",
            Wrong::Name => "name",
            Wrong::Authority => "authority",
            Wrong::ClientAuthority => "authority of the client",
            Wrong::Psk => "pre-shared key",
            Wrong::Suite => "suite",
            Wrong::Curve => "curve",
            Wrong::Group => "group",
            Wrong::Version => "version",
        }
    }
}
