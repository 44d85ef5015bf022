//! What goes wrong with a client that is served.

use crate::error::Error;
use std::fmt;

/// What went wrong with a client of a listener that serves.
///
/// Its words are those of what it is made of.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ServeError {
    /// Its handshake failed. Anyone can bring this about.
    Handshake(Error),
    /// The handler returned an error, in its words.
    Handler(String),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::Handshake(error) => error.fmt(f),
            ServeError::Handler(error) => f.write_str(error),
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ServeError::Handshake(error) => error.source(),
            ServeError::Handler(_) => None,
        }
    }
}
