//! The record layer: what stands on the wire between a datagram and the bytes of a message
//! (RFC 6347 §4.1).
//!
//! [`Records`] takes a datagram apart. An [`Opener`] is one epoch of reading, with its keys and its
//! replay window; a [`Sealer`] is one epoch of writing, with its keys and its sequence numbers. Which
//! epochs there are, and when the next begins, is decided above.

mod datagram;
mod opener;
mod padding;
mod protection;
mod protection13;
mod replay;
mod sealer;
mod traffic_secret;

pub(crate) use datagram::{Record, Records};
pub(crate) use opener::{Opened, Opener};
pub(crate) use padding::Padding;
pub use replay::Replay;
pub(crate) use sealer::Sealer;
pub(crate) use traffic_secret::TrafficSecret;
