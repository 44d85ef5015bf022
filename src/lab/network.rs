//! Datagrams on their way.

use super::weather::Weather;
use std::collections::BTreeMap;
use std::time::Duration;

/// An end of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Where the client is.
    Client,
    /// Where the server is.
    Server,
}

impl End {
    /// The other end.
    pub fn peer(self) -> End {
        match self {
            End::Client => End::Server,
            End::Server => End::Client,
        }
    }
}

/// A datagram as it is sent.
#[derive(Debug, Clone)]
pub struct Datagram {
    /// How many were sent before it, from both ends together.
    pub number: u64,
    /// Who sent it.
    pub from: End,
    /// When.
    pub sent: Duration,
    /// What.
    pub bytes: Vec<u8>,
}

/// Carries datagrams as the weather has it.
pub(super) struct Network {
    weather: Weather,
    sent: u64,
    /// By arrival, then by the order of sending.
    under_way: BTreeMap<(Duration, u64), (End, Vec<u8>)>,
    order: u64,
}

impl Network {
    pub(super) fn new(weather: Weather) -> Self {
        Network {
            weather,
            sent: 0,
            under_way: BTreeMap::new(),
            order: 0,
        }
    }

    pub(super) fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) fn send(&mut self, from: End, bytes: Vec<u8>, now: Duration) {
        let datagram = Datagram {
            number: self.sent,
            from,
            sent: now,
            bytes,
        };
        self.sent = self.sent.wrapping_add(1);
        for arrival in self.weather.fate(datagram) {
            self.order = self.order.wrapping_add(1);
            let at = now.saturating_add(arrival.after);
            self.under_way
                .insert((at, self.order), (from.peer(), arrival.bytes));
        }
    }

    pub(super) fn next_arrival(&self) -> Option<Duration> {
        self.under_way.keys().next().map(|(at, _)| *at)
    }

    /// What has arrived by `now`, one at a time.
    pub(super) fn receive(&mut self, now: Duration) -> Option<(End, Vec<u8>)> {
        let first = self.under_way.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}
