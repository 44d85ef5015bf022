//! The role of the bare UDP program, beside which a dispatcher is measured: receive, HMAC, send.

use crate::shared::Outcome;
use crate::shared::facts::Facts;
use crate::shared::machine;
use crate::shared::orders::{orders, tell};
use crate::shared::server::started;
use clap::Args;
use ring::hmac;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

static HANDLED: AtomicU64 = AtomicU64::new(0);

#[derive(Args, Debug)]
pub(crate) struct Bare {
    /// How long its replies are, in bytes
    #[arg(long)]
    reply: usize,
}

impl Bare {
    /// Answers until the parent ends it.
    pub(crate) fn run(&self) -> Outcome<()> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = socket.local_addr()?;
        let orders = orders();
        tell(&Facts::new().with("address", address));
        thread::spawn(move || {
            for _ in orders {
                match observe() {
                    Ok(facts) => tell(&facts),
                    Err(error) => eprintln!("error: {error}"),
                }
            }
        });
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[0x5a; 32]);
        let mut buf = vec![0; 65_536];
        let mut reply = vec![0; self.reply];
        loop {
            let (length, from) = socket.recv_from(&mut buf)?;
            let mut context = hmac::Context::with_key(&key);
            if let IpAddr::V4(address) = from.ip() {
                context.update(&address.octets());
            }
            context.update(&from.port().to_be_bytes());
            context.update(&buf[..length]);
            let tag = context.sign();
            let end = self.reply.min(tag.as_ref().len());
            reply[..end].copy_from_slice(&tag.as_ref()[..end]);
            // The flood may have left this address.
            let _ = socket.send_to(&reply, from);
            HANDLED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn observe() -> Outcome<Facts> {
    Ok(Facts::new()
        .with("handled", HANDLED.load(Ordering::Relaxed))
        .with("thread_ns", machine::main_thread_time()?)
        .with("at_ns", started().elapsed().as_nanos()))
}
