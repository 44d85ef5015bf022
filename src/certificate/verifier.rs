//! What decides whether a peer's certificate is trusted.

use super::ServerName;
use crate::error::CertificateError;
use std::sync::Arc;
use std::time::SystemTime;

/// Decides whether a peer's certificates are trusted.
///
/// Whether the peer holds the certificate's private key is not asked here: the handshake proves
/// that by itself, whatever this says.
pub trait CertificateVerifier: Send + Sync {
    /// `Ok` if the peer is the one who is meant.
    fn verify(&self, peer: &PeerCertificates<'_>) -> Result<(), CertificateError>;
}

impl<V: CertificateVerifier + ?Sized> CertificateVerifier for Arc<V> {
    fn verify(&self, peer: &PeerCertificates<'_>) -> Result<(), CertificateError> {
        (**self).verify(peer)
    }
}

/// What a peer presented, and what it is asked to prove with it.
#[derive(Debug, Clone, Copy)]
pub struct PeerCertificates<'a> {
    chain: &'a [Vec<u8>],
    server_name: Option<&'a ServerName>,
    role: CertifiedRole,
    now: SystemTime,
}

/// The role in which a peer presents its certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertifiedRole {
    /// It is the server of this handshake.
    Server,
    /// It is the client of this handshake.
    Client,
}

impl<'a> PeerCertificates<'a> {
    pub(crate) fn of_server(
        chain: &'a [Vec<u8>],
        server_name: &'a ServerName,
        now: SystemTime,
    ) -> Self {
        PeerCertificates {
            chain,
            server_name: Some(server_name),
            role: CertifiedRole::Server,
            now,
        }
    }

    pub(crate) fn of_client(chain: &'a [Vec<u8>], now: SystemTime) -> Self {
        PeerCertificates {
            chain,
            server_name: None,
            role: CertifiedRole::Client,
            now,
        }
    }

    /// The certificates in DER, the peer's own first. Nothing about them has been checked.
    pub fn chain(&self) -> &'a [Vec<u8>] {
        self.chain
    }

    /// The name that a server has to be certified for; `None` for a client.
    pub fn server_name(&self) -> Option<&'a ServerName> {
        self.server_name
    }

    /// The role of the peer.
    pub fn role(&self) -> CertifiedRole {
        self.role
    }

    /// The time at which the certificates have to be valid.
    pub fn now(&self) -> SystemTime {
        self.now
    }

    /// The peer's own certificate, of a chain that is worth looking at. This comes before any
    /// cryptography, so that nobody can make us work for long.
    pub(super) fn bounded_leaf(&self) -> Result<&'a [u8], CertificateError> {
        let size = self.chain.iter().fold(0, |size: usize, certificate| {
            size.saturating_add(certificate.len())
        });
        if self.chain.len() > MAX_CERTIFICATES || size > MAX_SIZE {
            return Err(CertificateError::TooComplex);
        }
        match self.chain.first() {
            Some(leaf) => Ok(leaf),
            None => Err(CertificateError::Unreadable("the chain is empty".into())),
        }
    }
}

const MAX_CERTIFICATES: usize = 10;
const MAX_SIZE: usize = 64 * 1024;
