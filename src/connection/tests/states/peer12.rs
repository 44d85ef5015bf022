//! The peer of DTLS 1.2.

mod keys;
pub(super) mod messages;

use super::peer::{Heard, Peer, Spoken, message, seal};
use super::symbol::{Message, Role, Symbol, Under};
use super::variants::{Method, Variant};
use crate::codec::Reader;
use crate::crypto::{EphemeralKey, Secret, Suite};
use crate::record::{Record, Records, Replay, Sealer};
use crate::wire::{
    Alert, Body, CipherSuite, ClientHello, ContentType, EcdhOffer, HandshakeHeader, HandshakeType,
    HelloVerifyRequest, NamedGroup, ServerHello,
};
use keys::{Keys, wrong_keys};
use messages::{answer, hello};

const GROUP: NamedGroup = NamedGroup::X25519;

/// One that no variant is about.
const OTHER_SUITE: CipherSuite = CipherSuite::TLS_PSK_WITH_AES_256_GCM_SHA384;

pub(super) struct Peer12 {
    role: Role,
    suite: &'static Suite,
    resumed: bool,
    hello: ClientHello,
    answer: ServerHello,
    /// A server's key for one exchange, and its share; a client's answer to a share.
    ephemeral: Option<EphemeralKey>,
    offer: EcdhOffer,
    answered: Option<(Vec<u8>, Secret)>,
    pre_master: Option<Secret>,
    said: Said,
    keys: Option<Keys>,
    cookies: u8,
    clear: Sealer,
    wrong: Sealer,
    /// The first and the last message that counted.
    first: Option<Spoken>,
    last: Option<Spoken>,
    heard: Heard,
}

/// What was said so far, by both.
#[derive(Clone)]
struct Said {
    transcript: Vec<u8>,
    next_seq: u16,
    master: Option<Secret>,
}

impl Peer12 {
    pub(super) fn of(variant: &Variant) -> Peer12 {
        let suite = Suite::find(variant.suite()).unwrap();
        let (ephemeral, share) = match variant.method {
            Method::Psk => (None, vec![9; 32]),
            _ => {
                let (key, share) = EphemeralKey::generate(GROUP).unwrap();
                (Some(key), share)
            }
        };
        Peer12 {
            role: variant.subject.other(),
            suite,
            resumed: variant.session.is_resumed(),
            hello: hello(variant),
            answer: answer(variant),
            ephemeral,
            offer: EcdhOffer {
                group: GROUP,
                share,
            },
            answered: None,
            pre_master: None,
            said: Said {
                transcript: Vec::new(),
                next_seq: 0,
                master: None,
            },
            keys: None,
            cookies: 0,
            clear: Sealer::plaintext(0),
            wrong: wrong_keys(suite),
            first: None,
            last: None,
            heard: Heard::default(),
        }
    }
}

impl Peer for Peer12 {
    fn say(&mut self, symbol: Symbol, ahead: Option<&[Message]>) -> Option<Vec<u8>> {
        match symbol {
            Symbol::Record(content, Under::Nothing) => {
                let bytes = self.content(content, &self.said);
                Some(seal(&mut self.clear, content, &bytes))
            }
            Symbol::Record(content, Under::RightKeys) => {
                let then = self.after(ahead?)?;
                self.agree(&then);
                let bytes = self.content(content, &then);
                Some(seal(&mut self.keys.as_mut()?.sealer, content, &bytes))
            }
            Symbol::Record(content, _) => {
                let bytes = self.content(content, &self.said);
                let mut record = seal(&mut self.wrong, content, &bytes);
                // Another number than those under the right keys, lest it pass for a replay.
                record[9] = 1;
                Some(record)
            }
            Symbol::Repetition => {
                let last = self.last.clone()?;
                let sealer = match last.epoch {
                    0 => &mut self.clear,
                    _ => &mut self.keys.as_mut()?.sealer,
                };
                Some(seal(sealer, last.content(), &last.bytes()))
            }
            // Among hellos an old request for a cookie is as good as a new one.
            Symbol::Straggler if self.last.as_ref()?.message == Message::HelloVerifyRequest => None,
            Symbol::Straggler => {
                let first = self.first.as_ref()?;
                Some(seal(&mut self.clear, first.content(), &first.bytes()))
            }
        }
    }

    fn accepted(&mut self, message: Message) {
        let body = self.body(message, &self.said);
        self.last = Some(Spoken {
            message,
            message_seq: self.said.next_seq,
            epoch: u16::from(message == Message::Finished),
            body: body.clone(),
        });
        self.first = self.first.take().or_else(|| self.last.clone());
        if message == Message::HelloVerifyRequest {
            // RFC 6347 §4.2.1: it and the hello before it count for nothing.
            self.cookies += 1;
            return;
        }
        if message == Message::ClientHello {
            self.said.transcript.clear();
        }
        let mut said = self.said.clone();
        self.add(&mut said, message, &body);
        self.agree(&said);
        self.said = said;
    }

    fn change_suites(&mut self) {
        self.hello.cipher_suites.push(OTHER_SUITE);
        self.answer.cipher_suite = OTHER_SUITE;
    }

    fn heard(&mut self) -> &mut Heard {
        &mut self.heard
    }

    fn hear(&mut self, datagram: &mut [u8]) {
        for record in Records::new(datagram) {
            let (header, fragment) = record.unwrap().full();
            self.heard.records += 1;
            self.heard.epoch = header.epoch;
            let fragment = match (header.epoch, &mut self.keys) {
                (0, _) => fragment,
                (_, Some(keys)) => {
                    let record = Record::Full(header, fragment);
                    let opened = keys.opener.open(record, Replay::Window);
                    opened.expect("a record under the keys").plaintext
                }
                (_, None) => panic!("a record under keys that nobody has"),
            };
            match header.content_type {
                ContentType::ALERT => self.heard.alerts.push(Alert::decode(fragment).unwrap()),
                ContentType::APPLICATION_DATA => self.heard.data.push(fragment.to_vec()),
                ContentType::HANDSHAKE => self.hear_messages(fragment),
                _ => {}
            }
        }
    }
}

impl Peer12 {
    fn hear_messages(&mut self, fragment: &[u8]) {
        let mut reader = Reader::new(fragment);
        while !reader.is_empty() {
            let (header, body) = HandshakeHeader::read_fragment(&mut reader).unwrap();
            assert!(header.is_whole(), "a fragment");
            if header.typ == HandshakeType::HELLO_VERIFY_REQUEST {
                self.heard.types.push(header.typ);
                self.hello.cookie = HelloVerifyRequest::decode(body).unwrap().cookie;
            } else if header.message_seq >= self.heard.next_seq {
                self.heard.next_seq = header.message_seq + 1;
                self.heard.types.push(header.typ);
                self.hear_message(&header, body);
            }
        }
    }

    fn hear_message(&mut self, header: &HandshakeHeader, body: &[u8]) {
        match header.typ {
            HandshakeType::CLIENT_HELLO => {
                self.hello = ClientHello::decode(body).unwrap();
                self.said.transcript.clear();
                self.said.next_seq = header.message_seq;
                if self.resumed {
                    self.answer.session_id = self.hello.session_id.clone();
                }
            }
            HandshakeType::SERVER_HELLO => self.answer = ServerHello::decode(body).unwrap(),
            HandshakeType::SERVER_KEY_EXCHANGE => self.answer_share(body),
            HandshakeType::CLIENT_KEY_EXCHANGE => self.complete(body),
            HandshakeType::FINISHED => {
                let due = self.verify_data(&self.said, self.role.other());
                assert_eq!(due, body, "the subject's Finished");
                self.heard.finished = true;
            }
            _ => {}
        }
        let mut said = self.said.clone();
        said.add(header.typ, header.message_seq, body);
        if header.typ == HandshakeType::CLIENT_KEY_EXCHANGE
            || header.typ == HandshakeType::SERVER_HELLO && self.resumed
        {
            said.master = self.master(&said);
        }
        self.agree(&said);
        self.said = said;
    }

    /// What will have been said when these messages are, too. `None` where there are no keys to be known.
    fn after(&self, ahead: &[Message]) -> Option<Said> {
        let mut then = self.said.clone();
        for message in ahead {
            let body = self.body(*message, &then);
            self.add(&mut then, *message, &body);
        }
        then.master.is_some().then_some(then)
    }

    fn add(&self, said: &mut Said, message: Message, body: &[u8]) {
        said.add(message.typ(), said.next_seq, body);
        said.next_seq += 1;
        if message == Message::ClientKeyExchange && said.master.is_none()
            || message == Message::ServerHello && self.resumed
        {
            said.master = self.master(said);
        }
    }
}

impl Said {
    /// RFC 6347 §4.2.6: as if in a single fragment.
    fn add(&mut self, typ: HandshakeType, message_seq: u16, body: &[u8]) {
        self.transcript.extend(message(typ, message_seq, body));
    }
}
