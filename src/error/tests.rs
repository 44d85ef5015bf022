//! What errors say, and what std takes them for.

use super::*;
use std::error::Error as _;
use std::io::ErrorKind as Kind;

/// A match without a wildcard, so that no variant is left out, and the list of what stands in it.
macro_rules! samples {
    ($type:ty: $($pattern:pat => $sample:expr, $expected:expr;)*) => {{
        const _: fn(&$type) = |variant| match variant {
            $($pattern => {})*
        };
        vec![$({
            let sample: $type = $sample;
            assert!(matches!(sample, $pattern));
            (sample, $expected)
        }),*]
    }};
}

fn io_error(kind: Kind) -> Arc<io::Error> {
    Arc::new(kind.into())
}

/// Each variant with its kind and a part of what it says.
fn errors() -> Vec<(Error, (Kind, &'static str))> {
    use Error as E;
    let second = Duration::from_secs(1);
    samples!(Error:
        E::Io(_) => E::Io(io_error(Kind::AddrInUse)), (Kind::AddrInUse, "socket: ");
        E::Config(_) => E::Config("no suites".into()), (Kind::InvalidInput, "configuration: no suites");
        E::WantRead => E::WantRead, (Kind::WouldBlock, "call again");
        E::ReadTimeout => E::ReadTimeout, (Kind::TimedOut, "read timeout");
        E::HandshakeTimeout { .. } => E::HandshakeTimeout {
            after: second,
            suspect: Some(Box::new(E::CannotDecrypt)),
        }, (Kind::TimedOut, "within 1.0s; a likely reason: the peer's Finished cannot");
        E::Closed => E::Closed, (Kind::NotConnected, "connection is closed");
        E::ReplacedByNewHandshake => E::ReplacedByNewHandshake, (Kind::ConnectionReset, "began anew");
        E::Aborted(_) => E::Aborted(AlertDescription::ACCESS_DENIED),
            (Kind::ConnectionAborted, "this side ended the connection: ACCESS_DENIED");
        E::Idle => E::Idle, (Kind::ConnectionAborted, "for too long");
        E::HelloVerifyRequired => E::HelloVerifyRequired, (Kind::Other, "prove its address");
        E::NoCookieContext => E::NoCookieContext, (Kind::InvalidInput, "no cookie context");
        E::BufferTooSmall { .. } => E::BufferTooSmall { needed: 70 }, (Kind::InvalidInput, "70 bytes");
        E::MessageTooLong { .. } => E::MessageTooLong {
            length: 71,
            maximum: 72,
        }, (Kind::InvalidInput, "of 71 bytes does not fit: at most 72");
        E::EmptyMessage => E::EmptyMessage, (Kind::InvalidInput, "empty message");
        E::ListenerClosed => E::ListenerClosed, (Kind::NotConnected, "listener is closed");
        E::TooManyConnections => E::TooManyConnections, (Kind::ConnectionAborted, "limit of connections");
        E::Refused(_) => E::Refused("the clerk"), (Kind::ConnectionAborted, "by the clerk");
        E::ProtocolNotOffered(_) => E::ProtocolNotOffered(b"co\nap".to_vec()), (Kind::Other, r"co\nap");
        E::NoExporter => E::NoExporter, (Kind::Unsupported, "cannot be exported");
        E::NoKeyUpdate => E::NoKeyUpdate, (Kind::Unsupported, "before DTLS 1.3");
        E::MissingExtension(_) => E::MissingExtension(ExtensionType::COOKIE), (Kind::InvalidData, "left out the extension COOKIE");
        E::TooManyKeyUpdates => E::TooManyKeyUpdates, (Kind::InvalidData, "too often");
        E::Downgrade => E::Downgrade, (Kind::InvalidData, "a newer version");
        E::VersionNotOffered(_) => E::VersionNotOffered(ProtocolVersion::DTLS1_0),
            (Kind::InvalidData, "the version DTLS1_0");
        E::CertificateRequired => E::CertificateRequired, (Kind::PermissionDenied, "the client sent no certificate");
        E::UnknownPskIdentity => E::UnknownPskIdentity, (Kind::PermissionDenied, "PSK identity");
        E::PeerAlert(_) => E::PeerAlert(AlertDescription::UNKNOWN_CA),
            (Kind::ConnectionAborted, "gave up: UNKNOWN_CA");
        E::Decode { .. } => E::Decode {
            what: "alert",
            cause: DecodeError::Truncated,
        }, (Kind::InvalidData, "a malformed alert: it ends");
        E::UnexpectedMessage { .. } => E::UnexpectedMessage {
            got: HandshakeType::FINISHED,
            expected: HandshakeType::CERTIFICATE,
        }, (Kind::InvalidData, "sent FINISHED where CERTIFICATE belongs");
        E::UnexpectedRecord(_) => E::UnexpectedRecord("data"), (Kind::InvalidData, "sent data where");
        E::FragmentMismatch => E::FragmentMismatch, (Kind::InvalidData, "disagree");
        E::HandshakeMessageTooLong { .. } => E::HandshakeMessageTooLong {
            what: HandshakeType::CERTIFICATE,
            length: 99_999,
        }, (Kind::InvalidData, "CERTIFICATE of 99999 bytes");
        E::ExcessHandshakeData => E::ExcessHandshakeData, (Kind::InvalidData, "change of keys");
        E::RecordOverflow => E::RecordOverflow, (Kind::InvalidData, "2^14");
        E::IllegalParameter(_) => E::IllegalParameter("level"), (Kind::InvalidData, "illegal level");
        E::UnsupportedVersion(_) => E::UnsupportedVersion(ProtocolVersion::DTLS1_0),
            (Kind::InvalidData, "the peer said DTLS1_0");
        E::NoCommonCipherSuite => E::NoCommonCipherSuite, (Kind::InvalidData, "no cipher suite");
        E::SuiteNotOffered(_) => E::SuiteNotOffered(CipherSuite(0x1234)), (Kind::InvalidData, "not offered");
        E::NoCommonGroup => E::NoCommonGroup, (Kind::InvalidData, "no key agreement group");
        E::GroupNotOffered(_) => E::GroupNotOffered(NamedGroup(0x1234)), (Kind::InvalidData, "not offered");
        E::UnknownServerName(_) => E::UnknownServerName(Some("a.example".into())),
            (Kind::InvalidData, "asked for a.example, and there is no certificate");
        E::NoCommonSignatureScheme => E::NoCommonSignatureScheme, (Kind::InvalidData, "no signature scheme");
        E::NoCommonProtocol => E::NoCommonProtocol, (Kind::InvalidData, "(ALPN)");
        E::NoExtendedMasterSecret => E::NoExtendedMasterSecret, (Kind::InvalidData, "extended master");
        E::BadRenegotiationInfo => E::BadRenegotiationInfo, (Kind::InvalidData, "renegotiation_info");
        E::UnsolicitedExtension(_) => E::UnsolicitedExtension(ExtensionType(0x1234)),
            (Kind::InvalidData, "not offered");
        E::BadKeyShare => E::BadKeyShare, (Kind::InvalidData, "key share");
        E::NoCertificate => E::NoCertificate, (Kind::PermissionDenied, "one is required");
        E::Certificate(_) => E::Certificate(CertificateError::Revoked),
            (Kind::PermissionDenied, "was refused: it was revoked");
        E::BadSignature => E::BadSignature, (Kind::InvalidData, "signature does not verify");
        E::BadFinished => E::BadFinished, (Kind::InvalidData, "Finished does not verify");
        E::CannotDecrypt => E::CannotDecrypt, (Kind::InvalidData, "the keys differ");
        E::TooManyBadRecords { .. } => E::TooManyBadRecords { limit: 73 }, (Kind::InvalidData, "73 records");
        E::NumbersExhausted => E::NumbersExhausted, (Kind::Other, "used up");
        E::RandomFailed => E::RandomFailed, (Kind::Other, "random generator");
        E::Crypto(_) => E::Crypto("AEAD key"), (Kind::Other, "failed: AEAD key");
    )
}

#[test]
fn every_error_has_a_kind_and_says_what_there_is_to_know() {
    let mut said = std::collections::BTreeSet::new();
    for (error, (kind, part)) in errors() {
        let text = error.to_string();
        assert!(text.contains(part), "{text}");
        assert_eq!(error.kind(), kind, "{text}");
        assert!(said.insert(text), "{error:?} says what another says");
    }
    let text = Error::UnknownServerName(None).to_string();
    assert!(text.contains("asked for no name"), "{text}");
    let nobody_answered = Error::HandshakeTimeout {
        after: Duration::from_secs(123),
        suspect: None,
    };
    let text = nobody_answered.to_string();
    assert!(text.contains("123.0s; is the peer there"), "{text}");
}

/// Through std's error type and back nothing is lost.
#[test]
fn an_error_comes_back_out_of_std_as_what_it_was() {
    for (error, (kind, _)) in errors() {
        let text = error.to_string();
        let in_std = io::Error::from(error);
        assert_eq!(in_std.kind(), kind);
        assert_eq!(in_std.to_string(), text);
        assert_eq!(Error::from(in_std).to_string(), text);
    }
    let foreign = io::Error::from(Kind::BrokenPipe);
    assert!(matches!(Error::from(foreign), Error::Io(e) if e.kind() == Kind::BrokenPipe));
}

/// What is behind it, for those who print chains of causes.
#[test]
fn an_error_with_a_cause_has_it_as_its_source() {
    for (error, _) in errors() {
        let source = error.source().map(ToString::to_string);
        let expected = match &error {
            Error::Io(cause) => Some(cause.to_string()),
            Error::Decode { cause, .. } => Some(cause.to_string()),
            Error::Certificate(cause) => Some(cause.to_string()),
            _ => None,
        };
        assert_eq!(source, expected, "{error:?}");
    }
}

#[test]
fn every_certificate_error_says_what_there_is_to_know() {
    use CertificateError as C;
    let why = || "because".to_owned();
    let samples = samples!(CertificateError:
        C::Unreadable(_) => C::Unreadable(why()), "cannot be read (because)";
        C::Expired => C::Expired, "expired";
        C::NotYetValid => C::NotYetValid, "not valid yet";
        C::WrongName { .. } => C::WrongName {
            expected: "a.example".into(),
            presented: vec!["b.example".into(), "c.example".into()],
        }, "the name a.example, but for b.example, c.example";
        C::UnknownIssuer => C::UnknownIssuer, "trusted authority";
        C::SelfSigned => C::SelfSigned, "pin its fingerprint";
        C::NotPinned { .. } => C::NotPinned { fingerprint: [0xa5; 32] }, "one: A5:A5:A5";
        C::Revoked => C::Revoked, "revoked";
        C::Unsupported(_) => C::Unsupported("a curve".into()), "uses a curve, which";
        C::WrongPurpose => C::WrongPurpose, "purpose";
        C::TooComplex => C::TooComplex, "longer or larger";
        C::Rejected(_) => C::Rejected(why()), "because";
        C::RejectedWith { .. } => C::RejectedWith {
            alert: AlertDescription::ACCESS_DENIED,
            why: why(),
        }, "because";
        C::Other(_) => C::Other(why()), "because";
    );
    for (error, part) in samples {
        let text = error.to_string();
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn every_way_not_to_be_decoded_has_words_of_its_own() {
    let samples = samples!(DecodeError:
        DecodeError::Truncated => DecodeError::Truncated, "ends";
        DecodeError::TrailingData => DecodeError::TrailingData, "follow its end";
        DecodeError::BadLength => DecodeError::BadLength, "length";
        DecodeError::IllegalValue => DecodeError::IllegalValue, "value";
        DecodeError::DuplicateExtension => DecodeError::DuplicateExtension, "twice";
    );
    for (error, part) in samples {
        assert!(error.to_string().contains(part), "{error}");
    }
}
