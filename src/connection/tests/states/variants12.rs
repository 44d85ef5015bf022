//! Every kind of handshake of DTLS 1.2, and what the other side says in it.
//!
//! RFC 5246 §7.3 (figures 1 and 2), RFC 6347 §4.2.4 (figures 1 and 2), RFC 4279 §2, RFC 5077 §3.1.

use super::symbol::Role::{Client, Server};
use super::variants::Method::{Ecdhe, EcdhePsk, Psk};
use super::variants::{ClientCertificates, SecondHello, Session, Variant};
use crate::wire::ProtocolVersion;

/// The variants that most are variations of.
pub(super) const CLIENT: Variant = Variant {
    name: "",
    version: ProtocolVersion::DTLS1_2,
    subject: Client,
    method: Psk,
    certificates: ClientCertificates::No,
    session: Session::Once,
    second_hello: SecondHello::No,
    legal: &[],
    lies: &[],
    truth: "",
    old: None,
};

pub(super) const SERVER: Variant = Variant {
    subject: Server,
    ..CLIENT
};

/// RFC 4279 §2: without a hint there is no ServerKeyExchange, and never a certificate.
pub(super) const PSK_SERVER: &[&str] = &[
    "HelloVerifyRequest? ServerHello ServerKeyExchange? ServerHelloDone [ChangeCipherSpec] {Finished}",
];

pub(super) const ECDHE_SERVER: &[&str] = &[
    "HelloVerifyRequest? ServerHello Certificate ServerKeyExchange CertificateRequest? ServerHelloDone [ChangeCipherSpec] {Finished}",
];

/// RFC 5246 §7.4.2: a server always has a certificate. It is looked at when the flight is complete.
pub(super) const ECDHE_SERVER_LIES: &[&str] = &[
    "HelloVerifyRequest? ServerHello EmptyCertificate ServerKeyExchange CertificateRequest? ServerHelloDone!bad_certificate",
];

/// What a server says to a client under test.
#[rustfmt::skip]
pub(super) const CLIENTS: &[Variant] = &[
    Variant { name: "client, PSK", legal: PSK_SERVER,
        truth: "ServerHello ServerHelloDone [ChangeCipherSpec] {Finished}", ..CLIENT },
    Variant { name: "client, PSK, cookie", legal: PSK_SERVER,
        truth: "HelloVerifyRequest ServerHello ServerHelloDone [ChangeCipherSpec] {Finished}", ..CLIENT },
    Variant { name: "client, PSK, hint", legal: PSK_SERVER,
        truth: "ServerHello ServerKeyExchange ServerHelloDone [ChangeCipherSpec] {Finished}", ..CLIENT },
    // RFC 5077 §3.3: a ticket comes if it was announced, before the ChangeCipherSpec.
    Variant { name: "client, PSK, new ticket", session: Session::NewTicket,
        legal: &["HelloVerifyRequest? ServerHello ServerKeyExchange? ServerHelloDone NewSessionTicket [ChangeCipherSpec] {Finished}"],
        truth: "ServerHello ServerHelloDone NewSessionTicket [ChangeCipherSpec] {Finished}", ..CLIENT },
    // RFC 5489 §2: the share is always there.
    Variant { name: "client, ECDHE_PSK", method: EcdhePsk,
        legal: &["HelloVerifyRequest? ServerHello ServerKeyExchange ServerHelloDone [ChangeCipherSpec] {Finished}"],
        truth: "ServerHello ServerKeyExchange ServerHelloDone [ChangeCipherSpec] {Finished}", ..CLIENT },
    Variant { name: "client, ECDHE", method: Ecdhe, legal: ECDHE_SERVER, lies: ECDHE_SERVER_LIES,
        truth: "ServerHello Certificate ServerKeyExchange ServerHelloDone [ChangeCipherSpec] {Finished}", ..CLIENT },
    Variant { name: "client, ECDHE, asked for a certificate that it has", method: Ecdhe, certificates: ClientCertificates::Required,
        legal: ECDHE_SERVER, lies: ECDHE_SERVER_LIES,
        truth: "ServerHello Certificate ServerKeyExchange CertificateRequest ServerHelloDone [ChangeCipherSpec] {Finished}", ..CLIENT },
    Variant { name: "client, ECDHE, asked for a certificate that it lacks", method: Ecdhe, legal: ECDHE_SERVER, lies: ECDHE_SERVER_LIES,
        truth: "ServerHello Certificate ServerKeyExchange CertificateRequest ServerHelloDone [ChangeCipherSpec] {Finished}", ..CLIENT },
    Variant { name: "client, ECDHE, cookie, new ticket", method: Ecdhe, session: Session::NewTicket,
        legal: &["HelloVerifyRequest? ServerHello Certificate ServerKeyExchange CertificateRequest? ServerHelloDone NewSessionTicket [ChangeCipherSpec] {Finished}"],
        lies: ECDHE_SERVER_LIES,
        truth: "HelloVerifyRequest ServerHello Certificate ServerKeyExchange ServerHelloDone NewSessionTicket [ChangeCipherSpec] {Finished}", ..CLIENT },
    Variant { name: "client, resumed by ticket", session: Session::ByTicket,
        legal: &["HelloVerifyRequest? ServerHello [ChangeCipherSpec] {Finished}"],
        truth: "ServerHello [ChangeCipherSpec] {Finished}", ..CLIENT },
    Variant { name: "client, resumed by ticket, new ticket", session: Session::ByOldTicket,
        legal: &["HelloVerifyRequest? ServerHello NewSessionTicket [ChangeCipherSpec] {Finished}"],
        truth: "ServerHello NewSessionTicket [ChangeCipherSpec] {Finished}", ..CLIENT },
    Variant { name: "client, resumed by ID, cookie", session: Session::ById,
        legal: &["HelloVerifyRequest? ServerHello [ChangeCipherSpec] {Finished}"],
        truth: "HelloVerifyRequest ServerHello [ChangeCipherSpec] {Finished}", ..CLIENT },
];

pub(super) const CLIENT_WITHOUT_CERTIFICATE: &[&str] =
    &["ClientHello ClientKeyExchange [ChangeCipherSpec] {Finished}"];

/// RFC 6347 §4.2.1: the first hello is answered by a cookie and forgotten.
pub(super) const CLIENT_WITH_COOKIE: &[&str] =
    &["ClientHello ClientHello ClientKeyExchange [ChangeCipherSpec] {Finished}"];

/// RFC 5246 §7.4.6 and §7.4.8: whoever shows a certificate signs; whoever has none may show an empty list.
const CLIENT_ASKED: &[&str] = &[
    "ClientHello Certificate ClientKeyExchange CertificateVerify [ChangeCipherSpec] {Finished}",
    "ClientHello EmptyCertificate ClientKeyExchange [ChangeCipherSpec] {Finished}",
];

const CLIENT_ASKED_LIES: &[&str] =
    &["ClientHello Certificate ClientKeyExchange WrongCertificateVerify!decrypt_error"];

/// What a client says to a server under test.
#[rustfmt::skip]
pub(super) const SERVERS: &[Variant] = &[
    Variant { name: "server, PSK", legal: CLIENT_WITHOUT_CERTIFICATE, truth: CLIENT_WITHOUT_CERTIFICATE[0], ..SERVER },
    Variant { name: "server, PSK, cookie", second_hello: SecondHello::Cookie, legal: CLIENT_WITH_COOKIE, truth: CLIENT_WITH_COOKIE[0], ..SERVER },
    Variant { name: "server, PSK, new ticket", session: Session::NewTicket,
        legal: CLIENT_WITHOUT_CERTIFICATE, truth: CLIENT_WITHOUT_CERTIFICATE[0], ..SERVER },
    Variant { name: "server, ECDHE_PSK", method: EcdhePsk,
        legal: CLIENT_WITHOUT_CERTIFICATE, truth: CLIENT_WITHOUT_CERTIFICATE[0], ..SERVER },
    Variant { name: "server, ECDHE, cookie", method: Ecdhe, second_hello: SecondHello::Cookie,
        legal: CLIENT_WITH_COOKIE, truth: CLIENT_WITH_COOKIE[0], ..SERVER },
    Variant { name: "server, ECDHE, certificate required", method: Ecdhe, certificates: ClientCertificates::Required,
        legal: &[CLIENT_ASKED[0]], truth: CLIENT_ASKED[0],
        lies: &[CLIENT_ASKED_LIES[0], "ClientHello EmptyCertificate!handshake_failure"], ..SERVER },
    Variant { name: "server, ECDHE, certificate optional and shown", method: Ecdhe, certificates: ClientCertificates::Optional,
        legal: CLIENT_ASKED, lies: CLIENT_ASKED_LIES, truth: CLIENT_ASKED[0], ..SERVER },
    Variant { name: "server, ECDHE, certificate optional and not shown", method: Ecdhe, certificates: ClientCertificates::Optional,
        legal: CLIENT_ASKED, lies: CLIENT_ASKED_LIES, truth: CLIENT_ASKED[1], ..SERVER },
    // RFC 5246 §7.3, figure 2: the server has finished already.
    Variant { name: "server, resumed by ticket", method: Ecdhe, session: Session::ByTicket,
        legal: &["ClientHello [ChangeCipherSpec] {Finished}"], truth: "ClientHello [ChangeCipherSpec] {Finished}", ..SERVER },
    Variant { name: "server, resumed by ticket, new ticket, cookie", method: Ecdhe, session: Session::ByOldTicket, second_hello: SecondHello::Cookie,
        legal: &["ClientHello ClientHello [ChangeCipherSpec] {Finished}"],
        truth: "ClientHello ClientHello [ChangeCipherSpec] {Finished}", ..SERVER },
    Variant { name: "server, resumed by ID", method: Ecdhe, session: Session::ById,
        legal: &["ClientHello [ChangeCipherSpec] {Finished}"], truth: "ClientHello [ChangeCipherSpec] {Finished}", ..SERVER },
];
