//! What strangers can get out of a server: one short datagram, and nothing more without a cookie that was
//! made for them.

use super::duel::Duel;
use super::input::Input;
use super::kinds::{Kind, configs};
use super::opened::{contents, record};
use crate::codec::{Reader, Writer};
use crate::connection::Connection;
use crate::cookie::{Choices13, CookieContext, Entrance, HelloVerification, ReplyBuffer, Verdict};
use crate::crypto::{DEFAULT_GROUPS, SUITES13};
use crate::wire::{
    Body, ClientHello, ContentType, HANDSHAKE_HEADER, HandshakeHeader, HandshakeType,
    HelloVerifyRequest, KeyShareAnswer, NamedGroup, ProtocolVersion, RECORD_HEADER, ServerHello,
};
use std::sync::Arc;
use std::time::Duration;

const STRANGERS: [&[u8]; 3] = [b"one", b"another", b""];

/// Bytes of the longest HelloVerifyRequest and HelloRetryRequest, as datagrams.
const LONGEST_REPLIES: [usize; 2] = [80, 192];

/// For as long a key signs, and for as long again it is accepted.
const COOKIES_LIVE: Duration = Duration::from_secs(2 * 128);

/// What somebody was answered.
struct Given<'a> {
    client: &'a [u8],
    at: Duration,
    cookie: Vec<u8>,
    /// By a HelloRetryRequest.
    retries: bool,
    /// What was answered, if it was there in whole.
    hello: Option<ClientHello>,
    /// Of the message that it stood in.
    body: Vec<u8>,
}

pub(super) fn run(data: &[u8]) {
    play(data);
}

/// How many hellos were let in, of DTLS 1.2 and of 1.3.
fn play(data: &[u8]) -> [usize; 2] {
    let mut verified = [0; 2];
    let mut input = Input::new(data);
    let context = Arc::new(CookieContext::new().unwrap());
    let choices = choices(input.u8());
    let mut entrance = Entrance::new(HelloVerification::Cookies(context), choices.clone(), 2);
    let mut now = Duration::from_secs(1);
    // In the order in which they were given, so that an input always does the same.
    let mut given: Vec<Given<'_>> = Vec::new();
    while !input.is_empty() {
        let head = input.u8();
        now += Duration::from_secs(u64::from(head >> 4));
        let client = STRANGERS[usize::from(head & 3) % 3];
        let mut datagram = input.vector().to_vec();
        // A fuzzer cannot guess a cookie: here it puts one that was given, to whomever.
        if head & 4 != 0 {
            let chosen = given.get(usize::from(input.u8()));
            let cookie = chosen.map(|given| &*given.cookie).unwrap_or_default();
            let at = usize::from(input.u16());
            for (place, byte) in datagram.iter_mut().skip(at).zip(cookie) {
                *place = *byte;
            }
        }
        let mut reply = ReplyBuffer::new();
        // RFC 8446 §4.2.1: the newest version that both speak.
        let has_13 = |hello: &ClientHello| {
            !choices.suites.is_empty() && hello.offers(ProtocolVersion::DTLS1_3)
        };
        match entrance.check(client, &datagram, now, &mut reply) {
            Verdict::Challenge(reply) => {
                let given_now = challenge(client, now, &datagram, reply);
                if let Some(hello) = &given_now.hello {
                    assert_eq!(
                        given_now.retries,
                        has_13(hello),
                        "a cookie of the other version"
                    );
                }
                given.push(given_now);
            }
            Verdict::Verified(hello) => {
                let retries = hello.retried().is_some();
                assert_eq!(retries, has_13(hello.hello()), "in for the other version");
                verified[usize::from(retries)] += 1;
                let cookie = match hello.retried() {
                    Some(_) => hello.hello().extensions.cookie.clone().unwrap(),
                    None => hello.hello().cookie.clone(),
                };
                let mut given = given.iter().rev();
                let given = given.find(|given| {
                    given.retries == retries && given.client == client && given.cookie == cookie
                });
                let given = given.expect("in without a cookie of its own");
                assert!(now - given.at < COOKIES_LIVE, "in with an old cookie");
                if let Some(first) = &given.hello {
                    let hello = hello.hello();
                    assert_eq!(hello.version, first.version, "another version");
                    assert_eq!(hello.random, first.random, "another random");
                    assert_eq!(hello.cipher_suites, first.cipher_suites, "other suites");
                    assert_eq!(hello.compression_methods, first.compression_methods);
                }
                if let Some(retried) = hello.retried() {
                    assert_eq!(retried.request, given.body, "another HelloRetryRequest");
                }
            }
            Verdict::Refuse(reply) => {
                assert!(!choices.suites.is_empty(), "DTLS 1.3 is not spoken here");
                assert!(reply.len() <= 15, "a long alert");
            }
            Verdict::Drop(_) => {}
            Verdict::NoContext => panic!("there is a context"),
        }
    }
    verified
}

/// What a server speaks of DTLS 1.3: nothing, or all, or a group that no first hello has a share in.
fn choices(byte: u8) -> Choices13 {
    let suites = SUITES13.iter().collect();
    let groups = match byte % 3 {
        0 => return Choices13::default(),
        1 => DEFAULT_GROUPS.to_vec(),
        _ => vec![NamedGroup::SECP384R1],
    };
    Choices13 { suites, groups }
}

/// Reads a HelloVerifyRequest or a HelloRetryRequest in a record.
fn challenge<'a>(client: &'a [u8], at: Duration, datagram: &[u8], reply: &[u8]) -> Given<'a> {
    let hello = whole_hello(datagram);
    let body = reply[RECORD_HEADER + HANDSHAKE_HEADER..].to_vec();
    let [longest12, longest13] = LONGEST_REPLIES;
    let typ = HandshakeType(reply[RECORD_HEADER]);
    let cookie = match typ {
        HandshakeType::HELLO_VERIFY_REQUEST => {
            assert!(reply.len() < longest12, "a long reply");
            // RFC 6347 §4.2.1.
            assert!(
                hello.is_none() || reply.len() < datagram.len(),
                "a longer reply"
            );
            HelloVerifyRequest::decode(&body).unwrap().cookie
        }
        _ => {
            assert_eq!(typ, HandshakeType::SERVER_HELLO);
            assert!(reply.len() <= longest13, "a long reply");
            let request = ServerHello::decode(&body).unwrap();
            assert!(request.is_retry_request());
            if let Some(hello) = &hello {
                // RFC 9147 §5.1.
                assert!(reply.len() < 3 * datagram.len(), "a longer reply");
                asks_for_what_is_offered(hello, &request);
            }
            request.extensions.cookie.unwrap()
        }
    };
    Given {
        client,
        at,
        cookie,
        retries: typ == HandshakeType::SERVER_HELLO,
        hello,
        body,
    }
}

/// RFC 8446 §4.1.4: a suite and a group that the client offered, and the group only where it has made no
/// share in it.
fn asks_for_what_is_offered(hello: &ClientHello, request: &ServerHello) {
    let offered = &hello.extensions;
    assert!(hello.cipher_suites.contains(&request.cipher_suite));
    if let Some(KeyShareAnswer::Group(group)) = &request.extensions.key_share {
        let groups = offered.supported_groups.iter().flatten();
        assert!(groups.copied().any(|one| one == *group));
        let mut shares = offered.key_shares.iter().flatten();
        assert!(!shares.any(|share| share.group == *group));
    }
}

/// The hello that a datagram begins with, if it is whole and can be read, and is not passed over.
fn whole_hello(datagram: &[u8]) -> Option<ClientHello> {
    let mut reader = Reader::new(datagram.get(RECORD_HEADER..)?);
    let (header, body) = HandshakeHeader::read_fragment(&mut reader).ok()?;
    let is_answered =
        header.typ == HandshakeType::CLIENT_HELLO && header.is_whole() && header.message_seq <= 255;
    ClientHello::decode(body).ok().filter(|_| is_answered)
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    seeds_by_version().flat_map(|(_, seeds)| seeds).collect()
}

/// That each seed lets the hello in that has its sender's cookie, and no other.
pub(super) fn check_seeds() {
    for (version, seeds) in seeds_by_version() {
        let expected = [ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_3]
            .map(|one| usize::from(one == version));
        for seed in seeds {
            assert_eq!(play(&seed), expected, "{version}: {seed:02x?}");
        }
    }
}

/// With the version that the hellos are let in for.
fn seeds_by_version() -> impl Iterator<Item = (ProtocolVersion, [Vec<u8>; 3])> {
    let kinds = Kind::ALL.into_iter();
    let combinations = kinds.flat_map(|kind| (0..3).map(move |choice| (kind, choice)));
    let of_kinds = combinations.map(|(kind, choice)| match kind.is_13() && choice > 0 {
        true => (
            ProtocolVersion::DTLS1_3,
            steps(choice, hellos13(kind, choice)),
        ),
        false => (
            ProtocolVersion::DTLS1_2,
            steps(choice, hellos12(decoded(&Duel::hello(kind)))),
        ),
    });
    let straddled = (0..3).map(|choice| steps(choice, hellos12(with_straddled_version())));
    of_kinds.chain(straddled.map(|seeds| (ProtocolVersion::DTLS1_2, seeds)))
}

/// The hellos of a client, whole and in pieces, and with a cookie that grows too old.
fn steps(choice: u8, (first, second, room): (Vec<u8>, Vec<u8>, usize)) -> [Vec<u8>; 3] {
    let [high, low] = (room as u16).to_be_bytes();
    // A hello without a cookie, and one with that of its sender, and with that of another.
    let whole = [
        vec![choice],
        step(0, &first, &[]),
        step(4, &second, &[0, high, low]),
        step(5, &second, &[0, high, low]),
    ];
    let mut pieces = vec![choice];
    for piece in in_pieces(&first) {
        pieces.extend(step(1, &piece, &[]));
    }
    pieces.extend(step(5, &second, &[0, high, low]));
    let mut old = vec![choice];
    old.extend(step(0, &first, &[]));
    old.extend(step(4, &second, &[0, high, low]));
    // Every step takes up to fifteen seconds.
    (0..20).for_each(|_| old.extend(step(0xf0, &[], &[])));
    old.extend(step(4, &second, &[0, high, low]));
    [whole.concat(), pieces, old]
}

fn step(head: u8, datagram: &[u8], tail: &[u8]) -> Vec<u8> {
    let length = (datagram.len() as u16).to_be_bytes();
    [&[head], &length[..], datagram, tail].concat()
}

/// DTLS 1.3 stands there only for whoever reads across two versions.
fn with_straddled_version() -> ClientHello {
    let [first, second] = ProtocolVersion::DTLS1_3.0.to_be_bytes();
    let mut hello = decoded(&Duel::hello(Kind::Full13));
    hello.extensions.supported_versions = Some(vec![
        ProtocolVersion(u16::from_be_bytes([0x7f, first])),
        ProtocolVersion(u16::from_be_bytes([second, 0x7f])),
    ]);
    hello
}

fn decoded(datagram: &[u8]) -> ClientHello {
    ClientHello::decode(&datagram[RECORD_HEADER + HANDSHAKE_HEADER..]).unwrap()
}

/// A client's hello in a datagram, the same with room for a cookie, and where that is.
fn hellos12(mut hello: ClientHello) -> (Vec<u8>, Vec<u8>, usize) {
    let datagram = |hello: &ClientHello| {
        let body = hello.encode();
        let header = HandshakeHeader::whole(HandshakeType::CLIENT_HELLO, 0, body.len() as u32);
        fragment(header, &body)
    };
    let first = datagram(&hello);
    hello.cookie = vec![0; 17];
    let before = RECORD_HEADER + HANDSHAKE_HEADER + 2 + 32 + 1 + hello.session_id.len() + 1;
    (first, datagram(&hello), before)
}

/// Both hellos of a client that answers the gate's HelloRetryRequest, and where the cookie stands.
fn hellos13(kind: Kind, choice: u8) -> (Vec<u8>, Vec<u8>, usize) {
    let (client, _, name) = configs(kind);
    let now = Duration::from_secs(1);
    let mut client = Connection::client(client, name, "client".into(), now);
    client.begin(now).unwrap();
    let first = client.transmit().unwrap();
    let context = Arc::new(CookieContext::new().unwrap());
    let mut entrance = Entrance::new(HelloVerification::Cookies(context), choices(choice), 2);
    let mut reply = ReplyBuffer::new();
    let Verdict::Challenge(reply) = entrance.check(STRANGERS[0], &first, now, &mut reply) else {
        panic!("no challenge");
    };
    let cookie = challenge(STRANGERS[0], now, &first, reply).cookie;
    client
        .receive(&mut reply.to_vec(), now, &mut |_| {})
        .unwrap();
    let mut second = client.transmit().unwrap();
    let mut places = second.windows(cookie.len());
    let room = places.position(|window| window == cookie).unwrap();
    second[room..][..cookie.len()].fill(0);
    (first, second, room)
}

/// A hello in fragments of a third.
fn in_pieces(hello: &[u8]) -> Vec<Vec<u8>> {
    let contents = contents(hello);
    let body = &contents[0].plaintext[HANDSHAKE_HEADER..];
    let third = body.len() / 3 + 1;
    let offsets = (0..).step_by(third);
    let pieces = body.chunks(third).zip(offsets).map(|(bytes, offset)| {
        let whole = HandshakeHeader::whole(HandshakeType::CLIENT_HELLO, 0, body.len() as u32);
        let header = HandshakeHeader {
            fragment_offset: offset,
            fragment_length: bytes.len() as u32,
            ..whole
        };
        fragment(header, bytes)
    });
    pieces.collect()
}

fn fragment(header: HandshakeHeader, bytes: &[u8]) -> Vec<u8> {
    let fragment = Writer::bytes_of(|w| {
        header.write(w);
        w.bytes(bytes);
    });
    record(
        ContentType::HANDSHAKE,
        ProtocolVersion::DTLS1_0,
        0,
        0,
        &fragment,
    )
}
