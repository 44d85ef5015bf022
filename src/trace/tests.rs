//! Each event has its line in the log, and of too many only the number is told.

use super::*;

fn message(typ: Option<HandshakeType>) -> Message {
    Message {
        typ,
        message_seq: 1,
        epoch: 0,
        length: 42,
    }
}

/// Every event and its line in the log. A match without a wildcard sees to it that none is missing.
fn lines() -> Vec<(What, &'static str)> {
    const _: fn(&What) = |what| match what {
        What::FlightSent { .. } | What::FlightResent { .. } => {}
        What::FlightWentOn { .. } => {}
        What::FlightReceived { .. } | What::RepeatDamped | What::Dropped { .. } => {}
        What::TimerArmed { .. } | What::TimerCancelled | What::MtuLowered { .. } => {}
        What::MessageReceived(_)
        | What::AckSent { .. }
        | What::AckReceived { .. }
        | What::Suspected(_)
        | What::NetworkSaid(_)
        | What::AlertSent(_)
        | What::AlertReceived(_) => {}
        What::Established { .. } | What::Ended(_) | What::Omitted { .. } => {}
    };
    let flight = vec![message(Some(HandshakeType::FINISHED)), message(None)];
    let second = Duration::from_secs(1);
    let resent = |reason| What::FlightResent {
        reason,
        messages: flight.clone(),
        datagrams: 3,
    };
    let established = |resumed| What::Established {
        version: ProtocolVersion::DTLS1_2,
        resumed,
    };
    vec![
        (
            What::FlightSent {
                messages: flight.clone(),
                datagrams: 2,
            },
            "---> FINISHED [CHANGE_CIPHER_SPEC] (2 datagrams)",
        ),
        (
            resent(ResendReason::Timer {
                expiry: 2,
                after: second,
            }),
            "---> FINISHED [CHANGE_CIPHER_SPEC] (3 datagrams, again: timer 2 expired: 1s)",
        ),
        (
            What::FlightWentOn { datagrams: 5 },
            "---> more of the flight (5 datagrams)",
        ),
        (
            What::MessageReceived(message(Some(HandshakeType::KEY_UPDATE))),
            "<--- KEY_UPDATE",
        ),
        (What::AckSent { records: 4 }, "---> ACK of 4 records"),
        (What::AckReceived { records: 3 }, "<--- ACK of 3 records"),
        (
            What::NetworkSaid("no way".into()),
            "the network says: no way",
        ),
        (
            resent(ResendReason::PartlyAcknowledged),
            "---> FINISHED [CHANGE_CIPHER_SPEC] (3 datagrams, again: the peer has only a part)",
        ),
        (
            resent(ResendReason::PeerRepeated),
            "---> FINISHED [CHANGE_CIPHER_SPEC] (3 datagrams, again: the peer repeated its flight)",
        ),
        (
            What::FlightReceived {
                messages: flight.clone(),
            },
            "<--- FINISHED [CHANGE_CIPHER_SPEC]",
        ),
        (
            What::RepeatDamped,
            "<--- a repeated flight, not answered again so soon",
        ),
        (
            What::Dropped {
                reason: DropReason::BadMac,
                epoch: 1,
                sequence: 7,
            },
            "<-x- dropped record 1/7: BadMac",
        ),
        (What::TimerArmed { delay: second }, "timer: 1s"),
        (What::TimerCancelled, "timer: cancelled"),
        (
            What::MtuLowered { mtu: 576 },
            "datagrams of at most 576 bytes from now on",
        ),
        (What::Suspected("why".into()), "ignored, unproven: why"),
        (
            What::AlertSent(AlertDescription::UNKNOWN_CA),
            "---> ALERT UNKNOWN_CA",
        ),
        (
            What::AlertReceived(AlertDescription::CLOSE_NOTIFY),
            "<--- ALERT CLOSE_NOTIFY",
        ),
        (established(false), "established, DTLS1_2"),
        (established(true), "established, DTLS1_2, resumed"),
        (What::Ended("why".into()), "ended: why"),
        (What::Omitted { events: 7 }, "7 more events at once"),
    ]
}

#[test]
fn every_event_has_its_line() {
    for (what, line) in lines() {
        let event = Event {
            at: Duration::from_millis(1_500),
            who: "client".into(),
            what,
        };
        assert_eq!(event.to_string(), format!("    1.500 client: {line}"));
    }
}

/// Where nobody listens nothing is kept, but drops are counted.
#[test]
fn events_cost_nothing_where_nobody_listens() {
    let mut trace = Trace::new("client".into(), None);
    trace.note(Duration::ZERO, || unreachable!());
    trace.dropped(Duration::ZERO, DropReason::Replay, 1, 1);
    assert!(trace.take().events.is_empty());
    assert_eq!(trace.stats.dropped.get(DropReason::Replay), 1);
}

/// Listens to nothing.
struct Deaf;

impl Observer for Deaf {
    fn event(&self, _: &Event) {}
}

/// A reader sees how it began, that there was more, and where it led; and what comes later is told again.
#[test]
fn i18_of_too_many_events_the_number_is_told() {
    let mut trace = Trace::new("client".into(), Some(Arc::new(Deaf)));
    let mut take = |drops: u64, then: &[What]| {
        for sequence in 0..drops {
            trace.dropped(Duration::ZERO, DropReason::Replay, 1, sequence);
        }
        for what in then {
            trace.note(Duration::ZERO, || what.clone());
        }
        let events = trace.take().events;
        let whats = events.into_iter().map(|(_, event)| event.what);
        (whats.collect::<Vec<_>>(), trace.stats)
    };
    let dropped = |sequence| What::Dropped {
        reason: DropReason::Replay,
        epoch: 1,
        sequence,
    };
    let first = || (0..MOST_EVENTS as u64).map(dropped);
    let ended = || What::Ended("why".into());
    let then = [ended(), What::TimerCancelled];

    let (told, stats) = take(200, &then);
    let omitted = 200 - MOST_EVENTS + 1;
    let summed_up = [What::Omitted { events: omitted }, ended()];
    assert_eq!(told, first().chain(summed_up).collect::<Vec<_>>());
    assert_eq!(stats.dropped.get(DropReason::Replay), 200);

    let (told, stats) = take(MOST_EVENTS as u64, &[ended()]);
    assert_eq!(told, first().chain([ended()]).collect::<Vec<_>>());
    assert_eq!(
        stats.dropped.get(DropReason::Replay),
        200 + MOST_EVENTS as u64
    );
}
