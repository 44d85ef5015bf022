//! Chains and PEM that strangers send and users load.

use super::input::Input;
use super::kinds::{AUTHORITY, CLIENT_KEY, SERVER, SERVER_KEY};
use crate::certificate::{
    CertificateVerifier, Identity, PeerCertificates, RootCertificates, RootsVerifier, ServerName,
    authentication_of, verify_signature,
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

/// The chain may be anything; only that of the server, or what differs from it in nothing, is trusted.
fn chain(input: &mut Input<'_>) {
    let mut chain = Vec::new();
    while !input.is_empty() {
        chain.push(input.vector().to_vec());
    }
    let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let verifier = RootsVerifier::new(RootCertificates::from_pem(AUTHORITY).unwrap());
    let name = ServerName::new("server.test").unwrap();
    let own = der(SERVER);
    let trusted = verifier.verify(&PeerCertificates::of_server(&chain, &name, now));
    if trusted.is_ok() {
        assert_eq!(chain.first(), Some(&own), "an authority has signed this");
    }
    let _ = verifier.verify(&PeerCertificates::of_client(&chain, now));
    if let Some(leaf) = chain.first() {
        let _ = authentication_of(leaf);
    }
}

/// A signature over what it was not made for is refused, and so is what is none.
fn signature(input: &mut Input<'_>) {
    let scheme = SignatureScheme(input.u16());
    let message = input.vector();
    let leaf = der(SERVER);
    assert!(verify_signature(&leaf, scheme, message, input.rest()).is_err());
}

fn pem(input: &mut Input<'_>) {
    let chain = input.vector();
    let key = input.rest();
    let _ = RootCertificates::from_pem(chain);
    if Identity::from_pem(SERVER, key).is_ok() {
        assert!(
            Identity::from_pem(SERVER, CLIENT_KEY).is_err(),
            "another's key"
        );
    }
    let _ = Identity::from_pem(chain, SERVER_KEY);
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
        [
            vec![1, 4, 3],
            vector(b"message"),
            vec![48, 6, 2, 1, 1, 2, 1, 1],
        ]
        .concat(),
        [vec![2], vector(SERVER), SERVER_KEY.to_vec()].concat(),
        [vec![2], vector(AUTHORITY), CLIENT_KEY.to_vec()].concat(),
    ]
}
