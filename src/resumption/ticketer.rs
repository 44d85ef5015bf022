//! What makes tickets.

use std::sync::Arc;
use std::time::Duration;

/// Seals a server's state into tickets that only servers with the same keys can open (RFC 5077 §4).
/// [`RotatingTicketer`](crate::RotatingTicketer) is the default; [`SharedTicketer`](crate::SharedTicketer) shares its keys
/// with other machines.
///
/// Whoever has the keys can read every connection whose session they sealed, so they should not live
/// long. Servers that share keys let in each other's clients as whom they proved to be to the other: share
/// only between servers that trust the same clients.
pub trait Ticketer: Send + Sync {
    /// Encrypts and authenticates `state`. `None` hands out no ticket, and neither does an empty one, nor one of more
    /// than 3,072 bytes: a hello in fragments has room for no longer one.
    fn seal(&self, state: &[u8]) -> Option<Vec<u8>>;

    /// Opens a ticket, which comes from the network. `None` for one that is forged, damaged or too
    /// old: the handshake then is a full one.
    fn open(&self, ticket: &[u8]) -> Option<OpenedTicket>;

    /// How long a ticket that is made now can be opened, at least. Less than a second hands out no ticket, in place of
    /// one that is about to expire neither.
    fn lifetime(&self) -> Duration;
}

/// A ticket's state.
#[derive(Clone, PartialEq, Eq)]
pub enum OpenedTicket {
    /// It is good for a while.
    Fresh(Vec<u8>),
    /// It will soon not be opened any more; the client is given a new one.
    Ageing(Vec<u8>),
}

/// Does not show the state, which holds keys.
impl std::fmt::Debug for OpenedTicket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            OpenedTicket::Fresh(_) => "OpenedTicket::Fresh",
            OpenedTicket::Ageing(_) => "OpenedTicket::Ageing",
        })
    }
}

impl<T: Ticketer + ?Sized> Ticketer for Arc<T> {
    fn seal(&self, state: &[u8]) -> Option<Vec<u8>> {
        (**self).seal(state)
    }

    fn open(&self, ticket: &[u8]) -> Option<OpenedTicket> {
        (**self).open(ticket)
    }

    fn lifetime(&self) -> Duration {
        (**self).lifetime()
    }
}
