//! The extensions of the hellos and of what answers them, where the bytes decide fields and not offsets.

use super::input::Input;
use super::messages::{check, client_hello};
use super::retold::Retold;
use crate::codec::Writer;
use crate::wire::{
    Certificate13, CertificateRequest13, EncryptedExtensions, ExtensionType, HELLO_RETRY_REQUEST,
    NewSessionTicket13, ServerHello,
};

/// How many kinds of messages have extensions here.
const KINDS: u8 = 7;

/// The kind of message, and its extensions: the number of each, and its content.
pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = input.u8() % KINDS;
    let mut types = Vec::new();
    let block = Writer::bytes_of(|w| {
        while !input.is_empty() {
            let number = match input.u8() {
                255 => 0xff01,
                254 => input.u16(),
                number => number.into(),
            };
            w.u16(number);
            types.push(ExtensionType(number));
            let length = input.u8();
            let content = input.bytes(length.into());
            w.vec16(|w| w.bytes(content));
        }
    });
    if block.len() > usize::from(u16::MAX) {
        return;
    }
    let message = |before: &[u8]| {
        Writer::bytes_of(|w| {
            w.bytes(before);
            w.vec16(|w| w.bytes(&block));
        })
    };
    match kind {
        0 => client_hello(&message(&hello(&[7; 32], &[0, 0, 2, 0xc0, 0x2b, 1, 0]))),
        1 => server_hello(&message(&hello(&[7; 32], &[0xc0, 0x2b, 0])), &types),
        2 => server_hello(
            &message(&hello(&HELLO_RETRY_REQUEST, &[0x13, 1, 0])),
            &types,
        ),
        3 => {
            let answers = |message: EncryptedExtensions| message.extensions.types;
            names_all(&message(&[]), answers, &types);
        }
        4 => check::<CertificateRequest13>(&message(&[0])),
        5 => {
            let mut list = vec![0, 0, 1, 48];
            list.extend(message(&[]));
            let certificate = Writer::bytes_of(|w| {
                w.vec8(|_| {});
                w.vec24(|w| w.bytes(&list));
            });
            let of_entries = |message: Certificate13| message.extensions;
            names_all(&certificate, of_entries, &types);
        }
        _ => check::<NewSessionTicket13>(&message(&[0, 0, 0, 9, 1, 2, 3, 4, 1, 5, 0, 2, 6, 7])),
    }
}

/// A hello up to its extensions, without a session ID.
fn hello(random: &[u8; 32], rest: &[u8]) -> Vec<u8> {
    [&[0xfe, 0xfd], &random[..], &[0], rest].concat()
}

fn server_hello(bytes: &[u8], types: &[ExtensionType]) {
    let answers = |message: ServerHello| message.extensions.types;
    names_all(bytes, answers, types);
}

/// Whoever reads an answer must learn of every extension in it, since some were not asked for.
fn names_all<B: Retold>(
    bytes: &[u8],
    named: impl FnOnce(B) -> Vec<ExtensionType>,
    types: &[ExtensionType],
) {
    check::<B>(bytes);
    if let Ok(body) = B::decode(bytes) {
        assert_eq!(named(body), types, "{}", B::TYPE);
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let classic: [(u8, &[u8]); 9] = [
        (0, b"\0\x0e\0\0\x0bserver.test"),
        (10, &[0, 4, 0, 29, 0, 23]),
        (11, &[1, 0]),
        (13, &[0, 4, 4, 3, 8, 4]),
        (14, &[0, 2, 0, 1, 0]),
        (16, b"\0\x05\x04coap"),
        (23, &[]),
        (35, b"a ticket"),
        (255, &[0]),
    ];
    let offered13: [(u8, &[u8]); 7] = [
        (43, &[4, 0xfe, 0xfc, 0xfe, 0xfd]),
        (44, b"\0\x06cookie"),
        (51, &[0, 11, 0, 29, 0, 2, 1, 2, 0, 23, 0, 1, 3]),
        (45, &[1, 1]),
        (42, &[]),
        (47, &[0, 5, 0, 3, 1, 2, 3]),
        (41, b"\0\x09\0\x03key\0\0\0\0\0\x05\x04hash"),
    ];
    let answered13: [(u8, &[u8]); 6] = [
        (43, &[0xfe, 0xfc]),
        (51, &[0, 29, 0, 2, 1, 2]),
        (51, &[0, 23]),
        (41, &[0, 0]),
        (44, b"\0\x06cookie"),
        (0, &[]),
    ];
    let encode = |kind: u8, chosen: &[(u8, &[u8])]| {
        let mut seed = vec![kind];
        for (number, content) in chosen {
            seed.extend([*number, content.len() as u8]);
            seed.extend(*content);
        }
        seed
    };
    let mut seeds = Vec::new();
    for kind in 0..KINDS {
        for list in [&classic[..], &offered13, &answered13] {
            seeds.extend(list.iter().map(|one| encode(kind, &[*one])));
            seeds.push(encode(kind, list));
        }
    }
    seeds.push(encode(0, &[&classic[..], &offered13].concat()));
    seeds.push(encode(2, &[answered13[0], answered13[2], answered13[4]]));
    seeds
}
