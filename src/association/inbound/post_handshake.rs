//! What may follow a handshake of DTLS 1.3: new keys and tickets (RFC 8446 §4.6).

use super::Inbound;
use super::records::Input;
use crate::codec::DecodeError;
use crate::error::{Error, Result};
use crate::flight::ReceivedMessage;
use crate::trace::What;
use crate::wire::{Body, HandshakeType, KeyUpdate, NewSessionTicket13};

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
        let read_secret = self.read_secret.as_mut().ok_or_else(unexpected)?;
        match message.typ {
            HandshakeType::KEY_UPDATE => {
                let update: KeyUpdate = decode(&message)?;
                let next = read_secret.next()?;
                // RFC 9147 §8.
                let epoch = input.epoch.checked_add(1).ok_or(Error::TooManyKeyUpdates)?;
                let opener = next.opener(epoch)?;
                *read_secret = next;
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
