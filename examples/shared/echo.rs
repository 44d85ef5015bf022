//! What servers do that send everything back.

use crate::server::{self, say};
use flightline::{DtlsSocket, Error};

/// A handler: echoes until the client closes or nothing comes for too long, and prints who it was.
pub(crate) fn echo(socket: DtlsSocket) -> Result<(), Error> {
    let peer = socket.peer_addr()?;
    say(format!(
        "{peer}: connected, {}, {}, {}",
        socket.version(),
        socket.cipher_suite(),
        server::describe(socket.peer_identity())
    ));
    let mut buf = vec![0; 65_536];
    let why = loop {
        match socket.recv(&mut buf) {
            Ok(length) => match socket.send(buf.get(..length).unwrap_or_default()) {
                // The client sends longer datagrams than we do.
                Err(error @ Error::MessageTooLong { .. }) => {
                    say(format!("{peer}: not sent back: {error}; see --mtu"));
                }
                sent => drop(sent?),
            },
            Err(Error::Closed) => break "the client closed".to_owned(),
            Err(Error::ReadTimeout) => break "nothing came for too long".to_owned(),
            Err(error) => break error.to_string(),
        }
    };
    say(format!("{peer}: ended: {why}"));
    Ok(())
}
