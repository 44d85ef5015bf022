//! What is not exactly a message is none.

use super::*;
use crate::codec::DecodeError;

type Decode = fn(&[u8]) -> codec::Result<()>;

/// A body of each message that has a form of its own, and what decodes it.
fn bodies() -> Vec<(&'static str, Vec<u8>, Decode)> {
    fn decode<B: Body>(bytes: &[u8]) -> codec::Result<()> {
        B::decode(bytes).map(drop)
    }
    let signed = SignedOffer {
        offer: EcdhOffer {
            group: NamedGroup::X25519,
            share: vec![7; 32],
        },
        scheme: SignatureScheme::ED25519,
        signature: vec![9; 64],
    };
    vec![
        ("ClientHello", client_hello(&[]), decode::<ClientHello>),
        ("ServerHello", server_hello(&[]), decode::<ServerHello>),
        (
            "HelloVerifyRequest",
            HelloVerifyRequest {
                version: ProtocolVersion::DTLS1_0,
                cookie: vec![1; 20],
            }
            .encode(),
            decode::<HelloVerifyRequest>,
        ),
        (
            "Certificate",
            Certificate {
                chain: vec![vec![48; 30], vec![49; 40]],
            }
            .encode(),
            decode::<Certificate>,
        ),
        (
            "ServerKeyExchange",
            ServerKeyExchange::ecdhe(&signed).encode(),
            |bytes| ServerKeyExchange::decode(bytes)?.as_ecdhe().map(drop),
        ),
        (
            "ClientKeyExchange",
            ClientKeyExchange::ecdhe_psk(b"me", &[7; 32]).encode(),
            |bytes| ClientKeyExchange::decode(bytes)?.as_ecdhe_psk().map(drop),
        ),
        (
            "NewSessionTicket",
            NewSessionTicket {
                lifetime_hint: 300,
                ticket: vec![5; 50],
            }
            .encode(),
            decode::<NewSessionTicket>,
        ),
        (
            "CertificateVerify",
            CertificateVerify {
                scheme: SignatureScheme::ED25519,
                signature: vec![9; 64],
            }
            .encode(),
            decode::<CertificateVerify>,
        ),
        (
            "EncryptedExtensions",
            EncryptedExtensions {
                extensions: ServerExtensions::default(),
            }
            .encode(),
            decode::<EncryptedExtensions>,
        ),
        (
            "CertificateRequest of DTLS 1.3",
            CertificateRequest13 {
                context: vec![1; 3],
                schemes: Some(vec![SignatureScheme::ED25519]),
            }
            .encode(),
            decode::<CertificateRequest13>,
        ),
        (
            "Certificate of DTLS 1.3",
            Certificate13 {
                context: vec![1; 3],
                chain: vec![vec![48; 30], vec![49; 40]],
                extensions: Vec::new(),
            }
            .encode(),
            decode::<Certificate13>,
        ),
        (
            "NewSessionTicket of DTLS 1.3",
            NewSessionTicket13 {
                lifetime: 300,
                age_add: 7,
                nonce: vec![1; 3],
                ticket: vec![5; 50],
            }
            .encode(),
            decode::<NewSessionTicket13>,
        ),
        (
            "KeyUpdate",
            KeyUpdate::Requested.encode(),
            decode::<KeyUpdate>,
        ),
        (
            "ACK",
            Ack {
                record_numbers: vec![RecordNumber {
                    epoch: 2,
                    sequence: 7,
                }],
            }
            .encode(),
            |bytes| Ack::decode(bytes).map(drop),
        ),
    ]
}

fn client_hello(extensions: &[(u16, &[u8])]) -> Vec<u8> {
    Writer::bytes_of(|w| {
        w.u16(ProtocolVersion::DTLS1_2.0);
        w.bytes(&[7; 32]);
        w.vec8(|_| {});
        w.vec8(|_| {});
        w.u16_list([0xc02b]);
        w.vec8(|w| w.u8(0));
        w.vec16(|w| block(w, extensions));
    })
}

fn server_hello(extensions: &[(u16, &[u8])]) -> Vec<u8> {
    Writer::bytes_of(|w| {
        w.u16(ProtocolVersion::DTLS1_2.0);
        w.bytes(&[7; 32]);
        w.vec8(|_| {});
        w.u16(0xc02b);
        w.u8(0);
        w.vec16(|w| block(w, extensions));
    })
}

fn block(w: &mut Writer, extensions: &[(u16, &[u8])]) {
    for (typ, content) in extensions {
        w.u16(*typ);
        w.vec16(|w| w.bytes(content));
    }
}

#[test]
fn c14_nothing_may_follow_a_message_or_be_missing_of_it() {
    for (name, body, decode) in bodies() {
        assert_eq!(decode(&body), Ok(()), "{name}");
        let longer = [&body[..], &[0]].concat();
        assert!(decode(&longer).is_err(), "{name} and a byte");
        for length in 0..body.len() {
            let cut = decode(&body[..length]);
            // A hello may end before its extensions.
            let ends = name.ends_with("Hello") && length == body.len() - 2;
            assert_eq!(cut.is_ok(), ends, "{length} bytes of a {name}");
        }
    }
}

/// RFC 5246 §7.4.1.4: no extension may come twice, whether it is known or not; and each is exactly
/// what it is defined to be.
#[test]
fn c14_an_extension_stands_there_once_and_ends_where_it_ends() {
    fn client(extensions: &[(u16, &[u8])]) -> codec::Result<()> {
        ClientHello::decode(&client_hello(extensions)).map(drop)
    }
    fn server(extensions: &[(u16, &[u8])]) -> codec::Result<()> {
        ServerHello::decode(&server_hello(extensions)).map(drop)
    }
    let groups: &[u8] = &[0, 2, 0, 29];
    let share = [&[0, 36, 0, 29, 0, 32][..], &[9; 32]].concat();
    let of_client: [(u16, &[u8]); 13] = [
        (0, b"\0\x0e\0\0\x0bserver.test"),
        (10, groups),
        (11, &[1, 0]),
        (13, &[0, 2, 4, 3]),
        (16, b"\0\x05\x04coap"),
        (23, &[]),
        (0xff01, &[0]),
        (42, &[]),
        (43, &[4, 0xfe, 0xfc, 0xfe, 0xfd]),
        (44, &[0, 1, 7]),
        (45, &[1, 1]),
        (51, &share),
        (0x4242, b"unknown"),
    ];
    for (typ, content) in of_client {
        let longer = [content, &[0]].concat();
        assert_eq!(client(&[(typ, content)]), Ok(()), "{typ}");
        let twice = client(&[(typ, content), (5, b""), (typ, content)]);
        assert_eq!(twice, Err(DecodeError::DuplicateExtension), "{typ}");
        if typ != 0x4242 {
            assert!(client(&[(typ, &longer)]).is_err(), "{typ} and a byte");
        }
    }
    let of_server: [(u16, &[u8]); 9] = [
        (0, b""),
        (11, &[1, 0]),
        (16, b"\0\x05\x04coap"),
        (23, &[]),
        (35, &[]),
        (41, &[0, 0]),
        (43, &[0xfe, 0xfc]),
        (44, &[0, 1, 7]),
        (51, &share[2..]),
    ];
    for (typ, content) in of_server {
        let longer = [content, &[0]].concat();
        assert_eq!(server(&[(typ, content)]), Ok(()), "{typ}");
        let twice = server(&[(typ, content), (typ, content)]);
        assert_eq!(twice, Err(DecodeError::DuplicateExtension), "{typ}");
        assert!(server(&[(typ, &longer)]).is_err(), "{typ} and a byte");
    }
}

/// RFC 8446 §4.2: the same is true of extensions in all the other messages of DTLS 1.3.
#[test]
fn c14_what_is_true_of_extensions_in_hellos_is_true_of_them_everywhere() {
    // What decodes a message with this list of extensions, and one whose form is known there.
    type Message = (
        &'static str,
        fn(&[u8]) -> codec::Result<()>,
        Option<(u16, &'static [u8])>,
    );
    fn entries(lists: [&[u8]; 2]) -> codec::Result<()> {
        let body = Writer::bytes_of(|w| {
            w.vec8(|_| {});
            w.vec24(|w| {
                for list in lists {
                    w.vec24(|w| w.bytes(&[48, 0]));
                    w.vec16(|w| w.bytes(list));
                }
            });
        });
        Certificate13::decode(&body).map(drop)
    }
    fn behind(fields: &[u8], list: &[u8]) -> Vec<u8> {
        Writer::bytes_of(|w| {
            w.bytes(fields);
            w.vec16(|w| w.bytes(list));
        })
    }
    let messages: [Message; 5] = [
        (
            "EncryptedExtensions",
            |list| EncryptedExtensions::decode(&behind(&[], list)).map(drop),
            Some((16, b"\0\x05\x04coap")),
        ),
        (
            "CertificateRequest",
            |list| CertificateRequest13::decode(&behind(&[0], list)).map(drop),
            Some((13, &[0, 2, 4, 3])),
        ),
        ("the first certificate", |list| entries([list, &[]]), None),
        ("the last certificate", |list| entries([&[], list]), None),
        (
            "NewSessionTicket",
            |list| {
                let fields = [0, 0, 1, 44, 0, 0, 0, 7, 1, 1, 0, 2, 5, 5];
                NewSessionTicket13::decode(&behind(&fields, list)).map(drop)
            },
            None,
        ),
    ];
    for (name, decode, known) in messages {
        let decode =
            |extensions: &[(u16, &[u8])]| decode(&Writer::bytes_of(|w| block(w, extensions)));
        let unknown = (0x4242, &b"unknown"[..]);
        for one in known.into_iter().chain([unknown]) {
            assert_eq!(decode(&[one]), Ok(()), "{name}: {}", one.0);
            let twice = decode(&[one, (5, &[]), one]);
            assert_eq!(twice, Err(DecodeError::DuplicateExtension), "{name}");
        }
        if let Some((typ, content)) = known {
            let longer = [content, &[0]].concat();
            assert!(decode(&[(typ, &longer)]).is_err(), "{name}: {typ}");
        }
    }
    // A list that ends within an extension, though every length around it is true.
    let whole = Writer::bytes_of(|w| block(w, &[(0x4242, b"unknown")]));
    for (name, decode, _) in messages {
        for length in 1..whole.len() {
            let cut = decode(&whole[..length]);
            assert_eq!(cut, Err(DecodeError::Truncated), "{name}: {length}");
        }
    }
}

/// Fields that are out of their bounds, though every length is true of what follows it.
#[test]
fn a_field_out_of_its_bounds_is_malformed() {
    use DecodeError::{BadLength, IllegalValue};
    let client = |typ, content: &[u8]| ClientHello::decode(&client_hello(&[(typ, content)])).err();
    let name = |length: usize| {
        Writer::bytes_of(|w| {
            w.vec16(|w| {
                w.u8(0);
                w.vec16(|w| w.bytes(&vec![b'a'; length]));
            })
        })
    };
    assert_eq!(client(0, &name(255)), None);
    assert_eq!(client(0, &name(256)), Some(IllegalValue), "a host name");
    assert_eq!(client(0, &name(0)), Some(IllegalValue), "no host name");
    assert_eq!(
        client(0, b"\0\x06\0\0\x03a\0b"),
        Some(IllegalValue),
        "a NUL in it"
    );
    assert_eq!(
        client(0, b"\0\x04\x01\0\x01a"),
        Some(IllegalValue),
        "another kind of name"
    );
    assert_eq!(
        client(16, b"\0\x01\0"),
        Some(BadLength),
        "an empty protocol"
    );
    assert_eq!(client(16, b"\0\0"), Some(BadLength), "no protocols");
    assert_eq!(
        client(11, &[1, 1]),
        Some(IllegalValue),
        "only compressed points"
    );

    let mut hello = server_hello(&[]);
    hello.splice(34..35, [&[33][..], &[0; 33]].concat());
    assert_eq!(
        ServerHello::decode(&hello).err(),
        Some(BadLength),
        "a session ID"
    );
    let mut hello = client_hello(&[]);
    hello.splice(34..35, [&[33][..], &[0; 33]].concat());
    assert!(ClientHello::decode(&hello).is_err(), "a session ID");

    let certificate = [0, 0, 3, 0, 0, 0];
    assert_eq!(
        Certificate::decode(&certificate).err(),
        Some(BadLength),
        "an empty certificate"
    );
    let no_kinds = [0, 0, 2, 4, 3, 0, 0];
    assert_eq!(CertificateRequest::decode(&no_kinds).err(), Some(BadLength));
    let with_authority = [1, 64, 0, 2, 4, 3, 0, 4, 0, 2, 48, 0];
    let request = CertificateRequest::decode(&with_authority).unwrap();
    assert_eq!(request.schemes, [SignatureScheme::ECDSA_SECP256R1_SHA256]);
    // An explicit curve (RFC 8422 §5.4).
    let explicit = Writer::bytes_of(|w| {
        w.u8(1);
        w.u16(29);
        w.vec8(|w| w.bytes(&[7; 32]));
        w.u16(SignatureScheme::ED25519.0);
        w.vec16(|w| w.bytes(&[9; 64]));
    });
    let exchange = ServerKeyExchange::decode(&explicit).unwrap();
    assert_eq!(exchange.as_ecdhe().err(), Some(IllegalValue));
}

/// The same of what only DTLS 1.3 has.
#[test]
fn a_list_of_dtls_1_3_is_not_empty_nor_is_anything_in_it() {
    let client = |typ, content: &[u8]| ClientHello::decode(&client_hello(&[(typ, content)])).err();
    let too_short = Some(DecodeError::BadLength);
    assert_eq!(client(44, &[0, 0]), too_short, "a cookie");
    assert_eq!(client(45, &[0]), too_short, "modes");
    assert_eq!(client(51, &[0, 4, 0, 29, 0, 0]), too_short, "a share");
    let one = [0, 7, 0, 1, 7, 0, 0, 0, 0];
    let psks = |identities: &[u8], binders: &[u8]| client(41, &[identities, binders].concat());
    assert_eq!(psks(&one, &[0, 2, 1, 7]), None);
    assert_eq!(
        psks(&[0, 6, 0, 0, 0, 0, 0, 0], &[0, 2, 1, 7]),
        too_short,
        "an identity"
    );
    assert_eq!(psks(&[0, 0], &[0, 2, 1, 7]), too_short, "identities");
    assert_eq!(psks(&one, &[0, 0]), too_short, "binders");

    let ticket = NewSessionTicket13 {
        lifetime: 300,
        age_add: 7,
        nonce: vec![1; 3],
        ticket: Vec::new(),
    };
    assert_eq!(
        NewSessionTicket13::decode(&ticket.encode()).err(),
        too_short
    );
    let chain = [0, 0, 0, 5, 0, 0, 0, 0, 0];
    assert_eq!(
        Certificate13::decode(&chain).err(),
        too_short,
        "a certificate"
    );
    // What is there is kept, to be refused by name.
    let extended = [0, 0, 0, 10, 0, 0, 1, 48, 0, 4, 0, 5, 0, 0];
    let certificate = Certificate13::decode(&extended).unwrap();
    assert_eq!(certificate.extensions, [ExtensionType(5)]);
}

/// RFC 8446 §4.2.4, in a hello and in a request.
#[test]
fn names_of_authorities_are_at_least_one_and_none_is_empty() {
    for (names, is_good) in [
        (&[0, 3, 0, 1, 7][..], true),
        (&[0, 6, 0, 1, 7, 0, 1, 8], true),
        (&[0, 0], false),
        (&[0, 2, 0, 0], false),
        (&[0, 5, 0, 1, 7, 0, 0], false),
        (&[0, 5, 0, 0, 0, 1, 7], false),
        (&[0, 3, 0, 2, 7], false),
        (&[0, 3, 0, 1, 7, 0], false),
    ] {
        let hello = ClientHello::decode(&client_hello(&[(47, names)]));
        assert_eq!(hello.is_ok(), is_good, "{names:?}");
        let request = Writer::bytes_of(|w| {
            w.vec8(|_| {});
            w.vec16(|w| block(w, &[(13, &[0, 2, 4, 3]), (47, names)]));
        });
        let request = CertificateRequest13::decode(&request);
        assert_eq!(request.is_ok(), is_good, "{names:?}");
    }
}

/// RFC 8446 §4.2.11: it vouches for all before it, so nothing stands behind it.
#[test]
fn pre_shared_key_is_the_last_extension() {
    let psk = [&[0, 8, 0, 2][..], b"me", &[0; 4], &[0, 33, 32], &[7; 32]].concat();
    let (psk, other) = ((41, &psk[..]), (0x4242, &b"unknown"[..]));
    let decoded = |extensions: &[(u16, &[u8])]| ClientHello::decode(&client_hello(extensions));
    assert!(decoded(&[other, psk]).is_ok());
    let outcome = decoded(&[psk, other]).map(drop);
    assert_eq!(outcome, Err(DecodeError::IllegalValue));
}
