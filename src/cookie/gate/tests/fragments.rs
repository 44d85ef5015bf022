//! Hellos in fragments, which the pool puts together before the gate judges them.

use super::*;
use crate::cookie::Entrance;
use crate::wire::NamedGroup;

/// The hello in two datagrams.
fn cut(hello: &Hello) -> [Vec<u8>; 2] {
    cut_at(hello, hello.body().len() / 2)
}

/// The same with so many bytes of it in the first.
fn cut_at(hello: &Hello, length: usize) -> [Vec<u8>; 2] {
    let body = hello.body();
    let (first, rest) = body.split_at(length);
    let datagram = |offset: usize, fragment: &[u8]| {
        let header = HandshakeHeader {
            typ: HandshakeType::CLIENT_HELLO,
            length: body.len() as u32,
            message_seq: hello.message_seq,
            fragment_offset: offset as u32,
            fragment_length: fragment.len() as u32,
        };
        hello.datagram_of(header, fragment)
    };
    [datagram(0, first), datagram(first.len(), rest)]
}

fn enter(entrance: &mut Entrance, datagram: &[u8]) -> Answer {
    Answer::of(entrance.check(ADDRESS, datagram, NOW, &mut ReplyBuffer::new()))
}

#[test]
fn a_hello_passes_whole_or_cut() {
    let context = Arc::new(CookieContext::new().unwrap());
    let mut entrance = Entrance::new(HelloVerification::Cookies(context), Choices13::default(), 4);
    let first = Hello::new();
    let cookie = enter(&mut entrance, &first.datagram()).cookie();
    let [one, other] = cut(&first);
    assert_eq!(enter(&mut entrance, &one).dropped(), GateDrop::Fragmented);
    assert_eq!(enter(&mut entrance, &other).cookie(), cookie);

    let second = first.with_cookie(&cookie);
    let [one, other] = cut(&second);
    assert_eq!(enter(&mut entrance, &other).dropped(), GateDrop::Fragmented);
    let verified = enter(&mut entrance, &one).verified();
    assert_eq!(verified.body(), second.body());
    let verified = enter(&mut entrance, &second.datagram()).verified();
    assert_eq!(verified.body(), second.body());
    let no_hello = enter(&mut entrance, b"no hello").dropped();
    assert_eq!(no_hello, GateDrop::NotAHello);
}

/// A hello as long as one with a share for a key exchange that withstands quantum computers, whose offer of DTLS
/// 1.3 stands in the second datagram: which version follows, and what is asked for, is known when both are here,
/// whichever came first.
#[test]
fn p32_a_long_hello_is_answered_by_the_version_that_its_second_half_offers() {
    let hello = |versions: &[u16]| Hello {
        cipher_suites: vec![0x1301, 0xc02b],
        extensions: Some(Writer::bytes_of(|w| {
            w.u16(10);
            w.vec16(|w| w.u16_list([0x11ec, 29]));
            w.u16(51);
            w.vec16(|w| {
                w.vec16(|w| {
                    for (group, length) in [(0x11ec, 1184 + 32), (29, 32)] {
                        w.u16(group);
                        w.vec16(|w| w.bytes(&vec![9; length]));
                    }
                });
            });
            w.u16(43);
            w.vec16(|w| w.vec8(|w| versions.iter().for_each(|version| w.u16(*version))));
        })),
        ..Hello::new()
    };
    let choices = Choices13 {
        suites: crate::crypto::SUITES13.iter().collect(),
        groups: vec![NamedGroup::X25519],
    };
    let context = Arc::new(CookieContext::new().unwrap());
    for (choices, versions, expected) in [
        (
            choices.clone(),
            [0xfefc, 0xfefd],
            HandshakeType::SERVER_HELLO,
        ),
        (
            choices.clone(),
            [0xfefb, 0xfefd],
            HandshakeType::HELLO_VERIFY_REQUEST,
        ),
        (
            Choices13::default(),
            [0xfefc, 0xfefd],
            HandshakeType::HELLO_VERIFY_REQUEST,
        ),
    ] {
        let hello = hello(&versions);
        let [one, other] = cut_at(&hello, 1200);
        for order in [[&one, &other], [&other, &one]] {
            let cookies = HelloVerification::Cookies(context.clone());
            let mut entrance = Entrance::new(cookies, choices.clone(), 4);
            let [first, second] = order.map(|datagram| enter(&mut entrance, datagram));
            assert_eq!(first.dropped(), GateDrop::Fragmented);
            let reply = second.reply();
            assert_eq!(reply[13], expected.0, "{versions:04x?}");
            assert!(reply.len() < other.len().min(one.len()));
        }
    }
}

/// A connection would drop what is numbered so high, and read what stands behind it.
#[test]
fn what_is_far_ahead_of_every_hello_is_passed_over() {
    let context = Arc::new(CookieContext::new().unwrap());
    let mut entrance = Entrance::new(HelloVerification::Cookies(context), Choices13::default(), 4);
    let hello = Hello::new();
    let cookie = enter(&mut entrance, &hello.datagram()).cookie();
    let body = hello.body();
    let behind = |message_seq| {
        let whole = |typ, message_seq, length| HandshakeHeader::whole(typ, message_seq, length);
        let rest = Writer::bytes_of(|w| {
            w.bytes(&[0; 3]);
            whole(HandshakeType::CLIENT_HELLO, 0, body.len() as u32).write(w);
            w.bytes(&body);
        });
        let mut datagram = hello.datagram_of(whole(HandshakeType::FINISHED, message_seq, 3), &rest);
        datagram.truncate(13 + 12 + rest.len());
        datagram
    };
    assert_eq!(enter(&mut entrance, &behind(256)).cookie(), cookie);
    let dropped = enter(&mut entrance, &behind(255)).dropped();
    assert_eq!(dropped, GateDrop::OtherMessage(HandshakeType::FINISHED));
    let alone = Hello {
        message_seq: 256,
        ..hello
    };
    let dropped = enter(&mut entrance, &alone.datagram()).dropped();
    assert_eq!(dropped, GateDrop::TooManyChallenges);
}
