//! Padding of DTLS 1.3 (RFC 8446 §5.4): lengths tell less of contents.
#![cfg(feature = "x509")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;
mod served;
mod wiretap;

use common::of_13;
use flightline::lab::{End, KeysOf, Weather};
use flightline::{
    ClientConfig, DtlsSocket, Error, Handshake, ProtocolVersion, ServeOptions, ServerConfig,
    ServerIdentity, ServerName, ServerTrust, Transport, UdpTransport,
};
use served::{LONG, Served, psk};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{io, iter};
use wiretap::Wiretap;

const MULTIPLE: usize = 64;

/// Around a record of DTLS 1.3: header, content type and tag.
const OVERHEAD: usize = 5 + 1 + 16;

/// Whatever is protected: handshakes, tickets, acknowledgements, key updates, data.
#[test]
fn j06_everything_that_is_protected_is_padded_and_no_datagram_gets_too_long() {
    for variant in of_13() {
        let mtu = variant.small_mtu();
        let tap = Arc::new(Wiretap::default());
        let mut pair = variant.pair_set_up(
            |client| tap.client(client).mtu(mtu).padded_to(MULTIPLE),
            |server| server.mtu(mtu).padded_to(MULTIPLE),
            || tap.listen(Weather::clear()),
        );
        pair.establish(Duration::from_secs(60)).unwrap();
        pair.update_keys(End::Client, KeysOf::BothSides).unwrap();
        while pair.step() {}
        for length in 1..=mtu - OVERHEAD {
            let message = vec![1; length];
            pair.exchange(&message, &message).unwrap();
        }
        while pair.step() {}
        let seen = tap.seen();
        for datagram in &seen {
            assert!(datagram.length <= mtu, "{}: {datagram}", variant.name);
            let full = datagram.length == mtu;
            for record in datagram.records.iter().filter(|r| r.number.epoch > 0) {
                let padded = record.length % MULTIPLE == 0;
                assert!(padded || full, "{}: {datagram}", variant.name);
            }
        }
        let padded = seen.iter().flat_map(|seen| &seen.records);
        assert!(padded.filter(|record| record.padding > 0).count() > mtu);
    }
}

/// Remembers how long the datagrams are that it sends.
struct Measured {
    transport: UdpTransport,
    lengths: Arc<Mutex<Vec<usize>>>,
}

impl Transport for Measured {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        self.lengths.lock().unwrap().push(datagram.len());
        self.transport.send(datagram)
    }

    fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        self.transport.recv(buf, wait)
    }
}

/// The lengths of the datagrams in which a socket sends messages of 1 to 100 bytes; each is answered.
fn lengths(version: ProtocolVersion, padded_to: usize) -> BTreeSet<usize> {
    let server = ServerConfig::builder(ServerIdentity::psk(psk())).padded_to(padded_to);
    let server = Arc::new(server.build().unwrap());
    let served = Served::with(server, ServeOptions::default(), served::echo);
    let client = ClientConfig::builder(ServerTrust::psk(psk())).versions([version]);
    let client = client.padded_to(padded_to).read_timeout(LONG);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(served.address).unwrap();
    let lengths = Arc::<Mutex<Vec<usize>>>::default();
    let transport = Measured {
        transport: UdpTransport::new(socket).unwrap(),
        lengths: lengths.clone(),
    };
    let client = Arc::new(client.build().unwrap());
    let client = Handshake::client(transport, ServerName::unnamed(), client).unwrap();
    let socket: DtlsSocket = client.complete().unwrap();
    let sent = |length: usize| -> usize {
        let message: Vec<u8> = iter::repeat_n(u8::try_from(length).unwrap(), length).collect();
        socket.send(&message).unwrap();
        let sent = *lengths.lock().unwrap().last().unwrap();
        let mut buf = [0; 200];
        let received = socket.recv(&mut buf).unwrap();
        assert_eq!(&buf[..received], message);
        sent
    };
    (1..=100).map(sent).collect()
}

#[test]
fn j06_a_sockets_messages_of_many_lengths_are_datagrams_of_few() {
    let padded = [MULTIPLE, 2 * MULTIPLE].map(|content| content + OVERHEAD);
    let lengths_13 = lengths(ProtocolVersion::DTLS1_3, MULTIPLE);
    assert_eq!(lengths_13, BTreeSet::from(padded));
    assert_eq!(lengths(ProtocolVersion::DTLS1_3, 1).len(), 100);
    // DTLS 1.2 has no padding.
    assert_eq!(lengths(ProtocolVersion::DTLS1_2, MULTIPLE).len(), 100);
}

#[test]
fn what_is_no_multiple_of_a_contents_length_is_refused() {
    let build = |padded_to| {
        let client = ClientConfig::builder(ServerTrust::psk(psk())).padded_to(padded_to);
        client.build().map(drop)
    };
    for refused in [0, 16_385] {
        assert!(matches!(build(refused), Err(Error::Config(_))));
    }
    for taken in [1, 16_384] {
        build(taken).unwrap();
    }
}
