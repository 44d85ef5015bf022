//! How the records of one epoch are protected.

use super::protection13::Dtls13;
use crate::crypto::{self, Aead, AeadAlgorithm, NONCE_LEN, TAG_LEN, WriteKeys};
use crate::error::{Error, Result};
use crate::wire::{RECORD_HEADER, RecordHeader, UnifiedHeader};
use zeroize::Zeroizing;

/// The nonce that a GCM record carries (RFC 5288 §3).
const EXPLICIT_NONCE_LEN: usize = 8;

pub(super) enum Protection {
    /// Epoch 0.
    Null,
    Dtls12(Dtls12),
    /// In a box, as whatever moves leaves a copy of its IV behind.
    Dtls13(Box<Dtls13>),
}

/// An AEAD as (D)TLS 1.2 uses it.
pub(super) struct Dtls12 {
    key: Box<dyn Aead>,
    /// The fixed part of the nonce, and zeros where it has no fixed part.
    /// In a box, as whatever moves leaves a copy behind.
    iv: Box<Zeroizing<[u8; NONCE_LEN]>>,
    explicit_nonce: bool,
}

impl Protection {
    pub(super) fn dtls12(aead: AeadAlgorithm, WriteKeys { key, iv }: &WriteKeys) -> Result<Self> {
        if iv.as_bytes().len() != aead.fixed_iv_len() {
            return Err(Error::Crypto("AEAD IV"));
        }
        let mut padded = Box::new(Zeroizing::new([0; NONCE_LEN]));
        for (to, from) in padded.iter_mut().zip(iv.as_bytes()) {
            *to = *from;
        }
        Ok(Protection::Dtls12(Dtls12 {
            key: aead.key(key.as_bytes())?,
            iv: padded,
            explicit_nonce: aead.explicit_nonce_len() == EXPLICIT_NONCE_LEN,
        }))
    }

    /// Bytes of a record beyond its plaintext, whatever its length.
    pub(super) const fn overhead(&self) -> usize {
        match self {
            Protection::Null => RECORD_HEADER,
            Protection::Dtls12(aead) => RECORD_HEADER.saturating_add(aead.expansion()),
            Protection::Dtls13(_) => UnifiedHeader::SENT + Dtls13::EXPANSION,
        }
    }
}

impl Dtls12 {
    /// Bytes that protection adds to a plaintext of any length.
    pub(super) const fn expansion(&self) -> usize {
        match self.explicit_nonce {
            true => EXPLICIT_NONCE_LEN + TAG_LEN,
            false => TAG_LEN,
        }
    }

    /// Appends the fragment of the record with this header to `out`, where after an error anything
    /// may have been appended.
    pub(super) fn seal(
        &self,
        header: &RecordHeader,
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        // The number of the record is the one thing that never comes twice under a key, and a
        // retransmission is a new record with a new number.
        let number = header.number();
        if self.explicit_nonce {
            out.extend_from_slice(&number.to_be_bytes());
        }
        let start = out.len();
        out.extend_from_slice(plaintext);
        let body = out.get_mut(start..).unwrap_or_default();
        let aad = additional_data(header, plaintext.len())?;
        let tag = self.key.seal(crypto::nonce(&self.iv, number), &aad, body)?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// The plaintext of a fragment, or `None` if it is not authentic.
    pub(super) fn open<'a>(
        &self,
        header: &RecordHeader,
        fragment: &'a mut [u8],
    ) -> Option<&'a mut [u8]> {
        let (number, body) = if self.explicit_nonce {
            // The peer may have made its explicit nonces in another way than ours are made.
            let (explicit, body) = fragment.split_first_chunk_mut::<EXPLICIT_NONCE_LEN>()?;
            (u64::from_be_bytes(*explicit), body)
        } else {
            (header.number(), fragment)
        };
        let aad = additional_data(header, body.len().checked_sub(TAG_LEN)?).ok()?;
        let length = self.key.open(crypto::nonce(&self.iv, number), &aad, body)?;
        body.get_mut(..length)
    }
}

/// RFC 5246 §6.2.3.3, with epoch and sequence number for TLS's sequence number (RFC 6347 §4.1.2.1):
/// `seq_num + type + version + length`, the length being the plaintext's.
fn additional_data(header: &RecordHeader, length: usize) -> Result<[u8; 13]> {
    let length = u16::try_from(length).map_err(|_| Error::Crypto("record length"))?;
    let [n0, n1, n2, n3, n4, n5, n6, n7] = header.number().to_be_bytes();
    let typ = header.content_type.0;
    let [v0, v1] = header.version.0.to_be_bytes();
    let [l0, l1] = length.to_be_bytes();
    Ok([n0, n1, n2, n3, n4, n5, n6, n7, typ, v0, v1, l0, l1])
}
