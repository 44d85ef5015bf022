//! What the listener serves: an echo that knows what it should hear.

use crate::book::Received;
use crate::failures::{Failures, Wanted};
use crate::kernel;
use crate::message::Kind;
use crate::stalls::{Call, Stalls};
use crate::tally::ServerTally;
use flightline::{DtlsSocket, Error, ServeError};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

/// Half of the handlers wait no longer than this at a time, half wait for ever.
const READ_TIMEOUT: Duration = Duration::from_millis(700);

/// How long an announced close may take. Shorter than the time for which a connection may lie idle.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// Different errors of handshakes that are kept.
const ERRORS_KEPT: usize = 16;

/// What all handlers share.
pub(crate) struct Host {
    /// Where the listener is bound.
    pub(crate) address: SocketAddrV4,
    pub(crate) tally: ServerTally,
    pub(crate) failures: Arc<Failures>,
    pub(crate) stalls: Arc<Stalls>,
    /// What handshakes failed of, without numbers, and how often.
    pub(crate) errors: Mutex<BTreeMap<String, u64>>,
}

/// How a connection ended.
enum End {
    Closed,
    ByHandler,
    Of(Error),
}

impl Host {
    /// The handler.
    pub(crate) fn serve(&self, socket: DtlsSocket) {
        self.tally.served.count();
        let peer = socket.peer_addr().ok();
        let is_patient = peer.is_some_and(|peer| peer.port() % 2 == 1);
        if !is_patient {
            self.expect(
                socket.set_read_timeout(Some(READ_TIMEOUT)),
                "set_read_timeout",
            );
        }
        match self.converse(&socket) {
            End::Closed => self.tally.ended_closed.count(),
            End::ByHandler => self.tally.ended_by_handler.count(),
            End::Of(Error::ReplacedByNewHandshake) => self.tally.ended_replaced.count(),
            End::Of(Error::Idle) => self.tally.ended_idle.count(),
            // A client in bad weather took a ticket that was not what the server had sent, which the
            // server's Finished does not fit. In good weather the client says that it failed.
            End::Of(Error::PeerAlert(_)) => self.tally.ended_by_alert.count(),
            // A client that left without a word never acknowledged the keys or tickets it was sent.
            End::Of(Error::HandshakeTimeout { .. }) => self.tally.ended_unacknowledged.count(),
            End::Of(error) => self
                .failures
                .add(format!("the connection of {peer:?} ended: {error}")),
        }
    }

    fn converse(&self, socket: &DtlsSocket) -> End {
        let mut buf = [0; 2048];
        let mut received = Received::default();
        // What the kernel had dropped when a close was announced.
        let mut leaving = None;
        loop {
            let call = Call::begin();
            let heard = socket.recv(&mut buf);
            if let Some(limit) = socket.read_timeout() {
                if let Some(late) = self.stalls.lateness(&call, limit) {
                    self.failures
                        .add(format!("a handler's recv came back {late:?} too late"));
                }
            }
            let length = match heard {
                Ok(length) => length,
                Err(Error::ReadTimeout) if leaving.is_none() => continue,
                Err(error) => return self.ended(error, leaving),
            };
            let message = buf.get(..length).unwrap_or_default();
            let kind = match received.take(message) {
                Ok(message) => message.kind,
                Err(what) => {
                    self.failures.add(format!("at the server: {what}"));
                    return End::ByHandler;
                }
            };
            self.tally.messages.count();
            match kind {
                Kind::Echo => {}
                Kind::Leaving => {
                    leaving = Some(kernel::dropped(self.address));
                    self.expect(
                        socket.set_read_timeout(Some(CLOSE_WITHIN)),
                        "set_read_timeout",
                    );
                }
                Kind::Close => return End::ByHandler,
                Kind::Panic => {
                    self.tally.wanted_panics.count();
                    #[allow(clippy::panic)] // That is what was asked for.
                    std::panic::panic_any(Wanted);
                }
                Kind::NewKeys => self.new_keys(socket.update_keys()),
                Kind::AllNewKeys => self.new_keys(socket.update_all_keys()),
            }
            match socket.send(message) {
                Ok(_) => {}
                Err(Error::MessageTooLong { .. }) => self.tally.too_long.count(),
                Err(error) => return self.ended(error, leaving),
            }
        }
    }

    /// Takes stock of an end. It may have been announced, when the kernel had dropped so many datagrams.
    fn ended(&self, error: Error, announced: Option<u64>) -> End {
        match (&error, announced) {
            (_, None) => {}
            (Error::Closed, Some(_)) => self.tally.clean_closes.count(),
            // The datagram with the close may have been one that the kernel had no room for.
            (_, Some(dropped)) if dropped < kernel::dropped(self.address) => {
                self.tally.dropped_closes.count();
            }
            (_, Some(_)) => self
                .failures
                .add(format!("an announced close was not seen: {error}")),
        }
        match error {
            Error::Closed => End::Closed,
            Error::ReadTimeout => End::ByHandler,
            error => End::Of(error),
        }
    }

    fn new_keys(&self, outcome: flightline::Result<()>) {
        self.expect(outcome, "an update of keys");
        self.tally.key_updates.count();
    }

    fn expect(&self, outcome: flightline::Result<()>, what: &str) {
        if let Err(error) = outcome {
            self.failures.add(format!("{what} failed: {error}"));
        }
    }

    /// For [`flightline::ServeOptions::on_error`].
    pub(crate) fn handshake_failed(&self, _client: SocketAddr, error: &ServeError) {
        if let ServeError::Handshake(_) = error {
            self.tally.handshake_errors.count();
        }
        let mut kind = error.to_string();
        kind.retain(|c| !c.is_ascii_digit());
        let mut errors = self.errors.lock();
        if errors.len() < ERRORS_KEPT || errors.contains_key(&kind) {
            let count = errors.entry(kind).or_default();
            *count = count.saturating_add(1);
        }
    }
}
