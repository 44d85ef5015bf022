//! Going on with an earlier session: what both sides keep of it, and where.
//!
//! A server hands its state to the client, sealed under keys of its own ([`Ticketer`], RFC 5077), or
//! keeps it under a session ID ([`ServerSessions`], RFC 5246 §7.3). A client keeps what it needs in
//! [`ClientSessions`]. Both kinds of state are a [`SessionState`].

mod bounded_map;
mod client_session;
mod client_sessions;
mod rotating_ticketer;
mod server_sessions;
mod session_state;
mod shared_ticketer;
mod ticket_key;
mod ticketer;

pub use client_session::ClientSession;
pub(crate) use client_session::Handle;
pub use client_sessions::{ClientSessionCache, ClientSessions};
pub use rotating_ticketer::RotatingTicketer;
pub use server_sessions::{ServerSessionCache, ServerSessions};
pub(crate) use session_state::{SessionState, seconds};
pub use shared_ticketer::SharedTicketer;
pub use ticketer::{OpenedTicket, Ticketer};
