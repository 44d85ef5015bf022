//! Certificate of DTLS 1.3, from either side.

use crate::error::{Error, Result};
use crate::wire::Certificate13;

/// The chain in a message that answers no request by name, and has no extensions that nobody asked for
/// (RFC 8446 §4.4.2).
pub(super) fn chain(certificate: Certificate13) -> Result<Vec<Vec<u8>>> {
    if !certificate.context.is_empty() {
        return Err(Error::IllegalParameter("certificate context"));
    }
    match certificate.extensions.first() {
        Some(unsolicited) => Err(Error::UnsolicitedExtension(*unsolicited)),
        None => Ok(certificate.chain),
    }
}
