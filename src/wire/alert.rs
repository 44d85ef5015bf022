//! Alert (RFC 5246 §7.2).

use super::code_points::code_points;
use crate::codec::{self, Reader, Writer};

code_points! {
    /// How grave an alert is.
    pub(crate) AlertLevel(u8) {
        /// The connection goes on.
        WARNING = 1,
        /// The connection ends.
        FATAL = 2,
    }
}

code_points! {
    /// What an alert says (RFC 5246 §7.2.2, RFC 8446 §6, RFC 7301 §3.2, RFC 4279 §2).
    pub AlertDescription(u8) {
        /// The sender will send no more.
        CLOSE_NOTIFY = 0,
        /// A message came that has no place here.
        UNEXPECTED_MESSAGE = 10,
        /// A record failed authentication.
        BAD_RECORD_MAC = 20,
        /// A record is longer than allowed.
        RECORD_OVERFLOW = 22,
        /// No acceptable set of parameters, or the peer must identify itself and does not.
        HANDSHAKE_FAILURE = 40,
        /// The certificate is corrupt or its signature wrong.
        BAD_CERTIFICATE = 42,
        /// The certificate is of a kind that is not supported.
        UNSUPPORTED_CERTIFICATE = 43,
        /// The certificate was revoked.
        CERTIFICATE_REVOKED = 44,
        /// The certificate is expired or not yet valid.
        CERTIFICATE_EXPIRED = 45,
        /// The certificate is unacceptable for another reason.
        CERTIFICATE_UNKNOWN = 46,
        /// A field is out of range or contradicts another.
        ILLEGAL_PARAMETER = 47,
        /// The chain does not end in a trusted certificate.
        UNKNOWN_CA = 48,
        /// The certificate is valid but its owner is not allowed.
        ACCESS_DENIED = 49,
        /// A message could not be decoded.
        DECODE_ERROR = 50,
        /// A signature or a Finished does not verify.
        DECRYPT_ERROR = 51,
        /// The protocol version is not supported.
        PROTOCOL_VERSION = 70,
        /// The parameters are weaker than required.
        INSUFFICIENT_SECURITY = 71,
        /// Something failed that has nothing to do with the peer.
        INTERNAL_ERROR = 80,
        /// The user gave up.
        USER_CANCELED = 90,
        /// No renegotiation, thank you.
        NO_RENEGOTIATION = 100,
        /// An extension is required and missing.
        MISSING_EXTENSION = 109,
        /// An extension was answered that had not been offered.
        UNSUPPORTED_EXTENSION = 110,
        /// No server of that name here (RFC 6066 §3).
        UNRECOGNIZED_NAME = 112,
        /// The PSK identity is not known (RFC 4279 §2).
        UNKNOWN_PSK_IDENTITY = 115,
        /// A client certificate is required.
        CERTIFICATE_REQUIRED = 116,
        /// No protocol in common (RFC 7301 §3.2).
        NO_APPLICATION_PROTOCOL = 120,
    }
}

/// An alert message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alert {
    /// How grave it is.
    pub(crate) level: AlertLevel,
    /// What it says.
    pub(crate) description: AlertDescription,
}

impl Alert {
    /// A fatal alert.
    pub(crate) const fn fatal(description: AlertDescription) -> Self {
        Alert {
            level: AlertLevel::FATAL,
            description,
        }
    }

    /// A warning.
    pub(crate) const fn warning(description: AlertDescription) -> Self {
        Alert {
            level: AlertLevel::WARNING,
            description,
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> codec::Result<Self> {
        Reader::whole(bytes, |r| {
            Ok(Alert {
                level: AlertLevel(r.u8()?),
                description: AlertDescription(r.u8()?),
            })
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        Writer::bytes_of(|w| {
            w.u8(self.level.0);
            w.u8(self.description.0);
        })
    }
}
