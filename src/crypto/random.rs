//! Random bytes from the operating system.

use crate::error::{Error, Result};
use ring::rand::{SecureRandom, SystemRandom};

pub(crate) fn fill(bytes: &mut [u8]) -> Result<()> {
    #[cfg(test)]
    failing::draw()?;
    SystemRandom::new()
        .fill(bytes)
        .map_err(|_| Error::RandomFailed)
}

pub(crate) fn array<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// A generator that fails, which ring lets nobody else make.
#[cfg(test)]
pub(crate) mod failing {
    use crate::error::{Error, Result};
    use std::cell::Cell;

    thread_local! {
        /// Draws that succeed still, and those that failed; of this thread.
        static DRAWS: Cell<(usize, usize)> = const { Cell::new((usize::MAX, 0)) };
    }

    /// What comes of `run` where so many draws succeed and the others fail; and how many did.
    pub(crate) fn after<T>(draws: usize, run: impl FnOnce() -> T) -> (T, usize) {
        DRAWS.set((draws, 0));
        let outcome = run();
        let (_, failed) = DRAWS.replace((usize::MAX, 0));
        (outcome, failed)
    }

    pub(super) fn draw() -> Result<()> {
        let (left, failed) = DRAWS.get();
        let drawn = left.checked_sub(1);
        DRAWS.set(match drawn {
            Some(left) => (left, failed),
            None => (left, failed.saturating_add(1)),
        });
        drawn.map(drop).ok_or(Error::RandomFailed)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_draws_differ() {
        assert_ne!(super::array::<32>().unwrap(), super::array::<32>().unwrap());
    }
}
