//! Between the association and the script that drives it.

use super::{Connection, Progress};
use crate::association::{LastFlight, Response};
use crate::crypto;
use crate::error::Result;
use crate::flight::{Content, OutgoingMessage};
use crate::handshake::Action;
use crate::session::Session;
use crate::trace::What;
use crate::wire::HandshakeType;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

impl Connection {
    /// Hands the script what has arrived, and does what it asks for, until it waits for more.
    pub(super) fn advance(&mut self, now: Duration) -> Result<()> {
        loop {
            let Progress::Handshake(script) = &mut self.progress else {
                return Ok(());
            };
            let offered = {
                let mut mailbox = self.mailbox.lock();
                if mailbox.received.is_none() {
                    mailbox.received = self.inbound.next_message();
                }
                mailbox.received.is_some()
            };
            let polled = script
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            let actions = std::mem::take(&mut self.mailbox.lock().actions);
            if polled.is_ready() || actions.iter().any(Action::changes_keys) {
                crypto::wipe_stack();
            }
            let last = match self.act(actions, now) {
                Ok(last) => last,
                Err(error) => return self.fail(error, now),
            };
            match polled {
                Poll::Ready(Ok(session)) => return self.establish(session, last, now),
                Poll::Ready(Err(error)) => return self.fail(error, now),
                Poll::Pending if !offered => return Ok(()),
                Poll::Pending => {}
            }
        }
    }

    /// Does what the script asked for. Says whose flight was the last, should the handshake be over now.
    fn act(&mut self, actions: Vec<Action>, now: Duration) -> Result<LastFlight> {
        let mut flight = Vec::new();
        let mut opened = Response::default();
        for action in actions {
            match action {
                Action::Send {
                    typ,
                    message_seq,
                    body,
                } => {
                    let content = Content::Handshake {
                        typ,
                        message_seq,
                        body,
                    };
                    flight.push(OutgoingMessage {
                        epoch: self.outbound.epoch(),
                        content,
                    });
                }
                Action::ChangeCipherSpec(sealer) => {
                    let content = Content::ChangeCipherSpec;
                    flight.push(OutgoingMessage {
                        epoch: self.outbound.epoch(),
                        content,
                    });
                    self.outbound.change_keys(sealer);
                }
                Action::ExpectChangeCipherSpec(opener) => {
                    opened = self.inbound.expect_change_cipher_spec(opener, now);
                }
                Action::ChangeWriteKeys(sealer) => self.outbound.change_keys(sealer),
                Action::ChangeReadKeys(opener) => {
                    opened = self.inbound.change_read_keys(opener, now);
                }
                Action::Acknowledge => {
                    self.note_flight_received(now);
                    self.outbound.acknowledge(now, &mut self.outbox.emit())?;
                }
                Action::Follow(read_secret, rekeying) => {
                    self.inbound.set_read_secret(read_secret);
                    self.outbound.set_rekeying(rekeying);
                }
                Action::Accepted(message) => {
                    // RFC 6347 §4.2.1: it is in no transcript, and takes no room there. Whether it is progress
                    // depends on the answer.
                    if message.typ != Some(HandshakeType::HELLO_VERIFY_REQUEST) {
                        self.suspect = None;
                        self.inbound.message_accepted(message.length);
                    }
                    self.heard.push(message);
                }
                Action::Refused(message, error) => {
                    self.inbound.refuse_message(&message, now);
                    self.outbound.discarded();
                    self.suspect(error, now)?;
                }
                Action::Suspected(error) => self.suspect(error, now)?,
                Action::Restarted(message_seq) => {
                    self.suspect = None;
                    self.inbound.skip_to(message_seq);
                }
                Action::PassedOver(message_seq) => {
                    self.heard.pop();
                    self.outbound.discarded();
                    self.inbound.skip_to(message_seq);
                }
                Action::Agreed(version) => {
                    self.inbound.agreed(version);
                    self.outbound.agreed(version, now);
                }
                Action::Log {
                    label,
                    client_random,
                    secret,
                } => {
                    if let Some(key_log) = &self.settings.key_log {
                        key_log.log(label, &client_random, secret.as_bytes());
                    }
                }
            }
        }
        let last = match flight.is_empty() {
            true => LastFlight::Peers,
            false => self.send_flight(flight, now)?,
        };
        // Behind the flight, without which the peer could not read an alert.
        self.respond(opened, now)?;
        Ok(last)
    }

    fn send_flight(&mut self, flight: Vec<OutgoingMessage>, now: Duration) -> Result<LastFlight> {
        self.note_flight_received(now);
        self.inbound.flight_complete();
        self.outbound
            .send_flight(flight, now, &mut self.outbox.emit())?;
        Ok(LastFlight::Ours)
    }

    fn establish(&mut self, session: Session, last: LastFlight, now: Duration) -> Result<()> {
        self.note_flight_received(now);
        self.suspect = None;
        if let Err(error) = self.inbound.established(session.version) {
            return self.fail(error, now);
        }
        self.outbound.established(last, now);
        self.inbound.note(now, || What::Established {
            version: session.version,
            resumed: session.resumed,
        });
        self.progress = Progress::Established(session);
        Ok(())
    }

    fn note_flight_received(&mut self, now: Duration) {
        let messages = std::mem::take(&mut self.heard);
        if !messages.is_empty() {
            self.inbound.note(now, || What::FlightReceived { messages });
        }
    }
}
