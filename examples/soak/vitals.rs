//! What a process holds: memory, threads, descriptors.

use crate::HEAP;
use crate::tally::{Figures, figure};
use std::fmt;
use std::fs;
use std::io;

/// What may be held on top of what was held after the first round. Tables and caches have room for the
/// most that were there at once, and a later round may have more than the first.
const MORE_HEAP: u64 = 256 * 1024;

/// The same of resident memory, where the allocator's arenas lie too, which it keeps for itself.
const MORE_RESIDENT: u64 = 24 * 1024 * 1024;

/// What this process holds, in bytes and numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vitals {
    /// Allocated and not freed.
    pub(crate) heap: u64,
    pub(crate) resident: u64,
    pub(crate) threads: u64,
    pub(crate) files: u64,
}

impl Vitals {
    /// From the allocator and /proc.
    pub(crate) fn now() -> io::Result<Vitals> {
        let heap = u64::try_from(HEAP.current_usage()).unwrap_or(u64::MAX);
        let status = fs::read_to_string("/proc/self/status")?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
            number.ok_or_else(|| io::Error::other(format!("no {name} in /proc/self/status")))
        };
        let files = fs::read_dir("/proc/self/fd")?.count();
        Ok(Vitals {
            heap,
            resident: field("VmRSS:")?.saturating_mul(1024),
            threads: field("Threads:")?,
            files: u64::try_from(files).unwrap_or(u64::MAX),
        })
    }

    pub(crate) fn figures(&self) -> Figures {
        [
            ("heap".to_owned(), self.heap),
            ("resident".to_owned(), self.resident),
            ("threads".to_owned(), self.threads),
            ("files".to_owned(), self.files),
        ]
        .into()
    }

    pub(crate) fn from_figures(figures: &Figures) -> Vitals {
        Vitals {
            heap: figure(figures, "heap"),
            resident: figure(figures, "resident"),
            threads: figure(figures, "threads"),
            files: figure(figures, "files"),
        }
    }
}

impl fmt::Display for Vitals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "heap {} KiB, resident {} KiB, {} threads, {} descriptors",
            self.heap / 1024,
            self.resident / 1024,
            self.threads,
            self.files
        )
    }
}

/// What a process held whenever nobody was connected.
pub(crate) struct AtRest {
    whose: &'static str,
    first: Option<Vitals>,
    last: Option<Vitals>,
}

impl AtRest {
    pub(crate) fn of(whose: &'static str) -> AtRest {
        AtRest {
            whose,
            first: None,
            last: None,
        }
    }

    /// Keeps `now`, and says what has grown since the first time.
    pub(crate) fn compare(&mut self, now: Vitals) -> Vec<String> {
        self.last = Some(now);
        let first = *self.first.get_or_insert(now);
        let kinds = [
            ("heap", first.heap, now.heap, MORE_HEAP),
            ("resident", first.resident, now.resident, MORE_RESIDENT),
            ("threads", first.threads, now.threads, 0),
            ("descriptors", first.files, now.files, 0),
        ];
        let grown = kinds
            .into_iter()
            .filter(|(_, first, now, more)| *now > first.saturating_add(*more));
        grown
            .map(|(what, first, now, more)| {
                format!(
                    "{} at rest: {what} grew from {first} to {now}, {more} more are allowed",
                    self.whose
                )
            })
            .collect()
    }
}

impl fmt::Display for AtRest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (when, vitals) in [("first", self.first), ("last", self.last)] {
            if let Some(vitals) = vitals {
                writeln!(f, "{:>8} at rest, {when:5}: {vitals}", self.whose)?;
            }
        }
        Ok(())
    }
}
