//! Keys and certificates, made by the openssl tool for each run.

use crate::Res;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The name in every certificate that is meant for it.
pub const NAME: &str = "device.example";
/// The name in the second certificate, for tests of the server name.
pub const OTHER_NAME: &str = "other.example";

/// The kind of a certificate's key, and how it is to sign where there is a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    P256,
    P384,
    Ed25519,
    Rsa,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::P256, Kind::P384, Kind::Ed25519, Kind::Rsa];

    pub fn name(self) -> &'static str {
        match self {
            Kind::P256 => "p256",
            Kind::P384 => "p384",
            Kind::Ed25519 => "ed25519",
            Kind::Rsa => "rsa",
        }
    }

    /// What stands in the report.
    fn label(self) -> &'static str {
        match self {
            Kind::P256 => "P-256",
            Kind::P384 => "P-384",
            Kind::Ed25519 => "Ed25519",
            Kind::Rsa => "RSA",
        }
    }

    fn newkey(self) -> &'static [&'static str] {
        match self {
            Kind::P256 => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            Kind::P384 => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
            Kind::Ed25519 => &["-newkey", "ed25519"],
            Kind::Rsa => &["-newkey", "rsa:2048"],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// A directory with an authority, another one that nobody trusts, and certificates of every kind.
pub struct Pki {
    directory: tempfile::TempDir,
    sessions: AtomicUsize,
}

impl Pki {
    pub fn new() -> Res<Pki> {
        let pki = Pki {
            directory: tempfile::tempdir()?,
            sessions: AtomicUsize::new(0),
        };
        for authority in ["ca", "stranger"] {
            let subject = format!("/CN={authority}");
            pki.make(authority, Kind::P256, &subject, "CA:TRUE", &[])?;
        }
        for kind in Kind::ALL {
            pki.leaf(kind.name(), kind, NAME, "ca")?;
        }
        pki.leaf("other", Kind::P256, OTHER_NAME, "ca")?;
        pki.leaf("unknown", Kind::P256, NAME, "stranger")?;
        Ok(pki)
    }

    pub fn certificate(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.pem"))
    }

    pub fn key(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.key"))
    }

    pub fn ca(&self) -> PathBuf {
        self.certificate("ca")
    }

    /// A file of its own for a client's session.
    pub fn session(&self) -> PathBuf {
        let number = self.sessions.fetch_add(1, Ordering::Relaxed);
        self.path(&format!("session-{number}.pem"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn leaf(&self, name: &str, kind: Kind, dns_name: &str, authority: &str) -> Res<()> {
        let alternative = format!("subjectAltName=DNS:{dns_name}");
        let (ca, ca_key) = (self.certificate(authority), self.key(authority));
        let by = [
            "-CA".as_ref(),
            ca.as_os_str(),
            "-CAkey".as_ref(),
            ca_key.as_os_str(),
            "-addext".as_ref(),
            alternative.as_ref(),
        ];
        self.make(name, kind, &format!("/CN={dns_name}"), "CA:FALSE", &by)
    }

    fn make(
        &self,
        name: &str,
        kind: Kind,
        subject: &str,
        constraints: &str,
        more: &[&std::ffi::OsStr],
    ) -> Res<()> {
        // The system's configuration adds extensions of its own, so none of it.
        let config = self.path("empty.cnf");
        std::fs::write(&config, "[req]\ndistinguished_name = dn\n[dn]\n")?;
        let output = Command::new("openssl")
            .args(["req", "-x509", "-nodes", "-days", "2", "-subj", subject])
            .args(kind.newkey())
            .arg("-config")
            .arg(config)
            .arg("-addext")
            .arg(format!("basicConstraints=critical,{constraints}"))
            .arg("-keyout")
            .arg(self.key(name))
            .arg("-out")
            .arg(self.certificate(name))
            .args(more)
            .output()
            .map_err(|error| format!("openssl cannot be run: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let why = String::from_utf8_lossy(&output.stderr);
        Err(format!("openssl could not make the certificate {name}: {why}").into())
    }
}
