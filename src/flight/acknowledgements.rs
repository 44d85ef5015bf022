//! The records that we have and tell the peer of (RFC 9147 §7.1).

use crate::wire::{Ack, RecordNumber};
use std::collections::VecDeque;
use std::time::Duration;

/// How many records an ACK lists: those that came last.
const MOST: usize = 32;

/// The handshake records that arrived since our last flight. One that was told of before is told of
/// again, since the ACK may have been lost.
#[derive(Debug, Default)]
pub(crate) struct Acknowledgements {
    records: VecDeque<RecordNumber>,
    /// When the first of those came that are not told of yet.
    since: Option<Duration>,
    /// How many those are.
    untold: usize,
}

impl Acknowledgements {
    /// A record was processed, or what was in it is kept.
    pub(crate) fn add(&mut self, number: RecordNumber, now: Duration) {
        self.since.get_or_insert(now);
        self.remember(number);
    }

    /// What was only remembered is a reason for an ACK from now on.
    pub(crate) fn become_due(&mut self, now: Duration) {
        if self.untold > 0 {
            self.since.get_or_insert(now);
        }
    }

    /// How many are not told of yet.
    pub(crate) fn untold(&self) -> usize {
        self.untold
    }

    /// The same, but it alone is no reason for an ACK.
    pub(crate) fn remember(&mut self, number: RecordNumber) {
        self.records.push_back(number);
        if self.records.len() > MOST {
            self.records.pop_front();
        }
        self.untold = self.untold.saturating_add(1).min(MOST);
    }

    /// Our next flight says that the peer's has arrived.
    pub(crate) fn clear(&mut self) {
        *self = Acknowledgements::default();
    }

    pub(crate) fn since(&self) -> Option<Duration> {
        self.since
    }

    /// The ACKs, of at most `most` records each and in numerical order. They list what is not told of yet, and of
    /// the rest the latest as far as there is room (RFC 9147 §7).
    pub(crate) fn tell(&mut self, most: usize) -> Vec<Ack> {
        self.since = None;
        let acks = self.untold.div_ceil(most.max(1)).max(1);
        self.untold = 0;
        let room = acks.saturating_mul(most);
        let mut record_numbers: Vec<_> = self.records.iter().rev().take(room).copied().collect();
        record_numbers.sort_unstable();
        record_numbers.dedup();
        let lists = record_numbers.chunks(most.max(1));
        let ack = |list: &[RecordNumber]| Ack {
            record_numbers: list.to_vec(),
        };
        lists.map(ack).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(sequence: u64) -> RecordNumber {
        RecordNumber { epoch: 2, sequence }
    }

    fn told(acknowledgements: &mut Acknowledgements, most: usize) -> Vec<Vec<RecordNumber>> {
        let acks = acknowledgements.tell(most).into_iter();
        acks.map(|ack| ack.record_numbers).collect()
    }

    #[test]
    fn e08_p56_the_list_is_bounded_sorted_and_cumulative() {
        let mut acknowledgements = Acknowledgements::default();
        for sequence in (0..40).rev() {
            acknowledgements.add(number(sequence), Duration::from_secs(40 - sequence));
        }
        assert_eq!(acknowledgements.since(), Some(Duration::from_secs(1)));
        let all: Vec<_> = (0..32).map(number).collect();
        assert_eq!(told(&mut acknowledgements, 100), [all.clone()]);
        assert_eq!(acknowledgements.since(), None);
        assert_eq!(told(&mut acknowledgements, 100), [all]);
        assert_eq!(told(&mut acknowledgements, 2), [[number(0), number(1)]]);
        acknowledgements.clear();
        assert!(told(&mut acknowledgements, 100).is_empty());
    }

    /// Or it would be sent again, though it is here.
    #[test]
    fn what_is_not_told_of_yet_is_told_in_as_many_acks_as_it_takes() {
        let mut acknowledgements = Acknowledgements::default();
        acknowledgements.become_due(Duration::ZERO);
        assert_eq!(acknowledgements.since(), None);
        acknowledgements.remember(number(0));
        assert_eq!(acknowledgements.since(), None);
        acknowledgements.become_due(Duration::ZERO);
        assert_eq!(acknowledgements.since(), Some(Duration::ZERO));
        (1..8).for_each(|sequence| acknowledgements.add(number(sequence), Duration::ZERO));
        assert_eq!(acknowledgements.untold(), 8);
        let lists = [0..3, 3..6, 6..8].map(|list| list.map(number).collect::<Vec<_>>());
        assert_eq!(told(&mut acknowledgements, 3), lists);
        assert_eq!(acknowledgements.untold(), 0);
        acknowledgements.add(number(8), Duration::ZERO);
        assert_eq!(told(&mut acknowledgements, 3), [[6, 7, 8].map(number)]);
    }
}
