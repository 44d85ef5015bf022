//! Buffers that go round between a listener and its connections.

use crossbeam_channel::{Receiver, Sender, bounded};

/// Buffers of each size that are kept at most.
const MOST_BUFFERS: usize = 256;

/// The sizes of buffers, so that a small datagram does not hold the memory of a large one while it waits: as many as
/// an inbox has places by default fit into one if they have a KiB at most, and 170 as long as Ethernet lets them be.
const SIZES: [usize; 3] = [256, 1024, LARGEST];

/// The largest buffer that is kept: one huge datagram must not hold its memory for ever.
pub(super) const LARGEST: usize = 1536;

pub(super) struct Pool {
    shelves: [Shelf; SIZES.len()],
}

/// Buffers of one size.
struct Shelf {
    size: usize,
    put: Sender<Vec<u8>>,
    take: Receiver<Vec<u8>>,
}

impl Pool {
    pub(super) fn new() -> Pool {
        let shelves = SIZES.map(|size| {
            let (put, take) = bounded(MOST_BUFFERS);
            Shelf { size, put, take }
        });
        Pool { shelves }
    }

    /// A buffer with a copy of `bytes`.
    pub(super) fn copy(&self, bytes: &[u8]) -> Vec<u8> {
        let mut shelves = self.shelves.iter();
        let Some(shelf) = shelves.find(|shelf| bytes.len() <= shelf.size) else {
            return bytes.to_vec();
        };
        let kept = shelf.take.try_recv();
        let mut buffer = kept.unwrap_or_else(|_| Vec::with_capacity(shelf.size));
        buffer.clear();
        buffer.extend_from_slice(bytes);
        buffer
    }

    /// Takes a buffer back.
    pub(super) fn put(&self, buffer: Vec<u8>) {
        let mut shelves = self.shelves.iter();
        if let Some(shelf) = shelves.find(|shelf| buffer.capacity() == shelf.size) {
            // A full shelf lets it go.
            let _ = shelf.put.try_send(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To a datagram of about its size, and to no other.
    #[test]
    fn i18_a_buffer_comes_back() {
        for size in SIZES {
            let pool = Pool::new();
            let buffer = pool.copy(&vec![1; size]);
            assert_eq!((buffer.len(), buffer.capacity()), (size, size));
            let place = buffer.as_ptr();
            pool.put(buffer);
            for other in SIZES.into_iter().filter(|other| *other != size) {
                let other = pool.copy(&vec![2; other]);
                assert_ne!(other.as_ptr(), place);
            }
            let again = pool.copy(&vec![3; size - 1]);
            assert_eq!(again, vec![3; size - 1]);
            assert_eq!(again.as_ptr(), place);
        }
    }

    #[test]
    fn i18_a_huge_buffer_is_not_kept() {
        let pool = Pool::new();
        let huge = pool.copy(&[4; LARGEST + 1]);
        assert_eq!(huge, [4; LARGEST + 1]);
        pool.put(huge);
        pool.put(Vec::new());
        assert!(pool.shelves.iter().all(|shelf| shelf.take.is_empty()));
    }
}
