//! The hellos' extensions, where the bytes decide fields and not offsets.

use super::input::Input;
use super::messages::check;
use crate::codec::Reader;
use crate::codec::Writer;
use crate::wire::{Body, ClientHello, ClientHelloFields, ServerHello};

/// An extension each: its number, and its content.
pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let from_client = input.u8() % 2 == 0;
    let block = Writer::bytes_of(|w| {
        while !input.is_empty() {
            let number = match input.u8() {
                255 => 0xff01,
                254 => input.u16(),
                number => number.into(),
            };
            w.u16(number);
            let length = input.u8();
            let content = input.bytes(length.into());
            w.vec16(|w| w.bytes(content));
        }
    });
    if block.len() > usize::from(u16::MAX) {
        return;
    }
    let hello = Writer::bytes_of(|w| {
        w.u16(0xfefd);
        w.bytes(&[7; 32]);
        w.vec8(|_| {});
        if from_client {
            w.vec8(|_| {});
            w.u16_list([0xc02b]);
            w.vec8(|w| w.u8(0));
        } else {
            w.u16(0xc02b);
            w.u8(0);
        }
        w.vec16(|w| w.bytes(&block));
    });
    if !from_client {
        return check::<ServerHello>(&hello);
    }
    check::<ClientHello>(&hello);
    // The gate reads a hello's fields where they stand; both readings must agree on what a hello is.
    let fields = Reader::whole(&hello, ClientHelloFields::read).unwrap();
    assert_eq!(fields.extensions, Some(&*block));
    if let Ok(hello) = ClientHello::decode(&hello) {
        assert_eq!(hello.random, fields.random);
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let extensions: [(u8, &[u8]); 9] = [
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
    let encode = |side: u8, chosen: &[(u8, &[u8])]| {
        let mut seed = vec![side];
        for (number, content) in chosen {
            seed.extend([*number, content.len() as u8]);
            seed.extend(*content);
        }
        seed
    };
    let mut seeds: Vec<_> = extensions.iter().map(|one| encode(0, &[*one])).collect();
    seeds.extend(extensions.iter().map(|one| encode(1, &[*one])));
    seeds.push(encode(0, &extensions));
    seeds.push(encode(1, &extensions));
    seeds
}
