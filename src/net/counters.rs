//! What a listener has seen.

use super::peers::NoRoom;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a listener has seen, and how many clients it has at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenerStats {
    /// Connections that are established now, and those that were replaced or are over until their threads have
    /// nothing to do any more. None when the listener is closed, though handlers may still run.
    pub connections: u64,
    /// Handshakes in progress now, and those that were replaced or have failed, for as long.
    pub handshakes: u64,
    /// Datagrams received.
    pub datagrams_received: u64,
    /// Hellos answered with a cookie.
    pub challenges_sent: u64,
    /// Handshakes begun, those that replace a connection among them.
    pub handshakes_started: u64,
    /// Handshakes that replaced a connection of the same address.
    pub connections_replaced: u64,
    /// Connections ended since nothing came from their clients for too long.
    pub connections_idle: u64,
    /// Datagrams from unknown addresses that are no hello.
    pub dropped_unknown: u64,
    /// Hellos that cannot be read, come in pieces that fit nowhere, cannot be challenged, or come again too soon or too late.
    pub dropped_hellos: u64,
    /// Verified clients turned away: there were [too many connections](crate::ServeOptions::max_connections).
    pub refused_connections: u64,
    /// Verified clients turned away: there were [too many handshakes](crate::ServeOptions::max_handshakes).
    pub refused_handshakes: u64,
    /// Verified clients turned away: there were too many handshakes
    /// [from their address](crate::ServeOptions::max_handshakes_per_address), or three from their port that were
    /// replaced, or are over, still ran.
    pub refused_handshakes_per_address: u64,
    /// Verified clients turned away: too many waited to be [accepted](crate::DtlsListener::accept).
    pub refused_backlog: u64,
    /// Hellos turned away: the listener was [drained](crate::Closer::drain).
    pub refused_draining: u64,
    /// Datagrams dropped since a connection did not keep up.
    pub dropped_inbox_full: u64,
    /// Datagrams longer than any that UDP can carry.
    pub dropped_truncated: u64,
    /// Handlers that panicked.
    pub worker_panics: u64,
    /// Clients turned away since no thread could be started.
    pub threads_failed: u64,
    /// Errors of the socket.
    pub socket_errors: u64,
}

/// One counter that any thread may raise.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters among the [`ListenerStats`]; the gauges are read where they are.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) datagrams_received: Counter,
    pub(super) challenges_sent: Counter,
    pub(super) handshakes_started: Counter,
    pub(super) connections_replaced: Counter,
    pub(super) connections_idle: Counter,
    pub(super) dropped_unknown: Counter,
    pub(super) dropped_hellos: Counter,
    pub(super) refused_connections: Counter,
    pub(super) refused_handshakes: Counter,
    pub(super) refused_handshakes_per_address: Counter,
    pub(super) refused_backlog: Counter,
    pub(super) refused_draining: Counter,
    pub(super) dropped_inbox_full: Counter,
    pub(super) dropped_truncated: Counter,
    pub(super) worker_panics: Counter,
    pub(super) threads_failed: Counter,
    pub(super) socket_errors: Counter,
}

impl Counters {
    pub(super) fn turned_away(&self, why: NoRoom) {
        let counter = match why {
            NoRoom::Connections => &self.refused_connections,
            NoRoom::Handshakes => &self.refused_handshakes,
            NoRoom::HandshakesPerAddress => &self.refused_handshakes_per_address,
            NoRoom::Draining => &self.refused_draining,
        };
        counter.count();
    }

    pub(super) fn stats(&self, connections: usize, handshakes: usize) -> ListenerStats {
        ListenerStats {
            connections: u64::try_from(connections).unwrap_or(u64::MAX),
            handshakes: u64::try_from(handshakes).unwrap_or(u64::MAX),
            datagrams_received: self.datagrams_received.get(),
            challenges_sent: self.challenges_sent.get(),
            handshakes_started: self.handshakes_started.get(),
            connections_replaced: self.connections_replaced.get(),
            connections_idle: self.connections_idle.get(),
            dropped_unknown: self.dropped_unknown.get(),
            dropped_hellos: self.dropped_hellos.get(),
            refused_connections: self.refused_connections.get(),
            refused_handshakes: self.refused_handshakes.get(),
            refused_handshakes_per_address: self.refused_handshakes_per_address.get(),
            refused_backlog: self.refused_backlog.get(),
            refused_draining: self.refused_draining.get(),
            dropped_inbox_full: self.dropped_inbox_full.get(),
            dropped_truncated: self.dropped_truncated.get(),
            worker_panics: self.worker_panics.get(),
            threads_failed: self.threads_failed.get(),
            socket_errors: self.socket_errors.get(),
        }
    }
}
