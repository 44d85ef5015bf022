//! The handshake on top of records: messages from fragments.

mod acknowledgements;
mod message_limits;
mod outgoing;
mod partial_message;
mod ranges;
mod reassembly;
mod retransmit;

pub(crate) use acknowledgements::Acknowledgements;
pub(crate) use message_limits::MessageLimits;
pub(crate) use outgoing::{BURST, Content, Flight, OutgoingMessage};
pub(crate) use partial_message::ReceivedMessage;
pub(crate) use reassembly::{Inserted, Reassembly};
pub(crate) use retransmit::{Expiry, Repeat, Retransmit};
