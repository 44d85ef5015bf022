//! Buffers that go round between a listener and its connections.

use crossbeam_channel::{Receiver, Sender, bounded};

/// Buffers kept at most, and the largest that is: one huge datagram must not hold its memory for ever.
const MOST_BUFFERS: usize = 256;
pub(super) const LARGEST: usize = 4096;

pub(super) struct Pool {
    put: Sender<Vec<u8>>,
    take: Receiver<Vec<u8>>,
}

impl Pool {
    pub(super) fn new() -> Pool {
        let (put, take) = bounded(MOST_BUFFERS);
        Pool { put, take }
    }

    /// A buffer with a copy of `bytes`.
    pub(super) fn copy(&self, bytes: &[u8]) -> Vec<u8> {
        let mut buffer = self.take.try_recv().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(bytes);
        buffer
    }

    /// Takes a buffer back.
    pub(super) fn put(&self, buffer: Vec<u8>) {
        if (1..=LARGEST).contains(&buffer.capacity()) {
            // A full pool lets it go.
            let _ = self.put.try_send(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i18_a_buffer_comes_back() {
        let pool = Pool::new();
        let buffer = pool.copy(b"a datagram");
        let place = buffer.as_ptr();
        pool.put(buffer);
        let again = pool.copy(b"another");
        assert_eq!(again, b"another");
        assert_eq!(again.as_ptr(), place);
        pool.put(vec![0; LARGEST + 1]);
        assert!(pool.take.is_empty(), "a huge one is not kept");
    }
}
