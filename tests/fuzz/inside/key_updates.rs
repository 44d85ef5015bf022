//! A pair of DTLS 1.3 that is established: data and new keys, on a path that loses, doubles and reorders.

use super::duel::Duel;
use super::input::Input;
use super::kinds::Kind;
use crate::crypto::null_cipher;
use crate::lab::End;
use crate::wire::{KeyUpdate, UnifiedHeader};
use std::time::Duration;

/// For how long the path is bad: less than either side has patience for one flight, and than keys are kept.
const BAD_WEATHER: Duration = Duration::from_secs(20);

/// How many records the newest may be ahead of one that is delivered all the same.
const WINDOW: usize = 200;

/// That of the first application data (RFC 9147 §6.1).
const FIRST_EPOCH: u16 = 3;

/// How many epochs before the one that a side sends in are still read: the reader may be one further.
const EPOCHS: u16 = 1;

/// Most steps from the end of the bad weather to silence, beside the arrival of what is under way then.
const MOST_STEPS: usize = 1_000;

/// A datagram on its way.
#[derive(Clone)]
struct UnderWay {
    to: End,
    datagram: Vec<u8>,
    /// How many its side has sent before it.
    place: usize,
    /// How often its side had taken new keys before.
    epoch: u16,
    /// The number of the message in it.
    data: Option<u32>,
}

struct Path {
    duel: Duel,
    under_way: Vec<UnderWay>,
    /// Of the client and of the server.
    senders: [Sender; 2],
    next: u32,
}

/// What is known of a side that sends.
#[derive(Default)]
struct Sender {
    datagrams: usize,
    /// How often it has taken new keys.
    epoch: u16,
    /// Messages of it that have arrived.
    delivered: Vec<u32>,
}

pub(super) fn run(data: &[u8]) {
    null_cipher::set(false);
    let mut input = Input::new(data);
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| kind.is_13()).collect();
    let mut path = Path::new(kinds[usize::from(input.u8()) % kinds.len()]);
    while !input.is_empty() {
        let [step, argument] = [input.u8(), input.u8()];
        let end = match step & 1 {
            0 => End::Client,
            _ => End::Server,
        };
        path.step(step >> 1, end, argument);
        path.collect();
    }
    path.clear_up();
}

impl Path {
    fn new(kind: Kind) -> Path {
        let mut duel = Duel::new(kind);
        duel.finish();
        Path {
            duel,
            under_way: Vec::new(),
            senders: Default::default(),
            next: 0,
        }
    }

    fn step(&mut self, step: u8, end: End, argument: u8) {
        let at = usize::from(argument) % self.under_way.len().max(1);
        let now = self.duel.now;
        match step % 8 {
            0 | 1 => {
                self.send(end);
            }
            2 => {
                let update = match argument % 2 {
                    0 => KeyUpdate::NotRequested,
                    _ => KeyUpdate::Requested,
                };
                self.duel.side(end).update_keys(update, now);
            }
            3 if at < self.under_way.len() => {
                self.under_way.remove(at);
            }
            4 if at < self.under_way.len() => {
                let twice = self.under_way[at].clone();
                self.arrive(twice);
            }
            5 => {
                let later = now + Duration::from_millis(u64::from(argument) * 8);
                self.duel.now = later.min(BAD_WEATHER);
                self.tick();
            }
            _ if at < self.under_way.len() => {
                let next = self.under_way.remove(at);
                self.arrive(next);
            }
            _ => {}
        }
    }

    fn tick(&mut self) {
        let now = self.duel.now;
        for end in [End::Client, End::Server] {
            self.duel.side(end).tick(now);
        }
    }

    fn send(&mut self, end: End) -> u32 {
        self.collect();
        let number = self.next;
        self.next += 1;
        self.duel.side(end).send(&number.to_be_bytes());
        let datagram = self.duel.side(end).said.pop_back();
        let datagram = datagram.expect("nothing can be sent");
        self.put(end, datagram, Some(number));
        number
    }

    fn put(&mut self, from: End, datagram: Vec<u8>, data: Option<u32>) {
        // The epoch's low bits stand in the first byte. It rises by one at a time, since what makes it rise is
        // sent under the one before.
        assert!(UnifiedHeader::is_one(datagram[0]));
        let sender = &mut self.senders[from as usize];
        sender.epoch += u16::from(datagram[0]).wrapping_sub(FIRST_EPOCH + sender.epoch) & 3;
        let (place, epoch) = (sender.datagrams, sender.epoch);
        sender.datagrams += 1;
        self.under_way.push(UnderWay {
            to: from.peer(),
            datagram,
            place,
            epoch,
            data,
        });
    }

    /// What both have to say is on its way.
    fn collect(&mut self) {
        for end in [End::Client, End::Server] {
            while let Some(datagram) = self.duel.side(end).said.pop_front() {
                self.put(end, datagram, None);
            }
        }
    }

    /// Data is delivered once, as it was sent, and if it is not very late it is delivered.
    fn arrive(&mut self, next: UnderWay) {
        let now = self.duel.now;
        let side = self.duel.side(next.to);
        side.hear(&mut next.datagram.clone(), now);
        assert!(
            !side.failed,
            "a connection fails over what was honestly sent"
        );
        let delivered = std::mem::take(&mut side.delivered);
        let sender = &mut self.senders[next.to.peer() as usize];
        let Some(number) = next.data else {
            assert!(delivered.is_empty(), "data that nobody sent");
            return;
        };
        if delivered.is_empty() {
            let late = sender.datagrams - next.place > WINDOW || sender.epoch > next.epoch + EPOCHS;
            assert!(
                late || sender.delivered.contains(&number),
                "a message is lost"
            );
            return;
        }
        assert_eq!(delivered, [number.to_be_bytes()]);
        assert!(!sender.delivered.contains(&number), "twice");
        sender.delivered.push(number);
    }

    /// The weather clears: both get the keys that they want, and data flows.
    fn clear_up(&mut self) {
        self.collect();
        for _ in 0..self.under_way.len() + MOST_STEPS {
            self.collect();
            if !self.under_way.is_empty() {
                let next = self.under_way.remove(0);
                self.arrive(next);
                continue;
            }
            let due = [End::Client, End::Server]
                .into_iter()
                .filter_map(|end| self.duel.side(end).connection.next_deadline());
            let Some(due) = due.min() else {
                return self.talk();
            };
            self.duel.now = self.duel.now.max(due);
            self.tick();
        }
        panic!("they never fall silent");
    }

    fn talk(&mut self) {
        for end in [End::Client, End::Server] {
            let number = self.send(end);
            let next = self.under_way.remove(0);
            self.arrive(next);
            assert_eq!(self.senders[end as usize].delivered.last(), Some(&number));
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let (client, server) = (0, 1);
    let scripts = [
        // Data both ways, in order.
        vec![client, 0, server, 0, 12, 0, 12, 0],
        // Either side's keys twice, with data between; all arrives in order, and time passes.
        [
            4 | client,
            1,
            client,
            0,
            12,
            0,
            12,
            0,
            12,
            0,
            12,
            0,
            12,
            0,
            10,
            90,
        ]
        .repeat(3),
        [4 | server, 0, server, 0, 12, 0, 12, 0, 12, 0, 10, 255].repeat(3),
        // Data that is overtaken by new keys, some of it lost, some doubled.
        [
            client,
            0,
            client,
            0,
            client,
            0,
            4 | client,
            1,
            12,
            3,
            8,
            0,
            10,
            80,
            12,
            3,
            12,
            2,
            6,
            0,
        ]
        .repeat(4),
        // Both ask at once, and the first attempts are lost.
        [
            4 | client,
            1,
            4 | server,
            1,
            6,
            0,
            6,
            0,
            10,
            200,
            server,
            0,
            12,
            0,
            12,
            0,
            12,
            0,
        ]
        .repeat(2),
    ];
    let kinds = 0..Kind::ALL.iter().filter(|kind| kind.is_13()).count() as u8;
    let pairs = kinds.flat_map(|kind| {
        scripts
            .iter()
            .map(move |script| [&[kind], &script[..]].concat())
    });
    pairs.collect()
}
