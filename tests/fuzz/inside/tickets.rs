//! Tickets, what is in them, and what clients keep.

use super::input::Input;
use crate::certificate::{PeerIdentity, ServerName};
use crate::crypto::{Secret, null_cipher};
use crate::resumption::{
    ClientSession, Handle, OpenedTicket, RotatingTicketer, SessionState, Ticketer,
};
use crate::wire::{CipherSuite, ProtocolVersion};
use std::time::{Duration, UNIX_EPOCH};

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match input.u8() % 3 {
        0 => state(input.rest()),
        1 => stored(input.rest()),
        _ => ticket(&mut input),
    }
}

/// A state that is read is written as it was.
fn state(bytes: &[u8]) {
    let Some(state) = SessionState::decode(bytes) else {
        return;
    };
    assert_eq!(state.encode().as_bytes(), bytes);
    for date in [0, state.created, u64::MAX] {
        let date = UNIX_EPOCH.checked_add(Duration::from_secs(date));
        let left = state.time_left(date.unwrap_or(UNIX_EPOCH));
        assert!(left <= Duration::from_secs(86_400), "longer than a day");
    }
}

fn stored(bytes: &[u8]) {
    let Ok(session) = ClientSession::from_bytes(bytes) else {
        return;
    };
    assert_eq!(session.to_bytes(), bytes);
    let _ = (session.expires(), format!("{session:?}"));
}

/// Nothing but what was sealed comes out, whatever is done to a ticket.
fn ticket(input: &mut Input<'_>) {
    null_cipher::set(false);
    let ticketer = RotatingTicketer::new();
    let state = input.vector();
    let mut ticket = ticketer.seal(state).unwrap();
    let opened = ticketer.open(&ticket);
    assert!(opened == Some(OpenedTicket::Fresh(state.to_vec())));
    let whole = ticket.clone();
    while !input.is_empty() {
        match input.u8() % 4 {
            0 => ticket.truncate(input.u16().into()),
            1 => ticket.push(input.u8()),
            _ => {
                let at = usize::from(input.u16());
                let mask = input.u8();
                ticket
                    .iter_mut()
                    .skip(at)
                    .take(1)
                    .for_each(|byte| *byte ^= mask);
            }
        }
        let opened = ticketer.open(&ticket).is_some();
        assert_eq!(opened, ticket == whole, "another ticket");
    }
    assert!(ticketer.open(state).is_none(), "not a ticket");
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let identities = [
        PeerIdentity::Anonymous,
        PeerIdentity::Psk(b"tester".to_vec()),
        PeerIdentity::Certificate(vec![vec![48; 20], vec![49; 30]]),
    ];
    let mut seeds = vec![[&[2, 0, 5], &b"state"[..], &[1, 7, 0, 0, 9, 3, 0, 4, 1]].concat()];
    let ticket13 = Handle::Ticket13 {
        ticket: vec![1; 60],
        age_add: 0x0102_0304,
        received: 1_800_000_050,
    };
    let versions = [
        (ProtocolVersion::DTLS1_2, 0xc02b, 48),
        (ProtocolVersion::DTLS1_3, 0x1301, 32),
    ];
    let all = versions
        .iter()
        .flat_map(|version| identities.iter().map(move |peer| (*version, peer.clone())));
    for ((version, suite, master), peer) in all {
        let state = SessionState {
            version,
            cipher_suite: CipherSuite(suite),
            master: Secret::new(vec![7; master]),
            created: 1_800_000_000,
            server_name: Some("server.test".into()),
            alpn: Some(b"coap".to_vec()),
            peer,
            client_mark: vec![5; 16],
        };
        seeds.push([&[0], state.encode().as_bytes()].concat());
        let handles = [
            Handle::Ticket(vec![1; 60]),
            Handle::Id(vec![2; 32]),
            ticket13.clone(),
        ];
        for handle in handles {
            let date = UNIX_EPOCH + Duration::from_secs(1_800_000_100);
            let name = ServerName::new("server.test").unwrap();
            let session = ClientSession::new(&name, handle, state.clone(), None, date);
            seeds.push([&[1], &session.to_bytes()[..]].concat());
        }
    }
    seeds
}
