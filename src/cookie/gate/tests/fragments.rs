//! Hellos in fragments, which the pool puts together before the gate judges them.

use super::*;
use crate::cookie::Entrance;

/// The hello in two datagrams.
fn cut(hello: &Hello) -> [Vec<u8>; 2] {
    let body = hello.body();
    let (first, rest) = body.split_at(body.len() / 2);
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
