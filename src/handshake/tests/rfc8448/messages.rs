//! The messages of the traces, as `wire` reads and writes them.

use super::trace::{Trace, body};
use crate::codec::Reader;
use crate::wire::{
    Body, Certificate13, CertificateRequest13, CertificateVerify, ClientHello, EncryptedExtensions,
    Finished, HandshakeType, KeyShareAnswer, NamedGroup, NewSessionTicket13, PSK_DHE_KE,
    ProtocolVersion, ServerHello, SignatureScheme,
};
use std::collections::BTreeMap;

/// TLS 1.3's, which DTLS knows for none of its own.
const TLS1_3: ProtocolVersion = ProtocolVersion(0x0304);

/// TLS has no cookie field (RFC 9147 §5.3): an empty one goes behind the session ID.
pub(super) fn client_hello(message: &[u8]) -> ClientHello {
    let body = body(message);
    let session_id = 2 + 32 + 1 + usize::from(body[34]);
    let (before, behind) = body.split_at(session_id);
    ClientHello::decode(&[before, &[0], behind].concat()).unwrap()
}

/// A ServerHello without its extensions, and these by their types: we have an order of our own.
fn taken_apart(hello: &[u8]) -> (&[u8], BTreeMap<u16, &[u8]>) {
    let session_id = usize::from(hello[34]);
    let (fixed, block) = hello.split_at(35 + session_id + 3);
    let mut list = Reader::new(Reader::whole(block, Reader::vec16).unwrap());
    let mut extensions = BTreeMap::new();
    while !list.is_empty() {
        extensions.insert(list.u16().unwrap(), list.vec16().unwrap());
    }
    (fixed, extensions)
}

/// Whether what is read is written in the same bytes. In others, it must be read as the same again.
fn comes_back<B: Body>(bytes: &[u8]) -> bool {
    let read = B::decode(bytes).unwrap();
    let written = read.encode();
    let again = B::decode(&written).unwrap();
    assert_eq!(read.encode(), again.encode());
    written == bytes
}

#[test]
fn what_is_read_of_the_traces_is_written_again() {
    let mut changed = Vec::new();
    for section in 3..=6 {
        let trace = Trace::of(section);
        for (name, message) in trace.messages() {
            let bytes = body(message);
            let same = match HandshakeType(message[0]) {
                HandshakeType::CLIENT_HELLO => {
                    let read = client_hello(message);
                    assert_eq!(
                        read,
                        ClientHello::decode(&read.encode()).unwrap(),
                        "§{section}"
                    );
                    continue;
                }
                HandshakeType::SERVER_HELLO => {
                    let written = ServerHello::decode(bytes).unwrap().encode();
                    taken_apart(&written) == taken_apart(bytes)
                }
                HandshakeType::NEW_SESSION_TICKET => comes_back::<NewSessionTicket13>(bytes),
                HandshakeType::ENCRYPTED_EXTENSIONS => comes_back::<EncryptedExtensions>(bytes),
                HandshakeType::CERTIFICATE => comes_back::<Certificate13>(bytes),
                HandshakeType::CERTIFICATE_REQUEST => comes_back::<CertificateRequest13>(bytes),
                HandshakeType::CERTIFICATE_VERIFY => comes_back::<CertificateVerify>(bytes),
                HandshakeType::FINISHED => comes_back::<Finished>(bytes),
                // EndOfEarlyData: nobody says it in DTLS 1.3.
                _ => continue,
            };
            if !same {
                changed.push((section, name));
            }
        }
    }
    // A server of ours has no use for supported_groups in an answer, nor for early data with a ticket.
    let encrypted = "server EncryptedExtensions";
    let ticket = (3, "NewSessionTicket");
    let shorter = [
        (3, encrypted),
        ticket,
        (4, encrypted),
        (5, encrypted),
        (6, encrypted),
    ];
    assert_eq!(changed, shorter);
}

#[test]
fn the_traces_say_what_their_sections_are_about() {
    use NamedGroup as G;

    let first = client_hello(Trace::of(3).get("ClientHello")).extensions;
    assert_eq!(first.server_name.as_deref(), Some(&b"server"[..]));
    assert_eq!(first.supported_versions, Some(vec![TLS1_3]));
    let groups = first.supported_groups.unwrap();
    assert_eq!(groups[..3], [G::X25519, G::SECP256R1, G::SECP384R1]);
    assert_eq!(first.psk_modes, Some(vec![PSK_DHE_KE]));
    let shares = first.key_shares.unwrap();
    assert_eq!(
        (shares.len(), shares[0].group, shares[0].share.len()),
        (1, G::X25519, 32)
    );
    let answer = ServerHello::decode(body(Trace::of(3).get("ServerHello"))).unwrap();
    assert_eq!(answer.extensions.selected_version, Some(TLS1_3));
    assert!(matches!(
        answer.extensions.key_share,
        Some(KeyShareAnswer::Share(_))
    ));

    let ticket = NewSessionTicket13::decode(body(Trace::of(3).get("NewSessionTicket"))).unwrap();
    assert_eq!((ticket.lifetime, &ticket.nonce[..]), (30, &[0, 0][..]));
    let resumed = client_hello(Trace::of(4).get("ClientHello")).extensions;
    let offered = resumed.pre_shared_key.unwrap();
    assert_eq!(offered.identities[0].identity, ticket.ticket);
    assert!(resumed.early_data);
    let answer = ServerHello::decode(body(Trace::of(4).get("ServerHello"))).unwrap();
    assert_eq!(answer.extensions.pre_shared_key, Some(0));

    let retried = Trace::of(5);
    let request = ServerHello::decode(body(retried.get("HelloRetryRequest"))).unwrap();
    assert!(request.is_retry_request());
    let second = client_hello(retried.get("ClientHello")).extensions;
    assert_eq!(request.extensions.cookie, second.cookie);
    assert!(second.cookie.is_some());
    let wanted = request.extensions.key_share;
    assert!(matches!(wanted, Some(KeyShareAnswer::Group(G::SECP256R1))));
    assert_eq!(second.key_shares.unwrap()[0].group, G::SECP256R1);

    let request = Trace::of(6).get("server CertificateRequest").to_vec();
    let request = CertificateRequest13::decode(body(&request)).unwrap();
    assert!(request.context.is_empty());
    let schemes = request.schemes.unwrap();
    assert_eq!(schemes[0], SignatureScheme::ECDSA_SECP256R1_SHA256);
}
