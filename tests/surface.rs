//! What the public types say of themselves, and the small calls that no other test is about.
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
use flightline::{
    AlpnChoice, ClientAuth, ClientConfig, ClientSessionCache, CookieContext, DtlsListener,
    DtlsSocket, Error, HmacCookies, KeyLogFile, OpenedTicket, Psk, RootsVerifier, RotatingTicketer,
    ServeOptions, ServerConfig, ServerIdentity, ServerName, ServerSessionCache, ServerTrust,
    SharedTicketer, SrtpProfile, Ticketer, Transport, UdpTransport,
};
use served::{
    LONG, Served, ask, client_config, client_config_12, connect, echo, psk, server_config,
};
use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, mpsc};
use std::time::Duration;

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

/// A disk that is full keeps nobody from shaking hands.
#[cfg(target_os = "linux")]
#[test]
fn a_key_log_that_cannot_be_written_harms_no_handshake() {
    let server = Served::new(echo);
    let full = Arc::new(KeyLogFile::create("/dev/full").unwrap());
    let config = ClientConfig::builder(ServerTrust::psk(psk())).key_log(full);
    let name = ServerName::unnamed();
    let socket =
        DtlsSocket::connect_timeout(&server.address, name, config.build().unwrap(), LONG).unwrap();
    assert_eq!(ask(&socket, b"hello"), b"hello");
}
