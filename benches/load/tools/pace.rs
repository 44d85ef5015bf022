//! Sending as fast as can be, or so many times a second and no more.

use super::{Facts, Outcome};
use std::thread;
use std::time::{Duration, Instant};

/// Between two batches of what has a pace.
const BEAT: Duration = Duration::from_millis(1);

/// Batches that are made up for at once, after a time without the processor: more than a few would be
/// another load than the one that was asked for.
const ARREARS: u32 = 3;

/// Calls `send` for so long, `rate` times a second if one is given. Tells the rate that it reached.
pub(crate) fn keep(
    rate: Option<u32>,
    time: Duration,
    send: impl FnMut() -> Outcome<()>,
) -> Outcome<Facts> {
    let start = Instant::now();
    let sent = match rate {
        None => as_fast_as_can_be(start + time, send),
        Some(rate) => paced(start + time, rate, send),
    }?;
    let rate = sent as f64 / start.elapsed().as_secs_f64();
    Ok(Facts::new().with("rate", rate))
}

fn as_fast_as_can_be(end: Instant, mut send: impl FnMut() -> Outcome<()>) -> Outcome<u64> {
    let mut sent = 0;
    while Instant::now() < end {
        for _ in 0..32 {
            send()?;
            sent += 1;
        }
    }
    Ok(sent)
}

fn paced(end: Instant, rate: u32, mut send: impl FnMut() -> Outcome<()>) -> Outcome<u64> {
    let a_beat = BEAT.as_secs_f64() * f64::from(rate);
    let mut next = Instant::now();
    let (mut sent, mut owed) = (0, 0.0);
    while next < end {
        thread::sleep(next.saturating_duration_since(Instant::now()));
        let late = Instant::now().saturating_duration_since(next);
        if late > BEAT * ARREARS {
            next += late - BEAT * ARREARS;
        }
        next += BEAT;
        owed += a_beat;
        while owed >= 1.0 {
            send()?;
            owed -= 1.0;
            sent += 1;
        }
    }
    Ok(sent)
}
