//! How a failure is named on stderr. config.json maps BoringSSL's names to these.

use flightline::Error;
use std::fmt;
use std::io;

/// Why a connection failed.
#[derive(Debug)]
pub enum Failure {
    /// The library said so.
    Library(Error),
    /// A check of the flags, which no test expects to fail.
    Check(String),
}

impl Failure {
    pub fn check(what: String) -> Failure {
        Failure::Check(what)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Library(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Check(format!("the stream: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Library(error) => write!(f, "Error::{error:?}: {error}"),
            Failure::Check(what) => write!(f, "check: {what}"),
        }
    }
}
