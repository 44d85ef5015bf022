//! The place of certificates in a build without them: there are none to choose, and none to verify.

use crate::certificate::{PeerIdentity, ServerName};
use crate::config::{ClientConfig, ServerConfig};
use crate::crypto::Suite;
use crate::error::{Error, Result};
use crate::wire::{
    Certificate, Certificate13, CertificateRequest, CertificateVerify, ClientHello, SignatureScheme,
};

pub(super) fn schemes() -> Vec<SignatureScheme> {
    Vec::new()
}

/// There is no value of this type.
pub(super) enum Credentials {}

impl Credentials {
    pub(super) fn certificate(&self) -> Certificate {
        match *self {}
    }

    pub(super) fn certificate13(&self, _: Vec<u8>) -> Certificate13 {
        match *self {}
    }

    pub(super) fn scheme(&self) -> SignatureScheme {
        match *self {}
    }

    pub(super) fn sign(&self, _: &[u8]) -> Result<Vec<u8>> {
        match *self {}
    }

    pub(super) fn certificate_verify(&self, _: &[u8]) -> Result<CertificateVerify> {
        match *self {}
    }
}

pub(super) fn client_transcript_room(_: &ClientConfig) -> Option<usize> {
    None
}

pub(super) fn client_credentials(_: &ClientConfig, _: &CertificateRequest) -> Option<Credentials> {
    None
}

pub(super) fn client_credentials13(_: &ClientConfig, _: &[SignatureScheme]) -> Option<Credentials> {
    None
}

pub(super) struct Candidates;

impl Candidates {
    pub(super) fn find(_: &ServerConfig, _: Option<&str>) -> Candidates {
        Candidates
    }

    pub(super) fn is_empty(&self) -> bool {
        true
    }

    pub(super) fn for_suite(&self, _: &Suite, _: &ClientHello) -> Option<Credentials> {
        None
    }

    pub(super) fn for_13(&self, _: &[SignatureScheme]) -> Option<Credentials> {
        None
    }
}

pub(super) fn verify_server(
    _: &ClientConfig,
    _: &ServerName,
    _: &Suite,
    _: &[Vec<u8>],
) -> Result<()> {
    Err(without())
}

pub(super) fn verify_server_chain(_: &ClientConfig, _: &ServerName, _: &[Vec<u8>]) -> Result<()> {
    Err(without())
}

/// There is no value of this type.
pub(super) enum ClientVerifier {}

pub(super) fn client_verifier(_: &ServerConfig) -> Option<ClientVerifier> {
    None
}

pub(super) fn admits(_: &ServerConfig, peer: &PeerIdentity) -> bool {
    *peer == PeerIdentity::Anonymous
}

impl ClientVerifier {
    pub(super) fn transcript_room(&self, _: &ServerConfig, _: &Credentials) -> usize {
        match *self {}
    }

    pub(super) fn verify(&self, _: &ServerConfig, _: &[Vec<u8>]) -> Result<()> {
        match *self {}
    }

    pub(super) fn verify13(&self, _: &ServerConfig, _: &[Vec<u8>]) -> Result<()> {
        match *self {}
    }
}

pub(super) fn verify(_: &[Vec<u8>], _: SignatureScheme, _: &[u8], _: &[u8]) -> Result<()> {
    Err(without())
}

pub(super) fn verify13(_: &[Vec<u8>], _: SignatureScheme, _: &[u8], _: &[u8]) -> Result<()> {
    Err(without())
}

fn without() -> Error {
    Error::Config("built without the feature `x509`, so certificates cannot be verified".into())
}
