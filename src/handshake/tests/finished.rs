//! Finished, in all four places where one is verified.

use super::honest::*;
use super::puppet::{Puppet, Verdict};
use crate::certificate::ServerName;
use crate::error::Error;
use crate::resumption::{Handle, ServerSessionCache, ServerSessions};
use crate::wire::{ClientHello, Finished};
use parking_lot::Mutex;
use std::sync::Arc;

/// A handshake in which the other side's Finished is due, that Finished, and the one of the wrong side.
struct Place {
    name: &'static str,
    arrive: fn() -> (Puppet, [Finished; 2]),
}

const PLACES: [Place; 4] = [
    Place {
        name: "the server's",
        arrive: || {
            let mut puppet = Puppet::server(client(), ServerName::unnamed());
            let keys = serve(&mut puppet, |_| ());
            puppet.write_under(keys.server_write());
            let io = puppet.io();
            let due = [keys.server_finished(io), keys.client_finished(io)];
            (puppet, due)
        },
    },
    Place {
        name: "the client's",
        arrive: || {
            let (mut puppet, keys, _) = approach(server(), &hello());
            puppet.write_under(keys.client_write());
            let io = puppet.io();
            let due = [keys.client_finished(io), keys.server_finished(io)];
            (puppet, due)
        },
    },
    Place {
        name: "the server's, of an earlier session",
        arrive: || {
            let session = session(Handle::Id(vec![9; 32]));
            let mut puppet = server_for(client(), &session);
            let keys = serve_again(&mut puppet, &session.state().master, |_| ());
            puppet.write_under(keys.server_write());
            let io = puppet.io();
            let due = [keys.server_finished(io), keys.client_finished(io)];
            (puppet, due)
        },
    },
    Place {
        name: "the client's, of an earlier session",
        arrive: || {
            let server = server().sessions(Arc::new(ServerSessionCache::default()));
            let (mut first, keys, answer) = approach(server.clone(), &hello());
            finish_as_client(&mut first, &keys);
            let again = ClientHello {
                session_id: answer.session_id,
                ..hello()
            };
            let (mut puppet, keys, _) = approach_again(server, &again, keys.master());
            puppet.write_under(keys.client_write());
            let io = puppet.io();
            let due = [keys.client_finished(io), keys.server_finished(io)];
            (puppet, due)
        },
    },
];

#[test]
fn a_true_finished_ends_a_handshake() {
    for place in PLACES {
        let (mut puppet, [due, _]) = (place.arrive)();
        puppet.say(&due);
        assert_eq!(puppet.verdict(), Verdict::Established, "{}", place.name);
    }
}

/// Not even the true one is taken from somebody who does not hold the keys.
#[test]
fn d01_p18_a_finished_in_the_clear_is_none() {
    for place in PLACES {
        let (mut puppet, [due, _]) = (place.arrive)();
        puppet.write_in_the_clear();
        puppet.say(&due);
        let other_keys = Error::UnexpectedRecord("a message under other keys");
        let refused = Verdict::Refused(other_keys);
        assert_eq!(puppet.verdict(), refused, "{}", place.name);
    }
}

/// Whoever has changed a message on the way, or does not hold the keys, cannot make this one.
#[test]
fn d22_j01_any_other_finished_is_refused() {
    type Lie = fn([Finished; 2]) -> Vec<u8>;
    let lies: [(&str, Lie); 6] = [
        ("the first bit", |[due, _]| flip(due.verify_data, 0)),
        ("the last byte", |[due, _]| flip(due.verify_data, 11)),
        ("a byte too few", |[due, _]| due.verify_data[..11].to_vec()),
        ("a byte too many", |[due, _]| {
            [due.verify_data, vec![0]].concat()
        }),
        ("nothing", |_| Vec::new()),
        ("the other side's", |[_, other]| other.verify_data),
    ];
    for place in PLACES {
        for (lie, of) in lies {
            let (mut puppet, due) = (place.arrive)();
            let verify_data = of(due);
            puppet.say(&Finished { verify_data });
            let at = format!("{}: {lie}", place.name);
            assert_eq!(
                puppet.verdict(),
                Verdict::Failed(Error::BadFinished),
                "{at}"
            );
        }
    }
}

/// Whoever cannot finish a handshake leaves no session behind for others to go on with.
#[test]
fn g04_a_server_keeps_a_session_when_the_client_has_proven_its_keys() {
    for proves in [true, false] {
        let kept = Kept::default();
        let server = server().sessions(Arc::new(kept.clone()));
        let (mut puppet, keys, answer) = approach(server, &hello());
        assert_eq!(answer.session_id.len(), 32);
        puppet.write_under(keys.client_write());
        let mut finished = keys.client_finished(puppet.io());
        if !proves {
            finished.verify_data[0] ^= 1;
        }
        assert!(kept.0.lock().is_empty());
        puppet.say(&finished);
        assert_eq!(puppet.verdict() == Verdict::Established, proves);
        let expected: &[Vec<u8>] = if proves { &[answer.session_id] } else { &[] };
        assert_eq!(*kept.0.lock(), expected);
    }
}

/// The IDs that a server has kept sessions under.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Vec<u8>>>>);

impl ServerSessions for Kept {
    fn put(&self, id: &[u8], _: &[u8]) {
        self.0.lock().push(id.to_vec());
    }

    fn get(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

fn flip(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes[at] ^= 0x80;
    bytes
}
