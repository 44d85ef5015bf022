//! How long handshake messages may be.

use crate::wire::HandshakeType;

/// The largest bodies that are accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MessageLimits {
    /// Of a Certificate: the one message whose size others decide.
    pub(crate) certificate: usize,
}

impl MessageLimits {
    pub(crate) fn of(&self, typ: HandshakeType) -> usize {
        match typ {
            HandshakeType::CERTIFICATE => self.certificate,
            // RFC 6347 §4.2.1: a version and a cookie of at most 2^8-1 bytes.
            HandshakeType::HELLO_VERIFY_REQUEST => 258,
            // As long as the longest hash.
            HandshakeType::FINISHED => 64,
            _ => 16 << 10,
        }
    }
}
