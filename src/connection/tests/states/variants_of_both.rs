//! Handshakes of a side that offers or takes both versions, which is what it does by default.
//!
//! RFC 8446 §4.1.3, §4.2.1 and appendix D; RFC 9147 §5.1 and §5.3. What may follow what is in [`variants12`] and
//! [`variants13`]; which of the two it is, is the oracle's business.
//!
//! [`variants12`]: super::variants12
//! [`variants13`]: super::variants13

use super::variants::Method::Ecdhe;
use super::variants::{SecondHello, Variant};
use super::{variants12, variants13};

/// What a client's handshakes are if the server chooses DTLS 1.2.
const OLD_CLIENT: Variant = Variant {
    method: Ecdhe,
    legal: variants12::ECDHE_SERVER,
    lies: variants12::ECDHE_SERVER_LIES,
    ..variants12::CLIENT
};

const CLIENT: Variant = Variant {
    old: Some(&OLD_CLIENT),
    ..variants13::CLIENT
};

const PSK_CLIENT: Variant = Variant {
    old: Some(&Variant {
        legal: variants12::PSK_SERVER,
        ..variants12::CLIENT
    }),
    ..variants13::PSK_CLIENT
};

/// What a server says to a client under test.
#[rustfmt::skip]
pub(super) const CLIENTS_OF_BOTH: &[Variant] = &[
    Variant { name: "client of both, certificate, 1.3",
        truth: "ServerHello {EncryptedExtensions} {Certificate} {CertificateVerify} {Finished}", ..CLIENT },
    Variant { name: "client of both, certificate, 1.2",
        truth: "HelloVerifyRequest OldServerHello Certificate ServerKeyExchange ServerHelloDone [ChangeCipherSpec] (Finished)", ..CLIENT },
    Variant { name: "client of both, PSK, 1.3 behind a HelloRetryRequest",
        truth: "HelloRetryRequest ServerHello {EncryptedExtensions} {Finished}", ..PSK_CLIENT },
    Variant { name: "client of both, PSK, 1.2",
        truth: "OldServerHello ServerHelloDone [ChangeCipherSpec] (Finished)", ..PSK_CLIENT },
];

/// It believes no hello without a cookie, as by default.
const SERVER: Variant = Variant {
    second_hello: SecondHello::Cookie,
    legal: variants13::CLIENT_TWICE,
    truth: variants13::CLIENT_TWICE[0],
    old: Some(&Variant {
        method: Ecdhe,
        second_hello: SecondHello::Cookie,
        legal: variants12::CLIENT_WITH_COOKIE,
        ..variants12::SERVER
    }),
    ..variants13::SERVER
};

const TRUSTING_SERVER: Variant = Variant {
    method: super::variants::Method::EcdhePsk,
    old: Some(&Variant {
        legal: variants12::CLIENT_WITHOUT_CERTIFICATE,
        ..variants12::SERVER
    }),
    ..variants13::SERVER
};

/// What a client says to a server under test.
#[rustfmt::skip]
pub(super) const SERVERS_OF_BOTH: &[Variant] = &[
    Variant { name: "server of both, certificate, cookie, 1.3", ..SERVER },
    Variant { name: "server of both, certificate, cookie, 1.2",
        truth: "OldClientHello OldClientHello ClientKeyExchange [ChangeCipherSpec] (Finished)", ..SERVER },
    Variant { name: "server of both, PSK, 1.3", ..TRUSTING_SERVER },
    Variant { name: "server of both, PSK, 1.2",
        truth: "OldClientHello ClientKeyExchange [ChangeCipherSpec] (Finished)", ..TRUSTING_SERVER },
];
