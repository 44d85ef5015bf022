//! Calls that wait, and what ends them: a listener that is closed or drained, a socket that is shut down.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod served;

use flightline::{
    Clock, Closer, DtlsListener, DtlsSocket, Error, ServeOptions, ServerConfig, ServerIdentity,
};
use served::{
    LONG, MOMENT, Served, ask, connect, echo, first_hello, proven_hello, psk, server_config,
};
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, Shutdown, UdpSocket};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

type Waiting = fn(&DtlsSocket) -> Result<usize, Error>;

/// Every way to wait for a message.
const WAITING: [(&str, Waiting); 4] = [
    ("recv", |socket| socket.recv(&mut [0; 64])),
    ("peek", |socket| socket.peek(&mut [0; 64])),
    ("read", |mut socket| match socket.read(&mut [0; 64]) {
        Ok(0) => Err(Error::Closed),
        Ok(length) => Ok(length),
        // Not the end of the data: this side's listener was closed.
        Err(error) if error.kind() == ErrorKind::NotConnected => Err(Error::Closed),
        Err(error) => panic!("{error}"),
    }),
    ("recv with a timeout", |socket| {
        socket.set_read_timeout(Some(60 * LONG)).unwrap();
        socket.recv(&mut [0; 64])
    }),
];

/// Waits on a thread of its own, and tells how it ended.
fn wait(socket: DtlsSocket, waiting: Waiting) -> mpsc::Receiver<Result<usize, Error>> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(waiting(&socket)));
    told
}

#[test]
fn i15_p73_closing_the_listener_wakes_every_call_that_waits() {
    for (name, waiting) in WAITING {
        let (give, given) = mpsc::channel();
        let give = std::sync::Mutex::new(give);
        let mut server = Served::new(move |socket: DtlsSocket| {
            give.lock().unwrap().send(socket).unwrap();
        });
        let client = connect(server.address);
        let socket = given.recv().unwrap();
        let told = [(); 2].map(|()| wait(socket.clone(), waiting));
        thread::sleep(MOMENT);
        server.stop();
        for told in told {
            let outcome = told.recv_timeout(LONG).unwrap();
            assert!(matches!(outcome, Err(Error::Closed)), "{name}: {outcome:?}");
        }
        drop(client);
    }
}

#[test]
fn p73_shutting_a_socket_down_wakes_every_call_that_waits_in_its_clones() {
    let (give, given) = mpsc::channel();
    let give = std::sync::Mutex::new(give);
    let server = Served::new(move |socket: DtlsSocket| {
        give.lock().unwrap().send(socket).unwrap();
    });
    for (name, waiting) in WAITING {
        let client = connect(server.address);
        let accepted = given.recv().unwrap();
        // A client's socket, which std cannot wake, and one of a listener.
        for socket in [client, accepted] {
            let told = [(); 2].map(|()| wait(socket.clone(), waiting));
            thread::sleep(MOMENT);
            socket.shutdown(Shutdown::Both).unwrap();
            for told in told {
                let outcome = told.recv_timeout(LONG).unwrap();
                assert!(matches!(outcome, Err(Error::Closed)), "{name}: {outcome:?}");
            }
        }
    }
}

#[test]
fn i15_p73_the_closer_wakes_accept() {
    let listener = DtlsListener::bind((Ipv4Addr::LOCALHOST, 0), server_config()).unwrap();
    let closer = listener.closer();
    let waiting = thread::spawn(move || listener.incoming().count());
    thread::sleep(MOMENT);
    closer.close();
    assert_eq!(waiting.join().unwrap(), 0);
}

#[test]
fn i15_p73_the_closer_stops_serving_and_wakes_recv() {
    let (woken, awake) = mpsc::channel();
    let woken = std::sync::Mutex::new(woken);
    let mut server = Served::new(move |socket: DtlsSocket| {
        let outcome = socket.recv(&mut [0; 64]);
        woken
            .lock()
            .unwrap()
            .send(matches!(outcome, Err(Error::Closed)))
            .unwrap();
    });
    let socket = connect(server.address);
    server.wait_for(|stats| stats.connections == 1);
    server.stop();
    assert!(awake.recv_timeout(LONG).unwrap());
    assert!(
        matches!(socket.recv(&mut [0; 64]), Err(Error::Closed)),
        "the client is told"
    );
}

type Ending = fn(&Closer);

/// Every way to end a listener.
const ENDINGS: [(&str, Ending); 2] = [
    ("close", Closer::close),
    ("drain", |closer| closer.drain(MOMENT)),
];

/// A handler that does nothing but send is told, too, and its client gets the farewell.
#[test]
fn i15_p73_a_handler_that_only_sends_hears_the_end_of_the_listener() {
    for (name, end) in ENDINGS {
        let handler = |socket: DtlsSocket| {
            loop {
                if let Err(error) = socket.send(b"tick") {
                    return error;
                }
                thread::sleep(Duration::from_millis(2));
            }
        };
        let (mut server, reported) =
            Served::reporting(server_config(), ServeOptions::default(), handler);
        let client = connect(server.address);
        let mut buf = [0; 64];
        assert_eq!(client.recv(&mut buf).unwrap(), 4);
        end(&server.closer);
        let error = reported.recv_timeout(LONG).unwrap();
        assert!(matches!(error, Error::Closed), "{name}: {error:?}");
        let farewell = loop {
            if let Err(farewell) = client.recv(&mut buf) {
                break farewell;
            }
        };
        assert!(matches!(farewell, Error::Closed), "{name}: {farewell:?}");
        server.wait_to_end();
    }
}

/// Those who wait for a client, and a handshake that waits for the rest of one.
#[test]
fn p73_accept_and_handshakes_are_woken_too() {
    for (name, end) in ENDINGS {
        let listener = DtlsListener::bind((Ipv4Addr::LOCALHOST, 0), server_config()).unwrap();
        let closer = listener.closer();
        let to = listener.local_addr().unwrap();
        let (tell, told) = mpsc::channel();
        let (tell_accepted, accepted) = mpsc::channel();
        let accepting = thread::spawn(move || {
            let (handshake, _) = listener.accept().unwrap();
            tell_accepted.send(()).unwrap();
            let completing = thread::spawn(move || {
                tell.send(handshake.complete().map(drop)).unwrap();
            });
            let outcome = listener.accept().map(drop);
            (outcome, listener, completing)
        });
        // A client that sends its second hello and then no more.
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        let hello = proven_hello(&socket, to, &first_hello());
        socket.send_to(&hello, to).unwrap();
        accepted.recv_timeout(LONG).unwrap();
        thread::sleep(MOMENT);
        end(&closer);
        let outcome = told.recv_timeout(LONG).unwrap();
        assert!(matches!(outcome, Err(Error::Closed)), "{name}: {outcome:?}");
        let (outcome, listener, completing) = accepting.join().unwrap();
        assert!(matches!(outcome, Err(Error::ListenerClosed)), "{name}");
        assert!(listener.incoming().next().is_none());
        completing.join().unwrap();
    }
}

/// Nobody new is let in, whoever is there goes on, and `serve` returns when the last has left.
#[test]
fn a_listener_that_is_drained_serves_whom_it_has() {
    let mut server = Served::new(echo);
    let old = connect(server.address);
    assert_eq!(ask(&old, b"before"), b"before");
    assert!(!server.closer.is_draining());
    server.closer.drain(Duration::MAX);
    assert!(server.closer.is_draining());
    let name = flightline::ServerName::unnamed();
    let challenges = server.closer.stats().challenges_sent;
    let new =
        DtlsSocket::connect_timeout(&server.address, name, served::client_config(), 4 * MOMENT);
    assert!(
        matches!(new, Err(Error::HandshakeTimeout { .. })),
        "{new:?}"
    );
    let stats = server.closer.stats();
    assert!(stats.refused_draining >= 1 && stats.challenges_sent == challenges);
    assert_eq!(ask(&old, b"after"), b"after");
    assert_eq!(server.closer.stats().connections, 1);
    drop(old);
    server.wait_to_end();
}

/// What is cut short by the end of the server is no whole upload.
#[test]
fn the_end_of_the_listener_is_not_the_end_of_the_data() {
    let upload = |mut socket: DtlsSocket| {
        let mut data = Vec::new();
        std::io::copy(&mut socket, &mut data).map_err(|error| error.kind())
    };
    let (mut server, uploaded) =
        Served::reporting(server_config(), ServeOptions::default(), upload);
    for (is_whole, expected) in [(true, Ok(4)), (false, Err(ErrorKind::NotConnected))] {
        let client = connect(server.address);
        client.send(b"data").unwrap();
        if is_whole {
            client.close(Duration::ZERO);
        } else {
            server.wait_for(|stats| stats.connections == 1);
            server.stop();
        }
        assert_eq!(uploaded.recv_timeout(LONG).unwrap(), expected);
    }
}

/// Whoever does not leave in time is closed, and hears so.
#[test]
fn draining_has_an_end() {
    let options = ServeOptions {
        linger: Duration::ZERO,
        ..ServeOptions::default()
    };
    let mut server = Served::with(server_config(), options, echo);
    let client = connect(server.address);
    assert_eq!(ask(&client, b"hello"), b"hello");
    server.closer.drain(Duration::MAX);
    server.closer.drain(MOMENT);
    // The sooner end counts.
    server.closer.drain(Duration::MAX);
    server.wait_to_end();
    assert!(matches!(client.recv(&mut [0; 64]), Err(Error::Closed)));
}

/// Whoever keeps a closer, a thread that waits for signals for instance, does not keep the port.
#[test]
fn the_port_is_free_when_serve_has_returned() {
    let mut server = Served::new(echo);
    let client = connect(server.address);
    assert_eq!(ask(&client, b"hello"), b"hello");
    let closer = server.closer.clone();
    server.stop();
    let again = UdpSocket::bind(server.address);
    assert!(again.is_ok(), "{again:?}");
    assert_eq!(closer.stats().connections, 0);
    assert!(closer.stats().datagrams_received > 0);
}

/// The same where handshakes are accepted: it is free soon after the listener and its sockets have gone.
#[test]
fn the_port_is_free_when_a_listener_that_accepts_has_gone() {
    let listener = DtlsListener::bind((Ipv4Addr::LOCALHOST, 0), server_config()).unwrap();
    let (address, closer) = (listener.local_addr().unwrap(), listener.closer());
    let client = thread::spawn(move || connect(address));
    let socket = listener.accept().unwrap().0.complete().unwrap();
    let client = client.join().unwrap();
    drop(listener);
    assert!(UdpSocket::bind(address).is_err(), "a socket needs it");
    client.send(b"hello").unwrap();
    assert_eq!(socket.recv(&mut [0; 64]).unwrap(), 5);
    socket.send(b"hello").unwrap();
    assert_eq!(client.recv(&mut [0; 64]).unwrap(), 5);
    drop(socket);
    let start = Instant::now();
    while UdpSocket::bind(address).is_err() {
        assert!(start.elapsed() < LONG);
        thread::sleep(Duration::from_millis(2));
    }
    assert!(closer.is_draining());
}

/// Whoever has proven its address and was not accepted goes with the listener: it would hold the port for good.
#[test]
fn p74_handshakes_that_nobody_accepted_go_with_their_listener() {
    let listener = DtlsListener::bind((Ipv4Addr::LOCALHOST, 0), server_config()).unwrap();
    let (address, closer) = (listener.local_addr().unwrap(), listener.closer());
    let client = thread::spawn(move || connect(address));
    let accepted = listener.accept().unwrap().0.complete().unwrap();
    let client = client.join().unwrap();
    for _ in 0..2 {
        let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        stranger.set_read_timeout(Some(LONG)).unwrap();
        let hello = proven_hello(&stranger, address, &first_hello());
        stranger.send_to(&hello, address).unwrap();
    }
    let start = Instant::now();
    while closer.stats().handshakes < 2 {
        assert!(start.elapsed() < LONG, "{:?}", closer.stats());
        thread::sleep(Duration::from_millis(2));
    }
    drop(listener);
    let start = Instant::now();
    while closer.stats().handshakes > 0 {
        assert!(start.elapsed() < LONG, "{:?}", closer.stats());
        thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(closer.stats().connections, 1);
    client.send(b"hello").unwrap();
    assert_eq!(accepted.recv(&mut [0; 64]).unwrap(), 5);
    accepted.send(b"hello").unwrap();
    assert_eq!(client.recv(&mut [0; 64]).unwrap(), 5);
    drop(accepted);
    let start = Instant::now();
    while UdpSocket::bind(address).is_err() {
        assert!(start.elapsed() < LONG, "{:?}", closer.stats());
        thread::sleep(Duration::from_millis(2));
    }
}

/// A clock of the application, in the thread that reads the socket.
#[derive(Debug)]
struct Broken;

impl Clock for Broken {
    fn now(&self) -> Duration {
        panic!("out of order");
    }
}

#[test]
fn p73_accept_does_not_wait_for_a_thread_that_has_gone() {
    std::panic::set_hook(Box::new(|_| {}));
    let config = ServerConfig::builder(ServerIdentity::psk(psk())).clock(Arc::new(Broken));
    let config = config.build().unwrap();
    let listener = DtlsListener::bind((Ipv4Addr::LOCALHOST, 0), config).unwrap();
    let outcome = listener.accept().map(drop);
    assert!(matches!(outcome, Err(Error::ListenerClosed)), "{outcome:?}");
}
