//! Tells a call that woke too late from a machine that slept.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// A call that returns this much later than it promised has missed its wake-up.
const MARGIN: Duration = Duration::from_secs(1);

const BEAT: Duration = Duration::from_millis(20);

/// A call that begins now.
pub(crate) struct Call {
    start: Instant,
    queued: Duration,
}

impl Call {
    pub(crate) fn begin() -> Call {
        Call {
            queued: queued(),
            start: Instant::now(),
        }
    }
}

/// How long this thread was awake and had no processor, which happens to hundreds of threads on few. Zero
/// where the kernel does not say.
fn queued() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// Beats of a thread that does nothing else: whatever held it up held up everyone.
#[derive(Default)]
pub(crate) struct Stalls(Mutex<VecDeque<(Instant, Duration)>>);

impl Stalls {
    const KEPT: usize = 256;

    /// Starts the thread, which lives as long as the process.
    pub(crate) fn watch() -> std::io::Result<Arc<Stalls>> {
        let stalls = Arc::new(Stalls::default());
        let watching = stalls.clone();
        thread::Builder::new()
            .name("heartbeat".into())
            .spawn(move || watching.beat())?;
        Ok(stalls)
    }

    fn beat(&self) {
        loop {
            let start = Instant::now();
            thread::sleep(BEAT);
            let stall = start.elapsed().saturating_sub(BEAT);
            if stall > BEAT {
                let mut kept = self.0.lock();
                if kept.len() == Stalls::KEPT {
                    kept.pop_front();
                }
                kept.push_back((Instant::now(), stall));
            }
        }
    }

    /// By how much a call of this thread that should have taken `limit` at most is late, if that is more
    /// than can be explained.
    pub(crate) fn lateness(&self, call: &Call, limit: Duration) -> Option<Duration> {
        let late = call.start.elapsed().saturating_sub(limit);
        if late <= MARGIN {
            return None;
        }
        let queued = queued().saturating_sub(call.queued);
        let explained = self.since(call.start).saturating_add(queued);
        (late > MARGIN.saturating_add(explained)).then_some(late)
    }

    /// How long the machine stood still since `start`.
    fn since(&self, start: Instant) -> Duration {
        let kept = self.0.lock();
        let recent = kept.iter().rev().take_while(|(end, _)| *end > start);
        recent.map(|(_, stall)| *stall).sum()
    }
}
