//! What anyone may send to a listener, over the loopback interface, while others are served.
#![cfg(feature = "x509")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod served;

use flightline::{DtlsSocket, ServerName};
use served::{Served, ask, client_config_12, connect, echo, first_hello};
use std::net::{Ipv4Addr, UdpSocket};

fn socket_to(server: &Served) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(server.address).unwrap();
    socket
}

/// Nobody of them returns a cookie, so none of them costs anything.
#[test]
fn a13_p37_a_flood_of_hellos_keeps_nobody_out_and_leaves_nothing_behind() {
    let server = Served::new(echo);
    let good = connect(server.address);
    let flood: Vec<_> = (0..50).map(|_| socket_to(&server)).collect();
    let hello = first_hello();
    for round in 0..40_u8 {
        for socket in &flood {
            socket.send(&hello).unwrap();
        }
        assert_eq!(ask(&good, &[round]), [round]);
    }
    assert_eq!(ask(&connect(server.address), b"new"), b"new");
    server.wait_for(|stats| stats.connections == 1 && stats.handshakes == 0);
    let stats = server.closer.stats();
    assert_eq!(
        stats.handshakes_started, 2,
        "those of the two that meant it"
    );
    assert!(stats.challenges_sent > 100, "{stats:?}");
}

/// What a client's address says that is no whole hello, or left over from whoever had it before.
fn leftovers() -> Vec<Vec<u8>> {
    let record = |typ, epoch, fragment: &[u8]| {
        let mut record = vec![typ, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0x40, 0, 0];
        record.push(u8::try_from(fragment.len()).unwrap());
        record.extend(fragment);
        record
    };
    let hello = first_hello();
    let mut leftovers = vec![
        record(21, 0, &[1, 0]),
        record(21, 0, &[2, 40]),
        record(21, 1, &[7; 26]),
        record(23, 1, &[7; 60]),
        record(22, 1, &[7; 60]),
        record(20, 0, &[1]),
    ];
    for length in 0..hello.len() {
        // As it is, and with lengths that are true of what is left.
        let mut cut = hello[..length].to_vec();
        leftovers.push(cut.clone());
        if length > 25 && length < 256 {
            cut[11..13].copy_from_slice(&[0, u8::try_from(length - 13).unwrap()]);
            for at in [14, 22] {
                cut[at..at + 3].copy_from_slice(&[0, 0, u8::try_from(length - 25).unwrap()]);
            }
            leftovers.push(cut);
        }
    }
    leftovers
}

#[test]
fn p34_p36_leftovers_and_short_hellos_harm_no_connection_before_or_after() {
    let server = Served::new(echo);
    let socket = socket_to(&server);
    let raw = socket.try_clone().unwrap();
    for leftover in leftovers() {
        raw.send(&leftover).unwrap();
    }
    // A HelloVerifyRequest for another's hello would keep a client from DTLS 1.3.
    let socket =
        DtlsSocket::from_socket(socket, ServerName::unnamed(), client_config_12()).unwrap();
    assert_eq!(ask(&socket, b"hello"), b"hello");
    for (number, leftover) in leftovers().into_iter().enumerate() {
        raw.send(&leftover).unwrap();
        let question = number.to_be_bytes();
        assert_eq!(ask(&socket, &question), question);
    }
    let stats = server.closer.stats();
    assert_eq!((stats.handshakes_started, stats.connections), (1, 1));
}
