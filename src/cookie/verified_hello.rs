//! The proof that a handshake may begin.

use super::hello_retry_request::RetryState;
use crate::wire::ClientHello;

/// A ClientHello that passed the gate. There is no other way to come by one, so what takes a
/// `VerifiedHello` cannot be reached from an unproven address.
#[derive(Debug)]
pub(crate) struct VerifiedHello {
    record_sequence: u64,
    message_seq: u16,
    body: Vec<u8>,
    hello: ClientHello,
    retried: Option<Retried>,
}

/// The hello is the second, and answers a HelloRetryRequest that nobody kept (RFC 9147 §5.1).
#[derive(Debug)]
pub(crate) struct Retried {
    pub(crate) state: RetryState,
    /// The HelloRetryRequest's body.
    pub(crate) request: Vec<u8>,
}

impl VerifiedHello {
    /// For the gate only.
    pub(super) fn new(
        record_sequence: u64,
        message_seq: u16,
        body: Vec<u8>,
        hello: ClientHello,
        retried: Option<Retried>,
    ) -> Self {
        VerifiedHello {
            record_sequence,
            message_seq,
            body,
            hello,
            retried,
        }
    }

    /// Of the record it came in; the server's own numbers continue from it (RFC 6347 §4.2.1).
    pub(crate) fn record_sequence(&self) -> u64 {
        self.record_sequence
    }

    /// Of the message; ServerHello has the same one, and the client's next message the next.
    pub(crate) fn message_seq(&self) -> u16 {
        self.message_seq
    }

    /// The body as it came, for the transcript (RFC 6347 §4.2.6).
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn hello(&self) -> &ClientHello {
        &self.hello
    }

    /// What came before, if it was a HelloRetryRequest.
    pub(crate) fn retried(&self) -> Option<&Retried> {
        self.retried.as_ref()
    }

    pub(crate) fn into_hello(self) -> ClientHello {
        self.hello
    }
}
