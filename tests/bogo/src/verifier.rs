//! Trusts whom the flags say, and remembers what it said.

use crate::flags::Flags;
use flightline::{CertificateError, CertificateVerifier, PeerCertificates};
use std::sync::{Arc, Mutex};

#[derive(Clone)]
pub struct Verifier {
    says: Result<(), CertificateError>,
    /// A client that does not ask for verification goes on whatever it says.
    counts: bool,
    said: Arc<Mutex<Option<bool>>>,
}

impl Verifier {
    pub fn new(flags: &Flags) -> Verifier {
        let says = match flags.verify_fail {
            true => Err(CertificateError::Rejected("the flags say so".into())),
            false => Ok(()),
        };
        Verifier {
            says,
            counts: flags.verify_peer || flags.require_any_client_certificate,
            said: Arc::default(),
        }
    }

    /// Whether the peer's certificate was found good, if one was looked at.
    pub fn said(&self) -> Option<bool> {
        *self.said.lock().unwrap()
    }
}

impl CertificateVerifier for Verifier {
    fn verify(&self, _: &PeerCertificates<'_>) -> Result<(), CertificateError> {
        *self.said.lock().unwrap() = Some(self.says.is_ok());
        match self.counts {
            true => self.says.clone(),
            false => Ok(()),
        }
    }
}
