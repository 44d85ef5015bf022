//! What the flags expect of an established connection.

use crate::errors::Failure;
use crate::flags::Flags;
use crate::process::{Process, Turn};
use crate::sessions::Stores;
use flightline::{DtlsSocket, PeerIdentity, ProtocolVersion};

pub fn established(
    flags: &Flags,
    turn: Turn,
    socket: &DtlsSocket,
    process: &Process,
) -> Result<(), Failure> {
    peer(flags, socket.peer_identity())?;
    if flags.expect_verify_result {
        let is_good = process.peer_is_good;
        expect("the certificate is good", is_good, !flags.verify_fail)?;
    }
    if !flags.expect_server_name.is_empty() {
        let expected = Some(flags.expect_server_name.as_str());
        expect("the server's name", socket.server_name(), expected)?;
    }
    let alpn = socket.alpn().unwrap_or_default();
    let expected = match flags.server {
        true => &flags.select_alpn,
        false => &flags.expect_alpn,
    };
    expect("the application protocol", alpn, expected.as_bytes())?;
    session(flags, turn, socket, &process.stores)
}

/// What can be told only at the end: in DTLS 1.3 tickets come behind the handshake.
pub fn over(flags: &Flags, socket: &DtlsSocket, process: &Process) -> Result<(), Failure> {
    match socket.version() == ProtocolVersion::DTLS1_3 && !flags.server {
        // Each connection brings tickets of its own.
        true => expect(
            "the session is new",
            process.stores.client.take_has_new(),
            !flags.expect_no_session,
        ),
        false => Ok(()),
    }
}

fn session(flags: &Flags, turn: Turn, socket: &DtlsSocket, stores: &Stores) -> Result<(), Failure> {
    let resumed = socket.resumed();
    let expected = turn == Turn::Later && !flags.expect_session_miss;
    expect("the session is an earlier one", resumed, expected)?;
    if flags.server {
        let kept = stores.server.take_has_new();
        return match (turn, flags.expect_session_id, flags.expect_no_session_id) {
            (Turn::First, true, _) => expect("the server has kept the session", kept, true),
            (Turn::First, _, true) => expect("the server has kept the session", kept, false),
            _ => Ok(()),
        };
    }
    match socket.version() {
        ProtocolVersion::DTLS1_3 => Ok(()),
        _ => new_session(flags, socket, stores),
    }
}

fn new_session(flags: &Flags, socket: &DtlsSocket, stores: &Stores) -> Result<(), Failure> {
    let expected = !flags.expect_no_session && (!socket.resumed() || flags.expect_ticket_renewal);
    expect("the session is new", stores.client.take_has_new(), expected)
}

fn peer(flags: &Flags, peer: &PeerIdentity) -> Result<(), Failure> {
    let certified = matches!(peer, PeerIdentity::Certificate(_));
    if !flags.psk.is_empty() {
        expect("the peer has a certificate", certified, false)
    } else if !flags.server || flags.require_any_client_certificate {
        expect("the peer has a certificate", certified, true)
    } else {
        Ok(())
    }
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, is: T, should: T) -> Result<(), Failure> {
    match is == should {
        true => Ok(()),
        false => Err(Failure::check(format!(
            "{what}: {is:?}, and should be {should:?}"
        ))),
    }
}
