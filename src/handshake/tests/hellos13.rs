//! The hellos of DTLS 1.3: what of older versions is taken in them, and who proves what by a binder.

use super::super::keys13::{EarlySecret, PskKind};
use super::honest::*;
use super::puppet::{Puppet, Verdict};
use crate::certificate::ServerName;
use crate::config::{ClientConfig, ConfigBuilder, ServerConfig, ServerIdentity, ServerTrust};
use crate::crypto::{EphemeralKey, HashAlgorithm, SUITES13, Secret};
use crate::error::Error;
use crate::record::{Replay, TrafficSecret};
use crate::wire::{
    AlertDescription, Body, CipherSuite, ClientExtensions, ClientHello, EncryptedExtensions,
    ExtensionType, HELLO_RETRY_REQUEST, HandshakeType, HelloVerifyRequest, KeyShare,
    KeyShareAnswer, NamedGroup, OfferedPsks, PSK_DHE_KE, ProtocolVersion, PskIdentity,
    ServerExtensions, ServerHello,
};
use std::sync::Arc;

const DTLS1_2: ProtocolVersion = ProtocolVersion::DTLS1_2;
const DTLS1_3: ProtocolVersion = ProtocolVersion::DTLS1_3;

const SUITE13: CipherSuite = CipherSuite::TLS_AES_128_GCM_SHA256;
const HASH: HashAlgorithm = HashAlgorithm::Sha256;

/// A client that offers both versions.
fn client13() -> ConfigBuilder<ClientConfig> {
    ClientConfig::builder(ServerTrust::psk(psk()))
        .replay(Replay::AcceptDuplicates)
        .clock(Arc::new(At(TODAY)))
}

fn server13() -> ConfigBuilder<ServerConfig> {
    plain(ServerConfig::builder(ServerIdentity::psk(psk())))
}

fn puppet_server(client: ConfigBuilder<ClientConfig>) -> Puppet {
    Puppet::server_of(client.build().unwrap().into(), ServerName::unnamed())
}

fn puppet_client(server: ConfigBuilder<ServerConfig>, hello: &ClientHello) -> Puppet {
    Puppet::client_of(server.build().unwrap().into(), hello)
}

fn share(group: NamedGroup) -> KeyShare {
    let (_, share) = EphemeralKey::generate(group).unwrap();
    KeyShare { group, share }
}

/// A hello that offers nothing but DTLS 1.3.
fn hello13() -> ClientHello {
    ClientHello {
        cipher_suites: vec![SUITE13],
        extensions: ClientExtensions {
            supported_versions: Some(vec![DTLS1_3]),
            supported_groups: Some(vec![NamedGroup::SECP384R1, NamedGroup::X25519]),
            key_shares: Some(vec![share(NamedGroup::X25519)]),
            psk_modes: Some(vec![PSK_DHE_KE]),
            ..ClientExtensions::default()
        },
        ..hello()
    }
}

/// The answer of a server that goes on with the one key that was offered.
fn answer13() -> ServerHello {
    ServerHello {
        cipher_suite: SUITE13,
        extensions: ServerExtensions {
            selected_version: Some(DTLS1_3),
            key_share: Some(KeyShareAnswer::Share(share(NamedGroup::X25519))),
            pre_shared_key: Some(0),
            ..ServerExtensions::default()
        },
        ..answer()
    }
}

fn retry_request() -> ServerHello {
    ServerHello {
        random: HELLO_RETRY_REQUEST,
        extensions: ServerExtensions {
            selected_version: Some(DTLS1_3),
            cookie: Some(vec![7; 20]),
            ..ServerExtensions::default()
        },
        ..answer13()
    }
}

/// A message as transcripts have it.
fn message(typ: HandshakeType, body: &[u8]) -> Vec<u8> {
    let [.., high, middle, low] = body.len().to_be_bytes();
    [&[typ.0, high, middle, low], body].concat()
}

/// What stands before the second hello in a transcript.
fn before_second(first: &ClientHello, request: &ServerHello) -> Vec<u8> {
    let first = message(HandshakeType::CLIENT_HELLO, &first.encode());
    let hash = HASH.digest(&first);
    [
        message(HandshakeType::MESSAGE_HASH, hash.as_ref()),
        message(HandshakeType::SERVER_HELLO, &request.encode()),
    ]
    .concat()
}

/// The proof that whoever says `hello` behind these messages holds the key (RFC 8446 §4.2.11.2).
fn binder(hello: &ClientHello, before: &[u8], kind: PskKind) -> Vec<u8> {
    let binders = hello.extensions.pre_shared_key.as_ref().unwrap();
    let mut hello = message(HandshakeType::CLIENT_HELLO, &hello.encode());
    hello.truncate(hello.len() - binders.binders_len());
    let hash = HASH.digest_of(&[before, &hello]);
    let early = EarlySecret::new(HASH, Some(psk().key()));
    early.binder(kind, hash.as_ref()).unwrap()
}

/// The hello with these identities, and a good binder for each.
fn bound(hello: ClientHello, before: &[u8], identities: &[&[u8]]) -> ClientHello {
    let identity = |identity: &&[u8]| PskIdentity {
        identity: identity.to_vec(),
        obfuscated_ticket_age: 0,
    };
    let mut hello = hello;
    hello.extensions.pre_shared_key = Some(OfferedPsks {
        identities: identities.iter().map(identity).collect(),
        binders: vec![vec![0; HASH.len()]; identities.len()],
    });
    let good = binder(&hello, before, PskKind::External);
    psks(&mut hello).binders.fill(good);
    hello
}

fn psks(hello: &mut ClientHello) -> &mut OfferedPsks {
    hello.extensions.pre_shared_key.as_mut().unwrap()
}

/// RFC 8446 §4.1.3: whoever takes part in a downgrade cannot change the server's random.
#[test]
fn d08_a_client_that_offers_dtls_1_3_looks_for_the_sign_of_a_downgrade() {
    let config: Arc<_> = client13().build().unwrap().into();
    let old: Arc<_> = client13().versions([DTLS1_2]).build().unwrap().into();
    let cases = [
        (&config, *b"DOWNGRD\x01", Verdict::Failed(Error::Downgrade)),
        (&config, *b"DOWNGRD\x00", Verdict::Failed(Error::Downgrade)),
        (&config, *b"DOWNGRD\x02", Verdict::Waits),
        (&old, *b"DOWNGRD\x01", Verdict::Waits),
    ];
    for (config, end, verdict) in cases {
        for cookies in 0..3 {
            let mut puppet = Puppet::server_of(config.clone(), ServerName::unnamed());
            for cookie in 0..cookies {
                puppet.hear::<ClientHello>();
                let version = ProtocolVersion::DTLS1_0;
                let cookie = vec![cookie; 20];
                puppet.say(&HelloVerifyRequest { version, cookie });
            }
            // Neither a request for a cookie nor an earlier connection makes it offer less.
            let hello = puppet.hear::<ClientHello>();
            let versions = hello.extensions.supported_versions;
            let offers = versions.is_some_and(|versions| versions.contains(&DTLS1_3));
            assert_eq!(offers, !Arc::ptr_eq(config, &old));
            let mut answer = answer();
            answer.random[24..].copy_from_slice(&end);
            puppet.say(&answer);
            assert_eq!(puppet.verdict(), verdict, "{end:?}, {cookies} cookies");
        }
    }
}

#[test]
fn d08_a_server_that_speaks_dtls_1_3_says_so_to_whoever_does_not() {
    let old = |server: ConfigBuilder<ServerConfig>| server.versions([DTLS1_2]);
    for (config, is_marked) in [(server13(), true), (old(server13()), false)] {
        let mut puppet = puppet_client(config, &hello());
        let answer = puppet.hear::<ServerHello>();
        assert_eq!(answer.random.ends_with(b"DOWNGRD\x01"), is_marked);
    }
    let mut puppet = puppet_client(server13(), &bound(hello13(), &[], &[b"tester"]));
    let answer = puppet.hear::<ServerHello>();
    assert_eq!(answer.extensions.selected_version, Some(DTLS1_3));
    assert!(!answer.random.ends_with(b"DOWNGRD\x01"));
}

/// RFC 9147 §5.3, RFC 8446 §4.1.2.
#[test]
fn d15_a_server_takes_no_remainder_of_older_versions_in_a_hello() {
    type Case = (&'static str, fn(&mut ClientHello), Verdict);
    let cookie = Error::IllegalParameter("legacy cookie");
    let compression = || Error::IllegalParameter("list of compression methods");
    let cases: [Case; 6] = [
        ("none", |_| (), Verdict::Waits),
        (
            "a session number, which may be of DTLS 1.2",
            |hello| hello.session_id = vec![7; 32],
            Verdict::Waits,
        ),
        (
            "a cookie",
            |hello| hello.cookie = vec![7],
            Verdict::Failed(cookie),
        ),
        (
            "compression",
            |hello| hello.compression_methods = vec![1],
            Verdict::Failed(compression()),
        ),
        (
            "compression at will",
            |hello| hello.compression_methods = vec![0, 1],
            Verdict::Failed(compression()),
        ),
        (
            "no compression twice",
            |hello| hello.compression_methods = vec![0, 0],
            Verdict::Failed(compression()),
        ),
    ];
    for (case, change, verdict) in cases {
        let mut hello = hello13();
        change(&mut hello);
        let puppet = puppet_client(server13(), &bound(hello, &[], &[b"tester"]));
        assert_eq!(puppet.verdict(), verdict, "{case}");
    }
}

/// RFC 9147 §5: not even one that the client has named itself.
#[test]
fn d15_a_client_takes_no_remainder_of_older_versions_in_an_answer() {
    type Case = (fn(&mut ServerHello), Verdict);
    let version = Error::UnsupportedVersion(DTLS1_3);
    let cases: [Case; 4] = [
        (|_| (), Verdict::Waits),
        (
            |answer| answer.session_id = vec![7; 32],
            Verdict::Failed(Error::IllegalParameter("session number")),
        ),
        (
            |answer| answer.compression_method = 1,
            Verdict::Failed(Error::IllegalParameter("compression method")),
        ),
        (|answer| answer.version = DTLS1_3, Verdict::Failed(version)),
    ];
    for (change, verdict) in cases {
        for mut answer in [answer13(), retry_request()] {
            change(&mut answer);
            let mut puppet = puppet_server(client13());
            puppet.hear::<ClientHello>();
            puppet.say(&answer);
            assert_eq!(puppet.verdict(), verdict, "{answer:?}");
        }
    }
}

/// RFC 9147 §5.
#[test]
fn p63_a_server_repeats_no_session_number() {
    let first = ClientHello {
        session_id: vec![7; 32],
        ..hello13()
    };
    let mut puppet = puppet_client(server13(), &bound(first.clone(), &[], &[b"tester"]));
    assert!(puppet.hear::<ServerHello>().session_id.is_empty());
    // The same where another share is wanted.
    let server = server13().groups([NamedGroup::SECP384R1]);
    let mut puppet = puppet_client(server, &bound(first, &[], &[b"tester"]));
    let request = puppet.hear::<ServerHello>();
    assert!(request.is_retry_request() && request.session_id.is_empty());
}

/// RFC 8446 §4.2.11: a binder that does not verify ends the handshake, and tells nobody which keys there
/// are.
#[test]
fn g05_a_server_goes_on_with_a_key_only_if_its_binder_is_right() {
    type Case = (&'static str, &'static [&'static [u8]], fn(&mut ClientHello));
    let refused: [Case; 8] = [
        ("cut", &[b"tester"], |hello| {
            psks(hello).binders[0].pop();
        }),
        ("longer", &[b"tester"], |hello| {
            psks(hello).binders[0].push(0);
        }),
        ("empty", &[b"tester"], |hello| {
            psks(hello).binders[0].clear();
        }),
        ("of a ticket", &[b"tester"], |hello| {
            psks(hello).binders[0] = binder(hello, &[], PskKind::Resumption);
        }),
        ("of another hello", &[b"tester"], |hello| {
            hello.random[0] ^= 1;
        }),
        ("of another key's", &[b"nobody", b"tester"], |hello| {
            psks(hello).binders[1][0] ^= 1;
        }),
        ("of no known key", &[b"nobody"], |_| ()),
        (
            "of a key that is not looked at",
            &[b"1", b"2", b"3", b"4", b"tester"],
            |_| (),
        ),
    ];
    for (case, identities, change) in refused {
        let mut hello = bound(hello13(), &[], identities);
        change(&mut hello);
        let puppet = puppet_client(server13(), &hello);
        let verdict = Verdict::Failed(Error::UnknownPskIdentity);
        assert_eq!(puppet.verdict(), verdict, "{case}");
    }
    let alert = Error::UnknownPskIdentity.alert();
    assert_eq!(alert, Some(AlertDescription::DECRYPT_ERROR));
    for bit in 0..8 * HASH.len() {
        let mut hello = bound(hello13(), &[], &[b"tester"]);
        psks(&mut hello).binders[0][bit / 8] ^= 1 << (bit % 8);
        let puppet = puppet_client(server13(), &hello);
        assert_ne!(puppet.verdict(), Verdict::Waits, "{bit}");
    }
    // As many binders as keys.
    for binders in [1, 3] {
        let mut hello = bound(hello13(), &[], &[b"tester", b"nobody"]);
        psks(&mut hello).binders.resize(binders, vec![0; 32]);
        let puppet = puppet_client(server13(), &hello);
        let number = Error::IllegalParameter("number of binders");
        assert_eq!(puppet.verdict(), Verdict::Failed(number));
    }
    // Whatever is wrong with what nobody knows is nothing.
    for (identities, place) in [
        (&[&b"tester"[..]][..], 0),
        (&[b"nobody", b"tester"], 1),
        (&[b"1", b"2", b"3", b"tester"], 3),
    ] {
        let mut hello = bound(hello13(), &[], identities);
        psks(&mut hello).binders[..place].fill(vec![0; 32]);
        let mut puppet = puppet_client(server13(), &hello);
        let answer = puppet.hear::<ServerHello>();
        assert_eq!(answer.extensions.pre_shared_key, Some(place as u16));
    }
}

/// RFC 8446 §4.2.11: what stands behind the binders would be vouched for by none.
#[test]
fn g05_nothing_stands_behind_the_binders() {
    let hello = bound(hello13(), &[], &[b"tester"]);
    let mut body = hello.encode();
    assert!(ClientHello::decode(&body).is_ok());
    let without = ClientHello {
        extensions: ClientExtensions::default(),
        ..hello
    };
    // An extension that nobody knows, and the length of them all.
    let at = without.encode().len() - 2;
    body.extend([0xfa, 0xfa, 0, 0]);
    let length = u16::try_from(body.len() - at - 2).unwrap();
    body[at..at + 2].copy_from_slice(&length.to_be_bytes());
    assert!(ClientHello::decode(&body).is_err());
}

/// RFC 8446 §4.2.11.2: behind a HelloRetryRequest they are made over what came before, too.
#[test]
fn g05_binders_are_made_anew_behind_a_hello_retry_request() {
    let retried = |make: fn(ClientHello, &ClientHello, &ServerHello) -> ClientHello| {
        let server = server13().groups([NamedGroup::SECP384R1]);
        let first = bound(hello13(), &[], &[b"tester"]);
        let mut puppet = puppet_client(server, &first);
        let request = puppet.hear::<ServerHello>();
        assert!(request.is_retry_request());
        let mut second = first.clone();
        second.extensions.key_shares = Some(vec![share(NamedGroup::SECP384R1)]);
        puppet.say(&make(second, &first, &request));
        puppet.verdict()
    };
    let refused = Verdict::Failed(Error::UnknownPskIdentity);
    assert_eq!(retried(|second, _, _| second), refused, "the old one");
    let alone = retried(|second, _, _| bound(second, &[], &[b"tester"]));
    assert_eq!(alone, refused, "over the second hello alone");
    let good = retried(|second, first, request| {
        bound(second, &before_second(first, request), &[b"tester"])
    });
    assert_eq!(good, Verdict::Waits);

    // A client does the same, also behind a HelloVerifyRequest, which is in no transcript.
    let mut puppet = puppet_server(client13());
    let check = |hello: &ClientHello, before: &[u8]| {
        let good = binder(hello, before, PskKind::External);
        let binders = &hello.extensions.pre_shared_key.as_ref().unwrap().binders;
        assert_eq!(*binders, [good]);
    };
    check(&puppet.hear(), &[]);
    puppet.say(&HelloVerifyRequest {
        version: ProtocolVersion::DTLS1_0,
        cookie: vec![7; 20],
    });
    check(&puppet.hear(), &[]);
    let mut puppet = puppet_server(client13());
    let first = puppet.hear();
    check(&first, &[]);
    let request = retry_request();
    puppet.say(&request);
    check(&puppet.hear(), &before_second(&first, &request));
}

/// Nothing that could be replayed is sent before the handshake, and nothing that was is taken.
#[test]
fn g06_early_data_is_neither_offered_nor_accepted() {
    let mut puppet = puppet_server(client13());
    assert!(!puppet.hear::<ClientHello>().extensions.early_data);
    puppet.say(&answer13());
    let secret = TrafficSecret::new(&SUITES13[0], Secret::new(vec![7; 32]));
    puppet.write_under(secret.sealer(2));
    let [high, low] = ExtensionType::EARLY_DATA.0.to_be_bytes();
    let accepted = [0, 4, high, low, 0, 0];
    puppet.say_bytes(HandshakeType::ENCRYPTED_EXTENSIONS, &accepted);
    let unsolicited = Error::UnsolicitedExtension(ExtensionType::EARLY_DATA);
    assert_eq!(puppet.verdict(), Verdict::Failed(unsolicited));

    let mut hello = hello13();
    hello.extensions.early_data = true;
    let mut puppet = puppet_client(server13(), &bound(hello, &[], &[b"tester"]));
    puppet.hear::<ServerHello>();
    let extensions = puppet.hear::<EncryptedExtensions>().extensions;
    assert!(!extensions.types.contains(&ExtensionType::EARLY_DATA));
    assert_eq!(puppet.verdict(), Verdict::Waits);
}
