//! Counters: what a connection or a listener has seen.

/// Declares the reasons and the list of all, so that none is missing there.
macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $reason:ident,)*) => {
        /// Why something that arrived was dropped. Dropping is silent on the wire (RFC 6347 §4.1.2.7).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum DropReason {
            $($(#[$doc])* $reason,)*
        }

        impl DropReason {
            /// Every reason.
            pub const ALL: [DropReason; [$(DropReason::$reason),*].len()] = [$(DropReason::$reason),*];
        }
    };
}

drop_reasons! {
    /// The record header does not parse, or its length reaches beyond the datagram.
    MalformedRecord,
    /// The record's version is none of DTLS.
    WrongVersion,
    /// The content type is unknown, or has no place here.
    UnexpectedType,
    /// The record's epoch is over.
    OldEpoch,
    /// The record's epoch has no keys yet and there is no room to keep it.
    FutureEpoch,
    /// The record was seen before.
    Replay,
    /// The record is older than the replay window.
    TooOld,
    /// The record failed authentication.
    BadMac,
    /// The record is longer than allowed.
    RecordOverflow,
    /// The record carries nothing.
    EmptyRecord,
    /// A handshake fragment is malformed or contradicts another.
    BadFragment,
    /// A handshake message too far ahead, or no room for it.
    FragmentWindow,
    /// A handshake message that was seen before.
    RepeatedMessage,
    /// A handshake message that has no place or cannot be decoded, and that nothing authenticated.
    RefusedMessage,
    /// An alert that nothing authenticated.
    UnauthenticatedAlert,
    /// An ACK that nothing authenticated.
    UnauthenticatedAck,
    /// Application data before the handshake is complete.
    EarlyData,
    /// The queue of received messages is full.
    QueueFull,
    /// The connection is closed.
    Closed,
}

/// How often each [`DropReason`] occurred.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drops([u64; DropReason::ALL.len()]);

impl Drops {
    /// How often things were dropped for `reason`.
    pub fn get(&self, reason: DropReason) -> u64 {
        self.iter()
            .find(|(r, _)| *r == reason)
            .map_or(0, |(_, count)| count)
    }

    /// All reasons with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.into_iter().zip(self.0)
    }

    /// The sum over all reasons.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(crate) fn count(&mut self, reason: DropReason) {
        let counters = DropReason::ALL.into_iter().zip(&mut self.0);
        for (_, count) in counters.filter(|(r, _)| *r == reason) {
            *count = count.wrapping_add(1);
        }
    }
}

/// Counters of one connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams received.
    pub datagrams_received: u64,
    /// Datagrams sent.
    pub datagrams_sent: u64,
    /// Records that were authentic, or plaintext where plaintext is in place.
    pub records_received: u64,
    /// Records sent.
    pub records_sent: u64,
    /// Flights sent for the first time.
    pub flights_sent: u64,
    /// Flights sent again, because the timer expired, the peer repeated its own, or it has a part only.
    pub flights_resent: u64,
    /// Peer flights that were repeated and not answered, since an answer had just been sent, or many had.
    pub repeats_damped: u64,
    /// Records and messages dropped, by reason.
    pub dropped: Drops,
}

impl Stats {
    /// A record went out in a datagram of its own.
    pub(crate) fn count_sent(&mut self) {
        self.datagrams_sent = self.datagrams_sent.wrapping_add(1);
        self.records_sent = self.records_sent.wrapping_add(1);
    }

    /// The sum of two halves.
    pub(crate) fn plus(&self, other: &Stats) -> Stats {
        let mut dropped = self.dropped;
        for (mine, theirs) in dropped.0.iter_mut().zip(other.dropped.0) {
            *mine = mine.wrapping_add(theirs);
        }
        Stats {
            datagrams_received: self
                .datagrams_received
                .wrapping_add(other.datagrams_received),
            datagrams_sent: self.datagrams_sent.wrapping_add(other.datagrams_sent),
            records_received: self.records_received.wrapping_add(other.records_received),
            records_sent: self.records_sent.wrapping_add(other.records_sent),
            flights_sent: self.flights_sent.wrapping_add(other.flights_sent),
            flights_resent: self.flights_resent.wrapping_add(other.flights_resent),
            repeats_damped: self.repeats_damped.wrapping_add(other.repeats_damped),
            dropped,
        }
    }
}
