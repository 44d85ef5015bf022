//! What one side of a handshake holds of the heap, while datagrams of the test's choice reach it. The allocator
//! counts, for each thread on its own.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]

use allocation_counter::{AllocationInfo, measure, opt_out};
use flightline::{Error, Handshake, Transport};
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What one side of a handshake may hold: everything but its configuration and its transport's
/// buffer.
pub const BOUND: i64 = 64 * 1024;

/// One datagram after the other.
pub type Flood = Box<dyn FnMut() -> Option<Vec<u8>> + Send>;

/// Carries datagrams to a side: those of its peer, until there is a flood. What it holds itself is not
/// counted.
#[derive(Default)]
pub struct Wire {
    genuine: Mutex<VecDeque<Vec<u8>>>,
    flood: Mutex<Option<Flood>>,
    heard: AtomicUsize,
    drained: AtomicBool,
}

impl Wire {
    pub fn push(&self, datagram: Vec<u8>) {
        self.genuine.lock().unwrap().push_back(datagram);
    }

    pub fn pop(&self) -> Option<Vec<u8>> {
        self.genuine.lock().unwrap().pop_front()
    }

    pub fn flood(&self, flood: Flood) {
        *self.flood.lock().unwrap() = Some(flood);
        self.drained.store(false, Relaxed);
    }

    /// How often it was looked at.
    pub fn heard(&self) -> usize {
        self.heard.load(Relaxed)
    }

    /// Whether the last look found nothing.
    pub fn is_drained(&self) -> bool {
        self.drained.load(Relaxed)
    }

    fn next(&self) -> Option<Vec<u8>> {
        self.heard.fetch_add(1, Relaxed);
        let next = match &mut *self.flood.lock().unwrap() {
            Some(flood) => flood(),
            None => self.pop(),
        };
        self.drained.store(next.is_none(), Relaxed);
        next
    }
}

/// An end of two wires.
pub struct Plug {
    pub out: Arc<Wire>,
    pub inbox: Arc<Wire>,
}

impl Transport for Plug {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        opt_out(|| self.out.push(datagram.to_vec()));
        Ok(())
    }

    fn recv(&self, buf: &mut Vec<u8>, _: Duration) -> io::Result<usize> {
        let next = uncounted(|| self.inbox.next());
        let datagram = next.ok_or(io::ErrorKind::WouldBlock)?;
        uncounted(|| {
            buf.clear();
            buf.extend(&datagram);
            drop(datagram);
        });
        Ok(buf.len())
    }

    fn max_datagram(&self) -> Option<usize> {
        Some(1400)
    }
}

fn uncounted<T>(call: impl FnOnce() -> T) -> T {
    let mut result = None;
    opt_out(|| result = Some(call()));
    result.unwrap()
}

/// What is measured of one side, call by call.
#[derive(Default, Clone, Copy)]
pub struct Held {
    pub now: i64,
    pub most: i64,
}

impl Held {
    pub fn during<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let mut result = None;
        let AllocationInfo {
            bytes_current,
            bytes_max,
            ..
        } = measure(|| result = Some(call()));
        self.most = self.most.max(self.now + bytes_max as i64);
        self.now += bytes_current;
        result.unwrap()
    }

    /// One pass of the handshake; whether there will be another.
    pub fn step(&mut self, side: &mut Handshake) -> bool {
        matches!(self.during(|| side.handshake()), Err(Error::WantRead))
    }
}

/// A record in the form of DTLS 1.2.
pub fn record(typ: u8, epoch: u16, content: &[u8]) -> Vec<u8> {
    let mut record = vec![typ, 0xfe, 0xfd];
    record.extend(epoch.to_be_bytes());
    record.extend([0, 0x40, 0, 0, 0, 0]);
    record.extend((content.len() as u16).to_be_bytes());
    record.extend(content);
    record
}

/// A part of a message that claims to be `claim` bytes long.
pub fn fragment(typ: u8, message_seq: u16, claim: usize, offset: usize, part: &[u8]) -> Vec<u8> {
    let u24 = |n: usize| [(n >> 16) as u8, (n >> 8) as u8, n as u8];
    let mut content = vec![typ];
    content.extend(u24(claim));
    content.extend(message_seq.to_be_bytes());
    content.extend(u24(offset));
    content.extend(u24(part.len()));
    content.extend(part);
    content
}
