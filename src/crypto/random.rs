//! Random bytes from the operating system.

use crate::error::{Error, Result};
use ring::rand::{SecureRandom, SystemRandom};

pub(crate) fn fill(bytes: &mut [u8]) -> Result<()> {
    SystemRandom::new()
        .fill(bytes)
        .map_err(|_| Error::RandomFailed)
}

pub(crate) fn array<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_draws_differ() {
        assert_ne!(super::array::<32>().unwrap(), super::array::<32>().unwrap());
    }
}
