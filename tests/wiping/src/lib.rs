//! An allocator that keeps a copy of whatever is freed, so that a test can look for secrets in it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::{BTreeMap, HashMap};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Room for what is freed during one recording. Pages that are not written cost nothing.
const ROOM: usize = 1 << 30;

/// Before each copy stands its length.
const LENGTH: usize = size_of::<usize>();

/// The system's allocator, which keeps a copy of what it is given back while somebody records.
pub struct Recorder;

/// The copies, one behind the other. Never freed.
static ARENA: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
static USED: AtomicUsize = AtomicUsize::new(0);
static ON: AtomicBool = AtomicBool::new(false);
/// Threads that may be writing to the arena.
static WRITERS: AtomicUsize = AtomicUsize::new(0);
static ONE: Mutex<()> = Mutex::new(());

// SAFETY: everything is left to the system's allocator. `realloc` is the trait's own, which allocates,
// copies and frees: so what a growing buffer leaves behind is seen, too.
unsafe impl GlobalAlloc for Recorder {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that are asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        WRITERS.fetch_add(1, SeqCst);
        if ON.load(SeqCst) {
            let start = USED.fetch_add(LENGTH + layout.size(), SeqCst);
            if start + LENGTH + layout.size() <= ROOM {
                // SAFETY: the block is the caller's still, and this part of the arena nobody else's.
                unsafe {
                    let place = ARENA.load(SeqCst).add(start);
                    place.cast::<usize>().write_unaligned(layout.size());
                    ptr::copy_nonoverlapping(block, place.add(LENGTH), layout.size());
                }
            }
        }
        WRITERS.fetch_sub(1, SeqCst);
        // SAFETY: the caller's promises are those that are asked for.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Records what all threads free, until it is stopped. There is one at a time.
pub struct Recording(MutexGuard<'static, ()>);

/// What is looked for, by its name. Never freed, or another recording would find it.
pub type Secret = (&'static str, &'static [u8]);

/// What was freed. While it is there, nobody records.
pub struct Freed {
    _one: MutexGuard<'static, ()>,
}

impl Recording {
    /// Begins to record.
    pub fn start() -> Recording {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        if ARENA.load(SeqCst).is_null() {
            let layout = Layout::from_size_align(ROOM, 4096).expect("a size that fits");
            // SAFETY: the size is not zero.
            ARENA.store(unsafe { System.alloc(layout) }, SeqCst);
            assert!(!ARENA.load(SeqCst).is_null(), "no memory for the copies");
        }
        USED.store(0, SeqCst);
        ON.store(true, SeqCst);
        Recording(one)
    }

    /// Ends the recording.
    pub fn stop(self) -> Freed {
        ON.store(false, SeqCst);
        while WRITERS.load(SeqCst) != 0 {
            std::hint::spin_loop();
        }
        Freed { _one: self.0 }
    }
}

impl Freed {
    /// Every block.
    fn blocks(&self) -> impl Iterator<Item = &[u8]> {
        let used = USED.load(SeqCst);
        assert!(used > 0, "nothing was freed");
        assert!(used <= ROOM, "more was freed than there is room for");
        // SAFETY: so much of the arena was written, and nobody writes while there is a `Freed`.
        let mut rest = unsafe { std::slice::from_raw_parts(ARENA.load(SeqCst), used) };
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first_chunk::<LENGTH>()?;
            let (block, behind) = behind.split_at(usize::from_ne_bytes(*length));
            rest = behind;
            Some(block)
        })
    }

    /// Which of these secrets was freed, each by its name, how often, and in blocks of which lengths.
    /// Secrets of less than eight bytes are found by chance, and must not be asked for.
    pub fn find(&self, secrets: &[Secret]) -> Vec<String> {
        let mut by_beginning: HashMap<&[u8], Vec<Secret>> = HashMap::new();
        for &secret in secrets {
            let beginning = secret.1.get(..8).expect("eight bytes at least");
            by_beginning.entry(beginning).or_default().push(secret);
        }
        let mut found: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for block in self.blocks() {
            for (at, window) in block.windows(8).enumerate() {
                let candidates = by_beginning.get(window).into_iter().flatten();
                for (name, _) in candidates.filter(|(_, secret)| block[at..].starts_with(secret)) {
                    found.entry(name).or_default().push(block.len());
                }
            }
        }
        let told = found.into_iter().map(|(name, blocks)| {
            let times = blocks.len();
            format!("{name}, {times} times, in blocks of {blocks:?} bytes")
        });
        told.collect()
    }
}
