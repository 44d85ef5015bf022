//! The role of the bare UDP program, beside which a listener is measured: what one socket and one thread
//! can do without any protocol.

use crate::tools::{Facts, Outcome, machine, tell, tell_when_asked};
use clap::Args;
use ring::hmac;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};

static HANDLED: AtomicU64 = AtomicU64::new(0);

#[derive(Args, Debug)]
pub(crate) struct Bare {
    /// How long its replies are, in bytes, each with an HMAC of what came; where it is not said, what came
    /// goes back
    #[arg(long)]
    reply: Option<usize>,
}

impl Bare {
    /// Answers until the parent ends it.
    pub(super) fn run(&self) -> Outcome<()> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = socket.local_addr()?;
        tell(&Facts::new().with("address", address));
        tell_when_asked(move || {
            let handled = HANDLED.load(Ordering::Relaxed);
            Ok(machine::observe(address)?.with("handled", handled))
        });
        Ok(match self.reply {
            Some(length) => sign(&socket, length),
            None => each(&socket, |message, from| socket.send_to(message, from)),
        }?)
    }
}

/// Has each datagram answered.
fn each(
    socket: &UdpSocket,
    mut answer: impl FnMut(&[u8], SocketAddr) -> io::Result<usize>,
) -> io::Result<()> {
    let mut buf = vec![0; 65_536];
    loop {
        let (length, from) = socket.recv_from(&mut buf)?;
        // A flood may have left this address.
        let _ = answer(&buf[..length], from);
        HANDLED.fetch_add(1, Ordering::Relaxed);
    }
}

/// Answers with an HMAC of what came and of where it came from, padded to so many bytes.
fn sign(socket: &UdpSocket, length: usize) -> io::Result<()> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[0x5a; 32]);
    let mut reply = vec![0; length];
    each(socket, |message, from| {
        let mut context = hmac::Context::with_key(&key);
        if let IpAddr::V4(address) = from.ip() {
            context.update(&address.octets());
        }
        context.update(&from.port().to_be_bytes());
        context.update(message);
        let tag = context.sign();
        let end = length.min(tag.as_ref().len());
        reply[..end].copy_from_slice(&tag.as_ref()[..end]);
        socket.send_to(&reply, from)
    })
}
