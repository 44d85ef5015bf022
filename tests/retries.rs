//! HelloRetryRequests for a share in another group, by listeners over the loopback interface.
#![cfg(feature = "x509")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod served;

use flightline::{
    ClientConfig, DtlsSocket, Error, NamedGroup, ProtocolVersion, ServeOptions, ServerConfig,
    ServerIdentity, ServerName, ServerTrust,
};
use served::{LONG, Served, ask, echo, psk};
use std::sync::Arc;
use std::time::Duration;

/// A server of this group alone, with cookies or without.
fn server(cookies: Cookies) -> Served {
    let builder = ServerConfig::builder(ServerIdentity::psk(psk()))
        .versions([ProtocolVersion::DTLS1_3])
        .groups([NamedGroup::SECP384R1]);
    let builder = match cookies {
        Cookies::Demanded => builder,
        Cookies::Waived => builder.danger_without_hello_verification(),
    };
    let config = Arc::new(builder.build().unwrap());
    Served::with(config, ServeOptions::default(), echo)
}

#[derive(Clone, Copy)]
enum Cookies {
    Demanded,
    Waived,
}

/// A client whose first share is in the first group.
fn connect(to: &Served, groups: &[NamedGroup], mtu: usize) -> Result<DtlsSocket, Error> {
    let builder = ClientConfig::builder(ServerTrust::psk(psk()))
        .groups(groups.iter().copied())
        .mtu(mtu)
        .suspicion(Duration::ZERO)
        .handshake_timeout(Duration::from_millis(200), LONG)
        .read_timeout(LONG);
    let config = Arc::new(builder.build().unwrap());
    DtlsSocket::connect_timeout(&to.address, ServerName::unnamed(), config, LONG)
}

const BOTH: [NamedGroup; 2] = [NamedGroup::X25519, NamedGroup::SECP384R1];

/// The second hello belongs to the connection that asked for it, also where it comes in fragments.
#[test]
fn a_second_hello_reaches_the_connection_that_asked_for_it() {
    for cookies in [Cookies::Demanded, Cookies::Waived] {
        let server = server(cookies);
        for mtu in [1400, 128] {
            let socket = connect(&server, &BOTH, mtu).unwrap();
            assert_eq!(ask(&socket, b"hello"), b"hello");
        }
    }
}
