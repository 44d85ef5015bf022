//! The verdict on a datagram from an address that has proven nothing.

use super::choices13::{self, Choices13};
use super::hello_retry_request::RetryState;
use super::verified_hello::Retried;
use super::{CookieContext, ReplyBuffer, VerifiedHello};
use crate::codec::{DecodeError, Reader};
use crate::error::Error;
use crate::wire::{
    AlertDescription, Body, ClientHello, ClientHelloFields, ContentType, ExtensionType,
    HandshakeHeader, HandshakeType, MAX_PLAINTEXT, MAX_SEQUENCE, ProtocolVersion, RecordHeader,
};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How a server tells that a client is where it says it is.
#[derive(Debug, Clone)]
pub(crate) enum HelloVerification {
    /// By cookies. In a build without the feature `hello-verify` this fails like `None`: such a
    /// build verifies no hello, and going without must be asked for in words.
    Cookies(Arc<CookieContext>),
    /// Nobody has said yet, so every handshake fails.
    None,
    /// Not at all. Whoever can forge a source address can then make the server work for it and
    /// send its flights there (RFC 6347 §4.2.1).
    Waived,
}

/// What to do with a datagram.
#[derive(Debug)]
pub(crate) enum Verdict<'a> {
    /// A handshake may begin.
    Verified(Box<VerifiedHello>),
    /// Answer with this one HelloVerifyRequest or HelloRetryRequest, and keep nothing.
    Challenge(&'a [u8]),
    /// Answer with this alert, which is shorter than the hello: it cannot lead to a handshake.
    Refuse(&'a [u8]),
    /// Say nothing.
    Drop(GateDrop),
    /// A hello, but no cookie context: it fails.
    NoContext,
}

/// A line of the flight log.
impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Verified(_) => f.write_str("<--- a hello with our cookie, or that needs none"),
            Verdict::Challenge(_) => f.write_str("<--- a hello, and ---> a cookie for its sender"),
            Verdict::Refuse(_) => f.write_str("<--- a hello that leads nowhere, and ---> ALERT"),
            Verdict::Drop(GateDrop::Fragmented) => f.write_str("<--- a part of a hello"),
            Verdict::Drop(reason) => write!(f, "<-x- no hello to answer: {reason:?}"),
            Verdict::NoContext => f.write_str("<-x- a hello, and there is no cookie context"),
        }
    }
}

/// Why a datagram gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GateDrop {
    /// Its first record is no handshake message in the clear. Another server's alerts are among these:
    /// two servers must never answer each other.
    NotAHello,
    /// Its first record holds another handshake message, another server's perhaps.
    OtherMessage(HandshakeType),
    /// It claims to be a hello and cannot be read as one.
    Malformed(DecodeError),
    /// Its first record holds a part of a hello, and the whole is not there yet.
    Fragmented,
    /// The hello offers what is not DTLS.
    WrongVersion(ProtocolVersion),
    /// The hello was challenged more often than any client bears.
    TooManyChallenges,
    /// The signer makes no cookie.
    NoCookie,
    /// Its number says that a hello came before it, and it repeats no cookie.
    NotTheFirst,
}

impl GateDrop {
    /// What this says against a handshake, if whoever sent it meant one.
    pub(crate) fn suspicion(&self) -> Option<Error> {
        match *self {
            GateDrop::OtherMessage(got) => Some(Error::UnexpectedMessage {
                got,
                expected: HandshakeType::CLIENT_HELLO,
            }),
            GateDrop::Malformed(cause) => Some(Error::Decode {
                what: "CLIENT_HELLO",
                cause,
            }),
            GateDrop::WrongVersion(offered) => Some(Error::UnsupportedVersion(offered)),
            GateDrop::NotAHello
            | GateDrop::Fragmented
            | GateDrop::TooManyChallenges
            | GateDrop::NoCookie
            | GateDrop::NotTheFirst => None,
        }
    }
}

/// The last message_seq that a hello may have: it counts the challenges before it, and leaves room
/// for the handshake's messages behind it.
pub(super) const LAST_MESSAGE_SEQ: u16 = 255;

/// The last number that a hello's record may have, for the same reason: the server's own go on from it (RFC 6347
/// §4.2.1), and anyone could bring them near their end.
const LAST_RECORD_SEQUENCE: u64 = MAX_SEQUENCE / 2;

/// All versions of DTLS have this first byte, in records (RFC 6347 §4.1).
const DTLS_MAJOR: u8 = 0xfe;

/// The first bytes of versions that hellos may offer: DTLS counts down from 254, and TLS up from 3. A
/// client may offer what nobody knows yet (RFC 5246 appendix E.1).
const OFFERED_MAJORS: std::ops::RangeInclusive<u8> = 0x80..=DTLS_MAJOR;

/// Stands before a server. It has no memory.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    verification: HelloVerification,
    choices: Choices13,
}

impl Gate {
    pub(super) fn new(verification: HelloVerification, choices: Choices13) -> Self {
        Gate {
            verification,
            choices,
        }
    }

    /// Looks at the first record of `datagram`, which came from the address that `client_id` names.
    ///
    /// Anyone can send what this reads: until the hello is verified nothing is allocated, and the
    /// reply is shorter than the hello. A cookie that is not good is as none.
    pub(super) fn check<'a>(
        &self,
        client_id: &[u8],
        datagram: &[u8],
        now: Duration,
        reply: &'a mut ReplyBuffer,
    ) -> Verdict<'a> {
        let hello = match Unproven::read(datagram) {
            Ok(hello) => hello,
            Err(reason) => return Verdict::Drop(reason),
        };
        let context = match &self.verification {
            HelloVerification::Cookies(context) if cfg!(feature = "hello-verify") => context,
            HelloVerification::Waived if hello.is_in_place() => return hello.verified(None),
            HelloVerification::Waived => return Verdict::Drop(GateDrop::NotTheFirst),
            HelloVerification::Cookies(_) | HelloVerification::None => return Verdict::NoContext,
        };
        match self.choices.are_for(&hello.fields) {
            true => self.check13(context, client_id, &hello, now, reply),
            false => Gate::check12(context, client_id, &hello, now, reply),
        }
    }

    /// Whether the hello has a cookie of DTLS 1.2 (RFC 6347 §4.2.1).
    fn check12<'a>(
        context: &CookieContext,
        client_id: &[u8],
        hello: &Unproven<'_>,
        now: Duration,
        reply: &'a mut ReplyBuffer,
    ) -> Verdict<'a> {
        if context.accepts(client_id, &hello.fields, now) {
            return hello.verified(None);
        }
        match context.challenge(client_id, &hello.fields, now) {
            Some(cookie) => Verdict::Challenge(reply.hello_verify_request(
                hello.record_sequence,
                hello.message_seq,
                &cookie,
            )),
            None => Verdict::Drop(GateDrop::NoCookie),
        }
    }

    /// The same for a hello from which DTLS 1.3 follows, whatever it says of DTLS 1.2 (RFC 9147 §5.1). A
    /// cookie of DTLS 1.2 proves nothing here: no server that speaks 1.3 has made it for such a hello.
    fn check13<'a>(
        &self,
        context: &CookieContext,
        client_id: &[u8],
        hello: &Unproven<'_>,
        now: Duration,
        reply: &'a mut ReplyBuffer,
    ) -> Verdict<'a> {
        // RFC 9147 §5.1 and §5.3.
        if !hello.fields.cookie.is_empty() {
            return hello.refused(AlertDescription::ILLEGAL_PARAMETER, reply);
        }
        let choices = &self.choices;
        if let Some(body) = choices13::extension(&hello.fields, ExtensionType::COOKIE) {
            let cookie = Reader::whole(body, Reader::vec16).unwrap_or_default();
            let accepted = context.accepts13(client_id, &hello.fields, cookie, choices, now);
            let Some(state) = accepted else {
                return hello.refused(AlertDescription::ILLEGAL_PARAMETER, reply);
            };
            let request = state.request(cookie).as_bytes().to_vec();
            return hello.verified(Some(Retried { state, request }));
        }
        let Some(suite) = choices.suite(&hello.fields) else {
            // RFC 8446 §4.1.1.
            return hello.refused(AlertDescription::HANDSHAKE_FAILURE, reply);
        };
        let group = match choices.wanted_group(&hello.fields) {
            Ok(group) => group,
            Err(alert) => return hello.refused(alert, reply),
        };
        let state = RetryState::new(suite, group, &[&hello.header13(), hello.body]);
        let Some(cookie) = context.challenge13(client_id, &hello.fields, &state, now) else {
            return Verdict::Drop(GateDrop::NoCookie);
        };
        Verdict::Challenge(reply.handshake(
            ProtocolVersion::DTLS1_2,
            hello.record_sequence,
            (HandshakeType::SERVER_HELLO, hello.message_seq),
            state.request(cookie.as_bytes()).as_bytes(),
        ))
    }

    /// Whether the datagram begins with a part of a hello.
    pub(super) fn is_fragment(datagram: &[u8]) -> bool {
        matches!(Unproven::read(datagram), Err(GateDrop::Fragmented))
    }
}

/// A whole hello, where it stands in its datagram.
struct Unproven<'a> {
    record_sequence: u64,
    message_seq: u16,
    body: &'a [u8],
    fields: ClientHelloFields<'a>,
}

impl<'a> Unproven<'a> {
    fn read(datagram: &'a [u8]) -> Result<Self, GateDrop> {
        let mut reader = Reader::new(datagram);
        let record = RecordHeader::read(&mut reader).map_err(|_| GateDrop::NotAHello)?;
        if record.content_type != ContentType::HANDSHAKE
            || record.epoch != 0
            || major(record.version) != DTLS_MAJOR
        {
            return Err(GateDrop::NotAHello);
        }
        let length = usize::from(record.length);
        if length > MAX_PLAINTEXT {
            return Err(GateDrop::Malformed(DecodeError::BadLength));
        }
        if record.sequence > LAST_RECORD_SEQUENCE {
            return Err(GateDrop::TooManyChallenges);
        }
        let fragment = reader.take(length).map_err(GateDrop::Malformed)?;
        let fragment = pass_over_what_is_far_ahead(fragment);
        match fragment.first().copied().map(HandshakeType) {
            None => return Err(GateDrop::NotAHello),
            Some(HandshakeType::CLIENT_HELLO) => {}
            Some(other) => return Err(GateDrop::OtherMessage(other)),
        }
        let (header, body) =
            Reader::whole(fragment, HandshakeHeader::read_fragment).map_err(GateDrop::Malformed)?;
        if !header.is_whole() {
            return Err(GateDrop::Fragmented);
        }
        if header.message_seq > LAST_MESSAGE_SEQ {
            return Err(GateDrop::TooManyChallenges);
        }
        let fields = Reader::whole(body, ClientHelloFields::read).map_err(GateDrop::Malformed)?;
        // A client of DTLS 1.0 is let in to be told by an alert, once it has proven its address.
        if !OFFERED_MAJORS.contains(&major(fields.version)) {
            return Err(GateDrop::WrongVersion(fields.version));
        }
        Ok(Unproven {
            record_sequence: record.sequence,
            message_seq: header.message_seq,
            body,
            fields,
        })
    }

    /// The header of the message as transcripts of DTLS 1.3 have it (RFC 9147 §5.2).
    fn header13(&self) -> [u8; 4] {
        let [.., high, middle, low] = self.body.len().to_be_bytes();
        [HandshakeType::CLIENT_HELLO.0, high, middle, low]
    }

    /// The client may begin anew.
    fn refused<'r>(&self, alert: AlertDescription, reply: &'r mut ReplyBuffer) -> Verdict<'r> {
        Verdict::Refuse(reply.alert(self.record_sequence, alert))
    }

    fn verified(&self, retried: Option<Retried>) -> Verdict<'static> {
        match ClientHello::decode(self.body) {
            Ok(hello) => Verdict::Verified(Box::new(VerifiedHello::new(
                self.record_sequence,
                self.message_seq,
                self.body.to_vec(),
                hello,
                retried,
            ))),
            Err(cause) => Verdict::Drop(GateDrop::Malformed(cause)),
        }
    }

    /// RFC 6347 §4.2.2: the first message has number 0. A hello with a cookie may be the answer to
    /// somebody's challenge.
    fn is_in_place(&self) -> bool {
        self.message_seq == 0 || !self.fields.cookie.is_empty()
    }
}

/// What stands behind fragments that no connection would have room for yet either.
fn pass_over_what_is_far_ahead(fragments: &[u8]) -> &[u8] {
    let mut reader = Reader::new(fragments);
    loop {
        let rest = reader.clone().rest();
        match HandshakeHeader::read_fragment(&mut reader) {
            Ok((header, _)) if header.message_seq > LAST_MESSAGE_SEQ && !reader.is_empty() => {}
            Ok(_) | Err(_) => return rest,
        }
    }
}

fn major(version: ProtocolVersion) -> u8 {
    let [major, _] = version.0.to_be_bytes();
    major
}

#[cfg(all(test, feature = "hello-verify"))]
mod tests;

#[cfg(all(test, not(feature = "hello-verify")))]
mod tests_without_hello_verify;
