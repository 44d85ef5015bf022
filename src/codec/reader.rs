//! Reading fields from bytes that came from the network.

use super::{DecodeError, Result};

/// Most items of a list that are read. No list needs so many; but short ones are dearer to keep than to say.
pub(crate) const MOST_ITEMS: usize = 64;

/// A cursor that can only hand out what is inside its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes }
    }

    /// Reads a whole structure: `read` must use up every byte.
    pub(crate) fn whole<T>(
        bytes: &'a [u8],
        read: impl FnOnce(&mut Reader<'a>) -> Result<T>,
    ) -> Result<T> {
        let mut reader = Reader::new(bytes);
        let value = read(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Fails unless every byte has been read.
    pub(crate) fn finish(&self) -> Result<()> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::TrailingData)
        }
    }

    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let (head, tail) = self
            .bytes
            .split_at_checked(n)
            .ok_or(DecodeError::Truncated)?;
        self.bytes = tail;
        Ok(head)
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, tail) = self
            .bytes
            .split_first_chunk::<N>()
            .ok_or(DecodeError::Truncated)?;
        self.bytes = tail;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(crate) fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u24(&mut self) -> Result<u32> {
        let [a, b, c] = self.array()?;
        Ok(u32::from_be_bytes([0, a, b, c]))
    }

    pub(crate) fn u48(&mut self) -> Result<u64> {
        let [a, b, c, d, e, f] = self.array()?;
        Ok(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// The content of an `opaque<0..2^8-1>`.
    pub(crate) fn vec8(&mut self) -> Result<&'a [u8]> {
        let n = self.u8()?;
        self.take(n.into())
    }

    /// The content of an `opaque<0..2^16-1>`.
    pub(crate) fn vec16(&mut self) -> Result<&'a [u8]> {
        let n = self.u16()?;
        self.take(n.into())
    }

    /// The content of an `opaque<0..2^24-1>`.
    pub(crate) fn vec24(&mut self) -> Result<&'a [u8]> {
        let n = self.u24()?;
        self.take(usize::try_from(n).map_err(|_| DecodeError::BadLength)?)
    }

    /// The content of an `opaque<1..2^8-1>`.
    pub(crate) fn vec8_not_empty(&mut self) -> Result<&'a [u8]> {
        not_empty(self.vec8()?)
    }

    /// The content of an `opaque<1..2^16-1>`.
    pub(crate) fn vec16_not_empty(&mut self) -> Result<&'a [u8]> {
        not_empty(self.vec16()?)
    }

    /// The content of an `opaque<1..2^24-1>`.
    pub(crate) fn vec24_not_empty(&mut self) -> Result<&'a [u8]> {
        not_empty(self.vec24()?)
    }

    /// The items of the list that is left.
    pub(crate) fn items<T>(
        mut self,
        mut read: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut items = Vec::new();
        while !self.is_empty() {
            if items.len() >= MOST_ITEMS {
                return Err(DecodeError::BadLength);
            }
            items.push(read(&mut self)?);
        }
        Ok(items)
    }

    /// A non-empty vector of 16-bit code points behind an 8-bit length.
    pub(crate) fn u16_list8(&mut self) -> Result<Vec<u16>> {
        u16_list(self.vec8()?)
    }

    /// A non-empty vector of 16-bit code points behind a 16-bit length.
    pub(crate) fn u16_list(&mut self) -> Result<Vec<u16>> {
        u16_list(self.vec16()?)
    }
}

fn not_empty(bytes: &[u8]) -> Result<&[u8]> {
    match bytes {
        [] => Err(DecodeError::BadLength),
        bytes => Ok(bytes),
    }
}

fn u16_list(bytes: &[u8]) -> Result<Vec<u16>> {
    let pairs = bytes.chunks_exact(2);
    if bytes.is_empty() || !pairs.remainder().is_empty() {
        return Err(DecodeError::BadLength);
    }
    Ok(pairs
        .filter_map(|pair| pair.try_into().ok().map(u16::from_be_bytes))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i18_a_list_has_few_items() {
        for (many, read) in [(0, true), (MOST_ITEMS, true), (MOST_ITEMS + 1, false)] {
            let list = vec![7; many];
            let items = Reader::new(&list).items(Reader::u8);
            assert_eq!(items, read.then_some(list).ok_or(DecodeError::BadLength));
        }
    }

    #[test]
    fn b23_a_length_that_lies_is_an_error() {
        assert_eq!(Reader::new(&[3, 1, 2]).vec8(), Err(DecodeError::Truncated));
        assert_eq!(
            Reader::new(&[0, 0, 9, 1]).vec24(),
            Err(DecodeError::Truncated)
        );
        assert_eq!(Reader::new(&[1]).u16(), Err(DecodeError::Truncated));
    }

    #[test]
    fn what_must_not_be_empty_is_not() {
        let bytes = [0; 3];
        assert_eq!(
            Reader::new(&bytes).vec8_not_empty(),
            Err(DecodeError::BadLength)
        );
        assert_eq!(
            Reader::new(&bytes).vec16_not_empty(),
            Err(DecodeError::BadLength)
        );
        assert_eq!(
            Reader::new(&bytes).vec24_not_empty(),
            Err(DecodeError::BadLength)
        );
        let bytes = [0, 0, 1, 7];
        assert_eq!(Reader::new(&bytes[2..]).vec8_not_empty(), Ok(&[7][..]));
        assert_eq!(Reader::new(&bytes[1..]).vec16_not_empty(), Ok(&[7][..]));
        assert_eq!(Reader::new(&bytes).vec24_not_empty(), Ok(&[7][..]));
    }

    #[test]
    fn left_over_bytes_are_an_error() {
        assert_eq!(
            Reader::whole(&[1, 2], |r| r.u8()),
            Err(DecodeError::TrailingData)
        );
        assert_eq!(Reader::whole(&[1, 2, 3], |r| r.u24()), Ok(0x01_02_03));
    }

    #[test]
    fn lists_of_code_points_are_even_and_not_empty() {
        assert_eq!(Reader::new(&[0, 4, 0, 1, 0, 2]).u16_list(), Ok(vec![1, 2]));
        assert_eq!(Reader::new(&[0, 0]).u16_list(), Err(DecodeError::BadLength));
        assert_eq!(
            Reader::new(&[0, 3, 1, 2, 3]).u16_list(),
            Err(DecodeError::BadLength)
        );
    }
}
