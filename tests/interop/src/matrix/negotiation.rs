//! Which version is spoken where a side offers several (RFC 8446 §4.2.1, RFC 6347 §4.2.1).

use super::{PSK_SUITES, plain, with_psk};
use crate::case::{Case, ClientAuth, Resumed, Role, Versions, Wrong};
use crate::pki::Kind;
use crate::section::Section;

/// What we speak, and what the peer speaks.
const OFFERS: [(Versions, Versions); 5] = [
    (Versions::Both, Versions::Both),
    (Versions::Both, Versions::Only13),
    (Versions::Only13, Versions::Both),
    (Versions::Both, Versions::Only12),
    (Versions::Only12, Versions::Both),
];

/// Every case in which we take this role, on a good path.
pub(super) fn of_all(ours: Role) -> Vec<Case> {
    let plain = |(our_versions, their_versions): (Versions, Versions)| Case {
        section: Section::Negotiation,
        name: format!("{}, {}", our_versions.name(), their_versions.name()),
        our_versions,
        their_versions,
        ..plain(ours, Versions::Both)
    };
    let mut cases: Vec<Case> = OFFERS.map(plain).iter().flat_map(handshakes).collect();
    let apart = [
        (Versions::Only13, Versions::Only12),
        (Versions::Only12, Versions::Only13),
    ];
    cases.extend(apart.map(|versions| Case {
        wrong: Wrong::Version,
        ..plain(versions)
    }));
    cases
}

fn handshakes(plain: &Case) -> Vec<Case> {
    let also = |what: &str, case: Case| Case {
        name: format!("{}, {what}", plain.name),
        ..case
    };
    let mutual = Case {
        client_auth: ClientAuth::Required(Kind::P256),
        mtu: Some(512),
        ..plain.clone()
    };
    let rsa = Case {
        kind: Kind::Rsa,
        alpn: true,
        ..plain.clone()
    };
    let resumed = Case {
        resumed: Some(Resumed::ByTicket),
        ..plain.clone()
    };
    let cookies = Case {
        cookies: !plain.cookies,
        ..plain.clone()
    };
    let name = match plain.ours {
        Role::Client => "cookies",
        Role::Server => "no cookies",
    };
    let mut cases = vec![
        plain.clone(),
        also("both P-256, MTU 512", mutual),
        also("RSA, ALPN", rsa),
        also("by ticket", resumed),
        also(name, cookies),
    ];
    match plain.is_of13() {
        true => cases.push(also(
            "pre-shared key",
            Case {
                psk: true,
                ..plain.clone()
            },
        )),
        // Peers have the one or the other.
        false => cases.extend(PSK_SUITES.map(|suite| with_psk(plain, suite))),
    }
    cases
}
