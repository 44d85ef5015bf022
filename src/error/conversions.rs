//! From other errors to ours, and to std's.

use super::{CertificateError, Error};
use std::io;
use std::sync::Arc;

impl From<CertificateError> for Error {
    fn from(cause: CertificateError) -> Self {
        Error::Certificate(cause)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        // An error of ours that went through std's types comes back as what it was.
        match error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Error>())
        {
            Some(ours) => ours.clone(),
            None => Error::Io(Arc::new(error)),
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        io::Error::new(error.kind(), error)
    }
}

/// What cannot fail fits where an error of ours is asked for: a [`ServerName`](crate::ServerName) as
/// itself, for instance.
impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}
