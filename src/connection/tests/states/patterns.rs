//! What others have done wrong, and what becomes of it here.

use super::oracle::{Mode, Stage};
use super::run::{Arena, Run};
use super::symbol::{Message, Symbol};
use super::variants::Variant;
use super::variants_of_both::{CLIENTS_OF_BOTH, SERVERS_OF_BOTH};
use super::variants12::{CLIENTS, SERVERS};
use super::variants13::{CLIENTS13, SERVERS13};
use Then::{Completes, Dies, GoesOn, Waits};

/// A way in which others have failed.
pub(super) struct Pattern {
    /// As published.
    pub(super) name: &'static str,
    variant: &'static str,
    said: &'static str,
    /// What the peer does as if it did not belong to the handshake.
    left_out: &'static [Message],
    strict: Then,
    patient: Then,
}

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// It has failed, by this alert or by none. It stays dead.
    Dies(&'static str),
    /// It is not established, and is as soon as an honest peer has said the rest.
    GoesOn,
    /// It is not established, and waits for what is missing.
    Waits,
    /// It is established: what was said is what reordering makes of a handshake.
    Completes,
    /// It is established, and there will be no data.
    Closes,
}

impl Pattern {
    pub(super) const fn of(
        name: &'static str,
        variant: &'static str,
        said: &'static str,
    ) -> Pattern {
        Pattern {
            name,
            variant,
            said,
            left_out: &[],
            strict: GoesOn,
            patient: GoesOn,
        }
    }

    /// The peer leaves these out of what its keys and its Finished are made of.
    pub(super) const fn without(self, left_out: &'static [Message]) -> Pattern {
        Pattern { left_out, ..self }
    }

    /// What becomes of it where everything is believed at once, and by default.
    pub(super) const fn then(self, strict: Then, patient: Then) -> Pattern {
        Pattern {
            strict,
            patient,
            ..self
        }
    }

    pub(super) fn test(&self) {
        for (mode, then) in [(Mode::Strict, self.strict), (Mode::Patient, self.patient)] {
            let arena = Arena::new(variant(self.variant), mode);
            let mut run = arena.run();
            run.leave_out(self.left_out);
            let mut alerts = Vec::<&str>::new();
            for symbol in Symbol::sequence(self.said) {
                let said = run.say(symbol).unwrap();
                assert!(said, "{}: {symbol} cannot be said", self.name);
                alerts.extend(run.alerts());
            }
            let seen = seen(&run);
            let right = match then {
                GoesOn | Waits => (false, false),
                Completes | Then::Closes => (true, false),
                Dies(_) => (false, true),
            };
            assert_eq!(seen, right, "{} ({mode:?}): established, dead", self.name);
            if let Dies(alert) = then {
                assert_eq!(alerts.concat(), alert.to_uppercase(), "{}", self.name);
            }
            if then != Waits {
                run.finish().unwrap();
            }
            if then == GoesOn {
                assert!(run.is_established(), "{}", self.name);
            }
        }
    }
}

/// Whether the subject is established, and whether it is dead.
fn seen(run: &Run) -> (bool, bool) {
    let dead = run.stage() == Stage::Dead;
    (run.is_established() && !dead, dead)
}

pub(super) fn variant(name: &str) -> &'static Variant {
    let of_one = [CLIENTS, SERVERS, CLIENTS13, SERVERS13];
    let of_both = [CLIENTS_OF_BOTH, SERVERS_OF_BOTH];
    let mut all = of_one.into_iter().chain(of_both).flatten();
    all.find(|variant| variant.name == name)
        .unwrap_or_else(|| panic!("no variant {name}"))
}

/// Each pattern as a test of its own, and a table of them all where one is named.
macro_rules! patterns {
    (const $table:ident; $($test:ident => $pattern:expr,)*) => {
        const $table: &[Pattern] = &[$($pattern,)*];
        patterns! { $($test => $pattern,)* }
    };
    ($($test:ident => $pattern:expr,)*) => {
        $(#[test]
        fn $test() {
            $pattern.test();
        })*
    };
}

pub(super) use patterns;

pub(super) const UNEXPECTED: Then = Dies("unexpected_message");
