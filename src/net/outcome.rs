//! What a handler may return.

use std::fmt::Display;

/// What a handler may return: nothing, or a `Result` whose error is reported.
pub trait Outcome {
    /// The error in words, if there is one.
    fn into_error(self) -> Option<String>;
}

impl Outcome for () {
    fn into_error(self) -> Option<String> {
        None
    }
}

impl<E: Display> Outcome for Result<(), E> {
    fn into_error(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}
