//! Every kind of handshake of DTLS 1.3, and what the other side says in it.
//!
//! RFC 9147 §5.7 (figures 8 to 11), RFC 8446 §2 (figures 1 to 3), §4 and appendix A. What may follow the
//! handshake is the oracle's business.

use super::symbol::Role::{Client, Server};
use super::variants::Method::{Ecdhe, EcdhePsk};
use super::variants::{ClientCertificates, SecondHello, Session, Variant};
use crate::wire::ProtocolVersion;

/// The variants that most are variations of: with certificates of servers, or with a key that both were told.
pub(super) const CLIENT: Variant = Variant {
    name: "",
    version: ProtocolVersion::DTLS1_3,
    subject: Client,
    method: Ecdhe,
    certificates: ClientCertificates::No,
    session: Session::Once,
    second_hello: SecondHello::No,
    legal: CERTIFICATE_SERVER,
    lies: CERTIFICATE_SERVER_LIES,
    truth: "",
    old: None,
};

pub(super) const PSK_CLIENT: Variant = Variant {
    method: EcdhePsk,
    legal: PSK_SERVER,
    lies: &[],
    ..CLIENT
};

pub(super) const SERVER: Variant = Variant {
    subject: Server,
    legal: CLIENT_UNASKED,
    lies: &[],
    truth: CLIENT_UNASKED[0],
    ..CLIENT
};

const CERTIFICATE_SERVER: &[&str] = &[
    "HelloRetryRequest? ServerHello {EncryptedExtensions} {CertificateRequest}? {Certificate} {CertificateVerify} {Finished}",
];

/// RFC 8446 §4.4.2.4: a server's certificate is never empty.
const CERTIFICATE_SERVER_LIES: &[&str] = &[
    "HelloRetryRequest? ServerHello {EncryptedExtensions} {CertificateRequest}? {EmptyCertificate}!decode_error",
    "HelloRetryRequest? ServerHello {EncryptedExtensions} {CertificateRequest}? {Certificate} {WrongCertificateVerify}!decrypt_error",
];

/// RFC 8446 §4.3.2 and §4.4: behind a pre-shared key there are neither certificates nor requests for them.
const PSK_SERVER: &[&str] = &["HelloRetryRequest? ServerHello {EncryptedExtensions} {Finished}"];

/// What a server says to a client under test.
#[rustfmt::skip]
pub(super) const CLIENTS13: &[Variant] = &[
    Variant { name: "client 1.3, certificate",
        truth: "ServerHello {EncryptedExtensions} {Certificate} {CertificateVerify} {Finished}", ..CLIENT },
    Variant { name: "client 1.3, asked for a certificate that it has", certificates: ClientCertificates::Required,
        truth: "ServerHello {EncryptedExtensions} {CertificateRequest} {Certificate} {CertificateVerify} {Finished}", ..CLIENT },
    Variant { name: "client 1.3, asked for a certificate that it lacks",
        truth: "ServerHello {EncryptedExtensions} {CertificateRequest} {Certificate} {CertificateVerify} {Finished}", ..CLIENT },
    Variant { name: "client 1.3, HelloRetryRequest for another group", second_hello: SecondHello::Group,
        truth: "HelloRetryRequest ServerHello {EncryptedExtensions} {Certificate} {CertificateVerify} {Finished}", ..CLIENT },
    Variant { name: "client 1.3, PSK, cookie",
        truth: "HelloRetryRequest ServerHello {EncryptedExtensions} {Finished}", ..PSK_CLIENT },
    Variant { name: "client 1.3, PSK, tickets and new keys", session: Session::NewTicket,
        truth: "ServerHello {EncryptedExtensions} {Finished} [NewSessionTicket] [KeyUpdate] [Ack] [KeyUpdateRequest]", ..PSK_CLIENT },
    Variant { name: "client 1.3, ticket", method: Ecdhe, session: Session::ByTicket,
        truth: "ServerHello {EncryptedExtensions} {Finished}", ..PSK_CLIENT },
];

const CLIENT_UNASKED: &[&str] = &["ClientHello {Finished}"];

/// RFC 9147 §5.1: after a HelloRetryRequest there is another hello.
pub(super) const CLIENT_TWICE: &[&str] = &["ClientHello ClientHello {Finished}"];

/// RFC 8446 §4.4.2 and §4.4.3: whoever shows a certificate signs; whoever has none shows an empty list.
const CLIENT_ASKED: &[&str] = &[
    "ClientHello {Certificate} {CertificateVerify} {Finished}",
    "ClientHello {EmptyCertificate} {Finished}",
];

const CLIENT_ASKED_LIES: &[&str] =
    &["ClientHello {Certificate} {WrongCertificateVerify}!decrypt_error"];

/// What a client says to a server under test.
#[rustfmt::skip]
pub(super) const SERVERS13: &[Variant] = &[
    Variant { name: "server 1.3, certificate", ..SERVER },
    Variant { name: "server 1.3, certificate, cookie", second_hello: SecondHello::Cookie,
        legal: CLIENT_TWICE, truth: CLIENT_TWICE[0], ..SERVER },
    Variant { name: "server 1.3, another group", second_hello: SecondHello::Group,
        legal: CLIENT_TWICE, truth: CLIENT_TWICE[0], ..SERVER },
    Variant { name: "server 1.3, certificate required", certificates: ClientCertificates::Required,
        legal: &[CLIENT_ASKED[0]], truth: CLIENT_ASKED[0],
        lies: &[CLIENT_ASKED_LIES[0], "ClientHello {EmptyCertificate}!certificate_required"], ..SERVER },
    Variant { name: "server 1.3, certificate optional and shown", certificates: ClientCertificates::Optional,
        legal: CLIENT_ASKED, lies: CLIENT_ASKED_LIES, truth: CLIENT_ASKED[0], ..SERVER },
    Variant { name: "server 1.3, certificate optional and not shown", certificates: ClientCertificates::Optional,
        legal: CLIENT_ASKED, lies: CLIENT_ASKED_LIES, truth: CLIENT_ASKED[1], ..SERVER },
    Variant { name: "server 1.3, PSK, cookie", method: EcdhePsk, second_hello: SecondHello::Cookie,
        legal: CLIENT_TWICE, truth: CLIENT_TWICE[0], ..SERVER },
    Variant { name: "server 1.3, PSK, tickets and new keys", method: EcdhePsk, session: Session::NewTicket,
        truth: "ClientHello {Finished} [KeyUpdateRequest] [Ack] [Ack] [KeyUpdate]", ..SERVER },
    // RFC 8446 §4.3.2: a server that goes on with a session asks for no certificate.
    Variant { name: "server 1.3, ticket, new tickets", session: Session::ByOldTicket, certificates: ClientCertificates::Optional,
        truth: "ClientHello {Finished}", ..SERVER },
];
