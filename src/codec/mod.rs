//! Bytes to fields and fields to bytes, in the notation of RFC 5246 §4.
//!
//! A [`Reader`] hands out slices of what is really there, so a length that lies is an error and
//! never an over-read. A [`Writer`] closes every length prefix by scope.

mod reader;
mod writer;

pub(crate) use reader::{MOST_ITEMS, Reader};
pub(crate) use writer::Writer;

/// Why bytes could not be read as the structure they claim to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end before the structure does.
    Truncated,
    /// Bytes are left over behind the structure.
    TrailingData,
    /// A vector is shorter, longer or of another multiple than its definition allows.
    BadLength,
    /// A field holds a value that its definition does not allow.
    IllegalValue,
    /// An extension appears twice (RFC 5246 §7.4.1.4).
    DuplicateExtension,
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            DecodeError::Truncated => "it ends too early",
            DecodeError::TrailingData => "bytes follow its end",
            DecodeError::BadLength => "a length is out of bounds",
            DecodeError::IllegalValue => "a field holds a value that is not allowed",
            DecodeError::DuplicateExtension => "an extension appears twice",
        })
    }
}

impl std::error::Error for DecodeError {}

pub(crate) type Result<T> = std::result::Result<T, DecodeError>;

/// The bytes that these digits stand for.
#[cfg(test)]
pub(crate) fn from_hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(std::str::from_utf8);
    pairs
        .map(|pair| u8::from_str_radix(pair.unwrap(), 16).unwrap())
        .collect()
}
