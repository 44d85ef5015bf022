//! Every decoder of a handshake message, and of what stands in key exchanges and alerts.

use super::duel::Duel;
use super::input::Input;
use crate::lab::End;
use crate::wire::{
    Alert, Body, Certificate, CertificateRequest, CertificateVerify, ClientHello,
    ClientKeyExchange, Finished, HandshakeType, HelloVerifyRequest, NewSessionTicket, ServerHello,
    ServerHelloDone, ServerKeyExchange,
};

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let typ = HandshakeType(input.u8());
    let body = input.rest();
    match typ {
        HandshakeType::CLIENT_HELLO => check::<ClientHello>(body),
        HandshakeType::SERVER_HELLO => check::<ServerHello>(body),
        HandshakeType::HELLO_VERIFY_REQUEST => check::<HelloVerifyRequest>(body),
        HandshakeType::NEW_SESSION_TICKET => check::<NewSessionTicket>(body),
        HandshakeType::CERTIFICATE => check::<Certificate>(body),
        HandshakeType::CERTIFICATE_REQUEST => check::<CertificateRequest>(body),
        HandshakeType::SERVER_HELLO_DONE => check::<ServerHelloDone>(body),
        HandshakeType::CERTIFICATE_VERIFY => check::<CertificateVerify>(body),
        HandshakeType::FINISHED => check::<Finished>(body),
        HandshakeType::SERVER_KEY_EXCHANGE => server_key_exchange(body),
        HandshakeType::CLIENT_KEY_EXCHANGE => client_key_exchange(body),
        _ => {
            if let Ok(alert) = Alert::decode(body) {
                assert_eq!(alert.encode(), body);
            }
        }
    }
}

/// What is decoded can be encoded, and that decodes to the same again.
pub(super) fn check<B: Body>(bytes: &[u8]) {
    let Ok(body) = B::decode(bytes) else { return };
    let canonical = body.encode();
    let again = B::decode(&canonical);
    let again = again.unwrap_or_else(|error| panic!("{}: {error}", B::TYPE));
    assert_eq!(again.encode(), canonical, "{}", B::TYPE);
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

/// The messages of whole handshakes, as they are said.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let both = |kind| [End::Client, End::Server].map(|end| Duel::messages(kind, end));
    let said = Duel::KINDS.into_iter().flat_map(both).flatten();
    let mut seeds: Vec<_> = said
        .map(|said| [&[said.typ.0], &said.body[..]].concat())
        .collect();
    seeds.push(vec![20; 13]);
    seeds.push(
        [
            vec![4],
            NewSessionTicket {
                lifetime_hint: 300,
                ticket: vec![9; 40],
            }
            .encode(),
        ]
        .concat(),
    );
    seeds.push(vec![255, 2, 40]);
    seeds
}
