//! Ours is the client.

use super::agreed::{Agreed, check_messages};
use super::path::Path;
use super::{GaveUp, OUR_LINES, REPEAT, THEIR_LINES, failure, only_lines, with_complaint};
use crate::Res;
use crate::case::{Case, ClientAuth, KeyUpdate, Wrong};
use crate::ours::{Watch, client_builder};
use crate::peers::{Conversation, Peer};
use crate::pki::{NAME, OTHER_NAME, Pki};
use flightline::{CertificateError, ClientConfig, DtlsSocket, Error, ServerName};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) fn run(case: &Case, peer: &dyn Peer, pki: &Pki, limit: Duration) -> Res<String> {
    let mut server = peer.server(case, pki)?;
    let watch = Arc::<Watch>::default();
    let config = client_builder(case, pki, watch.clone())?.retransmission(peer.retransmission());
    let config = Arc::new(config.build()?);
    let mut detail = String::new();
    for (number, seed) in case.paths().into_iter().enumerate() {
        let path = Path::open(case, server.address, seed)?;
        let socket = match connect(case, path.address(), config.clone(), limit) {
            // Neither side was through with it in its time, or the peer gave up in the middle of it.
            Err(error @ Error::HandshakeTimeout { .. })
                if case.seed.is_some() && case.succeeds() =>
            {
                let why = with_complaint(error, &*server.conversation);
                return Err(GaveUp(why.to_string()).into());
            }
            Err(error) if case.succeeds() => {
                return Err(failure(case, error, &*server.conversation));
            }
            Err(error) => return expected_error(case, error, &*server.conversation),
            Ok(socket) if !case.succeeds() => {
                let error = late_error(case, &socket, limit)?;
                return expected_error(case, error, &*server.conversation);
            }
            Ok(socket) => socket,
        };
        let them = &mut *server.conversation;
        detail = converse(case, number, &socket, &path, them, limit)
            .and_then(|detail| check_messages(case, &watch).map(|()| detail))
            .map_err(|error| failure(case, error, them))?;
        socket.close(Duration::from_millis(10));
    }
    Ok(detail)
}

fn connect(
    case: &Case,
    address: SocketAddr,
    config: Arc<ClientConfig>,
    limit: Duration,
) -> Result<DtlsSocket, Error> {
    let name = match (case.psk, case.other_name, case.wrong) {
        (true, ..) => ServerName::unnamed(),
        (_, true, _) | (_, _, Wrong::Name) => ServerName::new(OTHER_NAME)?,
        _ => ServerName::new(NAME)?,
    };
    DtlsSocket::connect_timeout(&address, name, config, limit)
}

/// What the server thinks of our certificate it says when we are through with the handshake of DTLS 1.3
/// (RFC 8446 §4.4.2.4 and figure 1).
fn late_error(case: &Case, socket: &DtlsSocket, limit: Duration) -> Res<Error> {
    let judged_late =
        case.wrong == Wrong::ClientAuthority || case.client_auth == ClientAuth::RequiredWithout;
    if !(case.is_of13() && judged_late) {
        return Err("the handshake succeeded and must not".into());
    }
    socket.set_read_timeout(Some(limit))?;
    match socket.recv(&mut [0; 2048]) {
        Ok(_) => Err("data came from a server that must not take us".into()),
        Err(error) => Ok(error),
    }
}

/// Lets data flow both ways on the connection of this number, also under new keys if they are wanted.
fn converse(
    case: &Case,
    number: usize,
    socket: &DtlsSocket,
    path: &Path,
    them: &mut dyn Conversation,
    limit: Duration,
) -> Res<String> {
    let agreed = Agreed::of(socket);
    agreed.check(case, number)?;
    let mut lines = Lines::new(number, them.echoes());
    exchange(socket, them, &lines, limit, &|| true)?;
    if let Some(update) = case.key_update {
        match update {
            KeyUpdate::Ours => socket.update_keys()?,
            KeyUpdate::OursAndTheirs => socket.update_all_keys()?,
            KeyUpdate::Theirs | KeyUpdate::TheirsAndOurs => them.update_keys(update),
        }
        lines.go_on();
        exchange(socket, them, &lines, limit, &|| path.is_updated(update))?;
        path.check_no_other(update)?;
    }
    agreed.check_keys(case, them)?;
    let stats = socket.stats();
    Ok(format!(
        "{} resent {}",
        socket.cipher_suite(),
        stats.flights_resent
    ))
}

/// What is said at present.
struct Lines {
    number: usize,
    echoes: bool,
    round: usize,
}

impl Lines {
    fn new(number: usize, echoes: bool) -> Lines {
        Lines {
            number,
            echoes,
            round: 0,
        }
    }

    fn go_on(&mut self) {
        self.round += 1;
    }

    fn ours(&self) -> String {
        format!("{} {}", OUR_LINES[self.round], self.number)
    }

    /// What the peer is to say.
    fn theirs(&self) -> &'static str {
        THEIR_LINES[self.round]
    }

    /// What comes from it.
    fn heard(&self) -> String {
        match self.echoes {
            true => self.ours(),
            false => self.theirs().into(),
        }
    }

    /// All that may still come.
    fn known(&self) -> Vec<String> {
        let rounds = (0..=self.round).map(|round| Lines { round, ..*self });
        rounds.map(|lines| lines.heard()).collect()
    }
}

/// Sends and listens until both sides have heard the other's line, and `done` says so.
fn exchange(
    socket: &DtlsSocket,
    them: &mut dyn Conversation,
    lines: &Lines,
    limit: Duration,
    done: &dyn Fn() -> bool,
) -> Res<()> {
    let (start, mut pause) = (Instant::now(), REPEAT);
    let (ours, theirs, known) = (lines.ours(), lines.heard(), lines.known());
    // s_server sends several lines at once where they have piled up.
    let (mut heard, mut buf) = (false, vec![0; 16 * 1024]);
    while !(heard && them.has_heard(&ours) && done()) {
        if start.elapsed() > limit {
            return Err("no data after the handshake".into());
        }
        socket.send(format!("{ours}\n").as_bytes())?;
        them.say(lines.theirs());
        socket.set_read_timeout(Some(pause))?;
        match socket.recv(&mut buf) {
            Ok(length) => heard |= only_lines(&buf[..length], &theirs, &known)?,
            // What is lost is not hurried: see `Peer::retransmission`.
            Err(Error::ReadTimeout) => pause = limit.min(pause * 2),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn expected_error(case: &Case, error: Error, them: &dyn Conversation) -> Res<String> {
    // Some give up and do not say so.
    let gave_up = !them.complaint().is_empty();
    let right = match case.wrong {
        Wrong::Name => matches!(
            error,
            Error::Certificate(CertificateError::WrongName { .. })
        ),
        Wrong::Authority => matches!(error, Error::Certificate(CertificateError::UnknownIssuer)),
        // Most drop what they cannot decrypt, and say nothing.
        Wrong::Psk => matches!(error, Error::HandshakeTimeout { .. } | Error::PeerAlert(_)),
        Wrong::ClientAuthority
        | Wrong::Suite
        | Wrong::Curve
        | Wrong::Group
        | Wrong::Version
        | Wrong::Nothing => match &error {
            Error::PeerAlert(_) => true,
            Error::HandshakeTimeout { suspect, .. } => suspect.is_some() || gave_up,
            // A HelloVerifyRequest says so already.
            Error::UnsupportedVersion(_) => case.wrong == Wrong::Version,
            _ => false,
        },
    };
    if right {
        Ok(format!("as it must: {error}"))
    } else {
        let what = format!("failed, but by another error than expected: {error}");
        Err(with_complaint(what, them))
    }
}
