//! Runs one case with one peer.

mod agreed;
mod client;
mod path;
mod server;

use crate::Res;
use crate::case::{Case, Role};
use crate::peers::{Conversation, Peer};
use crate::pki::Pki;
use std::time::Duration;

/// What the peer and we say, once the handshake is done; then what they say under new keys. Lines fit into
/// the smallest MTU.
const THEIR_LINES: [&str; 2] = [
    "the quick brown fox jumps over the lazy dog",
    "how vexingly quick daft zebras jump",
];
const OUR_LINES: [&str; 2] = [
    "sphinx of black quartz, judge my vow",
    "pack my box with five dozen jugs",
];

/// How often a line is repeated that may have been lost.
const REPEAT: Duration = Duration::from_millis(250);

/// Runs the case; says what was agreed on, or what went wrong.
pub fn run(case: &Case, peer: &dyn Peer, pki: &Pki) -> Res<String> {
    let limit = limit(case, peer);
    let once = |case: &Case| match case.ours {
        Role::Client => client::run(case, peer, pki, limit),
        Role::Server => server::run(case, peer, pki, limit),
    };
    let mut case = case.clone();
    let most = peer.attempts().most;
    for attempt in 1..most {
        match once(&case) {
            Err(error) if error.is::<GaveUp>() => {}
            outcome => return told(outcome, attempt),
        }
        // On another path.
        case.seed = case.seed.map(|seed| seed.wrapping_mul(31).wrapping_add(1));
    }
    told(once(&case), most)
}

/// Tells the attempt if it was not the first.
fn told(outcome: Res<String>, attempt: usize) -> Res<String> {
    match attempt {
        1 => outcome,
        _ => outcome.map(|detail| format!("{detail}, attempt {attempt}")),
    }
}

/// On a bad path the peer was not through with the handshake in the time that it takes for one, or gave it up by
/// a fault of its own.
#[derive(Debug)]
struct GaveUp(String);

impl std::fmt::Display for GaveUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for GaveUp {}

/// When a case that ought to succeed has failed, and when one that ought to fail is over.
fn limit(case: &Case, peer: &dyn Peer) -> Duration {
    match (case.succeeds(), case.seed) {
        (true, None) => Duration::from_secs(20),
        (true, Some(_)) => peer.patience(),
        (false, _) => Duration::from_secs(12),
    }
}

/// Whether the line is among them; it is an error if there is any that is not of `known`.
fn only_lines(bytes: &[u8], line: &str, known: &[String]) -> Res<bool> {
    let text = std::str::from_utf8(bytes)?;
    match text
        .lines()
        .find(|other| known.iter().all(|known| known != other))
    {
        Some(other) => Err(format!("{other:?} arrived where {line:?} was sent").into()),
        None => Ok(text.lines().any(|other| other == line)),
    }
}

/// Why a case has failed that ought to succeed.
fn failure(
    case: &Case,
    what: impl std::fmt::Display,
    them: &dyn Conversation,
) -> Box<dyn std::error::Error + Send + Sync> {
    let why = with_complaint(what, them);
    match case.seed {
        Some(_) if is_too_much(&them.complaint()) => GaveUp(why.to_string()).into(),
        _ => why,
    }
}

/// Whether a bad path was too much for a peer: it ran out of time, or a datagram came twice, which wolfSSL does
/// not always bear.
fn is_too_much(complaint: &str) -> bool {
    ["timed out", "Duplicate HandShake message"]
        .iter()
        .any(|mark| complaint.contains(mark))
}

fn with_complaint(
    what: impl std::fmt::Display,
    them: &dyn Conversation,
) -> Box<dyn std::error::Error + Send + Sync> {
    match them.complaint() {
        none if none.is_empty() => what.to_string().into(),
        complaint => format!("{what}; the peer: {complaint}").into(),
    }
}
