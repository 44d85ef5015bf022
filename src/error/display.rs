//! Errors in words: what happened, to whom, and what can be done about it.

use super::{CertificateError, Error};
use std::fmt;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(error) => write!(f, "socket: {error}"),
            Error::Config(what) => write!(f, "configuration: {what}"),
            Error::WantRead => f.write_str("nothing to read yet; call again when a datagram or the timer is due"),
            Error::ReadTimeout => f.write_str("nothing arrived before the read timeout"),
            Error::HandshakeTimeout { after, suspect } => {
                write!(f, "the handshake did not end within {after:.1?}")?;
                match suspect {
                    Some(cause) => write!(f, "; a likely reason: {cause}"),
                    None => f.write_str("; is the peer there, and does it speak DTLS?"),
                }
            }
            Error::Closed => f.write_str("the connection is closed"),
            Error::Aborted(description) => write!(f, "this side ended the connection: {description}"),
            Error::Idle => f.write_str("nothing came from the peer for too long"),
            Error::ReplacedByNewHandshake => f.write_str("the peer began anew from the same address"),
            Error::HelloVerifyRequired => {
                f.write_str("the client was asked to prove its address; start afresh with its next hello")
            }
            Error::NoCookieContext => f.write_str(
                "no cookie context: give the server one, or say that hello verification is not wanted",
            ),
            Error::BufferTooSmall { needed } => write!(f, "the buffer is too small: the message has {needed} bytes"),
            Error::MessageTooLong { length, maximum } => {
                write!(f, "a message of {length} bytes does not fit: at most {maximum} do, see max_message()")
            }
            Error::EmptyMessage => f.write_str("an empty message cannot be sent"),
            Error::ListenerClosed => f.write_str("the listener is closed"),
            Error::TooManyConnections => f.write_str("the limit of connections is reached"),
            Error::Refused(who) => write!(f, "refused by {who}"),
            Error::NoExporter => {
                f.write_str("keys cannot be exported: the connection has no extended master secret")
            }
            Error::NoKeyUpdate => f.write_str("keys cannot be updated before DTLS 1.3"),
            Error::MissingExtension(typ) => write!(f, "the peer left out the extension {typ}"),
            Error::TooManyKeyUpdates => f.write_str("the peer has changed its keys too often"),
            Error::Downgrade => f.write_str(
                "the server speaks a newer version and did not choose it: somebody has changed the hellos",
            ),
            Error::VersionNotOffered(version) => {
                write!(f, "the server chose the version {version}, which was not offered so")
            }
            Error::CertificateRequired => f.write_str("the client sent no certificate"),
            Error::PeerAlert(description) => write!(f, "the peer gave up: {description}"),
            Error::Decode { what, cause } => write!(f, "the peer sent a malformed {what}: {cause}"),
            Error::UnexpectedMessage { got, expected } => {
                write!(f, "the peer sent {got} where {expected} belongs")
            }
            Error::UnexpectedRecord(what) => write!(f, "the peer sent {what} where it has no place"),
            Error::FragmentMismatch => f.write_str("the peer's fragments of one message disagree"),
            Error::HandshakeMessageTooLong { what, length } => {
                write!(f, "the peer's {what} of {length} bytes is longer than accepted")
            }
            Error::ExcessHandshakeData => {
                f.write_str("the peer sent handshake bytes across a change of keys, or too many")
            }
            Error::RecordOverflow => f.write_str("the peer sent a record longer than 2^14 bytes"),
            Error::IllegalParameter(what) => write!(f, "the peer sent an illegal {what}"),
            Error::UnsupportedVersion(version) => write!(f, "no version in common: the peer said {version}"),
            Error::NoCommonCipherSuite => {
                f.write_str("no cipher suite in common: compare suites, and kinds of key, of both sides")
            }
            Error::SuiteNotOffered(suite) => write!(f, "the server chose {suite}, which was not offered"),
            Error::NoCommonGroup => f.write_str("no key agreement group in common"),
            Error::GroupNotOffered(group) => write!(f, "the server chose {group}, which was not offered"),
            Error::NoCommonSignatureScheme => {
                f.write_str("no signature scheme in common that the certificate's key can do")
            }
            Error::UnknownServerName(None) => {
                f.write_str("the client asked for no name, and there is no certificate for those that do not")
            }
            Error::UnknownServerName(Some(name)) => {
                write!(f, "the client asked for {}, and there is no certificate for that name", name.escape_default())
            }
            Error::NoCommonProtocol => f.write_str("no application protocol (ALPN) in common"),
            Error::ProtocolNotOffered(name) => {
                write!(f, "the ALPN selector chose \"{}\", which the client did not offer", name.escape_ascii())
            }
            Error::NoExtendedMasterSecret => f.write_str("the peer does not do the extended master secret"),
            Error::BadRenegotiationInfo => f.write_str("the peer's renegotiation_info is missing or wrong"),
            Error::UnsolicitedExtension(typ) => {
                write!(f, "the server answered the extension {typ}, which was not offered")
            }
            Error::BadKeyShare => f.write_str("the peer's key share is invalid"),
            Error::NoCertificate => f.write_str("the peer sent no certificate, and one is required"),
            Error::Certificate(cause) => write!(f, "the peer's certificate was refused: {cause}"),
            Error::BadSignature => f.write_str("the peer's signature does not verify"),
            Error::BadFinished => f.write_str("the peer's Finished does not verify: was the handshake altered?"),
            Error::UnknownPskIdentity => f.write_str("the PSK identity is not known here, or its key is another"),
            Error::CannotDecrypt => {
                f.write_str("the peer's Finished cannot be decrypted: the keys differ; is the PSK the same on both sides?")
            }
            Error::TooManyBadRecords { limit } => {
                write!(f, "{limit} records failed authentication, which is the limit")
            }
            Error::NumbersExhausted => f.write_str("the numbers or the keys of this connection are used up; connect anew"),
            Error::RandomFailed => f.write_str("the system's random generator failed"),
            Error::Crypto(what) => write!(f, "cryptography failed: {what}"),
        }
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertificateError::Unreadable(why) => write!(f, "it cannot be read ({why})"),
            CertificateError::Expired => f.write_str("it is expired; renew it, or check this machine's clock"),
            CertificateError::NotYetValid => f.write_str("it is not valid yet; check this machine's clock"),
            CertificateError::WrongName { expected, presented } => {
                write!(f, "it is not for the name {expected}")?;
                match presented.is_empty() {
                    true => Ok(()),
                    false => write!(f, ", but for {}", presented.join(", ")),
                }
            }
            CertificateError::UnknownIssuer => f.write_str("it was not issued by a trusted authority"),
            CertificateError::SelfSigned => {
                f.write_str("it is an authority's own certificate, which cannot serve as a server's; pin its fingerprint instead")
            }
            CertificateError::NotPinned { fingerprint } => {
                f.write_str("its fingerprint is not a pinned one: ")?;
                // As `Fingerprint` and openssl print it.
                let bytes = fingerprint.map(|byte| format!("{byte:02X}"));
                f.write_str(&bytes.join(":"))
            }
            CertificateError::Revoked => f.write_str("it was revoked"),
            CertificateError::Unsupported(what) => write!(f, "it uses {what}, which is not supported"),
            CertificateError::WrongPurpose => f.write_str("it may not be used for this purpose"),
            CertificateError::TooComplex => f.write_str("its chain is longer or larger than is looked at"),
            CertificateError::Rejected(why)
            | CertificateError::RejectedWith { why, .. }
            | CertificateError::Other(why) => f.write_str(why),
        }
    }
}
