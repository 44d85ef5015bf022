//! Two associations of one peer at one address.

/// Another association beside this one (RFC 6347 §4.2.8). What arrives may be meant for it, so a record that
/// does not open is no sign of an attack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Rival {
    #[default]
    None,
    /// This one is the newer, and takes the other's place when its handshake is done.
    Older,
    /// The peer may have begun anew and left this one. In the clear nothing tells which of its hellos a flight
    /// answers, so nothing is sent in the clear that it does not ask for: neither a first answer nor an
    /// alert, nor such a flight again when the timer expires. A peer that is still there has timers, too.
    Newer,
}
