//! What an address costs that has proven nothing: no memory at all. The allocator counts, for each
//! thread on its own.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod served;

use allocation_counter::{AllocationInfo, measure, opt_out};
use flightline::{
    CookieContext, DtlsListener, DtlsSocket, Error, Handshake, ServerConfig, Transport,
};
use served::{LONG, client_config, first_hello, first_hello_of, server_config, with_cookie};
use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const RECORD_HEADER: usize = 13;
const MESSAGE_HEADER: usize = 12;

/// The beginning of `hello`, as a fragment of it.
fn fragment(hello: &[u8], length: u8) -> Vec<u8> {
    piece(hello, 0..length)
}

/// These bytes of a hello, as a fragment of it.
fn piece(hello: &[u8], bytes: Range<u8>) -> Vec<u8> {
    let (mut fragment, body) = (hello.to_vec(), RECORD_HEADER + MESSAGE_HEADER);
    fragment.truncate(body);
    fragment.extend(&hello[body..][usize::from(bytes.start)..usize::from(bytes.end)]);
    let length = bytes.end - bytes.start;
    fragment[11..13].copy_from_slice(&(u16::from(length) + 12).to_be_bytes());
    fragment[19..22].copy_from_slice(&[0, 0, bytes.start]);
    fragment[22..25].copy_from_slice(&[0, 0, length]);
    fragment
}

/// A hello in two fragments.
fn halves(hello: &[u8]) -> Vec<Vec<u8>> {
    let length = u8::try_from(hello.len() - RECORD_HEADER - MESSAGE_HEADER).unwrap();
    let half = length / 2;
    vec![piece(hello, 0..half), piece(hello, half..length)]
}

fn record(typ: u8, epoch: u8, fragment: &[u8]) -> Vec<u8> {
    let mut record = vec![typ, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0x40, 0, 0];
    record.push(u8::try_from(fragment.len()).unwrap());
    record.extend(fragment);
    record
}

/// What is answered with a cookie, what with an alert, and what with nothing. `stolen` is another's cookie.
struct Traffic {
    /// Of each, the last datagram brings the answer.
    answered: Vec<Vec<Vec<u8>>>,
    refused: Vec<Vec<u8>>,
    ignored: Vec<Vec<u8>>,
}

impl Traffic {
    fn new(stolen: &[u8]) -> Traffic {
        let hello = first_hello();
        // It offers DTLS 1.3, so that a HelloRetryRequest asks for the cookie.
        let hello13 = first_hello_of(client_config());
        let mut other = hello.clone();
        other[RECORD_HEADER + MESSAGE_HEADER + 2..][..32].fill(7);
        // No other of these has its length, by which fragments are told apart.
        let other = with_cookie(&other, &[7; 40]);
        let mut long = hello.clone();
        long[24] += 1;
        long[16] += 1;
        let mut tls = hello.clone();
        tls[1..3].copy_from_slice(&[3, 3]);
        let mut other_message = hello.clone();
        other_message[RECORD_HEADER] = 11;
        Traffic {
            answered: vec![
                vec![hello.clone()],
                vec![with_cookie(&hello, stolen)],
                vec![with_cookie(&hello, &[])],
                vec![with_cookie(&hello, &[7; 17])],
                vec![with_cookie(&hello, &[7; 255])],
                halves(&other),
                vec![hello13.clone()],
                halves(&hello13),
            ],
            refused: vec![
                with_cookie(&hello13, stolen),
                with_cookie(&hello13, &[7; 17]),
            ],
            ignored: vec![
                Vec::new(),
                vec![0x16],
                vec![0xff; 1200],
                vec![0x16; 9000],
                hello[..hello.len() - 1].to_vec(),
                hello[..RECORD_HEADER + 1].to_vec(),
                long,
                other_message,
                fragment(&hello, 1),
                fragment(&hello, 40),
                fragment(&with_cookie(&hello, stolen), 60),
                record(21, 0, &[2, 40]),
                record(21, 1, &[7; 26]),
                record(23, 1, &[7; 60]),
                record(22, 1, &[7; 60]),
                record(20, 0, &[1]),
                tls,
            ],
        }
    }
}

/// A cookie that was made for an address of its own.
fn stolen_cookie(server: SocketAddr) -> Vec<u8> {
    let socket = stranger(server, 0);
    socket.send(&first_hello()).unwrap();
    let mut buf = [0; 256];
    let length = socket.recv(&mut buf).unwrap();
    let cookie = buf[RECORD_HEADER + MESSAGE_HEADER + 3..length].to_vec();
    assert_eq!(cookie.len(), 17);
    cookie
}

/// A socket on an address and port that nobody had before.
fn stranger(server: SocketAddr, number: usize) -> UdpSocket {
    let [.., high, low] = number.to_be_bytes();
    let socket = UdpSocket::bind((Ipv4Addr::new(127, 1, high, low), 0)).unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket
}

/// Everything of the traffic from each of so many addresses. An answer says that the listener has taken
/// in whatever was sent before.
fn flood(server: SocketAddr, strangers: Range<usize>) {
    let traffic = Traffic::new(&stolen_cookie(server));
    let mut buf = [0; 256];
    for number in strangers {
        let socket = stranger(server, number);
        let refused = traffic.refused.iter().map(std::slice::from_ref);
        for hello in traffic.answered.iter().map(Vec::as_slice).chain(refused) {
            for ignored in &traffic.ignored {
                socket.send(ignored).unwrap();
            }
            for datagram in hello {
                socket.send(datagram).unwrap();
            }
            let length = socket.recv(&mut buf).unwrap();
            let sent: usize = hello.iter().map(Vec::len).sum();
            assert!(length < sent, "{length} for {sent}");
        }
    }
}

/// What the thread that serves allocates while so many strangers talk to it, and what it leaves behind.
fn served(strangers: Range<usize>) -> AllocationInfo {
    let listener = DtlsListener::bind((Ipv4Addr::LOCALHOST, 0), server_config()).unwrap();
    let (server, closer) = (listener.local_addr().unwrap(), listener.closer());
    let stats = closer.clone();
    let network = thread::spawn(move || {
        flood(server, strangers);
        closer.close();
    });
    let info = measure(|| listener.serve(|_: DtlsSocket| {}).unwrap());
    network.join().unwrap();
    let stats = stats.stats();
    assert_eq!(stats.handshakes_started, 0, "{stats:?}");
    assert!(stats.challenges_sent > 0 && stats.dropped_unknown > 0 && stats.dropped_hellos > 0);
    info
}

/// More strangers than there are places for hellos in fragments, then ten times as many: what a listener
/// allocates depends on the listener alone.
#[test]
fn a13_a_listener_allocates_nothing_for_an_address_that_has_proven_nothing() {
    // The generator that decides which hello in fragments makes room is made once for each thread.
    served(1..41);
    let (few, many) = (served(41..81), served(81..481));
    assert_eq!(few.count_total, many.count_total);
    assert_eq!(few.bytes_total, many.bytes_total);
    assert_eq!(many.bytes_current, few.bytes_current);
}

/// Hands out what was put into it. What it holds itself is not counted.
#[derive(Default)]
struct Wire {
    arriving: Mutex<VecDeque<Vec<u8>>>,
    answers: Mutex<usize>,
}

struct Plug(Arc<Wire>);

impl Transport for Plug {
    fn send(&self, _: &[u8]) -> io::Result<()> {
        *self.0.answers.lock().unwrap() += 1;
        Ok(())
    }

    fn recv(&self, buf: &mut Vec<u8>, _: Duration) -> io::Result<usize> {
        let mut length = None;
        opt_out(|| {
            if let Some(datagram) = self.0.arriving.lock().unwrap().pop_front() {
                buf.resize(10_000, 0);
                buf[..datagram.len()].copy_from_slice(&datagram);
                length = Some(datagram.len());
            }
        });
        length.ok_or(io::ErrorKind::WouldBlock.into())
    }
}

/// Without a listener, too: what the caller makes for a client is all that there is.
#[test]
fn a13_a_server_that_waits_allocates_nothing_for_what_comes() {
    let cookies = Arc::new(CookieContext::new().unwrap());
    let config: Arc<ServerConfig> = server_config();
    // The first cookie key is drawn when the first cookie is.
    let traffic = Traffic::new(&[7; 17]);
    for hello in &traffic.answered {
        let wire = Arc::new(Wire::default());
        let mut server = Handshake::server(
            Plug(wire.clone()),
            "client",
            cookies.clone(),
            config.clone(),
        )
        .unwrap();
        let mut pass = None;
        let arrive = || {
            let mut arriving = wire.arriving.lock().unwrap();
            arriving.extend(traffic.ignored.iter().cloned());
        };
        // The generator that decides which hello in fragments makes room is made once for each thread.
        arrive();
        let _ = server.handshake();
        arrive();
        let ignoring = measure(|| pass = Some(server.handshake()));
        assert!(matches!(pass, Some(Err(Error::WantRead))), "{pass:?}");
        assert_eq!(ignoring, AllocationInfo::default());

        wire.arriving.lock().unwrap().extend(hello.iter().cloned());
        let answering = measure(|| pass = Some(server.handshake()));
        assert!(matches!(pass, Some(Err(Error::HelloVerifyRequired))));
        assert_eq!(answering.count_total, 0, "{answering:?}");
        assert_eq!(*wire.answers.lock().unwrap(), 1);
    }
}
