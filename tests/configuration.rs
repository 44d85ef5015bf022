//! Configurations: what they refuse, and what they are made of.
#![cfg(feature = "x509")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;
mod served;

use common::{NAME, pki, why};
use flightline::lab::{End, Pair, Weather};
use flightline::{
    CipherSuite, ClientAuth, ClientConfig, ConfigBuilder, DtlsSocket, Identity, NamedGroup,
    ProtocolVersion, Psk, Renegotiation, Retransmission, RootsVerifier, ServerConfig,
    ServerIdentity, ServerName, ServerTrust, SystemClock, TimestampTimer,
};
use served::{LONG, Served, ask, echo, psk};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

type Client = ConfigBuilder<ClientConfig>;
type Server = ConfigBuilder<ServerConfig>;

fn client() -> Client {
    ClientConfig::builder(ServerTrust::psk(psk()))
}

fn server() -> Server {
    ServerConfig::builder(ServerIdentity::psk(psk()))
}

/// Everything that contradicts itself, and the words that say so.
#[test]
fn a_configuration_that_makes_no_sense_is_not_built() {
    let unknown_suite = CipherSuite(0x1234);
    let unknown_group = NamedGroup(25);
    let certificates = [CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256];
    let sha384 = [CipherSuite::TLS_AES_256_GCM_SHA384];
    let zero = Duration::ZERO;
    let long_names = || (0..40_u8).map(|number| vec![number; 255]);
    let longish_names = || long_names().take(15);
    let rows: [(Client, &str); 16] = [
        (client().cipher_suites([unknown_suite]), "is not supported"),
        (client().groups([unknown_group]), "is not supported"),
        (client().cipher_suites([]), "no cipher suites"),
        (client().groups([]), "no groups"),
        (client().alpn([""]), "1 to 255 bytes"),
        (client().alpn([vec![b'a'; 256]]), "1 to 255 bytes"),
        (client().alpn(long_names()), "8 KiB"),
        (client().alpn(longish_names()), "put 4,096 together"),
        (client().handshake_timeout(zero, LONG), "retransmission"),
        (client().handshake_timeout(LONG, LONG / 2), "retransmission"),
        (client().handshake_deadline(zero), "leaves no time"),
        (client().read_timeout(zero), "is not a timeout"),
        (
            client()
                .versions([ProtocolVersion::DTLS1_2])
                .cipher_suites(certificates),
            "goes with this trust",
        ),
        (client().cipher_suites(sha384), "goes with this trust"),
        (client().versions([]), "no versions"),
        (client().max_certificate_message(1023), "1,024 bytes"),
    ];
    for (builder, part) in rows {
        let why = why(builder.build());
        assert!(why.contains(part), "{why}");
    }
    let hint = vec![0; 2049];
    let long_hint = ServerIdentity::psk(psk()).with_psk_hint(hint);
    let rsa = [
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256,
    ];
    let ecdsa = || ServerIdentity::certificate(pki().server.clone());
    let with = |identity| ServerConfig::builder(identity).cipher_suites(rsa);
    let of_1_2 = |identity| with(identity).versions([ProtocolVersion::DTLS1_2]);
    let anybody = || RootsVerifier::new(pki().roots.clone());
    let rows = [
        (with(ecdsa()), "goes with this identity"),
        (of_1_2(ecdsa()), "goes with this identity"),
        (
            ServerConfig::builder(long_hint),
            "hint has at most 2,048 bytes",
        ),
        (
            server().client_auth(ClientAuth::optional(anybody())),
            "has no certificate itself",
        ),
        (
            server().client_auth(ClientAuth::required(anybody())),
            "has no certificate itself",
        ),
        (
            server().cipher_suites(certificates),
            "goes with this identity",
        ),
        (server().cipher_suites(sha384), "goes with this identity"),
    ];
    for (builder, part) in rows {
        let why = why(builder.build());
        assert!(why.contains(part), "{why}");
    }
    let by_name = ServerIdentity::resolver(|_: Option<&str>| vec![pki().server.clone()]);
    let rsa_key = ServerIdentity::certificate(pki().rsa.clone());
    for identity in [rsa_key, by_name, ecdsa().with_psk(psk())] {
        of_1_2(identity).build().unwrap();
    }
    let any = [rsa[0], CipherSuite::TLS_AES_128_GCM_SHA256];
    with(ecdsa()).cipher_suites(any).build().unwrap();
    client().alpn(longish_names()).mtu(9000).build().unwrap();
    client().max_certificate_message(1024).build().unwrap();
    for (identity, key) in [(0, 1), (1, 0), (2049, 1), (1, 0x1_0000)] {
        let why = why(Psk::new(vec![b'a'; identity], vec![1; key]));
        assert!(
            why.contains("1 to 2,048") && why.contains("1 to 65,535"),
            "{why}"
        );
    }
    assert!(Psk::new(vec![b'a'; 2048], vec![1; 0xffff]).is_ok());
}

/// Certificates with each kind of key.
#[test]
fn every_kind_of_key_proves_a_server() {
    for (algorithm, name) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, "ECDSA P-256"),
        (&rcgen::PKCS_ECDSA_P384_SHA384, "ECDSA P-384"),
        (&rcgen::PKCS_ED25519, "Ed25519"),
    ] {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let params = rcgen::CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        let chain = vec![params.self_signed(&key).unwrap().der().to_vec()];
        let identity = Identity::from_der(chain, &key.serialize_der()).unwrap();
        assert!(format!("{identity:?}").contains(&format!("SigningKey({name})")));
        let trust = ServerTrust::pinned([identity.fingerprint()]);
        let mut pair = Pair::new(
            ClientConfig::builder(trust).build().unwrap(),
            ServerConfig::builder(ServerIdentity::certificate(identity))
                .build()
                .unwrap(),
            ServerName::new(NAME).unwrap(),
            Weather::clear(),
        )
        .unwrap();
        pair.establish(LONG).unwrap();
        pair.exchange(b"question", b"answer").unwrap();
        assert!(pair.peer_identity(End::Client).is_some());
    }
}

#[test]
fn an_identity_comes_out_of_two_files() {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec![NAME.to_owned()]).unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let directory =
        std::env::temp_dir().join(format!("flightline-configuration-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    // One file for both is as good as two.
    let both = directory.join("both.pem");
    std::fs::write(&both, pem + &key.serialize_pem()).unwrap();
    let identity = ServerIdentity::from_pem_files(&both, &both).unwrap();
    assert!(ServerConfig::builder(identity).build().is_ok());
    let missing = why(ServerIdentity::from_pem_files(
        directory.join("none.pem"),
        &both,
    ));
    assert!(missing.contains("none.pem: cannot be read"), "{missing}");
    let unreadable = why(ServerIdentity::from_pem_files(&directory, &both));
    assert!(unreadable.contains("cannot be read"), "{unreadable}");
    std::fs::remove_dir_all(&directory).unwrap();
}

/// Timers of one's own are made for each connection, by what the configuration says.
#[test]
fn timers_come_from_the_configuration() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let clock = Arc::new(SystemClock::default());
    let config = client()
        .retransmission(Retransmission::LOSSY)
        .renegotiation(Renegotiation::Fatal)
        .timers(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Box::new(TimestampTimer::new(clock.clone()))
        });
    let config = Arc::new(config.build().unwrap());
    let server = Served::new(echo);
    for number in 1..3 {
        let name = ServerName::unnamed();
        let socket = DtlsSocket::connect_timeout(&server.address, name, config.clone(), LONG);
        assert_eq!(ask(&socket.unwrap(), b"hello"), b"hello");
        assert_eq!(made.load(Ordering::Relaxed), number);
    }
}

/// A key whose two halves are not of each other would sign what nobody can verify.
#[test]
fn a_damaged_private_key_is_refused() {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec![NAME.to_owned()]).unwrap();
    let chain = vec![params.self_signed(&key).unwrap().der().to_vec()];
    let mut der = key.serialize_der();
    // The last byte is of the public key.
    *der.last_mut().unwrap() ^= 1;
    let why = why(Identity::from_der(chain, &der));
    assert!(why.contains("the private key is not usable"), "{why}");
}
