//! What parking_lot offers, made of shuttle's locks, as far as the shell uses it.

pub(in crate::net) use shuttle::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

#[derive(Default)]
pub(in crate::net) struct Mutex<T>(shuttle::sync::Mutex<T>);

/// It is away only while its thread waits.
pub(in crate::net) struct MutexGuard<'a, T>(Option<shuttle::sync::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    pub(in crate::net) fn new(value: T) -> Self {
        Mutex(shuttle::sync::Mutex::new(value))
    }

    pub(in crate::net) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().unwrap()))
    }

    pub(in crate::net) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok().map(|guard| MutexGuard(Some(guard)))
    }

    pub(in crate::net) fn try_lock_for(&self, _: Duration) -> Option<MutexGuard<'_, T>> {
        Some(self.lock())
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap()
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_deref_mut().unwrap()
    }
}

pub(in crate::net) struct Condvar(shuttle::sync::Condvar);

impl Condvar {
    pub(in crate::net) fn new() -> Self {
        Condvar(shuttle::sync::Condvar::new())
    }

    pub(in crate::net) fn wait_while_for<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        condition: impl FnMut(&mut T) -> bool,
        _: Duration,
    ) {
        let held = guard.0.take().unwrap();
        guard.0 = Some(self.0.wait_while(held, condition).unwrap());
    }

    pub(in crate::net) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(in crate::net) fn notify_all(&self) {
        self.0.notify_all();
    }
}
