//! One peer: what is read from it, and what is written to it.
//!
//! The two halves share nothing, so that a reader and a writer can work at the same time. What the
//! reader finds out that the writer must act on is a [`Response`].

mod inbound;
mod mtu;
mod outbound;
mod rekeying;
mod rival;
mod role;

pub(crate) use inbound::{Inbound, Response, Rules};
pub(crate) use outbound::{LastFlight, Outbound, Ticked};
pub(crate) use rekeying::Rekeying;
pub(crate) use rival::Rival;
pub(crate) use role::Role;

/// Of a DTLS 1.3 handshake's own messages; what follows is sent under later ones (RFC 9147 §6.1).
const LAST_HANDSHAKE_EPOCH: u16 = 2;
