//! Second hellos behind a gate that has asked for them, with a cookie, and has kept nothing.

use super::honest13::*;
use super::puppet::{Puppet, Verdict, datagram};
use crate::config::{ConfigBuilder, ServerConfig};
use crate::cookie::{CookieContext, Entrance, HelloVerification, ReplyBuffer, Verdict as Gate};
use crate::error::Error;
use crate::wire::{
    Body, ClientHello, HANDSHAKE_HEADER, KeyShareAnswer, NamedGroup, RECORD_HEADER, ServerHello,
};
use std::sync::Arc;
use std::time::Duration;

/// A server whose gate answers the first hello with a HelloRetryRequest, and lets the second in.
fn behind_gate(
    server: ConfigBuilder<ServerConfig>,
    first: &ClientHello,
    second: impl FnOnce(&ServerHello) -> ClientHello,
) -> Puppet {
    let server = Arc::new(server.build().unwrap());
    let context = Arc::new(CookieContext::new().unwrap());
    let cookies = HelloVerification::Cookies(context);
    let mut entrance = Entrance::new(cookies, server.choices13(), 1);
    let mut reply = ReplyBuffer::new();
    let first = datagram(first);
    let request = match entrance.check(b"client", &first, Duration::ZERO, &mut reply) {
        Gate::Challenge(request) => {
            ServerHello::decode(&request[RECORD_HEADER + HANDSHAKE_HEADER..]).unwrap()
        }
        _ => panic!("the gate asks for nothing"),
    };
    let second = datagram(&second(&request));
    match entrance.check(b"client", &second, Duration::ZERO, &mut reply) {
        Gate::Verified(hello) => Puppet::client_behind_gate(server, *hello),
        _ => panic!("the gate is closed to this hello"),
    }
}

/// RFC 8446 §4.1.2 and §4.1.4: the share that was asked for, or the one of before where none was; and there is
/// no third time.
#[test]
fn d06_a_server_takes_no_other_share_than_its_gate_has_asked_for() {
    const ONE: NamedGroup = NamedGroup::X25519;
    const OTHER: NamedGroup = NamedGroup::SECP384R1;
    // The server's groups, those of the shares in both hellos, and what the gate asks for.
    type Case = (
        &'static [NamedGroup],
        [&'static [NamedGroup]; 2],
        Option<NamedGroup>,
        bool,
    );
    let cases: [Case; 8] = [
        (&[OTHER], [&[ONE], &[OTHER]], Some(OTHER), true),
        (&[OTHER], [&[ONE], &[ONE]], Some(OTHER), false),
        (&[OTHER], [&[ONE], &[]], Some(OTHER), false),
        (&[OTHER, ONE], [&[], &[OTHER]], Some(OTHER), true),
        (&[OTHER, ONE], [&[], &[ONE]], Some(OTHER), false),
        (&[ONE], [&[ONE], &[ONE]], None, true),
        (&[ONE], [&[ONE], &[]], None, false),
        (&[OTHER, ONE], [&[ONE], &[]], None, false),
    ];
    for (ours, shares, wanted, is_good) in cases {
        let [first, second] = shares.map(|groups| groups.iter().copied().map(share).collect());
        let mut hello = hello13();
        hello.extensions.key_shares = Some(first);
        let first = bound(hello, &[], &[b"tester"]);
        let second = |request: &ServerHello| {
            let asked = wanted.map(KeyShareAnswer::Group);
            assert_eq!(request.extensions.key_share, asked);
            let mut again = first.clone();
            again.extensions.cookie = request.extensions.cookie.clone();
            again.extensions.key_shares = Some(second);
            bound(again, &before_second(&first, request), &[b"tester"])
        };
        let server = server13().groups(ours.iter().copied());
        let puppet = behind_gate(server, &first, second);
        let verdict = match is_good {
            true => Verdict::Waits,
            false => Verdict::Failed(Error::IllegalParameter("share after a HelloRetryRequest")),
        };
        assert_eq!(puppet.verdict(), verdict, "{ours:?}: {shares:?}");
    }
}
