//! What a server of DTLS 1.3 refuses in a hello, by which alert, and what it answers (RFC 8446 §4.1 and
//! §4.2, RFC 9147 §5.1 to §5.4).

use super::super::Io;
use super::super::keys13::{EarlySecret, PskKind};
use super::answers13::{DTLS1_2, DTLS1_3, Lie, UNKNOWN, alert, for_client, share};
use super::honest::{plain, psk};
use super::puppet::Puppet;
use crate::config::{ConfigBuilder, ServerConfig, ServerIdentity};
use crate::crypto::{EXTERNAL_PSK_HKDF, HashAlgorithm};
use crate::wire::{
    AlertDescription, Body, CipherSuite, ClientHello, DOWNGRADE_TO_12, ExtensionType,
    KeyShareAnswer, NamedGroup, ProtocolVersion, ServerHello,
};
use std::sync::Arc;

fn server() -> ConfigBuilder<ServerConfig> {
    plain(ServerConfig::builder(ServerIdentity::psk(psk())))
}

/// The client's proof that it holds the key, when all that `io` knows was said before the hello.
fn bind(io: &Io, hello: &mut ClientHello) {
    let hkdf = EXTERNAL_PSK_HKDF;
    let psks = hello.extensions.pre_shared_key.as_mut().unwrap();
    let without = psks.binders_len();
    let partial = io.partial_hash(hkdf.hash, &hello.encode(), without);
    let early = EarlySecret::new(hkdf, Some(psk().key()));
    let binder = early.binder(PskKind::External, &partial).unwrap();
    hello.extensions.pre_shared_key.as_mut().unwrap().binders = vec![binder];
}

/// An honest client's hello with one word changed, for which the client vouches.
fn hello(change: fn(&mut ClientHello)) -> ClientHello {
    let (_, mut hello) = for_client();
    change(&mut hello);
    bind(&Io::new(Arc::default(), 0), &mut hello);
    hello
}

/// What no hello may say that offers DTLS 1.3.
const HELLOS: [Lie<ClientHello>; 10] = {
    use AlertDescription as A;
    [
        (
            "a cookie of DTLS 1.2",
            |hello| hello.cookie = vec![1],
            A::ILLEGAL_PARAMETER,
        ),
        (
            "compression beside none",
            |hello| hello.compression_methods = vec![0, 1],
            A::ILLEGAL_PARAMETER,
        ),
        (
            "no shares",
            |hello| hello.extensions.key_shares = None,
            A::MISSING_EXTENSION,
        ),
        (
            "no groups",
            |hello| hello.extensions.supported_groups = None,
            A::MISSING_EXTENSION,
        ),
        (
            "a share in a group that is not named",
            |hello| hello.extensions.supported_groups = Some(vec![NamedGroup::SECP256R1]),
            A::ILLEGAL_PARAMETER,
        ),
        (
            "two shares in a group",
            |hello| {
                let shares = hello.extensions.key_shares.as_mut().unwrap();
                shares.push(shares[0].clone());
            },
            A::ILLEGAL_PARAMETER,
        ),
        (
            "a key without a word on its use",
            |hello| hello.extensions.psk_modes = None,
            A::MISSING_EXTENSION,
        ),
        (
            "a key to be used without a key agreement",
            |hello| hello.extensions.psk_modes = Some(vec![0]),
            A::DECRYPT_ERROR,
        ),
        (
            "no suite that we have",
            |hello| hello.cipher_suites = vec![CipherSuite(UNKNOWN)],
            A::HANDSHAKE_FAILURE,
        ),
        (
            "no group that we have",
            |hello| {
                hello.extensions.supported_groups = Some(vec![NamedGroup(UNKNOWN)]);
                hello.extensions.key_shares = Some(Vec::new());
            },
            A::HANDSHAKE_FAILURE,
        ),
    ]
};

#[test]
fn a_server_refuses_what_no_hello_may_say() {
    for (case, lie, expected) in HELLOS {
        let puppet = Puppet::client_of_any_version(server(), &hello(lie));
        assert_eq!(alert(&puppet), Some(expected), "{case}");
        puppet.assert_silence();
    }
    let bound_wrongly: [Lie<ClientHello>; 2] = [
        (
            "two proofs for a key",
            |hello| {
                let psks = hello.extensions.pre_shared_key.as_mut().unwrap();
                psks.binders.push(vec![0; 32]);
            },
            AlertDescription::ILLEGAL_PARAMETER,
        ),
        (
            "a wrong proof",
            |hello| hello.random[0] ^= 1,
            AlertDescription::DECRYPT_ERROR,
        ),
    ];
    for (case, lie, expected) in bound_wrongly {
        let mut hello = hello(|_| ());
        lie(&mut hello);
        let puppet = Puppet::client_of_any_version(server(), &hello);
        assert_eq!(alert(&puppet), Some(expected), "{case}");
        puppet.assert_silence();
    }
}

/// RFC 9147 §5: no number is echoed. RFC 8446 §4.1.3: nothing stands in the clear that need not.
#[test]
fn a_server_answers_with_the_least_and_ignores_what_it_does_not_know() {
    let hello = hello(|hello| {
        hello.session_id = vec![7; 32];
        hello.cipher_suites.insert(0, CipherSuite(UNKNOWN));
        let extensions = &mut hello.extensions;
        let versions = extensions.supported_versions.as_mut().unwrap();
        versions.insert(0, ProtocolVersion(UNKNOWN));
        let groups = extensions.supported_groups.as_mut().unwrap();
        groups.insert(0, NamedGroup(UNKNOWN));
    });
    let mut puppet = Puppet::client_of_any_version(server(), &hello);
    let answer = puppet.hear::<ServerHello>();
    assert_eq!(alert(&puppet), None);
    assert_eq!(answer.version, DTLS1_2);
    assert!(answer.session_id.is_empty());
    assert_eq!(answer.compression_method, 0);
    assert_eq!(answer.extensions.selected_version, Some(DTLS1_3));
    let mut types = answer.extensions.types;
    types.sort_unstable();
    let mut needed = [
        ExtensionType::SUPPORTED_VERSIONS,
        ExtensionType::KEY_SHARE,
        ExtensionType::PRE_SHARED_KEY,
    ];
    needed.sort_unstable();
    assert_eq!(types, needed);
}

/// RFC 8446 §4.1.2: what a second hello may change is what was asked for.
#[test]
fn a_server_that_asked_for_a_share_gets_it_and_no_other_change() {
    type Change = (&'static str, fn(&mut ClientHello));
    const TRUTH: &str = "the truth";
    let changes: [Change; 6] = [
        (TRUTH, |_| ()),
        ("another random", |hello| hello.random[0] ^= 1),
        ("a session ID", |hello| hello.session_id = vec![1]),
        ("fewer suites", |hello| hello.cipher_suites.truncate(1)),
        ("no protocols", |hello| hello.extensions.alpn = None),
        ("a share in another group", |hello| {
            hello.extensions.key_shares = Some(vec![share(NamedGroup::SECP256R1)]);
        }),
    ];
    for (case, change) in changes {
        let mut second = hello(|hello| hello.extensions.key_shares = Some(Vec::new()));
        let mut puppet = Puppet::client_of_any_version(server(), &second);
        let request = puppet.hear::<ServerHello>();
        assert!(request.is_retry_request());
        assert!(request.session_id.is_empty());
        let wanted = KeyShareAnswer::Group(NamedGroup::X25519);
        assert_eq!(request.extensions.key_share, Some(wanted));
        puppet.io().agreed(DTLS1_3);
        puppet.io().collapse_first_hello(HashAlgorithm::Sha256);
        second.extensions.key_shares = Some(vec![share(NamedGroup::X25519)]);
        change(&mut second);
        bind(puppet.io(), &mut second);
        puppet.say(&second);
        let expected = (case != TRUTH).then_some(AlertDescription::ILLEGAL_PARAMETER);
        assert_eq!(alert(&puppet), expected, "{case}");
    }
}

/// RFC 8446 §4.1.3: only a server that speaks DTLS 1.3 says so when it speaks DTLS 1.2.
#[test]
fn a_server_that_speaks_an_old_version_says_that_it_knows_the_new_one() {
    type Server = ConfigBuilder<ServerConfig>;
    type Speaks = fn(Server) -> Server;
    const OLD: CipherSuite = CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256;
    let servers: [(&str, Speaks, bool); 4] = [
        ("both versions", |server| server, true),
        ("the old one", |server| server.versions([DTLS1_2]), false),
        ("no new suite", |server| server.cipher_suites([OLD]), false),
        (
            "no new suite that goes with a pre-shared key",
            |server| server.cipher_suites([OLD, CipherSuite::TLS_AES_256_GCM_SHA384]),
            false,
        ),
    ];
    for (case, speaks, knows) in servers {
        let (_, mut hello) = for_client();
        let extensions = &mut hello.extensions;
        extensions.supported_versions = Some(vec![DTLS1_2]);
        extensions.pre_shared_key = None;
        let mut puppet = Puppet::client_of_any_version(speaks(server()), &hello);
        let answer = puppet.hear::<ServerHello>();
        assert_eq!(answer.version, DTLS1_2);
        assert_eq!(answer.extensions.selected_version, None);
        assert_eq!(answer.random.ends_with(&DOWNGRADE_TO_12), knows, "{case}");
    }
}
