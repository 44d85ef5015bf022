//! Discarding what was seen before (RFC 6347 §4.1.2.6).

/// What becomes of records that arrive more than once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Replay {
    /// Duplicates are discarded, and so are records so old that nobody can tell (RFC 6347 §4.1.2.6).
    #[default]
    Window,
    /// Application data is delivered as often as it arrives, however old it is. The handshake and
    /// alerts are protected all the same.
    AcceptDuplicates,
}

/// How many sequence numbers below the highest are remembered: more than the 64 that RFC 6347
/// §4.1.2.6 prefers, since fast links reorder over longer distances.
const WIDTH: u64 = 256;

/// What a [`ReplayWindow`] says of a sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    New,
    Seen,
    TooOld,
}

/// The sequence numbers of one epoch that were seen.
#[derive(Debug, Default)]
pub(crate) struct ReplayWindow {
    /// The bit of a number is where its lowest eight bits say; it is meaningful for the [`WIDTH`]
    /// numbers below `next`.
    bits: [u64; 4],
    /// One more than the highest number seen.
    next: u64,
}

impl ReplayWindow {
    /// Changes nothing, as the record is not authenticated yet.
    pub(crate) fn check(&self, sequence: u64) -> Verdict {
        if sequence >= self.next {
            Verdict::New
        } else if sequence < self.oldest() {
            Verdict::TooOld
        } else if self.has(sequence) {
            Verdict::Seen
        } else {
            Verdict::New
        }
    }

    /// Only for a record that is authentic, lest a forged number moves the window past all others.
    pub(crate) fn mark(&mut self, sequence: u64) {
        self.advance(sequence);
        if sequence >= self.oldest() {
            self.set(sequence, true);
        }
    }

    /// Makes `sequence` part of the window, unless it is older than that.
    fn advance(&mut self, sequence: u64) {
        let next = self.next.max(sequence.saturating_add(1));
        let first_unseen = self.next.max(next.saturating_sub(WIDTH));
        for unseen in first_unseen..next {
            self.set(unseen, false);
        }
        self.next = next;
    }

    /// One more than the highest number seen.
    pub(crate) fn expected(&self) -> u64 {
        self.next
    }

    fn oldest(&self) -> u64 {
        self.next.saturating_sub(WIDTH)
    }

    fn has(&self, sequence: u64) -> bool {
        let (word, bit) = place(sequence);
        self.bits.get(word).is_some_and(|word| word & bit != 0)
    }

    fn set(&mut self, sequence: u64, seen: bool) {
        let (word, bit) = place(sequence);
        if let Some(word) = self.bits.get_mut(word) {
            *word = if seen { *word | bit } else { *word & !bit };
        }
    }
}

/// The word of a number, and its bit therein.
fn place(sequence: u64) -> (usize, u64) {
    let [.., low] = sequence.to_be_bytes();
    // A shift by more than the word has bits is one by what remains.
    ((low >> 6).into(), 1_u64.wrapping_shl(low.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::MAX_SEQUENCE;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// The window as one would describe it.
    #[derive(Default)]
    struct Model {
        seen: BTreeSet<u64>,
    }

    impl Model {
        fn check(&self, sequence: u64) -> Verdict {
            let highest = self.seen.last().copied();
            if highest.is_some_and(|highest| highest >= sequence + WIDTH) {
                Verdict::TooOld
            } else if self.seen.contains(&sequence) {
                Verdict::Seen
            } else {
                Verdict::New
            }
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Near(i64),
        Far(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            12 => (-300_i64..20).prop_map(Step::Near),
            4 => (-300_i64..600).prop_map(Step::Near),
            1 => (0..=MAX_SEQUENCE).prop_map(Step::Far),
        ]
    }

    proptest! {
        #[test]
        fn b08_the_window_is_the_model(
            start in prop_oneof![Just(0), Just(MAX_SEQUENCE - 500), 0..=MAX_SEQUENCE],
            steps in prop::collection::vec(step(), 1..400),
        ) {
            let (mut window, mut model) = (ReplayWindow::default(), Model::default());
            let mut around = start;
            for step in steps {
                let near = |distance| around.saturating_add_signed(distance).min(MAX_SEQUENCE);
                let sequence = match step {
                    Step::Near(distance) => near(distance),
                    Step::Far(sequence) => sequence,
                };
                prop_assert_eq!(window.check(sequence), model.check(sequence));
                window.mark(sequence);
                model.seen.insert(sequence);
                prop_assert_ne!(window.check(sequence), Verdict::New);
                around = around.max(sequence);
            }
        }
    }

    #[test]
    fn the_window_has_an_edge() {
        let mut window = ReplayWindow::default();
        window.mark(1000);
        assert_eq!(window.check(1000 - WIDTH + 1), Verdict::New);
        assert_eq!(window.check(1000 - WIDTH), Verdict::TooOld);
        window.mark(MAX_SEQUENCE);
        assert_eq!(window.check(MAX_SEQUENCE), Verdict::Seen);
        assert_eq!(window.check(1000), Verdict::TooOld);
    }

    #[test]
    fn an_old_number_does_not_stand_for_a_newer_one() {
        let mut window = ReplayWindow::default();
        window.mark(1000);
        window.mark(1000 - WIDTH - 5);
        assert_eq!(window.check(1000 - 5), Verdict::New);
    }
}
