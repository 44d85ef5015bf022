//! Trusts whom the flags say, and remembers what it said.

use crate::flags::Flags;
use flightline::{AlertDescription, CertificateError, CertificateVerifier, PeerCertificates};
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
        let why = "the flags say so".to_owned();
        let says = match (flags.verify_fail, flags.use_custom_verify_callback) {
            (false, _) => Ok(()),
            (true, true) => Err(CertificateError::Rejected(why)),
            // The runner knows which alert BoringSSL's usual way to verify ends in.
            (true, false) => Err(CertificateError::RejectedWith {
                alert: AlertDescription::HANDSHAKE_FAILURE,
                why,
            }),
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
