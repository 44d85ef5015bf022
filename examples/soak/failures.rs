//! What went wrong.

use parking_lot::Mutex;
use std::sync::Arc;

/// More than these are counted and not kept.
const KEPT: usize = 20;

/// Everything that went wrong. One is enough to fail the run.
pub(crate) struct Failures {
    found: Mutex<Found>,
    tell: fn(&str),
}

#[derive(Default)]
struct Found {
    texts: Vec<String>,
    more: u64,
}

/// What a handler panics with when it was asked to. Every other panic is a failure.
pub(crate) struct Wanted;

impl Failures {
    /// Each is told at once.
    pub(crate) fn told_by(tell: fn(&str)) -> Arc<Failures> {
        Arc::new(Failures {
            found: Mutex::default(),
            tell,
        })
    }

    pub(crate) fn add(&self, what: impl Into<String>) {
        let what = what.into();
        let mut found = self.found.lock();
        if found.texts.len() >= KEPT {
            found.more = found.more.saturating_add(1);
            return;
        }
        (self.tell)(&what);
        found.texts.push(what);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.lock().texts.is_empty()
    }

    /// All that are kept, and how many are not.
    pub(crate) fn all(&self) -> (Vec<String>, u64) {
        let found = self.found.lock();
        (found.texts.clone(), found.more)
    }

    /// From here on a panic in any thread of this process is a failure, unless it is wanted.
    pub(crate) fn watch_panics(self: &Arc<Self>) {
        let failures = self.clone();
        std::panic::set_hook(Box::new(move |info| {
            if !info.payload().is::<Wanted>() {
                failures.add(info.to_string().replace('\n', " "));
            }
        }));
    }
}
