//! How long handshake messages may be.

use crate::config::Settings;
use crate::wire::HandshakeType;

/// The largest bodies that are accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MessageLimits {
    /// Of a Certificate, or of the request for one: their size is what authorities decide.
    pub(crate) certificate: usize,
}

/// A session's ticket. Longer ones fit into no hello.
const TICKET: usize = 12 << 10;

/// What carries a share, a signature or an identity: the longest are a signature by an RSA key of 8,192 bits
/// and, with 2,048 bytes, the identity of a pre-shared key.
const KEY_EXCHANGE: usize = 3 << 10;

/// Anything else, with room for a cookie.
const OTHER: usize = 5 << 10;

impl From<&Settings> for MessageLimits {
    fn from(settings: &Settings) -> Self {
        MessageLimits {
            certificate: settings.max_certificate_message,
        }
    }
}

impl MessageLimits {
    pub(crate) fn of(&self, typ: HandshakeType) -> usize {
        match typ {
            HandshakeType::CERTIFICATE | HandshakeType::CERTIFICATE_REQUEST => self.certificate,
            HandshakeType::NEW_SESSION_TICKET => TICKET,
            HandshakeType::SERVER_KEY_EXCHANGE
            | HandshakeType::CLIENT_KEY_EXCHANGE
            | HandshakeType::CERTIFICATE_VERIFY => KEY_EXCHANGE,
            // RFC 6347 §4.2.1: a version and a cookie of at most 2^8-1 bytes.
            HandshakeType::HELLO_VERIFY_REQUEST => 258,
            // As long as the longest hash.
            HandshakeType::FINISHED => 64,
            _ => OTHER,
        }
    }

    /// All messages together, where all have to be kept.
    pub(crate) fn of_handshake(&self) -> usize {
        self.certificate.saturating_add(OTHER)
    }
}
