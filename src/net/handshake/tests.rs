use super::*;
use crate::config::{AlpnChoice, ConfigBuilder, Psk, ServerIdentity, ServerTrust};
use crate::net::link::DATAGRAMS_A_PASS;
use crate::wire::AlertDescription;
use parking_lot::Mutex;
use std::collections::VecDeque;

const S: Duration = Duration::from_secs(1);

/// A wire that hands out what was put into it, and a clock that is set by hand.
#[derive(Clone, Default)]
struct World {
    arriving: Arc<Mutex<VecDeque<Vec<u8>>>>,
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
    time: Arc<Mutex<Duration>>,
    network: Arc<Mutex<Option<io::ErrorKind>>>,
}

impl Transport for World {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        self.sent.lock().push(datagram.to_vec());
        Ok(())
    }

    fn recv(&self, buf: &mut Vec<u8>, _: Duration) -> io::Result<usize> {
        let arrived = self.arriving.lock().pop_front();
        *buf = arrived.ok_or(io::ErrorKind::WouldBlock)?;
        Ok(buf.len())
    }

    fn take_error(&self) -> Option<io::Error> {
        self.network.lock().take().map(io::Error::from)
    }
}

impl Clock for World {
    fn now(&self) -> Duration {
        *self.time.lock()
    }
}

fn psk() -> Psk {
    Psk::new("tester", [7; 32]).unwrap()
}

fn client(world: &World) -> Handshake {
    let config = ClientConfig::builder(ServerTrust::psk(psk())).clock(Arc::new(world.clone()));
    Handshake::client(
        world.clone(),
        ServerName::unnamed(),
        config.build().unwrap(),
    )
    .unwrap()
}

fn open_server() -> ConfigBuilder<ServerConfig> {
    ServerConfig::builder(ServerIdentity::psk(psk())).danger_without_hello_verification()
}

/// What a server answers to a hello with a byte too many, and to a message that is none.
fn answers_to_bad_hellos(config: ServerConfig) -> Vec<(Result<()>, Vec<Vec<u8>>)> {
    let theirs = World::default();
    let _ = client(&theirs).handshake();
    let hello = theirs.sent.lock().remove(0);
    let longer = {
        let mut hello = hello.clone();
        // The lengths of record, message and fragment.
        for at in [12, 16, 24] {
            hello[at] += 1;
        }
        hello.push(0);
        hello
    };
    let other = {
        let mut hello = hello;
        hello[13] = 11;
        hello
    };
    [longer, other]
        .map(|datagram| {
            let ours = World::default();
            ours.arriving.lock().push_back(datagram);
            let mut server =
                Handshake::server(ours.clone(), "client", None, config.clone()).unwrap();
            let outcome = server.handshake();
            let sent = ours.sent.lock().clone();
            (outcome, sent)
        })
        .into()
}

#[test]
fn a_bad_hello_is_nothing_to_a_server() {
    for (outcome, sent) in answers_to_bad_hellos(open_server().build().unwrap()) {
        assert!(matches!(outcome, Err(Error::WantRead)), "{outcome:?}");
        assert!(sent.is_empty());
    }
}

#[test]
fn a_bad_hello_is_answered_by_a_server_that_believes_everything() {
    let config = open_server().suspicion(Duration::ZERO).build().unwrap();
    let answers = answers_to_bad_hellos(config);
    let expected = [
        AlertDescription::DECODE_ERROR,
        AlertDescription::UNEXPECTED_MESSAGE,
    ];
    for ((outcome, sent), alert) in answers.into_iter().zip(expected) {
        assert_eq!(outcome.unwrap_err().alert(), Some(alert));
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0][13..], [2, alert.0]);
    }
}

#[test]
fn another_initial_delay_counts_from_the_last_sending() {
    let world = World::default();
    let mut handshake = client(&world);
    let pass = |handshake: &mut Handshake| {
        assert!(matches!(handshake.handshake(), Err(Error::WantRead)));
        let sent = world.sent.lock().len();
        (sent, handshake.next_timeout())
    };
    assert_eq!(pass(&mut handshake), (1, Some(S)));
    *world.time.lock() = S / 2;
    handshake.set_initial_delay(2 * S).unwrap();
    assert_eq!(pass(&mut handshake), (1, Some(S + S / 2)));
    handshake.set_initial_delay(S / 4).unwrap();
    *world.time.lock() = S / 2 + S / 100;
    assert_eq!(pass(&mut handshake), (2, Some(S / 2)), "it was due");
}

/// A client's time runs from its first hello, however long before that the handshake was made.
#[test]
fn a_handshake_has_all_its_time_from_its_first_flight_on() {
    let world = World::default();
    let config = ClientConfig::builder(ServerTrust::psk(psk()))
        .clock(Arc::new(world.clone()))
        .handshake_deadline(2 * S);
    let config = config.build().unwrap();
    let mut handshake = Handshake::client(world.clone(), ServerName::unnamed(), config).unwrap();
    for (now, going) in [(5, true), (6, true), (7, false)] {
        *world.time.lock() = now * S;
        match handshake.handshake() {
            Err(Error::WantRead) => assert!(going, "{now} s"),
            Err(Error::HandshakeTimeout { after, .. }) => {
                assert_eq!((after, going), (2 * S, false), "{now} s");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Whatever the network says, the handshake has all its time; and only if nothing came behind it is it a likely reason.
#[test]
fn h14_p65_what_the_network_says_is_told_when_nobody_answers() {
    for answers in [false, true] {
        let world = World::default();
        let mut handshake = client(&world);
        let _ = handshake.handshake();
        *world.network.lock() = Some(io::ErrorKind::ConnectionRefused);
        let error = loop {
            match handshake.handshake() {
                Err(Error::WantRead) => {}
                other => break other.unwrap_err(),
            }
            if answers {
                world.arriving.lock().push_back(b"junk".to_vec());
            }
            let due = handshake.next_timeout().unwrap();
            *world.time.lock() += due;
        };
        let Error::HandshakeTimeout { after, suspect } = error else {
            panic!("{error}");
        };
        assert!(after > 100 * S, "{after:?}");
        let reason = suspect.map(|suspect| suspect.to_string());
        let refused = reason.is_some_and(|reason| reason.contains("connection refused"));
        assert_eq!(refused, !answers);
    }
}

#[test]
fn an_initial_delay_must_fit_the_plan() {
    let mut handshake = client(&World::default());
    for wrong in [Duration::ZERO, 61 * S] {
        let outcome = handshake.set_initial_delay(wrong);
        assert!(matches!(outcome, Err(Error::Config(_))));
    }
}

/// However long the application takes to choose, the client has the whole delay to answer.
#[test]
fn e15_p14_the_timer_starts_when_a_flight_has_left() {
    let theirs = World::default();
    let psk = ServerTrust::psk(psk());
    let config = ClientConfig::builder(psk).alpn(["coap"]).build().unwrap();
    let mut client = Handshake::client(theirs.clone(), ServerName::unnamed(), config).unwrap();
    let _ = client.handshake();
    let ours = World::default();
    ours.arriving
        .lock()
        .append(&mut theirs.sent.lock().drain(..).collect());
    let time = ours.time.clone();
    let config =
        open_server()
            .clock(Arc::new(ours.clone()))
            .alpn_selector(move |_: &[Vec<u8>]| {
                *time.lock() += 5 * S;
                AlpnChoice::Select(b"coap".to_vec())
            });
    let config = config.build().unwrap();
    let mut server = Handshake::server(ours.clone(), "client", None, config).unwrap();
    assert!(matches!(server.handshake(), Err(Error::WantRead)));
    assert_eq!(*ours.time.lock(), 5 * S);
    assert_eq!(server.next_timeout(), Some(S));
    let sent = ours.sent.lock().len();
    assert!(sent > 0);
    for (time, sends) in [(5 * S, sent), (6 * S - S / 100, sent), (6 * S, 2 * sent)] {
        *ours.time.lock() = time;
        let _ = server.handshake();
        assert_eq!(ours.sent.lock().len(), sends, "{time:?}");
    }
}

/// Junk arrives all the time, a datagram each 10 ms, and a flood of it whenever nobody waits.
struct Noisy {
    world: World,
    sends: Arc<Mutex<Vec<Duration>>>,
    /// Datagrams since somebody has waited.
    flood: Mutex<usize>,
}

impl Transport for Noisy {
    fn send(&self, _: &[u8]) -> io::Result<()> {
        self.sends.lock().push(self.world.now());
        Ok(())
    }

    fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        assert!(wait <= S);
        let mut flood = self.flood.lock();
        if wait.is_zero() {
            *flood += 1;
            assert!(*flood <= DATAGRAMS_A_PASS, "the timer does not fire");
        } else {
            *flood = 0;
            *self.world.time.lock() += S / 100;
        }
        assert!(self.world.now() < 200 * S, "the timer does not fire");
        *buf = vec![0x16; 60];
        Ok(buf.len())
    }
}

/// The loop that waits for a handshake waits for what remains, and its end is a timeout.
#[test]
fn p07_p15_junk_postpones_neither_a_resend_nor_the_end() {
    let noisy = Noisy {
        world: World::default(),
        sends: Arc::default(),
        flood: Mutex::default(),
    };
    let (world, sends) = (noisy.world.clone(), noisy.sends.clone());
    let config = ClientConfig::builder(ServerTrust::psk(psk())).clock(Arc::new(world.clone()));
    let config = config.build().unwrap();
    let client = Handshake::client(noisy, ServerName::unnamed(), config).unwrap();
    let error = client.complete().unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout { .. }), "{error:?}");
    let expected = [0, 1, 3, 7, 15, 31, 63].map(|seconds| seconds * S);
    let sends = sends.lock();
    assert_eq!(sends.len(), expected.len(), "{sends:?}");
    for (sent, expected) in sends.iter().zip(expected) {
        assert!(*sent >= expected && *sent <= expected + S / 10, "{sends:?}");
    }
    assert!(world.now() <= 124 * S);
}

/// Whatever is asked of a handshake that has failed, it says why.
#[test]
fn a_handshake_that_has_failed_says_why_for_ever() {
    let world = World::default();
    let config = open_server().suspicion(Duration::ZERO).build().unwrap();
    let mut server = Handshake::server(world.clone(), "client", None, config).unwrap();
    world
        .arriving
        .lock()
        .push_back(b"\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\x01\x01".to_vec());
    let why = server.handshake().unwrap_err().to_string();
    assert!(why.contains("CLIENT_HELLO"), "{why}");
    world.arriving.lock().push_back(b"more".to_vec());
    for error in [
        server.handshake().unwrap_err(),
        server.set_initial_delay(S).unwrap_err(),
    ] {
        assert_eq!(error.to_string(), why);
    }
    assert_eq!(world.arriving.lock().len(), 1, "it reads no more");
    assert_eq!(server.next_timeout(), None);
    assert_eq!(server.into_socket().unwrap_err().to_string(), why);
}

#[test]
fn a_handshake_that_is_not_done_has_no_socket() {
    let world = World::default();
    let mut handshake = client(&world);
    assert_eq!(
        format!("{handshake:?}"),
        "Handshake { who: \"client to a peer without address\", .. }"
    );
    let _ = handshake.handshake();
    let kind = handshake.peer_addr().unwrap_err().kind();
    assert_eq!(kind, io::ErrorKind::Unsupported);
    assert!(matches!(handshake.into_socket(), Err(Error::WantRead)));
    // It was given up, and the peer is told, since it had been spoken to.
    let sent = world.sent.lock();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[1][13..], [1, AlertDescription::CLOSE_NOTIFY.0]);
}

/// A server that has said nothing says nothing when it refuses.
#[test]
fn a_client_that_was_not_answered_is_refused_in_silence() {
    let world = World::default();
    let config = open_server().build().unwrap();
    Handshake::server(world.clone(), "client", None, config)
        .unwrap()
        .refuse();
    assert!(world.sent.lock().is_empty());
}

/// The delay of a server that waits for its first hello is that of its first flight.
#[test]
fn another_initial_delay_may_be_set_before_the_first_hello() {
    let theirs = World::default();
    let mut client = client(&theirs);
    let soon = Some(Duration::from_millis(1));
    assert_eq!(client.next_timeout(), soon, "a loop begins with a pass");
    let _ = client.handshake();
    assert_eq!(client.next_timeout(), Some(S));
    let ours = World::default();
    let config = open_server().clock(Arc::new(ours.clone())).build().unwrap();
    let mut server = Handshake::server(ours.clone(), "client", None, config).unwrap();
    server.set_initial_delay(3 * S).unwrap();
    assert_eq!(server.next_timeout(), None);
    ours.arriving
        .lock()
        .append(&mut theirs.sent.lock().drain(..).collect());
    assert!(matches!(server.handshake(), Err(Error::WantRead)));
    assert_eq!(server.next_timeout(), Some(3 * S));
}

/// A transport whose path becomes narrower with every datagram does not make a flight go round for ever.
#[test]
fn a_path_that_takes_nothing_ends_the_try() {
    struct Narrow(Arc<Mutex<usize>>);
    impl Transport for Narrow {
        fn send(&self, datagram: &[u8]) -> io::Result<()> {
            *self.0.lock() += 1;
            let (length, maximum) = (datagram.len(), 0);
            Err(Error::MessageTooLong { length, maximum }.into())
        }
        fn recv(&self, _: &mut Vec<u8>, _: Duration) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }
    let tries = Arc::new(Mutex::new(0));
    let config = ClientConfig::builder(ServerTrust::psk(psk()))
        .build()
        .unwrap();
    let transport = Narrow(tries.clone());
    let mut client = Handshake::client(transport, ServerName::unnamed(), config).unwrap();
    assert!(matches!(client.handshake(), Err(Error::WantRead)));
    assert!((1..100).contains(&*tries.lock()), "{tries:?}");
}
