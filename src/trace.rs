//! Looking inside: typed events, for an [`Observer`] and for the `log` facade alike.

use crate::stats::{DropReason, Stats};
use crate::wire::{AlertDescription, HELLO_RETRY_REQUEST, HandshakeType, ProtocolVersion};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Is told what happens on a connection. Sending and asking from here are fine; receiving is not, since whoever
/// receives is who tells: [`recv`](crate::DtlsSocket::recv) and [`peek`](crate::DtlsSocket::peek) of the same
/// connection would wait for themselves. A closure will do:
///
/// ```
/// use flightline::{ClientConfig, Event, Psk, ServerTrust};
/// use std::sync::Arc;
///
/// let watch = |event: &Event| eprintln!("{:.3?} {}: {}", event.at, event.who, event.what);
/// let trust = ServerTrust::psk(Psk::new("sensor-7", [0x5a; 32])?);
/// let config = ClientConfig::builder(trust).observer(Arc::new(watch)).build()?;
/// # Ok::<(), flightline::Error>(())
/// ```
pub trait Observer: Send + Sync {
    /// Something happened.
    fn event(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync> Observer for F {
    fn event(&self, event: &Event) {
        self(event);
    }
}

/// Something that happened on a connection.
#[derive(Debug, Clone)]
pub struct Event {
    /// When, by the connection's clock.
    pub at: Duration,
    /// The connection: role and peer, as the shell named it.
    pub who: Arc<str>,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// A flight was sent for the first time.
    FlightSent {
        /// Its messages, in order.
        messages: Vec<Message>,
        /// Datagrams that it took.
        datagrams: usize,
    },
    /// The current flight was sent again.
    FlightResent {
        /// Why.
        reason: ResendReason,
        /// Its messages, in order.
        messages: Vec<Message>,
        /// Datagrams that it took.
        datagrams: usize,
    },
    /// More was sent of the current flight, which is too long for one burst (RFC 9147 §5.8.3).
    FlightWentOn {
        /// Datagrams that this took.
        datagrams: usize,
    },
    /// The peer's flight is complete, and ours follows or the handshake is over.
    FlightReceived {
        /// Its messages, in order.
        messages: Vec<Message>,
    },
    /// A message arrived behind a handshake of DTLS 1.3: a KeyUpdate or a ticket.
    MessageReceived(Message),
    /// The peer repeated its flight, and ours was not sent again since that was not long ago.
    RepeatDamped,
    /// A record or a message was dropped.
    Dropped {
        /// Why.
        reason: DropReason,
        /// The record's epoch; of a record of DTLS 1.3 that was not opened only its two low bits, which is what it shows.
        epoch: u16,
        /// The record's sequence number, where it is known: a record of DTLS 1.3 hides it.
        sequence: u64,
    },
    /// The retransmission timer runs, for a new flight or anew.
    TimerArmed {
        /// It expires after this time.
        delay: Duration,
    },
    /// The retransmission timer was stopped.
    TimerCancelled,
    /// Datagrams have at most this size from now on, in bytes; by suspicion only those of flights.
    MtuLowered {
        /// The new limit.
        mtu: usize,
    },
    /// The peer's handshake message was refused for a reason that is told if nothing better comes.
    Suspected(String),
    /// What the network says of something that was sent, such as "connection refused". Anyone can forge it.
    NetworkSaid(String),
    /// An ACK was sent.
    AckSent {
        /// How many records it lists.
        records: usize,
    },
    /// An ACK arrived that counts.
    AckReceived {
        /// How many records it lists.
        records: usize,
    },
    /// An alert was sent.
    AlertSent(AlertDescription),
    /// An authentic alert arrived.
    AlertReceived(AlertDescription),
    /// The handshake is complete.
    Established {
        /// Under this version.
        version: ProtocolVersion,
        /// It goes on with an earlier session.
        resumed: bool,
    },
    /// The connection failed, for this reason. One that is closed ends with a close_notify, sent or received.
    Ended(String),
    /// More happened at once than is told one by one, such as the records of one datagram that were all dropped.
    Omitted {
        /// So many events.
        events: usize,
    },
}

impl What {
    /// Whether it is told whatever else is: it happens a few times in a connection's life, and not because
    /// somebody says something again and again.
    fn is_progress(&self) -> bool {
        matches!(
            self,
            What::FlightSent { .. }
                | What::FlightReceived { .. }
                | What::Established { .. }
                | What::Ended(_)
        )
    }
}

/// A handshake message, or the ChangeCipherSpec among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Its kind; `None` is ChangeCipherSpec. A HelloRetryRequest, which is sent as a ServerHello, is told apart.
    pub typ: Option<HandshakeType>,
    /// Its message_seq.
    pub message_seq: u16,
    /// The epoch that it was sent in.
    pub epoch: u16,
    /// Bytes of its body.
    pub length: usize,
}

impl Message {
    pub(crate) fn of(typ: HandshakeType, message_seq: u16, epoch: u16, body: &[u8]) -> Message {
        let random = body.get(2..).and_then(<[u8]>::first_chunk);
        let typ = match typ {
            HandshakeType::SERVER_HELLO if random == Some(&HELLO_RETRY_REQUEST) => {
                HandshakeType::HELLO_RETRY_REQUEST
            }
            typ => typ,
        };
        Message {
            typ: Some(typ),
            message_seq,
            epoch,
            length: body.len(),
        }
    }
}

/// Why a flight was sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResendReason {
    /// The timer expired.
    Timer {
        /// For the how-manieth time on this flight.
        expiry: u32,
        /// How long it had run.
        after: Duration,
    },
    /// The peer repeated its own flight, so it misses ours.
    PeerRepeated,
    /// The peer has acknowledged only a part of the flight.
    PartlyAcknowledged,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.typ {
            Some(typ) => write!(f, "{typ}"),
            None => f.write_str("[CHANGE_CIPHER_SPEC]"),
        }
    }
}

impl fmt::Display for ResendReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResendReason::Timer { expiry, after } => write!(f, "timer {expiry} expired: {after:?}"),
            ResendReason::PartlyAcknowledged => f.write_str("the peer has only a part"),
            ResendReason::PeerRepeated => f.write_str("the peer repeated its flight"),
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, messages: &[Message]| {
            messages
                .iter()
                .try_for_each(|message| write!(f, " {message}"))
        };
        match self {
            What::FlightSent {
                messages,
                datagrams,
            } => {
                f.write_str("--->")?;
                list(f, messages)?;
                write!(f, " ({})", counted(*datagrams, "datagram"))
            }
            What::FlightResent {
                reason,
                messages,
                datagrams,
            } => {
                f.write_str("--->")?;
                list(f, messages)?;
                write!(f, " ({}, again: {reason})", counted(*datagrams, "datagram"))
            }
            What::FlightWentOn { datagrams } => {
                let more = counted(*datagrams, "datagram");
                write!(f, "---> more of the flight ({more})")
            }
            What::FlightReceived { messages } => {
                f.write_str("<---")?;
                list(f, messages)
            }
            What::MessageReceived(message) => write!(f, "<--- {message}"),
            What::RepeatDamped => f.write_str("<--- a repeated flight, not answered again so soon"),
            What::Dropped {
                reason,
                epoch,
                sequence,
            } => {
                write!(f, "<-x- dropped record {epoch}/{sequence}: {reason:?}")
            }
            What::TimerArmed { delay } => write!(f, "timer: {delay:?}"),
            What::TimerCancelled => f.write_str("timer: cancelled"),
            What::MtuLowered { mtu } => write!(f, "datagrams of at most {mtu} bytes from now on"),
            What::Suspected(why) => write!(f, "ignored, unproven: {why}"),
            What::NetworkSaid(what) => write!(f, "the network says: {what}"),
            What::AckSent { records } => write!(f, "---> ACK of {}", counted(*records, "record")),
            What::AckReceived { records } => {
                write!(f, "<--- ACK of {}", counted(*records, "record"))
            }
            What::AlertSent(description) => write!(f, "---> ALERT {description}"),
            What::AlertReceived(description) => write!(f, "<--- ALERT {description}"),
            What::Established { version, resumed } => {
                let how = if *resumed { ", resumed" } else { "" };
                write!(f, "established, {version}{how}")
            }
            What::Ended(why) => write!(f, "ended: {why}"),
            What::Omitted { events } => write!(f, "{events} more events at once"),
        }
    }
}

/// So many of these.
fn counted(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>9.3} {}: {}",
            self.at.as_secs_f64(),
            self.who,
            self.what
        )
    }
}

/// What a half of a connection notes: counters, and events until somebody flushes them.
pub(crate) struct Trace {
    who: Arc<str>,
    observer: Option<Arc<dyn Observer>>,
    /// How many events both halves have noted.
    noted: Arc<AtomicU64>,
    /// With the place of each among those.
    pending: Vec<(u64, Event)>,
    pub(crate) stats: Stats,
}

/// Events that wait at most, but for those of progress: a datagram may have thousands of records, each with an
/// event or two, and anyone can send it.
const MOST_EVENTS: usize = 63;

/// Under this target `log` gets the flight log.
pub(crate) const TARGET: &str = "flightline";

impl Trace {
    pub(crate) fn new(who: Arc<str>, observer: Option<Arc<dyn Observer>>) -> Self {
        Trace {
            who,
            observer,
            noted: Arc::default(),
            pending: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// For the other half of the connection.
    pub(crate) fn beside(&self) -> Self {
        Trace {
            noted: self.noted.clone(),
            ..Trace::new(self.who.clone(), self.observer.clone())
        }
    }

    /// Notes an event, if anybody listens.
    pub(crate) fn note(&mut self, at: Duration, what: impl FnOnce() -> What) {
        if self.observer.is_some() || log::log_enabled!(target: TARGET, log::Level::Debug) {
            let place = self.noted.fetch_add(1, Ordering::Relaxed);
            let who = self.who.clone();
            let what = self.fitting(what());
            let event = what.map(|what| (place, Event { at, who, what }));
            self.pending.extend(event);
        }
    }

    /// What to keep of this event. Where too many wait, only their number is.
    fn fitting(&mut self, what: What) -> Option<What> {
        if self.pending.len() < MOST_EVENTS || what.is_progress() {
            return Some(what);
        }
        let omitted = self
            .pending
            .iter_mut()
            .rev()
            .find_map(|(_, event)| match &mut event.what {
                What::Omitted { events } => Some(events),
                _ => None,
            });
        match omitted {
            Some(events) => {
                *events = events.saturating_add(1);
                None
            }
            None => Some(What::Omitted { events: 1 }),
        }
    }

    /// Counts and notes something dropped.
    pub(crate) fn dropped(&mut self, at: Duration, reason: DropReason, epoch: u16, sequence: u64) {
        self.stats.dropped.count(reason);
        self.note(at, || What::Dropped {
            reason,
            epoch,
            sequence,
        });
    }

    /// Takes the events noted since the last time, to be told when no lock is held.
    pub(crate) fn take(&mut self) -> Told {
        if self.pending.is_empty() {
            return Told {
                observer: None,
                events: Vec::new(),
            };
        }
        Told {
            observer: self.observer.clone(),
            events: std::mem::take(&mut self.pending),
        }
    }
}

/// Events on their way to the observer and to the log.
#[must_use]
pub(crate) struct Told {
    observer: Option<Arc<dyn Observer>>,
    events: Vec<(u64, Event)>,
}

impl Told {
    /// Those of the other half as well, in the order in which they happened.
    pub(crate) fn and(mut self, other: Told) -> Told {
        self.events.extend(other.events);
        self.events.sort_by_key(|(place, _)| *place);
        Told {
            observer: self.observer.or(other.observer),
            ..self
        }
    }

    /// Tells them. The caller holds no lock of the connection.
    pub(crate) fn tell(self) {
        for (_, event) in &self.events {
            log::debug!(target: TARGET, "{event}");
            if let Some(observer) = &self.observer {
                observer.event(event);
            }
        }
    }
}

#[cfg(test)]
mod tests;
