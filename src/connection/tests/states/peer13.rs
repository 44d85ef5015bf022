//! The peer of DTLS 1.3.

mod keys;
mod messages;

use super::peer::{Heard, Peer, Spoken, seal};
use super::symbol::{Message, Role, Symbol, Under};
use super::variants::{SecondHello, Variant};
use crate::codec::{Reader, Writer};
use crate::crypto::{EphemeralKey, Secret, respond};
use crate::record::{Opener, Record, Records, Replay, Sealer};
use crate::wire::{
    Ack, Alert, Body, CipherSuite, ClientHello, ContentType, HandshakeHeader, HandshakeType,
    KeyShare, KeyShareAnswer, KeyUpdate, NamedGroup, RecordNumber, ServerHello,
};
use keys::{APPLICATION, HANDSHAKE, Secrets, hash, nobodys_secret, traffic};
use messages::{answer, hello};

/// One that no variant is about.
const OTHER_SUITE: CipherSuite = CipherSuite::TLS_CHACHA20_POLY1305_SHA256;

pub(super) struct Peer13 {
    role: Role,
    variant: &'static Variant,
    hello: ClientHello,
    answer: ServerHello,
    /// A client's key for the share that it has offered.
    ephemeral: Option<EphemeralKey>,
    /// What both have agreed on.
    shared: Option<Secret>,
    said: Said,
    clear: Sealer,
    /// Of each epoch and secret that it has spoken under, the newest last.
    sealers: Vec<(Secret, Sealer)>,
    /// Of each epoch of the subject's, the newest last.
    openers: Vec<Opener>,
    /// The secret of the newest.
    theirs: Option<Secret>,
    /// The records with handshake messages that were heard.
    records: Vec<RecordNumber>,
    heard_finished: bool,
    first: Option<Spoken>,
    last: Option<Spoken>,
    heard: Heard,
}

/// What was said so far, by both.
#[derive(Clone, Default)]
struct Said {
    /// RFC 9147 §5.2: as TLS would have sent it.
    transcript: Vec<u8>,
    next_seq: u16,
    handshake: Option<Secrets>,
    application: Option<Secrets>,
    /// Its own Finished.
    finished: bool,
    /// Its own KeyUpdates.
    updates: u16,
}

impl Peer13 {
    pub(super) fn of(variant: &'static Variant) -> Peer13 {
        let group = match variant.second_hello {
            SecondHello::Group => NamedGroup::SECP256R1,
            _ => NamedGroup::X25519,
        };
        let (ephemeral, share) = EphemeralKey::generate(group).unwrap();
        Peer13 {
            role: variant.subject.other(),
            variant,
            answer: answer(variant, &share),
            hello: hello(variant, KeyShare { group, share }),
            ephemeral: Some(ephemeral),
            shared: None,
            said: Said::default(),
            clear: Sealer::plaintext(0),
            sealers: Vec::new(),
            openers: Vec::new(),
            theirs: None,
            records: Vec::new(),
            heard_finished: false,
            first: None,
            last: None,
            heard: Heard::default(),
        }
    }
}

impl Peer for Peer13 {
    fn say(&mut self, symbol: Symbol, ahead: Option<&[Message]>) -> Option<Vec<u8>> {
        match symbol {
            Symbol::Record(content, Under::Nothing) => {
                let bytes = self.content(content, &self.said, 0);
                Some(seal(&mut self.clear, content, &bytes))
            }
            Symbol::Record(content, under) => {
                let then = self.after(ahead.unwrap_or_default());
                let keys = self.keys(under, &then);
                let (epoch, secret) = match (keys, under) {
                    (Some(keys), _) => keys,
                    (None, Under::WrongKeys) => (HANDSHAKE, nobodys_secret()),
                    (None, Under::WrongDataKeys) => (APPLICATION, nobodys_secret()),
                    (None, _) => return None,
                };
                let bytes = self.content(content, &then, epoch);
                let mut record = seal(self.sealer(epoch, &secret), content, &bytes);
                if let Under::WrongKeys | Under::WrongDataKeys = under {
                    // Whoever has other keys can do no better; but such a record has any number, and might
                    // pass for a replay.
                    *record.last_mut()? ^= 1;
                }
                Some(record)
            }
            Symbol::Repetition => self.once_more(self.last.clone()?),
            Symbol::Straggler => self.once_more(self.first.clone()?),
        }
    }

    fn accepted(&mut self, message: Message) {
        let body = self.body(message, &self.said);
        self.last = Some(Spoken {
            message,
            message_seq: self.said.next_seq,
            epoch: match message {
                Message::ClientHello | Message::ServerHello | Message::HelloRetryRequest => 0,
                _ if self.said.finished => APPLICATION + self.said.updates,
                _ => HANDSHAKE,
            },
            body: body.clone(),
        });
        self.first = self.first.take().or_else(|| self.last.clone());
        let mut said = std::mem::take(&mut self.said);
        self.add(&mut said, message, &body);
        self.said = said;
        self.listen();
    }

    fn hear(&mut self, datagram: &mut [u8]) {
        for record in Records::new(datagram) {
            self.heard.records += 1;
            let (typ, number, plaintext) = match record.unwrap() {
                Record::Full(header, fragment) => {
                    assert_eq!(header.epoch, 0, "epochs of DTLS 1.3 have another header");
                    (header.content_type, (0, header.sequence), fragment.to_vec())
                }
                record @ Record::Unified(..) => self.open(record),
            };
            let (epoch, sequence) = number;
            self.heard.epoch = epoch;
            match typ {
                ContentType::ALERT => self.heard.alerts.push(Alert::decode(&plaintext).unwrap()),
                ContentType::APPLICATION_DATA => self.heard.data.push(plaintext),
                ContentType::HANDSHAKE => {
                    let epoch = epoch.into();
                    self.records.push(RecordNumber { epoch, sequence });
                    self.hear_messages(&plaintext);
                }
                // RFC 9147 §7.1: a client's last flight is acknowledged.
                ContentType::ACK => {
                    let ack = Ack::decode(&plaintext).unwrap();
                    let told = !ack.record_numbers.is_empty();
                    self.heard.finished |= told && self.said.finished && self.heard_finished;
                }
                other => panic!("a record of type {other}"),
            }
        }
    }

    fn heard(&mut self) -> &mut Heard {
        &mut self.heard
    }

    fn change_suites(&mut self) {
        self.hello.cipher_suites.push(OTHER_SUITE);
        self.answer.cipher_suite = OTHER_SUITE;
    }
}

impl Peer13 {
    fn once_more(&mut self, spoken: Spoken) -> Option<Vec<u8>> {
        let mut sealers = self.sealers.iter_mut().rev().map(|(_, sealer)| sealer);
        let sealer = match spoken.epoch {
            0 => &mut self.clear,
            epoch => sealers.find(|sealer| sealer.epoch() == epoch)?,
        };
        Some(seal(sealer, spoken.content(), &spoken.bytes()))
    }

    fn sealer(&mut self, epoch: u16, secret: &Secret) -> &mut Sealer {
        let is_it = |(of, sealer): &(Secret, Sealer)| {
            sealer.epoch() == epoch && of.as_bytes() == secret.as_bytes()
        };
        let place = self.sealers.iter().position(is_it).unwrap_or_else(|| {
            let sealer = traffic(secret).sealer(epoch).unwrap();
            self.sealers.push((secret.clone(), sealer));
            self.sealers.len() - 1
        });
        &mut self.sealers[place].1
    }

    fn open(&mut self, record: Record<'_>) -> (ContentType, (u16, u64), Vec<u8>) {
        let Record::Unified(header, _) = &record else {
            panic!("no record of DTLS 1.3");
        };
        let mut openers = self.openers.iter_mut().rev();
        let opener = openers.find(|opener| opener.epoch() & 3 == header.epoch.into());
        let opener = opener.expect("a record under keys that somebody has");
        let opened = opener.open(record, Replay::Window);
        let opened = opened.expect("a record under the keys");
        let number = (opened.epoch, opened.sequence);
        (opened.content_type, number, opened.plaintext.to_vec())
    }

    fn hear_messages(&mut self, fragment: &[u8]) {
        let mut reader = Reader::new(fragment);
        while !reader.is_empty() {
            let (header, body) = HandshakeHeader::read_fragment(&mut reader).unwrap();
            assert!(header.is_whole(), "a fragment");
            if header.message_seq >= self.heard.next_seq {
                self.heard.next_seq = header.message_seq + 1;
                self.heard.types.push(header.typ);
                self.hear_message(header.typ, body);
            }
        }
    }

    fn hear_message(&mut self, typ: HandshakeType, body: &[u8]) {
        match typ {
            HandshakeType::CLIENT_HELLO => {
                self.hello = ClientHello::decode(body).unwrap();
                self.respond();
            }
            HandshakeType::SERVER_HELLO => {
                let answer = ServerHello::decode(body).unwrap();
                match answer.is_retry_request() {
                    true => self.retry(&answer),
                    false => self.complete(&answer),
                }
            }
            HandshakeType::FINISHED => {
                let due = self.verify_data(&self.said, self.role.other());
                assert_eq!(due, body, "the subject's Finished");
                self.heard_finished = true;
                self.heard.finished |= self.role == Role::Server;
            }
            HandshakeType::KEY_UPDATE => {
                let update = KeyUpdate::decode(body).unwrap();
                assert_eq!(
                    update,
                    KeyUpdate::NotRequested,
                    "none is owed to the subject"
                );
                self.heard.key_updates += 1;
                self.listen_under_next_keys();
            }
            _ => {}
        }
        let mut said = std::mem::take(&mut self.said);
        let retries = typ == HandshakeType::SERVER_HELLO && said.handshake.is_none();
        if retries && self.shared.is_none() {
            said.collapse();
        }
        said.add(typ, body);
        self.derive(&mut said, typ, self.role.other());
        self.said = said;
        self.listen();
    }

    /// A server's half of the key agreement.
    fn respond(&mut self) {
        let shares = self.hello.extensions.key_shares.as_ref().unwrap();
        let KeyShare { group, share } = shares.first().unwrap();
        let (share, shared) = respond(*group, share).unwrap();
        let share = KeyShare {
            group: *group,
            share,
        };
        self.answer.extensions.key_share = Some(KeyShareAnswer::Share(share));
        self.shared = Some(shared);
    }

    /// A client's half of it.
    fn complete(&mut self, answer: &ServerHello) {
        let Some(KeyShareAnswer::Share(share)) = &answer.extensions.key_share else {
            panic!("no share");
        };
        let ephemeral = self.ephemeral.take().unwrap();
        self.shared = Some(ephemeral.complete(&share.share).unwrap());
    }

    /// RFC 8446 §4.1.2: the hello as a HelloRetryRequest wants it.
    fn retry(&mut self, request: &ServerHello) {
        let extensions = &mut self.hello.extensions;
        extensions.cookie = request.extensions.cookie.clone();
        if let Some(KeyShareAnswer::Group(group)) = request.extensions.key_share {
            let (ephemeral, share) = EphemeralKey::generate(group).unwrap();
            extensions.key_shares = Some(vec![KeyShare { group, share }]);
            self.ephemeral = Some(ephemeral);
        }
    }

    /// What will have been said when these messages are, too.
    fn after(&self, ahead: &[Message]) -> Said {
        let mut then = self.said.clone();
        for message in ahead {
            let body = self.body(*message, &then);
            self.add(&mut then, *message, &body);
        }
        then
    }

    /// It has said this.
    fn add(&self, said: &mut Said, message: Message, body: &[u8]) {
        if message == Message::HelloRetryRequest {
            said.collapse();
        }
        said.add(message.typ(), body);
        said.next_seq += 1;
        match message {
            Message::HelloRetryRequest => {}
            Message::KeyUpdate | Message::KeyUpdateRequest => said.updates += 1,
            _ => self.derive(said, message.typ(), self.role),
        }
        said.finished |= message == Message::Finished;
    }
}

impl Said {
    fn add(&mut self, typ: HandshakeType, body: &[u8]) {
        let header = Writer::bytes_of(|w| {
            w.u8(typ.0);
            w.u24(u32::try_from(body.len()).unwrap());
        });
        self.transcript.extend(header);
        self.transcript.extend_from_slice(body);
    }

    /// RFC 8446 §4.4.1: a HelloRetryRequest follows.
    fn collapse(&mut self) {
        let hello = hash(&self.transcript);
        self.transcript.clear();
        self.add(HandshakeType::MESSAGE_HASH, &hello);
    }
}
