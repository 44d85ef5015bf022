//! The hellos of DTLS 1.3, and what of older versions is taken in them.

use super::honest::*;
use super::honest13::*;
use super::puppet::{Puppet, Verdict};
use crate::certificate::ServerName;
use crate::config::{ConfigBuilder, ServerConfig};
use crate::error::Error;
use crate::wire::{
    Body, CipherSuite, ClientHello, EncryptedExtensions, HandshakeType, HelloVerifyRequest,
    KeyShareAnswer, NamedGroup, ProtocolVersion, ServerExtensions, ServerHello,
};

/// RFC 8446 §4.1.3: whoever takes part in a downgrade cannot change the server's random.
#[test]
fn d08_a_client_that_offers_dtls_1_3_looks_for_the_sign_of_a_downgrade() {
    let both = [DTLS1_3, DTLS1_2];
    let cases = [
        (
            &both[..],
            *b"DOWNGRD\x01",
            Verdict::Failed(Error::Downgrade),
        ),
        (
            &both[..],
            *b"DOWNGRD\x00",
            Verdict::Failed(Error::Downgrade),
        ),
        (&both[..], *b"DOWNGRD\x02", Verdict::Waits),
        (&both[1..], *b"DOWNGRD\x01", Verdict::Waits),
    ];
    for (offered, end, verdict) in cases {
        for cookies in 0..3 {
            let client = client13().versions(offered.iter().copied());
            let mut puppet = Puppet::server_of_any_version(client, ServerName::unnamed());
            for cookie in 0..cookies {
                puppet.hear::<ClientHello>();
                let version = ProtocolVersion::DTLS1_0;
                let cookie = vec![cookie; 20];
                puppet.say(&HelloVerifyRequest { version, cookie });
                puppet.let_time_pass();
            }
            // Neither a request for a cookie nor an earlier connection makes it offer less.
            let hello = puppet.hear::<ClientHello>();
            let versions = hello.extensions.supported_versions;
            let offers = versions.is_some_and(|versions| versions.contains(&DTLS1_3));
            assert_eq!(offers, offered.contains(&DTLS1_3));
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
            "a session ID, which may be of DTLS 1.2",
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
            Verdict::Failed(Error::IllegalParameter("session ID")),
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

/// RFC 8446 §4.1.3, §4.1.4 and §4.2: what the client did not offer, in a first answer or behind a
/// HelloRetryRequest, of which there is one.
#[test]
fn d06_d07_p54_a_client_takes_no_other_answer() {
    const OTHER: CipherSuite = CipherSuite::TLS_CHACHA20_POLY1305_SHA256;
    let parameter = Error::IllegalParameter;
    let other_share = || Some(KeyShareAnswer::Share(share(NamedGroup::SECP384R1)));
    type Case = (&'static str, fn(&mut ServerHello), Error);
    let answers: [Case; 8] = [
        (
            "a suite of DTLS 1.2",
            |answer| answer.cipher_suite = SUITE,
            Error::SuiteNotOffered(SUITE),
        ),
        (
            "a suite that nobody knows",
            |answer| answer.cipher_suite = CipherSuite(0xfafa),
            Error::SuiteNotOffered(CipherSuite(0xfafa)),
        ),
        (
            "a version that nobody knows",
            |answer| answer.extensions.selected_version = Some(ProtocolVersion(0xfefb)),
            Error::VersionNotOffered(ProtocolVersion(0xfefb)),
        ),
        (
            "another key",
            |answer| answer.extensions.pre_shared_key = Some(1),
            parameter("pre-shared key"),
        ),
        (
            "no share",
            |answer| answer.extensions.key_share = None,
            Error::IllegalParameter("pre-shared key without a share"),
        ),
        (
            "a cookie",
            |answer| answer.extensions.cookie = Some(vec![7]),
            Error::IllegalParameter("place of an extension"),
        ),
        (
            "what belongs under keys",
            |answer| answer.extensions.alpn = Some(b"coap".to_vec()),
            Error::IllegalParameter("place of an extension"),
        ),
        (
            "an extension of DTLS 1.2",
            |answer| answer.extensions.extended_master_secret = true,
            Error::IllegalParameter("place of an extension"),
        ),
    ];
    for (case, lie, error) in answers {
        let mut puppet = puppet_server(client13());
        puppet.hear::<ClientHello>();
        let mut answer = answer13();
        lie(&mut answer);
        puppet.say(&answer);
        assert_eq!(puppet.verdict(), Verdict::Failed(error), "{case}");
    }
    let mut puppet = puppet_server(client13());
    puppet.hear::<ClientHello>();
    let mut answer = answer13();
    answer.extensions.key_share = other_share();
    puppet.say(&answer);
    let group = Error::GroupNotOffered(NamedGroup::SECP384R1);
    assert_eq!(puppet.verdict(), Verdict::Failed(group), "another share");

    let requests: [Case; 3] = [
        (
            "nothing",
            |request| request.extensions.cookie = None,
            parameter("HelloRetryRequest that changes nothing"),
        ),
        (
            "the share that is there",
            |request| {
                request.extensions.key_share = Some(KeyShareAnswer::Group(NamedGroup::X25519));
            },
            Error::GroupNotOffered(NamedGroup::X25519),
        ),
        (
            "a share that nobody knows",
            |request| {
                request.extensions.key_share = Some(KeyShareAnswer::Group(NamedGroup(0xfafa)));
            },
            Error::GroupNotOffered(NamedGroup(0xfafa)),
        ),
    ];
    for (case, lie, error) in requests {
        let mut puppet = puppet_server(client13());
        puppet.hear::<ClientHello>();
        let mut request = retry_request();
        lie(&mut request);
        puppet.say(&request);
        assert_eq!(
            puppet.verdict(),
            Verdict::Failed(error),
            "a request for {case}"
        );
    }

    let behind: [Case; 2] = [
        (
            "another suite",
            |answer| answer.cipher_suite = OTHER,
            parameter("suite after a HelloRetryRequest"),
        ),
        (
            "another version",
            |answer| answer.extensions.selected_version = None,
            Error::IllegalParameter("version after a HelloRetryRequest"),
        ),
    ];
    for (case, lie, error) in behind {
        let mut puppet = puppet_server(client13());
        let first = puppet.hear::<ClientHello>();
        puppet.say(&retry_request());
        let second = puppet.hear::<ClientHello>();
        assert_eq!(first.random, second.random);
        // A request of DTLS 1.2 is no answer any more, but anyone can have sent it.
        let version = ProtocolVersion::DTLS1_0;
        let cookie = vec![7; 20];
        puppet.say_bytes(
            HandshakeType::HELLO_VERIFY_REQUEST,
            &HelloVerifyRequest { version, cookie }.encode(),
        );
        assert!(matches!(puppet.verdict(), Verdict::Refused(_)));
        // RFC 8446 §4.1.4: nor is another of DTLS 1.3.
        let second = Error::UnexpectedRecord("a second HelloRetryRequest");
        let request = retry_request().encode();
        puppet.say_bytes(HandshakeType::SERVER_HELLO, &request);
        assert_eq!(puppet.verdict(), Verdict::Refused(second));
        let mut answer = answer13();
        lie(&mut answer);
        puppet.say(&answer);
        assert_eq!(
            puppet.verdict(),
            Verdict::Failed(error),
            "{case} behind a request"
        );
    }
}

/// RFC 8446 §4.1.2: the second hello is the first, but for what was asked for.
#[test]
fn d06_d07_a_server_takes_no_other_second_hello() {
    type Case = (&'static str, fn(&mut ClientHello), Error);
    let hello = || Error::IllegalParameter("second ClientHello");
    let share_again = || Error::IllegalParameter("share after a HelloRetryRequest");
    let cases: [Case; 6] = [
        ("another random", |hello| hello.random[0] ^= 1, hello()),
        (
            "more suites",
            |hello| hello.cipher_suites.push(SUITE),
            hello(),
        ),
        ("a session ID", |hello| hello.session_id = vec![7], hello()),
        (
            "another name",
            |hello| hello.extensions.server_name = Some(b"other.test".to_vec()),
            hello(),
        ),
        (
            "the share of before",
            |hello| hello.extensions.key_shares = Some(vec![share(NamedGroup::X25519)]),
            share_again(),
        ),
        (
            "no share",
            |hello| hello.extensions.key_shares = Some(Vec::new()),
            share_again(),
        ),
    ];
    for (case, lie, error) in cases {
        let server = server13().groups([NamedGroup::SECP384R1]);
        let mut second = hello13();
        let mut puppet = puppet_client(server, &second);
        assert!(puppet.hear::<ServerHello>().is_retry_request());
        second.extensions.key_shares = Some(vec![share(NamedGroup::SECP384R1)]);
        lie(&mut second);
        puppet.say(&second);
        assert_eq!(puppet.verdict(), Verdict::Failed(error), "{case}");
    }
}

/// A server that has pre-shared keys alone is of no use to a client that has none.
#[test]
fn a_client_that_offers_no_key_has_nothing_in_common_with_a_server_of_keys() {
    let puppet = puppet_client(server13(), &hello13());
    let nothing = Verdict::Failed(Error::NoCommonCipherSuite);
    assert_eq!(puppet.verdict(), nothing);
}

/// Behind the ServerHello nothing counts that did not come under keys.
#[test]
fn d01_p18_nothing_behind_the_server_hello_is_taken_in_the_clear() {
    let mut puppet = puppet_server(client13());
    puppet.hear::<ClientHello>();
    puppet.say(&answer13());
    let extensions = ServerExtensions::default();
    let extensions = EncryptedExtensions { extensions }.encode();
    let typ = HandshakeType::ENCRYPTED_EXTENSIONS;
    puppet.say_bytes(typ, &extensions);
    let refused = Verdict::Refused(Error::UnexpectedRecord("a message under other keys"));
    assert_eq!(puppet.verdict(), refused);
    puppet.write_under(handshake_keys());
    puppet.say_bytes(typ, &extensions);
    assert_eq!(puppet.verdict(), Verdict::Waits);
    puppet.write_in_the_clear();
    puppet.say_bytes(HandshakeType::FINISHED, &[0; 32]);
    assert_eq!(puppet.verdict(), refused);
    puppet.write_under(handshake_keys());
    puppet.say_bytes(HandshakeType::FINISHED, &[0; 32]);
    assert_eq!(puppet.verdict(), Verdict::Failed(Error::BadFinished));
}

/// RFC 9147 §5.
#[test]
fn p63_a_server_repeats_no_session_id() {
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
