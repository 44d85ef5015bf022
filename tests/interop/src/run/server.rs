//! Ours is the server.

use super::agreed::{Agreed, check_messages};
use super::path::Path;
use super::{GaveUp, REPEAT, THEIR_LINES, failure, only_lines, with_complaint};
use crate::Res;
use crate::case::{Case, KeyUpdate, Wrong};
use crate::ours::{Watch, server_builder};
use crate::peers::{Conversation, Peer};
use crate::pki::Pki;
use flightline::{DtlsListener, DtlsSocket, Error, ServeOptions};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// What our server says of a handshake that took too long.
const NOT_IN_TIME: &str = "the handshake did not end";

pub(super) fn run(case: &Case, peer: &dyn Peer, pki: &Pki, limit: Duration) -> Res<String> {
    let watch = Arc::<Watch>::default();
    let config = server_builder(case, pki, watch.clone())?.retransmission(peer.retransmission());
    let listener = DtlsListener::bind("127.0.0.1:0", config.build()?)?;
    let address = listener.local_addr()?;
    let closer = listener.closer();
    let (tell, told) = mpsc::channel();
    let failed = tell.clone();
    let options = ServeOptions {
        linger: Duration::from_millis(200),
        on_error: Some(Arc::new(move |_, error| {
            let _ = failed.send(Told::Failed(error.to_string()));
        })),
        ..ServeOptions::default()
    };
    let update = case.key_update;
    let serving = thread::spawn(move || {
        listener.serve_with(options, move |socket| echo(&socket, &tell, update))
    });
    let outcome = connections(case, peer, pki, address, &told, limit);
    closer.close();
    serving.join().map_err(|_| "the listener panicked")??;
    if outcome.is_ok() && case.succeeds() {
        check_messages(case, &watch)?;
    }
    outcome
}

/// Lets the peer connect to our server as often as the case says.
fn connections(
    case: &Case,
    peer: &dyn Peer,
    pki: &Pki,
    address: SocketAddr,
    told: &Receiver<Told>,
    limit: Duration,
) -> Res<String> {
    let mut client = peer.client(case, pki)?;
    let mut detail = String::new();
    // Two connections of one call take one path, the last.
    let at_once = if client.connects_twice() { 2 } else { 1 };
    let paths = case.paths().into_iter().skip(at_once - 1);
    let mut numbers = 0..;
    for seed in paths {
        let path = Path::open(case, address, seed)?;
        let mut them = client.connect(path.address())?;
        let agreed = match talk(case, at_once, &mut *them, &path, told, limit)? {
            Ended::AsItMust(why) => return Ok(format!("as it must: {why}")),
            Ended::Echoed(agreed) => agreed,
        };
        for (agreed, number) in agreed.iter().zip(&mut numbers) {
            agreed.check(case, number)?;
            detail = format!("{} resent {}", agreed.suite, agreed.resent);
        }
        let last = agreed.last().ok_or("an echo without a handler")?;
        last.check_keys(case, &*them)?;
        if them
            .resumed()
            .is_some_and(|resumed| resumed != last.resumed)
        {
            return Err(format!("to the peer resumed is {:?}", them.resumed()).into());
        }
    }
    Ok(detail)
}

/// What the server's threads tell.
enum Told {
    Connected(Box<Agreed>),
    Failed(String),
}

/// Sends every line back. Takes new keys, if it is to begin with them, once the peer's first line is here.
fn echo(
    socket: &DtlsSocket,
    tell: &Sender<Told>,
    mut update: Option<KeyUpdate>,
) -> Result<(), Error> {
    let _ = tell.send(Told::Connected(Box::new(Agreed::of(socket))));
    let mut buf = vec![0; 16 * 1024];
    loop {
        match socket.recv(&mut buf) {
            // s_client sends several lines at once where they have piled up, more than a small MTU
            // takes, and cuts the first and the last of them anywhere.
            Ok(length) => {
                let lines = buf[..length].split_inclusive(|byte| *byte == b'\n');
                for line in lines.filter(|line| !is_cut(line)) {
                    socket.send(line)?;
                }
            }
            Err(Error::Closed) => return Ok(()),
            Err(error) => return Err(error),
        }
        match update.take() {
            Some(KeyUpdate::Ours) => socket.update_keys()?,
            Some(KeyUpdate::OursAndTheirs) => socket.update_all_keys()?,
            Some(KeyUpdate::Theirs | KeyUpdate::TheirsAndOurs) | None => {}
        }
    }
}

/// A part of their line that is not the whole.
fn is_cut(line: &[u8]) -> bool {
    let whole = format!("{}\n", THEIR_LINES[0]).into_bytes();
    line != whole && (whole.starts_with(line) || whole.ends_with(line))
}

enum Ended {
    /// What each connection agreed on.
    Echoed(Vec<Agreed>),
    AsItMust(String),
}

/// Lets the peer connect so often, and talk to our server on the last connection until it hears its own lines
/// again, or both are through.
fn talk(
    case: &Case,
    connections: usize,
    them: &mut dyn Conversation,
    path: &Path,
    told: &Receiver<Told>,
    limit: Duration,
) -> Res<Ended> {
    let start = Instant::now();
    let (mut agreed, mut error) = (Vec::new(), None);
    let mut line = THEIR_LINES[0];
    loop {
        match told.recv_timeout(REPEAT / 5) {
            Ok(Told::Connected(as_told)) => agreed.push(*as_told),
            Ok(Told::Failed(why)) => error = Some(why),
            Err(_) => {}
        }
        if them.has_heard(line) {
            match case.key_update {
                Some(update) if line == THEIR_LINES[0] => {
                    line = THEIR_LINES[1];
                    if update.begins_with_theirs() {
                        them.update_keys(update);
                    }
                }
                Some(update) if !path.is_updated(update) => {}
                Some(update) => {
                    path.check_no_other(update)?;
                    break;
                }
                None => break,
            }
        }
        let ended = them.ended();
        let over = start.elapsed() > limit;
        let connected = agreed.len() == connections;
        if !case.succeeds() && (ended == Some(false) || error.is_some() || over) {
            if !agreed.is_empty() && case.wrong != Wrong::Nothing {
                return Err("the server's handshake succeeded and must not".into());
            }
            let complaint = them.complaint();
            let why = error.unwrap_or(complaint);
            return if why.is_empty() {
                Err("no side said why it failed".into())
            } else {
                Ok(Ended::AsItMust(why))
            };
        }
        if ended.is_some() || over || error.is_some() {
            let state = if connected {
                "connected, but no echo"
            } else {
                "not connected"
            };
            // Neither side was through with it in its time, as in `client`.
            let stuck = !connected && error.as_ref().is_none_or(|why| why.contains(NOT_IN_TIME));
            let ours = error.unwrap_or_else(|| state.into());
            if stuck && ended.is_none() && case.seed.is_some() {
                return Err(GaveUp(with_complaint(ours, them).to_string()).into());
            }
            return Err(failure(case, ours, them));
        }
        // Before the handshake is done, lines would only pile up.
        if connected {
            them.say(line);
        }
        thread::sleep(REPEAT * 4 / 5);
    }
    if !case.succeeds() {
        return Err("the handshake succeeded and must not".into());
    }
    if them.hears_data_only() {
        only_lines(
            them.heard().as_bytes(),
            line,
            &THEIR_LINES.map(str::to_owned),
        )?;
    }
    Ok(Ended::Echoed(agreed))
}
