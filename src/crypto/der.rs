//! As much of DER (X.690) as it takes to look into keys. Certificates are read elsewhere.

use crate::codec::{DecodeError, Reader, Result};

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const CONTEXT_0: u8 = 0xa0;
pub(crate) const CONTEXT_1: u8 = 0xa1;

/// rsaEncryption (RFC 8017 §A.1).
pub(crate) const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// id-ecPublicKey (RFC 5480 §2.1.1).
pub(crate) const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
/// secp256r1 (RFC 5480 §2.1.1.1).
pub(crate) const SECP256R1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
/// secp384r1 (RFC 5480 §2.1.1.1).
pub(crate) const SECP384R1: &[u8] = &[0x2b, 0x81, 4, 0, 0x22];
/// id-Ed25519 (RFC 8410 §3).
pub(crate) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// The content of the next element, which must have this tag.
pub(crate) fn element<'a>(reader: &mut Reader<'a>, tag: u8) -> Result<&'a [u8]> {
    match any_element(reader)? {
        (found, content) if found == tag => Ok(content),
        _ => Err(DecodeError::IllegalValue),
    }
}

/// The content of the next element if it has this tag; otherwise nothing is read.
pub(crate) fn optional_element<'a>(reader: &mut Reader<'a>, tag: u8) -> Result<Option<&'a [u8]>> {
    if next_tag(reader) == Some(tag) {
        element(reader, tag).map(Some)
    } else {
        Ok(None)
    }
}

/// The tag of the next element, which stays unread.
pub(crate) fn next_tag(reader: &Reader<'_>) -> Option<u8> {
    reader.clone().u8().ok()
}

/// The content of a BIT STRING of whole bytes.
pub(crate) fn bit_string<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8]> {
    let mut content = Reader::new(element(reader, BIT_STRING)?);
    match content.u8()? {
        0 => Ok(content.rest()),
        _ => Err(DecodeError::IllegalValue),
    }
}

/// The bits that a positive INTEGER has.
pub(crate) fn bit_length(integer: &[u8]) -> usize {
    let mut significant = integer.iter().skip_while(|byte| **byte == 0);
    let Some(first) = significant.next() else {
        return 0;
    };
    let whole = significant.count().saturating_mul(8);
    whole.saturating_add(8_usize.saturating_sub(leading_zeros(*first)))
}

fn leading_zeros(byte: u8) -> usize {
    usize::try_from(byte.leading_zeros()).unwrap_or_default()
}

fn any_element<'a>(reader: &mut Reader<'a>) -> Result<(u8, &'a [u8])> {
    let tag = reader.u8()?;
    let length = match reader.u8()? {
        short @ 0..=0x7f => usize::from(short),
        0x81 => usize::from(reader.u8()?),
        0x82 => usize::from(reader.u16()?),
        _ => return Err(DecodeError::BadLength),
    };
    Ok((tag, reader.take(length)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_lengths() {
        let long = [&[OCTET_STRING, 0x81, 200][..], &[7; 200]].concat();
        assert_eq!(
            element(&mut Reader::new(&long), OCTET_STRING),
            Ok(&[7; 200][..])
        );
        let longer = [&[OCTET_STRING, 0x82, 1, 0][..], &[7; 256]].concat();
        assert_eq!(
            element(&mut Reader::new(&longer), OCTET_STRING),
            Ok(&[7; 256][..])
        );
        let lie = [SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(
            element(&mut Reader::new(&lie), SEQUENCE),
            Err(DecodeError::BadLength)
        );
        let short = [SEQUENCE, 2, 0];
        assert_eq!(
            element(&mut Reader::new(&short), SEQUENCE),
            Err(DecodeError::Truncated)
        );
    }

    #[test]
    fn bits_of_integers() {
        assert_eq!(bit_length(&[0]), 0);
        assert_eq!(bit_length(&[1]), 1);
        assert_eq!(bit_length(&[0, 0x80]), 8);
        assert_eq!(bit_length(&[1, 0]), 9);
    }
}
