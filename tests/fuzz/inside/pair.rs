//! A whole pair on a network that does what the input says, for a while; then the weather clears.

use super::duel::{Duel, Kind, configs};
use super::input::Input;
use crate::crypto::null_cipher;
use crate::lab::{Arrival, Datagram, End, Pair, Weather};
use std::time::Duration;

/// How many datagrams the input decides on: fewer than either side has patience for.
const FAULTS: usize = 24;

const LATENCY: Duration = Duration::from_millis(10);

/// Longer than any handshake has patience.
const LIMIT: Duration = Duration::from_secs(200);

/// Whatever is lost, doubled, delayed or cut: the handshake succeeds when the faults end.
pub(super) fn run(data: &[u8]) {
    let mut pair = pair(data, Harm::Loss);
    let established = pair.establish(LIMIT);
    assert!(established.is_ok(), "{established:?}");
    talk(&mut pair);
}

/// Where bytes are changed and invented a handshake may fail, but it ends; and if it succeeds, the two
/// agree.
pub(super) fn run_corrupted(data: &[u8]) {
    let mut pair = pair(data, Harm::Corruption);
    match pair.establish(LIMIT) {
        Ok(()) => talk(&mut pair),
        Err(error) => {
            let failed = [End::Client, End::Server].map(|end| pair.failure(end).is_some());
            assert!(failed[0] || failed[1], "nobody has failed: {error}");
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Harm {
    Loss,
    Corruption,
}

fn pair(data: &[u8], harm: Harm) -> Pair {
    null_cipher::set(false);
    let kind = kind(data);
    let (client, server, name) = configs(kind);
    let rest = data.get(1..).unwrap_or_default().to_vec();
    Pair::new(client, server, name, weather(rest, harm)).unwrap()
}

fn kind(data: &[u8]) -> Kind {
    let first = data.first().copied().unwrap_or(0);
    Duel::KINDS[usize::from(first) % Duel::KINDS.len()]
}

fn talk(pair: &mut Pair) {
    let [client, server] = pair.exported(b"EXPERIMENTAL fuzzing").unwrap();
    assert_eq!(client, server, "two keys");
    pair.set_weather(Weather::clear());
    pair.exchange(b"ping", b"pong").unwrap();
    pair.exchange(b"ping", b"pong").unwrap();
}

fn weather(script: Vec<u8>, harm: Harm) -> Weather {
    let mut at = 0;
    Weather::new(move |datagram| {
        let mut input = Input::new(script.get(at..).unwrap_or_default());
        let before = script.len().saturating_sub(at);
        let fate = match datagram.number < FAULTS as u64 {
            true => fate(&mut input, &datagram, harm),
            false => vec![on_time(&datagram.bytes)],
        };
        at += before - input.rest().len();
        fate
    })
}

fn fate(input: &mut Input<'_>, datagram: &Datagram, harm: Harm) -> Vec<Arrival> {
    let bytes = &datagram.bytes;
    match (input.u8() % 8, harm) {
        (1, _) => Vec::new(),
        (2, _) => vec![on_time(bytes), on_time(bytes)],
        (3, _) => vec![late(bytes, input.u8())],
        (4, _) => vec![on_time(bytes), late(bytes, input.u8())],
        (5, _) => {
            let length = usize::from(input.u16()).min(bytes.len());
            vec![on_time(&bytes[..length])]
        }
        (6, Harm::Corruption) => {
            let mut bytes = bytes.clone();
            let at = usize::from(input.u16());
            let mask = input.u8();
            bytes
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|byte| *byte ^= mask);
            vec![on_time(&bytes)]
        }
        (7, Harm::Corruption) => {
            let length = input.u8();
            vec![on_time(input.bytes(length.into())), on_time(bytes)]
        }
        _ => vec![on_time(bytes)],
    }
}

fn on_time(bytes: &[u8]) -> Arrival {
    Arrival {
        after: LATENCY,
        bytes: bytes.to_vec(),
    }
}

fn late(bytes: &[u8], tens: u8) -> Arrival {
    Arrival {
        after: LATENCY * (1 + u32::from(tens)),
        bytes: bytes.to_vec(),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    (0..Duel::KINDS.len() as u8)
        .flat_map(|kind| {
            [
                vec![kind],
                vec![kind, 1, 0, 1, 0, 1, 0, 1],
                vec![kind, 2, 2, 2, 4, 30, 3, 50, 0, 3, 9],
                vec![
                    kind, 0, 5, 0, 100, 5, 0, 20, 6, 0, 30, 255, 7, 4, 21, 254, 253, 0,
                ],
            ]
        })
        .collect()
}
