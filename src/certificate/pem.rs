//! Certificates and keys out of PEM files (RFC 7468).

use crate::codec::Writer;
use crate::crypto::Secret;
use crate::error::{Error, Result};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::{PemObject, SectionKind};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use zeroize::{Zeroize, Zeroizing};

/// The file's content, wiped when dropped: it may hold a key.
pub(super) fn read(path: &Path) -> Result<Secret> {
    read_all(path).map_err(|error| in_file(path)(Error::Config(format!("cannot be read: {error}"))))
}

/// Not every file tells its length, and std's buffers leave copies behind when they grow.
fn read_all(path: &Path) -> io::Result<Secret> {
    let mut file = File::open(path)?;
    let mut chunk = Zeroizing::new([0; 4096]);
    let mut content = Writer::new();
    loop {
        match file.read(&mut chunk[..]) {
            Ok(0) => return Ok(Secret::new(content.into_bytes())),
            Ok(length) => content.bytes(chunk.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                // What was read of a key is wiped, too.
                drop(Secret::new(content.into_bytes()));
                return Err(error);
            }
        }
    }
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
    let mut certificates = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
        let (kind, mut der) = section.map_err(malformed)?;
        match kind {
            SectionKind::Certificate => certificates.push(der),
            // The key may be in the same file.
            _ => der.zeroize(),
        }
    }
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
        Some(Ok(key)) => {
            let key = Zeroizing::new(key);
            Ok(Secret::new(key.secret_der().to_vec()))
        }
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
