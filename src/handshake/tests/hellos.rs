//! What each side refuses in the other's hello, whatever comes behind it.

use super::honest::*;
use super::puppet::{Puppet, Verdict};
use crate::certificate::ServerName;
use crate::codec::Writer;
use crate::config::{ClientConfig, ConfigBuilder, ExtendedMasterSecret, ServerConfig};
use crate::error::Error;
use crate::wire::{
    CipherSuite, ClientHello, ExtensionType, HandshakeType, ProtocolVersion, ServerHello,
    SrtpChoice, SrtpProfile,
};

type Client = ConfigBuilder<ClientConfig>;
type Server = ConfigBuilder<ServerConfig>;

const GCM: SrtpProfile = SrtpProfile::SRTP_AEAD_AES_128_GCM;
const CM: SrtpProfile = SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_80;

fn choice(profile: SrtpProfile, mki: &[u8]) -> Option<SrtpChoice> {
    let mki = mki.to_vec();
    Some(SrtpChoice { profile, mki })
}

/// A client that asks for everything.
fn curious(client: Client) -> Client {
    client
        .alpn(["coap"])
        .srtp_profiles([GCM])
        .cipher_suites([SUITE, CipherSuite::TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256])
}

#[test]
fn a_client_takes_what_it_has_offered() {
    type Case = (&'static str, fn(Client) -> Client, fn(&mut ServerHello));
    let cases: [Case; 8] = [
        ("the least", |client| client, |_| ()),
        (
            "an empty renegotiation_info",
            |client| client,
            |answer| {
                answer.extensions.renegotiation_info = Some(Vec::new());
            },
        ),
        (
            "no extended master secret",
            |client| client.extended_master_secret(ExtendedMasterSecret::Optional),
            |answer| answer.extensions.extended_master_secret = false,
        ),
        ("a protocol", curious, |answer| {
            answer.extensions.alpn = Some(b"coap".to_vec());
        }),
        ("a profile for SRTP", curious, |answer| {
            answer.extensions.use_srtp = choice(GCM, &[]);
        }),
        ("the format of points", curious, |answer| {
            answer.extensions.ec_point_formats = true;
        }),
        ("a ticket", curious, |answer| {
            answer.extensions.session_ticket = true;
        }),
        ("its name", curious, |answer| {
            answer.extensions.server_name = true;
        }),
    ];
    for (case, config, say) in cases {
        let name = ServerName::new("server.test").unwrap();
        let mut puppet = Puppet::server(config(client()), name);
        puppet.hear::<ClientHello>();
        let mut answer = answer();
        say(&mut answer);
        puppet.say(&answer);
        assert_eq!(puppet.verdict(), Verdict::Waits, "{case}");
    }
}

#[test]
fn b24_d07_d14_p54_a_client_takes_nothing_else() {
    let unsolicited = Error::UnsolicitedExtension;
    type Case = (
        &'static str,
        fn(Client) -> Client,
        fn(&mut ServerHello),
        Error,
    );
    let same: fn(Client) -> Client = |client| client;
    let cases: [Case; 19] = [
        (
            "an older version",
            same,
            |answer| answer.version = ProtocolVersion::DTLS1_0,
            Error::UnsupportedVersion(ProtocolVersion::DTLS1_0),
        ),
        (
            "a newer version",
            same,
            |answer| answer.version = ProtocolVersion(0xfefc),
            Error::UnsupportedVersion(ProtocolVersion(0xfefc)),
        ),
        (
            "a suite that it knows",
            same,
            |answer| answer.cipher_suite = OTHER_SUITE,
            Error::SuiteNotOffered(OTHER_SUITE),
        ),
        (
            "a suite that nobody knows",
            same,
            |answer| answer.cipher_suite = CipherSuite(0xfafa),
            Error::SuiteNotOffered(CipherSuite(0xfafa)),
        ),
        (
            "compression",
            same,
            |answer| answer.compression_method = 1,
            Error::IllegalParameter("compression method"),
        ),
        (
            "a renegotiation",
            same,
            |answer| answer.extensions.renegotiation_info = Some(vec![1; 12]),
            Error::BadRenegotiationInfo,
        ),
        (
            "no extended master secret",
            same,
            |answer| answer.extensions.extended_master_secret = false,
            Error::NoExtendedMasterSecret,
        ),
        (
            "a protocol of another kind",
            curious,
            |answer| answer.extensions.alpn = Some(b"h2".to_vec()),
            Error::IllegalParameter("application protocol"),
        ),
        (
            "a profile for SRTP of another kind",
            curious,
            |answer| answer.extensions.use_srtp = choice(CM, &[]),
            Error::IllegalParameter("SRTP profile"),
        ),
        (
            "a master key identifier",
            curious,
            |answer| answer.extensions.use_srtp = choice(GCM, &[1]),
            Error::IllegalParameter("SRTP master key identifier"),
        ),
        (
            "a name that it has not called",
            same,
            |answer| answer.extensions.server_name = true,
            unsolicited(ExtensionType::SERVER_NAME),
        ),
        (
            "points without curves",
            same,
            |answer| answer.extensions.ec_point_formats = true,
            unsolicited(ExtensionType::EC_POINT_FORMATS),
        ),
        (
            "a profile unasked",
            same,
            |answer| answer.extensions.use_srtp = choice(GCM, &[]),
            unsolicited(ExtensionType::USE_SRTP),
        ),
        (
            "a protocol unasked",
            same,
            |answer| answer.extensions.alpn = Some(b"coap".to_vec()),
            unsolicited(ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION),
        ),
        (
            "a protocol unasked, where any is allowed",
            |client| client.allow_unknown_alpn(),
            |answer| answer.extensions.alpn = Some(b"coap".to_vec()),
            unsolicited(ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION),
        ),
        (
            "a ticket unasked",
            |client| client.without_resumption(),
            |answer| answer.extensions.session_ticket = true,
            unsolicited(ExtensionType::SESSION_TICKET),
        ),
        (
            "no session, and a session ID",
            same,
            |answer| {
                answer.session_id = vec![1; 32];
                answer.extensions.server_name = true;
            },
            unsolicited(ExtensionType::SERVER_NAME),
        ),
        (
            "suites before versions",
            same,
            |answer| {
                answer.version = ProtocolVersion::DTLS1_0;
                answer.cipher_suite = OTHER_SUITE;
            },
            Error::UnsupportedVersion(ProtocolVersion::DTLS1_0),
        ),
        (
            "a suite for certificates",
            same,
            |answer| answer.cipher_suite = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            Error::SuiteNotOffered(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
        ),
    ];
    for (case, config, lie, error) in cases {
        let mut puppet = Puppet::server(config(client()), ServerName::unnamed());
        puppet.hear::<ClientHello>();
        let mut answer = answer();
        lie(&mut answer);
        puppet.say(&answer);
        assert_eq!(puppet.verdict(), Verdict::Failed(error), "{case}");
    }
}

/// RFC 5246 §7.4.1.4: that goes for extensions that the client has never heard of, too, and for those
/// that have no place in a server's hello.
#[test]
fn p54_a_client_takes_no_answer_to_what_it_does_not_ask() {
    let known = [
        ExtensionType::SUPPORTED_GROUPS,
        ExtensionType::SIGNATURE_ALGORITHMS,
    ];
    for typ in known.into_iter().chain([0xfafa, 1, 50].map(ExtensionType)) {
        let mut puppet = Puppet::server(curious(client()), ServerName::unnamed());
        puppet.hear::<ClientHello>();
        let body = Writer::bytes_of(|w| {
            w.u16(ProtocolVersion::DTLS1_2.0);
            w.bytes(&[0x51; 32]);
            w.vec8(|_| ());
            w.u16(SUITE.0);
            w.u8(0);
            w.vec16(|w| {
                for typ in [ExtensionType::EXTENDED_MASTER_SECRET, typ] {
                    w.u16(typ.0);
                    w.vec16(|_| ());
                }
            });
        });
        puppet.say_bytes(HandshakeType::SERVER_HELLO, &body);
        let unsolicited = Error::UnsolicitedExtension(typ);
        assert_eq!(puppet.verdict(), Verdict::Failed(unsolicited));
    }
}

#[test]
fn d14_a_server_refuses_a_hello_that_it_cannot_answer() {
    type Case = (
        &'static str,
        fn(Server) -> Server,
        fn(&mut ClientHello),
        Verdict,
    );
    let same: fn(Server) -> Server = |server| server;
    let cases: [Case; 9] = [
        ("the least", same, |_| (), Verdict::Waits),
        (
            "a newer version",
            same,
            |hello| hello.version = ProtocolVersion(0xfefc),
            Verdict::Waits,
        ),
        (
            "an older version",
            same,
            |hello| hello.version = ProtocolVersion::DTLS1_0,
            Verdict::Failed(Error::UnsupportedVersion(ProtocolVersion::DTLS1_0)),
        ),
        (
            "compression only",
            same,
            |hello| hello.compression_methods = vec![1],
            Verdict::Failed(Error::IllegalParameter("list of compression methods")),
        ),
        (
            "a renegotiation",
            same,
            |hello| hello.extensions.renegotiation_info = Some(vec![1; 12]),
            Verdict::Failed(Error::BadRenegotiationInfo),
        ),
        (
            "no extended master secret",
            same,
            |hello| hello.extensions.extended_master_secret = false,
            Verdict::Failed(Error::NoExtendedMasterSecret),
        ),
        (
            "no extended master secret, where it need not be",
            |server| server.extended_master_secret(ExtendedMasterSecret::Optional),
            |hello| hello.extensions.extended_master_secret = false,
            Verdict::Waits,
        ),
        (
            "other suites",
            |server| server.cipher_suites([OTHER_SUITE]),
            |_| (),
            Verdict::Failed(Error::NoCommonCipherSuite),
        ),
        (
            "other protocols",
            |server| server.alpn(["coap"]),
            |hello| hello.extensions.alpn = Some(vec![b"h2".to_vec()]),
            Verdict::Failed(Error::NoCommonProtocol),
        ),
    ];
    for (case, config, lie, verdict) in cases {
        let mut hello = hello();
        lie(&mut hello);
        let puppet = Puppet::client(config(server()), &hello);
        assert_eq!(puppet.verdict(), verdict, "{case}");
    }
}
