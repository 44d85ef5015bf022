//! What strangers can get out of a server: one datagram shorter than their own, and nothing more
//! without a cookie that was made for them.

use super::duel::Duel;
use super::input::Input;
use crate::codec::Reader;
use crate::cookie::{Choices13, CookieContext, Entrance, HelloVerification, ReplyBuffer, Verdict};
use crate::wire::{Body, HelloVerifyRequest};
use std::sync::Arc;
use std::time::Duration;

const STRANGERS: [&[u8]; 3] = [b"one", b"another", b""];

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let context = Arc::new(CookieContext::new().unwrap());
    let mut entrance = Entrance::new(HelloVerification::Cookies(context), Choices13::default(), 2);
    let mut now = Duration::from_secs(1);
    // In the order in which they were given, so that an input always does the same.
    let mut given: Vec<(&[u8], Vec<u8>)> = Vec::new();
    while !input.is_empty() {
        let head = input.u8();
        now += Duration::from_secs(u64::from(head >> 4));
        let client = STRANGERS[usize::from(head & 3) % 3];
        let mut datagram = input.vector().to_vec();
        // A fuzzer cannot guess a cookie: here it puts one that was given, to whomever.
        if head & 4 != 0 {
            let chosen = given.get(usize::from(input.u8()));
            let cookie = chosen.map(|(_, cookie)| &**cookie).unwrap_or_default();
            let at = usize::from(input.u8());
            for (place, byte) in datagram.iter_mut().skip(at).zip(cookie) {
                *place = *byte;
            }
        }
        let mut reply = ReplyBuffer::new();
        match entrance.check(client, &datagram, now, &mut reply) {
            Verdict::Challenge(reply) => {
                assert!(reply.len() < 80, "a long reply");
                given.push((client, cookie(reply)));
            }
            Verdict::Verified(hello) => {
                let cookie = hello.hello().cookie.clone();
                assert!(
                    given.contains(&(client, cookie)),
                    "in without a cookie of its own"
                );
            }
            Verdict::Drop(_) => {}
            Verdict::Refuse(_) => panic!("DTLS 1.3 is not spoken here"),
            Verdict::NoContext => panic!("there is a context"),
        }
    }
}

/// Of a HelloVerifyRequest in a record.
fn cookie(reply: &[u8]) -> Vec<u8> {
    let mut reader = Reader::new(reply);
    reader.take(25).unwrap();
    HelloVerifyRequest::decode(reader.rest()).unwrap().cookie
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let step = |head: u8, datagram: &[u8], tail: &[u8]| {
        [
            &[head],
            &(datagram.len() as u16).to_be_bytes()[..],
            datagram,
            tail,
        ]
        .concat()
    };
    let mut seeds = Vec::new();
    for kind in Duel::KINDS {
        let (hello, room) = Duel::hello_with_room(kind);
        // The same hello three times: without a cookie, with that of its sender, with that of another.
        let cookie_at = [0, room];
        seeds.push(
            [
                step(0, &hello, &[]),
                step(4, &hello, &cookie_at),
                step(5, &hello, &cookie_at),
            ]
            .concat(),
        );
    }
    seeds
}
