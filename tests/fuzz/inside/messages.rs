//! Every decoder of a handshake message, and of what stands in key exchanges and alerts.

use super::duel::Duel;
use super::input::Input;
use super::kinds::Kind;
use super::retold::Retold;
use crate::codec::Reader;
use crate::lab::End;
use crate::wire::{
    Ack, Alert, Body, Certificate, Certificate13, CertificateRequest, CertificateRequest13,
    CertificateVerify, CipherSuite, ClientHello, ClientHelloFields, ClientKeyExchange, ContentType,
    EncryptedExtensions, Finished, HandshakeType, HelloVerifyRequest, KeyUpdate, NewSessionTicket,
    NewSessionTicket13, RecordNumber, ServerHello, ServerHelloDone, ServerKeyExchange,
};

/// What is no handshake message has a number here that no type of message has.
const ACK: u8 = ContentType::ACK.0 | 0x80;

/// The type of a message, and its body. What has another form in DTLS 1.3 is read in both.
pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let typ = HandshakeType(input.u8());
    let body = input.rest();
    match typ {
        HandshakeType::CLIENT_HELLO => client_hello(body),
        HandshakeType::SERVER_HELLO => check::<ServerHello>(body),
        HandshakeType::HELLO_VERIFY_REQUEST => check::<HelloVerifyRequest>(body),
        HandshakeType::NEW_SESSION_TICKET => {
            check::<NewSessionTicket>(body);
            check::<NewSessionTicket13>(body);
        }
        HandshakeType::ENCRYPTED_EXTENSIONS => check::<EncryptedExtensions>(body),
        HandshakeType::CERTIFICATE => {
            check::<Certificate>(body);
            check::<Certificate13>(body);
        }
        HandshakeType::CERTIFICATE_REQUEST => {
            check::<CertificateRequest>(body);
            check::<CertificateRequest13>(body);
        }
        HandshakeType::SERVER_HELLO_DONE => check::<ServerHelloDone>(body),
        HandshakeType::CERTIFICATE_VERIFY => check::<CertificateVerify>(body),
        HandshakeType::FINISHED => check::<Finished>(body),
        HandshakeType::SERVER_KEY_EXCHANGE => server_key_exchange(body),
        HandshakeType::CLIENT_KEY_EXCHANGE => client_key_exchange(body),
        HandshakeType::KEY_UPDATE => key_update(body),
        HandshakeType(ACK) => ack(body),
        _ => {
            if let Ok(alert) = Alert::decode(body) {
                assert_eq!(alert.encode(), body);
            }
        }
    }
}

/// What is decoded can be encoded, and that says the same.
pub(super) fn check<B: Retold>(bytes: &[u8]) {
    let Ok(body) = B::decode(bytes) else { return };
    let canonical = body.encode();
    let again = B::decode(&canonical);
    let again = again.unwrap_or_else(|error| panic!("{}: {error}", B::TYPE));
    assert_eq!(again.encode(), canonical, "{}", B::TYPE);
    assert_eq!(B::said(&canonical), B::said(bytes), "{}", B::TYPE);
}

/// The gate reads a hello's fields where they stand: both readings must agree on what a hello is.
pub(super) fn client_hello(bytes: &[u8]) {
    check::<ClientHello>(bytes);
    let Ok(hello) = ClientHello::decode(bytes) else {
        return;
    };
    let fields = Reader::whole(bytes, ClientHelloFields::read).expect("it is a hello");
    assert_eq!(hello.version, fields.version);
    assert_eq!(hello.random, fields.random);
    assert_eq!(hello.session_id, fields.session_id);
    assert_eq!(hello.cookie, fields.cookie);
    assert_eq!(hello.compression_methods, fields.compression_methods);
    let suites = fields.cipher_suites.chunks(2);
    let suites = suites.map(|pair| CipherSuite(u16::from_be_bytes([pair[0], pair[1]])));
    assert_eq!(hello.cipher_suites, suites.collect::<Vec<_>>());
}

/// Each has one encoding only, so it must be the one that was read.
fn server_key_exchange(bytes: &[u8]) {
    let exchange = ServerKeyExchange::decode(bytes).unwrap();
    if let Ok(signed) = exchange.as_ecdhe() {
        assert_eq!(ServerKeyExchange::ecdhe(&signed).encode(), bytes);
    }
    if let Ok(hint) = exchange.as_psk() {
        assert_eq!(ServerKeyExchange::psk(&hint).encode(), bytes);
    }
    if let Ok((hint, offer)) = exchange.as_ecdhe_psk() {
        assert_eq!(ServerKeyExchange::ecdhe_psk(&hint, &offer).encode(), bytes);
    }
}

fn client_key_exchange(bytes: &[u8]) {
    let exchange = ClientKeyExchange::decode(bytes).unwrap();
    if let Ok(share) = exchange.as_ecdhe() {
        assert_eq!(ClientKeyExchange::ecdhe(&share).encode(), bytes);
    }
    if let Ok(identity) = exchange.as_psk() {
        assert_eq!(ClientKeyExchange::psk(&identity).encode(), bytes);
    }
    if let Ok((identity, share)) = exchange.as_ecdhe_psk() {
        assert_eq!(
            ClientKeyExchange::ecdhe_psk(&identity, &share).encode(),
            bytes
        );
    }
}

fn key_update(bytes: &[u8]) {
    if let Ok(update) = KeyUpdate::decode(bytes) {
        assert_eq!(update.encode(), bytes);
    }
}

/// It has one encoding only, and takes no more room than it came in.
fn ack(bytes: &[u8]) {
    if let Ok(ack) = Ack::decode(bytes) {
        assert_eq!(ack.encode(), bytes);
        assert_eq!(ack.record_numbers.len() * 16 + 2, bytes.len());
    }
}

/// The messages of whole handshakes, as they are said.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let both = |kind| [End::Client, End::Server].map(|end| Duel::messages(kind, end));
    let said = Kind::ALL.into_iter().flat_map(both).flatten();
    let mut seeds: Vec<_> = said
        .map(|said| [&[said.typ.0], &said.body[..]].concat())
        .collect();
    let mut push = |typ: HandshakeType, body: &[u8]| seeds.push([&[typ.0], body].concat());
    push(HandshakeType::FINISHED, &[20; 12]);
    let ticket = NewSessionTicket {
        lifetime_hint: 300,
        ticket: vec![9; 40],
    };
    push(HandshakeType::NEW_SESSION_TICKET, &ticket.encode());
    push(HandshakeType::KEY_UPDATE, &KeyUpdate::Requested.encode());
    push(HandshakeType::KEY_UPDATE, &KeyUpdate::NotRequested.encode());
    for count in [0, 1, 40] {
        let numbers = (0..count).map(|sequence| RecordNumber { epoch: 3, sequence });
        let record_numbers = numbers.collect();
        push(HandshakeType(ACK), &Ack { record_numbers }.encode());
    }
    push(HandshakeType(255), &[2, 40]);
    seeds
}
