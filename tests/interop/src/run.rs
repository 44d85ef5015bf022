//! Runs one case with one peer.

use crate::Res;
use crate::case::{Case, ClientAuth, Resumed, Role, Wrong};
use crate::ours::{OUR_ALPN, PSK_IDENTITY, THEIR_ALPN, Watch, client_builder, server_builder};
use crate::peers::{Conversation, Peer, Srtp};
use crate::pki::{NAME, OTHER_NAME, Pki};
use crate::proxy::Proxy;
use flightline::{
    CertificateError, ClientConfig, DtlsListener, DtlsSocket, Error, HandshakeType, PeerIdentity,
    ServeOptions, ServerName, SrtpKeys,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// What the peer and we say, once the handshake is done. Lines fit into the smallest MTU.
const THEIR_LINE: &str = "the quick brown fox jumps over the lazy dog";
const OUR_LINE: &str = "sphinx of black quartz, judge my vow";

/// What our server says of a handshake that took too long.
const NOT_IN_TIME: &str = "the handshake did not end";

/// How often a line is repeated that may have been lost.
const REPEAT: Duration = Duration::from_millis(250);

/// Runs the case; says what was agreed on, or what went wrong.
pub fn run(case: &Case, peer: &dyn Peer, pki: &Pki) -> Res<String> {
    let limit = limit(case, peer);
    let once = |case: &Case| match case.ours {
        Role::Client => client(case, peer, pki, limit),
        Role::Server => server(case, peer, pki, limit),
    };
    let mut case = case.clone();
    for _ in 1..peer.attempts() {
        match once(&case) {
            Err(error) if error.is::<GaveUp>() => {}
            outcome => return outcome,
        }
        // On another path.
        case.seed = case.seed.map(|seed| seed.wrapping_mul(31).wrapping_add(1));
    }
    once(&case)
}

/// On a bad path the peer was not through with the handshake in the time that it takes for one.
#[derive(Debug)]
struct GaveUp(String);

impl std::fmt::Display for GaveUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for GaveUp {}

/// When a case that ought to succeed has failed, and when one that ought to fail is over.
fn limit(case: &Case, peer: &dyn Peer) -> Duration {
    match (case.succeeds(), case.seed) {
        (true, None) => Duration::from_secs(20),
        (true, Some(_)) => peer.patience(),
        (false, _) => Duration::from_secs(12),
    }
}

// Ours is the client.

fn client(case: &Case, peer: &dyn Peer, pki: &Pki, limit: Duration) -> Res<String> {
    let mut server = peer.server(case, pki)?;
    let watch = Arc::<Watch>::default();
    let config = client_builder(case, pki, watch.clone())?.retransmission(peer.retransmission());
    let config = Arc::new(config.build()?);
    let mut detail = String::new();
    for (number, path) in case.paths().into_iter().enumerate() {
        let proxy = path
            .map(|seed| Proxy::start(server.address, seed))
            .transpose()?;
        let address = proxy.as_ref().map_or(server.address, Proxy::address);
        let socket = match connect(case, address, config.clone(), limit) {
            // Neither side was through with it in its time.
            Err(error @ Error::HandshakeTimeout { suspect: None, .. }) if case.seed.is_some() => {
                let why = with_complaint(error, &*server.conversation);
                return Err(GaveUp(why.to_string()).into());
            }
            Err(error) if case.succeeds() => {
                return Err(failure(case, error, &*server.conversation));
            }
            Err(error) => return expected_error(case, error, &*server.conversation),
            Ok(_) if !case.succeeds() => return Err("the handshake succeeded and must not".into()),
            Ok(socket) => socket,
        };
        let them = &mut *server.conversation;
        detail = converse(case, number, &socket, them, limit)
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
    let name = match (case.uses_psk(), case.other_name, case.wrong) {
        (true, ..) => ServerName::unnamed(),
        (_, true, _) | (_, _, Wrong::Name) => ServerName::new(OTHER_NAME)?,
        _ => ServerName::new(NAME)?,
    };
    DtlsSocket::connect_timeout(&address, name, config, limit)
}

/// Lets data flow both ways on the connection of this number.
fn converse(
    case: &Case,
    number: usize,
    socket: &DtlsSocket,
    them: &mut dyn Conversation,
    limit: Duration,
) -> Res<String> {
    let agreed = Agreed::of(socket);
    check(case, number, &agreed)?;
    let (start, mut pause) = (Instant::now(), REPEAT);
    let our_line = format!("{OUR_LINE} {number}");
    let their_line = if them.echoes() { &our_line } else { THEIR_LINE };
    // s_server sends several lines at once where they have piled up.
    let (mut heard, mut buf) = (false, vec![0; 16 * 1024]);
    while !(heard && them.has_heard(&our_line)) {
        if start.elapsed() > limit {
            return Err("no data after the handshake".into());
        }
        socket.send(format!("{our_line}\n").as_bytes())?;
        them.say(THEIR_LINE);
        socket.set_read_timeout(Some(pause))?;
        match socket.recv(&mut buf) {
            Ok(length) => heard |= only_lines(&buf[..length], their_line)?,
            // What is lost is not hurried: see `Peer::retransmission`.
            Err(Error::ReadTimeout) => pause = limit.min(pause * 2),
            Err(error) => return Err(error.into()),
        }
    }
    check_srtp(case, &agreed, them)?;
    let stats = socket.stats();
    Ok(format!(
        "{} resent {}",
        socket.cipher_suite(),
        stats.flights_resent
    ))
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
        Wrong::ClientAuthority | Wrong::Suite | Wrong::Curve | Wrong::Nothing => match &error {
            Error::PeerAlert(_) => true,
            Error::HandshakeTimeout { suspect, .. } => suspect.is_some() || gave_up,
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

// Ours is the server.

fn server(case: &Case, peer: &dyn Peer, pki: &Pki, limit: Duration) -> Res<String> {
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
            let _ = failed.send(Told::Failed(error.to_owned()));
        })),
        ..ServeOptions::default()
    };
    let serving =
        thread::spawn(move || listener.serve_with(options, move |socket| echo(&socket, &tell)));
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
    told: &mpsc::Receiver<Told>,
    limit: Duration,
) -> Res<String> {
    let mut client = peer.client(case, pki)?;
    let mut detail = String::new();
    for (number, path) in case.paths().into_iter().enumerate() {
        let proxy = path.map(|seed| Proxy::start(address, seed)).transpose()?;
        let to = proxy.as_ref().map_or(address, Proxy::address);
        let mut them = client.connect(to)?;
        let agreed = match talk(case, &mut *them, told, limit)? {
            Ended::AsItMust(why) => return Ok(format!("as it must: {why}")),
            Ended::Echoed(agreed) => agreed,
        };
        check(case, number, &agreed)?;
        check_srtp(case, &agreed, &*them)?;
        detail = format!("{} resent {}", agreed.suite, agreed.resent);
    }
    Ok(detail)
}

/// What the server's threads tell.
enum Told {
    Connected(Agreed),
    Failed(String),
}

fn echo(socket: &DtlsSocket, tell: &Sender<Told>) -> Result<(), Error> {
    let _ = tell.send(Told::Connected(Agreed::of(socket)));
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
    }
}

enum Ended {
    Echoed(Agreed),
    AsItMust(String),
}

/// Lets the peer talk to our server until it hears its own line again, or both are through.
fn talk(
    case: &Case,
    them: &mut dyn Conversation,
    told: &mpsc::Receiver<Told>,
    limit: Duration,
) -> Res<Ended> {
    let start = Instant::now();
    let (mut agreed, mut error) = (None, None);
    loop {
        match told.recv_timeout(REPEAT / 5) {
            Ok(Told::Connected(as_told)) => agreed = Some(as_told),
            Ok(Told::Failed(why)) => error = Some(why),
            Err(_) => {}
        }
        if them.has_heard(THEIR_LINE) {
            break;
        }
        let ended = them.ended();
        let over = start.elapsed() > limit;
        if !case.succeeds() && (ended == Some(false) || error.is_some() || over) {
            if agreed.is_some() && case.wrong != Wrong::Nothing {
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
            let state = if agreed.is_some() {
                "connected, but no echo"
            } else {
                "not connected"
            };
            // Neither side was through with it in its time, as in `client`.
            let stuck =
                agreed.is_none() && error.as_ref().is_none_or(|why| why.contains(NOT_IN_TIME));
            let ours = error.unwrap_or_else(|| state.into());
            if stuck && ended.is_none() && case.seed.is_some() {
                return Err(GaveUp(with_complaint(ours, them).to_string()).into());
            }
            return Err(failure(case, ours, them));
        }
        // Before the handshake is done, lines would only pile up.
        if agreed.is_some() {
            them.say(THEIR_LINE);
        }
        thread::sleep(REPEAT * 4 / 5);
    }
    if !case.succeeds() {
        return Err("the handshake succeeded and must not".into());
    }
    if them.hears_data_only() {
        only_lines(them.heard().as_bytes(), THEIR_LINE)?;
    }
    Ok(Ended::Echoed(agreed.ok_or("an echo without a handler")?))
}

// What both sides share.

/// What a handshake of ours agreed on.
struct Agreed {
    suite: flightline::CipherSuite,
    alpn: Option<Vec<u8>>,
    srtp: Option<SrtpKeys>,
    resumed: bool,
    peer: PeerIdentity,
    server_name: Option<String>,
    resent: u64,
}

impl Agreed {
    fn of(socket: &DtlsSocket) -> Agreed {
        Agreed {
            suite: socket.cipher_suite(),
            alpn: socket.alpn().map(<[u8]>::to_vec),
            srtp: socket.srtp_keys().ok(),
            resumed: socket.resumed(),
            peer: socket.peer_identity().clone(),
            server_name: socket.server_name().map(str::to_owned),
            resent: socket.stats().flights_resent,
        }
    }
}

/// Whether the connection of this number is as the case wants it.
fn check(case: &Case, number: usize, agreed: &Agreed) -> Res<()> {
    if agreed.resumed != (number > 0) {
        return Err(format!("connection {number}: resumed is {}", agreed.resumed).into());
    }
    if case.suite.is_some_and(|suite| suite != agreed.suite) {
        return Err(format!("another suite: {}", agreed.suite).into());
    }
    // The server's order decides.
    let alpn = match (case.alpn, case.ours) {
        (false, _) => None,
        (true, Role::Client) => Some(THEIR_ALPN[0]),
        (true, Role::Server) => Some(OUR_ALPN[0]),
    };
    if agreed.alpn.as_deref() != alpn.map(str::as_bytes) {
        return Err(format!("another protocol: {:?}", agreed.alpn).into());
    }
    if case.ours == Role::Server
        && case.other_name
        && agreed.server_name.as_deref() != Some(OTHER_NAME)
    {
        return Err(format!("another server name: {:?}", agreed.server_name).into());
    }
    let right = match (&agreed.peer, case.ours, case.client_auth) {
        (PeerIdentity::Psk(identity), ..) => case.uses_psk() && identity == PSK_IDENTITY.as_bytes(),
        (PeerIdentity::Certificate(_), Role::Client, _) => !case.uses_psk(),
        (
            PeerIdentity::Certificate(_),
            Role::Server,
            ClientAuth::Optional(_) | ClientAuth::Required(_),
        ) => true,
        (PeerIdentity::Anonymous, Role::Server, ClientAuth::None | ClientAuth::OptionalWithout) => {
            true
        }
        _ => false,
    };
    if !right {
        return Err(format!("another peer identity: {:?}", agreed.peer).into());
    }
    Ok(())
}

/// Whether those messages went either way that tell that the case was what it says.
fn check_messages(case: &Case, watch: &Watch) -> Res<()> {
    let shows = matches!(
        case.client_auth,
        ClientAuth::Optional(_) | ClientAuth::Required(_)
    );
    let asks = case.client_auth != ClientAuth::None;
    let by_ticket = case.resumed.map(|resumed| resumed == Resumed::ByTicket);
    for (message, wanted) in [
        (HandshakeType::CERTIFICATE_REQUEST, Some(asks)),
        (HandshakeType::CERTIFICATE_VERIFY, Some(shows)),
        (HandshakeType::NEW_SESSION_TICKET, by_ticket),
        (
            HandshakeType::HELLO_VERIFY_REQUEST,
            case.cookies.then_some(true),
        ),
    ] {
        if wanted.is_some_and(|wanted| wanted != watch.saw(message)) {
            let was = if watch.saw(message) { "a" } else { "no" };
            return Err(format!("there was {was} {message}").into());
        }
    }
    Ok(())
}

/// Whether the peer tells the same profile and the same keys as ours.
fn check_srtp(case: &Case, agreed: &Agreed, them: &dyn Conversation) -> Res<()> {
    let keys = match (case.srtp, &agreed.srtp) {
        (None, None) => return Ok(()),
        (Some(profile), Some(keys)) if keys.profile() == profile => keys,
        (_, keys) => return Err(format!("other keys for SRTP: {keys:?}").into()),
    };
    let material = [
        keys.client_write_key(),
        keys.server_write_key(),
        keys.client_write_salt(),
        keys.server_write_salt(),
    ];
    let ours = Srtp {
        profile: keys.profile(),
        material: material.concat(),
    };
    match them.srtp() {
        Some(theirs) if theirs == ours => Ok(()),
        theirs => Err(format!("the peer has other keys for SRTP: {theirs:x?}").into()),
    }
}

/// A part of their line that is not the whole.
fn is_cut(line: &[u8]) -> bool {
    let whole = format!("{THEIR_LINE}\n").into_bytes();
    line != whole && (whole.starts_with(line) || whole.ends_with(line))
}

/// Whether there is such a line; it is an error if there is any other.
fn only_lines(bytes: &[u8], line: &str) -> Res<bool> {
    let text = std::str::from_utf8(bytes)?;
    match text.lines().find(|other| *other != line) {
        Some(other) => Err(format!("{other:?} arrived where {line:?} was sent").into()),
        None => Ok(!text.is_empty()),
    }
}

/// Why a case has failed that ought to succeed.
fn failure(
    case: &Case,
    what: impl std::fmt::Display,
    them: &dyn Conversation,
) -> Box<dyn std::error::Error + Send + Sync> {
    let why = with_complaint(what, them);
    match case.seed {
        Some(_) if them.complaint().contains("timed out") => GaveUp(why.to_string()).into(),
        _ => why,
    }
}

fn with_complaint(
    what: impl std::fmt::Display,
    them: &dyn Conversation,
) -> Box<dyn std::error::Error + Send + Sync> {
    match them.complaint() {
        none if none.is_empty() => what.to_string().into(),
        complaint => format!("{what}; the peer: {complaint}").into(),
    }
}
