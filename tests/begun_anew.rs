//! A client leaves a handshake alone and begins anew from the same address.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod served;

use flightline::{Psk, ServeOptions, ServerConfig, ServerIdentity};
use served::{Served, echo, first_hello, with_cookie};
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The random of the ServerHello at the front of a datagram.
fn server_random(datagram: &[u8]) -> Option<[u8; 32]> {
    // Behind two headers stands the version.
    let is_server_hello = datagram.first() == Some(&22) && datagram.get(13) == Some(&2);
    is_server_hello.then(|| datagram[27..59].try_into().unwrap())
}

/// Proves the address, and waits for a ServerHello that was not there before.
fn begin(socket: &UdpSocket, before: Option<[u8; 32]>) -> [u8; 32] {
    let hello = first_hello();
    socket.send(&hello).unwrap();
    let mut buf = [0; 2048];
    loop {
        let length = socket.recv(&mut buf).unwrap();
        match server_random(&buf[..length]) {
            None if buf[13] == 3 => {
                let hello = with_cookie(&hello, &buf[28..length]);
                socket.send(&hello).unwrap();
            }
            Some(random) if Some(random) != before => return random,
            _ => {}
        }
    }
}

/// In the clear nothing tells whether a ServerHello answers the new ClientHello or the old one, so the server
/// must not send the old one again by itself.
#[test]
fn an_old_handshake_is_silent_when_its_client_begins_anew() {
    let psk = Psk::new("sensor-7", [0x5a; 32]).unwrap();
    let config = ServerConfig::builder(ServerIdentity::psk(psk))
        .handshake_timeout(Duration::from_millis(100), Duration::from_secs(2))
        .build()
        .unwrap();
    let server = Served::with(Arc::new(config), ServeOptions::default(), echo);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let old = begin(&socket, None);
    let new = begin(&socket, Some(old));
    server.wait_for(|stats| stats.handshakes == 2);

    let start = Instant::now();
    let mut buf = [0; 2048];
    while start.elapsed() < Duration::from_millis(500) {
        let length = socket.recv(&mut buf).unwrap();
        assert_ne!(server_random(&buf[..length]), Some(old), "{new:?}");
    }
}
