//! Certificates of DTLS 1.3, and requests for them, opposite a peer that says more or less than it should.

use super::super::keys13::{EarlySecret, HandshakeSecret};
use super::super::{auth, signed};
use super::certificates::{Knows, SCHEME, identities};
use super::honest::plain;
use super::honest13::*;
use super::puppet::{Puppet, Verdict};
use crate::certificate::test_certificates::self_signed;
use crate::certificate::{CertificateVerifier, Identity, PeerCertificates};
use crate::codec::{DecodeError, Writer};
use crate::config::{
    ClientAuth, ClientConfig, ConfigBuilder, ServerConfig, ServerIdentity, ServerTrust,
};
use crate::crypto::test_keys::{P256_PKCS8, P384_PKCS8, RSA_PKCS8};
use crate::crypto::{self, SUITES13};
use crate::error::{CertificateError, Error};
use crate::record::Replay;
use crate::wire::{
    Certificate13, CertificateRequest13, CertificateVerify, ClientHello, EncryptedExtensions,
    ExtensionType, Finished, HandshakeType, KeyShare, KeyShareAnswer, ServerExtensions,
    ServerHello, SignatureScheme,
};

fn client() -> ConfigBuilder<ClientConfig> {
    ClientConfig::builder(ServerTrust::custom(Knows)).replay(Replay::AcceptDuplicates)
}

fn certificate() -> Certificate13 {
    Certificate13 {
        context: Vec::new(),
        chain: identities()[0].chain().to_vec(),
        extensions: Vec::new(),
    }
}

fn extensions(server: ServerExtensions) -> EncryptedExtensions {
    EncryptedExtensions { extensions: server }
}

/// RFC 8446 §4.2.3: in DTLS 1.3 an ECDSA scheme has its curve.
#[test]
fn d18_an_ecdsa_scheme_of_dtls_1_3_is_bound_to_its_curve() {
    let [sha256, sha384] = [0x0403, 0x0503].map(SignatureScheme);
    for (key, its, other) in [(P256_PKCS8, sha256, sha384), (P384_PKCS8, sha384, sha256)] {
        let chain = [self_signed(key, |_| ())];
        let verdict = |scheme| auth::verify13(&chain, scheme, b"a handshake", b"");
        assert!(matches!(verdict(its), Err(Error::BadSignature)));
        let refused = verdict(other);
        let scheme = matches!(refused, Err(Error::IllegalParameter("signature scheme")));
        assert!(scheme, "{refused:?}");
    }
}

/// A client that waits for the server's certificate.
fn waiting_client() -> Puppet {
    waiting(client())
}

/// This client, which waits for it.
fn waiting(client: ConfigBuilder<ClientConfig>) -> Puppet {
    let mut puppet = puppet_server(client);
    puppet.hear::<ClientHello>();
    puppet.io().agreed(DTLS1_3);
    let mut answer = answer13();
    answer.extensions.pre_shared_key = None;
    puppet.say(&answer);
    puppet.write_under(handshake_keys());
    puppet.say(&extensions(ServerExtensions::default()));
    puppet
}

/// A server that waits for the client's.
fn waiting_server() -> Puppet {
    let server = ServerConfig::builder(ServerIdentity::certificate(identities()[0].clone()));
    asking(plain(server).client_auth(ClientAuth::required(Knows)))
}

/// This server, which waits for it.
fn asking(server: ConfigBuilder<ServerConfig>) -> Puppet {
    let mut hello = hello13();
    hello.extensions.signature_algorithms = Some(vec![SCHEME]);
    let mut puppet = puppet_client(server, &hello);
    puppet.io().agreed(DTLS1_3);
    puppet.hear::<ServerHello>();
    puppet.hear::<EncryptedExtensions>();
    puppet.hear::<CertificateRequest13>();
    puppet.hear::<Certificate13>();
    puppet.hear::<CertificateVerify>();
    puppet.hear::<Finished>();
    puppet.write_under(handshake_keys());
    puppet
}

/// RFC 8446 §4.4.2 and §4.4.2.4: no context in the main handshake, no extension that was not asked for, and
/// what is missing is missing in another way on each side.
#[test]
fn a_certificate_is_a_chain_and_nothing_else() {
    // Context, certificates, and extensions of each.
    type Shown = (&'static [u8], usize, &'static [u16]);
    type Case = (&'static str, Shown, [Verdict; 2]);
    let failed = |error: fn() -> Error| [(); 2].map(|()| Verdict::Failed(error()));
    let none = Error::Decode {
        what: "CERTIFICATE",
        cause: DecodeError::BadLength,
    };
    let cases: [Case; 4] = [
        ("the truth", (&[], 1, &[]), [Verdict::Waits, Verdict::Waits]),
        (
            "a context",
            (&[1], 1, &[]),
            failed(|| Error::IllegalParameter("certificate context")),
        ),
        (
            "an extension",
            (&[], 1, &[5]),
            failed(|| Error::UnsolicitedExtension(ExtensionType(5))),
        ),
        (
            "no certificate",
            (&[], 0, &[]),
            [
                Verdict::Failed(none),
                Verdict::Failed(Error::CertificateRequired),
            ],
        ),
    ];
    for (case, (context, certificates, extensions), verdicts) in cases {
        let body = Writer::bytes_of(|w| {
            w.vec8(|w| w.bytes(context));
            w.vec24(|w| {
                for certificate in certificate().chain.iter().take(certificates) {
                    w.vec24(|w| w.bytes(certificate));
                    w.vec16(|w| {
                        for typ in extensions {
                            w.u16(*typ);
                            w.vec16(|_| {});
                        }
                    });
                }
            });
        });
        for (mut puppet, verdict) in [waiting_client(), waiting_server()]
            .into_iter()
            .zip(verdicts)
        {
            puppet.say_bytes(HandshakeType::CERTIFICATE, &body);
            assert_eq!(puppet.verdict(), verdict, "{case}");
        }
    }
}

/// A client that a server with a good certificate has asked in this way for its own.
fn asked(request: CertificateRequest13) -> Puppet {
    let mut puppet = puppet_server(client());
    let hello = puppet.hear::<ClientHello>();
    puppet.io().agreed(DTLS1_3);
    let offered = &hello.extensions.key_shares.as_ref().unwrap()[0];
    let (share, secret) = crypto::respond(offered.group, &offered.share).unwrap();
    let mut answer = answer13();
    answer.extensions.pre_shared_key = None;
    answer.extensions.key_share = Some(KeyShareAnswer::Share(KeyShare {
        group: offered.group,
        share,
    }));
    puppet.say(&answer);
    let suite = &SUITES13[0];
    let early = EarlySecret::new(suite.hkdf(), None);
    let keys = HandshakeSecret::derive(puppet.io(), suite, &early, &secret, hello.random).unwrap();
    puppet.write_under(keys.server_write());
    puppet.say(&extensions(ServerExtensions::default()));
    puppet.say(&request);
    puppet.say(&certificate());
    let signed = signed::by_server13(&puppet.io().transcript_hash(HASH));
    puppet.say(&CertificateVerify {
        scheme: SCHEME,
        signature: identities()[0].key().sign(SCHEME, &signed).unwrap(),
    });
    let finished = keys.server_finished(puppet.io()).unwrap();
    puppet.say(&finished);
    puppet
}

/// RFC 8446 §4.3.2: the context is empty in the main handshake, and signature_algorithms is there.
#[test]
fn a_request_for_a_certificate_has_no_context_and_names_signatures() {
    let request = |context: &[u8], schemes| CertificateRequest13 {
        context: context.to_vec(),
        schemes,
    };
    let mut puppet = asked(request(&[], Some(vec![SCHEME])));
    assert_eq!(puppet.verdict(), Verdict::Established);
    assert!(puppet.hear::<Certificate13>().chain.is_empty());
    puppet.hear::<Finished>();

    let missing = Error::MissingExtension(ExtensionType::SIGNATURE_ALGORITHMS);
    for (request, error) in [
        (
            request(&[1], Some(vec![SCHEME])),
            Error::IllegalParameter("certificate request context"),
        ),
        (request(&[], None), missing),
    ] {
        let puppet = asked(request);
        assert_eq!(puppet.verdict(), Verdict::Failed(error));
        puppet.assert_silence();
    }
}

/// RFC 8446 §4.2.11: who offered no pre-shared key is not answered with one.
#[test]
fn a_pre_shared_key_that_nobody_offered_is_refused() {
    let mut puppet = puppet_server(client());
    puppet.hear::<ClientHello>();
    puppet.say(&answer13());
    let unsolicited = Error::UnsolicitedExtension(ExtensionType::PRE_SHARED_KEY);
    assert_eq!(puppet.verdict(), Verdict::Failed(unsolicited));
}

/// RFC 8446 §4.2.7: a server may name the groups that it would like better; nothing follows from that yet.
#[test]
fn a_server_may_name_its_groups() {
    let mut puppet = puppet_server(client());
    puppet.hear::<ClientHello>();
    let mut answer = answer13();
    answer.extensions.pre_shared_key = None;
    puppet.say(&answer);
    puppet.write_under(handshake_keys());
    let groups = [0, 8, 0, 10, 0, 4, 0, 2, 0, 29];
    puppet.say_bytes(HandshakeType::ENCRYPTED_EXTENSIONS, &groups);
    assert_eq!(puppet.verdict(), Verdict::Waits);
}

/// Believes everybody.
struct Anybody;

impl CertificateVerifier for Anybody {
    fn verify(&self, _: &PeerCertificates<'_>) -> Result<(), CertificateError> {
        Ok(())
    }
}

/// RFC 8446 §4.4.3 and §4.2.3: RSA signs a CertificateVerify with PSS alone, whoever signs. A signature by PKCS #1
/// is refused for its scheme, though it is right and the scheme was offered, for certificates.
#[test]
fn d18_a_certificate_verify_of_dtls_1_3_is_never_by_rsa_pkcs1() {
    let key = rcgen::KeyPair::from_pem(RSA_PKCS8).unwrap();
    let names = rcgen::CertificateParams::new(vec!["peer.test".to_owned()]).unwrap();
    let leaf = names.self_signed(&key).unwrap().der().to_vec();
    let rsa = Identity::from_der(vec![leaf], &key.serialize_der()).unwrap();
    let illegal = || Verdict::Failed(Error::IllegalParameter("signature scheme"));
    for (scheme, is_good) in [
        (SignatureScheme::RSA_PSS_RSAE_SHA256, true),
        (SignatureScheme::RSA_PSS_RSAE_SHA512, true),
        (SignatureScheme::RSA_PKCS1_SHA256, false),
        (SignatureScheme::RSA_PKCS1_SHA384, false),
        (SignatureScheme::RSA_PKCS1_SHA512, false),
    ] {
        let shown = Certificate13 {
            chain: rsa.chain().to_vec(),
            ..certificate()
        };
        let client = ClientConfig::builder(ServerTrust::custom(Anybody));
        let mut of_server = waiting(client.replay(Replay::AcceptDuplicates));
        let server = ServerConfig::builder(ServerIdentity::certificate(identities()[0].clone()));
        let mut of_client = asking(plain(server).client_auth(ClientAuth::required(Anybody)));
        of_server.say(&shown);
        of_client.say(&shown);
        let signed = [
            signed::by_server13(&of_server.io().transcript_hash(HASH)),
            signed::by_client13(&of_client.io().transcript_hash(HASH)),
        ];
        for (puppet, signed) in [&mut of_server, &mut of_client].into_iter().zip(signed) {
            puppet.say(&CertificateVerify {
                scheme,
                signature: rsa.key().sign(scheme, &signed).unwrap(),
            });
            let verdict = match is_good {
                true => Verdict::Waits,
                false => illegal(),
            };
            assert_eq!(puppet.verdict(), verdict, "{scheme}");
        }
    }
}
