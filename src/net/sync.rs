//! The locks and atomics that a listener's threads and a socket's threads meet at.
//!
//! In the tests of `net::models` they are a model checker's, which runs the threads one at a time and
//! decides at each of these places who goes on; see docs/testing.md.

#[cfg(not(all(test, flightline_shuttle)))]
pub(super) use parking_lot::{Condvar, Mutex, MutexGuard};
#[cfg(not(all(test, flightline_shuttle)))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

#[cfg(all(test, flightline_shuttle))]
pub(super) use super::models::sync::{
    AtomicBool, AtomicU64, AtomicUsize, Condvar, Mutex, MutexGuard, Ordering,
};
