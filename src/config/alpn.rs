//! The choice of an application protocol by the application (RFC 7301).

use std::fmt;

/// What a server does with the application protocols that a client offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlpnChoice {
    /// Chooses this one, which must be among the offered ones.
    Select(Vec<u8>),
    /// Goes on without a protocol, as a server does that knows none.
    Decline,
    /// Ends the handshake: there is none in common (RFC 7301 §3.2).
    Refuse,
}

/// Chooses an application protocol out of those that a client offers. A closure will do.
pub trait AlpnSelector: Send + Sync {
    /// Called once in a handshake whose client offers any, when the client has proven its address.
    fn select(&self, offered: &[Vec<u8>]) -> AlpnChoice;
}

impl<F: Fn(&[Vec<u8>]) -> AlpnChoice + Send + Sync> AlpnSelector for F {
    fn select(&self, offered: &[Vec<u8>]) -> AlpnChoice {
        self(offered)
    }
}

impl fmt::Debug for dyn AlpnSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AlpnSelector")
    }
}
