//! What the two sides agree on, and how they fail to.
#![cfg(feature = "x509")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod common;

use common::{MINUTE, NAME, alert, failures, pair, pair_for, pki, psk};
use flightline::lab::{End, Pair, Weather};
use flightline::{
    AlertDescription, AlpnChoice, CertificateError, CipherSuite, ClientAuth, ClientConfig,
    ConfigBuilder, Error, ExtensionType, Fingerprint, NamedGroup, ProtocolVersion, Psk,
    RootCertificates, RootsVerifier, ServerConfig, ServerIdentity, ServerName, ServerTrust,
    SrtpProfile,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn certificate_client() -> ConfigBuilder<ClientConfig> {
    ClientConfig::builder(ServerTrust::roots(pki().roots.clone()))
}

fn certificate_server() -> ConfigBuilder<ServerConfig> {
    ServerConfig::builder(ServerIdentity::certificate(pki().server.clone()))
}

/// The longest hello that a configuration may bring: all that it names, the longest name of a server and of a key, a
/// longer share, which the server asks for together with a cookie. The gate puts it together; whatever is longer is
/// not built.
#[test]
fn the_longest_hello_that_is_built_is_answered() {
    use ProtocolVersion as V;
    let names = |bytes: usize| {
        let long = (0..bytes / 64).map(|number| format!("{number:063}"));
        let rest = (bytes % 64).checked_sub(1).filter(|rest| *rest > 0);
        long.chain(rest.map(|rest| "r".repeat(rest)))
    };
    let long = Psk::new([b'x'; 2048], [7; 32]).unwrap();
    let server_name = vec!["n".repeat(60); 4].join(".") + ".test";
    assert_eq!(server_name.len(), 248);
    let fingerprint = pki().server.fingerprint();
    let trusts = [
        (ServerTrust::psk(long.clone()), 1_000),
        (ServerTrust::pinned([fingerprint]), 3_000),
    ];
    let certificate = ServerIdentity::certificate(pki().server.clone());
    for (trust, always) in trusts {
        for versions in [&[V::DTLS1_3, V::DTLS1_2][..], &[V::DTLS1_3], &[V::DTLS1_2]] {
            let client = |mtu: usize, bytes: usize| {
                let profiles = [SrtpProfile::SRTP_AEAD_AES_128_GCM; 2];
                ClientConfig::builder(trust.clone())
                    .versions(versions.iter().copied())
                    .srtp_profiles(profiles)
                    .alpn(names(bytes))
                    .mtu(mtu)
            };
            let case = format!("{trust:?} {versions:?}");
            let builds = |mtu, bytes| client(mtu, bytes).build().is_ok();
            let most = (0..4_096).take_while(|bytes| builds(1_400, *bytes)).last();
            let most = most.unwrap();
            assert!(most >= always, "{case}: {most}");
            // All in one datagram, it may have as much as names may have in all; but no server's list is as long.
            assert!(builds(65_507, 4_096));
            for (mtu, bytes) in [(1_400, most), (128, most), (65_507, 4_096)] {
                let server = ServerConfig::builder(certificate.clone().with_psk(long.clone()));
                let server = server.groups([NamedGroup::SECP384R1]).alpn(names(64));
                let mut pair = pair_for(&server_name, client(mtu, bytes), server);
                pair.establish(MINUTE)
                    .unwrap_or_else(|e| panic!("{case}, {mtu}: {e}"));
                pair.exchange(b"request", b"response").unwrap();
                assert_eq!(pair.version(End::Client), versions.first().copied());
            }
        }
    }
}

#[test]
fn every_suite_and_group() {
    use CipherSuite as C;
    let with_certificates = [
        C::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        C::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        C::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        C::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        C::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        C::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ];
    let with_psk = [
        C::TLS_PSK_WITH_AES_128_GCM_SHA256,
        C::TLS_PSK_WITH_AES_256_GCM_SHA384,
        C::TLS_PSK_WITH_CHACHA20_POLY1305_SHA256,
        C::TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256,
        C::TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384,
        C::TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
    ];
    let groups = [
        NamedGroup::X25519,
        NamedGroup::SECP256R1,
        NamedGroup::SECP384R1,
    ];
    let both = || {
        let certificates = vec![pki().server.clone(), pki().rsa.clone()];
        ServerIdentity::resolver(move |_: Option<&str>| certificates.clone()).with_psk(psk())
    };
    for suite in with_certificates.into_iter().chain(with_psk) {
        for group in groups {
            let client = match with_psk.contains(&suite) {
                true => ClientConfig::builder(ServerTrust::psk(psk())),
                false => certificate_client(),
            };
            // The certificate's curve must be among the client's, so the server narrows the choice.
            let client = client.cipher_suites([suite]);
            let mut pair = pair(client, ServerConfig::builder(both()).groups([group]));
            pair.establish(MINUTE)
                .unwrap_or_else(|e| panic!("{suite}, {group}: {e}"));
            pair.exchange(b"request", b"response").unwrap();
        }
    }
}

/// RFC 8422 §5.3: the client's groups are those of the server's ECDSA key as well.
#[test]
fn an_ecdsa_certificate_is_on_a_curve_of_the_clients() {
    use NamedGroup as G;
    let (p256, rsa) = (|| pki().server.clone(), || pki().rsa.clone());
    for (groups, certificates, succeeds) in [
        (&[G::X25519, G::SECP256R1][..], vec![p256()], true),
        (&[G::X25519], vec![p256()], false),
        (&[G::SECP384R1], vec![p256()], false),
        (&[G::X25519], vec![rsa()], true),
        (&[G::X25519], vec![p256(), rsa()], true),
    ] {
        let identity = ServerIdentity::resolver(move |_: Option<&str>| certificates.clone());
        // DTLS 1.3 has the curve in the signature scheme (RFC 8446 §4.2.3).
        let client = certificate_client()
            .versions([ProtocolVersion::DTLS1_2])
            .groups(groups.iter().copied());
        let mut pair = pair(client, ServerConfig::builder(identity));
        if succeeds {
            pair.establish(MINUTE).unwrap();
            pair.exchange(b"request", b"response").unwrap();
        } else {
            let (client, server) = failures(pair);
            assert!(matches!(server, Error::NoCommonCipherSuite), "{server}");
            assert_eq!(alert(&client), AlertDescription::HANDSHAKE_FAILURE);
        }
    }
}

#[test]
fn no_suite_in_common_is_told_to_the_client() {
    let only = |suite| ClientConfig::builder(ServerTrust::psk(psk())).cipher_suites([suite]);
    let server = ServerConfig::builder(ServerIdentity::psk(psk()))
        .cipher_suites([CipherSuite::TLS_PSK_WITH_AES_256_GCM_SHA384]);
    let (client, server) = failures(pair(
        only(CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256),
        server,
    ));
    assert!(matches!(server, Error::NoCommonCipherSuite), "{server}");
    assert_eq!(alert(&client), AlertDescription::HANDSHAKE_FAILURE);
}

#[test]
fn alpn_is_the_servers_preference_or_a_failure() {
    let server = certificate_server().alpn(["coap", "echo"]);
    let mut agreed = pair(certificate_client().alpn(["echo", "coap"]), server);
    agreed.establish(MINUTE).unwrap();
    assert_eq!(agreed.alpn(End::Client).as_deref(), Some(&b"coap"[..]));
    assert_eq!(agreed.alpn(End::Server), agreed.alpn(End::Client));

    let (client, server) = failures(pair(
        certificate_client().alpn(["a"]),
        certificate_server().alpn(["b"]),
    ));
    assert!(matches!(server, Error::NoCommonProtocol), "{server}");
    assert_eq!(alert(&client), AlertDescription::NO_APPLICATION_PROTOCOL);

    let mut silent = pair(certificate_client().alpn(["a"]), certificate_server());
    silent.establish(MINUTE).unwrap();
    assert_eq!(silent.alpn(End::Client), None);
}

#[test]
fn alpn_is_what_the_selector_says() {
    type Selector = fn(&[Vec<u8>]) -> AlpnChoice;
    let with = |offered: &[&str], selector: Selector| {
        let client = certificate_client().alpn(offered);
        pair(client, certificate_server().alpn_selector(selector))
    };
    let last: Selector = |offered| match offered.last() {
        Some(name) => AlpnChoice::Select(name.clone()),
        None => AlpnChoice::Refuse,
    };
    for (offered, selector, agreed) in [
        (&["echo", "coap"][..], last, Some(&b"coap"[..])),
        (&["echo"], |_| AlpnChoice::Decline, None),
        (&[], |_| panic!("nothing was offered"), None),
    ] {
        let mut pair = with(offered, selector);
        pair.establish(MINUTE).unwrap();
        for end in [End::Client, End::Server] {
            assert_eq!(pair.alpn(end).as_deref(), agreed, "{offered:?}");
        }
    }

    let not_offered: [Selector; 3] = [
        |_| AlpnChoice::Select(Vec::new()),
        |_| AlpnChoice::Select(vec![b'a'; 256]),
        |_| AlpnChoice::Select(b"coap".to_vec()),
    ];
    for selector in not_offered {
        let (client, server) = failures(with(&["echo"], selector));
        assert!(matches!(server, Error::ProtocolNotOffered(_)), "{server}");
        assert_eq!(alert(&client), AlertDescription::INTERNAL_ERROR);
    }
    let (client, server) = failures(with(&["echo"], |_| AlpnChoice::Refuse));
    assert!(matches!(server, Error::NoCommonProtocol), "{server}");
    assert_eq!(alert(&client), AlertDescription::NO_APPLICATION_PROTOCOL);
}

#[test]
fn alpn_is_a_list_or_a_selector() {
    let both = certificate_server()
        .alpn(["echo"])
        .alpn_selector(|_: &[Vec<u8>]| AlpnChoice::Decline);
    assert!(matches!(both.build(), Err(Error::Config(_))));
}

#[test]
fn srtp_is_the_servers_preference_or_nothing() {
    const CM_80: SrtpProfile = SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_80;
    const GCM_128: SrtpProfile = SrtpProfile::SRTP_AEAD_AES_128_GCM;
    const GCM_256: SrtpProfile = SrtpProfile::SRTP_AEAD_AES_256_GCM;
    for (offered, wanted, agreed) in [
        (
            &[CM_80, GCM_128][..],
            &[GCM_256, GCM_128, CM_80][..],
            Some(GCM_128),
        ),
        (&[GCM_256], &[GCM_256], Some(GCM_256)),
        (&[CM_80], &[GCM_128], None),
        (&[CM_80], &[], None),
        (&[], &[CM_80], None),
    ] {
        let mut pair = pair(
            certificate_client().srtp_profiles(offered.iter().copied()),
            certificate_server().srtp_profiles(wanted.iter().copied()),
        );
        pair.establish(MINUTE).unwrap();
        pair.exchange(b"request", b"response").unwrap();
        let keys = [End::Client, End::Server].map(|end| pair.srtp_keys(end));
        match (agreed, keys) {
            (Some(profile), [Ok(client), Ok(server)]) => {
                assert_eq!([client.profile(), server.profile()], [profile; 2]);
                assert_eq!(client.client_write_key(), server.client_write_key());
                assert_eq!(client.server_write_key(), server.server_write_key());
                assert_eq!(client.client_write_salt(), server.client_write_salt());
                assert_eq!(client.server_write_salt(), server.server_write_salt());
                assert_ne!(client.client_write_key(), client.server_write_key());
            }
            (None, [Err(Error::Config(_)), Err(Error::Config(_))]) => {}
            (_, keys) => panic!("{offered:?}, {wanted:?}: {keys:?}"),
        }
    }
}

/// A profile of unknown lengths has no keys, so it cannot be asked for.
#[test]
fn srtp_without_encryption_cannot_be_configured() {
    let built = certificate_client().srtp_profiles([SrtpProfile(5)]).build();
    assert!(matches!(built, Err(Error::Config(_))));
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let (client, server) = failures(pair_for(
        "other.test",
        certificate_client(),
        certificate_server(),
    ));
    let wrong_name = |cause: &CertificateError| matches!(cause, CertificateError::WrongName { .. });
    assert!(
        matches!(&client, Error::Certificate(cause) if wrong_name(cause)),
        "{client}"
    );
    assert_eq!(alert(&server), AlertDescription::BAD_CERTIFICATE);
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused() {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "somebody else");
    let other = params.self_signed(&key).unwrap();
    let roots = RootCertificates::from_der([other.der().to_vec()]).unwrap();
    let (client, server) = failures(pair(
        ClientConfig::builder(ServerTrust::roots(roots)),
        certificate_server(),
    ));
    assert!(
        matches!(client, Error::Certificate(CertificateError::UnknownIssuer)),
        "{client}"
    );
    assert_eq!(alert(&server), AlertDescription::UNKNOWN_CA);
}

#[test]
fn a_pinned_fingerprint_is_believed_whatever_the_name() {
    let pinned = |fingerprint| ClientConfig::builder(ServerTrust::pinned([fingerprint]));
    let mut right = pair_for(
        "other.test",
        pinned(pki().server.fingerprint()),
        certificate_server(),
    );
    right.establish(MINUTE).unwrap();
    right.exchange(b"request", b"response").unwrap();
    let (client, _) = failures(pair(
        pinned(Fingerprint::from([1; 32])),
        certificate_server(),
    ));
    assert!(
        matches!(
            client,
            Error::Certificate(CertificateError::NotPinned { .. })
        ),
        "{client}"
    );
}

#[test]
fn d20_authorities_without_a_name_are_no_trust() {
    let client = certificate_client().build().unwrap();
    let server = certificate_server().build().unwrap();
    let refused = Pair::new(client, server, ServerName::unnamed(), Weather::clear());
    assert!(matches!(refused.err(), Some(Error::Config(_))));
}

#[test]
fn d03_a_client_certificate_is_none_optional_or_required() {
    let verifier = || RootsVerifier::new(pki().roots.clone());
    let identified = || certificate_client().identity(pki().client.clone());

    let mut optional = pair(
        certificate_client(),
        certificate_server().client_auth(ClientAuth::optional(verifier())),
    );
    optional.establish(MINUTE).unwrap();
    optional.exchange(b"request", b"response").unwrap();

    let required = || certificate_server().client_auth(ClientAuth::required(verifier()));
    let mut known = pair(identified(), required());
    known.establish(MINUTE).unwrap();
    known.exchange(b"request", b"response").unwrap();

    for (version, alert_sent) in [
        (
            ProtocolVersion::DTLS1_2,
            AlertDescription::HANDSHAKE_FAILURE,
        ),
        (
            ProtocolVersion::DTLS1_3,
            AlertDescription::CERTIFICATE_REQUIRED,
        ),
    ] {
        let nobody = certificate_client().versions([version]);
        let (client, server) = failures(pair(nobody, required()));
        let missing = matches!(server, Error::NoCertificate | Error::CertificateRequired);
        assert!(missing, "{server}");
        assert_eq!(alert(&client), alert_sent);
    }

    // A server's certificate is not a client's.
    let (_, server) = failures(pair(
        certificate_client().identity(pki().server.clone()),
        required(),
    ));
    assert!(
        matches!(server, Error::Certificate(CertificateError::WrongPurpose)),
        "{server}"
    );
}

#[test]
fn certificates_are_chosen_by_server_name() {
    let asked = Arc::new(AtomicUsize::new(0));
    let times = asked.clone();
    let by_name = move |name: Option<&str>| {
        times.fetch_add(1, Ordering::Relaxed);
        match name {
            Some(NAME) => vec![pki().server.clone()],
            _ => Vec::new(),
        }
    };
    let lookups = || asked.swap(0, Ordering::Relaxed);
    for version in [ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_3] {
        let client = || certificate_client().versions([version]);
        let server = || ServerConfig::builder(ServerIdentity::resolver(by_name.clone()));
        let mut named = pair(client(), server());
        named.establish(MINUTE).unwrap();
        named.exchange(b"request", b"response").unwrap();
        assert_eq!(lookups(), 1);
        let (told, error) = failures(pair_for("other.test", client(), server()));
        assert_eq!(alert(&told), AlertDescription::UNRECOGNIZED_NAME);
        assert_eq!(lookups(), 1);
        let name = "other.test".to_owned();
        assert!(matches!(error, Error::UnknownServerName(Some(asked)) if asked == name));
        // RFC 6066 §3: an address is no name, and is not asked for.
        let (told, error) = failures(pair_for("192.0.2.1", client(), server()));
        assert_eq!(lookups(), 1);
        match (version, error) {
            (ProtocolVersion::DTLS1_2, Error::UnknownServerName(None)) => {
                assert_eq!(alert(&told), AlertDescription::HANDSHAKE_FAILURE);
            }
            // RFC 8446 §9.2.
            (_, Error::MissingExtension(ExtensionType::SERVER_NAME)) => {
                assert_eq!(alert(&told), AlertDescription::MISSING_EXTENSION);
            }
            (_, error) => panic!("{version}: {error}"),
        }
        // Who has a key needs no certificate.
        let client = ClientConfig::builder(ServerTrust::psk(psk())).versions([version]);
        let identity = ServerIdentity::resolver(by_name.clone()).with_psk(psk());
        let mut keyed = pair(client, ServerConfig::builder(identity));
        keyed.establish(MINUTE).unwrap();
        keyed.exchange(b"request", b"response").unwrap();
        assert_eq!(lookups(), 0);
    }
}
