//! What happens to datagrams under way.

use super::network::Datagram;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use std::time::Duration;

/// How long a datagram takes that nothing happens to.
const LATENCY: Duration = Duration::from_millis(10);

/// A copy of a datagram that arrives.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// How long it takes.
    pub after: Duration,
    /// What is left of it.
    pub bytes: Vec<u8>,
}

/// Decides the fate of every datagram: which copies of it arrive, when and in which state.
pub struct Weather(Box<dyn FnMut(Datagram) -> Vec<Arrival> + Send>);

/// How often things go wrong, each from 0 for never to 1 for always.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rates {
    /// A datagram is lost.
    pub drop: f64,
    /// It arrives twice.
    pub duplicate: f64,
    /// It is overtaken by others.
    pub delay: f64,
    /// One of its bits is flipped.
    pub corrupt: f64,
    /// Its end is cut off.
    pub truncate: f64,
}

impl Weather {
    /// What the caller decides.
    pub fn new(fate: impl FnMut(Datagram) -> Vec<Arrival> + Send + 'static) -> Self {
        Weather(Box::new(fate))
    }

    /// Everything arrives, in order, after 10 ms.
    pub fn clear() -> Self {
        Weather::new(|datagram| {
            vec![Arrival {
                after: LATENCY,
                bytes: datagram.bytes,
            }]
        })
    }

    /// The datagrams are lost whose bits are set, the first being the lowest.
    pub fn drop_pattern(pattern: u64) -> Self {
        Weather::new(move |datagram| {
            let bit = u32::try_from(datagram.number)
                .ok()
                .and_then(|n| 1_u64.checked_shl(n));
            match bit {
                Some(bit) if pattern & bit != 0 => Vec::new(),
                _ => vec![Arrival {
                    after: LATENCY,
                    bytes: datagram.bytes,
                }],
            }
        })
    }

    /// Things go wrong at random, the same way for the same seed.
    pub fn random(seed: u64, rates: Rates) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        Weather::new(move |datagram| {
            if random.random_bool(rates.drop) {
                return Vec::new();
            }
            let copies = if random.random_bool(rates.duplicate) {
                2
            } else {
                1
            };
            (0..copies)
                .map(|_| arrival(&mut random, &rates, &datagram))
                .collect()
        })
    }

    /// The same weather, where `watch` sees every datagram that is sent and what arrives of it.
    pub fn watched(
        mut self,
        mut watch: impl FnMut(&Datagram, &[Arrival]) + Send + 'static,
    ) -> Self {
        Weather::new(move |datagram| {
            let arrivals = self.fate(datagram.clone());
            watch(&datagram, &arrivals);
            arrivals
        })
    }

    pub(super) fn fate(&mut self, datagram: Datagram) -> Vec<Arrival> {
        (self.0)(datagram)
    }
}

fn arrival(random: &mut impl Rng, rates: &Rates, datagram: &Datagram) -> Arrival {
    let mut bytes = datagram.bytes.clone();
    let delay = if random.random_bool(rates.delay) {
        random.random_range(1..=50)
    } else {
        0
    };
    if random.random_bool(rates.corrupt) && !bytes.is_empty() {
        let at = random.random_range(0..bytes.len());
        let bit = random.random_range(0..8_u32);
        bytes
            .iter_mut()
            .skip(at)
            .take(1)
            .for_each(|byte| *byte ^= 1_u8.rotate_left(bit));
    }
    if random.random_bool(rates.truncate) {
        bytes.truncate(random.random_range(0..=bytes.len()));
    }
    Arrival {
        after: LATENCY.saturating_add(Duration::from_millis(delay)),
        bytes,
    }
}
