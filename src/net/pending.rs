//! Messages that were received and not yet asked for.

use crate::error::{Error, Result};
use std::collections::VecDeque;

/// Messages and bytes that wait at most; what comes on top is dropped, as a socket's buffer would.
const MOST_MESSAGES: usize = 64;
const MOST_BYTES: usize = 256 * 1024;

/// A bounded queue of messages, each with its boundaries.
#[derive(Default)]
pub(super) struct Pending {
    messages: VecDeque<Vec<u8>>,
    bytes: usize,
}

/// The queue was full and the message is lost.
#[derive(Debug)]
pub(super) struct Full;

impl Pending {
    /// Room for one more message of any length.
    pub(super) fn has_room(&self) -> bool {
        self.messages.len() < MOST_MESSAGES && self.bytes < MOST_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(super) fn push(&mut self, message: &[u8]) -> std::result::Result<(), Full> {
        if !self.has_room() {
            return Err(Full);
        }
        self.bytes = self.bytes.saturating_add(message.len());
        self.messages.push_back(message.to_vec());
        Ok(())
    }

    /// Copies the first message out and removes it. One that does not fit stays.
    pub(super) fn take(&mut self, buf: &mut [u8]) -> Option<Result<usize>> {
        let copied = self.peek(buf)?;
        if copied.is_ok() {
            let gone = self.messages.pop_front();
            self.bytes = self
                .bytes
                .saturating_sub(gone.map_or(0, |message| message.len()));
        }
        Some(copied)
    }

    /// Copies the first message out and keeps it.
    pub(super) fn peek(&self, buf: &mut [u8]) -> Option<Result<usize>> {
        let message = self.messages.front()?;
        let needed = message.len();
        Some(match buf.get_mut(..needed) {
            Some(room) => {
                room.copy_from_slice(message);
                Ok(needed)
            }
            None => Err(Error::BufferTooSmall { needed }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p72_a_message_that_does_not_fit_is_kept() {
        let mut pending = Pending::default();
        pending.push(b"first").unwrap();
        pending.push(b"second").unwrap();
        let small = pending.take(&mut [0; 4]).unwrap();
        assert!(matches!(small, Err(Error::BufferTooSmall { needed: 5 })));
        let mut buf = [0; 16];
        assert_eq!(pending.peek(&mut buf).unwrap().unwrap(), 5);
        assert_eq!(pending.take(&mut buf).unwrap().unwrap(), 5);
        assert_eq!(pending.take(&mut buf).unwrap().unwrap(), 6);
        assert_eq!(&buf[..6], b"second");
        assert!(pending.take(&mut buf).is_none());
    }

    #[test]
    fn i12_the_newest_is_dropped() {
        let mut pending = Pending::default();
        for number in 0..MOST_MESSAGES {
            pending.push(&[number as u8]).unwrap();
        }
        assert!(pending.push(b"late").is_err());
        let mut buf = [0; 1];
        pending.take(&mut buf).unwrap().unwrap();
        assert_eq!(buf, [0]);
        assert!(pending.push(&[0; 16_384]).is_ok());

        let mut pending = Pending::default();
        while pending.has_room() {
            pending.push(&[0; 16_384]).unwrap();
        }
        assert_eq!(pending.bytes, MOST_BYTES);
    }
}
