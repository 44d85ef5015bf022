//! What can go wrong, by cause. The alert that tells the peer is derived from the cause, in one table.

mod conversions;
mod display;

use crate::codec::DecodeError;
use crate::wire::{
    AlertDescription, CipherSuite, ExtensionType, HandshakeType, NamedGroup, ProtocolVersion,
};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// This crate's result.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation failed.
///
/// Variants are named after causes, not after alerts; [`Error::alert`] gives the alert that a cause
/// sends. `Clone`, since a connection that has failed tells every caller why.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    // What the caller can do something about.
    /// The operating system failed a socket operation.
    Io(Arc<io::Error>),
    /// The configuration contradicts itself or leaves something out.
    Config(String),
    /// A non-blocking call has nothing to read; call again when a datagram or the timer is due.
    WantRead,
    /// `recv` got nothing before the read timeout. The connection is usable still.
    ReadTimeout,
    /// The handshake did not end in time.
    HandshakeTimeout {
        /// How long it was tried.
        after: Duration,
        /// What was seen on the way that may explain it. Unproven: anyone could have sent it.
        suspect: Option<Box<Error>>,
    },
    /// The connection is closed: the peer sent close_notify, or this side closed it.
    Closed,
    /// This side ended the connection with this alert.
    Aborted(AlertDescription),
    /// The peer began anew from the same address and proved it; this association is over (RFC 6347 §4.2.8).
    ReplacedByNewHandshake,
    /// Nothing authentic came from the peer for as long as the listener lets connections lie idle.
    Idle,
    /// A server that verifies hellos has answered this one with a cookie and forgotten it. Half of
    /// all first calls end so: start afresh with the next datagram (RFC 6347 §4.2.1).
    HelloVerifyRequired,
    /// A server has no cookie context, so every handshake fails.
    NoCookieContext,
    /// The buffer is too small for the datagram, which is kept.
    BufferTooSmall {
        /// Bytes that the datagram has.
        needed: usize,
    },
    /// The message does not fit into one datagram.
    MessageTooLong {
        /// Bytes that were to be sent.
        length: usize,
        /// Bytes that fit at the moment.
        maximum: usize,
    },
    /// An empty message was to be sent: nobody could tell its arrival.
    EmptyMessage,
    /// The listener was closed or drained.
    ListenerClosed,
    /// Too many connections or handshakes at once.
    TooManyConnections,
    /// A callback of the application said no.
    Refused(&'static str),
    /// The server's [`AlpnSelector`](crate::AlpnSelector) chose a protocol that the client did not offer.
    ProtocolNotOffered(Vec<u8>),
    /// Exporters need the extended master secret (RFC 7627 §5.4).
    NoExporter,
    /// Keys can be updated in DTLS 1.3 only.
    NoKeyUpdate,

    // What the peer did.
    /// The peer ended the connection with a fatal alert.
    PeerAlert(AlertDescription),
    /// A message cannot be decoded.
    Decode {
        /// What it claims to be.
        what: &'static str,
        /// What is wrong with it.
        cause: DecodeError,
    },
    /// A message came that has no place here.
    UnexpectedMessage {
        /// What came.
        got: HandshakeType,
        /// What would have been in place.
        expected: HandshakeType,
    },
    /// A record came that has no place here.
    UnexpectedRecord(&'static str),
    /// Fragments of one handshake message disagree about it.
    FragmentMismatch,
    /// A handshake message is longer than its kind may be.
    HandshakeMessageTooLong {
        /// What it claims to be.
        what: HandshakeType,
        /// Its claimed length.
        length: usize,
    },
    /// Handshake bytes were left over where the keys change, or behind the last message.
    ExcessHandshakeData,
    /// A record is longer than the protocol allows.
    RecordOverflow,
    /// A field holds a value that the protocol forbids here.
    IllegalParameter(&'static str),
    /// The peer chose or offered no version in common.
    UnsupportedVersion(ProtocolVersion),
    /// The server chose a version in a way that no client of its kind asks for (RFC 8446 §4.2.1).
    VersionNotOffered(ProtocolVersion),
    /// No cipher suite in common.
    NoCommonCipherSuite,
    /// The server chose a suite that was not offered.
    SuiteNotOffered(CipherSuite),
    /// No key agreement group in common.
    NoCommonGroup,
    /// The server chose a group that was not offered.
    GroupNotOffered(NamedGroup),
    /// No signature scheme in common with the certificate at hand.
    NoCommonSignatureScheme,
    /// The server has no certificate for the name that the client asked for (RFC 6066 §3), or none for clients that
    /// ask for no name. In DTLS 1.3 the latter is [`Error::MissingExtension`] (RFC 8446 §9.2).
    UnknownServerName(Option<String>),
    /// No application protocol in common (RFC 7301 §3.2).
    NoCommonProtocol,
    /// The peer does not do the extended master secret (RFC 7627), which is required.
    NoExtendedMasterSecret,
    /// The peer's renegotiation_info is missing or wrong (RFC 5746).
    BadRenegotiationInfo,
    /// The server answered an extension that was not offered.
    UnsolicitedExtension(ExtensionType),
    /// An extension is missing that must be there.
    MissingExtension(ExtensionType),
    /// The peer has changed its keys more often than epochs can be counted (RFC 9147 §8).
    TooManyKeyUpdates,
    /// The server chose an older version than both sides speak, and says so in its random: somebody has
    /// meddled with the hellos (RFC 8446 §4.1.3).
    Downgrade,
    /// The peer's key share is not a valid one.
    BadKeyShare,
    /// The peer sent no certificate, and one is required.
    NoCertificate,
    /// The client sent no certificate, and one is required (RFC 8446 §4.4.2.4).
    CertificateRequired,
    /// The peer's certificate is not acceptable.
    Certificate(CertificateError),
    /// A signature does not verify.
    BadSignature,
    /// A Finished does not verify: the two sides did not see the same handshake, or hold different keys.
    BadFinished,
    /// The client's PSK identity is not known, or its key is another (DTLS 1.3).
    UnknownPskIdentity,
    /// The records of the peer's Finished cannot be opened: the keys differ, as with a wrong PSK.
    CannotDecrypt,
    /// The limit of records that fail authentication was reached.
    TooManyBadRecords {
        /// The limit: the configured one, or that of the keys (RFC 9147 §4.5.3).
        limit: u64,
    },

    // What ran out.
    /// All record or message numbers of the epoch are used, which never wrap; or its keys have encrypted as
    /// much as they safely may (RFC 9325 §4.4).
    NumbersExhausted,
    /// The operating system's random generator failed.
    RandomFailed,
    /// The cryptography refused to work for a reason that is not the peer's.
    Crypto(&'static str),
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateError {
    /// It is not a certificate that can be read.
    Unreadable(String),
    /// It is expired.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It is for another name.
    WrongName {
        /// The name that was asked for.
        expected: String,
        /// DNS names that it is for, a few at most.
        presented: Vec<String>,
    },
    /// Its chain does not end in a trusted root.
    UnknownIssuer,
    /// It is an authority's certificate, used as a server's: pin it by its fingerprint instead.
    SelfSigned,
    /// Its SHA-256 fingerprint is none of the pinned ones.
    NotPinned {
        /// The fingerprint of the certificate that was presented.
        fingerprint: [u8; 32],
    },
    /// It was revoked.
    Revoked,
    /// Its key or signature algorithm is not supported.
    Unsupported(String),
    /// It may not be used for this purpose.
    WrongPurpose,
    /// The chain or its extensions are larger or more complex than is looked at.
    TooComplex,
    /// The caller's verifier said no.
    Rejected(String),
    /// The caller's verifier said no, and which alert the peer gets for that.
    RejectedWith {
        /// The alert.
        alert: AlertDescription,
        /// Why.
        why: String,
    },
    /// Another reason, in the words of the verifier.
    Other(String),
}

impl Error {
    /// Whether a handshake ended because nobody said anything that the peer could have said.
    pub(crate) fn is_silence(&self) -> bool {
        match self {
            Error::HandshakeTimeout { suspect, .. } => {
                matches!(suspect.as_deref(), None | Some(Error::Io(_)))
            }
            _ => false,
        }
    }

    /// The alert that this cause sends to the peer: the one table from cause to alert
    /// (RFC 5246 §7.2.2). `None` where nothing is sent.
    pub fn alert(&self) -> Option<AlertDescription> {
        Some(match self {
            Error::Io(_)
            | Error::Config(_)
            | Error::WantRead
            | Error::ReadTimeout
            | Error::Closed
            | Error::ReplacedByNewHandshake
            | Error::Idle
            | Error::HelloVerifyRequired
            | Error::NoCookieContext
            | Error::BufferTooSmall { .. }
            | Error::MessageTooLong { .. }
            | Error::EmptyMessage
            | Error::ListenerClosed
            | Error::TooManyConnections
            | Error::NoExporter
            | Error::NoKeyUpdate
            | Error::PeerAlert(_)
            | Error::NumbersExhausted => return None,
            Error::Aborted(description) => *description,
            // The peer may be gone, or what it sent says more than the timeout does.
            Error::HandshakeTimeout { suspect, .. } => {
                return suspect.as_ref().and_then(|cause| cause.alert());
            }
            Error::Refused(_) => AlertDescription::ACCESS_DENIED,
            // RFC 8446 §6.2: a message that is none is one thing, and one that says what it must not another.
            Error::Decode {
                cause: DecodeError::IllegalValue,
                ..
            } => AlertDescription::ILLEGAL_PARAMETER,
            Error::Decode { .. } => AlertDescription::DECODE_ERROR,
            Error::UnexpectedMessage { .. }
            | Error::UnexpectedRecord(_)
            | Error::ExcessHandshakeData
            | Error::TooManyKeyUpdates => AlertDescription::UNEXPECTED_MESSAGE,
            Error::FragmentMismatch
            | Error::HandshakeMessageTooLong { .. }
            | Error::IllegalParameter(_)
            | Error::SuiteNotOffered(_)
            | Error::GroupNotOffered(_)
            | Error::VersionNotOffered(_)
            | Error::Downgrade
            | Error::BadKeyShare => AlertDescription::ILLEGAL_PARAMETER,
            Error::RecordOverflow => AlertDescription::RECORD_OVERFLOW,
            Error::UnsupportedVersion(_) => AlertDescription::PROTOCOL_VERSION,
            Error::NoCommonCipherSuite
            | Error::NoCommonGroup
            | Error::NoCommonSignatureScheme
            | Error::NoExtendedMasterSecret
            | Error::BadRenegotiationInfo
            | Error::UnknownServerName(None)
            | Error::NoCertificate => AlertDescription::HANDSHAKE_FAILURE,
            Error::MissingExtension(_) => AlertDescription::MISSING_EXTENSION,
            Error::UnknownServerName(Some(_)) => AlertDescription::UNRECOGNIZED_NAME,
            Error::CertificateRequired => AlertDescription::CERTIFICATE_REQUIRED,
            Error::NoCommonProtocol => AlertDescription::NO_APPLICATION_PROTOCOL,
            Error::UnsolicitedExtension(_) => AlertDescription::UNSUPPORTED_EXTENSION,
            Error::Certificate(cause) => cause.alert(),
            // RFC 4279 §2 and RFC 8446 §4.2.11: nobody can list identities.
            Error::BadSignature
            | Error::BadFinished
            | Error::UnknownPskIdentity
            | Error::CannotDecrypt => AlertDescription::DECRYPT_ERROR,
            Error::TooManyBadRecords { .. } => AlertDescription::BAD_RECORD_MAC,
            Error::ProtocolNotOffered(_) | Error::RandomFailed | Error::Crypto(_) => {
                AlertDescription::INTERNAL_ERROR
            }
        })
    }

    /// The kind under which this error goes as an [`io::Error`]. As with std's sockets `WouldBlock` and `TimedOut`
    /// mean that `recv` may be called again; but for [`Error::HandshakeTimeout`], which is final.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Error::Io(error) => error.kind(),
            Error::WantRead => io::ErrorKind::WouldBlock,
            Error::ReadTimeout | Error::HandshakeTimeout { .. } => io::ErrorKind::TimedOut,
            Error::Config(_)
            | Error::NoCookieContext
            | Error::MessageTooLong { .. }
            | Error::EmptyMessage
            | Error::BufferTooSmall { .. } => io::ErrorKind::InvalidInput,
            Error::Closed | Error::ListenerClosed => io::ErrorKind::NotConnected,
            Error::Aborted(_) | Error::Idle => io::ErrorKind::ConnectionAborted,
            Error::ReplacedByNewHandshake => io::ErrorKind::ConnectionReset,
            Error::PeerAlert(_) | Error::Refused(_) | Error::TooManyConnections => {
                io::ErrorKind::ConnectionAborted
            }
            Error::Certificate(_)
            | Error::NoCertificate
            | Error::CertificateRequired
            | Error::UnknownPskIdentity => io::ErrorKind::PermissionDenied,
            Error::NoExporter | Error::NoKeyUpdate => io::ErrorKind::Unsupported,
            Error::HelloVerifyRequired
            | Error::ProtocolNotOffered(_)
            | Error::NumbersExhausted
            | Error::RandomFailed
            | Error::Crypto(_) => io::ErrorKind::Other,
            _ => io::ErrorKind::InvalidData,
        }
    }
}

impl CertificateError {
    fn alert(&self) -> AlertDescription {
        match self {
            CertificateError::Expired | CertificateError::NotYetValid => {
                AlertDescription::CERTIFICATE_EXPIRED
            }
            CertificateError::UnknownIssuer | CertificateError::SelfSigned => {
                AlertDescription::UNKNOWN_CA
            }
            CertificateError::Revoked => AlertDescription::CERTIFICATE_REVOKED,
            CertificateError::Unsupported(_) | CertificateError::WrongPurpose => {
                AlertDescription::UNSUPPORTED_CERTIFICATE
            }
            CertificateError::Unreadable(_)
            | CertificateError::WrongName { .. }
            | CertificateError::TooComplex => AlertDescription::BAD_CERTIFICATE,
            CertificateError::RejectedWith { alert, .. } => *alert,
            CertificateError::NotPinned { .. }
            | CertificateError::Rejected(_)
            | CertificateError::Other(_) => AlertDescription::CERTIFICATE_UNKNOWN,
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(error) => Some(&**error),
            Error::Decode { cause, .. } => Some(cause),
            Error::Certificate(cause) => Some(cause),
            _ => None,
        }
    }
}

impl std::error::Error for CertificateError {}

#[cfg(test)]
mod tests;
