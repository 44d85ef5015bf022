//! Which side a peer is.

use crate::wire::HandshakeType;

/// Which side a peer is: some messages are for one only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

impl Role {
    /// With what it asks for another handshake (RFC 5246 §7.4.1.1 and §7.4.1.2).
    pub(super) fn wish(self) -> HandshakeType {
        match self {
            Role::Client => HandshakeType::CLIENT_HELLO,
            Role::Server => HandshakeType::HELLO_REQUEST,
        }
    }

    /// Whether it may say this behind a handshake of DTLS 1.3 without early data and without authentication later on
    /// (RFC 8446 §4.6).
    pub(super) fn may_say_afterwards(self, typ: HandshakeType) -> bool {
        match typ {
            HandshakeType::KEY_UPDATE => true,
            HandshakeType::NEW_SESSION_TICKET => self == Role::Server,
            _ => false,
        }
    }
}
