//! The other side of a script.

use super::super::{Action, Io, Mailbox, Script, client_script, server_script};
use crate::certificate::ServerName;
use crate::codec::Writer;
use crate::config::{ClientConfig, ConfigBuilder, ServerConfig};
use crate::cookie::{
    Choices13, Entrance, HelloVerification, ReplyBuffer, Verdict as Gate, VerifiedHello,
};
use crate::error::{Error, Result};
use crate::flight::ReceivedMessage;
use crate::record::{Opener, Sealer};
use crate::session::Session;
use crate::wire::{
    Body, ClientHello, ContentType, Finished, HANDSHAKE_HEADER, HandshakeHeader, HandshakeType,
    ProtocolVersion, RecordHeader,
};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The peer of a script under test. It says what the test has it say, and keeps its numbers, its
/// transcript and its epochs as an honest peer does.
pub(super) struct Puppet {
    subject: Subject,
    /// What the script has said and the test has not heard yet.
    unheard: VecDeque<ReceivedMessage>,
    /// The puppet's own numbers and transcript.
    io: Io,
    mailbox: Arc<Mutex<Mailbox>>,
    write_epoch: u16,
}

/// The script under test.
struct Subject {
    script: Script,
    mailbox: Arc<Mutex<Mailbox>>,
    write_epoch: u16,
    /// What it holds against the last message, if it has not taken another one since.
    refusal: Option<Error>,
    end: Option<Result<Session>>,
}

/// What the script makes of what it has been told.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It waits for more.
    Waits,
    /// It waits for another message in the place of the last one, which anyone could have sent.
    Refused(Error),
    Failed(Error),
    Established,
}

/// Errors have no equality of their own.
impl PartialEq for Verdict {
    fn eq(&self, other: &Verdict) -> bool {
        match (self, other) {
            (Verdict::Waits, Verdict::Waits) | (Verdict::Established, Verdict::Established) => true,
            (Verdict::Refused(one), Verdict::Refused(other))
            | (Verdict::Failed(one), Verdict::Failed(other)) => {
                format!("{one:?}") == format!("{other:?}")
            }
            _ => false,
        }
    }
}

impl Puppet {
    /// A server for this client, which says its hello at once.
    pub(super) fn server(client: ConfigBuilder<ClientConfig>, name: ServerName) -> Puppet {
        Puppet::server_of_any_version(client.versions([ProtocolVersion::DTLS1_2]), name)
    }

    /// The same for a client that offers what its configuration says.
    pub(super) fn server_of_any_version(
        client: ConfigBuilder<ClientConfig>,
        name: ServerName,
    ) -> Puppet {
        let client = Arc::new(client.build().unwrap());
        Puppet::new(|io| client_script(io, client, name))
    }

    /// A client that has said this hello, which the server's gate has let in.
    pub(super) fn client(server: ConfigBuilder<ServerConfig>, hello: &ClientHello) -> Puppet {
        Puppet::client_of_any_version(server.versions([ProtocolVersion::DTLS1_2]), hello)
    }

    /// The same of a server that speaks what its configuration says.
    pub(super) fn client_of_any_version(
        server: ConfigBuilder<ServerConfig>,
        hello: &ClientHello,
    ) -> Puppet {
        let server = Arc::new(server.build().unwrap());
        let mut puppet = Puppet::client_behind_gate(server, admitted(hello));
        puppet.record(hello);
        puppet
    }

    /// A server that begins with this hello, which some gate has let in. The puppet has none in its transcript.
    pub(super) fn client_behind_gate(server: Arc<ServerConfig>, hello: VerifiedHello) -> Puppet {
        Puppet::new(|io| server_script(io, server, hello))
    }

    fn new(script: impl FnOnce(Io) -> Script) -> Puppet {
        let [theirs, ours]: [Arc<Mutex<Mailbox>>; 2] = Default::default();
        let mut puppet = Puppet {
            subject: Subject {
                script: script(Io::new(theirs.clone(), 0)),
                mailbox: theirs,
                write_epoch: 0,
                refusal: None,
                end: None,
            },
            unheard: VecDeque::new(),
            io: Io::new(ours.clone(), 0),
            mailbox: ours,
            write_epoch: 0,
        };
        puppet.run();
        puppet
    }

    /// Hears the script's next message, which must be a `B`.
    pub(super) fn hear<B: Body>(&mut self) -> B {
        let verdict = self.verdict();
        let message = self.unheard.pop_front();
        let message = message.unwrap_or_else(|| panic!("no {}: {verdict:?}", B::TYPE));
        assert_eq!(message.typ, B::TYPE);
        self.mailbox.lock().received = Some(message);
        match poll(pin!(self.io.recv::<B>())) {
            Poll::Ready(body) => body.unwrap(),
            Poll::Pending => panic!("the {} cannot be read", B::TYPE),
        }
    }

    /// Hears a Finished that must be this one, and nothing behind it.
    pub(super) fn hear_finished(&mut self, expected: &Finished) {
        let heard = self.hear::<Finished>();
        assert_eq!(heard.verify_data, expected.verify_data);
        self.assert_silence();
    }

    /// The script has said no more than was heard.
    pub(super) fn assert_silence(&self) {
        let types: Vec<_> = self.unheard.iter().map(|message| message.typ).collect();
        assert!(types.is_empty(), "{types:?}");
    }

    /// Says a message under the keys of the moment.
    pub(super) fn say<B: Body>(&mut self, body: &B) {
        let message_seq = self.record(body);
        self.tell(B::TYPE, message_seq, body.encode());
    }

    /// Says what is perhaps no such message at all; it is in no transcript.
    pub(super) fn say_bytes(&mut self, typ: HandshakeType, body: &[u8]) {
        self.tell(typ, self.io.next_message_seq(), body.to_vec());
    }

    /// From here on the script speaks under these keys.
    pub(super) fn read_under(&mut self, opener: Result<Opener>) {
        self.io.expect_change_cipher_spec(opener.unwrap());
    }

    /// From here on the puppet speaks under these keys.
    pub(super) fn write_under(&mut self, sealer: Result<Sealer>) {
        self.write_epoch = sealer.unwrap().epoch();
    }

    /// From here on the puppet speaks under no keys.
    pub(super) fn write_in_the_clear(&mut self) {
        self.write_epoch = 0;
    }

    /// The script's timer sends its latest flight again.
    pub(super) fn let_time_pass(&mut self) {
        self.subject.mailbox.lock().resends += 1;
    }

    /// What the puppet has said and heard, for keys, signatures and Finished.
    pub(super) fn io(&mut self) -> &mut Io {
        &mut self.io
    }

    pub(super) fn verdict(&self) -> Verdict {
        match (&self.subject.end, &self.subject.refusal) {
            (Some(Ok(_)), _) => Verdict::Established,
            (Some(Err(error)), _) => Verdict::Failed(error.clone()),
            (None, Some(error)) => Verdict::Refused(error.clone()),
            (None, None) => Verdict::Waits,
        }
    }

    /// What the handshake, which must have succeeded, has agreed on.
    pub(super) fn session(&self) -> &Session {
        match &self.subject.end {
            Some(Ok(session)) => session,
            _ => panic!("{:?}", self.verdict()),
        }
    }

    /// Takes a message into the transcript as one that was said; its number.
    fn record<B: Body>(&mut self, body: &B) -> u16 {
        let message_seq = self.io.send(body).unwrap();
        self.mailbox.lock().actions.clear();
        message_seq
    }

    fn tell(&mut self, typ: HandshakeType, message_seq: u16, body: Vec<u8>) {
        assert!(self.subject.end.is_none(), "{:?}", self.verdict());
        self.subject.mailbox.lock().received = Some(ReceivedMessage {
            epoch: self.write_epoch,
            typ,
            message_seq,
            body,
        });
        self.run();
        assert!(self.subject.mailbox.lock().received.is_none());
    }

    /// Lets the script run until it waits, as a connection does.
    fn run(&mut self) {
        let subject = &mut self.subject;
        let polled = poll(subject.script.as_mut());
        for action in mem::take(&mut subject.mailbox.lock().actions) {
            match action {
                Action::Send {
                    typ,
                    message_seq,
                    body,
                } => self.unheard.push_back(ReceivedMessage {
                    epoch: subject.write_epoch,
                    typ,
                    message_seq,
                    body,
                }),
                Action::ChangeCipherSpec(sealer) => subject.write_epoch = sealer.epoch(),
                Action::Accepted { .. } => subject.refusal = None,
                Action::Refused(_, error) | Action::Suspected(error) => {
                    subject.refusal = Some(error);
                }
                Action::ExpectChangeCipherSpec(_)
                | Action::ChangeWriteKeys(_)
                | Action::ChangeReadKeys(_)
                | Action::Acknowledge
                | Action::Follow(..)
                | Action::PassedOver(_)
                | Action::Restarted(_)
                | Action::Agreed(_)
                | Action::Log { .. } => {}
            }
        }
        if let Poll::Ready(end) = polled {
            subject.end = Some(end);
        }
    }
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The hello as it comes over the wire.
pub(super) fn datagram(hello: &ClientHello) -> Vec<u8> {
    let body = hello.encode();
    let length = u32::try_from(body.len()).unwrap();
    let record_length = body.len() + HANDSHAKE_HEADER;
    Writer::bytes_of(|w| {
        RecordHeader {
            content_type: ContentType::HANDSHAKE,
            version: ProtocolVersion::DTLS1_0,
            epoch: 0,
            sequence: 0,
            length: u16::try_from(record_length).unwrap(),
        }
        .write(w);
        HandshakeHeader::whole(HandshakeType::CLIENT_HELLO, 0, length).write(w);
        w.bytes(&body);
    })
}

/// The hello as it comes out of a gate that asks for no cookie.
fn admitted(hello: &ClientHello) -> VerifiedHello {
    let mut entrance = Entrance::new(HelloVerification::Waived, Choices13::default(), 1);
    let mut reply = ReplyBuffer::new();
    match entrance.check(b"client", &datagram(hello), Duration::ZERO, &mut reply) {
        Gate::Verified(hello) => *hello,
        _ => panic!("the gate is closed to this hello"),
    }
}
