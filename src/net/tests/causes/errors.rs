//! Every error, and the alert that tells the peer of it.

use super::certificates::refused;
use super::table;
use crate::certificate::{CertificateVerifier, Identity, PeerCertificates};
use crate::codec::DecodeError;
use crate::config::{
    AlpnChoice, ClientAuth, ClientConfig, ExtendedMasterSecret, ServerConfig, ServerIdentity,
    ServerTrust,
};
use crate::error::{CertificateError, Error};
use crate::net::tests::world::{
    Client, SUITE, Server, Side, Stage, World, client, client13, edit, fragment, plain, psk,
    server, whole,
};
use crate::wire::{
    AlertDescription, Body, CipherSuite, ClientHello, ContentType, EcdhOffer, HandshakeType,
    MAX_PLAINTEXT, NamedGroup, ProtocolVersion, ServerHello, ServerKeyExchange, SignatureScheme,
    SrtpChoice, SrtpProfile,
};
use std::num::NonZeroU32;
use std::time::Duration;

/// How an error comes about.
enum Row {
    /// It ends this side, which tells the peer by this alert.
    Told(AlertDescription, fn() -> Side),
    /// It ends this side, which tells the peer what the verifier chose.
    Silent,
    /// Nothing that a peer does brings it about. It would be told by this alert.
    Never(AlertDescription, Error),
}
use Row::{Never, Silent, Told};

pub(super) fn ends(mut world: World, side: fn(World) -> Side) -> Side {
    world.run();
    side(world)
}

pub(super) fn of_client(world: World) -> Side {
    world.client
}

fn of_server(world: World) -> Side {
    world.server
}

/// The client of an honest server hears this before the answer to its hello.
fn client_hears(datagrams: &[Vec<u8>]) -> Side {
    let mut world = World::new(client(), server());
    world.client.pass();
    datagrams.iter().for_each(|d| world.client.hear(d.clone()));
    ends(world, of_client)
}

/// The client of a server whose flight is changed on the way.
fn client_of(tamper: impl FnMut(Vec<u8>) -> Vec<u8> + Send + 'static) -> Side {
    let world = World::new(client(), server());
    world.server.tamper(tamper);
    ends(world, of_client)
}

fn client_of_hello(change: fn(&mut ServerHello)) -> Side {
    client_of(move |datagram| edit(datagram, change))
}

fn client_of_offer(change: fn(&mut EcdhOffer)) -> Side {
    client_of(move |datagram| {
        edit(datagram, |exchange: &mut ServerKeyExchange| {
            let (hint, mut offer) = exchange.as_ecdhe_psk().unwrap();
            change(&mut offer);
            *exchange = ServerKeyExchange::ecdhe_psk(&hint, &offer);
        })
    })
}

/// The server of a client whose hello is changed on the way.
fn server_of_hello(client: Client, server: Server, change: fn(&mut ClientHello)) -> Side {
    let world = World::new(client, server);
    world.client.tamper(move |datagram| edit(datagram, change));
    ends(world, of_server)
}

fn server_of(client: Client, server: Server) -> Side {
    ends(World::new(client, server), of_server)
}

/// An established client hears a record of its peer's own making.
fn client_hears_record(content_type: ContentType, plaintext: &[u8]) -> Side {
    let (world, mut forger) = World::with_forger(client(), server());
    world.client.hear(forger.record(content_type, plaintext));
    failed_on_recv(world.client)
}

fn failed_on_recv(mut side: Side) -> Side {
    let error = side.socket().recv(&mut [0; 64]).unwrap_err();
    side.stage = Stage::Failed(error);
    side
}

pub(super) struct Anybody;

impl CertificateVerifier for Anybody {
    fn verify(&self, _: &PeerCertificates<'_>) -> Result<(), CertificateError> {
        Ok(())
    }
}

pub(super) fn certified_server() -> Server {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["server.test".to_owned()]).unwrap();
    let chain = vec![params.self_signed(&key).unwrap().der().to_vec()];
    let identity = Identity::from_der(chain, &key.serialize_der()).unwrap();
    ServerConfig::builder(ServerIdentity::certificate(identity)).suspicion(Duration::ZERO)
}

pub(super) fn verifying_client(verifier: impl CertificateVerifier + 'static) -> Client {
    verifying_client13(verifier).versions([ProtocolVersion::DTLS1_2])
}

fn verifying_client13(verifier: impl CertificateVerifier + 'static) -> Client {
    ClientConfig::builder(ServerTrust::custom(verifier)).suspicion(Duration::ZERO)
}

type Rows = Vec<(fn(&Error) -> bool, Row)>;

fn rows() -> Rows {
    use AlertDescription as A;
    table!(Error:
        // What concerns this side only, or the peer knows already.
        Error::Io(_) | Error::Config(_) | Error::WantRead | Error::ReadTimeout => Silent,
        Error::Closed | Error::ReplacedByNewHandshake | Error::Idle => Silent,
        Error::HelloVerifyRequired | Error::NoCookieContext => Silent,
        Error::BufferTooSmall { .. } | Error::MessageTooLong { .. } | Error::EmptyMessage => Silent,
        Error::ListenerClosed | Error::TooManyConnections => Silent,
        Error::NoExporter | Error::NoKeyUpdate => Silent,
        Error::PeerAlert(_) | Error::NumbersExhausted => Silent,

        Error::HandshakeTimeout { .. } => Told(A::UNEXPECTED_MESSAGE, || {
            let patient = client().suspicion(Duration::from_secs(9));
            let hurried = patient.handshake_deadline(Duration::from_secs(2));
            let mut world = World::new(hurried, server());
            world.client.pass();
            world.client.hear(whole(HandshakeType::SERVER_HELLO_DONE, 0, b""));
            world.client.pass();
            *world.client.plug.time.lock() += Duration::from_secs(3);
            world.client.pass();
            world.client
        }),
        Error::Refused(_) => Told(A::ACCESS_DENIED, || {
            let nobody = ClientConfig::builder(ServerTrust::psk_for_hint(|_| None));
            ends(World::new(nobody.cipher_suites([SUITE]), server()), of_client)
        }),
        Error::Decode { cause: DecodeError::IllegalValue, .. } => Told(A::ILLEGAL_PARAMETER, || {
            client_of(|datagram| {
                edit(datagram, |exchange: &mut ServerKeyExchange| {
                    let (hint, _) = exchange.as_ecdhe_psk().unwrap();
                    let mut bytes = exchange.encode();
                    // The kind of the curve.
                    bytes[2 + hint.len()] = 1;
                    *exchange = ServerKeyExchange::decode(&bytes).unwrap();
                })
            })
        }),
        Error::Decode { .. } => Told(A::DECODE_ERROR, || {
            client_hears(&[plain(ContentType::HANDSHAKE, b"short")])
        }),
        Error::UnexpectedMessage { .. } => Told(A::UNEXPECTED_MESSAGE, || {
            client_hears(&[whole(HandshakeType::SERVER_HELLO_DONE, 0, b"")])
        }),
        Error::UnexpectedRecord(_) => Told(A::UNEXPECTED_MESSAGE, || {
            client_hears(&[plain(ContentType::APPLICATION_DATA, b"early")])
        }),
        Error::FragmentMismatch => Told(A::ILLEGAL_PARAMETER, || {
            client_hears(&[20, 30].map(|length| fragment(HandshakeType::SERVER_HELLO, 0, length, b"-")))
        }),
        Error::HandshakeMessageTooLong { .. } => Told(A::ILLEGAL_PARAMETER, || {
            client_hears(&[fragment(HandshakeType::SERVER_HELLO, 0, 0xff_ffff, b"-")])
        }),
        Error::ExcessHandshakeData => Told(A::UNEXPECTED_MESSAGE, || {
            // In the clear, in the place of the Finished, which comes under keys.
            let mut world = World::new(client(), server());
            world.client.pass();
            world.server.pass();
            world.server.hear(fragment(HandshakeType::FINISHED, 2, 12, b"-"));
            ends(world, of_server)
        }),
        Error::RecordOverflow => Told(A::RECORD_OVERFLOW, || {
            client_hears_record(ContentType::APPLICATION_DATA, &[0; MAX_PLAINTEXT + 1])
        }),
        Error::IllegalParameter(_) => Told(A::ILLEGAL_PARAMETER, || {
            client_hears(&[plain(ContentType::CHANGE_CIPHER_SPEC, &[2])])
        }),
        Error::UnsupportedVersion(_) => Told(A::PROTOCOL_VERSION, || {
            client_of_hello(|hello| hello.version = ProtocolVersion::DTLS1_0)
        }),
        Error::NoCommonCipherSuite => Told(A::HANDSHAKE_FAILURE, || {
            let other = [CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256];
            server_of(client(), server().cipher_suites(other))
        }),
        Error::SuiteNotOffered(_) => Told(A::ILLEGAL_PARAMETER, || {
            client_of_hello(|hello| hello.cipher_suite = CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256)
        }),
        Error::NoCommonGroup => Told(A::HANDSHAKE_FAILURE, || {
            let client = client().groups([NamedGroup::X25519]);
            server_of(client, server().groups([NamedGroup::SECP384R1]))
        }),
        Error::GroupNotOffered(_) => Told(A::ILLEGAL_PARAMETER, || {
            client_of_offer(|offer| offer.group = NamedGroup(25))
        }),
        Error::NoCommonSignatureScheme => Told(A::HANDSHAKE_FAILURE, || {
            server_of_hello(verifying_client(Anybody), certified_server(), |hello| {
                hello.extensions.signature_algorithms = Some(vec![SignatureScheme(0x0203)]);
            })
        }),
        Error::UnknownServerName(_) => Told(A::UNRECOGNIZED_NAME, || {
            let nameless = ServerIdentity::resolver(|_: Option<&str>| Vec::new());
            server_of(verifying_client(Anybody), ServerConfig::builder(nameless))
        }),
        Error::NoCommonProtocol => Told(A::NO_APPLICATION_PROTOCOL, || {
            server_of(client().alpn(["coap"]), server().alpn(["chat"]))
        }),
        Error::ProtocolNotOffered(_) => Told(A::INTERNAL_ERROR, || {
            let selector = |_: &[Vec<u8>]| AlpnChoice::Select(b"chat".to_vec());
            server_of(client().alpn(["coap"]), server().alpn_selector(selector))
        }),
        Error::NoExtendedMasterSecret => Told(A::HANDSHAKE_FAILURE, || {
            client_of_hello(|hello| hello.extensions.extended_master_secret = false)
        }),
        Error::BadRenegotiationInfo => Told(A::HANDSHAKE_FAILURE, || {
            client_of_hello(|hello| hello.extensions.renegotiation_info = Some(vec![1]))
        }),
        Error::UnsolicitedExtension(_) => Told(A::UNSUPPORTED_EXTENSION, || {
            client_of_hello(|hello| {
                hello.extensions.use_srtp = Some(SrtpChoice {
                    profile: SrtpProfile::SRTP_AEAD_AES_128_GCM,
                    mki: Vec::new(),
                });
            })
        }),
        Error::BadKeyShare => Told(A::ILLEGAL_PARAMETER, || {
            client_of_offer(|offer| offer.share.fill(0))
        }),
        Error::NoCertificate => Told(A::HANDSHAKE_FAILURE, || {
            let server = certified_server().client_auth(ClientAuth::required(Anybody));
            server_of(verifying_client(Anybody), server)
        }),
        Error::Certificate(_) => Told(A::UNKNOWN_CA, || refused(CertificateError::UnknownIssuer)),
        Error::BadSignature => Told(A::DECRYPT_ERROR, || {
            let world = World::new(verifying_client(Anybody), certified_server());
            // The random is signed.
            world.server.tamper(|datagram| edit(datagram, |hello: &mut ServerHello| hello.random[0] ^= 1));
            ends(world, of_client)
        }),
        Error::BadFinished => Told(A::DECRYPT_ERROR, || {
            // The keys are the same, as they do not depend on the transcript, which is another.
            let optional = ExtendedMasterSecret::Optional;
            let (client, server) = (
                client().extended_master_secret(optional),
                server().extended_master_secret(optional),
            );
            server_of_hello(client, server, |hello| {
                hello.extensions.extended_master_secret = false;
            })
        }),
        Error::CannotDecrypt => Told(A::DECRYPT_ERROR, || {
            let other = ServerConfig::builder(ServerIdentity::psk(psk(8)));
            server_of(client(), other.suspicion(Duration::ZERO))
        }),
        Error::TooManyBadRecords { .. } => Told(A::BAD_RECORD_MAC, || {
            let world = World::established(client().bad_mac_limit(NonZeroU32::new(1)), server());
            world.server.socket().send(b"message").unwrap();
            let mut forged = world.server.intercept();
            *forged.last_mut().unwrap() ^= 1;
            world.client.hear(forged);
            failed_on_recv(world.client)
        }),
        // What only DTLS 1.3 knows.
        Error::MissingExtension(_) => Told(A::MISSING_EXTENSION, || {
            server_of_hello(client13(), server(), |hello| hello.extensions.key_shares = None)
        }),
        Error::VersionNotOffered(_) => Told(A::ILLEGAL_PARAMETER, || {
            let world = World::new(client13(), server());
            world.server.tamper(|datagram| {
                edit(datagram, |hello: &mut ServerHello| {
                    hello.extensions.selected_version = Some(ProtocolVersion::DTLS1_2);
                })
            });
            ends(world, of_client)
        }),
        Error::Downgrade => Told(A::ILLEGAL_PARAMETER, || {
            let world = World::new(client13(), server());
            world.client.tamper(|datagram| {
                edit(datagram, |hello: &mut ClientHello| {
                    hello.extensions.supported_versions = None;
                })
            });
            ends(world, of_client)
        }),
        Error::CertificateRequired => Told(A::CERTIFICATE_REQUIRED, || {
            let server = certified_server().client_auth(ClientAuth::required(Anybody));
            server_of(verifying_client13(Anybody), server)
        }),
        Error::UnknownPskIdentity => Told(A::DECRYPT_ERROR, || {
            let other = ServerConfig::builder(ServerIdentity::psk(psk(8)));
            server_of(client13(), other.suspicion(Duration::ZERO))
        }),
        // BoringSSL's tests get there, by 65,533 updates.
        Error::TooManyKeyUpdates => Never(A::UNEXPECTED_MESSAGE, Error::TooManyKeyUpdates),
        // The application's own.
        Error::Aborted(_) => Told(A::ACCESS_DENIED, || {
            let world = World::established(client(), server());
            world.client.socket().abort(A::ACCESS_DENIED);
            failed_on_recv(world.client)
        }),
        // The machine's own troubles.
        Error::RandomFailed => Never(A::INTERNAL_ERROR, Error::RandomFailed),
        Error::Crypto(_) => Never(A::INTERNAL_ERROR, Error::Crypto("anything")),
    )
}

/// The alerts that tell of errors.
pub(super) fn alerts() -> impl Iterator<Item = AlertDescription> {
    rows().into_iter().filter_map(|(_, row)| match row {
        Told(alert, _) | Never(alert, _) => Some(alert),
        Silent => None,
    })
}

/// Each row brings about its error and no other, and the alert goes out, once.
#[test]
fn every_error_that_the_peer_is_told_has_a_cause() {
    for (number, (is_expected, row)) in rows().into_iter().enumerate() {
        match row {
            Silent => {}
            Never(alert, error) => {
                assert!(is_expected(&error));
                assert_eq!(error.alert(), Some(alert));
            }
            Told(alert, cause) => {
                let side = cause();
                let Stage::Failed(error) = &side.stage else {
                    panic!("row {number}: no failure")
                };
                assert!(is_expected(error), "row {number}: {error:?}");
                assert_eq!(error.alert(), Some(alert), "{error:?}");
                assert_eq!(side.watch.0.lock().alerts, [alert], "{error:?}");
                // It says why.
                assert!(error.to_string().len() > 10);
            }
        }
    }
}

/// RFC 5246 §7.2.2: warnings, which end nothing. A wish to renegotiate is refused once, and a close is
/// answered.
const WARNINGS: [(ContentType, &[u8], AlertDescription, bool); 2] = [
    (
        ContentType::HANDSHAKE,
        &[0; 12],
        AlertDescription::NO_RENEGOTIATION,
        true,
    ),
    (
        ContentType::ALERT,
        &[1, 0],
        AlertDescription::CLOSE_NOTIFY,
        false,
    ),
];

pub(super) fn warnings() -> impl Iterator<Item = AlertDescription> {
    WARNINGS.into_iter().map(|(_, _, alert, _)| alert)
}

#[test]
fn every_warning_has_a_cause() {
    for (content_type, plaintext, expected, goes_on) in WARNINGS {
        let (world, mut forger) = World::with_forger(client(), server());
        for _ in 0..2 {
            world.client.hear(forger.record(content_type, plaintext));
            let outcome = world.client.socket().recv(&mut [0; 64]);
            assert_eq!(
                matches!(outcome, Err(Error::WantRead)),
                goes_on,
                "{outcome:?}"
            );
        }
        assert_eq!(world.client.watch.0.lock().alerts, [expected]);
    }
}
