//! One thread per client of a listener that serves.

use super::admission::Place;
use super::handshake::Handshake;
use super::hub::{Hub, State};
use super::outcome::Outcome;
use super::serve_error::ServeError;
use super::serve_options::ServeOptions;
use super::socket::DtlsSocket;
use crate::error::Error;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Starts workers, and waits for them in the end.
pub(super) struct Workers<H> {
    job: Arc<Job<H>>,
    stack_size: usize,
    /// Each worker holds one end; when all are gone, the other end tells.
    alive: Sender<()>,
    all_gone: Receiver<()>,
}

/// What a worker holds, and lets go of in this order, also when a callback panics: when the last of them does not
/// count as alive any more, the handler with all that it has captured is gone, and every place is free.
struct Worker<H> {
    job: Arc<Job<H>>,
    _place: Arc<Place>,
    _alive: Sender<()>,
}

/// What every worker does.
struct Job<H> {
    hub: Arc<Hub>,
    handler: H,
    options: ServeOptions,
}

impl<H, O> Workers<H>
where
    H: Fn(DtlsSocket) -> O + Send + Sync + 'static,
    O: Outcome,
{
    pub(super) fn new(hub: Arc<Hub>, options: ServeOptions, handler: H) -> Self {
        let (alive, all_gone) = bounded(0);
        Workers {
            stack_size: options.stack_size,
            job: Arc::new(Job {
                hub,
                handler,
                options,
            }),
            alive,
            all_gone,
        }
    }

    /// Gives the client a thread, which holds its place until it has nothing to do any more. Where none can be
    /// started, the client is turned away: dropping the handshake and the place frees all that it had.
    pub(super) fn start(&self, handshake: Handshake, place: Arc<Place>) {
        let worker = Worker {
            job: self.job.clone(),
            _place: place,
            _alive: self.alive.clone(),
        };
        let name = match handshake.peer_addr() {
            Ok(peer) => format!("dtls {peer}"),
            Err(_) => "dtls".into(),
        };
        let thread = thread::Builder::new()
            .name(name)
            .stack_size(self.stack_size);
        let started = thread.spawn(move || worker.run(handshake));
        if started.is_err() {
            self.job.hub.counters.threads_failed.count();
        }
    }

    /// Returns when the last worker is done.
    pub(super) fn wait(self) {
        drop(self.alive);
        // Nothing is ever sent: this ends when the last sender is dropped.
        let _ = self.all_gone.recv();
    }
}

impl<H, O> Worker<H>
where
    H: Fn(DtlsSocket) -> O,
    O: Outcome,
{
    fn run(self, handshake: Handshake) {
        self.job.run(handshake);
    }
}

impl<H, O> Job<H>
where
    H: Fn(DtlsSocket) -> O,
    O: Outcome,
{
    /// A panic of the handler ends its connection and nothing else.
    fn run(&self, handshake: Handshake) {
        let Ok(peer) = handshake.peer_addr() else {
            return;
        };
        // Nothing that the handler may have left half done is used after it: the socket is closed.
        let ran = catch_unwind(AssertUnwindSafe(|| self.serve(handshake)));
        match ran {
            Ok(None) => {}
            Ok(Some(error)) => self.report(peer, &error),
            Err(_) => {
                self.hub.counters.worker_panics.count();
                log::error!("the handler of {peer} panicked");
            }
        }
    }

    /// The handshake, the handler, the farewell. Returns what went wrong.
    fn serve(&self, handshake: Handshake) -> Option<ServeError> {
        let socket = match handshake.complete() {
            Ok(socket) => socket,
            Err(Error::Closed) => return None,
            Err(error) => return Some(ServeError::Handshake(error)),
        };
        let error = (self.handler)(socket.clone()).into_error();
        // A handler may have given its socket to others; then the connection is theirs to end.
        if socket.is_last() {
            let linger = match self.hub.state() {
                State::Closed => Duration::ZERO,
                State::Open | State::Draining { .. } => self.options.linger,
            };
            socket.close(linger);
        }
        error.map(ServeError::Handler)
    }

    fn report(&self, peer: SocketAddr, error: &ServeError) {
        log::debug!("{peer}: {error}");
        if let Some(on_error) = &self.options.on_error {
            on_error(peer, error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::TryRecvError;
    use std::net::Ipv4Addr;

    /// Looks whether its worker counts as alive when it goes.
    struct Handler {
        all_gone: Receiver<()>,
        tell: Sender<TryRecvError>,
    }

    impl Drop for Handler {
        fn drop(&mut self) {
            self.tell
                .send(self.all_gone.try_recv().unwrap_err())
                .unwrap();
        }
    }

    /// What it has captured may be a file or a port, which are to be free when `serve` has returned.
    #[test]
    fn p74_the_handler_is_gone_before_its_last_worker_is() {
        let (alive, all_gone) = bounded(0);
        let (tell, told) = bounded(1);
        let hub = Arc::new(Hub::new());
        let handler = Handler {
            all_gone: all_gone.clone(),
            tell,
        };
        drop(Worker {
            job: Arc::new(Job {
                hub: hub.clone(),
                handler,
                options: ServeOptions::default(),
            }),
            _place: Arc::new(Place {
                hub,
                address: (Ipv4Addr::LOCALHOST, 1).into(),
                seat: 0,
            }),
            _alive: alive,
        });
        assert_eq!(told.recv(), Ok(TryRecvError::Empty));
        assert_eq!(all_gone.try_recv(), Err(TryRecvError::Disconnected));
    }
}
