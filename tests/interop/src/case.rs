//! A case: what a handshake is to be like. It knows no peer; each peer says what it lacks.

use crate::feature::Feature;
use crate::pki::{Kind, NAME, OTHER_NAME};
use flightline::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme, SrtpProfile};

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
}

/// How the server knows an earlier session again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    ByTicket,
    ByNumber,
}

/// The part of the report that a case belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    Suites,
    Groups,
    Authentication,
    Extensions,
    Resumption,
    Mtu,
    Failures,
    Coap,
    Captures,
}

impl Section {
    pub fn title(self) -> &'static str {
        match self {
            Section::Suites => "Suites",
            Section::Groups => "Groups",
            Section::Authentication => "Authentication",
            Section::Extensions => "Extensions and cookies",
            Section::Resumption => "Resumption",
            Section::Mtu => "MTU",
            Section::Failures => "What must fail",
            Section::Coap => "CoAP",
            Section::Captures => "Captures",
        }
    }

    /// What its table shows, where that needs to be said.
    pub fn introduction(self) -> &'static str {
        match self {
            Section::Coap => {
                "Requests between `coap-client` and our `coap_server`, then between our `coap_client` and `coap-server`. A request\n\
                 is repeated where the path is bad and all that RFC 7252 sends of it was lost.\n\n"
            }
            Section::Captures => {
                "Connections of two sides of ours, captured and read by tshark: with the key log of the server, then with that of\n\
                 the client. With another secret in its place tshark reads nothing.\n\n"
            }
            _ => "",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Case {
    pub section: Section,
    pub name: String,
    pub version: ProtocolVersion,
    /// The side that flightline takes. The peer takes the other.
    pub ours: Role,
    pub suite: Option<CipherSuite>,
    /// The kind of the server's certificate.
    pub kind: Kind,
    pub group: Option<NamedGroup>,
    /// The only algorithm by which the peer lets a server's certificate sign, or signs with its own.
    pub signature: Option<SignatureScheme>,
    pub client_auth: ClientAuth,
    pub alpn: bool,
    pub srtp: Option<SrtpProfile>,
    /// The client asks for the server's second name.
    pub other_name: bool,
    pub mtu: Option<usize>,
    /// The peer, a server, lets the client prove its address first.
    pub cookies: bool,
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

    pub fn uses_psk(&self) -> bool {
        self.suite.is_some_and(is_psk)
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
            // Of no use with the server's key.
            Wrong::Suite => Some(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
            _ => self.suite,
        }
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
        let mut features = vec![Feature::Version(self.version)];
        if let Some(suite) = self.their_suite() {
            features.push(Feature::Suite(suite));
        }
        if self.uses_psk() {
            features.push(Feature::Psk);
        } else {
            features.push(Feature::ServerCertificate(self.kind));
        }
        features.extend(self.group.map(Feature::Group));
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
        if self.cookies {
            features.push(Feature::Cookies);
        }
        if let Some(how) = self.resumed {
            features.extend([Feature::Resumption, Feature::Resumed(how)]);
        }
        if self.wrong != Wrong::Nothing {
            features.push(Feature::Refuses(self.wrong));
        }
        if self.seed.is_some() {
            features.push(Feature::Loss);
        }
        features
    }
}

pub fn is_psk(suite: CipherSuite) -> bool {
    suite.name().is_some_and(|name| name.contains("PSK"))
}
