//! Which bytes of a message have arrived.

use std::iter;
use std::ops::Range;

/// Parts of a message: sorted, and apart from each other.
#[derive(Debug, Default)]
pub(super) struct Ranges(Vec<Range<usize>>);

impl Ranges {
    /// Adds what may be there already. An empty message is the part 0..0.
    pub(super) fn add(&mut self, part: Range<usize>) {
        self.0.push(part);
        self.0.sort_unstable_by_key(|part| (part.start, part.end));
        let mut merged: Vec<Range<usize>> = Vec::with_capacity(self.0.len());
        for part in self.0.drain(..) {
            match merged.last_mut() {
                Some(last) if part.start <= last.end => last.end = last.end.max(part.end),
                _ => merged.push(part),
            }
        }
        self.0 = merged;
    }

    /// What is missing of a message of this length.
    pub(super) fn missing(&self, length: usize) -> Vec<Range<usize>> {
        if length == 0 && self.0.is_empty() {
            return iter::once(0..0).collect();
        }
        let parts = || self.0.iter().filter(|part| !part.is_empty());
        let ends = [0].into_iter().chain(parts().map(|part| part.end));
        let starts = parts().map(|part| part.start).chain([length]);
        ends.zip(starts)
            .map(|(end, start)| end..start)
            .filter(|gap| !gap.is_empty())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_empty_message_is_missing_until_it_is_there() {
        let mut ranges = Ranges::default();
        assert!(ranges.missing(0).into_iter().eq(iter::once(0..0)));
        ranges.add(0..0);
        assert_eq!(ranges.missing(0), []);
    }

    proptest! {
        #[test]
        fn what_was_not_added_is_missing(
            parts in proptest::collection::vec((0_usize..40, 0_usize..12), 0..8),
            length in 1_usize..52,
        ) {
            let (mut ranges, mut here) = (Ranges::default(), [false; 52]);
            for (start, bytes) in parts {
                let part = start.min(length)..(start + bytes).min(length);
                here[part.clone()].fill(true);
                ranges.add(part);
            }
            let mut missing = [false; 52];
            let gaps = ranges.missing(length);
            for gap in &gaps {
                prop_assert!(!gap.is_empty());
                missing[gap.clone()].fill(true);
            }
            for at in 0..length {
                prop_assert_eq!(missing[at], !here[at]);
            }
            prop_assert!(gaps.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
