//! Bytes that nobody else may see.

use super::random;
use crate::error::Result;
use std::fmt;
use zeroize::Zeroizing;

/// Bytes that are wiped when they are dropped and never printed.
#[derive(Clone)]
pub(crate) struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Secret(Zeroizing::new(bytes))
    }

    /// Drawn in place, so that no copy is left on the stack.
    pub(crate) fn random(length: usize) -> Result<Self> {
        let mut bytes = Zeroizing::new(vec![0; length]);
        random::fill(&mut bytes)?;
        Ok(Secret(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f07_debug_does_not_tell() {
        assert_eq!(
            format!("{:?}", Secret::new(vec![0xab; 3])),
            "Secret(3 bytes)"
        );
    }
}
