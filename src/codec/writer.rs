//! Writing fields into bytes.

use zeroize::Zeroize;

/// Appends fields to a buffer. All that is written is our own, so a length that its prefix cannot
/// express is a mistake of ours: bounds on configuration and on message sizes keep it away.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Writer::default()
    }

    /// Appends what `write` writes to `out`.
    pub(crate) fn append(out: &mut Vec<u8>, write: impl FnOnce(&mut Writer)) {
        let mut writer = Writer {
            bytes: std::mem::take(out),
        };
        write(&mut writer);
        *out = writer.into_bytes();
    }

    /// What `write` writes.
    pub(crate) fn bytes_of(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::new();
        write(&mut writer);
        writer.into_bytes()
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn u8(&mut self, v: u8) {
        self.bytes(&[v]);
    }

    pub(crate) fn u16(&mut self, v: u16) {
        self.bytes(&v.to_be_bytes());
    }

    pub(crate) fn u24(&mut self, v: u32) {
        let [_, low @ ..] = v.to_be_bytes();
        self.bytes(&low);
    }

    pub(crate) fn u48(&mut self, v: u64) {
        let [_, _, low @ ..] = v.to_be_bytes();
        self.bytes(&low);
    }

    pub(crate) fn u32(&mut self, v: u32) {
        self.bytes(&v.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, v: u64) {
        self.bytes(&v.to_be_bytes());
    }

    /// An `opaque<0..2^8-1>` with the content that `write` writes.
    pub(crate) fn vec8(&mut self, write: impl FnOnce(&mut Writer)) {
        self.prefixed::<1>(write);
    }

    /// An `opaque<0..2^16-1>` with the content that `write` writes.
    pub(crate) fn vec16(&mut self, write: impl FnOnce(&mut Writer)) {
        self.prefixed::<2>(write);
    }

    /// An `opaque<0..2^24-1>` with the content that `write` writes.
    pub(crate) fn vec24(&mut self, write: impl FnOnce(&mut Writer)) {
        self.prefixed::<3>(write);
    }

    pub(crate) fn u16_list(&mut self, values: impl IntoIterator<Item = u16>) {
        self.vec16(|w| values.into_iter().for_each(|v| w.u16(v)));
    }

    /// A buffer that grows leaves a copy behind, and what is written may be secret.
    fn make_room(&mut self, more: usize) {
        let needed = self.bytes.len().saturating_add(more);
        if needed > self.bytes.capacity() {
            let capacity = needed.max(self.bytes.capacity().saturating_mul(2));
            let mut larger = Vec::with_capacity(capacity);
            larger.extend_from_slice(&self.bytes);
            std::mem::replace(&mut self.bytes, larger).zeroize();
        }
    }

    fn prefixed<const N: usize>(&mut self, write: impl FnOnce(&mut Writer)) {
        let start = self.bytes.len();
        self.bytes(&[0; N]);
        write(self);
        let Some(prefix) = self.bytes.get_mut(start..) else {
            return;
        };
        let Some((prefix, content)) = prefix.split_first_chunk_mut::<N>() else {
            return;
        };
        let length = u64::try_from(content.len())
            .unwrap_or(u64::MAX)
            .to_be_bytes();
        if let Some((high, low)) = length.split_last_chunk::<N>() {
            debug_assert!(
                high.iter().all(|b| *b == 0),
                "{} bytes behind a prefix of {N}",
                content.len()
            );
            *prefix = *low;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_prefixes_close_by_scope() {
        let bytes = Writer::bytes_of(|w| {
            w.u8(7);
            w.vec24(|w| {
                w.vec8(|w| w.bytes(b"ab"));
                w.vec16(|w| w.u48(1));
            });
        });
        assert_eq!(bytes, [7, 0, 0, 11, 2, b'a', b'b', 0, 6, 0, 0, 0, 0, 0, 1]);
    }
}
