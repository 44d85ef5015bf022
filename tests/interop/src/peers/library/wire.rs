//! What passes between a connection of a library and the network.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::io::{self, Read, Write};
use std::slice;
use std::sync::{Arc, Mutex};

/// The datagrams on their way to and from a connection.
#[derive(Clone, Default)]
pub struct Wire(Arc<Mutex<Queues>>);

#[derive(Default)]
struct Queues {
    arrived: VecDeque<Vec<u8>>,
    sent: VecDeque<Vec<u8>>,
}

impl Wire {
    /// Takes the next datagram that arrived; what does not fit is cut off.
    pub fn receive(&self, buf: &mut [u8]) -> Option<usize> {
        let datagram = self.0.lock().unwrap().arrived.pop_front()?;
        let length = datagram.len().min(buf.len());
        buf[..length].copy_from_slice(&datagram[..length]);
        Some(length)
    }

    pub fn send(&self, datagram: &[u8]) {
        self.0.lock().unwrap().sent.push_back(datagram.to_vec());
    }

    /// For libraries in C.
    ///
    /// # Safety
    ///
    /// `wire` points to a `Wire`, and `data` to `length` bytes.
    pub unsafe fn send_from(wire: *mut c_void, data: *const u8, length: usize) {
        // SAFETY: as the caller promises.
        let (wire, data) = unsafe { (&*wire.cast::<Wire>(), slice::from_raw_parts(data, length)) };
        wire.send(data);
    }

    /// For libraries in C.
    ///
    /// # Safety
    ///
    /// `wire` points to a `Wire`, and `data` to `room` initialized bytes.
    pub unsafe fn receive_into(wire: *mut c_void, data: *mut u8, room: usize) -> Option<usize> {
        // SAFETY: as the caller promises.
        let (wire, data) =
            unsafe { (&*wire.cast::<Wire>(), slice::from_raw_parts_mut(data, room)) };
        wire.receive(data)
    }

    /// Forgets what arrived and is as `unwanted` says.
    pub fn discard(&self, mut unwanted: impl FnMut(&[u8]) -> bool) {
        let mut queues = self.0.lock().unwrap();
        queues.arrived.retain(|datagram| !unwanted(datagram));
    }

    /// Whether datagrams wait to be sent.
    pub fn sends(&self) -> bool {
        !self.0.lock().unwrap().sent.is_empty()
    }

    pub(super) fn deliver(&self, datagram: &[u8]) {
        self.0.lock().unwrap().arrived.push_back(datagram.to_vec());
    }

    pub(super) fn take_sent(&self) -> VecDeque<Vec<u8>> {
        std::mem::take(&mut self.0.lock().unwrap().sent)
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.receive(buf).ok_or(io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Wire {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.send(datagram);
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
