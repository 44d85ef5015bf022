//! Tells a call that woke too late from a machine that slept.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// A call that returns this much later than it promised has missed its wake-up. Less may be the scheduler's
/// doing, with hundreds of threads on few processors.
const MARGIN: Duration = Duration::from_secs(1);

const BEAT: Duration = Duration::from_millis(20);

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

    /// How long the machine stood still since `start`.
    pub(crate) fn since(&self, start: Instant) -> Duration {
        let kept = self.0.lock();
        let recent = kept.iter().rev().take_while(|(end, _)| *end > start);
        recent.map(|(_, stall)| *stall).sum()
    }

    /// By how much a call that began at `start` and should have taken `limit` at most is late, if that is
    /// more than can be explained.
    pub(crate) fn lateness(&self, start: Instant, limit: Duration) -> Option<Duration> {
        let late = start.elapsed().saturating_sub(limit);
        (late > MARGIN && late > MARGIN.saturating_add(self.since(start))).then_some(late)
    }
}
