//! The bugs that state machines of DTLS 1.2 are known for, by the names that they were published under.
//!
//! Twenty-nine are the catalogue of SMBugFinder, as made for Fiterău-Broștean et al., "Automata-Based
//! Automated Detection of State Machine Bugs in Protocol Implementations", NDSS 2023: eighteen of servers and
//! eleven of clients. The rest are its patterns with parameters, and others that had a name before.

use super::oracle::{Mode, Stage};
use super::patterns::Then::{self, Completes, Dies, GoesOn, Waits};
use super::patterns::{Pattern, UNEXPECTED, patterns, variant};
use super::run::Arena;
use super::symbol::{Content, Message, Symbol, Under, alphabet};
use crate::wire::{HandshakeType, ProtocolVersion};
use Message::{Certificate, CertificateVerify};

const PSK_SERVER: &str = "server, PSK";
const MUTUAL: &str = "server, ECDHE, certificate required";
const PSK_CLIENT: &str = "client, PSK";
const CLIENT: &str = "client, ECDHE";
const CLIENT_ASKED: &str = "client, ECDHE, asked for a certificate that it has";

#[rustfmt::skip]
patterns! {
    const PATTERNS;

    // Servers, NDSS 2023.
    server_early_finished => Pattern::of("Early Finished", PSK_SERVER,
        "ClientHello ClientKeyExchange Finished").then(UNEXPECTED, GoesOn),
    server_early_finished_under_keys => Pattern::of("Early Finished", PSK_SERVER,
        "ClientHello ClientKeyExchange {Finished}"),
    server_certificate_verify_less => Pattern::of("CertificateVerify-less Client Authentication", MUTUAL,
        "ClientHello Certificate ClientKeyExchange [ChangeCipherSpec] {Finished}")
        .without(&[CertificateVerify]).then(Waits, Waits),
    server_certificate_verify_wrong => Pattern::of("CertificateVerify-less Client Authentication", MUTUAL,
        "ClientHello Certificate ClientKeyExchange WrongCertificateVerify")
        .then(Dies("decrypt_error"), Dies("decrypt_error")),
    server_certificate_less => Pattern::of("Certificate-less Client Authentication", MUTUAL,
        "ClientHello ClientKeyExchange [ChangeCipherSpec] {Finished}")
        .without(&[Certificate, CertificateVerify]).then(UNEXPECTED, Waits),
    server_certificate_empty => Pattern::of("Certificate-less Client Authentication", MUTUAL,
        "ClientHello EmptyCertificate").then(Dies("handshake_failure"), Dies("handshake_failure")),
    server_key_exchange_before_certificate => Pattern::of("ClientKeyExchange before Certificate", MUTUAL,
        "ClientHello ClientKeyExchange Certificate").then(UNEXPECTED, GoesOn),
    server_key_exchange_after_verify => Pattern::of("ClientKeyExchange after CertificateVerify", MUTUAL,
        "ClientHello Certificate CertificateVerify ClientKeyExchange").then(UNEXPECTED, GoesOn),
    // It has no number, so this is what the network may make of an honest flight. The signature counts still.
    server_change_before_verify => Pattern::of("ChangeCipherSpec before CertificateVerify", MUTUAL,
        "ClientHello Certificate ClientKeyExchange [ChangeCipherSpec] CertificateVerify {Finished}")
        .then(Completes, Completes),
    server_verify_under_keys => Pattern::of("ChangeCipherSpec before CertificateVerify", MUTUAL,
        "ClientHello Certificate ClientKeyExchange [ChangeCipherSpec] {CertificateVerify} {Finished}")
        .then(Waits, Waits),
    server_goes_on_after_close => Pattern::of("Continue After Closure Alert", PSK_SERVER,
        "ClientHello ClientKeyExchange [ChangeCipherSpec] {Finished} {CloseNotify} {ApplicationData}")
        .then(Then::Closes, Then::Closes),
    server_goes_on_after_close_in_handshake => Pattern::of("Continue After Closure Alert", PSK_SERVER,
        "ClientHello ClientKeyExchange [ChangeCipherSpec] {CloseNotify} {Finished} {ApplicationData}")
        .then(Dies(""), Then::Closes),
    server_goes_on_after_close_of_nobody => Pattern::of("Continue After Closure Alert", PSK_SERVER,
        "ClientHello CloseNotify ClientKeyExchange").then(Dies(""), GoesOn),
    server_goes_on_after_fatal_alert => Pattern::of("Continue after Fatal Error Alert", PSK_SERVER,
        "ClientHello ClientKeyExchange [ChangeCipherSpec] {FatalAlert} {Finished}").then(Dies(""), Dies("")),
    server_goes_on_after_fatal_alert_of_nobody => Pattern::of("Continue after Fatal Error Alert", PSK_SERVER,
        "ClientHello FatalAlert ClientKeyExchange").then(Dies(""), GoesOn),
    server_finished_before_change => Pattern::of("Finished before ChangeCipherSpec", PSK_SERVER,
        "ClientHello ClientKeyExchange Finished [ChangeCipherSpec]").then(UNEXPECTED, GoesOn),
    server_finished_overtakes_change => Pattern::of("Finished before ChangeCipherSpec", PSK_SERVER,
        "ClientHello ClientKeyExchange {Finished} [ChangeCipherSpec]").then(Completes, Completes),
    server_internal_error_on_finished => Pattern::of("Internal Error on Finished", PSK_SERVER,
        "ClientHello Finished").then(UNEXPECTED, GoesOn),
    server_decrypt_error_without_keys => Pattern::of("Invalid DecryptError Alert", PSK_SERVER,
        "ClientHello WrongFinished").then(UNEXPECTED, GoesOn),
    server_finished_as_retransmission => Pattern::of("Invalid Finished as Retransmission", PSK_SERVER,
        "ClientHello ClientKeyExchange [ChangeCipherSpec] {Finished} {WrongFinished}").then(UNEXPECTED, UNEXPECTED),
    server_multiple_certificate => Pattern::of("Multiple Certificate", MUTUAL,
        "ClientHello Certificate Certificate").then(UNEXPECTED, GoesOn),
    // What comes again brings no keys and takes none away.
    server_multiple_change => Pattern::of("Multiple ChangeCipherSpec", PSK_SERVER,
        "ClientHello ClientKeyExchange [ChangeCipherSpec] [ChangeCipherSpec] {[ChangeCipherSpec]} {Finished}")
        .then(Completes, Completes),
    server_multiple_finished => Pattern::of("Multiple Finished", PSK_SERVER,
        "ClientHello ClientKeyExchange [ChangeCipherSpec] {Finished} {Finished}").then(UNEXPECTED, UNEXPECTED),

    // Clients, NDSS 2023.
    client_early_finished => Pattern::of("Client: Early Finished", PSK_CLIENT,
        "ServerHello ServerHelloDone Finished").then(UNEXPECTED, GoesOn),
    client_early_finished_under_keys => Pattern::of("Client: Early Finished", PSK_CLIENT,
        "ServerHello ServerHelloDone {Finished}"),
    client_premature_hello_request => Pattern::of("Client: Premature HelloRequest", PSK_CLIENT,
        "HelloRequest ServerHello HelloRequest ServerHelloDone HelloRequest [ChangeCipherSpec] {HelloRequest}"),
    client_decrypt_error_without_keys => Pattern::of("Client: Incorrect DecryptError Alert", PSK_CLIENT,
        "ServerHello WrongFinished").then(UNEXPECTED, GoesOn),
    client_goes_on_after_close => Pattern::of("Client: Continue after CloseNotify", PSK_CLIENT,
        "ServerHello ServerHelloDone [ChangeCipherSpec] {CloseNotify} {Finished} {ApplicationData}")
        .then(Dies(""), Then::Closes),
    client_goes_on_after_close_of_nobody => Pattern::of("Client: Continue after CloseNotify", PSK_CLIENT,
        "ServerHello CloseNotify ServerHelloDone").then(Dies(""), GoesOn),
    client_multiple_certificate => Pattern::of("Client: Multiple Certificate", CLIENT,
        "ServerHello Certificate Certificate").then(UNEXPECTED, GoesOn),
    client_request_before_certificate => Pattern::of("Client: CertReq before Cert", CLIENT_ASKED,
        "ServerHello CertificateRequest Certificate").then(UNEXPECTED, GoesOn),
    client_request_before_key_exchange => Pattern::of("Client: CertReq before SKE", CLIENT_ASKED,
        "ServerHello Certificate CertificateRequest ServerKeyExchange").then(UNEXPECTED, GoesOn),
    client_done_before_request => Pattern::of("Client: ServerHelloDone before CertReq", CLIENT_ASKED,
        "ServerHello Certificate ServerKeyExchange ServerHelloDone CertificateRequest").then(UNEXPECTED, GoesOn),
    client_flight_restart => Pattern::of("Client: ServerHello Flight Restart", CLIENT,
        "ServerHello Certificate ServerKeyExchange ServerHelloDone ServerHello Certificate ServerKeyExchange ServerHelloDone")
        .then(UNEXPECTED, GoesOn),

    // USENIX Security 2020, and others.
    // Eclipse tinyDTLS, CVE-2017-7243; OpenSSL, CVE-2009-1386.
    server_change_before_hello => Pattern::of("ChangeCipherSpec before ClientHello", PSK_SERVER,
        "[ChangeCipherSpec] ClientHello"),
    // OpenSSL, CVE-2014-0224: keys of an empty secret.
    server_change_before_key_exchange => Pattern::of("ChangeCipherSpec before ClientKeyExchange", PSK_SERVER,
        "ClientHello [ChangeCipherSpec] ?Finished? ClientKeyExchange").then(Dies("decrypt_error"), GoesOn),
    client_change_before_done => Pattern::of("ChangeCipherSpec before ServerHelloDone", PSK_CLIENT,
        "[ChangeCipherSpec] ServerHello ?Finished? ServerHelloDone").then(Dies("decrypt_error"), GoesOn),
    // Pion, CVE-2022-29222 and before; wolfSSL, CVE-2020-24613.
    server_data_in_the_clear => Pattern::of("Unauthenticated application data", PSK_SERVER,
        "ClientHello ApplicationData").then(UNEXPECTED, GoesOn),
    server_data_before_finished => Pattern::of("Application data before Finished", PSK_SERVER,
        "ClientHello ClientKeyExchange [ChangeCipherSpec] {ApplicationData} ApplicationData ?ApplicationData?"),
    server_data_in_the_clear_afterwards => Pattern::of("Unauthenticated application data", PSK_SERVER,
        "ClientHello ClientKeyExchange [ChangeCipherSpec] {Finished} ApplicationData ?ApplicationData?")
        .then(Completes, Completes),
    // JSSE, CVE-2020-2655: a verify that nobody asked for.
    server_verify_unasked => Pattern::of("Unrequested CertificateVerify", PSK_SERVER,
        "ClientHello ClientKeyExchange CertificateVerify [ChangeCipherSpec]").then(UNEXPECTED, GoesOn),
    server_hello_in_handshake => Pattern::of("ClientHello in the middle of a handshake", PSK_SERVER,
        "ClientHello ClientKeyExchange ClientHello").then(UNEXPECTED, GoesOn),
    client_late_verify_request => Pattern::of("HelloVerifyRequest after ServerHello", PSK_CLIENT,
        "ServerHello HelloVerifyRequest").then(UNEXPECTED, GoesOn),
    client_straggling_verify_request => Pattern::of("HelloVerifyRequest after ServerHello", PSK_CLIENT,
        "HelloVerifyRequest ServerHello straggler ServerHelloDone straggler"),
    client_verify_request_loop => Pattern::of("HelloVerifyRequest loop", PSK_CLIENT,
        "HelloVerifyRequest HelloVerifyRequest HelloVerifyRequest HelloVerifyRequest HelloVerifyRequest"),
    // RFC 5746: a plain hello is nothing, one under the old keys is refused.
    server_renegotiation_in_the_clear => Pattern::of("Insecure Renegotiation", PSK_SERVER,
        "ClientHello ClientKeyExchange [ChangeCipherSpec] {Finished} ClientHello ClientKeyExchange [ChangeCipherSpec]")
        .then(Completes, Completes),
}

/// The names of the catalogue that the table above has; the others are the tests below.
const CATALOGUE: [&str; 29] = [
    "Early Finished",
    "Non-conforming Cookie",
    "CertificateVerify-less Client Authentication",
    "Certificate-less Client Authentication",
    "ClientKeyExchange before Certificate",
    "ClientKeyExchange after CertificateVerify",
    "ChangeCipherSpec before CertificateVerify",
    "Continue After Closure Alert",
    "Continue after Fatal Error Alert",
    "Finished before ChangeCipherSpec",
    "HelloVerifyRequest Retransmission",
    "Internal Error on Finished",
    "Invalid DecryptError Alert",
    "Invalid Finished as Retransmission",
    "Invalid HelloVerifyRequest",
    "Multiple Certificate",
    "Multiple ChangeCipherSpec",
    "Multiple Finished",
    "Client: Early Finished",
    "Client: Premature HelloRequest",
    "Client: Incorrect DecryptError Alert",
    "Client: Continue after CloseNotify",
    "Client: Multiple Certificate",
    "Client: CertReq before Cert",
    "Client: CertReq before SKE",
    "Client: ServerHelloDone before CertReq",
    "Client: ServerHello Flight Restart",
    "Client: Unrequested Certificate",
    "Client: Invalid SHD response",
];

/// Those that are no sequences of the alphabet, and have tests of their own.
const BY_HAND: [&str; 5] = [
    "Non-conforming Cookie",
    "HelloVerifyRequest Retransmission",
    "Invalid HelloVerifyRequest",
    "Client: Unrequested Certificate",
    "Client: Invalid SHD response",
];

#[test]
fn all_29_patterns_stand_here_by_name() {
    let table = |name: &&str| PATTERNS.iter().any(|pattern| pattern.name == *name);
    let missing = CATALOGUE.iter().filter(|name| !table(name));
    let missing: Vec<_> = missing.copied().collect();
    assert_eq!(missing, BY_HAND);
}

/// "Non-conforming Cookie": one that a hello with other suites has earned.
#[test]
fn server_non_conforming_cookie() {
    let arena = Arena::new(variant("server, PSK, cookie"), Mode::Strict);
    let mut run = arena.run();
    assert!(run.say(Symbol::named("ClientHello")).unwrap());
    run.peer().change_suites();
    assert!(run.say(Symbol::named("ClientHello")).is_ok());
    let heard = &run.peer().heard().types;
    assert_eq!(heard[..], [HandshakeType::HELLO_VERIFY_REQUEST; 2]);
}

/// "HelloVerifyRequest Retransmission": one for each hello. "Invalid HelloVerifyRequest": none for anything else.
#[test]
fn server_hello_verify_requests_answer_hellos() {
    let arena = Arena::new(variant("server, PSK, cookie"), Mode::Patient);
    let hello = Symbol::named("ClientHello");
    let is_new = |symbol: &Symbol| matches!(symbol, Symbol::Record(..));
    let anything_else = || {
        alphabet(ProtocolVersion::DTLS1_2)
            .into_iter()
            .filter(is_new)
            .filter(|symbol| *symbol != hello)
    };
    let mut run = arena.run();
    for said in [0, 1] {
        for symbol in anything_else() {
            run.say(symbol).unwrap();
            assert_eq!(run.peer().heard().records, said, "{symbol}");
        }
        run.say(hello).unwrap();
    }
    run.finish().unwrap();
}

/// "Unrequested Certificate" and "Invalid SHD response": ServerHelloDone is answered by what the server asked
/// for, and a certificate only if it did.
#[test]
fn client_answers_a_server_hello_done_with_what_is_asked_for() {
    use HandshakeType as Type;
    let full = [
        Type::CERTIFICATE,
        Type::CLIENT_KEY_EXCHANGE,
        Type::CERTIFICATE_VERIFY,
    ];
    for (asked, answer) in [("", &full[1..2]), ("CertificateRequest", &full[..])] {
        for mode in [Mode::Strict, Mode::Patient] {
            let arena = Arena::new(variant(CLIENT_ASKED), mode);
            let mut run = arena.run();
            let said = format!("ServerHello Certificate ServerKeyExchange {asked} ServerHelloDone");
            for symbol in Symbol::sequence(&said) {
                assert_eq!(
                    run.peer().heard().types,
                    [Type::CLIENT_HELLO],
                    "before {symbol}"
                );
                assert!(run.say(symbol).unwrap());
            }
            let heard = [&[Type::CLIENT_HELLO], answer, &[Type::FINISHED]].concat();
            assert_eq!(run.peer().heard().types, heard);
            run.finish().unwrap();
        }
    }
}

/// "Switching Cipher Suite" (NDSS 2023, with parameters): by a second ServerHello.
#[test]
fn client_switching_cipher_suite() {
    for (mode, dead) in [(Mode::Strict, true), (Mode::Patient, false)] {
        let arena = Arena::new(variant(PSK_CLIENT), mode);
        let mut run = arena.run();
        let hello = Symbol::Record(Content::Handshake(Message::ServerHello), Under::Nothing);
        assert!(run.say(hello).unwrap());
        run.peer().change_suites();
        assert!(run.say(hello).unwrap());
        assert_eq!(run.stage() == Stage::Dead, dead);
        // The keys are those of the first suite.
        run.finish().unwrap();
        assert_eq!(run.is_established(), !dead);
    }
}
