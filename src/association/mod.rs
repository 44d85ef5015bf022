//! One peer: what is read from it, and what is written to it.
//!
//! The two halves know nothing of each other, so that a reader and a writer can work at the same
//! time. What the reader finds out that the writer must act on is a [`Response`].

mod inbound;
mod mtu;
mod outbound;

pub(crate) use inbound::{Inbound, Response, Rules};
pub(crate) use outbound::{LastFlight, Outbound, Ticked};
