//! A client or a server to whom anything is said, before it has keys and after. The keys are none: the
//! null cipher lets every record through whose tag is zero.

use super::duel::Duel;
use super::input::Input;
use super::kinds::Kind;
use super::opened::{self, protected12, protected13};
use crate::codec::Writer;
use crate::crypto::null_cipher;
use crate::lab::End;
use crate::wire::{
    Ack, Body, ContentType, HandshakeHeader, HandshakeType, KeyUpdate, NewSessionTicket13,
    ProtocolVersion, RecordNumber, ShortSequence,
};
use std::time::Duration;

/// Most that one datagram or timer may make a side send: a flight, in small pieces.
const MOST_AT_ONCE: usize = 32;

/// Most timers between the last datagram and the end.
const MOST_TIMERS: usize = 400;

/// Where forged records begin to count, so that they are not taken for those of the peer, nor make those
/// too old.
const FIRST_NUMBER: u16 = 128;

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
    if let Some(mut duel) = play(data, subject, start) {
        end(&mut duel, subject);
    }
}

/// What comes of an input before the end, unless it begins with a hello that is none.
fn play(data: &[u8], subject: End, start: Start) -> Option<Duel> {
    null_cipher::set(true);
    let played = steps(&mut Input::new(data), subject, start);
    null_cipher::set(false);
    played
}

fn steps(input: &mut Input<'_>, subject: End, start: Start) -> Option<Duel> {
    let kind = Kind::of(input.u8());
    let mut duel = match (start, subject, input.u8() % 2) {
        (Start::Hello, End::Server, 1) => Duel::with_hello(kind, input.vector())?,
        _ => Duel::new(kind),
    };
    if start == Start::Established {
        duel.finish();
    }
    let mut heard_finished = start == Start::Established;
    let mut forger = Forger {
        kind,
        number: FIRST_NUMBER,
    };
    let mut forged = Vec::new();
    while !input.is_empty() {
        let before = duel.side(subject).said.len();
        let step = input.u8() % 12;
        forger.number = forger.number.wrapping_add(1);
        match step {
            0 => forged = input.vector().to_vec(),
            1 => forged = forger.handshake(input),
            2 => forged = forger.other(input),
            3 => forged = forger.ack(input),
            4 => {}
            5 => {
                let wait = Duration::from_millis(u64::from(input.u8()) * 20);
                duel.now += wait;
                let now = duel.now;
                duel.side(subject).tick(now);
            }
            6 => {
                heard_finished |= duel.finished_is_next(subject);
                duel.pass(subject);
            }
            7 => while duel.pass(subject.peer()) {},
            8 => {
                let due = duel.side(subject).connection.next_deadline();
                duel.now = duel.now.max(due.unwrap_or(duel.now));
                let now = duel.now;
                duel.side(subject).tick(now);
            }
            9 | 10 => {
                let who = match step {
                    9 => subject,
                    _ => subject.peer(),
                };
                let update = match input.u8() % 2 {
                    0 => KeyUpdate::NotRequested,
                    _ => KeyUpdate::Requested,
                };
                let now = duel.now;
                duel.side(who).update_keys(update, now);
            }
            _ => duel.side(subject).send(b"data"),
        }
        if step < 5 {
            let now = duel.now;
            duel.side(subject).hear(&mut forged.clone(), now);
        }
        let side = duel.side(subject);
        let said = side.said.len().saturating_sub(before);
        assert!(said <= MOST_AT_ONCE, "{said} datagrams at once");
        let established = side.connection.is_established();
        assert!(heard_finished || !established, "established with nobody");
    }
    Some(duel)
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

/// Writes what passes for authentic.
struct Forger {
    kind: Kind,
    number: u16,
}

impl Forger {
    /// A handshake message or a part of one, under any epoch.
    fn handshake(&self, input: &mut Input<'_>) -> Vec<u8> {
        let typ = HandshakeType(input.u8());
        let [message_seq, epoch, flags] = [input.u8(), input.u8(), input.u8()];
        let body = input.vector();
        let length = body.len() as u32 + u32::from(flags >> 4);
        let fragment = Writer::bytes_of(|w| {
            HandshakeHeader {
                typ,
                length,
                message_seq: message_seq.into(),
                fragment_offset: u32::from(flags & 3).min(length - body.len() as u32),
                fragment_length: body.len() as u32,
            }
            .write(w);
            w.bytes(body);
        });
        self.record(ContentType::HANDSHAKE, epoch, &fragment)
    }

    /// A record of any type.
    fn other(&self, input: &mut Input<'_>) -> Vec<u8> {
        let types = [20, 21, 23, 22, 26, 0];
        let typ = ContentType(types[usize::from(input.u8()) % types.len()]);
        self.record(typ, input.u8(), input.vector())
    }

    /// That some records have arrived, whether they were sent or not.
    fn ack(&self, input: &mut Input<'_>) -> Vec<u8> {
        let [epoch, count] = [input.u8(), input.u8()];
        let numbers = (0..count % 16).map(|_| RecordNumber {
            epoch: input.u8().into(),
            sequence: input.u8().into(),
        });
        let record_numbers = numbers.collect();
        self.record(ContentType::ACK, epoch, &Ack { record_numbers }.encode())
    }

    /// In the clear where the epoch is zero; else under it, of which DTLS 1.3 tells the low bits, and
    /// there is but one in DTLS 1.2.
    fn record(&self, typ: ContentType, epoch: u8, plaintext: &[u8]) -> Vec<u8> {
        let plaintext = &plaintext[..plaintext.len().min(16_000)];
        let number = self.number.into();
        match (epoch, self.kind.is_13()) {
            (0, _) => opened::record(typ, ProtocolVersion::DTLS1_2, 0, number, plaintext),
            (_, false) => protected12(typ, 1, number, plaintext),
            (_, true) => {
                let sequence = ShortSequence::Bits16(self.number);
                protected13(typ, epoch & 3, sequence, plaintext)
            }
        }
    }
}

pub(super) fn seeds_server() -> Vec<Vec<u8>> {
    seeds(End::Server)
}

pub(super) fn seeds_client() -> Vec<Vec<u8>> {
    seeds(End::Client)
}

pub(super) fn seeds_server_authenticated() -> Vec<Vec<u8>> {
    seeds_authenticated(End::Server)
}

pub(super) fn seeds_client_authenticated() -> Vec<Vec<u8>> {
    seeds_authenticated(End::Client)
}

/// A forged handshake message, as an input has it.
fn message(typ: HandshakeType, message_seq: u16, epoch: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = (body.len() as u16).to_be_bytes();
    [&[1, typ.0, message_seq as u8, epoch, 0, high, low], body].concat()
}

/// Honest handshakes on a good path and on a bad one; and the messages of an earlier one, with a
/// Finished that cannot be right.
fn seeds(subject: End) -> Vec<Vec<u8>> {
    let mut seeds = seeds_authenticated(subject);
    for (number, kind) in Kind::numbered() {
        seeds.push([[number, 0].as_slice(), &[6, 7].repeat(8)].concat());
        let slow = [8, 7, 6, 5, 100, 6, 7, 4].repeat(5);
        seeds.push([[number, 0].as_slice(), &slow].concat());
        let hello = Duel::hello(kind);
        let length = (hello.len() as u16).to_be_bytes();
        let head = [number, 1, length[0], length[1]];
        seeds.push([&head, &hello[..], &[6, 7].repeat(4)].concat());
        // The same with ACKs of what the subject sent, so that its peer need not have it.
        let acked = [3, 0, 2, 0, 0, 0, 1, 6, 3, 2, 3, 2, 0, 2, 1, 2, 2, 7].repeat(3);
        seeds.push([[number, 0].as_slice(), &acked].concat());
        let mut forged = vec![number, 0];
        let mut next = 0;
        for said in Duel::messages(kind, subject) {
            forged.extend(message(
                said.typ,
                said.message_seq,
                said.epoch as u8,
                &said.body,
            ));
            next = said.message_seq + 1;
        }
        let change_cipher_spec = [2, 0, 0, 0, 1, 1];
        let finished = message(HandshakeType::FINISHED, next, 1, &[7; 12]);
        forged.extend([&change_cipher_spec, &finished[..]].concat());
        seeds.push(forged);
    }
    seeds
}

/// Data, alerts and messages of a finished handshake; in DTLS 1.3 new keys and tickets.
fn seeds_authenticated(subject: End) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (number, kind) in Kind::numbered() {
        for epoch in [0, if kind.is_13() { 3 } else { 1 }] {
            let data = [2, 2, epoch, 0, 5, b'h', b'e', b'l', b'l', b'o'];
            let warning = [2, 1, epoch, 0, 2, 1, 90];
            let close = [2, 1, epoch, 0, 2, 1, 0];
            let change = [2, 0, epoch, 0, 1, 1];
            let request = message(HandshakeType::HELLO_REQUEST, 0, epoch, &[]);
            let finished = message(HandshakeType::FINISHED, 5, epoch, &[7; 12]);
            seeds.push([&[number, 0], &data[..], &warning, &close].concat());
            let strange: [&[u8]; 6] = [&[number, 0], &data, &change, &request, &finished, &close];
            seeds.push(strange.concat());
        }
        if kind.is_13() {
            seeds.extend(seeds_authenticated13(number, kind, subject));
        }
    }
    seeds
}

fn seeds_authenticated13(number: u8, kind: Kind, subject: End) -> [Vec<u8>; 3] {
    let said = Duel::messages(kind, subject);
    let next = said.iter().map(|said| said.message_seq + 1).max();
    let next = next.unwrap_or(0);
    let data = |epoch: u8| vec![2, 2, epoch, 0, 2, b'h', b'i'];
    let update = |message_seq, epoch, update: KeyUpdate| {
        message(
            HandshakeType::KEY_UPDATE,
            message_seq,
            epoch,
            &update.encode(),
        )
    };
    // Of records that the subject has sent under epoch 3 or 4 (which has the low bits 0).
    let ack = |of: u8, under: u8| {
        let numbers: Vec<u8> = (0..8).flat_map(|number| [of, number]).collect();
        [&[3, under, 8], &numbers[..]].concat()
    };
    let ticket = NewSessionTicket13 {
        lifetime: 3600,
        age_add: 7,
        nonce: vec![9],
        ticket: vec![5; 40],
    };
    let ticket = message(HandshakeType::NEW_SESSION_TICKET, next, 3, &ticket.encode());
    // The peer takes new keys twice, and asks for some; the subject takes some three times.
    let theirs = [
        vec![number, 0],
        update(next, 3, KeyUpdate::Requested),
        data(4),
        ack(3, 4),
        update(next + 1, 4, KeyUpdate::NotRequested),
        data(5),
        data(3),
        vec![11],
    ];
    let ours = [
        vec![number, 0, 9, 1],
        ack(3, 3),
        ack(3, 3),
        vec![11, 9, 0],
        ack(4, 3),
        vec![11, 9, 0],
        ack(5, 3),
        vec![11, 7, 6, 6],
    ];
    let tickets = [
        vec![number, 0],
        ticket.clone(),
        vec![8],
        ticket,
        vec![10, 1, 6, 7, 6, 7],
    ];
    [theirs.concat(), ours.concat(), tickets.concat()]
}

/// That the seeds reach what they are for: the end of each kind of handshake; and in DTLS 1.3 new keys of
/// either side.
pub(super) fn check_seeds() {
    for subject in [End::Client, End::Server] {
        for (number, kind) in Kind::numbered() {
            let played = |seeds: &[Vec<u8>], start| -> Vec<Duel> {
                let own = seeds.iter().filter(|seed| seed[0] == number);
                own.filter_map(|seed| play(seed, subject, start)).collect()
            };
            let mut duels = played(&seeds(subject), Start::Hello);
            let mut duels = duels.iter_mut();
            let established = duels.any(|duel| duel.side(subject).connection.is_established());
            assert!(
                established,
                "no {kind:?} reaches its end at the {subject:?}"
            );
            if kind.is_13() {
                let mut duels = played(&seeds_authenticated(subject), Start::Established);
                let mut hear = |end, what: &[&[u8]]| {
                    let mut duels = duels.iter_mut();
                    assert!(
                        duels.any(|duel| duel.side(end).delivered == what),
                        "{kind:?}: nothing under new keys at the {end:?}, against the {subject:?}"
                    );
                };
                hear(subject, &[b"hi", b"hi", b"hi"]);
                // Three times: the first keys are gone by then.
                hear(subject.peer(), &[b"data", b"data", b"data"]);
            }
        }
    }
}
