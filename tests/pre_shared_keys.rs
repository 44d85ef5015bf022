//! Pre-shared keys: which version they go with, how they are found, and what is told of those that are not.
#![cfg(feature = "x509")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod common;
mod resuming;

use common::{MINUTE, alert, failures, pair, pki, psk};
use flightline::lab::End;
use flightline::{
    AlertDescription, CipherSuite, ClientAuth, ClientConfig, Error, PeerIdentity, ProtocolVersion,
    Psk, RootsVerifier, ServerConfig, ServerIdentity, ServerTrust,
};
use resuming::{Store, client_with_psk, remembering};

#[test]
fn psk_hints_are_sent_and_read() {
    let plain = CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256;
    let ephemeral = CipherSuite::TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256;
    for (suite, length) in [(plain, 1), (plain, 2048), (ephemeral, 1), (ephemeral, 2048)] {
        let choose = move |hint: Option<&[u8]>| {
            hint.is_some_and(|hint| hint == vec![b'?'; length])
                .then(psk)
        };
        let client =
            || ClientConfig::builder(ServerTrust::psk_for_hint(choose)).cipher_suites([suite]);
        let server =
            ServerConfig::builder(ServerIdentity::psk(psk()).with_psk_hint(vec![b'?'; length]));
        let mut hinted = pair(client(), server);
        hinted.establish(MINUTE).unwrap();
        hinted.exchange(b"request", b"response").unwrap();

        let (client, _) = failures(pair(
            client(),
            ServerConfig::builder(ServerIdentity::psk(psk())),
        ));
        assert!(matches!(client, Error::Refused(_)), "{client}");
    }
}

/// RFC 8446 §4.2.11: of DTLS 1.3, suites with SHA-256 alone go with a pre-shared key. Who has no other but is
/// told a key speaks DTLS 1.2.
#[test]
fn where_no_suite_of_dtls_1_3_goes_with_the_psk_both_sides_agree_on_dtls_1_2() {
    const SHA384: [CipherSuite; 2] = [
        CipherSuite::TLS_AES_256_GCM_SHA384,
        CipherSuite::TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384,
    ];
    let client = || ClientConfig::builder(ServerTrust::psk(psk()));
    let server = || ServerConfig::builder(ServerIdentity::psk(psk()));
    let certified = ServerIdentity::certificate(pki().server.clone());
    let certified = ServerConfig::builder(certified.with_psk(psk()));
    let clients = [
        ("any suite", client()),
        ("SHA-384", client().cipher_suites(SHA384)),
    ];
    let servers = [
        ("any suite", server()),
        ("any suite, certificates", certified),
        ("SHA-384", server().cipher_suites(SHA384)),
    ];
    for (ours, client) in &clients {
        for (theirs, server) in &servers {
            let without = server.clone().danger_without_hello_verification();
            for server in [server.clone(), without] {
                let mut pair = pair(client.clone(), server);
                pair.establish(MINUTE)
                    .unwrap_or_else(|e| panic!("{ours}, {theirs}: {e}"));
                pair.exchange(b"request", b"response").unwrap();
                let expected = match [ours, theirs].contains(&&"SHA-384") {
                    true => ProtocolVersion::DTLS1_2,
                    false => ProtocolVersion::DTLS1_3,
                };
                let agreed = [End::Client, End::Server].map(|end| pair.version(end));
                assert_eq!(agreed, [Some(expected); 2], "{ours}, {theirs}");
            }
        }
    }
}

/// A server's hint comes with DTLS 1.2 alone. A client that needs it has no key to offer in a hello, and must
/// not offer a version that it cannot shake hands in.
#[test]
fn a_client_that_needs_a_hint_offers_no_dtls_1_3() {
    use ProtocolVersion as V;
    let server = || ServerConfig::builder(ServerIdentity::psk(psk()).with_psk_hint("here"));
    type Choose = fn(Option<&[u8]>) -> Option<Psk>;
    let needs: Choose = |hint| (hint == Some(b"here")).then(psk);
    let (any, never): (Choose, Choose) = (|_| Some(psk()), |_| None);
    const BOTH: &[V] = &[V::DTLS1_3, V::DTLS1_2];
    for (choose, versions, agreed) in [
        (needs, BOTH, Some(V::DTLS1_2)),
        (needs, &[V::DTLS1_2], Some(V::DTLS1_2)),
        (needs, &[V::DTLS1_3], None),
        (any, BOTH, Some(V::DTLS1_3)),
        (any, &[V::DTLS1_3], Some(V::DTLS1_3)),
        (never, BOTH, None),
        (never, &[V::DTLS1_3], None),
    ] {
        let trust = ServerTrust::psk_for_hint(choose);
        let client = ClientConfig::builder(trust).versions(versions.iter().copied());
        let mut pair = pair(client, server());
        match agreed {
            Some(_) => {
                pair.establish(MINUTE).unwrap();
                pair.exchange(b"request", b"response").unwrap();
            }
            None => {
                let error = pair.establish(MINUTE).unwrap_err();
                assert!(matches!(error, Error::Refused(_)), "{versions:?}: {error}");
            }
        }
        let versions = [End::Client, End::Server].map(|end| pair.version(end));
        assert_eq!(versions, [agreed; 2], "{versions:?}");
    }
}

/// RFC 8446 §4.2.11 has it so: there is a certificate for whoever names no known key, and none for whoever has
/// another key than the known one.
#[test]
fn d21_a_server_with_certificates_tells_an_unknown_psk_identity_from_a_wrong_key() {
    let certified = || {
        let identity = ServerIdentity::certificate(pki().server.clone());
        ServerConfig::builder(identity.with_psk(psk()))
    };
    let told = |identity: &str| {
        let other = Psk::new(identity, [9; 32]).unwrap();
        let client = ClientConfig::builder(ServerTrust::psk(other));
        let (client, _) = failures(pair(client, certified()));
        alert(&client)
    };
    assert_eq!(told("tester"), AlertDescription::DECRYPT_ERROR);
    // A client that is told keys only names no schemes for certificates.
    assert_eq!(told("nobody"), AlertDescription::MISSING_EXTENSION);
}

/// Where certificates are demanded, a pre-shared key is as good: it proves the client, and nobody is asked for more.
#[test]
fn a_psk_is_a_clients_proof_where_certificates_are_demanded() {
    for version in [ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_3] {
        let server = || {
            let identity = ServerIdentity::certificate(pki().server.clone()).with_psk(psk());
            let demanding = ClientAuth::required(RootsVerifier::new(pki().roots.clone()));
            ServerConfig::builder(identity).client_auth(demanding)
        };
        let keyed = ClientConfig::builder(ServerTrust::psk(psk())).versions([version]);
        let mut keyed = pair(keyed, server());
        keyed.establish(MINUTE).unwrap();
        keyed.exchange(b"request", b"response").unwrap();
        let known = PeerIdentity::Psk(psk().identity().to_vec());
        assert_eq!(keyed.peer_identity(End::Server), Some(&known), "{version}");

        let trust = ServerTrust::roots(pki().roots.clone());
        let nobody = ClientConfig::builder(trust).versions([version]);
        let (_, theirs) = failures(pair(nobody, server()));
        let refused = matches!(theirs, Error::NoCertificate | Error::CertificateRequired);
        assert!(refused, "{version}: {theirs}");
    }
}

/// As long as an identity may be, every version carries it, and where its hello is in fragments, the gate puts
/// it together. A ticket for it is as long again, and stays at home where the gate would not.
#[test]
fn the_longest_psk_identity_is_carried_by_both_versions() {
    use ProtocolVersion as V;
    for (bytes, version, spoken) in [
        (1900, V::DTLS1_2, &[V::DTLS1_2][..]),
        (2048, V::DTLS1_2, &[V::DTLS1_2]),
        (2048, V::DTLS1_2, &[V::DTLS1_3, V::DTLS1_2]),
        (1900, V::DTLS1_3, &[V::DTLS1_3, V::DTLS1_2]),
        (2048, V::DTLS1_3, &[V::DTLS1_3]),
    ] {
        let psk = Psk::new(vec![b'x'; bytes], [7; 32]).unwrap();
        for mtu in [512, 1400, 65_507] {
            let client = client_with_psk(version, &Store::default(), psk.clone()).mtu(mtu);
            let client = client.versions(spoken.iter().copied());
            let server = remembering(ServerIdentity::psk(psk.clone())).mtu(mtu);
            let server = server.versions([version]);
            for connection in 0..3 {
                let case = format!("{bytes} bytes, {version} of {spoken:?}, {mtu}, {connection}");
                let mut pair = pair(client.clone(), server.clone());
                pair.establish(MINUTE)
                    .unwrap_or_else(|e| panic!("{case}: {e}"));
                pair.exchange(b"request", b"response").unwrap();
                assert_eq!(pair.version(End::Server), Some(version), "{case}");
                let known = Some(&PeerIdentity::Psk(psk.identity().to_vec()));
                assert_eq!(pair.peer_identity(End::Server), known, "{case}");
                let resumed = connection > 0 && mtu > 4096;
                assert_eq!(pair.resumed(End::Client), Some(resumed), "{case}");
            }
        }
    }
}

#[test]
fn d21_psks_are_found_by_their_whole_identity() {
    let keys = |identity: &[u8]| match identity {
        b"a\0b" => Psk::new(identity, [1; 16]).ok(),
        _ => None,
    };
    let with = |identity: &[u8]| {
        let trust = ServerTrust::psk(Psk::new(identity, [1; 16]).unwrap());
        pair(
            ClientConfig::builder(trust),
            ServerConfig::builder(ServerIdentity::psk(keys)),
        )
    };
    let mut whole = with(b"a\0b");
    whole.establish(MINUTE).unwrap();
    whole.exchange(b"request", b"response").unwrap();
    failures(with(b"a"));
}
