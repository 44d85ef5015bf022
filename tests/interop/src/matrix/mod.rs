//! What is tried with every peer, as far as the peer goes.

mod matrix13;
mod negotiation;

use crate::case::{Case, ClientAuth, Resumed, Role, Versions, Wrong, is_psk};
use crate::pki::Kind;
use crate::section::Section;
use flightline::{CipherSuite, NamedGroup, SignatureScheme, SrtpProfile};
pub use matrix13::SUITES13;

pub const SUITES: [CipherSuite; 12] = [
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_PSK_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_PSK_WITH_CHACHA20_POLY1305_SHA256,
];

const GROUPS: [NamedGroup; 3] = [
    NamedGroup::X25519,
    NamedGroup::SECP256R1,
    NamedGroup::SECP384R1,
];

pub const SIGNATURES: [(Kind, SignatureScheme); 9] = [
    (Kind::P256, SignatureScheme::ECDSA_SECP256R1_SHA256),
    (Kind::P384, SignatureScheme::ECDSA_SECP384R1_SHA384),
    (Kind::Ed25519, SignatureScheme::ED25519),
    (Kind::Rsa, SignatureScheme::RSA_PSS_RSAE_SHA256),
    (Kind::Rsa, SignatureScheme::RSA_PSS_RSAE_SHA384),
    (Kind::Rsa, SignatureScheme::RSA_PSS_RSAE_SHA512),
    (Kind::Rsa, SignatureScheme::RSA_PKCS1_SHA256),
    (Kind::Rsa, SignatureScheme::RSA_PKCS1_SHA384),
    (Kind::Rsa, SignatureScheme::RSA_PKCS1_SHA512),
];

pub const SRTP_PROFILES: [SrtpProfile; 4] = [
    SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_80,
    SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_32,
    SrtpProfile::SRTP_AEAD_AES_128_GCM,
    SrtpProfile::SRTP_AEAD_AES_256_GCM,
];

const MTUS: [usize; 2] = [256, 512];

/// PSK for where the suite does not matter: peers have the one or the other.
const PSK_SUITES: [CipherSuite; 2] = [
    CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
];

/// Every case in which we take this role, on a good path.
pub fn on_good_paths(ours: Role) -> Vec<Case> {
    [
        of_12(ours),
        matrix13::of_13(ours),
        negotiation::of_all(ours),
    ]
    .concat()
}

/// Those of DTLS 1.2.
pub fn of_12(ours: Role) -> Vec<Case> {
    let plain = plain(ours, Versions::Only12);
    [
        suites(&plain),
        groups(&plain),
        authentication(&plain, &SIGNATURES),
        extensions(&plain),
        cookies(&plain, |case| {
            PSK_SUITES.map(|suite| with_psk(case, suite)).to_vec()
        }),
        resumption(&plain),
        mtus(&plain),
        failures(&plain),
    ]
    .concat()
}

/// What both sides do when nothing is asked of them, and both speak these versions.
pub fn plain(ours: Role, versions: Versions) -> Case {
    Case {
        section: Section::Suites,
        name: "defaults".into(),
        our_versions: versions,
        their_versions: versions,
        ours,
        suite: None,
        psk: false,
        kind: Kind::P256,
        group: None,
        guess: None,
        curve: None,
        signature: None,
        client_auth: ClientAuth::None,
        alpn: false,
        srtp: None,
        other_name: false,
        mtu: None,
        // Our server demands them unless it is told otherwise.
        cookies: ours == Role::Server,
        unconfirmed: false,
        exporter: false,
        key_update: None,
        resumed: None,
        wrong: Wrong::Nothing,
        seed: None,
    }
}

/// Those of the cases that ought to succeed, on paths that lose a fifth of all datagrams.
pub fn on_bad_paths(cases: &[Case], seed: u64) -> Vec<Case> {
    let cases = cases.iter().filter(|case| case.succeeds());
    let seeded = cases.zip(seed..).map(|(case, seed)| Case {
        seed: Some(seed),
        ..case.clone()
    });
    seeded.collect()
}

fn suites(plain: &Case) -> Vec<Case> {
    let mut cases = vec![plain.clone()];
    cases.extend(SUITES.map(|suite| with_suite(plain, suite)));
    cases
}

fn groups(plain: &Case) -> Vec<Case> {
    let section = Section::Groups;
    let ecdhe = GROUPS.map(|group| Case {
        section,
        name: format!("{group}"),
        group: Some(group),
        // RSA, since an ECDSA key must be on a curve that is among the groups.
        kind: Kind::Rsa,
        ..plain.clone()
    });
    let ecdsa = [
        (NamedGroup::SECP256R1, Kind::P256),
        (NamedGroup::SECP384R1, Kind::P384),
    ]
    .map(|(group, kind)| Case {
        section,
        name: format!("{group}, ECDSA on it"),
        group: Some(group),
        kind,
        ..plain.clone()
    });
    // Of the two groups the server has the one alone, so that no other can be agreed on.
    let beside = Case {
        section,
        name: format!("{}, ECDSA on {}", NamedGroup::X25519, NamedGroup::SECP256R1),
        group: Some(NamedGroup::X25519),
        curve: Some(NamedGroup::SECP256R1),
        ..plain.clone()
    };
    let [_, ecdhe_psk] = PSK_SUITES;
    let psk = ecdhe.clone().map(|case| with_psk(&case, ecdhe_psk));
    [&ecdhe[..], &ecdsa, &[beside], &psk].concat()
}

fn authentication(plain: &Case, signatures: &[(Kind, SignatureScheme)]) -> Vec<Case> {
    let plain = Case {
        section: Section::Authentication,
        ..plain.clone()
    };
    let certificates = Kind::ALL.map(|kind| Case {
        name: format!("server {kind}"),
        kind,
        ..plain.clone()
    });
    let signatures = signatures.iter().map(|(kind, scheme)| Case {
        name: format!("server {kind}, {scheme}"),
        kind: *kind,
        signature: Some(*scheme),
        ..plain.clone()
    });
    let signatures: Vec<Case> = signatures.collect();
    let client = |name: String, client_auth| Case {
        name,
        client_auth,
        ..plain.clone()
    };
    let optional =
        Kind::ALL.map(|kind| client(format!("client {kind}"), ClientAuth::Optional(kind)));
    let required = Kind::ALL.map(|kind| {
        client(
            format!("client {kind}, required"),
            ClientAuth::Required(kind),
        )
    });
    let mutual = Kind::ALL.map(|kind| Case {
        kind,
        ..client(format!("both {kind}"), ClientAuth::Required(kind))
    });
    let without = [client(
        "client asked, has none".into(),
        ClientAuth::OptionalWithout,
    )];
    [
        &certificates[..],
        &signatures,
        &optional,
        &required,
        &mutual,
        &without,
    ]
    .concat()
}

fn extensions(plain: &Case) -> Vec<Case> {
    let plain = Case {
        section: Section::Extensions,
        ..plain.clone()
    };
    let mut cases = vec![
        Case {
            name: "ALPN".into(),
            alpn: true,
            ..plain.clone()
        },
        Case {
            name: "SNI".into(),
            other_name: true,
            ..plain.clone()
        },
    ];
    cases.extend(SRTP_PROFILES.map(|profile| Case {
        name: format!("{profile}"),
        srtp: Some(profile),
        ..plain.clone()
    }));
    let exporter = Case {
        name: "exporter".into(),
        exporter: true,
        ..plain.clone()
    };
    cases.push(exporter);
    cases
}

/// The peer's server with cookies, and ours without; and the same with pre-shared keys.
fn cookies(plain: &Case, with_psk: impl Fn(&Case) -> Vec<Case>) -> Vec<Case> {
    let case = Case {
        section: Section::Extensions,
        cookies: plain.ours == Role::Client,
        name: match plain.ours {
            Role::Client => "cookies".into(),
            Role::Server => "no cookies".into(),
        },
        ..plain.clone()
    };
    let small = [Kind::P256, Kind::Rsa].map(|kind| Case {
        name: format!("{}, {kind}, MTU 256", case.name),
        kind,
        mtu: Some(256),
        ..case.clone()
    });
    let psk = with_psk(&case);
    [&[case], &small[..], &psk].concat()
}

/// Two connections each, the second of which goes on with the session of the first.
fn resumption(plain: &Case) -> Vec<Case> {
    let mut cases = Vec::new();
    for (how, resumed) in [
        ("by ticket", Resumed::ByTicket),
        ("by session ID", Resumed::ById),
    ] {
        let case = Case {
            section: Section::Resumption,
            name: how.into(),
            resumed: Some(resumed),
            ..plain.clone()
        };
        let also = |what: &str, case: Case| Case {
            name: format!("{how}, {what}"),
            ..case
        };
        cases.push(also("ECDSA", case.clone()));
        let rsa = CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384;
        cases.push(also("RSA, SHA-384", with_suite(&case, rsa)));
        // Of a client with a certificate our server keeps the session itself.
        if (plain.ours, resumed) != (Role::Server, Resumed::ByTicket) {
            let mutual = Case {
                client_auth: ClientAuth::Required(Kind::P256),
                ..case.clone()
            };
            cases.push(also("client certificate", mutual));
        }
        let alpn = Case {
            alpn: true,
            ..case.clone()
        };
        cases.push(also("ALPN", alpn));
        cases.extend(PSK_SUITES.map(|suite| with_psk(&case, suite)));
    }
    cases
}

fn mtus(plain: &Case) -> Vec<Case> {
    let mut cases = Vec::new();
    for mtu in MTUS {
        let plain = Case {
            section: Section::Mtu,
            name: format!("{mtu} bytes"),
            mtu: Some(mtu),
            ..plain.clone()
        };
        cases.extend([Kind::P256, Kind::Rsa].map(|kind| Case {
            name: format!("{}, both {kind}", plain.name),
            kind,
            client_auth: ClientAuth::Required(kind),
            ..plain.clone()
        }));
        cases.extend(PSK_SUITES.map(|suite| with_psk(&plain, suite)));
    }
    cases
}

fn failures(plain: &Case) -> Vec<Case> {
    let plain = Case {
        section: Section::Failures,
        ..plain.clone()
    };
    let mut cases = wrong_certificates(&plain);
    cases.extend([
        wrong(&plain, Wrong::Suite),
        Case {
            group: Some(NamedGroup::X25519),
            ..wrong(&plain, Wrong::Curve)
        },
    ]);
    cases.extend(PSK_SUITES.map(|suite| with_psk(&wrong(&plain, Wrong::Psk), suite)));
    cases
}

fn wrong_certificates(plain: &Case) -> Vec<Case> {
    vec![
        wrong(plain, Wrong::Name),
        wrong(plain, Wrong::Authority),
        Case {
            client_auth: ClientAuth::Required(Kind::P256),
            ..wrong(plain, Wrong::ClientAuthority)
        },
        Case {
            name: "no client certificate".into(),
            client_auth: ClientAuth::RequiredWithout,
            ..plain.clone()
        },
    ]
}

fn wrong(plain: &Case, wrong: Wrong) -> Case {
    Case {
        name: format!("wrong {}", wrong.name()),
        wrong,
        ..plain.clone()
    }
}

/// A case of this suite alone, with a certificate that goes with it.
fn with_suite(case: &Case, suite: CipherSuite) -> Case {
    let rsa = suite.name().is_some_and(|name| name.contains("RSA_"));
    let ecdsa = suite.name().is_some_and(|name| name.contains("ECDSA"));
    Case {
        name: format!("{suite}"),
        suite: Some(suite),
        psk: is_psk(suite),
        kind: if rsa && !ecdsa { Kind::Rsa } else { case.kind },
        ..case.clone()
    }
}

fn with_psk(case: &Case, suite: CipherSuite) -> Case {
    debug_assert!(is_psk(suite));
    Case {
        name: format!("{}, {suite}", case.name),
        ..with_suite(case, suite)
    }
}
