//! The role of the server: a listener that echoes.

use crate::tools::{Facts, Outcome, machine, pki, tell, tell_when_asked};
use clap::Args;
use flightline::{Closer, DtlsListener, DtlsSocket, Result, ServeOptions};
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

/// A message that makes the handler do nothing for ever after.
pub(super) const STICK: &[u8] = b"stick";

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
    /// Serves until the parent ends it. The main thread is the dispatcher's.
    pub(super) fn run(&self) -> Outcome<()> {
        let (config, ca) = pki::server()?;
        let listener = DtlsListener::bind((Ipv4Addr::LOCALHOST, 0), config)?;
        let address = listener.local_addr()?;
        let closer = listener.closer();
        tell(&Facts::new().with("address", address).with("ca", ca));
        tell_when_asked(move || observe(&closer, address));
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

fn observe(closer: &Closer, address: SocketAddr) -> Outcome<Facts> {
    let stats = closer.stats();
    Ok(machine::observe(address)?
        .with("handled", stats.datagrams_received)
        .with("challenges", stats.challenges_sent)
        .with("connections", stats.connections)
        .with("handshakes", stats.handshakes)
        .with("inbox_full", stats.dropped_inbox_full))
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
