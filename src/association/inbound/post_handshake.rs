//! What may follow a handshake of DTLS 1.3: new keys and tickets (RFC 8446 §4.6).

use super::Inbound;
use super::records::Input;
use crate::codec::DecodeError;
use crate::error::{Error, Result};
use crate::flight::ReceivedMessage;
use crate::record::TrafficSecret;
use crate::trace::What;
use crate::wire::{Body, HandshakeType, KeyUpdate, NewSessionTicket13};

/// What the peer may say once a handshake is complete.
pub(crate) struct PostHandshake {
    /// That of the present epoch.
    pub(crate) read_secret: TrafficSecret,
    pub(crate) tickets: Tickets,
}

/// Whether the peer may send tickets: a server may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tickets {
    Welcome,
    Refused,
}

impl PostHandshake {
    /// RFC 8446 §4.6: what follows a handshake without early data and without authentication behind it.
    pub(super) fn allows(&self, typ: HandshakeType) -> bool {
        match typ {
            HandshakeType::KEY_UPDATE => true,
            HandshakeType::NEW_SESSION_TICKET => self.tickets == Tickets::Welcome,
            _ => false,
        }
    }
}

impl Inbound {
    pub(super) fn take_post_handshake(&mut self, input: &mut Input<'_>) {
        while let Some(message) = self.reassembly.take() {
            let outline = message.outline();
            self.note(input.now, || What::MessageReceived(outline));
            if let Err(error) = self.post_handshake(input, message) {
                return self.fail(input.response, error);
            }
        }
    }

    fn post_handshake(&mut self, input: &mut Input<'_>, message: ReceivedMessage) -> Result<()> {
        let unexpected = || Error::UnexpectedMessage {
            got: message.typ,
            expected: HandshakeType::KEY_UPDATE,
        };
        let post_handshake = self.post_handshake.as_mut().ok_or_else(unexpected)?;
        match message.typ {
            HandshakeType::KEY_UPDATE => {
                let update: KeyUpdate = decode(&message)?;
                let next = post_handshake.read_secret.next()?;
                // RFC 9147 §8.
                let epoch = input.epoch.checked_add(1).ok_or(Error::TooManyKeyUpdates)?;
                let opener = next.opener(epoch)?;
                post_handshake.read_secret = next;
                if update == KeyUpdate::Requested {
                    input.response.key_update = Some(KeyUpdate::NotRequested);
                }
                self.change_keys(opener, input.now, input.response);
                Ok(())
            }
            HandshakeType::NEW_SESSION_TICKET => {
                let ticket: NewSessionTicket13 = decode(&message)?;
                input.response.tickets.push(ticket);
                Ok(())
            }
            _ => Err(unexpected()),
        }
    }
}

fn decode<B: Body>(message: &ReceivedMessage) -> Result<B> {
    let what = B::TYPE.name().unwrap_or("message");
    B::decode(&message.body).map_err(|cause| match cause {
        // RFC 8446 §4.6.3.
        DecodeError::IllegalValue => Error::IllegalParameter(what),
        cause => Error::Decode { what, cause },
    })
}
