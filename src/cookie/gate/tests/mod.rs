//! The names of the tests begin with the hazard or pitfall that they are about.

mod allocations;
mod binding;
mod fragments;
mod replies;
mod retry;
mod strangers;

use super::*;
use crate::codec::Writer;
use crate::wire::HelloVerifyRequest;

const NOW: Duration = Duration::from_secs(1_000_000);
const ADDRESS: &[u8] = b"192.0.2.1:40000";

/// A hello in its parts, each of which a test can change.
#[derive(Clone)]
struct Hello {
    record_version: u16,
    epoch: u16,
    record_sequence: u64,
    message_seq: u16,
    version: u16,
    random: [u8; 32],
    session_id: Vec<u8>,
    cookie: Vec<u8>,
    cipher_suites: Vec<u16>,
    compression_methods: Vec<u8>,
    extensions: Option<Vec<u8>>,
}

impl Hello {
    fn new() -> Self {
        Hello {
            record_version: 0xfeff,
            epoch: 0,
            record_sequence: 0,
            message_seq: 0,
            version: 0xfefd,
            random: [7; 32],
            session_id: vec![1, 2, 3],
            cookie: vec![],
            cipher_suites: vec![0xc02b, 0xc02c],
            compression_methods: vec![0],
            // extended_master_secret
            extensions: Some(vec![0, 23, 0, 0]),
        }
    }

    fn shortest() -> Self {
        Hello {
            session_id: vec![],
            cipher_suites: vec![0xc02b],
            extensions: None,
            ..Hello::new()
        }
    }

    fn with_cookie(&self, cookie: &[u8]) -> Self {
        Hello {
            record_sequence: self.record_sequence + 1,
            message_seq: self.message_seq + 1,
            cookie: cookie.to_vec(),
            ..self.clone()
        }
    }

    fn body(&self) -> Vec<u8> {
        Writer::bytes_of(|w| {
            w.u16(self.version);
            w.bytes(&self.random);
            w.vec8(|w| w.bytes(&self.session_id));
            w.vec8(|w| w.bytes(&self.cookie));
            w.u16_list(self.cipher_suites.iter().copied());
            w.vec8(|w| w.bytes(&self.compression_methods));
            if let Some(extensions) = &self.extensions {
                w.vec16(|w| w.bytes(extensions));
            }
        })
    }

    fn datagram(&self) -> Vec<u8> {
        let body = self.body();
        let header = HandshakeHeader::whole(
            HandshakeType::CLIENT_HELLO,
            self.message_seq,
            body.len() as u32,
        );
        self.datagram_of(header, &body)
    }

    fn datagram_of(&self, header: HandshakeHeader, fragment: &[u8]) -> Vec<u8> {
        Writer::bytes_of(|w| {
            RecordHeader {
                content_type: ContentType::HANDSHAKE,
                version: ProtocolVersion(self.record_version),
                epoch: self.epoch,
                sequence: self.record_sequence,
                length: fragment.len() as u16 + 12,
            }
            .write(w);
            header.write(w);
            w.bytes(fragment);
        })
    }
}

/// A verdict that does not borrow.
#[derive(Debug)]
enum Answer {
    Verified(Box<VerifiedHello>),
    Challenge(Vec<u8>),
    Refuse(Vec<u8>),
    Drop(GateDrop),
    NoContext,
}

impl Answer {
    fn of(verdict: Verdict<'_>) -> Self {
        match verdict {
            Verdict::Verified(hello) => Answer::Verified(hello),
            Verdict::Challenge(reply) => Answer::Challenge(reply.to_vec()),
            Verdict::Refuse(alert) => Answer::Refuse(alert.to_vec()),
            Verdict::Drop(reason) => Answer::Drop(reason),
            Verdict::NoContext => Answer::NoContext,
        }
    }

    fn verified(self) -> Box<VerifiedHello> {
        match self {
            Answer::Verified(hello) => hello,
            other => panic!("{other:?}"),
        }
    }

    fn reply(self) -> Vec<u8> {
        match self {
            Answer::Challenge(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    fn cookie(self) -> Vec<u8> {
        HelloVerifyRequest::decode(&self.reply()[25..])
            .unwrap()
            .cookie
    }

    fn dropped(self) -> GateDrop {
        match self {
            Answer::Drop(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    fn is_challenge(&self) -> bool {
        matches!(self, Answer::Challenge(_))
    }
}

fn gate() -> Gate {
    let context = Arc::new(CookieContext::new().unwrap());
    Gate::new(HelloVerification::Cookies(context), Choices13::default())
}

fn ask_at(gate: &Gate, address: &[u8], datagram: &[u8], now: Duration) -> Answer {
    let mut reply = ReplyBuffer::new();
    let answer = Answer::of(gate.check(address, datagram, now, &mut reply));
    if let Answer::Challenge(reply) = &answer {
        let is_retry = reply.get(13) == Some(&HandshakeType::SERVER_HELLO.0);
        let times = if is_retry { 2 } else { 1 };
        assert!(reply.len() < times * datagram.len(), "A1: no amplification");
    }
    answer
}

fn ask(gate: &Gate, datagram: &[u8]) -> Answer {
    ask_at(gate, ADDRESS, datagram, NOW)
}

/// A gate, and a hello that passes it.
fn proven() -> (Gate, Hello) {
    let gate = gate();
    let first = Hello::new();
    let cookie = ask(&gate, &first.datagram()).cookie();
    (gate, first.with_cookie(&cookie))
}
