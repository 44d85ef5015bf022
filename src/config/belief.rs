//! What counts of what nothing authenticates.

use super::Settings;

/// What counts of what nothing authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Belief {
    /// Only what cannot do harm: the rest is a suspicion, or passed over, and what a flood could ask for
    /// is damped.
    Careful,
    /// Everything, at once and as often as it comes, as the RFCs have it.
    Literal,
}

impl Settings {
    /// Who waits no time before a suspicion is believed believes everything.
    pub(crate) fn belief(&self) -> Belief {
        match self.suspicion.is_zero() {
            true => Belief::Literal,
            false => Belief::Careful,
        }
    }
}
