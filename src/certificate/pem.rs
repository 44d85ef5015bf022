//! Certificates and keys out of PEM files (RFC 7468).

use crate::crypto::Secret;
use crate::error::{Error, Result};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;

/// The file's content, wiped when dropped: it may hold a key.
pub(super) fn read(path: &Path) -> Result<Secret> {
    std::fs::read(path)
        .map(Secret::new)
        .map_err(|error| in_file(path)(Error::Config(format!("cannot be read: {error}"))))
}

/// Makes an error say which file it is about.
pub(super) fn in_file(path: &Path) -> impl Fn(Error) -> Error {
    move |error| match error {
        Error::Config(what) => Error::Config(format!("{}: {what}", path.display())),
        other => other,
    }
}

/// All certificates, at least one, in their order.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .map(|item| item.map(|der| der.to_vec()))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(malformed)?;
    if certificates.is_empty() {
        return Err(Error::Config(
            "there is no certificate in it: a line -----BEGIN CERTIFICATE----- is missing".into(),
        ));
    }
    Ok(certificates)
}

/// The first private key, in DER.
pub(super) fn private_key(pem: &[u8]) -> Result<Secret> {
    if is_encrypted(pem) {
        return Err(Error::Config(crate::crypto::ENCRYPTED_KEY.into()));
    }
    match PrivateKeyDer::pem_slice_iter(pem).next() {
        Some(Ok(key)) => Ok(Secret::new(key.secret_der().to_vec())),
        Some(Err(error)) => Err(malformed(error)),
        None => Err(Error::Config(
            "there is no private key in it: a line -----BEGIN PRIVATE KEY----- is missing".into(),
        )),
    }
}

/// A label of its own (RFC 7468 §11), or a header inside the block (RFC 1421 §4.6.1.1).
fn is_encrypted(pem: &[u8]) -> bool {
    pem.split(|byte| *byte == b'\n').any(|line| {
        line.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
            || line.starts_with(b"Proc-Type: 4,ENCRYPTED")
    })
}

fn malformed(error: rustls_pki_types::pem::Error) -> Error {
    Error::Config(format!("it is not well-formed PEM: {error}"))
}
