//! Flights and their timer, from the first sending to whatever ends them.

use super::*;
use crate::error::Error;

/// A half that has sent nothing yet.
fn fresh(version: ProtocolVersion, suspicion: Duration) -> Ours {
    Ours {
        outbound: narrow(version, suspicion, SECOND),
        openers: Vec::new(),
        now: SECOND,
    }
}

const DTLS1_2: ProtocolVersion = ProtocolVersion::DTLS1_2;
const DTLS1_3: ProtocolVersion = ProtocolVersion::DTLS1_3;
/// Before a suspicion is believed. Whoever waits no time for that believes everything.
const CAREFUL: Duration = SECOND;
const LITERAL: Duration = Duration::ZERO;

fn certificate(epoch: u16) -> Vec<OutgoingMessage> {
    messages_of(epoch, HandshakeType::CERTIFICATE, 1, &[40])
}

fn arrived(number: RecordNumber) -> Response {
    Response {
        acknowledge: vec![number],
        ..Response::default()
    }
}

/// RFC 9147 §7: what came before the version was known can be told of then, by whoever does more than it must.
#[test]
fn what_came_early_is_acknowledged_once_the_version_is_known() {
    for (version, suspicion, is_told) in [
        (DTLS1_3, CAREFUL, true),
        (DTLS1_3, LITERAL, false),
        (DTLS1_2, CAREFUL, false),
    ] {
        let mut ours = fresh(ProtocolVersion::DTLS1_0, suspicion);
        assert!(ours.hear(&arrived(number(0, 1))).is_empty());
        assert_eq!(ours.outbound.next_deadline(), None);
        ours.outbound.agreed(version, ours.now);
        let due = ours.outbound.next_deadline();
        assert_eq!(due, is_told.then_some(SECOND + SECOND / 4), "{version}");
        // Whoever does no more than it must tells of it along with what comes next.
        ours.hear(&arrived(number(0, 2)));
        if version == DTLS1_3 {
            let ack = &ours.next_timer()[0];
            assert_eq!((ack.typ, ack.content.len()), (ContentType::ACK, 2 + 2 * 16));
        }
    }
}

/// RFC 9147 §7: of what was discarded nobody is told.
#[test]
fn what_was_discarded_is_told_of_no_more() {
    let mut ours = Ours::new();
    ours.hear(&arrived(number(3, 1)));
    assert!(ours.outbound.next_deadline().is_some());
    ours.outbound.discarded();
    assert_eq!(ours.outbound.next_deadline(), None);
}

/// RFC 6347 §4.2.4: a flight that the peer repeats is answered again, as long as there is a handshake.
#[test]
fn only_a_repetition_brings_a_flight_of_the_handshake_again() {
    for (repeated, epoch, resent) in [(false, 0, 0), (true, 0, 1), (true, 3, 0)] {
        let mut ours = match epoch {
            0 => fresh(DTLS1_2, CAREFUL),
            _ => Ours::new(),
        };
        ours.send(certificate(epoch));
        ours.now += SECOND / 2;
        let again = ours.hear(&Response {
            repeated,
            ..Response::default()
        });
        assert_eq!(again.len(), resent, "{repeated} in epoch {epoch}");
        let stats = ours.outbound.stats();
        assert_eq!(
            (stats.flights_sent, stats.flights_resent),
            (1, resent as u64)
        );
    }
}

/// RFC 6347 §4.1.1.1: the path may swallow large datagrams. A server may take no hello in parts.
#[test]
fn a_flight_that_is_lost_twice_goes_in_smaller_datagrams_but_a_hello() {
    for (typ, datagrams) in [
        (HandshakeType::CERTIFICATE, 2),
        (HandshakeType::CLIENT_HELLO, 1),
    ] {
        let mut ours = fresh(DTLS1_2, CAREFUL);
        let sent = ours.send(messages_of(0, typ, 0, &[260]));
        let resent = [(); 2].map(|()| ours.next_timer().len());
        assert_eq!((sent.len(), resent), (1, [1, datagrams]), "{typ}");
    }
}

/// The plan counts from the beginning, and ends with the handshake.
#[test]
fn a_handshake_has_as_long_as_its_plan_says() {
    let mut outbound = narrow(DTLS1_2, CAREFUL, SECOND);
    let longest = Settings::default().retransmission.longest_handshake();
    assert_eq!(outbound.handshake_deadline(), Some(SECOND + longest));
    outbound.established(LastFlight::Peers, SECOND);
    assert_eq!(outbound.handshake_deadline(), None);
}

/// RFC 9147 §7: a flight of the handshake says that the peer's has arrived; a message behind it does not.
#[test]
fn a_flight_of_the_handshake_stands_for_an_ack() {
    for (epoch, is_told) in [(0, false), (2, false), (3, true)] {
        let mut ours = Ours::new();
        ours.openers.insert(0, secret(2).opener(2).unwrap());
        let sealers = [Sealer::plaintext(0), secret(2).sealer(2).unwrap()];
        ours.outbound.sealers.splice(0..0, sealers);
        ours.hear(&arrived(number(3, 1)));
        ours.send(certificate(epoch));
        let sent = ours.next_timer();
        let is_ack = sent[0].typ == ContentType::ACK;
        assert_eq!(is_ack, is_told, "{epoch}");
    }
}

/// The timer counts from when the flight has left (hazard E15), and goes with what is acknowledged.
#[test]
fn e15_a_flight_is_there_until_it_is_acknowledged_and_its_timer_runs_from_when_it_left() {
    let mut ours = Ours::new();
    assert!(!ours.outbound.has_flight());
    let sent = ours.send(certificate(3));
    assert!(ours.outbound.has_flight());
    assert_eq!(ours.outbound.next_deadline(), Some(SECOND));
    assert_eq!(ours.outbound.intermediate(), Some(SECOND / 4));
    ours.outbound.flight_left(SECOND / 2);
    assert_eq!(ours.outbound.next_deadline(), Some(SECOND * 3 / 2));
    ours.outbound.set_initial_delay(SECOND * 2);
    assert_eq!(ours.outbound.next_deadline(), Some(SECOND * 5 / 2));
    ours.acknowledged(&numbers(&sent));
    assert!(!ours.outbound.has_flight());
    assert_eq!(ours.outbound.next_deadline(), None);
}

/// RFC 6347 §4.2.4 and RFC 9147 §7.1: who sent the last flight keeps it, for a time or until it is acknowledged.
#[test]
fn the_last_flight_is_kept_by_whoever_sent_it() {
    let suspicion = Some(SECOND + Duration::from_secs(240));
    for (version, last_flight, is_kept, due) in [
        (DTLS1_2, LastFlight::Ours, true, suspicion),
        (DTLS1_2, LastFlight::Peers, false, None),
        (DTLS1_3, LastFlight::Ours, true, Some(SECOND * 2)),
        (DTLS1_3, LastFlight::Peers, false, None),
    ] {
        let mut ours = fresh(version, CAREFUL);
        ours.send(certificate(0));
        ours.outbound.established(last_flight, ours.now);
        assert_eq!(ours.outbound.has_flight(), is_kept);
        assert_eq!(ours.outbound.next_deadline(), due);
        if due == suspicion {
            assert!(ours.next_timer().is_empty());
            assert!(!ours.outbound.has_flight());
            assert_eq!(ours.outbound.next_deadline(), None);
        }
    }
}

/// RFC 9147 §5.8.3: ten records, and the next when the peer has all of these, or after half of the delay.
#[test]
fn the_next_burst_goes_when_it_is_due() {
    let begun = || {
        let mut ours = Ours::new();
        let burst = ours.send(messages(HandshakeType::CERTIFICATE, 7, &[4_000]));
        assert_eq!(burst.len(), 10);
        (ours, numbers(&burst))
    };
    let (mut ours, _) = begun();
    let due = SECOND / 2;
    assert_eq!(ours.outbound.next_deadline(), Some(due));
    ours.now = due - Duration::from_millis(1);
    assert!(ours.tick().is_empty());
    ours.now = due;
    assert!(!ours.tick().is_empty());

    let (mut ours, burst) = begun();
    assert!(ours.acknowledged(&burst[..9]).is_empty());
    assert!(!ours.acknowledged(&burst[9..]).is_empty());
}

/// RFC 9147 §7.1: an ACK waits for a quarter of the delay, but not where the peer may be waiting for it, which has
/// sent as many records as go at once. Whoever does no more than it must waits.
#[test]
fn a_burst_is_acknowledged_at_once() {
    for (suspicion, is_told) in [(CAREFUL, true), (LITERAL, false)] {
        let mut ours = fresh(DTLS1_3, suspicion);
        let mut taken = |sequence| ours.hear(&arrived(number(2, sequence))).len();
        let told: Vec<_> = (0..10).map(&mut taken).collect();
        assert_eq!(told[..9], [0; 9]);
        assert_eq!(told[9], usize::from(is_told));
        let due = ours.outbound.next_deadline();
        assert_eq!(due.is_none(), is_told);
    }
}

/// RFC 9147 §5.8.4: a connection can do without a ticket and without nothing else.
#[test]
fn a_flight_that_is_never_acknowledged_is_given_up() {
    let ticket = HandshakeType::NEW_SESSION_TICKET;
    for (typ, end) in [
        (ticket, Ticked::Going),
        (HandshakeType::KEY_UPDATE, Ticked::GaveUp),
    ] {
        let mut ours = Ours::new();
        ours.send(messages(typ, 7, &[40]));
        for _ in 0..6 {
            assert_eq!(ours.next_timer().len(), 1);
        }
        let now = ours.outbound.next_deadline().unwrap();
        let ticked = ours.outbound.tick(now, &mut |_| panic!("sent"));
        assert_eq!(ticked.unwrap(), end);
    }
}

/// RFC 9147 §5.10: behind its close_notify the peer's ACKs are ignored, and RFC 8446 §6.1: we may go on.
#[test]
fn what_a_peer_that_has_closed_cannot_acknowledge_does_not_end_the_connection() {
    let mut ours = Ours::new();
    ours.send(messages(HandshakeType::KEY_UPDATE, 7, &[1]));
    ours.hear(&Response {
        half_closed: true,
        ..Response::default()
    });
    let mut resends = 0;
    while ours.outbound.next_deadline().is_some() {
        resends += ours.next_timer().len();
    }
    assert_eq!((resends, ours.data_epoch()), (6, 3));
}

/// One datagram of many short records brings few ACKs; and if they came in the clear, so that anyone can have sent
/// them, none at once.
#[test]
fn e09_a_datagram_brings_few_acks() {
    for (epoch, at_once) in [(3, 4), (0, 0)] {
        let mut ours = Ours::new();
        let told = |ours: &mut Ours, sequences: std::ops::Range<u64>| {
            let told = sequences.map(|sequence| ours.hear(&arrived(number(epoch, sequence))).len());
            told.sum::<usize>()
        };
        assert_eq!(told(&mut ours, 0..1000), at_once);
        ours.outbound.datagram_begins();
        assert_eq!(told(&mut ours, 1000..1010), at_once.min(1));
        assert!(ours.outbound.next_deadline().is_some() || epoch > 0);
    }
}

/// Where the peer may have begun anew, the timer goes on and nothing is said in the clear.
#[test]
fn beside_another_handshake_nothing_is_sent_again() {
    let mut ours = fresh(DTLS1_2, CAREFUL);
    ours.send(certificate(0));
    ours.outbound.set_rival(Rival::Newer);
    assert!(ours.next_timer().is_empty());
    assert_eq!(ours.outbound.next_deadline(), Some(SECOND * 4));
    // The peer asks a moment after the timer that sent nothing.
    let asked = Response {
        repeated: true,
        ..Response::default()
    };
    assert_eq!(ours.hear(&asked).len(), 1);
    assert!(ours.hear(&asked).is_empty());
    ours.outbound.set_rival(Rival::None);
    assert_eq!(ours.next_timer().len(), 1);

    // Under keys nobody takes it for another's.
    let mut ours = Ours::new();
    let sent = ours.send(messages(HandshakeType::NEW_SESSION_TICKET, 7, &[100]));
    ours.outbound.set_rival(Rival::Newer);
    assert_eq!(ours.next_timer().len(), sent.len());

    for (rival, alerts) in [(Rival::Newer, 0), (Rival::Older, 1), (Rival::None, 1)] {
        let mut ours = fresh(DTLS1_2, CAREFUL);
        ours.outbound.set_rival(rival);
        let sent = ours.sent_by(|outbound, now, emit| {
            outbound.abort(&Error::BadFinished, now, emit);
            Ok(())
        });
        assert_eq!(sent.len(), alerts);
    }
}

/// The system or the transport takes less than it did: flights go again in what fits.
#[test]
fn where_less_fits_a_flight_goes_again_in_less() {
    let mut ours = Ours::new();
    let lower = |ours: &mut Ours| {
        ours.sent_by(|outbound, now, emit| {
            let length = outbound.mtu.of_data();
            assert!(outbound.lower_mtu(length, now));
            outbound.cut_flight_anew(now, emit)
        })
    };
    let most = ours.outbound.max_message();
    assert!(lower(&mut ours).is_empty());
    assert!(ours.outbound.max_message() < most);

    let mut ours = Ours::new();
    let sent = ours.send(messages(HandshakeType::CERTIFICATE, 7, &[500]));
    let again = lower(&mut ours);
    assert!(again.iter().all(|sent| sent.content.len() < 256));
    assert!(again.len() > sent.len(), "{} {}", again.len(), sent.len());

    let mut ours = Ours::new();
    for (told, room) in [(Some(280), most - 20), (Some(400), most), (None, most)] {
        ours.outbound.set_max_datagram(told);
        assert_eq!(ours.outbound.max_message(), room);
    }
}

/// A message fits or is refused with what would.
#[test]
fn a_message_is_as_long_as_there_is_room() {
    let mut ours = Ours::new();
    let most = ours.outbound.max_message();
    assert_eq!(ours.outbound.seal(&vec![7; most]).unwrap().len(), 300);
    let outcome = ours.outbound.seal(&vec![7; most + 1]).map(<[u8]>::len);
    match outcome {
        Err(Error::MessageTooLong { length, maximum }) => {
            assert_eq!((length, maximum), (most + 1, most));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(ours.outbound.seal(b""), Err(Error::EmptyMessage)));
}

/// An end is told once, and nothing follows.
#[test]
fn an_end_is_told_once() {
    type End = fn(&mut Outbound, Duration, Emit<'_>);
    let close: End = |outbound, now, emit| outbound.close_notify(now, emit);
    let abort: End = |outbound, now, emit| outbound.abort(&Error::BadFinished, now, emit);
    let nobodys_fault: End =
        |outbound, now, emit| outbound.abort(&Error::NumbersExhausted, now, emit);
    // It has said so itself.
    let peers_end: End = |outbound, now, emit| {
        let alert = AlertDescription::HANDSHAKE_FAILURE;
        outbound.abort(&Error::PeerAlert(alert), now, emit);
    };
    for (end, alert) in [
        (close, Some([1, 0])),
        (abort, Some([2, 51])),
        (nobodys_fault, Some([1, 0])),
        (peers_end, None),
    ] {
        let mut ours = Ours::new();
        ours.send(certificate(3));
        let mut act = |end: End| {
            ours.sent_by(|outbound, now, emit| {
                end(outbound, now, emit);
                Ok(())
            })
        };
        let told = act(end);
        let told: Vec<_> = told
            .iter()
            .map(|sent| (sent.typ, &sent.content[..]))
            .collect();
        let alert = alert.iter().map(|alert| (ContentType::ALERT, &alert[..]));
        assert_eq!(told, alert.collect::<Vec<_>>());
        assert!(act(close).is_empty() && act(abort).is_empty());
        assert!(matches!(ours.outbound.seal(b"data"), Err(Error::Closed)));
        assert!(!ours.outbound.has_flight() && ours.outbound.next_deadline().is_none());
    }
    assert_eq!(fresh(DTLS1_2, CAREFUL).outbound.began(), SECOND);
}
