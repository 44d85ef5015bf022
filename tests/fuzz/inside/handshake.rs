//! A client or a server to whom anything is said, before it has keys and after. The keys are none: the
//! null cipher lets every record through whose tag is zero.

use super::duel::{Duel, record};
use super::input::Input;
use crate::codec::Writer;
use crate::crypto::null_cipher;
use crate::lab::End;
use crate::wire::{ContentType, HandshakeHeader, HandshakeType, ProtocolVersion};
use std::time::Duration;

/// Most that one datagram or timer may make a side send: a flight, in small pieces.
const MOST_AT_ONCE: usize = 32;

/// Most timers between the last datagram and the end.
const MOST_TIMERS: usize = 400;

/// Where forged records begin to count, so that they are not taken for those of the peer.
const FIRST_NUMBER: u64 = 1 << 20;

pub(super) fn server(data: &[u8]) {
    run(data, End::Server, Start::Hello);
}

pub(super) fn server_authenticated(data: &[u8]) {
    run(data, End::Server, Start::Established);
}

pub(super) fn client(data: &[u8]) {
    run(data, End::Client, Start::Hello);
}

pub(super) fn client_authenticated(data: &[u8]) {
    run(data, End::Client, Start::Established);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Hello,
    Established,
}

fn run(data: &[u8], subject: End, start: Start) {
    let mut input = Input::new(data);
    let kind = Duel::KINDS[usize::from(input.u8()) % Duel::KINDS.len()];
    null_cipher::set(true);
    let mut duel = match (start, subject, input.u8() % 2) {
        (Start::Hello, End::Server, 1) => match Duel::with_hello(kind, input.vector()) {
            Some(duel) => duel,
            None => return null_cipher::set(false),
        },
        _ => Duel::new(kind),
    };
    if start == Start::Established {
        duel.finish();
    }
    let mut heard_finished = start == Start::Established;
    let mut forged = Vec::new();
    let mut number = FIRST_NUMBER;
    while !input.is_empty() {
        let before = duel.side(subject).said.len();
        let step = input.u8();
        number += 1;
        match step % 8 {
            0 => forged = input.vector().to_vec(),
            1 => forged = handshake(&mut input, number),
            2 => forged = other(&mut input, number),
            3 => {}
            4 => {
                let wait = Duration::from_millis(u64::from(input.u8()) * 20);
                duel.now += wait;
                let now = duel.now;
                duel.side(subject).tick(now);
            }
            5 => {
                let due = duel.side(subject).connection.next_deadline();
                duel.now = duel.now.max(due.unwrap_or(duel.now));
                let now = duel.now;
                duel.side(subject).tick(now);
            }
            6 => {
                heard_finished |= duel.finished_is_next(subject);
                duel.pass(subject);
            }
            _ => while duel.pass(subject.peer()) {},
        }
        if step % 8 < 4 {
            let now = duel.now;
            duel.side(subject).hear(&mut forged.clone(), now);
        }
        let side = duel.side(subject);
        let said = side.said.len().saturating_sub(before);
        assert!(said <= MOST_AT_ONCE, "{said} datagrams at once");
        let established = side.connection.is_established();
        assert!(heard_finished || !established, "established with nobody");
    }
    null_cipher::set(false);
    end(&mut duel, subject);
}

/// Whatever was said, it ends, or it is established.
fn end(duel: &mut Duel, subject: End) {
    for _ in 0..MOST_TIMERS {
        let now = duel.now;
        let side = duel.side(subject);
        if side.failed {
            return;
        }
        let Some(due) = side.connection.next_deadline() else {
            assert!(
                side.connection.is_established(),
                "a handshake that nothing ends"
            );
            return;
        };
        side.tick(now.max(due));
        duel.now = now.max(due);
    }
    panic!("timers without an end");
}

/// A handshake message or a part of one, under either epoch.
fn handshake(input: &mut Input<'_>, number: u64) -> Vec<u8> {
    let typ = HandshakeType(input.u8());
    let [message_seq, flags] = [input.u8(), input.u8()];
    let body = input.vector();
    let length = body.len() as u32 + u32::from(flags >> 4);
    let fragment = Writer::bytes_of(|w| {
        HandshakeHeader {
            typ,
            length,
            message_seq: message_seq.into(),
            fragment_offset: u32::from(flags >> 2 & 3).min(length - body.len() as u32),
            fragment_length: body.len() as u32,
        }
        .write(w);
        w.bytes(body);
    });
    protected(
        ContentType::HANDSHAKE,
        u16::from(flags & 1),
        number,
        &fragment,
    )
}

/// A record of any type.
fn other(input: &mut Input<'_>, number: u64) -> Vec<u8> {
    let types = [20, 21, 23, 22, 0];
    let head = input.u8();
    let typ = ContentType(types[usize::from(head >> 1) % types.len()]);
    protected(typ, u16::from(head & 1), number, input.vector())
}

/// All kinds of handshakes here use GCM, which has an explicit nonce.
fn protected(typ: ContentType, epoch: u16, number: u64, plaintext: &[u8]) -> Vec<u8> {
    let version = ProtocolVersion::DTLS1_2;
    let plaintext = &plaintext[..plaintext.len().min(16_000)];
    match epoch {
        0 => record(typ, version, 0, number, plaintext),
        _ => {
            let fragment = [&number.to_be_bytes(), plaintext, &[0; 16]].concat();
            record(typ, version, epoch, number, &fragment)
        }
    }
}

pub(super) fn seeds_server() -> Vec<Vec<u8>> {
    seeds(End::Server)
}

pub(super) fn seeds_client() -> Vec<Vec<u8>> {
    seeds(End::Client)
}

/// Honest handshakes on a good path and on a bad one; and the messages of an earlier one, with a
/// Finished that cannot be right.
fn seeds(subject: End) -> Vec<Vec<u8>> {
    let mut seeds = seeds_authenticated();
    for (kind, number) in Duel::KINDS.into_iter().zip(0..) {
        seeds.push([[number, 0].as_slice(), &[6, 7].repeat(6)].concat());
        let slow = [5, 7, 6, 4, 100, 6, 7, 3].repeat(4);
        seeds.push([[number, 0].as_slice(), &slow].concat());
        let hello = Duel::hello(kind);
        let length = (hello.len() as u16).to_be_bytes();
        let head = [number, 1, length[0], length[1]];
        seeds.push([&head, &hello[..], &[6, 7].repeat(3)].concat());
        let mut forged = vec![number, 0];
        let mut next = 0;
        for said in Duel::messages(kind, subject) {
            forged.extend([1, said.typ.0, said.message_seq as u8, 0]);
            forged.extend((said.body.len() as u16).to_be_bytes());
            forged.extend(said.body);
            next = said.message_seq as u8 + 1;
        }
        let change_cipher_spec = [2, 0, 0, 1, 1];
        let finished = [[1, 20, next, 1, 0, 12].as_slice(), &[7; 12]].concat();
        forged.extend([&change_cipher_spec, &finished[..]].concat());
        seeds.push(forged);
    }
    seeds
}

/// Data, alerts and messages of a finished handshake.
pub(super) fn seeds_authenticated() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for number in 0..Duel::KINDS.len() as u8 {
        for epoch in 0..2 {
            let data = [2, 4 | epoch, 0, 5, b'h', b'e', b'l', b'l', b'o'];
            let warning = [2, 2 | epoch, 0, 2, 1, 90];
            let close = [2, 2 | epoch, 0, 2, 1, 0];
            let change = [2, epoch, 0, 1, 1];
            let request = [1, 0, 0, epoch, 0, 0];
            let finished = [[1, 20, 5, epoch, 0, 12].as_slice(), &[7; 12]].concat();
            let parts: [&[u8]; 7] = [
                &[number, 0],
                &data,
                &warning,
                &change,
                &request,
                &finished,
                &close,
            ];
            seeds.push(parts.concat());
        }
    }
    seeds
}
