//! Every reason to drop a record or a message.

use crate::error::Error;
use crate::net::tests::world::{Forger, World, client, client13, plain, record, server, whole};
use crate::record::Replay;
use crate::stats::DropReason;
use crate::wire::{
    ContentType, HandshakeType, MAX_CIPHERTEXT, NamedGroup, ProtocolVersion, RecordHeader,
};
use std::time::Duration;

/// Makes the client drop something for this reason; the connection, which lives on or was closed.
fn cause(reason: DropReason) -> World {
    match reason {
        DropReason::MalformedRecord => in_handshake(b"\x16\xfe\xfd".to_vec()),
        DropReason::WrongVersion => in_handshake(b"\x16\x03\x03\0\0\0\0\0\0\0\0\0\x01-".to_vec()),
        DropReason::UnexpectedType => in_handshake(plain(ContentType(99), b"-")),
        DropReason::BadFragment => in_handshake(plain(ContentType::HANDSHAKE, b"short")),
        DropReason::FragmentWindow => in_handshake(whole(HandshakeType::FINISHED, 99, &[0; 12])),
        DropReason::RefusedMessage => in_handshake(whole(HandshakeType::SERVER_HELLO_DONE, 0, b"")),
        DropReason::UnauthenticatedAlert => in_handshake(plain(ContentType::ALERT, &[2, 40])),
        DropReason::UnauthenticatedAck => {
            // Behind a HelloRetryRequest, which tells the version.
            let groups = [NamedGroup::X25519, NamedGroup::SECP384R1];
            let client = client13().suspicion(Duration::from_secs(5)).groups(groups);
            let mut world = World::new(client, server().groups([groups[1]]));
            world.client.pass();
            world.server.pass();
            world.client.pass();
            world.client.hear(plain(ContentType::ACK, &[0, 0]));
            world.client.pass();
            finished(world)
        }
        DropReason::EarlyData => in_handshake(plain(ContentType::APPLICATION_DATA, b"data")),
        DropReason::RepeatedMessage => {
            // The server's flight, twice.
            let mut world = World::new(patient(), server());
            world.client.pass();
            world.server.pass();
            let flight = world.server.intercept();
            world.client.hear(flight.clone());
            world.client.pass();
            world.client.hear(flight);
            finished(world)
        }
        DropReason::OldEpoch => afterwards(|_, _| plain(ContentType::HANDSHAKE, b"")),
        DropReason::FutureEpoch => afterwards(|_, _| of_epoch(2, 20)),
        DropReason::RecordOverflow => afterwards(|_, _| of_epoch(1, MAX_CIPHERTEXT + 1)),
        DropReason::EmptyRecord => {
            afterwards(|_, forger| forger.record(ContentType::APPLICATION_DATA, b""))
        }
        DropReason::BadMac => afterwards(|world, _| {
            let mut forged = sent(world);
            *forged.last_mut().unwrap() ^= 1;
            forged
        }),
        DropReason::Replay => afterwards(|world, _| {
            let genuine = sent(world);
            [genuine.clone(), genuine].concat()
        }),
        DropReason::TooOld => afterwards(|world, _| {
            let mut datagrams: Vec<_> = (0..300).map(|_| sent(world)).collect();
            datagrams.rotate_left(1);
            // The replay window is looked at, and not the queue of messages.
            world.client.hear(datagrams[298].clone());
            assert!(world.client.socket().recv(&mut [0; 64]).is_ok());
            datagrams[299].clone()
        }),
        DropReason::QueueFull => afterwards(|world, _| {
            let messages: Vec<_> = (0..65).map(|_| sent(world)).collect();
            messages.concat()
        }),
        DropReason::Closed => afterwards(|world, _| {
            let late = sent(world);
            world
                .server
                .socket()
                .shutdown(std::net::Shutdown::Write)
                .unwrap();
            [world.server.intercept(), late].concat()
        }),
    }
}

fn patient() -> crate::net::tests::world::Client {
    client().suspicion(Duration::from_secs(5))
}

/// Ends a handshake that must succeed whatever came before.
fn finished(mut world: World) -> World {
    world.run();
    world.client.establish();
    world.server.establish();
    world.client.socket().set_nonblocking(true).unwrap();
    world
}

/// The client hears this before the server's answer, and is established all the same.
fn in_handshake(datagram: Vec<u8>) -> World {
    let mut world = World::new(patient(), server());
    world.client.pass();
    world.client.hear(datagram);
    world.client.pass();
    finished(world)
}

/// The client hears this when it is established.
fn afterwards(datagram: impl FnOnce(&World, &mut Forger) -> Vec<u8>) -> World {
    let (world, mut forger) = World::with_forger(patient().replay(Replay::Window), server());
    let datagram = datagram(&world, &mut forger);
    world.client.hear(datagram);
    // Some of it ends the connection.
    let _ = world.client.socket().service();
    world
}

/// A message of the server's that is still to arrive.
fn sent(world: &World) -> Vec<u8> {
    world.server.socket().send(b"message").unwrap();
    world.server.intercept()
}

/// A record under keys that nobody has.
fn of_epoch(epoch: u16, length: usize) -> Vec<u8> {
    let header = RecordHeader {
        content_type: ContentType::APPLICATION_DATA,
        version: ProtocolVersion::DTLS1_2,
        epoch,
        sequence: 500,
        length: u16::try_from(length).unwrap(),
    };
    record(header, &vec![0; length])
}

/// Each row causes its reason, once and nothing else, and what it says is counted.
#[test]
fn every_reason_to_drop_has_a_cause() {
    for reason in DropReason::ALL {
        let world = cause(reason);
        let dropped = world.client.socket().stats().dropped;
        assert!(dropped.get(reason) > 0, "{reason:?}: {dropped:?}");
        // What the shell drops is counted and not told.
        if reason != DropReason::QueueFull {
            let told = world.client.watch.0.lock().dropped.clone();
            assert!(told.contains(&reason), "{reason:?}: {told:?}");
        }
        let total: u64 = DropReason::ALL.iter().map(|r| dropped.get(*r)).sum();
        assert_eq!(dropped.total(), total);
        if reason != DropReason::Closed {
            world.server.socket().send(b"still there").unwrap();
            let arrived = std::iter::from_fn(|| {
                let mut buf = [0; 64];
                let length = world.client.socket().recv(&mut buf).ok()?;
                Some(buf[..length].to_vec())
            });
            let last = arrived.last().unwrap_or_default();
            assert_eq!(last, b"still there", "{reason:?}");
        } else {
            let closed = world.client.socket().recv(&mut [0; 64]);
            assert!(matches!(closed, Err(Error::Closed)));
        }
    }
}
