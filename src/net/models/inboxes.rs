//! An inbox between the dispatcher, its connection, and whoever ends or calls it.

use super::in_every_order;
use crate::net::inbox::{End, Inbox, Taken};
use crate::net::sync::{AtomicBool, Ordering};
use shuttle::thread;
use std::sync::Arc;
use std::time::Duration;

const LONG: Duration = Duration::MAX;

/// What was let in comes out, in order, and then the end.
#[test]
fn i16_whatever_is_let_in_comes_out_before_the_end() {
    in_every_order(|| {
        let inbox = Arc::new(Inbox::new(1));
        let dispatcher = {
            let inbox = inbox.clone();
            thread::spawn(move || (1..=2_u8).filter(|n| inbox.put(vec![*n]).is_ok()).count())
        };
        let closer = {
            let inbox = inbox.clone();
            thread::spawn(move || inbox.end(End::Closed))
        };
        let mut taken = Vec::new();
        loop {
            match inbox.take(LONG) {
                Taken::Datagram(datagram) => taken.extend(datagram),
                Taken::Nothing => panic!("nobody called"),
                Taken::Ended(end) => break assert_eq!(end, End::Closed),
            }
        }
        closer.join().unwrap();
        assert_eq!(taken.len(), dispatcher.join().unwrap());
        assert!(taken.is_sorted());
    });
}

/// Closed while blocked, by two at once: the first reason counts, for everybody who asks.
#[test]
fn i15_i16_closing_wakes_whoever_waits() {
    in_every_order(|| {
        let inbox = Arc::new(Inbox::new(1));
        let enders = [End::Replaced, End::Closed].map(|end| {
            let inbox = inbox.clone();
            thread::spawn(move || inbox.end(end))
        });
        let first = inbox.take(LONG);
        assert!(matches!(first, Taken::Ended(_)));
        enders.into_iter().for_each(|ender| ender.join().unwrap());
        assert_eq!(inbox.take(LONG), first);
    });
}

/// What was changed before the call is seen by whoever waits after it, whenever the call falls.
#[test]
fn i16_a_call_is_never_lost() {
    in_every_order(|| {
        let inbox = Arc::new(Inbox::new(1));
        let changed = Arc::new(AtomicBool::new(false));
        let caller = {
            let (inbox, changed) = (inbox.clone(), changed.clone());
            thread::spawn(move || {
                changed.store(true, Ordering::Relaxed);
                inbox.call();
            })
        };
        let dispatcher = {
            let inbox = inbox.clone();
            thread::spawn(move || drop(inbox.put(vec![1])))
        };
        while !changed.load(Ordering::Relaxed) {
            inbox.take(LONG);
        }
        caller.join().unwrap();
        dispatcher.join().unwrap();
    });
}
