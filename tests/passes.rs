//! What a call that does not wait takes at most of a flood, so that an event loop gets its thread back.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects
)]

use flightline::{
    ClientConfig, Clock, DtlsSocket, Error, Handshake, Psk, ServerConfig, ServerIdentity,
    ServerName, ServerTrust, Transport,
};
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// As `Handshake::handshake`, `DtlsSocket::recv` and `DtlsSocket::service` promise.
const MOST: usize = 64;

const MS: Duration = Duration::from_millis(1);

/// Where a flood ends after all, so that a call which never returns fails its test instead.
const FLOOD: usize = 20 * MOST;

/// What anyone may send: no record at all; records that do not open; fragments that are never whole;
/// a flight that was seen before.
const JUNK: [&[u8]; 4] = [
    b"junk",
    b"\x17\xfe\xfd\0\x01\0\0\0\0\0\x01\0\x20--------------------------------",
    b"\x16\xfe\xfd\0\0\0\0\0\0\0\x02\0\x0d\x0b\0\x0f\0\0\x02\0\0\0\0\0\x01-",
    b"\x15\xfe\xfd\0\0\0\0\0\0\0\x02\0\x02\x02\x28",
];

/// One direction. While it is flooded, what is genuine waits behind the flood.
#[derive(Default)]
struct Wire {
    genuine: VecDeque<Vec<u8>>,
    flood: Option<&'static [u8]>,
    taken: usize,
}

impl Wire {
    fn next(&mut self) -> Option<Vec<u8>> {
        match self.flood {
            Some(junk) if self.taken < FLOOD => {
                self.taken += 1;
                Some(junk.to_vec())
            }
            _ => self.genuine.pop_front(),
        }
    }
}

/// An end of two wires, with a clock that is set by hand.
#[derive(Clone, Default)]
struct Plug {
    out: Arc<Mutex<Wire>>,
    inbox: Arc<Mutex<Wire>>,
    time: Arc<Mutex<Duration>>,
}

impl Plug {
    fn pair() -> (Plug, Plug) {
        let one = Plug::default();
        let other = Plug {
            out: one.inbox.clone(),
            inbox: one.out.clone(),
            time: one.time.clone(),
        };
        (one, other)
    }

    fn flood(&self, junk: &'static [u8]) {
        let mut inbox = self.inbox.lock().unwrap();
        inbox.flood = Some(junk);
        inbox.taken = 0;
    }

    fn dry(&self) {
        self.inbox.lock().unwrap().flood = None;
    }

    /// How much of the flood `call` took.
    fn taken<T>(&self, call: impl FnOnce() -> T) -> (T, usize) {
        self.inbox.lock().unwrap().taken = 0;
        let result = call();
        (result, self.inbox.lock().unwrap().taken)
    }
}

impl Transport for Plug {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        self.out.lock().unwrap().genuine.push_back(datagram.into());
        Ok(())
    }

    fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        *self.time.lock().unwrap() += wait;
        let next = self.inbox.lock().unwrap().next();
        *buf = next.ok_or(io::ErrorKind::WouldBlock)?;
        Ok(buf.len())
    }
}

impl Clock for Plug {
    fn now(&self) -> Duration {
        *self.time.lock().unwrap()
    }
}

fn psk() -> Psk {
    Psk::new("tester", [7; 32]).unwrap()
}

fn client(plug: &Plug) -> Handshake {
    let config = ClientConfig::builder(ServerTrust::psk(psk())).clock(Arc::new(plug.clone()));
    let config = config.build().unwrap();
    Handshake::client(plug.clone(), ServerName::unnamed(), config).unwrap()
}

fn server(plug: &Plug) -> Handshake {
    let config = ServerConfig::builder(ServerIdentity::psk(psk()))
        .danger_without_hello_verification()
        .clock(Arc::new(plug.clone()));
    Handshake::server(plug.clone(), "client", None, config.build().unwrap()).unwrap()
}

fn established() -> [(Plug, DtlsSocket); 2] {
    let (here, there) = Plug::pair();
    let (mut client, mut server) = (client(&here), server(&there));
    let mut done = [false; 2];
    for _ in 0..8 {
        done = [client.handshake().is_ok(), server.handshake().is_ok()];
    }
    assert_eq!(done, [true; 2]);
    [
        (here, client.into_socket().unwrap()),
        (there, server.into_socket().unwrap()),
    ]
}

/// A pass ends, says that it must be called again soon, and is past the flood as soon as that ends.
#[test]
fn b06_a_pass_of_a_handshake_takes_so_many_datagrams_and_no_more() {
    for junk in JUNK {
        let (here, there) = Plug::pair();
        let mut sides = [(&here, client(&here)), (&there, server(&there))];
        for (plug, handshake) in &mut sides {
            plug.flood(junk);
            for _ in 0..3 {
                let (pass, taken) = plug.taken(|| handshake.handshake());
                assert!(matches!(pass, Err(Error::WantRead)), "{pass:?}");
                assert_eq!(taken, MOST, "{}", junk.escape_ascii());
                assert_eq!(handshake.next_timeout(), Some(MS));
            }
            plug.dry();
        }
        let mut done = false;
        for _ in 0..8 {
            let passes = sides.each_mut().map(|(_, side)| side.handshake());
            done = passes.iter().all(Result::is_ok);
        }
        assert!(done, "{}", junk.escape_ascii());
        assert!(sides.iter().all(|(_, side)| side.next_timeout().is_none()));
    }
}

/// The caller that blocks after all waits for what remains, as if there had been no pass before.
#[test]
fn a_pass_that_was_cut_short_does_not_shorten_waits() {
    let (here, _) = Plug::pair();
    let mut client = client(&here);
    here.flood(b"junk");
    assert!(matches!(client.handshake(), Err(Error::WantRead)));
    here.dry();
    assert!(matches!(client.handshake(), Err(Error::WantRead)));
    assert_eq!(client.next_timeout(), Some(Duration::from_secs(1)));
}

#[test]
fn b06_calls_on_a_connection_take_so_many_datagrams_and_no_more() {
    type Call = fn(&DtlsSocket) -> Result<(), Error>;
    let calls: [(&str, Call); 4] = [
        ("recv", |socket| socket.recv(&mut [0; 64]).map(drop)),
        ("peek", |socket| socket.peek(&mut [0; 64]).map(drop)),
        ("service", DtlsSocket::service),
        ("send", |socket| socket.send(b"message").map(drop)),
    ];
    for junk in JUNK {
        for (name, call) in calls {
            for (plug, socket) in &established() {
                socket.set_nonblocking(true).unwrap();
                while socket.recv(&mut [0; 64]).is_ok() {}
                let idle = socket.next_timeout();
                *plug.time.lock().unwrap() += 100 * MS;
                plug.flood(junk);
                let (result, taken) = plug.taken(|| call(socket));
                assert_eq!(taken, MOST, "{name}");
                let wants_more = matches!(result, Err(Error::WantRead));
                assert_eq!(wants_more, matches!(name, "recv" | "peek"), "{result:?}");
                assert_eq!(socket.next_timeout(), Some(MS), "{name}");
                plug.dry();
                socket.service().unwrap();
                // Whoever sends acknowledges at once what it has heard.
                let idle = idle.filter(|_| name != "send");
                let left = idle.map(|idle| idle - 100 * MS);
                assert_eq!(socket.next_timeout(), left, "{name}");
            }
        }
    }
}

/// A message behind a flood is delivered by the call that gets to it.
#[test]
fn a_message_waits_behind_the_flood_and_no_longer() {
    let [(here, client), (_, server)] = established();
    client.set_nonblocking(true).unwrap();
    server.send(b"message").unwrap();
    here.flood(b"junk");
    let mut calls = 0;
    let mut buf = [0; 64];
    let length = loop {
        calls += 1;
        match client.recv(&mut buf) {
            Ok(length) => break length,
            Err(Error::WantRead) => assert!(calls <= FLOOD / MOST),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(buf.get(..length), Some(&b"message"[..]));
    assert_eq!(calls, FLOOD / MOST + 1);
}

/// Whoever closes and lingers under a flood is free when the time is over.
#[test]
fn a_flood_does_not_prolong_the_farewell() {
    struct Endless(Plug);
    impl Transport for Endless {
        fn send(&self, datagram: &[u8]) -> io::Result<()> {
            self.0.send(datagram)
        }
        fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
            if self.0.inbox.lock().unwrap().flood.is_some() {
                *self.0.time.lock().unwrap() += MS.min(wait);
                let mut inbox = self.0.inbox.lock().unwrap();
                inbox.taken += 1;
                assert!(inbox.taken < FLOOD + 2_000, "it spins");
                *buf = b"junk".to_vec();
                return Ok(buf.len());
            }
            self.0.recv(buf, wait)
        }
    }
    let (here, there) = Plug::pair();
    let config = ServerConfig::builder(ServerIdentity::psk(psk()))
        .danger_without_hello_verification()
        .clock(Arc::new(there.clone()));
    let config = config.build().unwrap();
    let mut server = Handshake::server(Endless(there.clone()), "client", None, config).unwrap();
    let mut client = client(&here);
    for _ in 0..8 {
        let _ = (client.handshake(), server.handshake());
    }
    let server = server.into_socket().unwrap();
    let before = there.now();
    there.flood(b"junk");
    server.close(Duration::from_secs(2));
    assert_eq!(there.now() - before, Duration::from_secs(2));
}
