//! The peer's messages, each as it belongs behind what was said.

use super::super::peer::{self, SCHEME, message};
use super::super::setup::{SESSION_ID, TICKET, identity, psk};
use super::super::symbol::{Content, Message};
use super::super::variants::{Session, Variant};
use super::{GROUP, Peer12, Said};
use crate::codec::Writer;
use crate::crypto::KeyExchange;
use crate::wire::{
    Body, Certificate, CertificateRequest, CertificateVerify, ClientExtensions, ClientHello,
    ClientKeyExchange, DOWNGRADE_TO_12, HelloVerifyRequest, NewSessionTicket, ProtocolVersion,
    ServerExtensions, ServerHello, ServerKeyExchange, SignedOffer,
};

impl Peer12 {
    pub(super) fn content(&self, content: Content, said: &Said) -> Vec<u8> {
        match content {
            Content::Handshake(of) => message(of.typ(), said.next_seq, &self.body(of, said)),
            other => peer::content(other),
        }
    }

    pub(super) fn body(&self, message: Message, said: &Said) -> Vec<u8> {
        let certificate = |chain: &[Vec<u8>]| Certificate {
            chain: chain.to_vec(),
        };
        let verify = |signed: &[u8]| CertificateVerify {
            scheme: SCHEME,
            signature: identity().key().sign(SCHEME, signed).unwrap(),
        };
        match message {
            Message::HelloRequest | Message::ServerHelloDone => Vec::new(),
            Message::ClientHello => self.hello.encode(),
            Message::HelloVerifyRequest => HelloVerifyRequest {
                version: ProtocolVersion::DTLS1_0,
                cookie: vec![self.cookies + 1; 17],
            }
            .encode(),
            Message::ServerHello => self.answer.encode(),
            Message::MarkedServerHello => marked(&self.answer).encode(),
            Message::NewSessionTicket => NewSessionTicket {
                lifetime_hint: 60,
                ticket: TICKET.to_vec(),
            }
            .encode(),
            Message::Certificate => certificate(identity().chain()).encode(),
            Message::EmptyCertificate => certificate(&[]).encode(),
            Message::ServerKeyExchange => self.server_key_exchange().encode(),
            Message::CertificateRequest => CertificateRequest {
                schemes: vec![SCHEME],
            }
            .encode(),
            Message::CertificateVerify => verify(&said.transcript).encode(),
            Message::WrongCertificateVerify => verify(b"something else").encode(),
            Message::ClientKeyExchange => self.client_key_exchange().encode(),
            Message::Finished => self.verify_data(said, self.role),
            Message::WrongFinished => {
                let mut wrong = self.verify_data(said, self.role);
                wrong[11] ^= 1;
                wrong
            }
            // Of DTLS 1.3, or of nobody.
            _ => vec![1, 2, 3, 4],
        }
    }

    fn server_key_exchange(&self) -> ServerKeyExchange {
        match self.suite.key_exchange {
            KeyExchange::Psk => ServerKeyExchange::psk(b"hint"),
            KeyExchange::EcdhePsk => ServerKeyExchange::ecdhe_psk(b"", &self.offer),
            KeyExchange::Ecdhe(_) => {
                let signed = Writer::bytes_of(|w| {
                    w.bytes(&self.hello.random);
                    w.bytes(&self.answer.random);
                    self.offer.write(w);
                });
                ServerKeyExchange::ecdhe(&SignedOffer {
                    offer: self.offer.clone(),
                    scheme: SCHEME,
                    signature: identity().key().sign(SCHEME, &signed).unwrap(),
                })
            }
        }
    }

    fn client_key_exchange(&self) -> ClientKeyExchange {
        let share = self
            .answered
            .as_ref()
            .map_or(&self.offer.share, |(share, _)| share);
        match self.suite.key_exchange {
            KeyExchange::Psk => ClientKeyExchange::psk(psk().identity()),
            KeyExchange::EcdhePsk => ClientKeyExchange::ecdhe_psk(psk().identity(), share),
            KeyExchange::Ecdhe(_) => ClientKeyExchange::ecdhe(share),
        }
    }
}

/// RFC 8446 §4.1.3.
pub(in super::super) fn marked(answer: &ServerHello) -> ServerHello {
    let mut answer = answer.clone();
    answer.random[24..].copy_from_slice(&DOWNGRADE_TO_12);
    answer
}

pub(in super::super) fn hello(variant: &Variant) -> ClientHello {
    let session_ticket = match variant.session {
        Session::Once | Session::ById => None,
        Session::NewTicket => Some(Vec::new()),
        Session::ByTicket | Session::ByOldTicket => Some(TICKET.to_vec()),
    };
    ClientHello {
        version: ProtocolVersion::DTLS1_2,
        random: [0xc1; 32],
        session_id: match variant.session.is_resumed() {
            true => SESSION_ID.to_vec(),
            false => Vec::new(),
        },
        cookie: Vec::new(),
        cipher_suites: vec![variant.suite()],
        compression_methods: vec![0],
        extensions: ClientExtensions {
            supported_groups: Some(vec![GROUP]),
            signature_algorithms: Some(vec![SCHEME]),
            extended_master_secret: true,
            session_ticket,
            renegotiation_info: Some(Vec::new()),
            ..ClientExtensions::default()
        },
    }
}

pub(in super::super) fn answer(variant: &Variant) -> ServerHello {
    ServerHello {
        version: ProtocolVersion::DTLS1_2,
        random: [0x51; 32],
        session_id: Vec::new(),
        cipher_suite: variant.suite(),
        compression_method: 0,
        extensions: ServerExtensions {
            extended_master_secret: true,
            session_ticket: variant.session.has_new_ticket(),
            renegotiation_info: Some(Vec::new()),
            ..ServerExtensions::default()
        },
    }
}
