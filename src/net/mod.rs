//! The shell: threads, sockets and the machine's time around connections that know none of these.
//!
//! A listener has one thread that reads its socket, the [`dispatcher`]; each of its clients has an inbox
//! and, with [`serve`](DtlsListener::serve), a thread. A client has neither: whoever calls `recv` reads
//! the socket. What established connections have in common is the [`link`].

mod address;
mod admission;
mod backlog;
mod closer;
mod counters;
mod datagram_socket;
mod dispatcher;
mod fate;
mod handshake;
mod hub;
mod inbox;
mod link;
mod listener;
mod listener_transport;
#[cfg(all(test, flightline_shuttle))]
mod models;
mod os_error;
mod outcome;
mod peers;
mod pending;
mod pool;
mod serve_error;
mod serve_options;
mod socket;
mod stream;
mod sync;
#[cfg(all(
    test,
    feature = "x509",
    feature = "anti-replay",
    feature = "bad-mac-limit",
    feature = "hello-verify"
))]
mod tests;
mod transport;
mod udp_transport;
mod workers;

pub use closer::Closer;
pub use counters::ListenerStats;
pub use handshake::Handshake;
pub use listener::{DtlsListener, Incoming};
pub use outcome::Outcome;
pub use serve_error::ServeError;
pub use serve_options::{OnError, ServeOptions};
pub use socket::DtlsSocket;
pub use transport::Transport;
pub use udp_transport::UdpTransport;
