//! The cases of DTLS 1.3.

use super::{SIGNATURES, authentication, cookies, extensions, plain, wrong, wrong_certificates};
use crate::case::{Case, ClientAuth, KeyUpdate, Resumed, Role, Versions, Wrong};
use crate::pki::Kind;
use crate::section::Section;
use flightline::{CipherSuite, NamedGroup, SignatureScheme};

pub const SUITES13: [CipherSuite; 3] = [
    CipherSuite::TLS_AES_128_GCM_SHA256,
    CipherSuite::TLS_AES_256_GCM_SHA384,
    CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
];

/// A key without a word on its hash goes with SHA-256 (RFC 8446 §4.2.11).
const PSK_SUITES: [CipherSuite; 2] = [
    CipherSuite::TLS_AES_128_GCM_SHA256,
    CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
];

/// The largest is for peers that do without smaller ones.
const MTUS: [usize; 3] = [256, 512, 1024];

/// Every case in which we take this role, on a good path.
pub(super) fn of_13(ours: Role) -> Vec<Case> {
    let plain = plain(ours, Versions::Only13);
    [
        suites(&plain),
        groups(&plain),
        authentication(&plain, &signatures()),
        extensions(&plain),
        cookies(&plain, |case| vec![psk(case)]),
        resumption(&plain),
        key_updates(&plain),
        mtus(&plain),
        failures(&plain),
    ]
    .concat()
}

fn suites(plain: &Case) -> Vec<Case> {
    let with_suite = |suite| Case {
        name: format!("{suite}"),
        suite: Some(suite),
        ..plain.clone()
    };
    let with_psk = |suite| Case {
        name: format!("pre-shared key, {suite}"),
        psk: true,
        ..with_suite(suite)
    };
    let mut cases = vec![plain.clone(), psk(plain)];
    cases.extend(SUITES13.map(with_suite));
    cases.extend(PSK_SUITES.map(with_psk));
    cases
}

/// Each group as the only one, and each where the client sends its first share in another.
fn groups(plain: &Case) -> Vec<Case> {
    let (x25519, p256, p384) = (
        NamedGroup::X25519,
        NamedGroup::SECP256R1,
        NamedGroup::SECP384R1,
    );
    let plain = Case {
        section: Section::Groups,
        ..plain.clone()
    };
    let alone = [x25519, p256, p384].map(|group| Case {
        name: format!("{group}"),
        group: Some(group),
        ..plain.clone()
    });
    let second = [(x25519, p256), (x25519, p384), (p256, x25519)].map(|(guess, group)| Case {
        name: format!("{group} after a share in {guess}"),
        group: Some(group),
        guess: Some(guess),
        ..plain.clone()
    });
    // With a cookie or without: what is the default of the one role is not that of the other.
    let other = second.clone().map(|case| Case {
        name: match case.cookies {
            true => format!("{}, no cookie", case.name),
            false => format!("{}, cookie", case.name),
        },
        cookies: !case.cookies,
        ..case
    });
    [alone, second, other].concat()
}

/// RFC 8446 §4.2.3: no PKCS #1 v1.5 in CertificateVerify.
fn signatures() -> Vec<(Kind, SignatureScheme)> {
    let pkcs1 = [
        SignatureScheme::RSA_PKCS1_SHA256,
        SignatureScheme::RSA_PKCS1_SHA384,
        SignatureScheme::RSA_PKCS1_SHA512,
    ];
    let schemes = SIGNATURES.into_iter();
    schemes
        .filter(|(_, scheme)| !pkcs1.contains(scheme))
        .collect()
}

/// Two connections each, the second of which goes on with the session of the first.
fn resumption(plain: &Case) -> Vec<Case> {
    let case = Case {
        section: Section::Resumption,
        name: "by ticket".into(),
        resumed: Some(Resumed::ByTicket),
        ..plain.clone()
    };
    let also = |what: &str, case: Case| Case {
        name: format!("by ticket, {what}"),
        ..case
    };
    let suites = SUITES13.map(|suite| Case {
        name: format!("by ticket, {suite}"),
        suite: Some(suite),
        ..case.clone()
    });
    let rsa = Case {
        kind: Kind::Rsa,
        ..case.clone()
    };
    let mutual = Case {
        client_auth: ClientAuth::Required(Kind::P256),
        ..case.clone()
    };
    let alpn = Case {
        alpn: true,
        ..case.clone()
    };
    let retried = Case {
        group: Some(NamedGroup::SECP384R1),
        guess: Some(NamedGroup::X25519),
        ..case.clone()
    };
    let rest = [
        also("RSA", rsa),
        also("client certificate", mutual),
        also("ALPN", alpn),
        also("HelloRetryRequest", retried),
        psk(&case),
    ];
    [&suites[..], &rest].concat()
}

fn key_updates(plain: &Case) -> Vec<Case> {
    let plain = Case {
        section: Section::KeyUpdates,
        ..plain.clone()
    };
    let of = |plain: &Case| {
        let cases = KeyUpdate::ALL.map(|update| Case {
            name: format!("{}, {}", plain.name, update.name()),
            key_update: Some(update),
            ..plain.clone()
        });
        cases.to_vec()
    };
    let suites = SUITES13.map(|suite| Case {
        name: format!("{suite}"),
        suite: Some(suite),
        ..plain.clone()
    });
    suites.iter().flat_map(of).collect()
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
        cases.push(psk(&plain));
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
        Case {
            suite: Some(CipherSuite::TLS_AES_128_GCM_SHA256),
            ..wrong(&plain, Wrong::Suite)
        },
        Case {
            group: Some(NamedGroup::X25519),
            ..wrong(&plain, Wrong::Group)
        },
        Case {
            psk: true,
            ..wrong(&plain, Wrong::Psk)
        },
    ]);
    cases
}

fn psk(case: &Case) -> Case {
    let name = match (case.section, case.name.as_str()) {
        (Section::Suites, _) => "pre-shared key".into(),
        (_, name) => format!("{name}, pre-shared key"),
    };
    Case {
        name,
        psk: true,
        ..case.clone()
    }
}
