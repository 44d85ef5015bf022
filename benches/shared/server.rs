//! The role of the server: a listener that echoes.

use super::Outcome;
use super::facts::Facts;
use super::orders::{orders, tell};
use super::{machine, pki};
use clap::Args;
use flightline::{Closer, DtlsListener, DtlsSocket, Result, ServeOptions};
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

/// A message that makes the handler do nothing for ever after.
pub(crate) const STICK: &[u8] = b"stick";

#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Stack of each worker, in KiB; the library's default where it is not said
    #[arg(long)]
    stack: Option<usize>,
    /// Connections at once; the library's default where it is not said
    #[arg(long)]
    connections: Option<usize>,
}

impl Serve {
    /// Serves until the parent ends it. `heap` tells how many bytes of the heap are in use, where
    /// somebody counts them. The main thread is the dispatcher's.
    pub(crate) fn run(&self, heap: fn() -> usize) -> Outcome<()> {
        let (config, ca) = pki::server()?;
        let listener = DtlsListener::bind((Ipv4Addr::LOCALHOST, 0), config)?;
        let address = listener.local_addr()?;
        let closer = listener.closer();
        let orders = orders();
        tell(&Facts::new().with("address", address).with("ca", ca));
        thread::spawn(move || {
            for _ in orders {
                match observe(&closer, address, heap) {
                    Ok(facts) => tell(&facts),
                    Err(error) => eprintln!("error: {error}"),
                }
            }
        });
        let mut options = ServeOptions::default();
        if let Some(stack) = self.stack {
            options.stack_size = stack * 1024;
        }
        if let Some(connections) = self.connections {
            options.max_connections = connections;
        }
        Ok(listener.serve_with(options, echo)?)
    }
}

fn observe(closer: &Closer, address: SocketAddr, heap: fn() -> usize) -> Outcome<Facts> {
    let stats = closer.stats();
    Ok(Facts::new()
        .with("handled", stats.datagrams_received)
        .with("challenges", stats.challenges_sent)
        .with("connections", stats.connections)
        .with("handshakes", stats.handshakes)
        .with("inbox_full", stats.dropped_inbox_full)
        .with("thread_ns", machine::main_thread_time()?)
        .with("process_s", machine::process_time()?)
        .with("kernel_drops", machine::kernel_drops(address)?)
        .with("resident", machine::resident()?)
        .with("heap", heap())
        .with("at_ns", started().elapsed().as_nanos()))
}

/// The beginning of time, for differences.
pub(crate) fn started() -> Instant {
    static STARTED: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *STARTED.get_or_init(Instant::now)
}

fn echo(socket: DtlsSocket) -> Result<()> {
    let mut buf = [0; 2048];
    loop {
        let length = socket.recv(&mut buf)?;
        let message = &buf[..length];
        if message == STICK {
            thread::sleep(Duration::from_secs(24 * 60 * 60));
        }
        socket.send(message)?;
    }
}
