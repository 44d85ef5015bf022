//! What the public types refuse, what they say of themselves, and the small calls that no other test is
//! about.
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

use common::{NAME, pki};
use flightline::lab::{End, Pair, Weather};
use flightline::{
    AlpnChoice, CipherSuite, ClientAuth, ClientConfig, ClientSessionCache, ConfigBuilder,
    CookieContext, DtlsListener, DtlsSocket, Error, HmacCookies, Identity, KeyLogFile, NamedGroup,
    OpenedTicket, ProtocolVersion, Psk, Renegotiation, Retransmission, RootsVerifier,
    RotatingTicketer, ServeOptions, ServerConfig, ServerIdentity, ServerName, ServerSessionCache,
    ServerTrust, SharedTicketer, SrtpProfile, SystemClock, Ticketer, TimestampTimer, Transport,
    UdpTransport,
};
use served::{
    LONG, Served, ask, client_config, client_config_12, connect, echo, psk, server_config,
};
use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

type Client = ConfigBuilder<ClientConfig>;
type Server = ConfigBuilder<ServerConfig>;

fn client() -> Client {
    ClientConfig::builder(ServerTrust::psk(psk()))
}

fn server() -> Server {
    ServerConfig::builder(ServerIdentity::psk(psk()))
}

fn why<T: Debug>(outcome: flightline::Result<T>) -> String {
    match outcome {
        Err(Error::Config(why)) => why,
        other => panic!("{other:?}"),
    }
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

/// F7: whatever is printed, no secret is in it.
#[test]
fn f07_no_public_type_prints_a_secret() {
    let psk = Psk::new("sensor-7", b"Sesame, open").unwrap();
    let listener = DtlsListener::bind((Ipv4Addr::LOCALHOST, 0), server_config()).unwrap();
    let ticketer = RotatingTicketer::default();
    let shared = SharedTicketer::new([7; 32]).unwrap();
    let opened = |state: &[u8]| {
        [
            OpenedTicket::Fresh(state.into()),
            OpenedTicket::Ageing(state.into()),
        ]
    };
    let state = b"Sesame, open";
    let ticket = ticketer.seal(state).unwrap();
    let trusts = [
        ServerTrust::psk(psk.clone()),
        ServerTrust::roots(pki().roots.clone()),
    ];
    let auths = [
        ClientAuth::None,
        ClientAuth::optional(RootsVerifier::new(pki().roots.clone())),
        ClientAuth::required(RootsVerifier::new(pki().roots.clone())),
    ];
    let choose = |_: &[Vec<u8>]| AlpnChoice::Decline;
    let config = ServerConfig::builder(ServerIdentity::psk(psk.clone()).with_psk_hint("hint"));
    let config = config.alpn_selector(choose).without_resumption().build();
    let printed: Vec<(&dyn Debug, &str)> = vec![
        (&psk, "Psk(sensor-7)"),
        (&ticketer, "RotatingTicketer { .. }"),
        (&shared, "SharedTicketer { .. }"),
        (&trusts, "[ServerTrust::Psk, ServerTrust::Certificates]"),
        (
            &auths,
            "[ClientAuth::None, ClientAuth::Optional, ClientAuth::Required]",
        ),
    ];
    for (value, expected) in printed {
        assert_eq!(format!("{value:?}"), expected);
    }
    let names: Vec<(&dyn Debug, &str)> = vec![
        (&config, "AlpnSelector"),
        (&listener, "DtlsListener { local_addr: Some(127.0.0.1:"),
        (
            &pki().server,
            "Identity { key: SigningKey(ECDSA P-256), certificates: 1",
        ),
        (&pki().rsa, "SigningKey(RSA)"),
    ];
    for (value, part) in names {
        let text = format!("{value:?}");
        assert!(text.contains(part), "{text}");
        assert!(
            !text.contains("Sesame") && !text.contains("83, 101, 115"),
            "{text}"
        );
    }
    let closer = listener.closer();
    let cookies = (CookieContext::new().unwrap(), HmacCookies::new().unwrap());
    let caches = (ClientSessionCache::default(), ServerSessionCache::default());
    let tickets = (ticketer.open(&ticket), opened(state));
    let options = ServeOptions::default();
    let text = format!("{closer:?} {cookies:?} {caches:?} {tickets:?} {options:?}");
    for part in [
        "Closer",
        "sessions: 0",
        "servers: 0",
        "Fresh",
        "Ageing",
        "max_connections",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("83, 101, 115"), "{text}");
}

#[test]
fn exported_keys_depend_on_label_and_context_and_not_on_the_protocols_own_labels() {
    let server = Served::new(echo);
    let name = ServerName::unnamed();
    let socket = DtlsSocket::connect(server.address, name, client_config_12()).unwrap();
    let export = |label: &[u8], context: Option<&[u8]>| {
        let mut out = [0; 16];
        let outcome = socket.export_keying_material(&mut out, label, context);
        outcome.map(|()| out)
    };
    let label = b"EXPERIMENTAL-test";
    let keys = [
        export(label, None).unwrap(),
        export(label, Some(b"")).unwrap(),
        export(label, Some(b"context")).unwrap(),
        export(b"EXPERIMENTAL-other", None).unwrap(),
    ];
    for (number, key) in keys.iter().enumerate() {
        assert!(!keys[..number].contains(key), "{number}");
    }
    for reserved in [&b"key expansion"[..], b"master secret", b"client finished"] {
        assert!(why(export(reserved, None)).contains("reserved"));
    }
    let long = vec![0; 0x1_0000];
    assert!(why(export(label, Some(&long))).contains("65,535"));
    assert!(export(label, Some(&long[..0xffff])).is_ok());

    // RFC 8446 §7.5: in DTLS 1.3 no context is as an empty one, and any may be as long as it likes; but a label
    // shares 255 bytes with what stands before it.
    let socket = connect(server.address);
    let export = |label: &[u8], context: Option<&[u8]>| {
        let mut out = [0; 16];
        let outcome = socket.export_keying_material(&mut out, label, context);
        outcome.map(|()| out)
    };
    let keys = [
        export(label, None).unwrap(),
        export(label, Some(b"context")).unwrap(),
        export(b"EXPERIMENTAL-other", None).unwrap(),
        export(&[b'x'; 249], None).unwrap(),
    ];
    for (number, key) in keys.iter().enumerate() {
        assert!(!keys[..number].contains(key), "{number}");
    }
    assert_eq!(export(label, Some(b"")).unwrap(), keys[0]);
    assert!(export(label, Some(&long)).is_ok());
    assert!(export(b"", None).is_ok());
    assert!(why(export(&[b'x'; 250], None)).contains("249 bytes"));
    assert!(why(export(b"key expansion", None)).contains("reserved"));
}

#[test]
fn where_nobody_can_be_reached_is_told_at_once() {
    let none: &[SocketAddr] = &[];
    let why_none = why(DtlsSocket::connect(
        none,
        ServerName::unnamed(),
        client_config(),
    ));
    assert!(why_none.contains("no address"), "{why_none}");
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    let name = ServerName::unnamed();
    let outcome = DtlsSocket::connect_timeout(&to, name, client_config(), Duration::ZERO);
    assert!(why(outcome).contains("no time"));
    // A bad name is none.
    let outcome = DtlsSocket::connect(to, String::from("not a name"), client_config());
    assert!(matches!(outcome, Err(Error::Config(_))));
}

/// The first address answers: the others are not tried.
#[test]
fn the_first_address_that_answers_is_taken() {
    let (first, second) = (Served::new(echo), Served::new(echo));
    let addresses = [first.address, second.address];
    let name = ServerName::unnamed();
    let socket = DtlsSocket::connect(&addresses[..], name, client_config()).unwrap();
    assert_eq!(socket.peer_addr().unwrap(), first.address);
    assert_eq!(second.closer.stats().datagrams_received, 0);
}

#[test]
fn over_ipv6_as_well() {
    let Ok(socket) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) else {
        return;
    };
    let listener = DtlsListener::from_socket(socket, server_config()).unwrap();
    let (to, closer) = (listener.local_addr().unwrap(), listener.closer());
    let serving = std::thread::spawn(move || listener.serve(echo));
    let socket = connect(to);
    assert!(socket.local_addr().unwrap().is_ipv6());
    assert_eq!(ask(&socket, b"hello"), b"hello");
    closer.close();
    serving.join().unwrap().unwrap();
}

/// Both ends of a connection say who they are, and the server what it was asked for.
#[test]
fn a_socket_tells_what_was_agreed_on() {
    let (tell, told) = mpsc::channel();
    let profiles = [SrtpProfile::SRTP_AEAD_AES_128_GCM];
    let identity = ServerIdentity::certificate(pki().server.clone());
    let config = ServerConfig::builder(identity).srtp_profiles(profiles);
    let server = Served::with(
        Arc::new(config.build().unwrap()),
        ServeOptions::default(),
        move |mut socket: DtlsSocket| {
            let mut buf = [0; 64];
            let length = socket.read(&mut buf).unwrap();
            socket.write_all(&buf[..length]).unwrap();
            socket.flush().unwrap();
            tell.send((
                socket.local_addr().unwrap(),
                socket.server_name().map(str::to_owned),
                socket.srtp_profile(),
                socket.srtp_keys().unwrap().client_write_key().to_vec(),
                format!("{socket:?}"),
            ))
            .unwrap();
        },
    );
    let config = ClientConfig::builder(ServerTrust::roots(pki().roots.clone()));
    let config = config.srtp_profiles(profiles).build().unwrap();
    let mut socket = DtlsSocket::connect_timeout(&server.address, NAME, config, LONG).unwrap();
    let mine = socket.local_addr().unwrap();
    socket.write_all(b"hello").unwrap();
    Write::flush(&mut socket).unwrap();
    Write::flush(&mut &socket).unwrap();
    let mut buf = [0; 64];
    assert_eq!(Read::read(&mut socket, &mut buf).unwrap(), 5);
    let (theirs, name, profile, key, text) = told.recv().unwrap();
    assert_eq!(theirs, server.address);
    assert_eq!(name.as_deref(), Some(NAME));
    assert_eq!(profile, Some(profiles[0]));
    assert_eq!(socket.srtp_profile(), profile);
    assert_eq!(socket.srtp_keys().unwrap().client_write_key(), key);
    assert!(text.contains(&mine.to_string()), "{text}");
    let without = connect(Served::new(echo).address);
    assert!(why(without.srtp_keys()).contains("no SRTP profile"));
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
    let directory = std::env::temp_dir().join(format!("flightline-surface-{}", std::process::id()));
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

/// An event loop waits for what the transport's socket waits for.
#[cfg(unix)]
#[test]
fn a_transport_shows_its_sockets_descriptor() {
    use std::os::fd::{AsFd, AsRawFd};
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(socket.local_addr().unwrap()).unwrap();
    let (descriptor, address) = (socket.as_raw_fd(), socket.local_addr().unwrap());
    let transport = UdpTransport::new(socket).unwrap();
    assert_eq!(transport.as_fd().as_raw_fd(), descriptor);
    assert_eq!(transport.local_addr().unwrap(), address);
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

/// A disk that is full keeps nobody from shaking hands.
#[cfg(target_os = "linux")]
#[test]
fn a_key_log_that_cannot_be_written_harms_no_handshake() {
    let server = Served::new(echo);
    let full = Arc::new(KeyLogFile::create("/dev/full").unwrap());
    let config = client().key_log(full).build().unwrap();
    let name = ServerName::unnamed();
    let socket = DtlsSocket::connect_timeout(&server.address, name, config, LONG).unwrap();
    assert_eq!(ask(&socket, b"hello"), b"hello");
}
