//! The peer's messages, each as it belongs behind what was said.

use super::super::peer::{self, SCHEME, message};
use super::super::peer12;
use super::super::setup::{TICKET, identity, psk};
use super::super::symbol::{Content, Message, Role};
use super::super::variants::{Method, SecondHello, Variant};
use super::keys::{binder, hash};
use super::{Peer13, Said};
use crate::wire::{
    Ack, Body, Certificate13, CertificateRequest13, CertificateVerify, ClientExtensions,
    ClientHello, EncryptedExtensions, HELLO_RETRY_REQUEST, KeyShare, KeyShareAnswer, KeyUpdate,
    NamedGroup, NewSessionTicket13, OfferedPsks, PSK_DHE_KE, ProtocolVersion, PskIdentity,
    RecordNumber, ServerExtensions, ServerHello,
};

const COOKIE: [u8; 17] = [1; 17];

/// The length of a binder, and what stands before it and before the list of binders.
const BINDERS: usize = 2 + 1 + 32;

impl Peer13 {
    /// The bytes of a record, behind what was said and under the keys of `epoch`.
    pub(super) fn content(&self, content: Content, said: &Said, epoch: u16) -> Vec<u8> {
        let ack = |record_numbers| Ack { record_numbers }.encode();
        match content {
            Content::Handshake(of) => message(of.typ(), said.next_seq, &self.body(of, said)),
            // RFC 9147 §7: in the handshake it is of no lower an epoch than what it tells of.
            Content::Ack => {
                let may_be_told =
                    |number: &&RecordNumber| self.said.finished || number.epoch <= epoch.into();
                let records = self.records.iter().filter(may_be_told);
                ack(records.copied().collect())
            }
            Content::WrongAck => ack(vec![RecordNumber {
                epoch: 9,
                sequence: 0,
            }]),
            other => peer::content(other),
        }
    }

    pub(super) fn body(&self, message: Message, said: &Said) -> Vec<u8> {
        match message {
            Message::ClientHello => self.client_hello(said),
            Message::ServerHello => self.answer.encode(),
            Message::OldClientHello => peer12::messages::hello(self.old()).encode(),
            Message::OldServerHello => peer12::messages::answer(self.old()).encode(),
            Message::MarkedServerHello => {
                let answer = peer12::messages::answer(self.old());
                peer12::messages::marked(&answer).encode()
            }
            Message::HelloRetryRequest => self.retry_request().encode(),
            Message::EncryptedExtensions => EncryptedExtensions {
                extensions: ServerExtensions::default(),
            }
            .encode(),
            Message::CertificateRequest => CertificateRequest13 {
                context: Vec::new(),
                schemes: Some(vec![SCHEME]),
            }
            .encode(),
            Message::Certificate => certificate(identity().chain()),
            Message::EmptyCertificate => certificate(&[]),
            Message::CertificateVerify => self.verify(&hash(&said.transcript)),
            Message::WrongCertificateVerify => self.verify(&hash(b"something else")),
            Message::Finished => self.verify_data(said, self.role),
            Message::WrongFinished => {
                let mut wrong = self.verify_data(said, self.role);
                wrong[11] ^= 1;
                wrong
            }
            Message::NewSessionTicket => NewSessionTicket13 {
                lifetime: 60,
                age_add: 0,
                nonce: vec![1],
                ticket: TICKET.to_vec(),
            }
            .encode(),
            Message::KeyUpdate => KeyUpdate::NotRequested.encode(),
            Message::KeyUpdateRequest => KeyUpdate::Requested.encode(),
            Message::HashOfHello => hash(b"a hello"),
            Message::HelloRequest | Message::ServerHelloDone | Message::EndOfEarlyData => {
                Vec::new()
            }
            // Of DTLS 1.2, or of nobody.
            Message::HelloVerifyRequest => vec![0xfe, 0xff, 2, 1, 1],
            Message::ServerKeyExchange | Message::ClientKeyExchange | Message::Unknown => {
                vec![1, 2, 3, 4]
            }
        }
    }

    /// The variant in DTLS 1.2, where this peer has both versions.
    fn old(&self) -> &'static Variant {
        self.variant.old.unwrap()
    }

    fn client_hello(&self, said: &Said) -> Vec<u8> {
        let mut hello = self.hello.clone();
        if let Some(psks) = &mut hello.extensions.pre_shared_key {
            let mut with_hello = said.clone();
            if with_hello.handshake.is_some() {
                with_hello.transcript.clear();
            }
            with_hello.add(Message::ClientHello.typ(), &self.hello.encode());
            let transcript = &with_hello.transcript;
            let partial = &transcript[..transcript.len() - BINDERS];
            psks.binders = vec![binder(self.variant, partial)];
        }
        hello.encode()
    }

    fn retry_request(&self) -> ServerHello {
        let group = NamedGroup::SECP256R1;
        let wants_group = self.variant.second_hello == SecondHello::Group;
        ServerHello {
            random: HELLO_RETRY_REQUEST,
            extensions: ServerExtensions {
                selected_version: Some(ProtocolVersion::DTLS1_3),
                key_share: wants_group.then_some(KeyShareAnswer::Group(group)),
                cookie: Some(COOKIE.to_vec()),
                ..ServerExtensions::default()
            },
            ..self.answer.clone()
        }
    }

    /// RFC 8446 §4.4.3.
    fn verify(&self, transcript_hash: &[u8]) -> Vec<u8> {
        let context: &[u8] = match self.role {
            Role::Client => b"TLS 1.3, client CertificateVerify\0",
            Role::Server => b"TLS 1.3, server CertificateVerify\0",
        };
        let signed = [&[0x20; 64], context, transcript_hash].concat();
        CertificateVerify {
            scheme: SCHEME,
            signature: identity().key().sign(SCHEME, &signed).unwrap(),
        }
        .encode()
    }
}

fn certificate(chain: &[Vec<u8>]) -> Vec<u8> {
    Certificate13 {
        context: Vec::new(),
        chain: chain.to_vec(),
        extensions: Vec::new(),
    }
    .encode()
}

/// With binders that are to be filled in.
pub(super) fn hello(variant: &Variant, share: KeyShare) -> ClientHello {
    let identity = match variant.method {
        _ if variant.session.is_resumed() => Some(TICKET.to_vec()),
        Method::Psk | Method::EcdhePsk => Some(psk().identity().to_vec()),
        Method::Ecdhe => None,
    };
    let psks = |identity| OfferedPsks {
        identities: vec![PskIdentity {
            identity,
            obfuscated_ticket_age: 0,
        }],
        binders: vec![vec![0; 32]],
    };
    ClientHello {
        version: ProtocolVersion::DTLS1_2,
        random: [0xc1; 32],
        session_id: Vec::new(),
        cookie: Vec::new(),
        cipher_suites: variant.suites(),
        compression_methods: vec![0],
        extensions: ClientExtensions {
            supported_versions: Some(variant.versions()),
            supported_groups: Some(vec![NamedGroup::X25519, NamedGroup::SECP256R1]),
            signature_algorithms: Some(vec![SCHEME]),
            key_shares: Some(vec![share]),
            psk_modes: Some(vec![PSK_DHE_KE]),
            pre_shared_key: identity.map(psks),
            ..ClientExtensions::default()
        },
    }
}

/// With a share that nobody has asked for yet.
pub(super) fn answer(variant: &Variant, share: &[u8]) -> ServerHello {
    let has_psk = variant.method != Method::Ecdhe || variant.session.is_resumed();
    ServerHello {
        version: ProtocolVersion::DTLS1_2,
        random: [0x51; 32],
        session_id: Vec::new(),
        cipher_suite: variant.suite(),
        compression_method: 0,
        extensions: ServerExtensions {
            selected_version: Some(ProtocolVersion::DTLS1_3),
            key_share: Some(KeyShareAnswer::Share(KeyShare {
                group: NamedGroup::X25519,
                share: share.to_vec(),
            })),
            pre_shared_key: has_psk.then_some(0),
            ..ServerExtensions::default()
        },
    }
}
