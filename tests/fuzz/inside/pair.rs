//! A whole pair on a network that does what the input says, for a while; then the weather clears.

use super::input::Input;
use super::kinds::{Kind, configs};
use crate::crypto::null_cipher;
use crate::error::Error;
use crate::lab::{Arrival, Datagram, End, KeysOf, Pair, Weather};
use std::sync::Arc;
use std::time::Duration;

/// How many datagrams the input decides on: fewer than either side has patience for.
const FAULTS: usize = 24;

const LATENCY: Duration = Duration::from_millis(10);

/// Longer than any handshake has patience.
const LIMIT: Duration = Duration::from_secs(200);

/// Most that can happen to a pair between the end of all wishes and silence.
const MOST_STEPS: usize = 2_000;

/// Whatever is lost, doubled, delayed or cut: the handshake succeeds when the faults end.
pub(super) fn run(data: &[u8]) {
    let plan = Plan::of(data);
    let mut pair = plan.pair(Harm::Loss);
    let established = pair.establish(LIMIT);
    assert!(established.is_ok(), "{established:?}");
    plan.update_keys(&mut pair);
    talk(&mut pair);
    fall_silent(&mut pair);
}

/// Where bytes are changed and invented a handshake may fail, but it ends; and if it succeeds, the two
/// agree.
pub(super) fn run_corrupted(data: &[u8]) {
    let plan = Plan::of(data);
    let mut pair = plan.pair(Harm::Corruption);
    match pair.establish(LIMIT) {
        Ok(()) => {
            plan.update_keys(&mut pair);
            talk(&mut pair);
        }
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

/// What the first two bytes of an input say; the others are the weather.
struct Plan<'a> {
    kind: Kind,
    flags: u8,
    script: &'a [u8],
}

impl Plan<'_> {
    fn of(data: &[u8]) -> Plan<'_> {
        let mut input = Input::new(data);
        Plan {
            kind: Kind::of(input.u8()),
            flags: input.u8(),
            script: input.rest(),
        }
    }

    /// The server demands a cookie, or does not. A session to go on with comes from a handshake before.
    fn pair(&self, harm: Harm) -> Pair {
        null_cipher::set(false);
        let (client, server, name) = configs(self.kind);
        let mut server = server.as_ref().clone();
        server.hello_verification = self.flags & 1 != 0;
        let server = Arc::new(server);
        let new = |weather| {
            let (client, server) = (client.clone(), server.clone());
            Pair::new(client, server, name.clone(), weather).unwrap()
        };
        if self.kind.is_resumed() {
            let mut first = new(Weather::clear());
            first.establish(LIMIT).unwrap();
            fall_silent(&mut first);
        }
        new(weather(self.script.to_vec(), harm))
    }

    /// Each side may take new keys, and ask for the other's, while the weather is as it is.
    fn update_keys(&self, pair: &mut Pair) {
        for (end, wish) in [
            (End::Client, self.flags >> 1),
            (End::Server, self.flags >> 3),
        ] {
            let of = match wish & 3 {
                1 => KeysOf::OneSide,
                2 | 3 => KeysOf::BothSides,
                _ => continue,
            };
            let updated = pair.update_keys(end, of);
            let possible = match self.kind.is_13() {
                true => updated.is_ok(),
                false => matches!(updated, Err(Error::NoKeyUpdate)),
            };
            assert!(possible, "{updated:?}");
            pair.send(end, b"under way").unwrap();
        }
    }
}

fn talk(pair: &mut Pair) {
    let [client, server] = pair.exported(b"EXPERIMENTAL fuzzing").unwrap();
    assert_eq!(client, server, "two keys");
    pair.set_weather(Weather::clear());
    pair.exchange(b"ping", b"pong").unwrap();
    pair.exchange(b"ping", b"pong").unwrap();
}

/// In clear weather everything is answered or acknowledged in the end.
fn fall_silent(pair: &mut Pair) {
    let mut steps = 0;
    while pair.step() {
        steps += 1;
        assert!(steps < MOST_STEPS, "they never fall silent");
    }
    for end in [End::Client, End::Server] {
        assert!(pair.failure(end).is_none(), "{:?}", pair.failure(end));
    }
    pair.exchange(b"and", b"so on").unwrap();
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
    let scripts: [&[u8]; 5] = [
        &[],
        &[1, 0, 1, 0, 1, 0, 1],
        &[2, 2, 2, 4, 30, 3, 50, 0, 3, 9],
        &[0, 5, 0, 100, 5, 0, 20, 6, 0, 30, 255, 7, 4, 21, 254, 253, 0],
        &[0, 0, 0, 0, 1, 0, 1, 1, 0, 3, 90, 1, 0, 0, 1, 1, 0, 1],
    ];
    // Without a cookie and without new keys; with both, on either side and on both.
    let flags = [0, 0b101, 0b10_000, 0b11_111];
    let heads = Kind::numbered().flat_map(|(kind, _)| flags.map(|flags| [kind, flags]));
    heads
        .flat_map(|head| scripts.map(|script| [&head, script].concat()))
        .collect()
}
