//! What a client of DTLS 1.3 says in its hellos, what it refuses in the answers, and by which alert
//! (RFC 8446 §4.1 and §4.2, RFC 9147 §5.1 to §5.4).

use super::honest::{At, TODAY, psk};
use super::puppet::{Puppet, Verdict};
use crate::certificate::ServerName;
use crate::config::{ClientConfig, ConfigBuilder, ServerTrust};
use crate::crypto::{EphemeralKey, SUITES13, Secret};
use crate::record::{Replay, TrafficSecret};
use crate::wire::{
    AlertDescription, CipherSuite, ClientHello, DOWNGRADE_TO_12, EncryptedExtensions,
    HELLO_RETRY_REQUEST, HelloVerifyRequest, KeyShare, KeyShareAnswer, NamedGroup, ProtocolVersion,
    ServerExtensions, ServerHello, SrtpChoice, SrtpProfile,
};
use std::sync::Arc;

pub(super) const DTLS1_2: ProtocolVersion = ProtocolVersion::DTLS1_2;
pub(super) const DTLS1_3: ProtocolVersion = ProtocolVersion::DTLS1_3;
const SUITE: CipherSuite = CipherSuite::TLS_AES_128_GCM_SHA256;
const OTHER_SUITE: CipherSuite = CipherSuite::TLS_CHACHA20_POLY1305_SHA256;
/// It does not go with the client's pre-shared key.
const NOT_OFFERED: CipherSuite = CipherSuite::TLS_AES_256_GCM_SHA384;
/// Of what there will be some day.
pub(super) const UNKNOWN: u16 = 0x7a7a;

fn client() -> ConfigBuilder<ClientConfig> {
    ClientConfig::builder(ServerTrust::psk(psk()))
        .alpn(["coap"])
        .replay(Replay::AcceptDuplicates)
        .clock(Arc::new(At(TODAY)))
}

/// A server for a client that offers both versions, and the hello that it has heard.
pub(super) fn for_client() -> (Puppet, ClientHello) {
    let mut puppet = Puppet::server_of_any_version(client(), ServerName::unnamed());
    let hello = puppet.hear();
    (puppet, hello)
}

pub(super) fn share(group: NamedGroup) -> KeyShare {
    let (_, share) = EphemeralKey::generate(group).unwrap();
    KeyShare { group, share }
}

/// The least that an honest server says.
fn answer() -> ServerHello {
    ServerHello {
        version: DTLS1_2,
        random: [7; 32],
        session_id: Vec::new(),
        cipher_suite: SUITE,
        compression_method: 0,
        extensions: ServerExtensions {
            selected_version: Some(DTLS1_3),
            key_share: Some(KeyShareAnswer::Share(share(NamedGroup::X25519))),
            ..ServerExtensions::default()
        },
    }
}

/// What an honest server wants to be changed.
fn request() -> ServerHello {
    ServerHello {
        random: HELLO_RETRY_REQUEST,
        extensions: ServerExtensions {
            selected_version: Some(DTLS1_3),
            key_share: Some(KeyShareAnswer::Group(NamedGroup::SECP256R1)),
            cookie: Some(b"cookie".to_vec()),
            ..ServerExtensions::default()
        },
        ..answer()
    }
}

/// The alert with which a handshake has failed, if it has.
pub(super) fn alert(puppet: &Puppet) -> Option<AlertDescription> {
    match puppet.verdict() {
        Verdict::Waits => None,
        Verdict::Failed(error) => error.alert(),
        other => panic!("{other:?}"),
    }
}

pub(super) type Lie<M> = (&'static str, fn(&mut M), AlertDescription);

/// What no answer may say, a HelloRetryRequest or a ServerHello.
const ANY: [Lie<ServerHello>; 7] = {
    use AlertDescription as A;
    [
        (
            "a legacy version that is another",
            |answer| answer.version = ProtocolVersion::DTLS1_0,
            A::PROTOCOL_VERSION,
        ),
        (
            "a version that was not offered",
            |answer| answer.extensions.selected_version = Some(ProtocolVersion(UNKNOWN)),
            A::ILLEGAL_PARAMETER,
        ),
        (
            "an old version in the place of the new one",
            |answer| answer.extensions.selected_version = Some(DTLS1_2),
            A::ILLEGAL_PARAMETER,
        ),
        (
            "a session ID",
            |answer| answer.session_id = vec![7; 32],
            A::ILLEGAL_PARAMETER,
        ),
        (
            "a suite that was not offered",
            |answer| answer.cipher_suite = NOT_OFFERED,
            A::ILLEGAL_PARAMETER,
        ),
        (
            "compression",
            |answer| answer.compression_method = 1,
            A::ILLEGAL_PARAMETER,
        ),
        (
            "an extension whose place is another message",
            |answer| answer.extensions.alpn = Some(b"coap".to_vec()),
            A::ILLEGAL_PARAMETER,
        ),
    ]
};

/// What a ServerHello must not say, either.
const ANSWERS: [Lie<ServerHello>; 6] = {
    use AlertDescription as A;
    [
        (
            "no share",
            |answer| answer.extensions.key_share = None,
            A::MISSING_EXTENSION,
        ),
        (
            "the key that was offered, and no share beside it",
            |answer| {
                answer.extensions.key_share = None;
                answer.extensions.pre_shared_key = Some(0);
            },
            A::ILLEGAL_PARAMETER,
        ),
        (
            "a share in a group that we made none in",
            |answer| {
                let other = KeyShare {
                    group: NamedGroup::SECP384R1,
                    ..share(NamedGroup::X25519)
                };
                answer.extensions.key_share = Some(KeyShareAnswer::Share(other));
            },
            A::ILLEGAL_PARAMETER,
        ),
        (
            "a key behind the last that was offered",
            |answer| answer.extensions.pre_shared_key = Some(1),
            A::ILLEGAL_PARAMETER,
        ),
        (
            "a suite that is not of this version",
            |answer| answer.cipher_suite = CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256,
            A::ILLEGAL_PARAMETER,
        ),
        (
            "DTLS 1.2, by a server that speaks DTLS 1.3",
            |answer| {
                answer.extensions = ServerExtensions::default();
                answer.cipher_suite = CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256;
                answer.random[24..].copy_from_slice(&DOWNGRADE_TO_12);
            },
            A::ILLEGAL_PARAMETER,
        ),
    ]
};

/// What a HelloRetryRequest must not say, either.
const REQUESTS: [Lie<ServerHello>; 4] = {
    use AlertDescription as A;
    [
        (
            "nothing that changes the hello",
            |request| {
                request.extensions.key_share = None;
                request.extensions.cookie = None;
            },
            A::ILLEGAL_PARAMETER,
        ),
        (
            "a group that was not offered",
            |request| {
                let group = NamedGroup(UNKNOWN);
                request.extensions.key_share = Some(KeyShareAnswer::Group(group));
            },
            A::ILLEGAL_PARAMETER,
        ),
        (
            "a group that there is a share in",
            |request| {
                let group = NamedGroup::X25519;
                request.extensions.key_share = Some(KeyShareAnswer::Group(group));
            },
            A::ILLEGAL_PARAMETER,
        ),
        (
            "a share",
            |request| {
                let share = share(NamedGroup::SECP256R1);
                request.extensions.key_share = Some(KeyShareAnswer::Share(share));
            },
            A::ILLEGAL_PARAMETER,
        ),
    ]
};

/// What a ServerHello must not say that follows a HelloRetryRequest.
const ANSWERS_AFTER_REQUEST: [Lie<ServerHello>; 3] = {
    use AlertDescription as A;
    [
        (
            "another suite",
            |answer| answer.cipher_suite = OTHER_SUITE,
            A::ILLEGAL_PARAMETER,
        ),
        (
            "a share in the group of the first hello",
            |answer| {
                let first = KeyShare {
                    group: NamedGroup::X25519,
                    ..share(NamedGroup::SECP256R1)
                };
                answer.extensions.key_share = Some(KeyShareAnswer::Share(first));
            },
            A::ILLEGAL_PARAMETER,
        ),
        (
            "another version",
            |answer| answer.extensions.selected_version = None,
            A::ILLEGAL_PARAMETER,
        ),
    ]
};

#[test]
fn a_client_refuses_what_no_answer_may_say() {
    let answers = ANY.iter().chain(&ANSWERS).map(|lie| (answer(), lie));
    let requests = ANY.iter().chain(&REQUESTS).map(|lie| (request(), lie));
    for (mut answer, (case, lie, expected)) in answers.chain(requests) {
        let (mut puppet, _) = for_client();
        let is_request = answer.is_retry_request();
        lie(&mut answer);
        puppet.say(&answer);
        assert_eq!(
            alert(&puppet),
            Some(*expected),
            "{case}, request: {is_request}"
        );
        puppet.assert_silence();
    }
    let (mut puppet, _) = for_client();
    puppet.say(&answer());
    assert_eq!(alert(&puppet), None);
}

#[test]
fn a_client_refuses_what_no_answer_may_say_to_its_second_hello() {
    let honest: Lie<ServerHello> = ("the truth", |_| (), AlertDescription::CLOSE_NOTIFY);
    for (case, lie, expected) in ANSWERS_AFTER_REQUEST.into_iter().chain([honest]) {
        let (mut puppet, _) = for_client();
        puppet.say(&request());
        puppet.hear::<ClientHello>();
        let mut answer = answer();
        let asked_for = share(NamedGroup::SECP256R1);
        answer.extensions.key_share = Some(KeyShareAnswer::Share(asked_for));
        lie(&mut answer);
        puppet.say(&answer);
        let expected = Some(expected).filter(|_| case != honest.0);
        assert_eq!(alert(&puppet), expected, "{case}");
    }
}

/// RFC 8446 §4.2 and §4.3.1: what was not asked for, what was not offered, and what does not belong there.
#[test]
fn a_client_refuses_extensions_that_the_server_must_not_send() {
    use AlertDescription as A;
    let srtp = || {
        let profile = SrtpProfile::SRTP_AEAD_AES_128_GCM;
        let mki = Vec::new();
        Some(SrtpChoice { profile, mki })
    };
    let cases: [(&str, ServerExtensions, Option<A>); 6] = [
        (
            "a protocol that was offered",
            ServerExtensions {
                alpn: Some(b"coap".to_vec()),
                ..ServerExtensions::default()
            },
            None,
        ),
        (
            "a protocol that was not offered",
            ServerExtensions {
                alpn: Some(b"chat".to_vec()),
                ..ServerExtensions::default()
            },
            Some(A::ILLEGAL_PARAMETER),
        ),
        (
            "a name that nobody called",
            ServerExtensions {
                server_name: true,
                ..ServerExtensions::default()
            },
            Some(A::UNSUPPORTED_EXTENSION),
        ),
        (
            "a profile unasked",
            ServerExtensions {
                use_srtp: srtp(),
                ..ServerExtensions::default()
            },
            Some(A::UNSUPPORTED_EXTENSION),
        ),
        (
            "what only DTLS 1.2 answers",
            ServerExtensions {
                extended_master_secret: true,
                ..ServerExtensions::default()
            },
            Some(A::ILLEGAL_PARAMETER),
        ),
        (
            "what belongs into the ServerHello",
            ServerExtensions {
                selected_version: Some(DTLS1_3),
                ..ServerExtensions::default()
            },
            Some(A::ILLEGAL_PARAMETER),
        ),
    ];
    for (case, extensions, expected) in cases {
        let (mut puppet, _) = for_client();
        puppet.say(&answer());
        let secret = TrafficSecret::new(&SUITES13[0], Secret::new(vec![7; 32]));
        puppet.write_under(secret.sealer(2));
        puppet.say(&EncryptedExtensions { extensions });
        assert_eq!(alert(&puppet), expected, "{case}");
    }
}

#[test]
fn the_second_hello_is_the_first_but_for_what_was_asked_for() {
    let (mut puppet, first) = for_client();
    puppet.say(&request());
    let second = puppet.hear::<ClientHello>();
    assert_eq!(second.extensions.cookie, Some(b"cookie".to_vec()));
    let shares = second.extensions.key_shares.iter().flatten();
    assert!(shares.map(|share| share.group).eq([NamedGroup::SECP256R1]));
    let binders = |hello: &ClientHello| hello.extensions.pre_shared_key.clone().unwrap().binders;
    assert_ne!(
        binders(&first),
        binders(&second),
        "it vouches for all of it"
    );
    let rest = |mut hello: ClientHello| {
        hello.extensions.cookie = None;
        hello.extensions.key_shares = None;
        hello.extensions.pre_shared_key = None;
        hello
    };
    assert_eq!(rest(first), rest(second));
}

/// RFC 9147 §5.3: the fields that only older versions use.
#[test]
fn a_first_hello_has_no_cookie_no_number_and_an_old_version() {
    let (_, hello) = for_client();
    assert_eq!(hello.version, DTLS1_2);
    assert!(hello.session_id.is_empty() && hello.cookie.is_empty());
    assert_eq!(hello.compression_methods, [0]);
    let extensions = hello.extensions;
    assert_eq!(extensions.supported_versions, Some(vec![DTLS1_3, DTLS1_2]));
    assert_eq!(extensions.cookie, None);
    assert!(!extensions.early_data);
    assert!(extensions.psk_modes.is_some() && extensions.supported_groups.is_some());
}

/// RFC 9147 §5.2: DTLS 1.3 has no HelloVerifyRequest, but the client does not know yet what it speaks.
#[test]
fn behind_a_hello_verify_request_there_is_dtls_1_2_only() {
    let (mut puppet, _) = for_client();
    puppet.say(&HelloVerifyRequest {
        version: ProtocolVersion::DTLS1_0,
        cookie: vec![7; 16],
    });
    assert_eq!(puppet.hear::<ClientHello>().cookie, [7; 16]);
    puppet.say(&answer());
    assert_eq!(alert(&puppet), Some(AlertDescription::ILLEGAL_PARAMETER));
}
