//! A case: what a handshake is to be like. It knows no peer; each peer says what it lacks.

use crate::feature::Feature;
use crate::pki::{Kind, NAME, OTHER_NAME};
use crate::section::{Section, Table};
use flightline::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme, SrtpProfile};

/// The versions that a side speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    Only12,
    Only13,
    Both,
}

impl Versions {
    /// The newest first.
    pub fn list(self) -> &'static [ProtocolVersion] {
        match self {
            Versions::Only12 => &[ProtocolVersion::DTLS1_2],
            Versions::Only13 => &[ProtocolVersion::DTLS1_3],
            Versions::Both => &[ProtocolVersion::DTLS1_3, ProtocolVersion::DTLS1_2],
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Versions::Only12 => "1.2",
            Versions::Only13 => "1.3",
            Versions::Both => "both",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Client,
    Server,
}

impl Role {
    pub fn other(self) -> Role {
        match self {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        }
    }
}

/// Whether the client is asked for a certificate, and has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    None,
    /// It is asked and has none.
    OptionalWithout,
    Optional(Kind),
    Required(Kind),
    /// It is asked, must have one, and has none: the handshake has to fail.
    RequiredWithout,
}

/// What is wrong, so that the handshake has to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    Nothing,
    /// The client wants another name than the certificate has.
    Name,
    /// The client trusts another authority.
    Authority,
    /// The client's certificate is by an authority that the server does not trust.
    ClientAuthority,
    Psk,
    Suite,
    /// The server's only key is on a curve that the client does not name.
    Curve,
    /// There is no group that both sides have.
    Group,
    /// There is no version that both sides speak.
    Version,
}

/// How the server knows an earlier session again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    ByTicket,
    ById,
}

/// Who takes new keys behind the handshake (RFC 9147 §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUpdate {
    /// We do.
    Ours,
    /// We do, and ask the peer to do so.
    OursAndTheirs,
    /// The peer does.
    Theirs,
    /// The peer does, and asks us to do so.
    TheirsAndOurs,
}

impl KeyUpdate {
    pub const ALL: [KeyUpdate; 4] = [
        KeyUpdate::Ours,
        KeyUpdate::OursAndTheirs,
        KeyUpdate::Theirs,
        KeyUpdate::TheirsAndOurs,
    ];

    pub fn name(self) -> &'static str {
        match self {
            KeyUpdate::Ours => "our key update",
            KeyUpdate::OursAndTheirs => "our key update, one asked for",
            KeyUpdate::Theirs => "the peer's key update",
            KeyUpdate::TheirsAndOurs => "the peer's key update, one asked for",
        }
    }

    /// Whether it is the peer that begins.
    pub fn begins_with_theirs(self) -> bool {
        matches!(self, KeyUpdate::Theirs | KeyUpdate::TheirsAndOurs)
    }

    /// Whether the side in this role takes new keys.
    pub fn concerns(self, side: Side) -> bool {
        match self {
            KeyUpdate::Ours => side == Side::Ours,
            KeyUpdate::Theirs => side == Side::Theirs,
            KeyUpdate::OursAndTheirs | KeyUpdate::TheirsAndOurs => true,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Ours,
    Theirs,
}

#[derive(Debug, Clone)]
pub struct Case {
    pub section: Section,
    pub name: String,
    pub our_versions: Versions,
    pub their_versions: Versions,
    /// The side that flightline takes. The peer takes the other.
    pub ours: Role,
    pub suite: Option<CipherSuite>,
    /// The sides hold a key beforehand, and none has a certificate.
    pub psk: bool,
    /// The kind of the server's certificate.
    pub kind: Kind,
    pub group: Option<NamedGroup>,
    /// The client has this group as well, prefers it, and sends a share in it; the server does not have it.
    pub guess: Option<NamedGroup>,
    /// The client has this group as well, behind the other: the server's key is on it.
    pub curve: Option<NamedGroup>,
    /// The only algorithm by which the peer lets a server's certificate sign, or signs with its own.
    pub signature: Option<SignatureScheme>,
    pub client_auth: ClientAuth,
    pub alpn: bool,
    pub srtp: Option<SrtpProfile>,
    /// The client asks for the server's second name.
    pub other_name: bool,
    pub mtu: Option<usize>,
    /// The server lets the client prove its address first.
    pub cookies: bool,
    /// Nobody says again on the connection what was lost there.
    pub unconfirmed: bool,
    /// Both export the same keys for another protocol.
    pub exporter: bool,
    pub key_update: Option<KeyUpdate>,
    /// The case connects twice, and the second connection must go on with the first one's session.
    pub resumed: Option<Resumed>,
    pub wrong: Wrong,
    /// Of the path's faults; without one it is a good path. Where there are two connections, the second
    /// takes it.
    pub seed: Option<u64>,
}

impl Case {
    pub fn theirs(&self) -> Role {
        self.ours.other()
    }

    pub fn succeeds(&self) -> bool {
        self.wrong == Wrong::Nothing && self.client_auth != ClientAuth::RequiredWithout
    }

    /// The paths of its connections, one after the other: each by its seed, without one a good path.
    pub fn paths(&self) -> Vec<Option<u64>> {
        match self.resumed {
            None => vec![self.seed],
            Some(_) => vec![None, self.seed],
        }
    }

    /// The version that both sides have to agree on, if there is one.
    pub fn version(&self) -> Option<ProtocolVersion> {
        let mut ours = self.our_versions.list().iter();
        ours.find(|version| self.their_versions.list().contains(version))
            .copied()
    }

    pub fn is_of13(&self) -> bool {
        self.version() == Some(ProtocolVersion::DTLS1_3)
    }

    pub fn table(&self) -> Table {
        match self.section {
            Section::Negotiation | Section::Coap | Section::Captures => Table::Other(self.section),
            section if self.is_of13() => Table::Dtls13(section),
            section => Table::Dtls12(section),
        }
    }

    /// Whether the client shows a certificate.
    pub fn shows_client_certificate(&self) -> bool {
        matches!(
            self.client_auth,
            ClientAuth::Optional(_) | ClientAuth::Required(_)
        )
    }

    /// The name that the client asks for.
    pub fn name_asked_for(&self) -> &'static str {
        if self.other_name { OTHER_NAME } else { NAME }
    }

    /// The name that the client wants the certificate to have.
    pub fn name_wanted(&self) -> &'static str {
        match self.wrong {
            Wrong::Name => OTHER_NAME,
            _ => self.name_asked_for(),
        }
    }

    /// The suite that the peer is held to.
    pub fn their_suite(&self) -> Option<CipherSuite> {
        match self.wrong {
            Wrong::Suite if self.is_of13() => Some(CipherSuite::TLS_CHACHA20_POLY1305_SHA256),
            // Of no use with the server's key.
            Wrong::Suite => Some(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
            _ => self.suite,
        }
    }

    /// The groups that we are held to, the preferred one first.
    pub fn our_groups(&self) -> Option<Vec<NamedGroup>> {
        self.groups(self.ours, self.group)
    }

    /// The groups that the peer is held to, the preferred one first.
    pub fn their_groups(&self) -> Option<Vec<NamedGroup>> {
        let group = match self.wrong {
            Wrong::Group => Some(NamedGroup::SECP384R1),
            _ => self.group,
        };
        self.groups(self.theirs(), group)
    }

    fn groups(&self, role: Role, group: Option<NamedGroup>) -> Option<Vec<NamedGroup>> {
        let of_client = |group: Option<NamedGroup>| group.filter(|_| role == Role::Client);
        let groups = of_client(self.guess).into_iter().chain([group?]);
        let groups = groups.chain(of_client(self.curve));
        Some(groups.collect())
    }

    /// The authority that the client trusts.
    pub fn trusted_by_client(&self) -> &'static str {
        match self.wrong {
            Wrong::Authority => "stranger",
            _ => "ca",
        }
    }

    /// The certificate of the client, if it has one.
    pub fn client_certificate(&self) -> Option<&'static str> {
        match (self.client_auth, self.wrong) {
            (ClientAuth::Optional(_) | ClientAuth::Required(_), Wrong::ClientAuthority) => {
                Some("unknown")
            }
            (ClientAuth::Optional(kind) | ClientAuth::Required(kind), _) => Some(kind.name()),
            _ => None,
        }
    }

    /// What both sides need for it.
    pub fn features(&self) -> Vec<Feature> {
        let mut features = Vec::new();
        features.extend(
            self.their_versions
                .list()
                .iter()
                .copied()
                .map(Feature::Version),
        );
        if let Some(suite) = self.their_suite() {
            features.push(Feature::Suite(suite));
        }
        if self.psk {
            features.push(Feature::Psk);
        } else {
            features.push(Feature::ServerCertificate(self.kind));
        }
        features.extend(
            self.their_groups()
                .into_iter()
                .flatten()
                .map(Feature::Group),
        );
        features.extend(self.guess.map(Feature::FirstShare));
        features.extend(self.signature.map(Feature::Signature));
        match self.client_auth {
            ClientAuth::None => {}
            ClientAuth::OptionalWithout => {
                features.extend([Feature::OptionalClientAuth, Feature::NoClientCertificate]);
            }
            ClientAuth::Optional(kind) => {
                features.push(Feature::OptionalClientAuth);
                features.push(Feature::ClientCertificate(kind));
            }
            ClientAuth::Required(kind) => {
                features.push(Feature::RequiredClientAuth);
                features.push(Feature::ClientCertificate(kind));
            }
            ClientAuth::RequiredWithout => {
                features.extend([Feature::RequiredClientAuth, Feature::NoClientCertificate]);
            }
        }
        if self.alpn {
            features.push(Feature::Alpn);
        }
        if let Some(profile) = self.srtp {
            features.extend([Feature::Srtp, Feature::SrtpProfile(profile)]);
        }
        if self.other_name {
            features.push(Feature::ServerName);
        }
        features.extend(self.mtu.map(Feature::Mtu));
        if self.cookies && self.theirs() == Role::Server {
            features.push(Feature::Cookies);
        }
        if self.exporter {
            features.push(Feature::Exporter);
        }
        features.extend(self.key_update.map(Feature::KeyUpdate));
        if let Some(how) = self.resumed {
            features.extend([Feature::Resumption, Feature::Resumed(how)]);
        }
        if self.wrong != Wrong::Nothing {
            features.push(Feature::Refuses(self.wrong));
        }
        if self.seed.is_some() {
            features.push(Feature::Loss);
            if self.unconfirmed {
                features.push(Feature::LossOfUnconfirmed);
            }
            features.extend(self.key_update.map(Feature::LossAroundKeyUpdate));
            let asks_again = self.cookies || self.guess.is_some();
            if self.is_of13() && self.theirs() == Role::Server && asks_again {
                features.push(Feature::LossOfRetryRequest);
            }
        }
        features
    }
}

pub fn is_psk(suite: CipherSuite) -> bool {
    suite.name().is_some_and(|name| name.contains("PSK"))
}
