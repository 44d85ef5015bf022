//! The bugs that state machines of TLS 1.3 and DTLS 1.3 are known for or might have, each with its sequence.
//!
//! The first are those of DTLS 1.2 that have a like (Fiterău-Broștean et al., NDSS 2023); the others are what
//! RFC 8446 and RFC 9147 forbid in words.

use super::oracle::{Mode, Stage};
use super::patterns::Then::{Closes, Completes, Dies, GoesOn};
use super::patterns::{Pattern, UNEXPECTED, patterns, variant};
use super::run::Arena;
use super::symbol::Symbol;

const CLIENT: &str = "client 1.3, certificate";
const CLIENT_ASKED: &str = "client 1.3, asked for a certificate that it has";
const PSK_CLIENT: &str = "client 1.3, PSK, tickets and new keys";
const COOKIE_CLIENT: &str = "client 1.3, PSK, cookie";
const RETRIED_CLIENT: &str = "client 1.3, HelloRetryRequest for another group";
const TICKET_CLIENT: &str = "client 1.3, ticket";
const SERVER: &str = "server 1.3, certificate";
const COOKIE_SERVER: &str = "server 1.3, PSK, cookie";
const GROUP_SERVER: &str = "server 1.3, another group";
const MUTUAL: &str = "server 1.3, certificate required";
const OPTIONAL: &str = "server 1.3, certificate optional and shown";
const PSK_SERVER: &str = "server 1.3, PSK, tickets and new keys";
const TICKET_SERVER: &str = "server 1.3, ticket, new tickets";

#[rustfmt::skip]
patterns! {
    // What proves who the other side is must not be missing, nor come in another order (RFC 8446 §4.4).
    client_certificate_less => Pattern::of("Skipped Certificate", CLIENT,
        "ServerHello {EncryptedExtensions} {CertificateVerify}").then(UNEXPECTED, UNEXPECTED),
    client_proofless => Pattern::of("Skipped Certificate and CertificateVerify", CLIENT,
        "ServerHello {EncryptedExtensions} {Finished}").then(UNEXPECTED, UNEXPECTED),
    client_certificate_verify_less => Pattern::of("Skipped CertificateVerify", CLIENT,
        "ServerHello {EncryptedExtensions} {Certificate} {Finished}").then(UNEXPECTED, UNEXPECTED),
    client_certificate_verify_wrong => Pattern::of("Wrong CertificateVerify", CLIENT,
        "ServerHello {EncryptedExtensions} {Certificate} {WrongCertificateVerify}").then(Dies("decrypt_error"), Dies("decrypt_error")),
    client_certificate_empty => Pattern::of("Empty Certificate of a server", CLIENT,
        "ServerHello {EncryptedExtensions} {EmptyCertificate}").then(Dies("decode_error"), Dies("decode_error")),
    client_multiple_certificate => Pattern::of("Multiple Certificate", CLIENT,
        "ServerHello {EncryptedExtensions} {Certificate} {Certificate}").then(UNEXPECTED, UNEXPECTED),
    client_proof_in_the_clear => Pattern::of("Certificate in the clear", CLIENT,
        "ServerHello {EncryptedExtensions} Certificate CertificateVerify").then(UNEXPECTED, GoesOn),
    server_certificate_less => Pattern::of("Certificate-less Client Authentication", MUTUAL,
        "ClientHello {Finished}").then(UNEXPECTED, UNEXPECTED),
    server_certificate_verify_less => Pattern::of("CertificateVerify-less Client Authentication", MUTUAL,
        "ClientHello {Certificate} {Finished}").then(UNEXPECTED, UNEXPECTED),
    server_certificate_verify_wrong => Pattern::of("CertificateVerify-less Client Authentication", MUTUAL,
        "ClientHello {Certificate} {WrongCertificateVerify}").then(Dies("decrypt_error"), Dies("decrypt_error")),
    server_certificate_empty => Pattern::of("Certificate-less Client Authentication", MUTUAL,
        "ClientHello {EmptyCertificate}").then(Dies("certificate_required"), Dies("certificate_required")),
    // RFC 8446 §4.4.3: only behind a certificate that is not empty.
    server_verify_of_nobody => Pattern::of("CertificateVerify behind an empty Certificate", OPTIONAL,
        "ClientHello {EmptyCertificate} {CertificateVerify}").then(UNEXPECTED, UNEXPECTED),
    server_certificate_unasked => Pattern::of("Certificate that nobody asked for", SERVER,
        "ClientHello {Certificate}").then(UNEXPECTED, UNEXPECTED),

    // EncryptedExtensions, CertificateRequest (RFC 8446 §4.3).
    client_extensions_less => Pattern::of("Skipped EncryptedExtensions", CLIENT,
        "ServerHello {Certificate}").then(UNEXPECTED, UNEXPECTED),
    // RFC 9147 §7: what is discarded is not acknowledged, which every sequence here sees to.
    client_discards => Pattern::of("ACK for a message that was discarded", RETRIED_CLIENT,
        "HelloRequest HelloRetryRequest Certificate Finished").then(UNEXPECTED, GoesOn),
    client_extensions_in_the_clear => Pattern::of("EncryptedExtensions in the clear", PSK_CLIENT,
        "ServerHello EncryptedExtensions").then(UNEXPECTED, GoesOn),
    client_extensions_before_hello => Pattern::of("EncryptedExtensions in the clear before ServerHello", PSK_CLIENT,
        "EncryptedExtensions").then(UNEXPECTED, GoesOn),
    client_extensions_overtake_hello => Pattern::of("EncryptedExtensions overtakes ServerHello", PSK_CLIENT,
        "{EncryptedExtensions} {Finished} ServerHello").then(Completes, Completes),
    client_multiple_extensions => Pattern::of("Multiple EncryptedExtensions", CLIENT,
        "ServerHello {EncryptedExtensions} {EncryptedExtensions}").then(UNEXPECTED, UNEXPECTED),
    client_request_with_psk => Pattern::of("CertificateRequest with a PSK", PSK_CLIENT,
        "ServerHello {EncryptedExtensions} {CertificateRequest}").then(UNEXPECTED, UNEXPECTED),
    client_certificate_with_psk => Pattern::of("Certificate with a PSK", TICKET_CLIENT,
        "ServerHello {EncryptedExtensions} {Certificate}").then(UNEXPECTED, UNEXPECTED),
    client_multiple_request => Pattern::of("Multiple CertificateRequest", CLIENT_ASKED,
        "ServerHello {EncryptedExtensions} {CertificateRequest} {CertificateRequest}").then(UNEXPECTED, UNEXPECTED),
    client_request_behind_certificate => Pattern::of("CertificateRequest behind Certificate", CLIENT_ASKED,
        "ServerHello {EncryptedExtensions} {Certificate} {CertificateRequest}").then(UNEXPECTED, UNEXPECTED),
    // RFC 8446 §4.6.2: who has not offered post_handshake_auth.
    client_request_afterwards => Pattern::of("CertificateRequest after the handshake", CLIENT_ASKED,
        "ServerHello {EncryptedExtensions} {Certificate} {CertificateVerify} {Finished} [CertificateRequest]").then(UNEXPECTED, UNEXPECTED),
    server_certificate_with_psk => Pattern::of("Certificate with a PSK", TICKET_SERVER,
        "ClientHello {Certificate}").then(UNEXPECTED, UNEXPECTED),

    // Finished, in its place and under its keys (RFC 8446 §4.4.4, RFC 9147 §6.1).
    client_early_finished => Pattern::of("Early Finished", PSK_CLIENT,
        "ServerHello {Finished}").then(UNEXPECTED, UNEXPECTED),
    client_finished_before_hello => Pattern::of("Early Finished", PSK_CLIENT,
        "Finished").then(UNEXPECTED, GoesOn),
    client_finished_in_the_clear => Pattern::of("Finished in the clear", PSK_CLIENT,
        "ServerHello {EncryptedExtensions} Finished").then(UNEXPECTED, GoesOn),
    client_finished_under_data_keys => Pattern::of("Finished under the keys of data", PSK_CLIENT,
        "ServerHello {EncryptedExtensions} [Finished]"),
    client_finished_under_wrong_keys => Pattern::of("Finished under wrong keys", PSK_CLIENT,
        "ServerHello {EncryptedExtensions} ?Finished?"),
    client_finished_wrong => Pattern::of("Wrong Finished", PSK_CLIENT,
        "ServerHello {EncryptedExtensions} {WrongFinished}").then(Dies("decrypt_error"), Dies("decrypt_error")),
    client_multiple_finished => Pattern::of("Multiple Finished", PSK_CLIENT,
        "ServerHello {EncryptedExtensions} {Finished} {Finished}").then(UNEXPECTED, UNEXPECTED),
    client_multiple_finished_under_data_keys => Pattern::of("Multiple Finished", PSK_CLIENT,
        "ServerHello {EncryptedExtensions} {Finished} [Finished]").then(UNEXPECTED, UNEXPECTED),
    server_early_finished => Pattern::of("Early Finished", MUTUAL,
        "ClientHello Finished").then(UNEXPECTED, GoesOn),
    server_finished_in_the_clear => Pattern::of("Finished in the clear", SERVER,
        "ClientHello Finished").then(UNEXPECTED, GoesOn),
    server_finished_under_data_keys => Pattern::of("Finished under the keys of data", SERVER,
        "ClientHello [Finished]"),
    server_finished_under_wrong_keys => Pattern::of("Finished under wrong keys", SERVER,
        "ClientHello ?Finished?").then(Dies("decrypt_error"), GoesOn),
    server_finished_wrong => Pattern::of("Wrong Finished", SERVER,
        "ClientHello {WrongFinished}").then(Dies("decrypt_error"), Dies("decrypt_error")),
    server_multiple_finished => Pattern::of("Multiple Finished", SERVER,
        "ClientHello {Finished} {Finished}").then(UNEXPECTED, UNEXPECTED),
    server_finished_as_retransmission => Pattern::of("Repeated Finished", SERVER,
        "ClientHello {Finished} again again").then(Completes, Completes),

    // Hellos (RFC 8446 §4.1, RFC 9147 §5).
    client_multiple_hello => Pattern::of("Second ServerHello", PSK_CLIENT,
        "ServerHello ServerHello").then(UNEXPECTED, GoesOn),
    client_multiple_hello_under_keys => Pattern::of("Second ServerHello", PSK_CLIENT,
        "ServerHello {ServerHello}").then(UNEXPECTED, UNEXPECTED),
    client_multiple_retry => Pattern::of("Second HelloRetryRequest", COOKIE_CLIENT,
        "HelloRetryRequest HelloRetryRequest").then(UNEXPECTED, GoesOn),
    client_repeated_retry => Pattern::of("Repeated HelloRetryRequest", COOKIE_CLIENT,
        "HelloRetryRequest again ServerHello straggler"),
    client_late_retry => Pattern::of("HelloRetryRequest after ServerHello", COOKIE_CLIENT,
        "ServerHello HelloRetryRequest").then(UNEXPECTED, GoesOn),
    client_late_retry_under_keys => Pattern::of("HelloRetryRequest after ServerHello", COOKIE_CLIENT,
        "ServerHello {HelloRetryRequest}").then(UNEXPECTED, UNEXPECTED),
    // What came early was of a handshake that is none.
    client_retry_behind_early_records => Pattern::of("HelloRetryRequest behind what follows ServerHello", COOKIE_CLIENT,
        "{EncryptedExtensions} HelloRetryRequest ServerHello").then(Dies("decrypt_error"), GoesOn),
    client_verify_request => Pattern::of("HelloVerifyRequest", PSK_CLIENT,
        "HelloVerifyRequest").then(Dies("protocol_version"), GoesOn),
    client_late_verify_request => Pattern::of("HelloVerifyRequest after HelloRetryRequest", COOKIE_CLIENT,
        "HelloRetryRequest HelloVerifyRequest").then(UNEXPECTED, GoesOn),
    server_second_hello_unasked => Pattern::of("Second ClientHello that nobody asked for", SERVER,
        "ClientHello ClientHello").then(UNEXPECTED, GoesOn),
    server_third_hello => Pattern::of("Third ClientHello", GROUP_SERVER,
        "ClientHello ClientHello ClientHello").then(UNEXPECTED, GoesOn),
    server_repeated_hello => Pattern::of("First ClientHello after the second", COOKIE_SERVER,
        "ClientHello again ClientHello straggler"),
    server_hello_afterwards_in_the_clear => Pattern::of("ClientHello after the handshake", SERVER,
        "ClientHello {Finished} ClientHello").then(Completes, Completes),
    server_hello_afterwards => Pattern::of("Renegotiation", SERVER,
        "ClientHello {Finished} [ClientHello]").then(UNEXPECTED, UNEXPECTED),
    client_hello_request => Pattern::of("Renegotiation", PSK_CLIENT,
        "ServerHello {EncryptedExtensions} {Finished} [HelloRequest]").then(UNEXPECTED, UNEXPECTED),
    client_hello_request_in_the_handshake => Pattern::of("HelloRequest", PSK_CLIENT,
        "HelloRequest ServerHello {HelloRequest}").then(UNEXPECTED, UNEXPECTED),

    // Messages of DTLS 1.2, of early data, and what is no message.
    client_server_key_exchange => Pattern::of("ServerKeyExchange", PSK_CLIENT,
        "ServerHello ServerKeyExchange ServerHelloDone").then(UNEXPECTED, GoesOn),
    client_server_key_exchange_under_keys => Pattern::of("ServerKeyExchange", PSK_CLIENT,
        "ServerHello {ServerKeyExchange}").then(UNEXPECTED, UNEXPECTED),
    client_server_hello_done => Pattern::of("ServerHelloDone", PSK_CLIENT,
        "ServerHello {EncryptedExtensions} {ServerHelloDone}").then(UNEXPECTED, UNEXPECTED),
    server_client_key_exchange => Pattern::of("ClientKeyExchange", SERVER,
        "ClientHello ClientKeyExchange").then(UNEXPECTED, GoesOn),
    server_client_key_exchange_under_keys => Pattern::of("ClientKeyExchange", SERVER,
        "ClientHello {ClientKeyExchange}").then(UNEXPECTED, UNEXPECTED),
    // RFC 9147 §5.6: DTLS has none.
    server_end_of_early_data => Pattern::of("EndOfEarlyData", PSK_SERVER,
        "ClientHello {EndOfEarlyData}").then(UNEXPECTED, UNEXPECTED),
    server_end_of_early_data_afterwards => Pattern::of("EndOfEarlyData", PSK_SERVER,
        "ClientHello {Finished} [EndOfEarlyData]").then(UNEXPECTED, UNEXPECTED),
    client_message_hash => Pattern::of("message_hash", COOKIE_CLIENT,
        "HelloRetryRequest HashOfHello").then(UNEXPECTED, GoesOn),
    server_message_hash => Pattern::of("message_hash", GROUP_SERVER,
        "ClientHello HashOfHello").then(UNEXPECTED, GoesOn),
    server_message_hash_under_keys => Pattern::of("message_hash", GROUP_SERVER,
        "ClientHello ClientHello {HashOfHello}").then(UNEXPECTED, UNEXPECTED),
    // RFC 9147 §5 and RFC 8446 §5.
    client_change_cipher_spec => Pattern::of("ChangeCipherSpec anywhere", PSK_CLIENT,
        "[ChangeCipherSpec] ServerHello [ChangeCipherSpec] {EncryptedExtensions} [ChangeCipherSpec] {Finished} [ChangeCipherSpec]")
        .then(Completes, Completes),
    server_change_cipher_spec => Pattern::of("ChangeCipherSpec anywhere", COOKIE_SERVER,
        "[ChangeCipherSpec] ClientHello [ChangeCipherSpec] ClientHello [ChangeCipherSpec] {Finished} [ChangeCipherSpec]")
        .then(Completes, Completes),
    client_change_cipher_spec_under_keys => Pattern::of("ChangeCipherSpec under keys", PSK_CLIENT,
        "ServerHello {[ChangeCipherSpec]}").then(UNEXPECTED, UNEXPECTED),
    server_change_cipher_spec_afterwards => Pattern::of("ChangeCipherSpec under keys", PSK_SERVER,
        "ClientHello {Finished} [[ChangeCipherSpec]]").then(UNEXPECTED, UNEXPECTED),

    // Application data before its time (RFC 9147 §4.2.1 and §6.1).
    client_data_in_the_clear => Pattern::of("Application data in the clear", PSK_CLIENT,
        "ApplicationData ServerHello ApplicationData").then(UNEXPECTED, GoesOn),
    client_data_before_finished => Pattern::of("Application data before Finished", PSK_CLIENT,
        "ServerHello [ApplicationData] {EncryptedExtensions} [ApplicationData] [?ApplicationData?]"),
    client_data_under_handshake_keys => Pattern::of("Application data under the keys of the handshake", PSK_CLIENT,
        "ServerHello {ApplicationData}").then(UNEXPECTED, UNEXPECTED),
    server_data_before_finished => Pattern::of("Application data before Finished", SERVER,
        "ClientHello [ApplicationData] [?ApplicationData?]"),
    server_data_under_handshake_keys => Pattern::of("Application data under the keys of the handshake", SERVER,
        "ClientHello {ApplicationData}").then(UNEXPECTED, UNEXPECTED),
    server_data_afterwards_under_handshake_keys => Pattern::of("Application data under the keys of the handshake", SERVER,
        "ClientHello {Finished} {ApplicationData}").then(UNEXPECTED, UNEXPECTED),
    server_data_under_other_keys => Pattern::of("Application data under other keys", SERVER,
        "ClientHello {Finished} ApplicationData [?ApplicationData?] >ApplicationData<").then(Completes, Completes),

    // KeyUpdate and NewSessionTicket (RFC 8446 §4.6, RFC 9147 §8).
    client_early_key_update => Pattern::of("KeyUpdate before Finished", PSK_CLIENT,
        "ServerHello {EncryptedExtensions} {KeyUpdate}").then(UNEXPECTED, UNEXPECTED),
    client_early_key_update_under_data_keys => Pattern::of("KeyUpdate before Finished", PSK_CLIENT,
        "ServerHello {EncryptedExtensions} [KeyUpdate]"),
    server_early_key_update => Pattern::of("KeyUpdate before Finished", PSK_SERVER,
        "ClientHello {KeyUpdate}").then(UNEXPECTED, UNEXPECTED),
    server_key_update_under_handshake_keys => Pattern::of("KeyUpdate under old keys", PSK_SERVER,
        "ClientHello {Finished} {KeyUpdate}").then(UNEXPECTED, UNEXPECTED),
    server_key_update_under_old_keys => Pattern::of("KeyUpdate under old keys", PSK_SERVER,
        "ClientHello {Finished} [KeyUpdate] <KeyUpdate>").then(UNEXPECTED, UNEXPECTED),
    client_ticket_under_old_keys => Pattern::of("NewSessionTicket under old keys", PSK_CLIENT,
        "ServerHello {EncryptedExtensions} {Finished} [KeyUpdate] <NewSessionTicket>").then(UNEXPECTED, UNEXPECTED),
    client_data_under_old_keys => Pattern::of("Application data that a KeyUpdate overtakes", PSK_CLIENT,
        "ServerHello {EncryptedExtensions} {Finished} [KeyUpdate] again <ApplicationData> [ApplicationData] [KeyUpdate] <ApplicationData>")
        .then(Completes, Completes),
    server_requests_for_new_keys => Pattern::of("Flood of KeyUpdates", PSK_SERVER,
        "ClientHello {Finished} [KeyUpdateRequest] [KeyUpdateRequest] [Ack] [KeyUpdateRequest] [Ack] [KeyUpdateRequest] [Ack]")
        .then(Completes, Completes),
    client_early_ticket => Pattern::of("NewSessionTicket before Finished", PSK_CLIENT,
        "ServerHello {EncryptedExtensions} {NewSessionTicket}").then(UNEXPECTED, UNEXPECTED),
    server_ticket => Pattern::of("NewSessionTicket to a server", PSK_SERVER,
        "ClientHello {Finished} [NewSessionTicket]").then(UNEXPECTED, UNEXPECTED),

    // ACK (RFC 9147 §7).
    client_acks_at_odd_times => Pattern::of("ACK at odd times", COOKIE_CLIENT,
        "Ack WrongAck HelloRetryRequest Ack ServerHello Ack {Ack} [Ack] {EncryptedExtensions} {Ack} {Finished} {Ack} [Ack] [WrongAck] Ack")
        .then(Completes, Completes),
    server_acks_at_odd_times => Pattern::of("ACK at odd times", PSK_SERVER,
        "Ack WrongAck ClientHello Ack {Ack} [Ack] {Finished} {Ack} [WrongAck] [Ack] [Ack] Ack").then(Completes, Completes),
    server_ack_of_what_is_to_come => Pattern::of("ACK of a later epoch", SERVER,
        "ClientHello {WrongAck}").then(Dies("illegal_parameter"), Dies("illegal_parameter")),
    client_ack_of_what_is_to_come => Pattern::of("ACK of a later epoch", COOKIE_CLIENT,
        "HelloRetryRequest WrongAck").then(Dies("illegal_parameter"), GoesOn),

    // Alerts (RFC 8446 §6).
    client_goes_on_after_close => Pattern::of("Continue after CloseNotify", PSK_CLIENT,
        "ServerHello {EncryptedExtensions} {CloseNotify} {Finished} [ApplicationData]").then(Dies(""), Closes),
    client_goes_on_after_close_of_nobody => Pattern::of("Continue after CloseNotify", PSK_CLIENT,
        "CloseNotify ServerHello CloseNotify").then(Dies(""), GoesOn),
    server_goes_on_after_close => Pattern::of("Continue After Closure Alert", PSK_SERVER,
        "ClientHello {Finished} [CloseNotify] [ApplicationData] [KeyUpdate]").then(Closes, Closes),
    server_goes_on_after_old_close => Pattern::of("Continue After Closure Alert", PSK_SERVER,
        "ClientHello {Finished} [KeyUpdate] <CloseNotify> [ApplicationData]").then(Closes, Closes),
    server_goes_on_after_fatal_alert => Pattern::of("Continue after Fatal Error Alert", PSK_SERVER,
        "ClientHello {FatalAlert} {Finished}").then(Dies(""), Dies("")),
    client_goes_on_after_fatal_alert => Pattern::of("Continue after Fatal Error Alert", PSK_CLIENT,
        "ServerHello {EncryptedExtensions} {Finished} [FatalAlert] [ApplicationData]").then(Dies(""), Dies("")),
    client_goes_on_after_fatal_alert_of_nobody => Pattern::of("Continue after Fatal Error Alert", PSK_CLIENT,
        "FatalAlert ServerHello FatalAlert").then(Dies(""), GoesOn),
}

/// "Non-conforming Cookie": one that a hello with other suites has earned (RFC 9147 §5.1).
#[test]
fn server_non_conforming_cookie() {
    for mode in [Mode::Strict, Mode::Patient] {
        let arena = Arena::new(variant(COOKIE_SERVER), mode);
        let mut run = arena.run();
        let hello = Symbol::named("ClientHello");
        assert!(run.say(hello).unwrap());
        run.peer().change_suites();
        assert!(run.say(hello).is_err());
        assert_eq!(run.alerts(), ["ILLEGAL_PARAMETER"]);
        assert!(!run.is_established());
    }
}

/// Switching the suite, by a ServerHello that is not of the HelloRetryRequest's mind (RFC 8446 §4.1.4), and by
/// a second one.
#[test]
fn client_switching_cipher_suite() {
    for (mode, dead) in [(Mode::Strict, true), (Mode::Patient, false)] {
        for first in ["HelloRetryRequest", "ServerHello"] {
            let arena = Arena::new(variant(COOKIE_CLIENT), mode);
            let mut run = arena.run();
            assert!(run.say(Symbol::named(first)).unwrap());
            run.peer().change_suites();
            let said = run.say(Symbol::named("ServerHello"));
            if first == "HelloRetryRequest" {
                assert!(said.is_err());
                assert_eq!(run.alerts(), ["ILLEGAL_PARAMETER"]);
                continue;
            }
            assert!(said.unwrap());
            assert_eq!(run.stage() == Stage::Dead, dead);
            // The keys are those of the first suite.
            run.finish().unwrap();
            assert_eq!(run.is_established(), !dead);
        }
    }
}
