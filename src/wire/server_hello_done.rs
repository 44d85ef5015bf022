//! ServerHelloDone (RFC 5246 §7.4.5).

use super::{Body, HandshakeType};
use crate::codec::{self, Reader, Writer};

/// The server has said all. It has no content.
#[derive(Debug)]
pub(crate) struct ServerHelloDone;

impl Body for ServerHelloDone {
    const TYPE: HandshakeType = HandshakeType::SERVER_HELLO_DONE;

    fn read(_: &mut Reader<'_>) -> codec::Result<Self> {
        Ok(ServerHelloDone)
    }

    fn write(&self, _: &mut Writer) {}
}
