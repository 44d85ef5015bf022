//! Certificates in a handshake: choosing ours, verifying the peer's.

use crate::certificate::{
    CertificateVerifier, Identity, PeerCertificates, PeerIdentity, SUPPORTED_SCHEMES, ServerName,
    authentication_of, verify_signature, verify_signature13,
};
use crate::config::{ClientAuth, ClientConfig, ServerConfig, Settings, Trust};
use crate::crypto::Suite;
use crate::error::{CertificateError, Error, Result};
use crate::flight::MessageLimits;
use crate::wire::{
    Certificate, Certificate13, CertificateRequest, CertificateVerify, ClientExtensions,
    ClientHello, SignatureScheme,
};

/// The schemes in which signatures are accepted.
pub(super) fn schemes() -> Vec<SignatureScheme> {
    SUPPORTED_SCHEMES.to_vec()
}

/// A certificate of ours with the scheme that the peer wants it to sign in.
pub(super) struct Credentials {
    identity: Identity,
    scheme: SignatureScheme,
}

impl Credentials {
    /// `None` where the peer accepts no scheme of this key.
    fn new(identity: Identity, accepted: &[SignatureScheme]) -> Option<Self> {
        let ours = identity.key().schemes();
        let scheme = *ours.iter().find(|scheme| accepted.contains(scheme))?;
        Some(Credentials { identity, scheme })
    }

    pub(super) fn certificate13(&self, context: Vec<u8>) -> Certificate13 {
        Certificate13 {
            context,
            chain: self.identity.chain().to_vec(),
            extensions: Vec::new(),
        }
    }

    pub(super) fn certificate(&self) -> Certificate {
        Certificate {
            chain: self.identity.chain().to_vec(),
        }
    }

    pub(super) fn scheme(&self) -> SignatureScheme {
        self.scheme
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        self.identity.key().sign(self.scheme, message)
    }

    /// Signs what the version wants signed (RFC 5246 §7.4.8, RFC 8446 §4.4.3).
    pub(super) fn certificate_verify(&self, message: &[u8]) -> Result<CertificateVerify> {
        Ok(CertificateVerify {
            scheme: self.scheme,
            signature: self.sign(message)?,
        })
    }
}

/// A share, a signature and what else we say beside a certificate.
const OWN_MESSAGES: usize = 2 << 10;

/// How many bytes of messages are kept for a client's CertificateVerify of DTLS 1.2, which signs them: as many
/// as the peer may say, and ours.
fn transcript_room(settings: &Settings, ours: &Identity) -> usize {
    let chain = ours.chain().iter().map(Vec::len).sum::<usize>();
    let ours = OWN_MESSAGES.saturating_add(chain);
    let theirs = MessageLimits::from(settings).of_handshake();
    theirs.saturating_add(ours)
}

/// The room for the messages that a client may have to sign, if it has anything to sign with.
pub(super) fn client_transcript_room(config: &ClientConfig) -> Option<usize> {
    let identity = config.identity.as_ref()?;
    Some(transcript_room(&config.settings, identity))
}

/// The client's answer to a CertificateRequest; without credentials it sends an empty chain.
pub(super) fn client_credentials(
    config: &ClientConfig,
    request: &CertificateRequest,
) -> Option<Credentials> {
    Credentials::new(config.identity.clone()?, &request.schemes)
}

/// The client's answer to a CertificateRequest of DTLS 1.3.
pub(super) fn client_credentials13(
    config: &ClientConfig,
    accepted: &[SignatureScheme],
) -> Option<Credentials> {
    Credentials::new(config.identity.clone()?, &of_13(accepted))
}

/// The certificates that a server has for the name that its client asks for, if it asks for one.
pub(super) struct Candidates(Vec<Identity>);

impl Candidates {
    pub(super) fn find(config: &ServerConfig, server_name: Option<&str>) -> Candidates {
        Candidates(config.identity.certificates(server_name))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first that goes with the suite, and that the client accepts.
    pub(super) fn for_suite(&self, suite: &Suite, hello: &ClientHello) -> Option<Credentials> {
        let ClientExtensions {
            signature_algorithms,
            supported_groups,
            ..
        } = &hello.extensions;
        // RFC 5246 §7.4.1.4.1: a client that names no schemes accepts SHA-1 only, and so none of ours.
        let accepted = signature_algorithms.as_deref().unwrap_or_default();
        // RFC 8422 §5.3: a key's curve must be among the client's, where it names any.
        let on_their_curves =
            |identity: &&Identity| match (identity.key().curve(), supported_groups) {
                (Some(curve), Some(theirs)) => theirs.contains(&curve),
                (None, _) | (_, None) => true,
            };
        self.0
            .iter()
            .filter(|identity| suite.goes_with(identity.key().authentication()))
            .filter(on_their_curves)
            .find_map(|identity| Credentials::new(identity.clone(), accepted))
    }

    /// The first that the client accepts in DTLS 1.3.
    pub(super) fn for_13(&self, accepted: &[SignatureScheme]) -> Option<Credentials> {
        let accepted = of_13(accepted);
        let mut identities = self.0.iter();
        identities.find_map(|identity| Credentials::new(identity.clone(), &accepted))
    }
}

/// The schemes that sign a CertificateVerify of DTLS 1.3; RSA's older ones serve in certificates only
/// (RFC 8446 §4.2.3).
fn of_13(schemes: &[SignatureScheme]) -> Vec<SignatureScheme> {
    let pkcs1 = [
        SignatureScheme::RSA_PKCS1_SHA256,
        SignatureScheme::RSA_PKCS1_SHA384,
        SignatureScheme::RSA_PKCS1_SHA512,
    ];
    let schemes = schemes.iter().copied();
    schemes.filter(|scheme| !pkcs1.contains(scheme)).collect()
}

/// Whether the server's chain is one that the configuration trusts, and fits the suite.
pub(super) fn verify_server(
    config: &ClientConfig,
    server: &ServerName,
    suite: &Suite,
    chain: &[Vec<u8>],
) -> Result<()> {
    verify_server_chain(config, server, chain)?;
    if !suite.goes_with(authentication_of(leaf(chain)?)?) {
        return Err(Error::IllegalParameter("certificate for this cipher suite"));
    }
    Ok(())
}

/// Whether the server's chain is one that the configuration trusts.
pub(super) fn verify_server_chain(
    config: &ClientConfig,
    server: &ServerName,
    chain: &[Vec<u8>],
) -> Result<()> {
    let Trust::Certificates { verifier, .. } = &config.trust.0 else {
        return Err(Error::Config(
            "certificates need a trust in certificates".into(),
        ));
    };
    leaf(chain)?;
    verifier.verify(&PeerCertificates::of_server(
        chain,
        server,
        config.settings.clock.date(),
    ))?;
    Ok(())
}

/// Whom the configuration lets clients be.
pub(super) struct ClientVerifier<'a> {
    verifier: &'a dyn CertificateVerifier,
    required: bool,
}

/// How clients are verified, if they are asked at all.
pub(super) fn client_verifier(config: &ServerConfig) -> Option<ClientVerifier<'_>> {
    match &config.client_auth {
        ClientAuth::None => None,
        ClientAuth::Optional(verifier) => Some(ClientVerifier {
            verifier: &**verifier,
            required: false,
        }),
        ClientAuth::Required(verifier) => Some(ClientVerifier {
            verifier: &**verifier,
            required: true,
        }),
    }
}

/// Whether a client that proved to be `peer` by its certificate, or to be nobody, would be let in by a
/// full handshake.
pub(super) fn admits(config: &ServerConfig, peer: &PeerIdentity) -> bool {
    match (&config.client_auth, peer) {
        (ClientAuth::None, PeerIdentity::Certificate(_)) => false,
        (ClientAuth::Required(_), PeerIdentity::Certificate(_)) => true,
        (ClientAuth::Required(_), _) => false,
        (ClientAuth::None | ClientAuth::Optional(_), _) => true,
    }
}

impl ClientVerifier<'_> {
    /// The room for the messages that the client may sign.
    pub(super) fn transcript_room(&self, config: &ServerConfig, ours: &Credentials) -> usize {
        transcript_room(&config.settings, &ours.identity)
    }

    /// Whether the client's chain is acceptable; an empty one is where no certificate is required.
    pub(super) fn verify(&self, config: &ServerConfig, chain: &[Vec<u8>]) -> Result<()> {
        if chain.is_empty() {
            return if self.required {
                Err(Error::NoCertificate)
            } else {
                Ok(())
            };
        }
        self.verifier.verify(&PeerCertificates::of_client(
            chain,
            config.settings.clock.date(),
        ))?;
        Ok(())
    }

    /// The same in DTLS 1.3, which has a word of its own for what is missing (RFC 8446 §4.4.2.4).
    pub(super) fn verify13(&self, config: &ServerConfig, chain: &[Vec<u8>]) -> Result<()> {
        match self.verify(config, chain) {
            Err(Error::NoCertificate) => Err(Error::CertificateRequired),
            verified => verified,
        }
    }
}

/// A signature by the key of the chain's first certificate, in a scheme that was offered.
pub(super) fn verify(
    chain: &[Vec<u8>],
    scheme: SignatureScheme,
    message: &[u8],
    signature: &[u8],
) -> Result<()> {
    if !SUPPORTED_SCHEMES.contains(&scheme) {
        return Err(Error::IllegalParameter("signature scheme"));
    }
    let leaf = leaf(chain)?;
    // Tells unsupported keys from wrong signatures.
    authentication_of(leaf)?;
    verify_signature(leaf, scheme, message, signature)
}

/// A signature of DTLS 1.3 by the key of the chain's first certificate, in a scheme that was offered.
pub(super) fn verify13(
    chain: &[Vec<u8>],
    scheme: SignatureScheme,
    message: &[u8],
    signature: &[u8],
) -> Result<()> {
    if !of_13(&SUPPORTED_SCHEMES).contains(&scheme) {
        return Err(Error::IllegalParameter("signature scheme"));
    }
    let leaf = leaf(chain)?;
    authentication_of(leaf)?;
    verify_signature13(leaf, scheme, message, signature)
}

fn leaf(chain: &[Vec<u8>]) -> Result<&[u8]> {
    match chain.first() {
        Some(leaf) => Ok(leaf),
        None => Err(CertificateError::Unreadable("the chain is empty".into()).into()),
    }
}
