//! The ways to end a connection, and what the other side must see of them.

use crate::client::Farewell;
use crate::message::Kind;
use crate::talk::{Over, Talk};
use flightline::Error;
use rand::RngExt;
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

/// How long `close` goes on serving the peer.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What `shutdown` promises: whoever waits in `recv` is awake by then.
const SHUTDOWN_WAKES_WITHIN: Duration = Duration::from_millis(100);

/// An announced close is seen within this, and the weather has to hold for it.
const FAIR: Duration = Duration::from_secs(4);

/// How often a message is sent that must arrive.
const TRIES: u32 = 6;

impl Talk<'_> {
    pub(crate) fn part(self) -> Farewell {
        match self.client.random.random_range(0..100) {
            0..45 => self.close(),
            45..58 => self.be_closed(),
            58..80 => self.abandon(),
            80..88 => self.cause_panic(),
            _ => self.be_woken(),
        }
    }

    /// Closes in an orderly way. In clear weather the server knows of it beforehand, and fails if it does
    /// not see it.
    fn close(mut self) -> Farewell {
        let now = Instant::now();
        let holds = now.checked_add(FAIR);
        if holds.is_some_and(|until| self.client.round.sky.is_clear(self.begun, until)) {
            let mut knows = false;
            for _ in 0..TRIES {
                match self.ask(std::iter::once(Kind::Leaving)) {
                    Ok(true) => {
                        knows = true;
                        break;
                    }
                    Ok(false) => {}
                    Err(Over(error)) => return self.lost(&error.to_string()),
                }
            }
            if !knows {
                return self.lost("the announced close was not answered");
            }
        }
        self.client.round.tally.closed_by_client.count();
        if self.client.random.random_bool(0.5) {
            let Talk { client, socket, .. } = self;
            client.timed("close", CLOSE_TIMEOUT, || socket.close(CLOSE_TIMEOUT));
        }
        Farewell::Closed
    }

    /// Asks the server to close, and sees it.
    fn be_closed(mut self) -> Farewell {
        let outcome = self.until_closed(Kind::Close);
        self.closed_by_server(outcome, "was asked to close")
    }

    /// Makes the handler panic; that closes the connection too, and no other.
    fn cause_panic(mut self) -> Farewell {
        let outcome = self.until_closed(Kind::Panic);
        self.client.round.tally.panicked.count();
        self.closed_by_server(outcome, "panicked")
    }

    /// Sends this until the connection is over, and says why it is.
    fn until_closed(&mut self, kind: Kind) -> Option<Error> {
        for _ in 0..TRIES {
            let start = Instant::now();
            if let Err(Over(error)) = self.send(kind) {
                return Some(error);
            }
            // Late answers to earlier questions may come still.
            while start.elapsed() < Duration::from_secs(1) {
                if let Err(Over(error)) = self.hear(Duration::from_secs(1)) {
                    return Some(error);
                }
            }
        }
        None
    }

    fn closed_by_server(self, outcome: Option<Error>, why: &str) -> Farewell {
        match outcome {
            Some(Error::Closed) => {
                self.client.round.tally.closed_by_server.count();
                Farewell::Closed
            }
            Some(error) => self.lost(&format!("the server {why}, and recv fails with: {error}")),
            None => self.lost(&format!("the server {why}, and its close is not seen")),
        }
    }

    /// Goes without a word.
    fn abandon(self) -> Farewell {
        self.cut.off();
        self.client.round.tally.abandoned.count();
        Farewell::Abandoned
    }

    /// Waits in a `recv` without a timeout, until another thread shuts reading down.
    fn be_woken(mut self) -> Farewell {
        if let Err(error) = self.socket.set_read_timeout(None) {
            return self.lost(&error.to_string());
        }
        let wait = Duration::from_millis(self.client.random.random_range(1..400));
        let other = self.socket.clone();
        let waker = thread::spawn(move || {
            thread::sleep(wait);
            let at = Instant::now();
            other.shutdown(Shutdown::Read).map(|()| at)
        });
        let mut buf = [0; 2048];
        let error = loop {
            let limit = wait.saturating_add(SHUTDOWN_WAKES_WITHIN);
            let socket = &self.socket;
            let heard = self
                .client
                .timed("recv until shutdown", limit, || socket.recv(&mut buf));
            match heard {
                Ok(length) => drop(self.take(buf.get(..length).unwrap_or_default())),
                Err(error) => break error,
            }
        };
        if waker.join().is_err() || !matches!(error, Error::Closed) {
            return self.lost(&format!("shut down, and recv fails with: {error}"));
        }
        self.client.round.tally.woken_by_shutdown.count();
        Farewell::Closed
    }
}
