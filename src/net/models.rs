//! The places where threads meet, under a model checker: shuttle runs the threads of a test one at a time,
//! decides at every lock, wait and atomic who goes on, and tries many such orders. A wait never times out
//! here, so whoever is not woken waits for ever, and shuttle says so.
//!
//! `RUSTFLAGS='--cfg flightline_shuttle' cargo test --lib net::models`

mod inboxes;
mod links;
mod seats;
pub(super) mod sync;

use shuttle::scheduler::{DfsScheduler, PctScheduler};
use shuttle::{Config, Runner};

/// Every order there is.
fn in_every_order(model: impl Fn() + Send + Sync + 'static) {
    Runner::new(DfsScheduler::new(None, false), config()).run(model);
}

/// So many orders, with up to four changes of threads at the worst of moments.
fn in_many_orders(orders: usize, model: impl Fn() + Send + Sync + 'static) {
    Runner::new(PctScheduler::new(4, orders), config()).run(model);
}

fn config() -> Config {
    let mut config = Config::new();
    // Signatures take more than shuttle's default.
    config.stack_size = 1 << 20;
    config
}
