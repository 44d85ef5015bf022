//! One connection without a socket and without a clock: an association, and the script that drives it
//! until it is established. The shell, the laboratory and the tests all hold this.

mod outbox;
mod script;

use crate::association::{Inbound, Outbound, Response, Rival, Role, Rules, Ticked};
use crate::certificate::ServerName;
use crate::config::{Belief, ClientConfig, ServerConfig, Settings};
use crate::cookie::VerifiedHello;
use crate::error::{Error, Result};
use crate::flight::MessageLimits;
use crate::handshake::{Io, Mailbox, Script, client_script, server_script};
use crate::session::Session;
#[cfg(feature = "lab")]
use crate::stats::Stats;
use crate::trace::{Message, Trace, What};
#[cfg(feature = "lab")]
use crate::wire::KeyUpdate;
use crate::wire::ProtocolVersion;
use outbox::Outbox;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A connection that is being established, and afterwards until it is split in its halves.
pub(crate) struct Connection {
    inbound: Inbound,
    outbound: Outbound,
    settings: Settings,
    mailbox: Arc<Mutex<Mailbox>>,
    progress: Progress,
    suspect: Option<Suspect>,
    /// What the network has said since the peer said anything.
    hint: Option<Error>,
    heard: Vec<Message>,
    outbox: Outbox,
}

/// How far it is.
enum Progress {
    Handshake(Script),
    Established(Session),
    Failed(Error),
}

/// What nothing authenticated says against this handshake; believed if nothing better comes in time.
struct Suspect {
    error: Error,
    until: Duration,
}

/// An established connection in its halves, which different threads may hold.
pub(crate) struct Established {
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound,
    pub(crate) session: Session,
}

impl Connection {
    /// A client that waits for [`begin`](Self::begin). `who` names it in traces.
    pub(crate) fn client(
        config: Arc<ClientConfig>,
        server: ServerName,
        who: Arc<str>,
        now: Duration,
    ) -> Connection {
        let start = Start {
            message_seq: 0,
            expected_seq: 0,
            record_sequence: 0,
            peer: Role::Server,
        };
        let settings = config.settings.clone();
        // RFC 6347 §4.2.1: before a version is agreed on, records say DTLS 1.0, which all can read.
        let version = ProtocolVersion::DTLS1_0;
        Connection::start(settings, who, now, version, start, |io| {
            client_script(io, config, server)
        })
    }

    /// A server for a client whose hello has passed the gate. It waits for [`begin`](Self::begin).
    pub(crate) fn server(
        config: Arc<ServerConfig>,
        hello: VerifiedHello,
        who: Arc<str>,
        now: Duration,
    ) -> Connection {
        // RFC 6347 §4.2.1: numbering goes on where the stateless exchange ended: ServerHello has the
        // record number and the message_seq of the hello that it answers.
        let start = Start {
            message_seq: hello.message_seq(),
            expected_seq: hello.message_seq().saturating_add(1),
            record_sequence: hello.record_sequence(),
            peer: Role::Client,
        };
        let settings = config.settings.clone();
        let version = ProtocolVersion::DTLS1_2;
        Connection::start(settings, who, now, version, start, |io| {
            server_script(io, config, hello)
        })
    }

    fn start(
        settings: Settings,
        who: Arc<str>,
        now: Duration,
        version: ProtocolVersion,
        start: Start,
        script: impl FnOnce(Io) -> Script,
    ) -> Connection {
        let trace = Trace::new(who, settings.observer.clone());
        let other = trace.beside();
        let rules = Rules {
            limits: MessageLimits::from(&settings),
            replay: settings.replay,
            bad_mac_limit: settings.bad_mac_limit,
            renegotiation: settings.renegotiation,
            belief: settings.belief(),
            peer: start.peer,
        };
        let mailbox = Arc::<Mutex<Mailbox>>::default();
        let script = script(Io::new(mailbox.clone(), start.message_seq));
        Connection {
            inbound: Inbound::new(start.message_seq, start.expected_seq, rules, trace),
            outbound: Outbound::new(version, start.record_sequence, &settings, now, other),
            settings,
            mailbox,
            progress: Progress::Handshake(script),
            suspect: None,
            hint: None,
            heard: Vec::new(),
            outbox: Outbox::default(),
        }
    }

    /// Makes the first flight.
    ///
    /// # Errors
    /// As those of [`receive`](Self::receive).
    pub(crate) fn begin(&mut self, now: Duration) -> Result<()> {
        self.advance(now)
    }

    /// Takes in a datagram. Application data that came along goes to `deliver`.
    ///
    /// # Errors
    /// Are final; an alert for the peer may be waiting in [`transmit`](Self::transmit).
    pub(crate) fn receive(
        &mut self,
        datagram: &mut [u8],
        now: Duration,
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Result<()> {
        self.check()?;
        self.hint = None;
        self.outbound.datagram_begins();
        // The script is asked after each record: what one says decides how the next is read.
        for record in self.inbound.records(datagram) {
            let mut response = Response::default();
            self.inbound
                .receive_record(record, now, &mut response, deliver);
            self.respond(response, now)?;
            self.advance(now)?;
        }
        Ok(())
    }

    /// Whether the client has another association beside this one.
    pub(crate) fn set_rival(&mut self, rival: Rival) {
        self.inbound.set_rival(rival);
        self.outbound.set_rival(rival);
    }

    /// Fires every deadline that is due.
    ///
    /// # Errors
    /// As those of [`receive`](Self::receive); [`Error::HandshakeTimeout`] among them.
    pub(crate) fn tick(&mut self, now: Duration) -> Result<()> {
        self.check()?;
        let believed = |suspect: &mut Suspect| now >= suspect.until;
        if let Some(Suspect { error, .. }) = self.suspect.take_if(believed) {
            return self.fail(error, now);
        }
        let ticked = self.outbound.tick(now, &mut self.outbox.emit());
        let ticked = match ticked {
            Ok(ticked) => ticked,
            Err(error) => return self.fail(error, now),
        };
        if ticked == Ticked::Resent {
            let resends = &mut self.mailbox.lock().resends;
            *resends = resends.saturating_add(1);
        }
        let over = self
            .handshake_deadline()
            .is_some_and(|deadline| now >= deadline);
        if ticked == Ticked::GaveUp || over {
            let after = now.saturating_sub(self.outbound.began());
            let suspect = self.suspect.take().map(|suspect| suspect.error);
            let suspect = suspect.or(self.hint.take()).map(Box::new);
            return self.fail(Error::HandshakeTimeout { after, suspect }, now);
        }
        Ok(())
    }

    /// The network says something of what was sent. Anyone can forge that, so it is told if nothing better comes.
    pub(crate) fn hint(&mut self, hint: io::Error, now: Duration) {
        self.inbound
            .note(now, || What::NetworkSaid(hint.to_string()));
        self.hint = Some(hint.into());
    }

    /// When [`tick`](Self::tick) has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let suspect = self.suspect.as_ref().map(|suspect| suspect.until);
        let deadlines = [
            suspect,
            self.outbound.next_deadline(),
            self.handshake_deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// When a repeated flight of the peer is answered again.
    pub(crate) fn intermediate(&self) -> Option<Duration> {
        self.outbound.intermediate()
    }

    /// The next datagram to send.
    pub(crate) fn transmit(&mut self) -> Option<Vec<u8>> {
        if self.outbound.hello_was_cut() {
            self.mailbox.lock().hello_was_cut = true;
        }
        self.outbox.take()
    }

    /// Changes the initial delay of the retransmission plan, and with it the timer that runs.
    ///
    /// # Errors
    /// [`Error::Config`] where the plan would not be sound.
    pub(crate) fn set_initial_delay(&mut self, initial: Duration) -> Result<()> {
        self.settings.set_initial_delay(initial)?;
        self.outbound.set_initial_delay(initial);
        Ok(())
    }

    /// What the transport knows of the longest datagram, if it knows.
    pub(crate) fn set_max_datagram(&mut self, max_datagram: Option<usize>) {
        self.outbound.set_max_datagram(max_datagram);
    }

    /// All that waited in [`transmit`](Self::transmit) is sent.
    pub(crate) fn flight_left(&mut self, now: Duration) {
        self.outbound.flight_left(now);
    }

    /// The system refused a datagram of so many bytes as too long.
    pub(crate) fn lower_mtu(&mut self, length: usize, now: Duration) {
        if !self.outbound.lower_mtu(length, now) {
            return;
        }
        // The flight goes again as a whole, and what is left of its old cut with it no more (pitfall 12).
        if self.outbound.has_flight() {
            self.outbox.clear();
        }
        // What fails here fails again at the next resend, which reports it.
        let _ = self.outbound.cut_flight_anew(now, &mut self.outbox.emit());
    }

    pub(crate) fn is_established(&self) -> bool {
        matches!(self.progress, Progress::Established(_))
    }

    /// Ends the connection, or gives the handshake up, and tells the peer.
    pub(crate) fn close(&mut self, now: Duration) {
        self.outbound.close_notify(now, &mut self.outbox.emit());
        self.progress = Progress::Failed(Error::Closed);
    }

    /// Events since the last time, to be told with no lock held.
    pub(crate) fn tell(&mut self) {
        let heard = self.inbound.take_events();
        heard.and(self.outbound.take_events()).tell();
    }

    /// Splits an established connection; the error of one that is not.
    pub(crate) fn into_established(mut self) -> Result<Established> {
        self.set_rival(Rival::None);
        match self.progress {
            Progress::Established(session) => Ok(Established {
                inbound: self.inbound,
                outbound: self.outbound,
                session,
            }),
            Progress::Failed(error) => Err(error),
            Progress::Handshake(_) => Err(Error::WantRead),
        }
    }

    /// The script is dropped, and may see why.
    fn end(&mut self, error: Error) {
        self.mailbox.lock().refused |= !error.is_silence();
        self.progress = Progress::Failed(error);
    }

    fn check(&self) -> Result<()> {
        match &self.progress {
            Progress::Failed(error) => Err(error.clone()),
            Progress::Handshake(_) | Progress::Established(_) => Ok(()),
        }
    }

    fn handshake_deadline(&self) -> Option<Duration> {
        if self.is_established() {
            return None;
        }
        let own = self.settings.handshake_deadline;
        let own = own.map(|after| self.outbound.began().saturating_add(after));
        [own, self.outbound.handshake_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    fn respond(&mut self, mut response: Response, now: Duration) -> Result<()> {
        if response.keys_proven {
            self.suspect = None;
        }
        if let Some(error) = response.suspicion.take() {
            self.suspect(error, now)?;
        }
        if let Progress::Established(session) = &self.progress {
            for ticket in std::mem::take(&mut response.tickets) {
                session.keep_ticket(ticket)?;
            }
        }
        let responded = self
            .outbound
            .respond(&response, now, &mut self.outbox.emit());
        if let Err(error) = responded {
            return self.fail(error, now);
        }
        match response.fatal {
            Some(error) => {
                self.end(error.clone());
                Err(error)
            }
            None => Ok(()),
        }
    }

    /// Hazards D11 and A21: what nobody authenticated does not end a handshake at once, or anyone
    /// could. The first suspicion since the last progress is remembered.
    fn suspect(&mut self, error: Error, now: Duration) -> Result<()> {
        if self.is_established() {
            return Ok(());
        }
        if self.settings.belief() == Belief::Literal {
            return self.fail(error, now);
        }
        // Whoever drops the handshake now has been refused, as far as one can tell.
        self.mailbox.lock().refused = true;
        self.inbound
            .note(now, || What::Suspected(error.to_string()));
        let until = now.saturating_add(self.settings.suspicion);
        self.suspect.get_or_insert(Suspect { error, until });
        Ok(())
    }

    fn fail(&mut self, error: Error, now: Duration) -> Result<()> {
        self.check()?;
        self.outbound.abort(&error, now, &mut self.outbox.emit());
        self.end(error.clone());
        Err(error)
    }
}

/// The shell splits an established connection in its halves; the laboratory keeps it whole.
#[cfg(feature = "lab")]
impl Connection {
    /// What the handshake agreed on, once it is complete.
    pub(crate) fn session(&self) -> Option<&Session> {
        match &self.progress {
            Progress::Established(session) => Some(session),
            Progress::Handshake(_) | Progress::Failed(_) => None,
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        self.inbound.stats().plus(&self.outbound.stats())
    }

    /// Takes new keys for what is sent.
    pub(crate) fn update_keys(&mut self, update: KeyUpdate, now: Duration) -> Result<()> {
        self.outbound
            .update_keys(update, now, &mut self.outbox.emit())
    }

    /// Seals one message of application data.
    pub(crate) fn send(&mut self, data: &[u8]) -> Result<&[u8]> {
        self.check()?;
        if !self.is_established() {
            return Err(Error::WantRead);
        }
        self.outbound.seal(data)
    }
}

/// Where the numbering starts, and who the peer is.
struct Start {
    message_seq: u16,
    expected_seq: u16,
    record_sequence: u64,
    peer: Role,
}

#[cfg(all(test, feature = "anti-replay"))]
mod tests;
