//! Runs one case.

use crate::Res;
use crate::cases::{Case, ClientAuth, Ours, Wrong};
use crate::configuration::{
    PSK_IDENTITY, client_config, gnutls_cli, hex, s_client, s_server, server_config,
};
use crate::pki::{NAME, OTHER_NAME, Pki};
use crate::proxy::Proxy;
use crate::tool::Tool;
use flightline::{
    CertificateError, ClientConfig, DtlsListener, DtlsSocket, Error, PeerIdentity, ServeOptions,
    ServerName, SrtpKeys,
};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// What OpenSSL and we say, once the handshake is done. Lines fit into the smallest MTU.
const THEIR_LINE: &str = "the quick brown fox jumps over the lazy dog";
const OUR_LINE: &str = "sphinx of black quartz, judge my vow";

/// How often a line is repeated that may have been lost.
const REPEAT: Duration = Duration::from_millis(250);

/// Runs the case; says what was agreed on, or what went wrong.
pub fn run(case: &Case, pki: &Pki) -> Res<String> {
    match case.ours {
        Ours::Client => client(case, pki),
        Ours::Server => server(case, pki),
    }
}

/// When a case that ought to succeed has failed, and when one that ought to fail is over.
fn limit(case: &Case) -> Duration {
    Duration::from_secs(match (case.succeeds(), case.seed) {
        (true, None) => 20,
        // OpenSSL doubles its delays without an end near, and answers no repeated flight before.
        (true, Some(_)) => 200,
        (false, _) => 12,
    })
}

// Ours is the client.

fn client(case: &Case, pki: &Pki) -> Res<String> {
    let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
    let server = SocketAddr::from(([127, 0, 0, 1], port));
    let mut tool = Tool::start("openssl", &s_server(case, pki, server))?;
    let config = Arc::new(client_config(case, pki)?);
    let mut detail = String::new();
    for (number, path) in case.paths().into_iter().enumerate() {
        let proxy = path.map(|seed| Proxy::start(server, seed)).transpose()?;
        let address = proxy.as_ref().map_or(server, Proxy::address);
        // Its socket has to be there before the first hello, or a datagram of a good path would be lost.
        if path.is_none() {
            thread::sleep(Duration::from_millis(150));
        }
        detail = connection(case, number, address, config.clone(), &mut tool)?;
    }
    Ok(detail)
}

fn connection(
    case: &Case,
    number: usize,
    address: SocketAddr,
    config: Arc<ClientConfig>,
    tool: &mut Tool,
) -> Res<String> {
    let name = match (case.uses_psk(), case.other_name, case.wrong) {
        (true, ..) => ServerName::unnamed(),
        (_, true, _) | (_, _, Wrong::Name) => ServerName::new(OTHER_NAME)?,
        _ => ServerName::new(NAME)?,
    };
    let connected = DtlsSocket::connect_timeout(&address, name, config, limit(case));
    if !case.succeeds() {
        return match connected {
            // A server that needs a certificate says so after its own Finished would have come.
            Ok(_) => Err("the handshake succeeded and must not".into()),
            Err(error) => expected_error(case, error),
        };
    }
    let socket = connected.map_err(|error| with_complaint(error, tool))?;
    let agreed = Agreed::of(&socket);
    check(case, number, &agreed)?;
    socket.set_read_timeout(Some(REPEAT))?;
    let start = Instant::now();
    let our_line = format!("{OUR_LINE} {number}");
    let (mut heard, mut buf) = (false, [0; 2048]);
    while !(heard && tool.has_printed(&our_line)) {
        if start.elapsed() > limit(case) {
            return Err(with_complaint("no data after the handshake", tool));
        }
        socket.send(format!("{our_line}\n").as_bytes())?;
        tool.say(THEIR_LINE);
        match socket.recv(&mut buf) {
            Ok(length) => heard |= only_lines(&buf[..length], THEIR_LINE)?,
            Err(Error::ReadTimeout) => {}
            Err(error) => return Err(with_complaint(error, tool)),
        }
    }
    check_srtp(case, &agreed, tool)?;
    let stats = socket.stats();
    let detail = format!("{} resent {}", socket.cipher_suite(), stats.flights_resent);
    socket.close(Duration::from_millis(10));
    Ok(detail)
}

fn expected_error(case: &Case, error: Error) -> Res<String> {
    let right = match case.wrong {
        Wrong::Name => matches!(
            error,
            Error::Certificate(CertificateError::WrongName { .. })
        ),
        Wrong::Authority => matches!(error, Error::Certificate(CertificateError::UnknownIssuer)),
        // OpenSSL drops what it cannot decrypt and says nothing.
        Wrong::Psk => matches!(error, Error::HandshakeTimeout { .. } | Error::PeerAlert(_)),
        Wrong::Suite | Wrong::Curve | Wrong::Nothing => match &error {
            Error::PeerAlert(_) => true,
            Error::HandshakeTimeout { suspect, .. } => suspect.is_some(),
            _ => false,
        },
    };
    if right {
        Ok(format!("as it must: {error}"))
    } else {
        Err(format!("failed, but by another error than expected: {error}").into())
    }
}

// Ours is the server.

fn server(case: &Case, pki: &Pki) -> Res<String> {
    let listener = DtlsListener::bind("127.0.0.1:0", server_config(case, pki)?)?;
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
    let mut outcome = Ok(String::new());
    for (number, path) in case.paths().into_iter().enumerate() {
        let proxy = path.map(|seed| Proxy::start(address, seed)).transpose()?;
        let to = proxy.as_ref().map_or(address, Proxy::address);
        let session = case.resumed.map(|_| {
            let option = ["-sess_out", "-sess_in"][number];
            (option, pki.session(address.port()))
        });
        let mut tool = if case.gnutls {
            Tool::start("gnutls-cli", &gnutls_cli(case, pki, to))?
        } else {
            Tool::start("openssl", &s_client(case, pki, to, session))?
        };
        outcome = talk(case, number, &mut tool, &told);
        if outcome.is_err() {
            break;
        }
    }
    closer.close();
    serving.join().map_err(|_| "the listener panicked")??;
    outcome
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

fn talk(case: &Case, number: usize, tool: &mut Tool, told: &mpsc::Receiver<Told>) -> Res<String> {
    let start = Instant::now();
    let (mut agreed, mut error) = (None, None);
    loop {
        match told.recv_timeout(REPEAT / 5) {
            Ok(Told::Connected(as_told)) => agreed = Some(as_told),
            Ok(Told::Failed(why)) => error = Some(why),
            Err(_) => {}
        }
        if tool.has_printed(THEIR_LINE) {
            break;
        }
        let ended = tool.ended();
        let over = start.elapsed() > limit(case);
        if !case.succeeds() && (ended == Some(false) || error.is_some() || over) {
            if agreed.is_some() && case.wrong != Wrong::Nothing {
                return Err("the server's handshake succeeded and must not".into());
            }
            let complaint = tool.complaint();
            let why = error.unwrap_or(complaint);
            return if why.is_empty() {
                Err("no side said why it failed".into())
            } else {
                Ok(format!("as it must: {why}"))
            };
        }
        if ended.is_some() || over || error.is_some() {
            let state = if agreed.is_some() {
                "connected, but no echo"
            } else {
                "not connected"
            };
            let ours = error.unwrap_or_else(|| state.into());
            return Err(with_complaint(ours, tool));
        }
        // Before the handshake is done, lines would only pile up.
        if agreed.is_some() {
            tool.say(THEIR_LINE);
        }
        thread::sleep(REPEAT * 4 / 5);
    }
    if !case.succeeds() {
        return Err("the handshake succeeded and must not".into());
    }
    // gnutls-cli prints more than what it received, and so does s_client where it tells keys.
    if !case.gnutls && case.srtp.is_none() {
        only_lines(tool.printed().as_bytes(), THEIR_LINE)?;
    }
    let agreed = agreed.ok_or("an echo without a handler")?;
    check(case, number, &agreed)?;
    check_srtp(case, &agreed, tool)?;
    Ok(format!("{} resent {}", agreed.suite, agreed.resent))
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
    if case.suite.is_some_and(|suite| suite.id != agreed.suite) {
        return Err(format!("another suite: {}", agreed.suite).into());
    }
    // The server's order decides.
    let alpn: Option<&[u8]> = match (case.alpn, case.ours) {
        (false, _) => None,
        (true, Ours::Client) => Some(b"coap"),
        (true, Ours::Server) => Some(b"chat"),
    };
    if agreed.alpn.as_deref() != alpn {
        return Err(format!("another protocol: {:?}", agreed.alpn).into());
    }
    if case.ours == Ours::Server
        && case.other_name
        && agreed.server_name.as_deref() != Some(OTHER_NAME)
    {
        return Err(format!("another server name: {:?}", agreed.server_name).into());
    }
    let right = match (&agreed.peer, case.ours, case.client_auth) {
        (PeerIdentity::Psk(identity), ..) => case.uses_psk() && identity == PSK_IDENTITY.as_bytes(),
        (PeerIdentity::Certificate(_), Ours::Client, _) => !case.uses_psk(),
        (
            PeerIdentity::Certificate(_),
            Ours::Server,
            ClientAuth::Optional(_) | ClientAuth::Required(_),
        ) => true,
        (PeerIdentity::Anonymous, Ours::Server, ClientAuth::None | ClientAuth::OptionalWithout) => {
            true
        }
        _ => false,
    };
    if !right {
        return Err(format!("another peer identity: {:?}", agreed.peer).into());
    }
    Ok(())
}

/// Whether OpenSSL has printed the same profile and the same keys as ours.
fn check_srtp(case: &Case, agreed: &Agreed, tool: &Tool) -> Res<()> {
    let (srtp, keys) = match (case.srtp, &agreed.srtp) {
        (None, None) => return Ok(()),
        (Some(srtp), Some(keys)) if keys.profile() == srtp.profile => (srtp, keys),
        (_, keys) => return Err(format!("other keys for SRTP: {keys:?}").into()),
    };
    let material = [
        keys.client_write_key(),
        keys.server_write_key(),
        keys.client_write_salt(),
        keys.server_write_salt(),
    ];
    let printed = tool.printed();
    for line in [
        format!("SRTP Extension negotiated, profile={}", srtp.openssl),
        format!(
            "Keying material: {}",
            hex(&material.concat()).to_uppercase()
        ),
    ] {
        if !printed.lines().any(|other| other.trim() == line) {
            return Err(format!("{line:?} is missing from {printed:?}").into());
        }
    }
    Ok(())
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

fn with_complaint(
    what: impl std::fmt::Display,
    tool: &Tool,
) -> Box<dyn std::error::Error + Send + Sync> {
    match tool.complaint() {
        none if none.is_empty() => what.to_string().into(),
        complaint => format!("{what}; the peer: {complaint}").into(),
    }
}
