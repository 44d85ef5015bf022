//! Every alert: which of the other tables has what sends it, or that nothing here does.

use super::{certificates, errors, gate};
use crate::wire::AlertDescription;

/// What only an application says, by `abort` or in a verifier's name.
const OF_APPLICATIONS: [AlertDescription; 2] = [
    AlertDescription::USER_CANCELED,
    // RFC 4279 §2: decrypt_error stands in its place, so that nobody can list identities.
    AlertDescription::UNKNOWN_PSK_IDENTITY,
];

/// An alert that has a name has a cause, or a reason to have none.
#[test]
fn every_alert_has_a_cause() {
    let caused: Vec<_> = errors::alerts()
        .chain(errors::warnings())
        .chain(certificates::alerts())
        .chain(gate::alerts())
        .collect();
    let all = (0..=u8::MAX).map(AlertDescription);
    for alert in all.filter(|alert| alert.name().is_some()) {
        let is_sent = caused.contains(&alert);
        assert_ne!(is_sent, OF_APPLICATIONS.contains(&alert), "{alert}");
    }
}
