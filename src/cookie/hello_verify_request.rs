//! HelloVerifyRequest: how a server of DTLS 1.2 asks a client to prove its address.

use super::context::{COOKIE_LEN, Cookie};
use super::reply::{Fixed, ReplyBuffer};
use crate::wire::{HANDSHAKE_HEADER, HandshakeType, ProtocolVersion, RECORD_HEADER};

/// server_version, and the cookie behind its length (RFC 6347 §4.2.1).
const BODY_LEN: usize = 2 + 1 + COOKIE_LEN;

impl ReplyBuffer {
    /// Writes the HelloVerifyRequest that answers the hello with these numbers.
    pub(super) fn hello_verify_request(
        &mut self,
        record_sequence: u64,
        message_seq: u16,
        cookie: &Cookie,
    ) -> &[u8] {
        // DTLS 1.0 in both places, whatever is negotiated later (RFC 6347 §4.2.1).
        let version = ProtocolVersion::DTLS1_0;
        let [high, low] = version.0.to_be_bytes();
        let [.., cookie_len] = COOKIE_LEN.to_be_bytes();
        let mut body = Fixed::<BODY_LEN>::new();
        body.append(&[&[high, low, cookie_len], cookie]);
        let message = (HandshakeType::HELLO_VERIFY_REQUEST, message_seq);
        self.handshake(version, record_sequence, message, body.as_bytes())
    }
}

pub(super) const REPLY_LEN: usize = RECORD_HEADER + HANDSHAKE_HEADER + BODY_LEN;

/// The shortest ClientHello record there can be: a version, a random, and the lengths of session id,
/// cookie, suites (one) and compression methods (one).
pub(super) const SHORTEST_HELLO: usize =
    RECORD_HEADER + HANDSHAKE_HEADER + 2 + 32 + 1 + 1 + (2 + 2) + (1 + 1);

// The reply is shorter than whatever it answers, so nobody can be flooded through us.
const _: () = assert!(REPLY_LEN < SHORTEST_HELLO);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Reader;
    use crate::wire::{Body, ContentType, HandshakeHeader, HelloVerifyRequest, RecordHeader};

    #[test]
    fn the_reply_is_what_the_wire_structures_say() {
        let cookie: Cookie = std::array::from_fn(|i| i as u8);
        let mut buffer = ReplyBuffer::new();
        let reply = buffer.hello_verify_request(0x0102_0304_0506, 0x0708, &cookie);

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
