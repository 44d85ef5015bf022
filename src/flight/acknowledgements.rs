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
    /// Whether one of those came under keys.
    is_authentic: bool,
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

    /// Whether one of those came under keys. The others can be anyone's, and of them alone nobody waits for word:
    /// what is said in the clear does not go in bursts.
    pub(crate) fn is_authentic(&self) -> bool {
        self.is_authentic
    }

    /// The same, but it alone is no reason for an ACK.
    pub(crate) fn remember(&mut self, number: RecordNumber) {
        self.records.push_back(number);
        if self.records.len() > MOST {
            self.records.pop_front();
        }
        self.untold = self.untold.saturating_add(1).min(MOST);
        self.is_authentic |= number.epoch > 0;
    }

    /// Our next flight says that the peer's has arrived.
    pub(crate) fn clear(&mut self) {
        *self = Acknowledgements::default();
    }

    pub(crate) fn since(&self) -> Option<Duration> {
        self.since
    }

    /// The ACK, in numerical order. At most `most` records, the latest.
    pub(crate) fn tell(&mut self, most: usize) -> Ack {
        self.since = None;
        self.untold = 0;
        self.is_authentic = false;
        let mut record_numbers: Vec<_> = self.records.iter().rev().take(most).copied().collect();
        record_numbers.sort_unstable();
        record_numbers.dedup();
        Ack { record_numbers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(sequence: u64) -> RecordNumber {
        RecordNumber { epoch: 2, sequence }
    }

    #[test]
    fn e08_p56_the_list_is_bounded_sorted_and_cumulative() {
        let mut acknowledgements = Acknowledgements::default();
        for sequence in (0..40).rev() {
            acknowledgements.add(number(sequence), Duration::from_secs(40 - sequence));
        }
        assert_eq!(acknowledgements.since(), Some(Duration::from_secs(1)));
        let told = acknowledgements.tell(100).record_numbers;
        assert_eq!(told, (0..32).map(number).collect::<Vec<_>>());
        assert_eq!(acknowledgements.since(), None);
        assert_eq!(acknowledgements.tell(100).record_numbers, told);
        assert_eq!(
            acknowledgements.tell(2).record_numbers,
            [number(0), number(1)]
        );
        acknowledgements.clear();
        assert_eq!(acknowledgements.tell(100).record_numbers, []);
    }

    #[test]
    fn what_is_only_remembered_is_no_reason_until_it_becomes_one() {
        let mut acknowledgements = Acknowledgements::default();
        acknowledgements.become_due(Duration::ZERO);
        assert_eq!(acknowledgements.since(), None);
        acknowledgements.remember(number(0));
        assert_eq!(acknowledgements.since(), None);
        assert_eq!(acknowledgements.untold(), 1);
        acknowledgements.become_due(Duration::ZERO);
        assert_eq!(acknowledgements.since(), Some(Duration::ZERO));
        acknowledgements.tell(100);
        assert_eq!(acknowledgements.untold(), 0);
    }
}
