//! The one datagram that a stranger gets.

use crate::wire::{
    AlertDescription, AlertLevel, ContentType, HandshakeType, ProtocolVersion, RECORD_HEADER,
};

/// Bytes of the longest reply: a HelloRetryRequest with a group, and a hash of 48 bytes in its cookie.
pub(super) const MOST: usize = 192;

/// Bytes in an array: nothing is allocated for a stranger.
#[derive(Debug, Clone)]
pub(crate) struct Fixed<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Fixed<N> {
    pub(super) fn new() -> Self {
        Fixed {
            bytes: [0; N],
            length: 0,
        }
    }

    /// Appends the parts. One that finds no room is left out; callers know what they write.
    pub(super) fn append(&mut self, parts: &[&[u8]]) {
        for part in parts {
            let end = self.length.saturating_add(part.len());
            let place = self.bytes.get_mut(self.length..end);
            debug_assert!(place.is_some());
            if let Some(place) = place {
                place.copy_from_slice(part);
                self.length = end;
            }
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Place for the reply to a hello.
#[derive(Debug)]
pub(crate) struct ReplyBuffer(Fixed<MOST>);

impl ReplyBuffer {
    pub(crate) fn new() -> Self {
        ReplyBuffer(Fixed::new())
    }

    /// Writes the handshake message that answers the hello with these numbers.
    ///
    /// Both numbers are copied from the hello, since there is no state to count in. For the record's
    /// RFC 6347 §4.2.1 demands it. For the message's it gives what a client counts on that gets a
    /// second challenge: its second hello has message_seq 1 and is answered with 1.
    pub(super) fn handshake(
        &mut self,
        version: ProtocolVersion,
        record_sequence: u64,
        (typ, message_seq): (HandshakeType, u16),
        body: &[u8],
    ) -> &[u8] {
        let [.., high, middle, low] = body.len().to_be_bytes();
        let message_seq = message_seq.to_be_bytes();
        let fragment: [&[u8]; 6] = [
            &[typ.0],
            &[high, middle, low],
            &message_seq,
            &[0, 0, 0],
            &[high, middle, low],
            body,
        ];
        self.record(ContentType::HANDSHAKE, version, record_sequence, &fragment)
    }

    /// Writes the alert that answers the hello in the record with this number.
    pub(crate) fn alert(&mut self, record_sequence: u64, description: AlertDescription) -> &[u8] {
        let body = [AlertLevel::FATAL.0, description.0];
        let version = ProtocolVersion::DTLS1_2;
        self.record(ContentType::ALERT, version, record_sequence, &[&body])
    }

    fn record(
        &mut self,
        content_type: ContentType,
        version: ProtocolVersion,
        sequence: u64,
        fragment: &[&[u8]],
    ) -> &[u8] {
        let length = fragment.iter().map(|part| part.len()).sum::<usize>();
        let [.., high, low] = length.to_be_bytes();
        let [_, _, sequence @ ..] = sequence.to_be_bytes();
        self.0 = Fixed::new();
        self.0.append(&[
            &[content_type.0],
            &version.0.to_be_bytes(),
            &[0, 0],
            &sequence,
            &[high, low],
        ]);
        debug_assert_eq!(self.0.as_bytes().len(), RECORD_HEADER);
        self.0.append(fragment);
        self.0.as_bytes()
    }
}
