//! Every kind of handshake of DTLS 1.2, and what the other side says in it.
//!
//! RFC 5246 §7.3 (figures 1 and 2), RFC 6347 §4.2.4 (figures 1 and 2), RFC 4279 §2, RFC 5077 §3.1.

use super::symbol::Role;
use crate::wire::{CipherSuite, KeyExchangeKind};
use KeyExchangeKind::{Ecdhe, EcdhePsk, Psk};
use Role::{Client, Server};

/// A handshake, and which side of it is under test.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) name: &'static str,
    pub(super) subject: Role,
    pub(super) method: KeyExchangeKind,
    pub(super) certificates: ClientCertificates,
    pub(super) session: Session,
    /// Whether the server, which is under test, asks for a cookie.
    pub(super) cookies: bool,
    /// All that the peer of the subject may say.
    pub(super) legal: &'static [&'static str],
    /// What is in its place and false.
    pub(super) lies: &'static [&'static str],
    /// One of the legal lines, word for word as an honest peer says it.
    pub(super) truth: &'static str,
}

/// Whether a server that is under test asks for certificates, and whether a client that is has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientCertificates {
    No,
    Optional,
    Required,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Session {
    /// A full handshake that leaves nothing behind.
    Once,
    /// A full handshake with a ticket at its end.
    NewTicket,
    /// An abbreviated handshake: the ticket is good still.
    ByTicket,
    /// Another ticket comes with it.
    ByOldTicket,
    ByNumber,
}

/// What it costs to shake hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    Least,
    /// There are neither signatures nor key agreements.
    Little,
    Much,
}

impl Variant {
    pub(super) fn suite(&self) -> CipherSuite {
        match self.method {
            Psk => CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256,
            EcdhePsk => CipherSuite::TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256,
            Ecdhe => CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        }
    }

    pub(super) fn cost(&self) -> Cost {
        match (self.method, self.session) {
            (Psk, Session::Once) if !self.cookies => Cost::Least,
            (Psk, _) => Cost::Little,
            (_, session) if session.is_resumed() => Cost::Little,
            (Ecdhe | EcdhePsk, _) => Cost::Much,
        }
    }
}

impl Session {
    pub(super) fn is_resumed(self) -> bool {
        matches!(
            self,
            Session::ByTicket | Session::ByOldTicket | Session::ByNumber
        )
    }

    /// Whether the server says that there will be a ticket.
    pub(super) fn has_new_ticket(self) -> bool {
        matches!(self, Session::NewTicket | Session::ByOldTicket)
    }
}

/// The variants that most are variations of.
const CLIENT: Variant = Variant {
    name: "",
    subject: Client,
    method: Psk,
    certificates: ClientCertificates::No,
    session: Session::Once,
    cookies: false,
    legal: &[],
    lies: &[],
    truth: "",
};

const SERVER: Variant = Variant {
    subject: Server,
    ..CLIENT
};

/// RFC 4279 §2: without a hint there is no ServerKeyExchange, and never a certificate.
const PSK_SERVER: &[&str] = &[
    "HelloVerifyRequest* ServerHello ServerKeyExchange? ServerHelloDone [ChangeCipherSpec] {Finished}",
];

const ECDHE_SERVER: &[&str] = &[
    "HelloVerifyRequest* ServerHello Certificate ServerKeyExchange CertificateRequest? ServerHelloDone [ChangeCipherSpec] {Finished}",
];

/// RFC 5246 §7.4.2: a server always has a certificate. It is looked at when the flight is complete.
const ECDHE_SERVER_LIES: &[&str] = &[
    "HelloVerifyRequest* ServerHello EmptyCertificate ServerKeyExchange CertificateRequest? ServerHelloDone!bad_certificate",
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
        legal: &["HelloVerifyRequest* ServerHello ServerKeyExchange? ServerHelloDone NewSessionTicket [ChangeCipherSpec] {Finished}"],
        truth: "ServerHello ServerHelloDone NewSessionTicket [ChangeCipherSpec] {Finished}", ..CLIENT },
    // RFC 5489 §2: the share is always there.
    Variant { name: "client, ECDHE_PSK", method: EcdhePsk,
        legal: &["HelloVerifyRequest* ServerHello ServerKeyExchange ServerHelloDone [ChangeCipherSpec] {Finished}"],
        truth: "ServerHello ServerKeyExchange ServerHelloDone [ChangeCipherSpec] {Finished}", ..CLIENT },
    Variant { name: "client, ECDHE", method: Ecdhe, legal: ECDHE_SERVER, lies: ECDHE_SERVER_LIES,
        truth: "ServerHello Certificate ServerKeyExchange ServerHelloDone [ChangeCipherSpec] {Finished}", ..CLIENT },
    Variant { name: "client, ECDHE, asked for a certificate that it has", method: Ecdhe, certificates: ClientCertificates::Required,
        legal: ECDHE_SERVER, lies: ECDHE_SERVER_LIES,
        truth: "ServerHello Certificate ServerKeyExchange CertificateRequest ServerHelloDone [ChangeCipherSpec] {Finished}", ..CLIENT },
    Variant { name: "client, ECDHE, asked for a certificate that it lacks", method: Ecdhe, legal: ECDHE_SERVER, lies: ECDHE_SERVER_LIES,
        truth: "ServerHello Certificate ServerKeyExchange CertificateRequest ServerHelloDone [ChangeCipherSpec] {Finished}", ..CLIENT },
    Variant { name: "client, ECDHE, cookie, new ticket", method: Ecdhe, session: Session::NewTicket,
        legal: &["HelloVerifyRequest* ServerHello Certificate ServerKeyExchange CertificateRequest? ServerHelloDone NewSessionTicket [ChangeCipherSpec] {Finished}"],
        lies: ECDHE_SERVER_LIES,
        truth: "HelloVerifyRequest ServerHello Certificate ServerKeyExchange ServerHelloDone NewSessionTicket [ChangeCipherSpec] {Finished}", ..CLIENT },
    Variant { name: "client, resumed by ticket", session: Session::ByTicket,
        legal: &["HelloVerifyRequest* ServerHello [ChangeCipherSpec] {Finished}"],
        truth: "ServerHello [ChangeCipherSpec] {Finished}", ..CLIENT },
    Variant { name: "client, resumed by ticket, new ticket", session: Session::ByOldTicket,
        legal: &["HelloVerifyRequest* ServerHello NewSessionTicket [ChangeCipherSpec] {Finished}"],
        truth: "ServerHello NewSessionTicket [ChangeCipherSpec] {Finished}", ..CLIENT },
    Variant { name: "client, resumed by number, cookie", session: Session::ByNumber,
        legal: &["HelloVerifyRequest* ServerHello [ChangeCipherSpec] {Finished}"],
        truth: "HelloVerifyRequest ServerHello [ChangeCipherSpec] {Finished}", ..CLIENT },
];

const CLIENT_WITHOUT_CERTIFICATE: &[&str] =
    &["ClientHello ClientKeyExchange [ChangeCipherSpec] {Finished}"];

/// RFC 6347 §4.2.1: the first hello is answered by a cookie and forgotten.
const CLIENT_WITH_COOKIE: &[&str] =
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
    Variant { name: "server, PSK, cookie", cookies: true, legal: CLIENT_WITH_COOKIE, truth: CLIENT_WITH_COOKIE[0], ..SERVER },
    Variant { name: "server, PSK, new ticket", session: Session::NewTicket,
        legal: CLIENT_WITHOUT_CERTIFICATE, truth: CLIENT_WITHOUT_CERTIFICATE[0], ..SERVER },
    Variant { name: "server, ECDHE_PSK", method: EcdhePsk,
        legal: CLIENT_WITHOUT_CERTIFICATE, truth: CLIENT_WITHOUT_CERTIFICATE[0], ..SERVER },
    Variant { name: "server, ECDHE, cookie", method: Ecdhe, cookies: true,
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
    Variant { name: "server, resumed by ticket, new ticket, cookie", method: Ecdhe, session: Session::ByOldTicket, cookies: true,
        legal: &["ClientHello ClientHello [ChangeCipherSpec] {Finished}"],
        truth: "ClientHello ClientHello [ChangeCipherSpec] {Finished}", ..SERVER },
    Variant { name: "server, resumed by number", method: Ecdhe, session: Session::ByNumber,
        legal: &["ClientHello [ChangeCipherSpec] {Finished}"], truth: "ClientHello [ChangeCipherSpec] {Finished}", ..SERVER },
];
