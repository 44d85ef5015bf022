//! What happened, counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// One counter that any thread may raise.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Declares counters and the list of all, so that none is missing there.
macro_rules! tally {
    ($(#[$about:meta])* $tally:ident { $($(#[$doc:meta])* $name:ident,)* }) => {
        $(#[$about])*
        #[derive(Debug, Default)]
        pub(crate) struct $tally {
            $($(#[$doc])* pub(crate) $name: Counter,)*
        }

        impl $tally {
            pub(crate) fn figures(&self) -> Figures {
                [$((stringify!($name).to_owned(), self.$name.get())),*].into()
            }
        }
    };
}

/// Names and numbers.
pub(crate) type Figures = BTreeMap<String, u64>;

pub(crate) fn figure(figures: &Figures, name: &str) -> u64 {
    figures.get(name).copied().unwrap_or_default()
}

tally! {
    /// What the clients did. All but what is marked has to happen in every run, or the run has shown nothing.
    ClientTally {
        /// Handshakes that were finished, of each kind.
        handshakes,
        dtls12_by_certificate,
        dtls12_by_psk,
        dtls13_by_certificate,
        dtls13_by_psk,
        dtls12_resumed,
        dtls13_resumed,
        /// Not required: handshakes that bad weather ended.
        lost_handshakes,
        /// Handshakes that the client left alone half way.
        dropped_handshakes,
        /// Not required: handshakes right behind those that failed.
        disturbed_handshakes,
        echoes,
        /// Not required: messages or answers that were lost.
        lost_echoes,
        /// Not required: conversations that bad weather ended.
        lost_talks,
        own_key_updates,
        requested_key_updates,
        server_key_updates,
        junk_datagrams,
        /// The ways to part.
        closed_by_client,
        closed_by_server,
        abandoned,
        panicked,
        woken_by_shutdown,
        /// Connections at an address whose last connection was abandoned; closed.
        back_after_abandoning,
        back_after_closing,
        /// What the weather did to datagrams.
        lost,
        doubled,
        overtaken,
        corrupted,
    }
}

/// The figures that may be zero in a good run.
pub(crate) const NOT_REQUIRED: [&str; 4] = [
    "lost_handshakes",
    "disturbed_handshakes",
    "lost_echoes",
    "lost_talks",
];

tally! {
    /// What the server saw of it.
    ServerTally {
        /// Handlers that began.
        served,
        messages,
        key_updates,
        /// Handlers that panicked since they were asked to.
        wanted_panics,
        /// How connections ended.
        ended_closed,
        ended_replaced,
        ended_idle,
        ended_unacknowledged,
        ended_by_alert,
        ended_by_handler,
        /// Closes that were announced and seen, and those that were not seen while the kernel dropped something.
        clean_closes,
        dropped_closes,
        /// Answers too long for a path whose MTU bad weather has lowered.
        too_long,
        /// Handshakes that failed.
        handshake_errors,
    }
}
