//! What happens on one connection: the handshake, the checks, and the echo.

use crate::checks;
use crate::configuration;
use crate::errors::Failure;
use crate::flags::Flags;
use crate::process::{Process, Turn};
use crate::stream::{Command, Datagrams, Stream};
use crate::verifier::Verifier;
use flightline::{AlertDescription, DtlsSocket, Error, Handshake};
use std::sync::Arc;
use std::time::Duration;

/// An alert that no library sends by itself.
const DECOMPRESSION_FAILURE: AlertDescription = AlertDescription(30);

/// The largest message that the runner sends.
const MESSAGE: usize = 16384;

/// The library never says that less time remains than this, since no system waits for less.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);

/// A timeout this far away is that of a whole handshake, which BoringSSL does not have.
const PATIENCE: Duration = Duration::from_secs(600);

/// Connects to the runner, and does what the flags say until the runner ends the connection.
pub fn connection(flags: &Flags, turn: Turn, process: &mut Process) -> Result<(), Failure> {
    let stream = Arc::new(Stream::connect(
        (flags.ipv6, flags.port),
        flags.shim_id,
        flags.mtu,
        process.clock.clone(),
    )?);
    let outcome = exchange(flags, turn, process, &stream);
    stream.close();
    outcome
}

fn exchange(
    flags: &Flags,
    turn: Turn,
    process: &mut Process,
    stream: &Arc<Stream>,
) -> Result<(), Failure> {
    let transport = Datagrams(stream.clone());
    let verifier = Verifier::new(flags);
    let handshake = if flags.server {
        let config = configuration::server(flags, process, verifier.clone())?;
        Handshake::server(transport, "the runner", None, config)?
    } else {
        let config = configuration::client(flags, process, verifier.clone())?;
        Handshake::client(transport, configuration::server_name(flags)?, config)?
    };
    let socket = complete(handshake, stream)?;
    if let Some(is_good) = verifier.said() {
        process.peer_is_good = is_good;
    }
    checks::established(flags, turn, &socket, process)?;
    talk(flags, &socket, stream)?;
    checks::over(flags, &socket, process)
}

fn complete(mut handshake: Handshake, stream: &Stream) -> Result<DtlsSocket, Failure> {
    loop {
        match handshake.handshake() {
            Ok(()) => return Ok(handshake.into_socket()?),
            Err(Error::WantRead) => {}
            Err(error) => return Err(error.into()),
        }
        let timeout = handshake.next_timeout();
        match stream.command(timeout)? {
            Command::GoOn => {}
            Command::CheckTimeout(expected) => check_timeout(timeout, expected)?,
            Command::SetTimeout(initial) => handshake.set_initial_delay(initial)?,
            Command::End => return Err(Failure::check("the runner hung up".into())),
        }
    }
}

/// Sends what the flags ask for, then sends back every message with its bits inverted.
fn talk(flags: &Flags, socket: &DtlsSocket, stream: &Stream) -> Result<(), Failure> {
    if flags.send_alert {
        socket.abort(DECOMPRESSION_FAILURE);
        return Ok(());
    }
    if flags.export_length > 0 {
        let mut keys = vec![0; flags.export_length];
        let context = flags
            .use_export_context
            .then_some(flags.export_context.as_bytes());
        socket.export_keying_material(&mut keys, flags.export_label.as_bytes(), context)?;
        socket.send(&keys)?;
    }
    if flags.shim_writes_first {
        socket.send(b"hello")?;
    }
    socket.set_nonblocking(true)?;
    let mut message = vec![0; MESSAGE];
    let mut updated = !flags.key_update_before_read;
    loop {
        if !std::mem::replace(&mut updated, true) {
            socket.update_keys()?;
        }
        match socket.recv(&mut message) {
            Ok(length) => {
                let answer: Vec<u8> = message[..length].iter().map(|byte| !byte).collect();
                socket.send(&answer)?;
                updated = !flags.key_update_before_read;
                continue;
            }
            Err(Error::WantRead) => {}
            Err(Error::Closed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let timeout = socket.next_timeout();
        match stream.command(timeout)? {
            Command::GoOn | Command::SetTimeout(_) => {}
            Command::CheckTimeout(expected) => check_timeout(timeout, expected)?,
            Command::End => return Ok(()),
        }
    }
}

fn check_timeout(timeout: Option<Duration>, expected: Option<Duration>) -> Result<(), Failure> {
    let timeout = timeout.filter(|timeout| *timeout < PATIENCE);
    let micros = |timeout: Duration| timeout.max(SHORTEST_TIMEOUT).as_micros();
    match timeout.map(micros) == expected.map(micros) {
        true => Ok(()),
        false => Err(Failure::check(format!(
            "the next timeout is {timeout:?}, and should be {expected:?}"
        ))),
    }
}
