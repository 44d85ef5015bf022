//! What the errors of a UDP socket mean. Names differ between systems; what they mean does not.

use crate::error::Error;
use std::io::{self, ErrorKind};

/// EMSGSIZE.
#[cfg(any(target_os = "linux", target_os = "android"))]
const TOO_LONG: i32 = 90;
#[cfg(windows)]
const TOO_LONG: i32 = 10_040;
#[cfg(not(any(target_os = "linux", target_os = "android", windows)))]
const TOO_LONG: i32 = 40;

/// Errors that std has no name for: ENONET, EPROTO, ENOPROTOOPT, EOPNOTSUPP and EHOSTDOWN are what systems make of
/// rarer ICMP messages, ENOBUFS says something of the moment.
#[cfg(any(target_os = "linux", target_os = "android"))]
const HINTS: [i32; 6] = [64, 71, 92, 95, 112, 105];
/// ENETRESET is a TTL that ran out.
#[cfg(windows)]
const HINTS: [i32; 5] = [10_042, 10_045, 10_052, 10_064, 10_055];
#[cfg(not(any(target_os = "linux", target_os = "android", windows)))]
const HINTS: [i32; 5] = [42, 64, 100, 102, 55];

/// Nothing came. Unix says WouldBlock where Windows says TimedOut.
pub(super) fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) && !is_ours(error)
}

/// The datagram is longer than the path or the system lets through. On Windows a receive says so too,
/// when the datagram is longer than the buffer.
pub(super) fn is_too_long(error: &io::Error) -> bool {
    let ours = error.get_ref().and_then(|e| e.downcast_ref::<Error>());
    error.raw_os_error() == Some(TOO_LONG) || matches!(ours, Some(Error::MessageTooLong { .. }))
}

/// Says something about the network or the moment, not about the socket: whoever can forge an ICMP
/// message can cause most of these, so they are hints, and the timers decide.
pub(super) fn is_transient(error: &io::Error) -> bool {
    let kind = matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::PermissionDenied
            | ErrorKind::OutOfMemory
    );
    let unnamed = error
        .raw_os_error()
        .is_some_and(|code| HINTS.contains(&code));
    (kind || unnamed) && !is_ours(error)
}

fn is_ours(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Error>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i02_i04_p65_p69_what_the_network_says_is_a_hint() {
        for kind in [
            ErrorKind::ConnectionRefused,
            ErrorKind::ConnectionReset,
            ErrorKind::ConnectionAborted,
            ErrorKind::HostUnreachable,
            ErrorKind::NetworkUnreachable,
            ErrorKind::NetworkDown,
            ErrorKind::PermissionDenied,
            ErrorKind::OutOfMemory,
        ] {
            assert!(is_transient(&kind.into()));
        }
        for code in HINTS {
            assert!(is_transient(&io::Error::from_raw_os_error(code)));
        }
        assert!(!is_transient(&ErrorKind::InvalidInput.into()));
        assert!(!is_transient(&Error::ReplacedByNewHandshake.into()));
    }

    /// All that Linux makes of ICMP (net/ipv4/icmp.c, net/ipv6/icmp.c), but for EMSGSIZE; and one that says that
    /// the socket is none.
    #[test]
    #[cfg(target_os = "linux")]
    fn h14_p65_no_icmp_message_is_more_than_a_hint() {
        for code in [13, 64, 71, 92, 95, 101, 111, 112, 113] {
            let error = io::Error::from_raw_os_error(code);
            assert!(is_transient(&error), "{error}");
        }
        assert!(!is_transient(&io::Error::from_raw_os_error(9)));
    }

    #[test]
    fn i01_p68_both_names_of_a_timeout_mean_the_same() {
        assert!(is_nothing(&ErrorKind::WouldBlock.into()));
        assert!(is_nothing(&ErrorKind::TimedOut.into()));
        assert!(!is_nothing(&ErrorKind::ConnectionRefused.into()));
        assert!(!is_nothing(&Error::WantRead.into()));
    }

    #[test]
    fn a_transport_can_say_too_long_in_our_words() {
        let error = Error::MessageTooLong {
            length: 1400,
            maximum: 1200,
        };
        assert!(is_too_long(&error.into()));
        assert!(is_too_long(&io::Error::from_raw_os_error(TOO_LONG)));
    }
}
