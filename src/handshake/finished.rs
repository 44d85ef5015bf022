//! The end of every handshake: the peer has seen what we have seen.

use crate::crypto;
use crate::error::{Error, Result};
use crate::wire::Finished;

/// Whether the peer's Finished is what the transcript and the keys make it (RFC 5246 §7.4.9, RFC 8446 §4.4.4).
pub(super) fn verify(received: &Finished, expected: &Finished) -> Result<()> {
    match crypto::equal(&received.verify_data, &expected.verify_data) {
        true => Ok(()),
        false => Err(Error::BadFinished),
    }
}
