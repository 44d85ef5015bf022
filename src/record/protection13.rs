//! The protection of DTLS 1.3's records (RFC 8446 §5.2, RFC 9147 §4).

use crate::crypto::{self, Aead, NONCE_LEN, RecordNumberKey, TAG_LEN};
use crate::error::{Error, Result};
use crate::wire::{ContentType, ShortSequence, UnifiedHeader};
use zeroize::Zeroizing;

/// The keys of one epoch and direction.
pub(super) struct Dtls13 {
    pub(super) key: Box<dyn Aead>,
    pub(super) iv: Zeroizing<[u8; NONCE_LEN]>,
    pub(super) numbers: RecordNumberKey,
}

/// DTLSInnerPlaintext before it is protected, with so many zeros behind it (RFC 8446 §5.4).
pub(super) struct Content<'a> {
    pub(super) content_type: ContentType,
    pub(super) bytes: &'a [u8],
    pub(super) padding: usize,
}

/// DTLSInnerPlaintext: what was protected, and what it is.
pub(super) struct InnerPlaintext<'a> {
    pub(super) content_type: ContentType,
    pub(super) content: &'a mut [u8],
    /// With its type and padding.
    pub(super) length: usize,
}

impl Dtls13 {
    /// Bytes that protection adds: the content's type and a tag. With these any ciphertext is long
    /// enough for its number's mask.
    pub(super) const EXPANSION: usize = 1 + TAG_LEN;

    /// Appends a whole record to `out`, where after an error anything may have been appended.
    pub(super) fn seal(
        &self,
        epoch: u16,
        sequence: u64,
        content: &Content<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let [.., high, low] = sequence.to_be_bytes();
        let [_, epoch] = epoch.to_be_bytes();
        let padded = content.bytes.len().saturating_add(content.padding);
        let length = padded.saturating_add(Dtls13::EXPANSION);
        let header = UnifiedHeader {
            epoch,
            sequence: ShortSequence::Bits16(u16::from_be_bytes([high, low])),
            length: Some(u16::try_from(length).map_err(|_| Error::Crypto("record length"))?),
        };
        let encoded = header.encode();
        let start = out.len();
        out.extend_from_slice(encoded.as_bytes());
        let body = out.len();
        out.extend_from_slice(content.bytes);
        out.push(content.content_type.0);
        out.extend(std::iter::repeat_n(0, content.padding));
        let in_out = out.get_mut(body..).unwrap_or_default();
        // RFC 9147 §4: the epoch is no part of the nonce.
        let nonce = crypto::nonce(&self.iv, sequence);
        let tag = self.key.seal(nonce, encoded.as_bytes(), in_out)?;
        out.extend_from_slice(&tag);

        let mask = out
            .get(body..)
            .and_then(|ciphertext| self.numbers.mask(ciphertext));
        let masked = UnifiedHeader {
            sequence: header
                .sequence
                .masked(mask.ok_or(Error::Crypto("record number mask"))?),
            ..header
        };
        let place = out.get_mut(start..body).unwrap_or_default();
        for (to, from) in place.iter_mut().zip(masked.encode().as_bytes()) {
            *to = *from;
        }
        Ok(())
    }

    /// The header with its true sequence number; none where the ciphertext is too short.
    pub(super) fn unmask(
        &self,
        header: &UnifiedHeader,
        ciphertext: &[u8],
    ) -> Option<UnifiedHeader> {
        let mask = self.numbers.mask(ciphertext)?;
        Some(UnifiedHeader {
            sequence: header.sequence.masked(mask),
            ..*header
        })
    }

    /// What is in a record, or `None` if it is not authentic. `header` is unmasked.
    pub(super) fn open<'a>(
        &self,
        header: &UnifiedHeader,
        sequence: u64,
        ciphertext: &'a mut [u8],
    ) -> Option<&'a mut [u8]> {
        let header = header.encode();
        let nonce = crypto::nonce(&self.iv, sequence);
        let length = self.key.open(nonce, header.as_bytes(), ciphertext)?;
        ciphertext.get_mut(..length)
    }
}

/// Takes an inner plaintext apart. The type is the last byte that is not zero (RFC 8446 §5.4); where there
/// is none the type is zero, which is no type.
pub(super) fn strip(inner: &mut [u8]) -> InnerPlaintext<'_> {
    let length = inner.len();
    let at = inner
        .iter()
        .rposition(|byte| *byte != 0)
        .unwrap_or_default();
    let typ = inner.get(at).copied().unwrap_or_default();
    InnerPlaintext {
        content_type: ContentType(typ),
        content: inner.get_mut(..at).unwrap_or_default(),
        length,
    }
}

#[cfg(test)]
mod tests;
