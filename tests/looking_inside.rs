//! What an observer, a key log and the counters are told.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use flightline::lab::{Arrival, Datagram, End, Pair, Weather};
use flightline::{
    ClientConfig, DropReason, Event, HandshakeType, KeyLog, KeyLogFile, Observer, ProtocolVersion,
    Psk, ResendReason, ServerConfig, ServerIdentity, ServerName, ServerTrust, What,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const S: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Notes(Mutex<Vec<Event>>);

impl Observer for Notes {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Notes {
    fn has(&self, wanted: impl Fn(&What) -> bool) -> bool {
        self.0
            .lock()
            .unwrap()
            .iter()
            .any(|event| wanted(&event.what))
    }

    fn text(&self) -> String {
        let notes = self.0.lock().unwrap();
        notes.iter().map(|event| format!("{event}\n")).collect()
    }
}

fn psk() -> Psk {
    Psk::new("tester", [0x42; 32]).unwrap()
}

/// A handshake of an observed client that loses the datagrams in `pattern`.
fn observed(weather: Weather) -> (Arc<Notes>, Pair) {
    let notes = Arc::new(Notes::default());
    let trust = ServerTrust::psk(psk());
    let client = ClientConfig::builder(trust)
        .observer(notes.clone())
        .build()
        .unwrap();
    let server = ServerConfig::builder(ServerIdentity::psk(psk()))
        .build()
        .unwrap();
    let mut pair = Pair::new(client, server, ServerName::unnamed(), weather).unwrap();
    pair.establish(MINUTE).unwrap();
    (notes, pair)
}

#[test]
fn an_observer_is_told_of_flights_timers_and_the_end() {
    let (notes, pair) = observed(Weather::clear());
    let text = notes.text();
    let hello = |what: &What| match what {
        What::FlightSent {
            messages,
            datagrams: 1,
        } => messages
            .first()
            .is_some_and(|m| m.typ == Some(HandshakeType::CLIENT_HELLO)),
        _ => false,
    };
    assert!(notes.has(hello), "{text}");
    assert!(
        notes.has(|what| matches!(what, What::TimerArmed { delay } if *delay == S)),
        "{text}"
    );
    assert!(
        notes.has(|what| matches!(what, What::FlightReceived { .. })),
        "{text}"
    );
    assert!(
        notes.has(|what| matches!(what, What::TimerCancelled)),
        "{text}"
    );
    assert!(
        notes.has(|what| matches!(what, What::Established { .. })),
        "{text}"
    );
    let stats = pair.stats(End::Client);
    assert_eq!((stats.flights_sent, stats.flights_resent), (3, 0));
}

/// Things are told in the order in which they happen, whichever half of the connection notes them; and a request for
/// another hello is no ServerHello.
#[test]
fn a_handshake_of_dtls_1_3_is_told_in_its_order() {
    let (notes, mut pair) = observed(Weather::clear());
    pair.exchange(b"ping", b"pong").unwrap();
    while pair.step() {}
    let text = notes.text();
    let mut rest = &text[..];
    for line in [
        "---> CLIENT_HELLO (1 datagram)",
        "timer: 1s",
        "<--- HELLO_RETRY_REQUEST",
        "---> CLIENT_HELLO (1 datagram)",
        "<--- SERVER_HELLO ENCRYPTED_EXTENSIONS FINISHED",
        "---> FINISHED (1 datagram)",
        "timer: 1s",
        "established, DTLS1_3",
        "<--- ACK of 1 record\n",
        "timer: cancelled",
        "<--- NEW_SESSION_TICKET",
        "---> ACK of ",
    ] {
        let at = rest.find(line);
        let at = at.unwrap_or_else(|| panic!("no \"{line}\" here:\n{rest}\nin\n{text}"));
        rest = &rest[at + line.len()..];
    }
}

#[test]
fn a_resend_is_told_with_its_reason() {
    // The very first datagram is lost: nothing but the timer brings the second.
    let (notes, pair) = observed(Weather::drop_pattern(1));
    let by_timer = |what: &What| match what {
        What::FlightResent {
            reason: ResendReason::Timer { expiry: 1, after },
            ..
        } => *after == S,
        _ => false,
    };
    assert!(notes.has(by_timer), "{}", notes.text());
    assert_eq!(pair.stats(End::Client).flights_resent, 1);
}

#[test]
fn a_drop_is_told_with_its_reason_and_counted() {
    let junk = |datagram: Datagram| {
        let arrival = |bytes| Arrival {
            after: Duration::from_millis(1),
            bytes,
        };
        vec![arrival(b"no record".to_vec()), arrival(datagram.bytes)]
    };
    let (notes, pair) = observed(Weather::new(junk));
    let dropped = |what: &What| {
        matches!(
            what,
            What::Dropped {
                reason: DropReason::MalformedRecord,
                ..
            }
        )
    };
    assert!(notes.has(dropped), "{}", notes.text());
    assert!(
        pair.stats(End::Client)
            .dropped
            .get(DropReason::MalformedRecord)
            > 0
    );
}

/// E13: a path that swallows large datagrams in silence.
#[test]
fn e13_datagrams_become_smaller_where_large_ones_are_lost() {
    let swallow = |datagram: Datagram| match datagram.bytes.len() {
        0..=300 => vec![Arrival {
            after: Duration::from_millis(10),
            bytes: datagram.bytes,
        }],
        _ => Vec::new(),
    };
    let long = Psk::new("x".repeat(400), [1; 32]).unwrap();
    let notes = Arc::new(Notes::default());
    // The key's name stands in no hello of DTLS 1.2, which is short.
    let client = ClientConfig::builder(ServerTrust::psk(long.clone()))
        .versions([ProtocolVersion::DTLS1_2])
        .observer(notes.clone());
    let server = ServerConfig::builder(ServerIdentity::psk(long))
        .build()
        .unwrap();
    let mut pair = Pair::new(
        client.build().unwrap(),
        server,
        ServerName::unnamed(),
        Weather::new(swallow),
    )
    .unwrap();
    pair.establish(MINUTE).unwrap();
    pair.exchange(b"request", b"response").unwrap();
    // Flights are cut smaller by suspicion; what the application sends is the application's affair.
    pair.send(End::Client, &[7; 1000]).unwrap();
    assert!(
        notes.has(|what| matches!(what, What::MtuLowered { mtu: 256 })),
        "{}",
        notes.text()
    );
}

/// A server that keeps no state takes a hello whole or not at all, so it is cut only where it must be.
#[test]
fn e13_a_hello_that_every_host_takes_whole_is_not_cut() {
    for (identity, end) in [(200, [418, 418]), (400, [548, 95])] {
        let sent = Arc::<Mutex<Vec<usize>>>::default();
        let told = sent.clone();
        let all_lost = Weather::new(move |datagram| {
            told.lock().unwrap().push(datagram.bytes.len());
            Vec::new()
        });
        let psk = Psk::new("x".repeat(identity), [1; 32]).unwrap();
        let client = ClientConfig::builder(ServerTrust::psk(psk.clone()));
        let server = ServerConfig::builder(ServerIdentity::psk(psk));
        let (client, server) = (client.build().unwrap(), server.build().unwrap());
        let mut pair = Pair::new(client, server, ServerName::unnamed(), all_lost).unwrap();
        pair.establish(MINUTE * 5).unwrap_err();
        let sent = sent.lock().unwrap();
        assert!(sent.ends_with(&end), "{sent:?}");
    }
}

#[derive(Default)]
struct Secrets(Mutex<Vec<Secret>>);

type Secret = (String, [u8; 32], Vec<u8>);

impl KeyLog for Secrets {
    fn log(&self, label: &str, client_random: &[u8; 32], secret: &[u8]) {
        let entry = (label.to_owned(), *client_random, secret.to_vec());
        self.0.lock().unwrap().push(entry);
    }
}

#[test]
fn both_sides_log_the_same_secret() {
    let (client_log, server_log) = (Arc::new(Secrets::default()), Arc::new(Secrets::default()));
    let client =
        |log: &Arc<Secrets>| ClientConfig::builder(ServerTrust::psk(psk())).key_log(log.clone());
    let server = ServerConfig::builder(ServerIdentity::psk(psk())).key_log(server_log.clone());
    let server = Arc::new(server.build().unwrap());
    let labels_of_13 = [
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
        "EXPORTER_SECRET",
    ];
    for (version, labels, length) in [
        (ProtocolVersion::DTLS1_2, &["CLIENT_RANDOM"][..], 48),
        (ProtocolVersion::DTLS1_3, &labels_of_13, 32),
    ] {
        let client = client(&client_log).versions([version]).build().unwrap();
        let name = ServerName::unnamed();
        let mut pair = Pair::new(client, server.clone(), name, Weather::clear()).unwrap();
        pair.establish(S).unwrap();
        let logged = std::mem::take(&mut *client_log.0.lock().unwrap());
        assert_eq!(logged, std::mem::take(&mut *server_log.0.lock().unwrap()));
        let found: Vec<&str> = logged.iter().map(|(label, ..)| label.as_str()).collect();
        assert_eq!(found, labels);
        assert!(logged.iter().all(|(_, _, secret)| secret.len() == length));
    }
}

#[test]
fn a_key_log_file_has_the_format_of_nss() {
    let path = std::env::temp_dir().join(format!("flightline-keys-{}", std::process::id()));
    let file = KeyLogFile::create(&path).unwrap();
    file.log("CLIENT_RANDOM", &[0xab; 32], &[1, 2, 0xff]);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(text, format!("CLIENT_RANDOM {} 0102ff\n", "ab".repeat(32)));
}

/// Whoever reads it reads every connection.
#[cfg(unix)]
#[test]
fn a_key_log_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("flightline-owned-{}", std::process::id()));
    let file = KeyLogFile::create(&path).unwrap();
    file.log("CLIENT_RANDOM", &[0xab; 32], &[1, 2, 0xff]);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
}
