//! Threads that share a socket: readers, writers, and whoever serves its timer or ends it.

use super::in_many_orders;
use crate::certificate::ServerName;
use crate::config::{ClientConfig, Psk, ServerConfig, ServerIdentity, ServerTrust};
use crate::error::{Error, Result};
use crate::net::inbox::{End, Inbox, Taken};
use crate::net::sync::{AtomicU64, Ordering};
use crate::net::{DtlsSocket, Handshake, Transport};
use crate::timer::{Clock, Retransmission};
use crate::wire::{AlertDescription, ProtocolVersion};
use shuttle::thread;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

/// One end of two inboxes, as a listener's connections have them.
struct Pipe {
    out: Arc<Inbox>,
    inbox: Arc<Inbox>,
}

impl Transport for Pipe {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        drop(self.out.put(datagram.to_vec()));
        Ok(())
    }

    fn recv(&self, buf: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        match self.inbox.take(wait) {
            Taken::Datagram(datagram) => *buf = datagram,
            Taken::Nothing => return Err(io::ErrorKind::WouldBlock.into()),
            Taken::Ended(end) => return Err(Error::from(end).into()),
        }
        Ok(buf.len())
    }

    fn wake(&self) -> bool {
        self.inbox.call();
        true
    }
}

/// Set by hand.
#[derive(Default)]
struct Time(AtomicU64);

impl Clock for Time {
    fn now(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

struct World {
    client: DtlsSocket,
    server: DtlsSocket,
    /// Where the server's datagrams come.
    servers_inbox: Arc<Inbox>,
    time: Arc<Time>,
}

fn connected(version: ProtocolVersion) -> World {
    connected_by(Retransmission::RFC6347, version)
}

fn connected_by(plan: Retransmission, version: ProtocolVersion) -> World {
    let time = Arc::new(Time::default());
    let psk = || Psk::new("modelled", [7; 32]).unwrap();
    let client = ClientConfig::builder(ServerTrust::psk(psk()))
        .versions([version])
        .clock(time.clone())
        .build()
        .unwrap();
    let server = ServerConfig::builder(ServerIdentity::psk(psk()))
        .versions([version])
        .retransmission(plan)
        .clock(time.clone())
        .danger_without_hello_verification()
        .build()
        .unwrap();
    let [here, there] = [(); 2].map(|()| Arc::new(Inbox::new(64)));
    let pipe = |out: &Arc<Inbox>, inbox: &Arc<Inbox>| Pipe {
        out: out.clone(),
        inbox: inbox.clone(),
    };
    let name = ServerName::unnamed();
    let mut client = Handshake::client(pipe(&here, &there), name, client).unwrap();
    let mut server = Handshake::server(pipe(&there, &here), "client", None, server).unwrap();
    let mut is_over = || {
        let outcomes = [client.handshake(), server.handshake()];
        outcomes.iter().all(Result::is_ok)
    };
    while !is_over() {}
    World {
        client: client.into_socket().unwrap(),
        server: server.into_socket().unwrap(),
        servers_inbox: here,
        time,
    }
}

fn recv(socket: &DtlsSocket) -> Result<u8> {
    let mut buf = [0; 16];
    socket.recv(&mut buf)?;
    Ok(buf[0])
}

/// Two read, one writes, one serves the timer, and the peer says goodbye: every message goes to one of the
/// readers, and both hear of the end. (Before DTLS 1.3 the goodbye would end the writer, too.)
#[test]
fn i16_readers_a_writer_and_a_timer_share_a_socket() {
    in_many_orders(3_000, || {
        let World { client, server, .. } = connected(ProtocolVersion::DTLS1_3);
        let readers = [(); 2].map(|()| {
            let server = server.clone();
            thread::spawn(move || {
                let mut heard = Vec::new();
                loop {
                    match recv(&server) {
                        Ok(message) => heard.push(message),
                        Err(end) => return (heard, end),
                    }
                }
            })
        });
        let writer = {
            let server = server.clone();
            thread::spawn(move || server.send(&[9]).unwrap())
        };
        let timer = thread::spawn(move || {
            // Whoever serves the timer may be who reads the goodbye.
            let served = server.service();
            assert!(matches!(served, Ok(()) | Err(Error::Closed)), "{served:?}");
        });
        client.send(&[1]).unwrap();
        client.send(&[2]).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(recv(&client).unwrap(), 9);
        writer.join().unwrap();
        timer.join().unwrap();
        let mut heard = Vec::new();
        for reader in readers {
            let (part, end) = reader.join().unwrap();
            assert!(matches!(end, Error::Closed), "{end:?}");
            heard.extend(part);
        }
        heard.sort_unstable();
        assert_eq!(heard, [1, 2]);
    });
}

/// Whatever ends a socket wakes everybody who waits in it.
#[test]
fn i15_i16_whoever_waits_is_woken_by_every_end() {
    type Ender = fn(&DtlsSocket, &Inbox);
    type Expected = fn(&Error) -> bool;
    let ends: [(Ender, Expected); 4] = [
        (
            |socket, _| socket.shutdown(Shutdown::Both).unwrap(),
            |error| matches!(error, Error::Closed),
        ),
        (
            |socket, _| socket.abort(AlertDescription::INTERNAL_ERROR),
            |error| matches!(error, Error::Aborted(_)),
        ),
        (
            |_, inbox| inbox.end(End::Replaced),
            |error| matches!(error, Error::ReplacedByNewHandshake),
        ),
        (
            |_, inbox| inbox.end(End::Idle),
            |error| matches!(error, Error::Idle),
        ),
    ];
    for (ender, is_right) in ends {
        in_many_orders(1_000, move || {
            let world = connected(ProtocolVersion::DTLS1_2);
            let readers = [(); 2].map(|()| {
                let server = world.server.clone();
                thread::spawn(move || recv(&server))
            });
            ender(&world.server, &world.servers_inbox);
            for reader in readers {
                let outcome = reader.join().unwrap();
                assert!(outcome.as_ref().is_err_and(is_right), "{outcome:?}");
            }
        });
    }
}

/// RFC 9147 §8: a key update by one thread while others read and write, until its acknowledgement is here.
/// Nothing is lost on the way, and a reader that waits for ever learns that something is due.
#[test]
fn i16_keys_change_while_others_read_and_write() {
    in_many_orders(1_000, || {
        let World {
            client,
            server,
            time,
            ..
        } = connected(ProtocolVersion::DTLS1_3);
        let reader = {
            let server = server.clone();
            thread::spawn(move || (recv(&server), recv(&server)))
        };
        let updater = {
            let server = server.clone();
            thread::spawn(move || server.update_all_keys().unwrap())
        };
        let writer = {
            let server = server.clone();
            thread::spawn(move || [3, 4].map(|message| server.send(&[message]).unwrap()))
        };
        client.send(&[1]).unwrap();
        assert_eq!([recv(&client).unwrap(), recv(&client).unwrap()], [3, 4]);
        updater.join().unwrap();
        writer.join().unwrap();
        // What is still to be acknowledged is, when its time comes.
        for _ in 0..4 {
            time.0.fetch_add(1, Ordering::Relaxed);
            client.service().unwrap();
            server.service().unwrap();
        }
        client.send(&[2]).unwrap();
        let (first, second) = reader.join().unwrap();
        assert_eq!([first.unwrap(), second.unwrap()], [1, 2]);
        server.send(&[5]).unwrap();
        assert_eq!(recv(&client).unwrap(), 5);
    });
}

/// RFC 9147 §7.2: the process was stopped for longer than its plan lasts, and the ACK is in the inbox. One
/// thread reads and another serves the timer: whoever is first, the ACK counts.
#[test]
fn i08_i16_an_ack_that_has_come_counts_whoever_serves_the_timer() {
    in_many_orders(2_000, || {
        let World {
            client,
            server,
            time,
            ..
        } = connected_by(Retransmission::LOSSY, ProtocolVersion::DTLS1_3);
        // The tickets, and then the KeyUpdate.
        for _ in 0..2 {
            time.0.fetch_add(1, Ordering::Relaxed);
            client.service().unwrap();
            server.service().unwrap();
        }
        server.update_keys().unwrap();
        client.service().unwrap();
        time.0.fetch_add(1, Ordering::Relaxed);
        client.service().unwrap();
        time.0.fetch_add(61, Ordering::Relaxed);
        let reader = {
            let server = server.clone();
            thread::spawn(move || recv(&server))
        };
        let timer = thread::spawn(move || server.service().unwrap());
        client.send(&[1]).unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 1);
        timer.join().unwrap();
    });
}
