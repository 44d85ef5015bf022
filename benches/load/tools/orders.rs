//! A child's side of what its parent orders.

use super::{Facts, Outcome};
use std::io::{BufRead, Write};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// Orders as they come. The child ends when no more can come, since its parent is gone.
pub(crate) fn orders() -> Receiver<String> {
    let (put, orders) = channel();
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if line.is_ok_and(|line| put.send(line).is_ok()) {
                continue;
            }
            break;
        }
        std::process::exit(0);
    });
    orders
}

/// Tells the parent.
pub(crate) fn tell(facts: &Facts) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{facts}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// From now on every order is a question, which a thread of its own answers with these facts.
pub(crate) fn tell_when_asked(observe: impl Fn() -> Outcome<Facts> + Send + 'static) {
    let orders = orders();
    thread::spawn(move || {
        for _ in orders {
            match observe() {
                Ok(facts) => tell(&facts),
                Err(error) => eprintln!("error: {error}"),
            }
        }
    });
}
