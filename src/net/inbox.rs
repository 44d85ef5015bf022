//! Where a listener puts the datagrams of one connection, and where that connection waits for them.

use super::sync::{Condvar, Mutex};
use crate::error::Error;
use std::collections::VecDeque;
use std::time::Duration;

/// Bytes of the buffers that wait at most, about what a system's socket holds.
const MOST_BYTES: usize = 256 * 1024;

/// A bounded queue with one end that never waits and one that may.
pub(super) struct Inbox {
    capacity: usize,
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// It has no memory of its own until something waits: most connections are idle most of the time.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    end: Option<End>,
    /// Whoever waits is to look up.
    called: bool,
}

/// Why nothing comes any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client's new handshake has taken this connection's place.
    Replaced,
    /// The listener was closed.
    Closed,
    /// The client has been silent for too long.
    Idle,
}

/// What taking brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Datagram(Vec<u8>),
    /// Nothing came in time, or somebody called.
    Nothing,
    Ended(End),
}

impl Inbox {
    pub(super) fn new(capacity: usize) -> Inbox {
        Inbox {
            capacity,
            queue: Mutex::new(Queue::default()),
            changed: Condvar::new(),
        }
    }

    /// Puts a datagram in, or gives it back where there is no room or nobody left who would take it.
    pub(super) fn put(&self, datagram: Vec<u8>) -> Result<(), Vec<u8>> {
        let mut queue = self.queue.lock();
        let bytes = queue.bytes.saturating_add(datagram.capacity());
        let fits = queue.waiting.is_empty() || bytes <= MOST_BYTES;
        if queue.end.is_some() || queue.waiting.len() >= self.capacity || !fits {
            return Err(datagram);
        }
        queue.bytes = bytes;
        queue.waiting.push_back(datagram);
        drop(queue);
        self.changed.notify_one();
        Ok(())
    }

    /// Takes the first datagram, and waits for it for so long if there is none. What came before the end
    /// comes first.
    pub(super) fn take(&self, wait: Duration) -> Taken {
        let mut queue = self.queue.lock();
        if queue.is_quiet() && !wait.is_zero() {
            self.changed
                .wait_while_for(&mut queue, |queue| queue.is_quiet(), wait);
        }
        queue.called = false;
        match queue.waiting.pop_front() {
            Some(datagram) => {
                queue.bytes = queue.bytes.saturating_sub(datagram.capacity());
                Taken::Datagram(datagram)
            }
            None => queue.end.map_or(Taken::Nothing, Taken::Ended),
        }
    }

    /// Makes whoever waits look up, or else whoever takes next not wait: something has changed elsewhere.
    pub(super) fn call(&self) {
        self.queue.lock().called = true;
        self.changed.notify_all();
    }

    /// Nothing comes any more. The first reason counts.
    pub(super) fn end(&self, end: End) {
        self.queue.lock().end.get_or_insert(end);
        self.changed.notify_all();
    }

    pub(super) fn ended(&self) -> Option<End> {
        self.queue.lock().end
    }
}

impl Queue {
    fn is_quiet(&self) -> bool {
        self.waiting.is_empty() && self.end.is_none() && !self.called
    }
}

impl From<End> for Error {
    fn from(end: End) -> Error {
        match end {
            End::Replaced => Error::ReplacedByNewHandshake,
            End::Closed => Error::Closed,
            End::Idle => Error::Idle,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::pool::Pool;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn what_came_before_the_end_comes_first() {
        let inbox = Inbox::new(4);
        inbox.put(b"first".to_vec()).unwrap();
        inbox.put(b"second".to_vec()).unwrap();
        inbox.end(End::Replaced);
        inbox.end(End::Closed);
        assert_eq!(inbox.put(b"late".to_vec()), Err(b"late".to_vec()));
        assert_eq!(inbox.take(NOW), Taken::Datagram(b"first".to_vec()));
        assert_eq!(inbox.take(NOW), Taken::Datagram(b"second".to_vec()));
        for _ in 0..2 {
            assert_eq!(inbox.take(NOW), Taken::Ended(End::Replaced));
        }
        assert_eq!(inbox.ended(), Some(End::Replaced));
    }

    #[test]
    fn a_call_is_kept_for_whoever_waits_next() {
        let inbox = Inbox::new(4);
        inbox.call();
        assert_eq!(inbox.take(Duration::MAX), Taken::Nothing);
        inbox.call();
        inbox.put(b"datagram".to_vec()).unwrap();
        assert_eq!(inbox.take(NOW), Taken::Datagram(b"datagram".to_vec()));
        assert!(inbox.queue.lock().is_quiet(), "whoever took has looked up");
    }

    /// I12: the newest is dropped, by number and by size; one alone may have any size.
    #[test]
    fn i12_an_inbox_is_bounded() {
        let inbox = Inbox::new(3);
        for number in 0..3_u8 {
            inbox.put(vec![number]).unwrap();
        }
        assert_eq!(inbox.put(vec![3]), Err(vec![3]));
        assert_eq!(inbox.take(NOW), Taken::Datagram(vec![0]));
        inbox.put(vec![3]).unwrap();

        let large = || vec![0; MOST_BYTES / 2 + 1];
        let inbox = Inbox::new(3);
        inbox.put(large()).unwrap();
        assert!(inbox.put(large()).is_err());
        inbox.put(vec![1]).unwrap();
        assert!(matches!(inbox.take(NOW), Taken::Datagram(_)));
        inbox.put(large()).unwrap();
        let inbox = Inbox::new(3);
        inbox.put(vec![0; 2 * MOST_BYTES]).unwrap();
    }

    /// How many fit.
    fn fitting(make: impl Fn() -> Vec<u8>) -> usize {
        let inbox = Inbox::new(256);
        (0..1_000).take_while(|_| inbox.put(make()).is_ok()).count()
    }

    /// What counts is the memory that they hold, whatever is in it.
    #[test]
    fn i12_the_buffers_in_an_inbox_are_bounded() {
        let few_bytes = || {
            let mut buffer = Vec::with_capacity(4096);
            buffer.push(7);
            buffer
        };
        assert_eq!(fitting(few_bytes), 64);
        let inbox = Inbox::new(256);
        for _ in 0..1_000 {
            inbox.put(few_bytes()).unwrap();
            assert!(matches!(inbox.take(NOW), Taken::Datagram(_)));
        }
        assert_eq!(inbox.queue.lock().bytes, 0);
    }

    /// Whatever went round before.
    #[test]
    fn i12_a_burst_of_datagrams_as_long_as_they_usually_are_fits() {
        for (length, fits) in [(14, 256), (1_024, 256), (1_200, 170), (1_472, 170)] {
            let pool = Pool::new();
            for other in [14, 1_024, 1_472, 4_096] {
                let buffers = [(); 256].map(|()| pool.copy(&vec![0; other]));
                buffers.into_iter().for_each(|buffer| pool.put(buffer));
            }
            assert_eq!(fitting(|| pool.copy(&vec![1; length])), fits, "{length}");
        }
    }
}
