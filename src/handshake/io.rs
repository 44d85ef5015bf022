//! What a script talks to.

use super::transcript::Transcript;
use crate::association::Rekeying;
use crate::crypto::{HashAlgorithm, Secret};
use crate::error::{Error, Result};
use crate::flight::ReceivedMessage;
use crate::record::{Opener, Sealer, TrafficSecret};
use crate::trace::Message;
use crate::wire::{Body, HandshakeType, ProtocolVersion, Random};
use parking_lot::Mutex;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

/// Between a script and the connection that polls it. Locked only for the moment of a hand-over, and
/// by one thread at a time.
#[derive(Default)]
pub(crate) struct Mailbox {
    /// The peer's next message.
    pub(crate) received: Option<ReceivedMessage>,
    /// What the script wants done, in order.
    pub(crate) actions: Vec<Action>,
    /// Something was said against the handshake, by whomever.
    pub(crate) refused: bool,
    /// A hello of ours took more than one datagram.
    pub(crate) hello_was_cut: bool,
    /// How often the timer has sent our latest flight again.
    pub(crate) resends: u32,
}

/// How the handshake has ended, for what outlives its script by a moment.
pub(super) struct Outcome(Arc<Mutex<Mailbox>>);

impl Outcome {
    /// Whether what was offered may be offered again: nothing hints at it as the cause.
    pub(super) fn allows_another_try(&self) -> bool {
        let mailbox = self.0.lock();
        !mailbox.refused && !mailbox.hello_was_cut
    }
}

/// What a script wants done.
pub(crate) enum Action {
    /// Send a message under the current keys.
    Send {
        typ: HandshakeType,
        message_seq: u16,
        body: Vec<u8>,
    },
    /// Send a ChangeCipherSpec, and all that follows under these keys.
    ChangeCipherSpec(Sealer),
    /// Read under these keys from the peer's ChangeCipherSpec on.
    ExpectChangeCipherSpec(Opener),
    /// Send all that follows under these keys.
    ChangeWriteKeys(Sealer),
    /// Read all that follows under these keys.
    ChangeReadKeys(Opener),
    /// Tell the peer at once that its flight is here.
    Acknowledge,
    /// What may follow the handshake, in either direction.
    Follow(TrafficSecret, Rekeying),
    /// A message was taken and is in place.
    Accepted(Message),
    /// A message that nothing authenticated was refused; another may come in its place.
    Refused(ReceivedMessage, Error),
    /// The message that was accepted last counts for nothing, and the peer's next has this number.
    PassedOver(u16),
    /// The hellos are over, and the versions agreed on.
    Agreed(ProtocolVersion),
    /// The handshake begins anew, and the peer's next message has this number, whatever came before.
    Restarted(u16),
    /// Why the handshake fails if nothing better comes.
    Suspected(Error),
    /// A secret for the key log.
    Log {
        label: &'static str,
        client_random: Random,
        secret: Secret,
    },
}

impl Action {
    /// Whether keys were made just now.
    pub(crate) fn changes_keys(&self) -> bool {
        matches!(
            self,
            Action::ChangeCipherSpec(_)
                | Action::ExpectChangeCipherSpec(_)
                | Action::ChangeWriteKeys(_)
                | Action::ChangeReadKeys(_)
        )
    }
}

/// What a script talks to: it sends and receives messages, and keeps their numbers and the transcript.
pub(crate) struct Io {
    mailbox: Arc<Mutex<Mailbox>>,
    transcript: Transcript,
    /// None once all are used up.
    next_message_seq: Option<u16>,
    read_epoch: u16,
}

/// One of two messages.
pub(super) enum Either<A, B> {
    First(A),
    Second(B),
}

impl Io {
    /// `first_message_seq` numbers the first message that is sent.
    pub(crate) fn new(mailbox: Arc<Mutex<Mailbox>>, first_message_seq: u16) -> Self {
        Io {
            mailbox,
            transcript: Transcript::default(),
            next_message_seq: Some(first_message_seq),
            read_epoch: 0,
        }
    }

    /// Sends a message as part of the flight that is being made; its message_seq.
    pub(super) fn send<B: Body>(&mut self, body: &B) -> Result<u16> {
        // RFC 6347 §4.2.2: each new message has the next number. They never wrap.
        let message_seq = self.next_message_seq.ok_or(Error::NumbersExhausted)?;
        self.next_message_seq = message_seq.checked_add(1);
        let body = body.encode();
        self.transcript.add(B::TYPE, message_seq, &body);
        self.mailbox.lock().resends = 0;
        self.act(Action::Send {
            typ: B::TYPE,
            message_seq,
            body,
        });
        Ok(message_seq)
    }

    /// Sends ChangeCipherSpec; what follows is under these keys.
    pub(super) fn send_change_cipher_spec(&mut self, sealer: Sealer) {
        self.act(Action::ChangeCipherSpec(sealer));
    }

    /// From the peer's ChangeCipherSpec on, reads under these keys; what is received next must have
    /// come under them.
    pub(super) fn expect_change_cipher_spec(&mut self, opener: Opener) {
        self.read_epoch = opener.epoch();
        self.act(Action::ExpectChangeCipherSpec(opener));
    }

    /// What is sent from now on is under these keys.
    pub(super) fn change_write_keys(&mut self, sealer: Sealer) {
        self.act(Action::ChangeWriteKeys(sealer));
    }

    /// What is received next must have come under these keys.
    pub(super) fn change_read_keys(&mut self, opener: Opener) {
        self.read_epoch = opener.epoch();
        self.act(Action::ChangeReadKeys(opener));
    }

    /// Tells the peer that its flight is here, where no flight of ours says so (RFC 9147 §7.1).
    pub(super) fn acknowledge(&mut self) {
        self.act(Action::Acknowledge);
    }

    /// The handshake of DTLS 1.3 is over: new keys may follow those of both sides, whose epoch this is. Nothing is
    /// sent behind this.
    pub(super) fn follow(
        &mut self,
        epoch: u16,
        read_secret: TrafficSecret,
        write_secret: TrafficSecret,
    ) {
        let rekeying = Rekeying::new(write_secret, epoch, self.next_message_seq);
        self.act(Action::Follow(read_secret, rekeying));
    }

    /// The next message, which must be a `B`.
    pub(super) async fn recv<B: Body>(&mut self) -> Result<B> {
        self.recv_checked(|_| Ok(())).await
    }

    /// The next message, which must be a `B`. One that does not pass the check is out of place.
    pub(super) async fn recv_checked<B: Body>(
        &mut self,
        check: impl Fn(&B) -> Result<()>,
    ) -> Result<B> {
        loop {
            let message = self.next().await;
            if let Some(body) = self.take_checked(message, &check)? {
                return Ok(body);
            }
        }
    }

    /// An `A`, if there is one, and the `B` behind it.
    pub(super) async fn recv_optional<A: Body, B: Body>(&mut self) -> Result<(Option<A>, B)> {
        match self.recv_either::<A, B>().await? {
            Either::First(optional) => Ok((Some(optional), self.recv().await?)),
            Either::Second(body) => Ok((None, body)),
        }
    }

    /// The next message, which must be an `A` or a `B`.
    pub(super) async fn recv_either<A: Body, B: Body>(&mut self) -> Result<Either<A, B>> {
        loop {
            let message = self.next().await;
            let taken = match message.typ == A::TYPE {
                true => self.take(message)?.map(Either::First),
                false => self.take(message)?.map(Either::Second),
            };
            if let Some(either) = taken {
                return Ok(either);
            }
        }
    }

    /// The next message, which must be a `B`. An `A` is out of place for this reason.
    pub(super) async fn recv_refusing<A: Body, B: Body>(&mut self, why: Error) -> Result<B> {
        loop {
            let message = self.next().await;
            if message.typ == A::TYPE {
                self.refuse(message, why.clone())?;
            } else if let Some(body) = self.take::<B>(message)? {
                return Ok(body);
            }
        }
    }

    /// The cookie exchange is no part of the handshake proper (RFC 6347 §4.2.1). What the peer sends
    /// next bears the number `message_seq`.
    pub(super) fn restart(&mut self, message_seq: u16) {
        self.transcript.restart();
        self.act(Action::Restarted(message_seq));
    }

    /// What was just received changes nothing. The answer to our latest message has the number of that.
    pub(super) fn pass_over(&mut self) {
        let message_seq = self.next_message_seq().saturating_sub(1);
        self.act(Action::PassedOver(message_seq));
    }

    /// The number that the next message sent will bear, if there is one.
    pub(super) fn next_message_seq(&self) -> u16 {
        self.next_message_seq.unwrap_or(u16::MAX)
    }

    /// The first hello and the HelloRetryRequest that the gate has answered it with, of which it kept neither
    /// (RFC 9147 §5.1).
    pub(super) fn adopt_retry(&mut self, hello_hash: &[u8], request: &[u8]) {
        self.transcript.add_hash_of_hello(hello_hash);
        self.transcript.add(HandshakeType::SERVER_HELLO, 0, request);
    }

    /// The hello that passed the gate, as if it had just been received.
    pub(super) fn adopt(&mut self, message_seq: u16, body: &[u8]) {
        self.transcript
            .add(HandshakeType::CLIENT_HELLO, message_seq, body);
        let hello = Message::of(HandshakeType::CLIENT_HELLO, message_seq, 0, body);
        self.act(Action::Accepted(hello));
    }

    /// What was just received cannot all be true, but anyone can have sent it (hazard D11).
    pub(super) fn suspect(&mut self, error: Error) {
        self.act(Action::Suspected(error));
    }

    /// How often the timer has sent our latest message again.
    pub(super) fn resends(&self) -> u32 {
        self.mailbox.lock().resends
    }

    pub(super) fn agreed(&mut self, version: ProtocolVersion) {
        self.transcript.agreed(version);
        self.act(Action::Agreed(version));
    }

    pub(super) fn log_secret(&mut self, label: &'static str, client_random: Random, secret: &[u8]) {
        self.act(Action::Log {
            label,
            client_random,
            secret: Secret::new(secret.to_vec()),
        });
    }

    /// The messages so far, as DTLS 1.2 signs them.
    pub(super) fn transcript(&self) -> &[u8] {
        self.transcript.bytes()
    }

    /// What the CertificateVerify signs that was just received.
    pub(super) fn transcript_before_last(&self) -> &[u8] {
        self.transcript.bytes_before_last()
    }

    /// Signatures will be made over the messages: they are kept, in so many bytes.
    pub(super) fn keep_transcript(&mut self, room: usize) {
        self.transcript.keep(room);
    }

    /// Of the messages so far nothing but their hash will be asked for.
    pub(super) fn fold_transcript(&mut self, hash: HashAlgorithm) {
        self.transcript.fold(hash);
    }

    /// A HelloRetryRequest is what follows, or has just come (RFC 8446 §4.4.1).
    pub(super) fn collapse_first_hello(&mut self, hash: HashAlgorithm) {
        self.transcript.collapse_first_hello(hash);
    }

    /// What the binders of `hello` are made over, which is about to be sent: all before it, and itself up to
    /// its binders.
    pub(super) fn partial_hash(
        &self,
        hash: HashAlgorithm,
        hello: &[u8],
        binders_len: usize,
    ) -> Vec<u8> {
        let transcript = &self.transcript;
        transcript.hash_with_partial_hello(hash, hello, binders_len)
    }

    pub(super) fn transcript_hash(&self, hash: HashAlgorithm) -> Vec<u8> {
        self.transcript.hash(hash)
    }

    /// The hash without the last `without` bytes.
    pub(super) fn transcript_hash_without(&self, hash: HashAlgorithm, without: usize) -> Vec<u8> {
        self.transcript.hash_without(hash, without)
    }

    pub(super) fn outcome(&self) -> Outcome {
        Outcome(self.mailbox.clone())
    }

    fn act(&self, action: Action) {
        self.mailbox.lock().actions.push(action);
    }

    /// Waits for the next message and takes it.
    async fn next(&self) -> ReceivedMessage {
        poll_fn(|_| match self.mailbox.lock().received.take() {
            Some(message) => Poll::Ready(message),
            None => Poll::Pending,
        })
        .await
    }

    /// A message's body if it is a `B`; `None` if it was refused, and another may come in its place.
    fn take<B: Body>(&mut self, message: ReceivedMessage) -> Result<Option<B>> {
        self.take_checked(message, |_| Ok(()))
    }

    fn take_checked<B: Body>(
        &mut self,
        mut message: ReceivedMessage,
        check: impl Fn(&B) -> Result<()>,
    ) -> Result<Option<B>> {
        let outline = message.outline();
        match self.read(&mut message, check) {
            Ok(body) => {
                self.act(Action::Accepted(outline));
                Ok(Some(body))
            }
            Err(error) => self.refuse(message, error).map(|()| None),
        }
    }

    fn read<B: Body>(
        &mut self,
        message: &mut ReceivedMessage,
        check: impl Fn(&B) -> Result<()>,
    ) -> Result<B> {
        if message.epoch != self.read_epoch {
            return Err(Error::UnexpectedRecord("a message under other keys"));
        }
        if message.typ != B::TYPE {
            return Err(Error::UnexpectedMessage {
                got: message.typ,
                expected: B::TYPE,
            });
        }
        let what = B::TYPE.name().unwrap_or("message");
        let decode = |body: &[u8]| {
            let body = B::decode(body).map_err(|cause| Error::Decode { what, cause })?;
            check(&body).map(|()| body)
        };
        // RFC 6347 §4.2.1: a HelloVerifyRequest is in no transcript.
        if B::TYPE == HandshakeType::HELLO_VERIFY_REQUEST {
            return decode(&message.body);
        }
        let length = message.body.len();
        if !self.transcript.has_room(length) {
            let what = message.typ;
            return Err(Error::HandshakeMessageTooLong { what, length });
        }
        // It moves from one place to the other, since it may be as long as anything that is held at all.
        let body = std::mem::take(&mut message.body);
        self.transcript.propose(B::TYPE, message.message_seq, &body);
        drop(body);
        let read = decode(self.transcript.proposed_body(length));
        match read {
            Ok(_) => self.transcript.settle(),
            Err(_) => self.transcript.retract(),
        }
        read
    }

    /// A message that cannot be taken ends the handshake if its sender is authentic. Before there are
    /// keys anyone can have sent it, so the true one is waited for (hazards A21, D11).
    fn refuse(&self, message: ReceivedMessage, error: Error) -> Result<()> {
        if message.epoch > 0 {
            return Err(error);
        }
        self.act(Action::Refused(message, error));
        Ok(())
    }
}
