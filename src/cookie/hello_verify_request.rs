//! The one datagram that a stranger gets.

use super::context::{COOKIE_LEN, Cookie};
use crate::wire::{ContentType, HANDSHAKE_HEADER, HandshakeType, ProtocolVersion, RECORD_HEADER};

/// server_version, and the cookie behind its length (RFC 6347 §4.2.1).
const BODY_LEN: usize = 2 + 1 + COOKIE_LEN;
const FRAGMENT_LEN: usize = HANDSHAKE_HEADER + BODY_LEN;
pub(super) const REPLY_LEN: usize = RECORD_HEADER + FRAGMENT_LEN;

/// The shortest ClientHello record there can be: a version, a random, and the lengths of session id,
/// cookie, suites (one) and compression methods (one).
pub(super) const SHORTEST_HELLO: usize =
    RECORD_HEADER + HANDSHAKE_HEADER + 2 + 32 + 1 + 1 + (2 + 2) + (1 + 1);

// The reply is shorter than whatever it answers, so nobody can be flooded through us.
const _: () = assert!(REPLY_LEN < SHORTEST_HELLO);

/// Place for the reply to a hello: a HelloVerifyRequest always has the same length.
#[derive(Debug)]
pub(crate) struct ReplyBuffer([u8; REPLY_LEN]);

impl ReplyBuffer {
    pub(crate) fn new() -> Self {
        ReplyBuffer([0; REPLY_LEN])
    }

    /// Writes the HelloVerifyRequest that answers the hello with these numbers.
    ///
    /// Both numbers are copied from the hello, since there is no state to count in. For the record's
    /// RFC 6347 §4.2.1 demands it. For the message's it gives what a client counts on that gets a
    /// second challenge: its second hello has message_seq 1 and is answered with 1.
    pub(super) fn write(
        &mut self,
        record_sequence: u64,
        message_seq: u16,
        cookie: &Cookie,
    ) -> &[u8] {
        // DTLS 1.0 in both places, whatever is negotiated later (RFC 6347 §4.2.1).
        let version = ProtocolVersion::DTLS1_0.0.to_be_bytes();
        let [_, _, sequence @ ..] = record_sequence.to_be_bytes();
        let message_seq = message_seq.to_be_bytes();
        let [.., fragment_high, fragment_low] = FRAGMENT_LEN.to_be_bytes();
        let [.., high, middle, low] = BODY_LEN.to_be_bytes();
        let [.., cookie_len] = COOKIE_LEN.to_be_bytes();
        let parts: [&[u8]; 13] = [
            &[ContentType::HANDSHAKE.0],
            &version,
            &[0, 0],
            &sequence,
            &[fragment_high, fragment_low],
            &[HandshakeType::HELLO_VERIFY_REQUEST.0],
            &[high, middle, low],
            &message_seq,
            &[0, 0, 0],
            &[high, middle, low],
            &version,
            &[cookie_len],
            cookie,
        ];
        let bytes = parts.into_iter().flatten();
        self.0
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Reader;
    use crate::wire::{Body, HandshakeHeader, HelloVerifyRequest, RecordHeader};

    #[test]
    fn the_reply_is_what_the_wire_structures_say() {
        let cookie: Cookie = std::array::from_fn(|i| i as u8);
        let mut buffer = ReplyBuffer::new();
        let reply = buffer.write(0x0102_0304_0506, 0x0708, &cookie);

        let body = HelloVerifyRequest {
            version: ProtocolVersion::DTLS1_0,
            cookie: cookie.to_vec(),
        }
        .encode();
        let mut reader = Reader::new(reply);
        let record = RecordHeader {
            content_type: ContentType::HANDSHAKE,
            version: ProtocolVersion::DTLS1_0,
            epoch: 0,
            sequence: 0x0102_0304_0506,
            length: reply.len() as u16 - 13,
        };
        assert_eq!(RecordHeader::read(&mut reader), Ok(record));
        let header = HandshakeHeader::whole(
            HandshakeType::HELLO_VERIFY_REQUEST,
            0x0708,
            body.len() as u32,
        );
        assert_eq!(
            HandshakeHeader::read_fragment(&mut reader),
            Ok((header, &body[..]))
        );
        assert!(reader.is_empty());
    }
}
