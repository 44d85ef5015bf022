//! Certificates and signatures, each side's, opposite a peer that has another key or signs something else.

use super::super::keys12::{Derivation, Keys};
use super::super::signed;
use super::honest::*;
use super::puppet::{Puppet, Verdict};
use crate::certificate::{
    CertificateVerifier, Identity, PeerCertificates, PeerIdentity, ServerName,
};
use crate::config::{ClientAuth, ClientConfig, ServerConfig, ServerIdentity, ServerTrust};
use crate::crypto::{self, EphemeralKey, Suite};
use crate::error::{CertificateError, Error};
use crate::record::Replay;
use crate::wire::{
    Certificate, CertificateRequest, CertificateVerify, CipherSuite, ClientExtensions, ClientHello,
    ClientKeyExchange, EcdhOffer, HandshakeType, NamedGroup, ServerHello, ServerHelloDone,
    ServerKeyExchange, SignatureScheme, SignedOffer,
};
use std::sync::OnceLock;

const SUITE: CipherSuite = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
pub(super) const SCHEME: SignatureScheme = SignatureScheme::ECDSA_SECP256R1_SHA256;

/// Two keys with certificates that nobody issued.
pub(super) fn identities() -> &'static [Identity; 2] {
    static MADE: OnceLock<[Identity; 2]> = OnceLock::new();
    MADE.get_or_init(|| {
        [(); 2].map(|()| {
            let key = rcgen::KeyPair::generate().unwrap();
            let params = rcgen::CertificateParams::new(vec!["peer.test".to_owned()]).unwrap();
            let certificate = params.self_signed(&key).unwrap();
            Identity::from_der(vec![certificate.der().to_vec()], &key.serialize_der()).unwrap()
        })
    })
}

/// Believes the first identity and nobody else.
pub(super) struct Knows;

impl CertificateVerifier for Knows {
    fn verify(&self, peer: &PeerCertificates<'_>) -> Result<(), CertificateError> {
        match peer.chain() == identities()[0].chain() {
            true => Ok(()),
            false => Err(CertificateError::Rejected("a stranger".into())),
        }
    }
}

/// What is changed in a proof, and what that makes of the handshake.
type Lie<P> = (&'static str, fn(&mut P), Verdict);

fn certificate(identity: &Identity) -> Certificate {
    Certificate {
        chain: identity.chain().to_vec(),
    }
}

fn refused() -> Verdict {
    let why = CertificateError::Rejected("a stranger".into());
    Verdict::Failed(Error::Certificate(why))
}

// The client's proof.

/// What a client shows and signs.
struct Proof {
    shows: Certificate,
    scheme: SignatureScheme,
    signs: fn(Vec<u8>) -> Vec<u8>,
    with: &'static Identity,
}

fn proof() -> Proof {
    Proof {
        shows: certificate(&identities()[0]),
        scheme: SCHEME,
        signs: |transcript| transcript,
        with: &identities()[0],
    }
}

fn ecdhe_hello() -> ClientHello {
    let extensions = ClientExtensions {
        supported_groups: Some(vec![NamedGroup::X25519, NamedGroup::SECP256R1]),
        signature_algorithms: Some(vec![SCHEME]),
        ..hello().extensions
    };
    ClientHello {
        cipher_suites: vec![SUITE],
        extensions,
        ..hello()
    }
}

/// A server that asks for certificates and has heard this one, up to where its proof is due.
fn shown(certificate: &Certificate) -> (Puppet, Keys) {
    let server = ServerConfig::builder(ServerIdentity::certificate(identities()[0].clone()));
    let server = plain(server).client_auth(ClientAuth::required(Knows));
    let hello = ecdhe_hello();
    let mut puppet = Puppet::client(server, &hello);
    let answer = puppet.hear::<ServerHello>();
    puppet.hear::<Certificate>();
    let offer = puppet.hear::<ServerKeyExchange>().as_ecdhe().unwrap().offer;
    puppet.hear::<CertificateRequest>();
    puppet.hear::<ServerHelloDone>();

    puppet.say(certificate);
    let (share, secret) = crypto::respond(offer.group, &offer.share).unwrap();
    if puppet.verdict() == Verdict::Waits {
        puppet.say(&ClientKeyExchange::ecdhe(&share));
    }
    let suite = Suite::find(SUITE).unwrap();
    let randoms = randoms(&hello, &answer);
    let keys = Keys::derive(puppet.io(), suite, Derivation::Extended, &secret, randoms);
    (puppet, keys)
}

/// A server that has heard all of this proof that it wants to hear.
fn proven(proof: Proof) -> (Puppet, Keys) {
    let (mut puppet, keys) = shown(&proof.shows);
    if puppet.verdict() == Verdict::Waits {
        let signed = (proof.signs)(puppet.io().transcript().to_vec());
        puppet.say(&CertificateVerify {
            scheme: proof.scheme,
            signature: proof.with.key().sign(SCHEME, &signed).unwrap(),
        });
    }
    (puppet, keys)
}

#[test]
fn a_client_is_who_it_proves_to_be() {
    let (mut puppet, keys) = proven(proof());
    finish_as_client(&mut puppet, &keys);
    assert_eq!(puppet.verdict(), Verdict::Established);
    let chain = identities()[0].chain().to_vec();
    let known = &puppet.session().peer_identity;
    assert_eq!(*known, PeerIdentity::Certificate(chain));
}

/// D3: nobody is authenticated by a certificate alone.
#[test]
fn d03_a_client_that_proves_nothing_is_nobody() {
    let lies: [Lie<Proof>; 5] = [
        (
            "no certificate",
            |proof| proof.shows = Certificate { chain: Vec::new() },
            Verdict::Failed(Error::NoCertificate),
        ),
        (
            "a stranger's certificate",
            |proof| proof.shows = certificate(&identities()[1]),
            refused(),
        ),
        (
            "another key",
            |proof| proof.with = &identities()[1],
            Verdict::Failed(Error::BadSignature),
        ),
        (
            "another transcript",
            |proof| proof.signs = |transcript| transcript[1..].to_vec(),
            Verdict::Failed(Error::BadSignature),
        ),
        (
            "a scheme that nobody offered",
            |proof| proof.scheme = SignatureScheme(0x0203),
            Verdict::Failed(Error::IllegalParameter("signature scheme")),
        ),
    ];
    for (lie, tell, verdict) in lies {
        let mut proof = proof();
        tell(&mut proof);
        let (puppet, _) = proven(proof);
        assert_eq!(puppet.verdict(), verdict, "{lie}");
    }
}

/// D3: CertificateVerify left out.
#[test]
fn d03_a_finished_does_not_stand_for_a_certificate_verify() {
    let (mut puppet, keys) = shown(&proof().shows);
    finish_as_client(&mut puppet, &keys);
    let other_keys = Error::UnexpectedRecord("a message under other keys");
    assert_eq!(puppet.verdict(), Verdict::Failed(other_keys));
}

/// D5, P18: what proves the client belongs before its ChangeCipherSpec.
#[test]
fn d05_p18_a_certificate_verify_under_the_keys_comes_too_late() {
    let (mut puppet, keys) = shown(&proof().shows);
    puppet.write_under(keys.client_write());
    let signed = puppet.io().transcript().to_vec();
    puppet.say(&CertificateVerify {
        scheme: SCHEME,
        signature: identities()[0].key().sign(SCHEME, &signed).unwrap(),
    });
    let other_keys = Error::UnexpectedRecord("a message under other keys");
    assert_eq!(puppet.verdict(), Verdict::Failed(other_keys));
}

// The server's proof.

/// What a server shows and signs.
struct Offer {
    shows: Certificate,
    group: NamedGroup,
    scheme: SignatureScheme,
    signs: fn(Vec<u8>) -> Vec<u8>,
    with: &'static Identity,
}

/// A client that has heard a server's flight with this offer.
fn offered(tell: fn(&mut Offer)) -> Puppet {
    let client = ClientConfig::builder(ServerTrust::custom(Knows))
        .cipher_suites([SUITE])
        .groups([NamedGroup::X25519, NamedGroup::SECP256R1])
        .replay(Replay::AcceptDuplicates);
    let mut puppet = Puppet::server(client, ServerName::unnamed());
    let hello = puppet.hear::<ClientHello>();
    let answer = ServerHello {
        cipher_suite: SUITE,
        ..answer()
    };
    puppet.say(&answer);
    let mut offer = Offer {
        shows: certificate(&identities()[0]),
        group: NamedGroup::X25519,
        scheme: SCHEME,
        signs: |parameters| parameters,
        with: &identities()[0],
    };
    tell(&mut offer);
    puppet.say(&offer.shows);
    let (_, share) = EphemeralKey::generate(offer.group).unwrap();
    let ecdh = EcdhOffer {
        group: offer.group,
        share,
    };
    let parameters = (offer.signs)(signed::server_key_exchange(randoms(&hello, &answer), &ecdh));
    puppet.say(&ServerKeyExchange::ecdhe(&SignedOffer {
        offer: ecdh,
        scheme: offer.scheme,
        signature: offer.with.key().sign(SCHEME, &parameters).unwrap(),
    }));
    puppet.say(&ServerHelloDone);
    puppet
}

#[test]
fn a_server_that_proves_itself_is_answered() {
    let mut puppet = offered(|_| ());
    assert_eq!(puppet.verdict(), Verdict::Waits);
    puppet.hear::<ClientKeyExchange>();
}

/// D4: a client answers nobody whose key it cannot verify.
#[test]
fn d04_d07_d18_a_server_that_proves_nothing_is_not_answered() {
    let lies: [Lie<Offer>; 6] = [
        (
            "no certificate",
            |offer| offer.shows = Certificate { chain: Vec::new() },
            Verdict::Failed(Error::Certificate(CertificateError::Unreadable(
                "the chain is empty".into(),
            ))),
        ),
        (
            "a stranger's certificate",
            |offer| offer.shows = certificate(&identities()[1]),
            refused(),
        ),
        (
            "another key",
            |offer| offer.with = &identities()[1],
            Verdict::Failed(Error::BadSignature),
        ),
        (
            "without the randoms",
            |offer| offer.signs = |parameters| parameters[64..].to_vec(),
            Verdict::Failed(Error::BadSignature),
        ),
        (
            "a scheme that nobody offered",
            |offer| offer.scheme = SignatureScheme(0x0203),
            Verdict::Failed(Error::IllegalParameter("signature scheme")),
        ),
        (
            "a group that was not offered",
            |offer| offer.group = NamedGroup::SECP384R1,
            Verdict::Failed(Error::GroupNotOffered(NamedGroup::SECP384R1)),
        ),
    ];
    for (lie, tell, verdict) in lies {
        let puppet = offered(tell);
        assert_eq!(puppet.verdict(), verdict, "{lie}");
        puppet.assert_silence();
    }
}

/// The exchange is what the certificate's key signs, so neither may be missing.
#[test]
fn d04_no_message_of_the_servers_proof_may_be_missing() {
    let client = || {
        ClientConfig::builder(ServerTrust::custom(Knows))
            .cipher_suites([SUITE])
            .replay(Replay::AcceptDuplicates)
    };
    let answer = ServerHello {
        cipher_suite: SUITE,
        ..answer()
    };
    for (shows, expected) in [
        (false, HandshakeType::CERTIFICATE),
        (true, HandshakeType::SERVER_KEY_EXCHANGE),
    ] {
        let mut puppet = Puppet::server(client(), ServerName::unnamed());
        puppet.hear::<ClientHello>();
        puppet.say(&answer);
        if shows {
            puppet.say(&certificate(&identities()[0]));
        }
        puppet.say(&ServerHelloDone);
        let got = HandshakeType::SERVER_HELLO_DONE;
        let instead = Error::UnexpectedMessage { got, expected };
        assert_eq!(puppet.verdict(), Verdict::Refused(instead));
        puppet.assert_silence();
    }
}
