//! Which messages of a connection are under way.

use crate::message::{Kind, Message};
use std::collections::BTreeSet;

/// What a client has sent on one connection, and what may come back: each of it, once.
pub(crate) struct Book {
    connection: u64,
    next: u32,
    unanswered: BTreeSet<u32>,
}

impl Book {
    pub(crate) fn new(connection: u64) -> Book {
        Book {
            connection,
            next: 0,
            unanswered: BTreeSet::new(),
        }
    }

    /// The next message, which has a number of its own. One that was lost is never sent again.
    pub(crate) fn next(&mut self, kind: Kind) -> Message {
        let number = self.next;
        self.next = number.saturating_add(1);
        self.unanswered.insert(number);
        Message {
            connection: self.connection,
            number,
            kind,
        }
    }

    /// Takes an answer.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn answer(&mut self, bytes: &[u8]) -> Result<u32, String> {
        let Some(message) = Message::read(bytes) else {
            return Err(format!("{} bytes are no message of ours", bytes.len()));
        };
        let Message {
            connection, number, ..
        } = message;
        if connection != self.connection {
            return Err(format!(
                "an answer of connection {connection:x} came to {:x}",
                self.connection
            ));
        }
        if number >= self.next {
            return Err(format!("answer {number}, and {} were asked", self.next));
        }
        if !self.unanswered.remove(&number) {
            return Err(format!("answer {number} came twice"));
        }
        Ok(number)
    }
}

/// What a server has received on one connection.
#[derive(Default)]
pub(crate) struct Received {
    connection: Option<u64>,
    numbers: BTreeSet<u32>,
}

impl Received {
    /// Takes a message.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<Message, String> {
        let Some(message) = Message::read(bytes) else {
            return Err(format!("{} bytes are no message of a client", bytes.len()));
        };
        let connection = *self.connection.get_or_insert(message.connection);
        if message.connection != connection {
            return Err(format!(
                "a message of connection {:x} came to {connection:x}",
                message.connection
            ));
        }
        if !self.numbers.insert(message.number) {
            return Err(format!("message {} came twice", message.number));
        }
        Ok(message)
    }
}
