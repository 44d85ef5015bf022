//! Chains and PEM that strangers send and users load.

use super::input::Input;
use super::kinds::{AUTHORITY, CLIENT, CLIENT_KEY, SERVER, SERVER_KEY};
use crate::certificate::{
    CertificateVerifier, Identity, PeerCertificates, RootCertificates, RootsVerifier, ServerName,
    authentication_of, verify_signature, verify_signature13,
};
use crate::wire::SignatureScheme;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::time::{Duration, UNIX_EPOCH};

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match input.u8() % 3 {
        0 => chain(&mut input),
        1 => signature(&mut input),
        _ => pem(&mut input),
    }
}

/// The chain may be anything; only a leaf that the authority has signed is trusted, each in its role.
fn chain(input: &mut Input<'_>) {
    let mut chain = Vec::new();
    while !input.is_empty() {
        chain.push(input.vector().to_vec());
    }
    let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let verifier = RootsVerifier::new(RootCertificates::from_pem(AUTHORITY).unwrap());
    let name = ServerName::new("server.test").unwrap();
    for (role, own) in [
        (PeerCertificates::of_server(&chain, &name, now), SERVER),
        (PeerCertificates::of_client(&chain, now), CLIENT),
    ] {
        let is_own = chain.first() == Some(&der(own));
        match verifier.verify(&role) {
            Ok(()) => assert!(is_own, "an authority has signed this"),
            Err(error) => assert!(!is_own || chain.len() > 1, "{error}"),
        }
    }
    if let Some(leaf) = chain.first() {
        let _ = authentication_of(leaf);
    }
}

/// A signature over what it was not made for is refused, and so is what is none.
fn signature(input: &mut Input<'_>) {
    let scheme = SignatureScheme(input.u16());
    let message = input.vector();
    let leaf = der(SERVER);
    let anything = input.rest();
    assert!(verify_signature(&leaf, scheme, message, anything).is_err());
    assert!(verify_signature13(&leaf, scheme, message, anything).is_err());

    let identity = Identity::from_pem(SERVER, SERVER_KEY).unwrap();
    signs(&identity, &leaf, message);
    let own = SignatureScheme::ECDSA_SECP256R1_SHA256;
    let signature = identity.key().sign(own, message).unwrap();
    let mut changed = signature.clone();
    // Where and how the input says.
    for (place, change) in changed.iter_mut().zip(anything) {
        *place ^= change;
    }
    if changed != signature {
        assert!(verify_signature(&leaf, own, message, &changed).is_err());
    }
}

/// Its key is that of the certificate.
fn signs(identity: &Identity, leaf: &[u8], message: &[u8]) {
    for scheme in identity.key().schemes() {
        let signature = identity.key().sign(*scheme, message).unwrap();
        verify_signature(leaf, *scheme, message, &signature).unwrap();
        let another = [message, &[0]].concat();
        assert!(verify_signature(leaf, *scheme, &another, &signature).is_err());
    }
}

/// What is loaded works.
fn pem(input: &mut Input<'_>) {
    let chain = input.vector();
    let key = input.rest();
    let _ = RootCertificates::from_pem(chain);
    let loaded = [
        Identity::from_pem(SERVER, key),
        Identity::from_pem(chain, SERVER_KEY),
        Identity::from_pem(chain, key),
    ];
    for identity in loaded.into_iter().flatten() {
        signs(&identity, &identity.chain()[0], b"message");
    }
}

/// The first certificate of a PEM file.
fn der(pem: &[u8]) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem).unwrap().to_vec()
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let vector = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
    let (own, authority) = (der(SERVER), der(AUTHORITY));
    vec![
        [vec![0], vector(&own)].concat(),
        [vec![0], vector(&own), vector(&authority)].concat(),
        [vec![0], vector(&der(CLIENT))].concat(),
        [
            vec![1, 4, 3],
            vector(b"message"),
            vec![48, 6, 2, 1, 1, 2, 1, 1],
        ]
        .concat(),
        [vec![2], vector(SERVER), SERVER_KEY.to_vec()].concat(),
        [vec![2], vector(AUTHORITY), CLIENT_KEY.to_vec()].concat(),
        [vec![2], vector(CLIENT), CLIENT_KEY.to_vec()].concat(),
    ]
}
