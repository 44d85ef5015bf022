//! Key logs in the NSS format, with which a capture can be decrypted.

use parking_lot::Mutex;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

/// Receives the secrets of connections. For debugging: whoever reads them reads everything.
pub trait KeyLog: Send + Sync {
    /// One secret: `label` is the NSS label (`CLIENT_RANDOM` in DTLS 1.2), `client_random` names the
    /// connection.
    fn log(&self, label: &str, client_random: &[u8; 32], secret: &[u8]);
}

/// Appends to a file in the format that Wireshark reads.
#[derive(Debug)]
pub struct KeyLogFile {
    file: Mutex<File>,
}

impl KeyLogFile {
    /// Appends to `path`, which is made where it is missing: on Unix, for nobody but its owner to read
    /// (mode 0600). A file that is there keeps its permissions.
    ///
    /// # Errors
    /// Those of opening the file.
    pub fn create(path: impl AsRef<Path>) -> std::io::Result<Self> {
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.create(true).append(true).open(path)?;
        Ok(KeyLogFile {
            file: Mutex::new(file),
        })
    }

    /// The file that the environment variable `SSLKEYLOGFILE` names, if it is set.
    ///
    /// # Errors
    /// Those of opening the file.
    pub fn from_env() -> std::io::Result<Option<Self>> {
        std::env::var_os("SSLKEYLOGFILE")
            .map(KeyLogFile::create)
            .transpose()
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8; 32], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        if let Err(error) = self.file.lock().write_all(line.as_bytes()) {
            log::warn!("the key log could not be written: {error}");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
