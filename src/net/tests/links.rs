//! Connections whose transport is short, broken, or silent.

use crate::error::Error;
use crate::net::DtlsSocket;
use crate::net::tests::world::{Side, World, client, server};
use crate::wire::AlertDescription;
use std::io;
use std::net::Shutdown;
use std::time::Duration;

const S: Duration = Duration::from_secs(1);

/// Turns whatever is longer than this into what the system says of a datagram that is too long.
fn refuse_beyond(world: &World, most: usize) {
    world.server.plug.out.lock().most = Some(most);
}

/// The path takes less than it seemed to: the message is lost, and the caller is told what fits now.
#[test]
fn i03_a_message_that_the_system_refuses_is_told_with_what_fits() {
    let world = World::established(client(), server());
    let socket = world.server.socket();
    let before = socket.max_message();
    refuse_beyond(&world, 700);
    let outcome = socket.send(&vec![7; before]);
    let Err(Error::MessageTooLong { length, maximum }) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(length, before);
    let sent = world.server.plug.out.lock().under_way.len();
    assert_eq!(sent, 0, "the last flight, which fitted");
    assert!(maximum < before, "{maximum}");
    assert_eq!(maximum, socket.max_message());
    // What the caller does then: less and less, until it fits.
    let sent = std::iter::repeat_with(|| socket.send(&vec![7; socket.max_message()]))
        .take(8)
        .find_map(Result::ok);
    let sent = sent.unwrap();
    let mut buf = vec![0; 2048];
    assert_eq!(world.client.socket().recv(&mut buf).unwrap(), sent);
}

/// What the system refuses of a flight goes at once in what it takes, and not when a timer fires.
#[test]
fn a_flight_that_the_system_refuses_goes_in_what_it_takes() {
    let world = World::quiet13_with(server().padded_to(1000));
    refuse_beyond(&world, 700);
    let due = world.server.socket().next_timeout();
    world.server.socket().update_keys().unwrap();
    assert!(world.server.socket().next_timeout() > due);
    let sent = world.server.plug.out.lock().under_way.len();
    assert_eq!(sent, 1, "a KeyUpdate of less than 700 bytes");
    pass_time(&world);
    speaks_in(0, &world.server, &world.client);
}

/// A transport that knows how much it carries is asked each time.
#[test]
fn a_transport_that_carries_less_makes_messages_shorter() {
    let world = World::established(client(), server());
    let socket = world.server.socket();
    let before = socket.max_message();
    world.server.plug.out.lock().max_datagram = Some(300);
    assert!(socket.max_message() < 300);
    let outcome = socket.send(&vec![7; before]);
    assert!(matches!(outcome, Err(Error::MessageTooLong { .. })));
    assert!(socket.send(&vec![7; socket.max_message()]).is_ok());
}

/// Whoever never receives hears of the end by `service`, once nothing waits any more that came before.
#[test]
fn service_says_of_a_connection_that_is_over_what_recv_says() {
    type EndIt = fn(&World);
    let closed: EndIt = |world| world.server.socket().shutdown(Shutdown::Write).unwrap();
    let ended: EndIt = |world| {
        world
            .server
            .socket()
            .abort(AlertDescription::INTERNAL_ERROR);
    };
    for end in [closed, ended] {
        let world = World::quiet13();
        let socket = world.client.socket();
        world.server.socket().send(b"message").unwrap();
        end(&world);
        socket.service().unwrap();
        assert_eq!(socket.recv(&mut [0; 64]).unwrap(), 7);
        let of_service = socket.service().unwrap_err();
        let of_recv = socket.recv(&mut [0; 64]).unwrap_err();
        assert_eq!(of_service.to_string(), of_recv.to_string());
    }
}

/// The peer was found at fault: what it has said before counts no more.
#[test]
fn behind_an_abort_nothing_is_handed_out() {
    let world = World::quiet13();
    let socket = world.client.socket();
    world.server.socket().send(b"message").unwrap();
    socket.service().unwrap();
    assert_eq!(socket.peek(&mut [0; 64]).unwrap(), 7);
    socket.abort(AlertDescription::ACCESS_DENIED);
    for take in [DtlsSocket::recv, DtlsSocket::peek] {
        let outcome = take(socket, &mut [0; 64]);
        assert!(matches!(outcome, Err(Error::Aborted(_))), "{outcome:?}");
    }
}

/// RFC 6347 §4.2.4: the last flight is served for a time, and no longer.
#[test]
fn the_last_flight_is_forgotten_when_its_time_is_over() {
    let world = World::established(client(), server());
    let socket = world.server.socket();
    let waits = socket.next_timeout().unwrap();
    *world.server.plug.time.lock() += waits - S;
    socket.service().unwrap();
    assert_eq!(socket.next_timeout(), Some(S));
    *world.server.plug.time.lock() += S;
    socket.service().unwrap();
    assert_eq!(socket.next_timeout(), None);
    // From now on nobody asks the transport but for messages.
    world.server.hear(b"junk".to_vec());
    socket.send(b"message").unwrap();
    assert_eq!(socket.stats().dropped.total(), 0);
}

/// Nobody peeks at a message twice as two messages.
#[test]
fn what_is_peeked_at_stays() {
    let world = World::established(client(), server());
    world.server.socket().send(b"message").unwrap();
    let mut buf = [0; 64];
    for _ in 0..2 {
        assert_eq!(world.client.socket().peek(&mut buf).unwrap(), 7);
    }
    let small = world.client.socket().recv(&mut [0; 3]);
    assert!(matches!(small, Err(Error::BufferTooSmall { needed: 7 })));
    assert_eq!(world.client.socket().recv(&mut buf).unwrap(), 7);
    assert!(matches!(
        world.client.socket().recv(&mut buf),
        Err(Error::WantRead)
    ));
}

/// A transport that fails is told to whoever asked it.
#[test]
fn a_transport_that_fails_is_an_error_and_does_not_end_the_connection() {
    let world = World::established(client(), server());
    let kind = |outcome: Result<usize, Error>| match outcome {
        Err(Error::Io(error)) => error.kind(),
        other => panic!("{other:?}"),
    };
    world.client.plug.out.lock().broken = true;
    world.client.plug.inbox.lock().broken = true;
    let socket = world.client.socket();
    assert_eq!(kind(socket.send(b"message")), io::ErrorKind::BrokenPipe);
    assert_eq!(kind(socket.recv(&mut [0; 64])), io::ErrorKind::BrokenPipe);
    assert!(matches!(socket.service(), Err(Error::Io(_))));
    world.client.plug.out.lock().broken = false;
    world.client.plug.inbox.lock().broken = false;
    world.server.socket().send(b"message").unwrap();
    assert_eq!(socket.recv(&mut [0; 64]).unwrap(), 7);
}

/// A thread that waits for a datagram waits until something is due, at most. Where that becomes sooner, it
/// is woken; and it is not woken for nothing.
#[test]
fn whoever_waits_is_woken_when_something_is_due_sooner() {
    let world = World::quiet13();
    let socket = world.server.socket();
    let woken = || world.server.plug.inbox.lock().woken;
    assert_eq!(socket.next_timeout(), None);
    let before = woken();
    socket.send(b"message").unwrap();
    assert_eq!(woken(), before);
    socket.update_keys().unwrap();
    assert_eq!(woken(), before + 1);
    assert!(socket.next_timeout().is_some());
}

/// A KeyUpdate that the peer never acknowledges is given up in the end, and then nothing is due, sent or
/// received any more: an event loop must neither spin nor believe that it is connected.
#[test]
fn a_connection_whose_key_update_is_given_up_is_over() {
    let world = World::quiet13();
    let socket = world.server.socket();
    socket.update_keys().unwrap();
    let mut rounds = 0..20;
    while let Some(waits) = socket.next_timeout() {
        assert!(rounds.next().is_some(), "something is due for ever");
        *world.server.plug.time.lock() += waits;
        let _ = socket.service();
    }
    let of_service = socket.service();
    assert!(matches!(of_service, Err(Error::HandshakeTimeout { .. })));
    assert!(matches!(socket.send(b"message"), Err(Error::Closed)));
    assert!(matches!(socket.update_keys(), Err(Error::Closed)));
    let end = socket.recv(&mut [0; 64]);
    assert!(
        matches!(end, Err(Error::HandshakeTimeout { .. })),
        "{end:?}"
    );
    assert_eq!(socket.next_timeout(), None);
}

/// Nobody would hear of new keys any more: the error is that of `send`.
#[test]
fn there_are_no_new_keys_after_the_end_of_writing() {
    let world = World::quiet13();
    let socket = world.client.socket();
    socket.shutdown(Shutdown::Write).unwrap();
    for outcome in [socket.update_keys(), socket.update_all_keys()] {
        assert!(matches!(outcome, Err(Error::Closed)), "{outcome:?}");
    }
    // A peer that asks for ours is no reason for an error.
    world.server.socket().update_all_keys().unwrap();
    world.server.socket().send(b"message").unwrap();
    assert_eq!(socket.recv(&mut [0; 64]).unwrap(), 7);
}

/// Time for an ACK and for what follows from it, both ways.
fn pass_time(world: &World) {
    for _ in 0..4 {
        *world.server.plug.time.lock() += S;
        world.client.socket().service().unwrap();
        world.server.socket().service().unwrap();
    }
}

/// A message from this side arrives at the other, in a record of the epoch with these two low bits.
fn speaks_in(epoch: u8, from: &Side, to: &Side) {
    from.socket().send(b"message").unwrap();
    let datagram = from.intercept();
    assert_eq!(datagram[0] & 3, epoch);
    to.hear(datagram);
    assert_eq!(to.socket().recv(&mut [0; 64]).unwrap(), 7);
}

/// RFC 9147 §8: a side has new keys, or both have.
#[test]
fn new_keys_are_taken_by_one_side_or_by_both() {
    let world = World::quiet13();
    let (client, server) = (&world.client, &world.server);
    speaks_in(3, client, server);
    client.socket().update_keys().unwrap();
    pass_time(&world);
    speaks_in(0, client, server);
    speaks_in(3, server, client);
    client.socket().update_all_keys().unwrap();
    pass_time(&world);
    speaks_in(1, client, server);
    speaks_in(0, server, client);
}

/// RFC 9147 §4.5.3: new keys in time, and the application need not ask for them.
#[test]
fn worn_keys_are_replaced_behind_a_message() {
    let world = World::quiet13();
    let (client, server) = (&world.client, &world.server);
    client.socket().link.outbound.lock().wear_out_keys();
    client.socket().send(b"message").unwrap();
    pass_time(&world);
    assert_eq!(server.socket().recv(&mut [0; 64]).unwrap(), 7);
    speaks_in(0, client, server);
}

/// RFC 9147 §4.2.1: neither numbers nor epochs wrap. Before that the connection is over, the peer is told, and
/// every call says why.
#[test]
fn f05_what_is_used_up_ends_the_connection() {
    type UseUp = fn(&Side, &Side);
    let numbers: UseUp = |side, _| {
        side.socket().link.outbound.lock().use_up_keys();
        let outcome = side.socket().send(b"message");
        assert!(matches!(outcome, Err(Error::NumbersExhausted)));
    };
    let epochs: UseUp = |side, peer| {
        side.socket().link.outbound.lock().come_to_last_epoch();
        peer.socket().send(b"message").unwrap();
        peer.socket().update_all_keys().unwrap();
        assert_eq!(side.socket().recv(&mut [0; 64]).unwrap(), 7);
    };
    for (name, use_up) in [("numbers", numbers), ("epochs", epochs)] {
        let world = World::quiet13();
        let (client, server) = (&world.client, &world.server);
        use_up(client, server);
        for _ in 0..2 {
            let outcome = client.socket().recv(&mut [0; 64]);
            assert!(
                matches!(outcome, Err(Error::NumbersExhausted)),
                "{name}: {outcome:?}"
            );
            assert!(matches!(client.socket().send(b"more"), Err(Error::Closed)));
        }
        let told = server.socket().recv(&mut [0; 64]);
        assert!(matches!(told, Err(Error::Closed)), "{name}: {told:?}");
    }
}
