//! What is tried.

use crate::pki::Kind;
use flightline::{CipherSuite, NamedGroup, SrtpProfile};

/// The side that flightline takes. OpenSSL takes the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ours {
    Client,
    Server,
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
    Name,
    Authority,
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

#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    pub ours: Ours,
    pub suite: Option<Suite>,
    pub kind: Kind,
    pub group: Option<(NamedGroup, &'static str)>,
    /// OpenSSL's list of signature algorithms, where it is to be narrowed.
    pub signatures: Option<&'static str>,
    pub client_auth: ClientAuth,
    pub alpn: bool,
    pub srtp: Option<Srtp>,
    /// The client asks for the server's second name.
    pub other_name: bool,
    pub mtu: Option<usize>,
    /// s_server with stateless cookies.
    pub listen: bool,
    /// The peer is gnutls-cli.
    pub gnutls: bool,
    /// The case connects twice, and the second connection must go on with the first one's session.
    pub resumed: Option<Resumed>,
    pub wrong: Wrong,
    /// Of the path's faults; without one it is a good path. Where there are two connections, the second
    /// takes it.
    pub seed: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suite {
    pub id: CipherSuite,
    pub openssl: &'static str,
    pub psk: bool,
}

/// A profile for SRTP, and how many bytes of keys and salts it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Srtp {
    pub profile: SrtpProfile,
    pub openssl: &'static str,
    pub material: usize,
}

const fn srtp(profile: SrtpProfile, openssl: &'static str, material: usize) -> Srtp {
    Srtp {
        profile,
        openssl,
        material,
    }
}

const SRTP: [Srtp; 4] = [
    srtp(
        SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_80,
        "SRTP_AES128_CM_SHA1_80",
        60,
    ),
    srtp(
        SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_32,
        "SRTP_AES128_CM_SHA1_32",
        60,
    ),
    srtp(
        SrtpProfile::SRTP_AEAD_AES_128_GCM,
        "SRTP_AEAD_AES_128_GCM",
        56,
    ),
    srtp(
        SrtpProfile::SRTP_AEAD_AES_256_GCM,
        "SRTP_AEAD_AES_256_GCM",
        88,
    ),
];

const fn suite(id: CipherSuite, openssl: &'static str, psk: bool) -> Suite {
    Suite { id, openssl, psk }
}

/// All suites that both have. OpenSSL lacks ECDHE_PSK with AES-GCM.
const SUITES: [(Suite, Kind); 10] = [
    (
        suite(
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            false,
        ),
        Kind::P256,
    ),
    (
        suite(
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            false,
        ),
        Kind::P256,
    ),
    (
        suite(
            CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            "ECDHE-ECDSA-CHACHA20-POLY1305",
            false,
        ),
        Kind::P256,
    ),
    (
        suite(
            CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            "ECDHE-RSA-AES128-GCM-SHA256",
            false,
        ),
        Kind::Rsa,
    ),
    (
        suite(
            CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            "ECDHE-RSA-AES256-GCM-SHA384",
            false,
        ),
        Kind::Rsa,
    ),
    (
        suite(
            CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
            "ECDHE-RSA-CHACHA20-POLY1305",
            false,
        ),
        Kind::Rsa,
    ),
    (
        suite(
            CipherSuite::TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
            "ECDHE-PSK-CHACHA20-POLY1305",
            true,
        ),
        Kind::P256,
    ),
    (
        suite(
            CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256,
            "PSK-AES128-GCM-SHA256",
            true,
        ),
        Kind::P256,
    ),
    (
        suite(
            CipherSuite::TLS_PSK_WITH_AES_256_GCM_SHA384,
            "PSK-AES256-GCM-SHA384",
            true,
        ),
        Kind::P256,
    ),
    (
        suite(
            CipherSuite::TLS_PSK_WITH_CHACHA20_POLY1305_SHA256,
            "PSK-CHACHA20-POLY1305",
            true,
        ),
        Kind::P256,
    ),
];

const GROUPS: [(NamedGroup, &str); 3] = [
    (NamedGroup::X25519, "X25519"),
    (NamedGroup::SECP256R1, "P-256"),
    (NamedGroup::SECP384R1, "P-384"),
];

const SIGNATURES: [(Kind, &str); 8] = [
    (Kind::P256, "ECDSA+SHA256"),
    (Kind::P384, "ECDSA+SHA384"),
    (Kind::Ed25519, "ed25519"),
    (Kind::Rsa, "rsa_pss_rsae_sha256"),
    (Kind::Rsa, "rsa_pss_rsae_sha384"),
    (Kind::Rsa, "rsa_pss_rsae_sha512"),
    (Kind::Rsa, "RSA+SHA256"),
    (Kind::Rsa, "RSA+SHA512"),
];

/// Every case on a good path, then every one that ought to succeed on a bad path too.
pub fn all(seed: u64) -> Vec<Case> {
    let mut cases = [Ours::Client, Ours::Server].map(on_a_good_path).concat();
    let bad: Vec<Case> = cases
        .iter()
        // gnutls-cli gives up after 40 s, which a bad path may take.
        .filter(|case| case.succeeds() && !case.gnutls)
        .zip(seed..)
        .map(|(case, seed)| Case {
            name: format!("{}, 20 % loss", case.name),
            seed: Some(seed),
            ..case.clone()
        })
        .collect();
    cases.extend(bad);
    cases
}

fn on_a_good_path(ours: Ours) -> Vec<Case> {
    let plain = Case {
        name: String::new(),
        ours,
        suite: None,
        kind: Kind::P256,
        group: None,
        signatures: None,
        client_auth: ClientAuth::None,
        alpn: false,
        srtp: None,
        other_name: false,
        mtu: None,
        listen: false,
        gnutls: false,
        resumed: None,
        wrong: Wrong::Nothing,
        seed: None,
    };
    let named = |name: String, case: Case| Case { name, ..case };
    let psk = SUITES[6].0;
    let mut cases = vec![named("defaults".into(), plain.clone())];
    for (suite, kind) in SUITES {
        let case = Case {
            suite: Some(suite),
            kind,
            ..plain.clone()
        };
        cases.push(named(suite.openssl.into(), case));
    }
    for group in GROUPS {
        // RSA, since an ECDSA key must be on a curve that is among the groups.
        let case = Case {
            group: Some(group),
            kind: Kind::Rsa,
            ..plain.clone()
        };
        cases.push(named(format!("group {}", group.1), case));
    }
    for (group, kind) in [(GROUPS[1], Kind::P256), (GROUPS[2], Kind::P384)] {
        let case = Case {
            group: Some(group),
            kind,
            ..plain.clone()
        };
        cases.push(named(format!("group {}, ECDSA on it", group.1), case));
    }
    for (kind, signatures) in SIGNATURES {
        // s_server finds no suite for an Ed25519 key in DTLS 1.2, not even with s_client.
        if ours == Ours::Client && kind == Kind::Ed25519 {
            continue;
        }
        let case = Case {
            kind,
            signatures: Some(signatures),
            ..plain.clone()
        };
        cases.push(named(
            format!("certificate {}, {signatures}", kind.name()),
            case,
        ));
    }
    let optional = Kind::ALL.map(ClientAuth::Optional);
    let required = Kind::ALL.map(ClientAuth::Required);
    let without = [ClientAuth::OptionalWithout, ClientAuth::RequiredWithout];
    for client_auth in [&optional[..], &required, &without].concat() {
        let case = Case {
            client_auth,
            ..plain.clone()
        };
        cases.push(named(format!("client certificate {client_auth:?}"), case));
    }
    cases.push(named(
        "ALPN".into(),
        Case {
            alpn: true,
            ..plain.clone()
        },
    ));
    for srtp in SRTP {
        let case = Case {
            srtp: Some(srtp),
            ..plain.clone()
        };
        cases.push(named(srtp.openssl.into(), case));
    }
    cases.push(named(
        "SNI".into(),
        Case {
            other_name: true,
            ..plain.clone()
        },
    ));
    for mtu in [256, 512] {
        for kind in [Kind::P256, Kind::Rsa] {
            let client_auth = ClientAuth::Required(kind);
            let case = Case {
                mtu: Some(mtu),
                kind,
                client_auth,
                ..plain.clone()
            };
            cases.push(named(format!("MTU {mtu}, mutual {}", kind.name()), case));
        }
    }
    cases.extend(resumed(&plain));
    if ours == Ours::Client {
        let listen = Case {
            listen: true,
            ..plain.clone()
        };
        cases.push(named("s_server -listen".into(), listen.clone()));
        let rsa = Case {
            kind: Kind::Rsa,
            mtu: Some(256),
            ..listen.clone()
        };
        cases.push(named("s_server -listen, RSA, MTU 256".into(), rsa));
        cases.push(named(
            "s_server -listen, PSK".into(),
            Case {
                suite: Some(psk),
                ..listen
            },
        ));
    }
    if ours == Ours::Server {
        cases.extend(with_gnutls(&plain));
    }
    for wrong in [Wrong::Name, Wrong::Authority, Wrong::Suite] {
        let case = Case {
            wrong,
            ..plain.clone()
        };
        cases.push(named(
            format!("wrong {wrong:?}: fails").to_lowercase(),
            case,
        ));
    }
    let wrong_curve = Case {
        wrong: Wrong::Curve,
        group: Some(GROUPS[0]),
        ..plain.clone()
    };
    cases.push(named("wrong curve: fails".into(), wrong_curve));
    let wrong_psk = Case {
        wrong: Wrong::Psk,
        suite: Some(psk),
        ..plain
    };
    cases.push(named("wrong PSK: fails".into(), wrong_psk));
    cases
}

/// Two connections each, the second of which goes on with the session of the first.
fn resumed(plain: &Case) -> Vec<Case> {
    let by = |resumed| Case {
        resumed: Some(resumed),
        ..plain.clone()
    };
    let kinds = |case: &Case| {
        let case = case.clone();
        let psk = Case {
            suite: Some(SUITES[7].0),
            ..case.clone()
        };
        let mutual = Case {
            client_auth: ClientAuth::Required(Kind::P256),
            ..case.clone()
        };
        let rsa = Case {
            kind: Kind::Rsa,
            suite: Some(SUITES[4].0),
            ..case.clone()
        };
        let alpn = Case {
            alpn: true,
            ..case.clone()
        };
        [
            ("ECDSA", case),
            ("RSA, SHA-384", rsa),
            ("mutual", mutual),
            ("PSK", psk),
            ("ALPN", alpn),
        ]
    };
    let mut cases = Vec::new();
    for (name, case) in [
        ("resumed by ticket", by(Resumed::ByTicket)),
        ("resumed by number", by(Resumed::ByNumber)),
    ] {
        for (kind, case) in kinds(&case) {
            cases.push(Case {
                name: format!("{name}, {kind}"),
                ..case
            });
        }
    }
    cases
}

/// A look at another client, with its own defaults.
fn with_gnutls(plain: &Case) -> Vec<Case> {
    let plain = Case {
        gnutls: true,
        ..plain.clone()
    };
    let mut cases: Vec<Case> = Kind::ALL
        .into_iter()
        .map(|kind| Case {
            name: format!("certificate {}", kind.name()),
            kind,
            ..plain.clone()
        })
        .collect();
    for kind in [Kind::P256, Kind::Rsa] {
        cases.push(Case {
            name: format!("mutual {}", kind.name()),
            client_auth: ClientAuth::Required(kind),
            ..plain.clone()
        });
    }
    // Without ECDHE: gnutls-cli 3.7 crashes after a handshake with ECDHE_PSK, with OpenSSL too.
    for (suite, _) in SUITES
        .into_iter()
        .filter(|(suite, _)| suite.openssl.starts_with("PSK"))
    {
        cases.push(Case {
            name: suite.openssl.into(),
            suite: Some(suite),
            ..plain.clone()
        });
    }
    cases
}

impl Case {
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
        self.suite.is_some_and(|suite| suite.psk)
    }
}
