//! Every reason for which a hello, or what is none, gets no answer; and everything that a listener counts.

use super::table;
use crate::config::ServerConfig;
use crate::cookie::{
    CookieContext, CookieSigner, Entrance, GateDrop, HelloVerification, ReplyBuffer, Verdict,
};
use crate::error::Error;
use crate::net::Handshake;
use crate::net::tests::world::{Plug, World, client13, edit, fragment, plain, server, whole};
use crate::wire::{
    AlertDescription, ClientHello, ContentType, HandshakeType, NamedGroup, ProtocolVersion,
};
use std::sync::Arc;
use std::time::Duration;

/// Refuses everybody.
struct NoCookies;

impl CookieSigner for NoCookies {
    fn period(&self, _: Duration) -> u8 {
        0
    }
    fn sign(&self, _: u8, _: &[&[u8]]) -> Option<[u8; 16]> {
        None
    }
    fn verify(&self, _: Duration, _: u8, _: &[&[u8]], _: &[u8; 16]) -> bool {
        false
    }
}

fn hello(version: ProtocolVersion) -> Vec<u8> {
    let mut body = version.0.to_be_bytes().to_vec();
    body.extend([7; 32]);
    body.extend([0, 0, 0, 2, 0xc0, 0x2b, 1, 0]);
    body
}

const DTLS: ProtocolVersion = ProtocolVersion::DTLS1_2;
const HELLO: HandshakeType = HandshakeType::CLIENT_HELLO;

#[test]
fn every_reason_to_answer_nothing_has_a_cause() {
    let cookies = || HelloVerification::Cookies(Arc::new(CookieContext::new().unwrap()));
    let no_cookies = Arc::new(CookieContext::with_signer(NoCookies));
    let (first, old) = (hello(DTLS), hello(ProtocolVersion(0x0303)));
    let rows = table!(GateDrop:
        GateDrop::NotAHello => (plain(ContentType::ALERT, &[2, 40]), cookies()),
        GateDrop::OtherMessage(_) => (whole(HandshakeType::FINISHED, 0, b""), cookies()),
        GateDrop::Malformed(_) => (whole(HELLO, 0, b"short"), cookies()),
        GateDrop::Fragmented => (fragment(HELLO, 0, 42, &first[..20]), cookies()),
        GateDrop::WrongVersion(_) => (whole(HELLO, 0, &old), cookies()),
        GateDrop::TooManyChallenges => (whole(HELLO, 256, &first), cookies()),
        GateDrop::NoCookie => (whole(HELLO, 0, &first), HelloVerification::Cookies(no_cookies)),
        GateDrop::NotTheFirst => (whole(HELLO, 1, &first), HelloVerification::Waived),
    );
    for (number, (expected, (datagram, verification))) in rows.into_iter().enumerate() {
        let mut reply = ReplyBuffer::new();
        let choices = server().build().unwrap().choices13();
        let mut entrance = Entrance::new(verification, choices, 1);
        let verdict = entrance.check(b"client", &datagram, Duration::ZERO, &mut reply);
        let Verdict::Drop(dropped) = verdict else {
            panic!("row {number}: {verdict:?}")
        };
        assert!(expected(&dropped), "row {number}: {dropped:?}");
    }
}

/// The other verdicts.
#[test]
fn what_is_not_dropped_is_challenged_or_let_in_or_fails_for_want_of_a_context() {
    let datagram = whole(HELLO, 0, &hello(DTLS));
    let config = server().build().unwrap();
    let waived = server().danger_without_hello_verification().build();
    let waived = waived.unwrap();
    let context = Arc::new(CookieContext::new().unwrap());
    let mut reply = ReplyBuffer::new();
    let mut check = |config: &ServerConfig, cookies: Option<&Arc<CookieContext>>| {
        let mut entrance = config.entrance(cookies.cloned(), 1);
        match entrance.check(b"client", &datagram, Duration::ZERO, &mut reply) {
            Verdict::Verified(_) => "verified",
            Verdict::Challenge(_) => "challenge",
            Verdict::Refuse(_) => "refuse",
            Verdict::Drop(_) => "drop",
            Verdict::NoContext => "no context",
        }
    };
    assert_eq!(check(&config, Some(&context)), "challenge");
    assert_eq!(check(&config, None), "no context");
    assert_eq!(check(&waived, Some(&context)), "verified");
    assert_eq!(check(&waived, None), "verified");
    assert!(Error::NoCookieContext.alert().is_none());
}

/// What is changed in a hello, and by which alert that is refused.
type Refusal = (fn(&mut ClientHello), AlertDescription);

/// What is refused of hellos for DTLS 1.3 (RFC 9147 §5.1, RFC 8446 §4.1.1).
const REFUSALS: [Refusal; 3] = [
    (
        |hello| hello.cookie = vec![7; 16],
        AlertDescription::ILLEGAL_PARAMETER,
    ),
    (
        |hello| hello.extensions.cookie = Some(vec![7; 16]),
        AlertDescription::ILLEGAL_PARAMETER,
    ),
    (
        |hello| {
            hello.extensions.supported_groups = Some(vec![NamedGroup(31)]);
            hello.extensions.key_shares = Some(vec![]);
        },
        AlertDescription::HANDSHAKE_FAILURE,
    ),
];

pub(super) fn alerts() -> impl Iterator<Item = AlertDescription> {
    REFUSALS.into_iter().map(|(_, alert)| alert)
}

#[test]
fn every_refusal_of_the_gate_has_its_alert() {
    for (change, expected) in REFUSALS {
        let mut world = World::new(client13(), server());
        world.client.pass();
        let hello = world.client.intercept();
        let context = Arc::new(CookieContext::new().unwrap());
        let config = server().build().unwrap();
        let verification = HelloVerification::Cookies(context.clone());
        let mut entrance = Entrance::new(verification, config.choices13(), 1);
        let mut reply = ReplyBuffer::new();
        let mut check =
            |datagram: &[u8]| match entrance.check(b"client", datagram, Duration::ZERO, &mut reply)
            {
                Verdict::Refuse(alert) => Some(alert.to_vec()),
                _ => None,
            };
        assert_eq!(check(&hello), None);
        let hello = edit(hello, change);
        let alert = check(&hello).unwrap();
        // RFC 6347 §4.2.1: under the number of the hello's record.
        let header = [&[21, 0xfe, 0xfd][..], &hello[3..11], &[0, 2]].concat();
        assert_eq!(alert, [&header[..], &[2, expected.0]].concat());
        // A server that waits for a client says the same, and waits for another.
        let wire = Plug::default();
        let mut waiting = Handshake::server(wire.clone(), "client", Some(context), config).unwrap();
        wire.inbox.lock().under_way.push_back(hello);
        assert!(matches!(waiting.handshake(), Err(Error::WantRead)));
        assert_eq!(wire.out.lock().under_way, [alert]);
    }
}
