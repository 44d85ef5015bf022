//! What a connection does for its peer whatever its application does: it hears what it must acknowledge,
//! lingers, and believes what has come before it believes a timer.

use super::world::{Client, Server, Side, Stage, World, client13, plain, server};
use crate::error::Error;
use crate::net::DtlsSocket;
use crate::timer::{GiveUp, Retransmission};
use crate::wire::{ContentType, ProtocolVersion};
use std::time::Duration;

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_3];

fn careful_client(plan: Retransmission) -> Client {
    client13().suspicion(5 * S).retransmission(plan)
}

fn careful_server() -> Server {
    server().suspicion(5 * S).without_resumption()
}

/// Both sides have their sockets. What a server of DTLS 1.3 says last, its ACK first, is under way.
fn connected(client: Client, server: Server) -> World {
    let mut world = World::new(client, server);
    for _ in 0..2 {
        world.client.pass();
        world.server.pass();
    }
    // In DTLS 1.2 the last word is the server's.
    world.client.pass();
    for side in [&mut world.client, &mut world.server] {
        side.establish();
        side.socket().set_nonblocking(true).unwrap();
    }
    world
}

fn pass_time(world: &World, time: Duration) {
    *world.server.plug.time.lock() += time;
}

fn lose_all(from: &Side) {
    from.plug.out.lock().under_way.clear();
}

/// A message from one to the other.
fn speaks(from: &Side, to: &Side) -> Result<usize, Error> {
    from.socket().send(b"message")?;
    to.socket().recv(&mut [0; 64])
}

/// RFC 9147 §5.8.1, §7.1 and §8: an application that only sends does not make its connection deaf. Its peer
/// gives up in 123 s what is never acknowledged.
#[test]
fn e11_p04_a_side_that_only_sends_acknowledges() {
    type Owe = fn(&World);
    let of_client: Owe = |world| lose_all(&world.server);
    let first_datagram: Owe = |world| drop(world.server.plug.out.lock().under_way.pop_front());
    let new_keys: Owe = |world| world.server.socket().update_keys().unwrap();
    let all_new_keys: Owe = |world| world.server.socket().update_all_keys().unwrap();
    let worn_keys: Owe = |world| {
        world.server.socket().link.outbound.lock().wear_out_keys();
        world.server.socket().send(b"message").unwrap();
    };
    for (what, tickets, is_servers, owe) in [
        ("the ACK is lost", false, true, of_client),
        ("the ACK is lost, and the tickets", true, true, of_client),
        ("the ACK is lost, and no ticket", true, true, first_datagram),
        ("the server has new keys", false, false, new_keys),
        ("both have new keys", false, false, all_new_keys),
        ("the server's keys are worn", true, false, worn_keys),
    ] {
        for interval in [100 * MS, 20 * S, 100 * S] {
            let server = match tickets {
                true => server().suspicion(5 * S),
                false => careful_server(),
            };
            let world = connected(careful_client(Retransmission::RFC6347), server);
            if !is_servers {
                // Nothing else is owed.
                world.client.socket().service().unwrap();
                pass_time(&world, S);
                world.client.socket().service().unwrap();
                world.server.socket().service().unwrap();
            }
            owe(&world);
            let (sender, listener) = match is_servers {
                true => (&world.server, &world.client),
                false => (&world.client, &world.server),
            };
            let from = world.now();
            while world.now() < from + 200 * S {
                pass_time(&world, interval);
                let outcome = speaks(sender, listener);
                assert!(
                    outcome.is_ok(),
                    "{what}: {outcome:?} after {:?}",
                    world.now()
                );
            }
            assert_eq!(listener.socket().next_timeout(), None, "{what}");
            while sender.socket().recv(&mut [0; 64]).is_ok() {}
            assert!(speaks(listener, sender).is_ok(), "{what}");
        }
    }
}

/// RFC 9147 §5.8.1 and §5.10: whoever has said its last word may still be owed the ACK of an earlier one, and reads on.
#[test]
fn e11_a_side_that_is_closed_for_writing_reads_on() {
    type Before = fn(&World);
    let finished: Before = |world| lose_all(&world.server);
    let key_update: Before = |world| {
        world.client.socket().service().unwrap();
        world.client.socket().update_keys().unwrap();
        lose_all(&world.client);
    };
    let ack_of_key_update: Before = |world| {
        world.client.socket().service().unwrap();
        world.client.socket().update_keys().unwrap();
        world.server.socket().service().unwrap();
        pass_time(world, S / 4);
        world.server.socket().service().unwrap();
        lose_all(&world.server);
    };
    let hasty = Retransmission::handshake_timeout(S, 4 * S);
    for plan in [Retransmission::RFC6347, Retransmission::REAL_TIME, hasty] {
        for (lost, before) in [
            ("the ACK of the Finished", finished),
            ("a KeyUpdate", key_update),
            ("the ACK of a KeyUpdate", ack_of_key_update),
        ] {
            let world = connected(careful_client(plan), careful_server());
            before(&world);
            let (client, server) = (world.client.socket(), world.server.socket());
            client.send(b"request").unwrap();
            client.shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!(server.recv(&mut [0; 64]).unwrap(), 7);
            let end = server.recv(&mut [0; 64]);
            assert!(matches!(end, Err(Error::Closed)), "{lost}: {end:?}");
            let from = world.now();
            while world.now() < from + 200 * S {
                pass_time(&world, S / 2);
                let heard = speaks(&world.server, &world.client);
                assert!(
                    heard.is_ok(),
                    "{lost}, {plan:?}: {heard:?} at {:?}",
                    world.now()
                );
            }
            assert_eq!(client.next_timeout(), None, "{lost}");
            assert!(matches!(client.send(b"more"), Err(Error::Closed)));
        }
    }
}

/// RFC 6347 §4.2.4, RFC 9147 §5.8.1: whoever closes waits for a peer that misses the last word, but for no
/// longer than it may, and not for one that is known to have it, or to be gone.
#[test]
fn e01_p04_a_farewell_is_as_long_as_it_has_to_be() {
    type Before = fn(&World);
    let nothing: Before = |_| ();
    let message: Before = |world| assert!(speaks(&world.client, &world.server).is_ok());
    let goodbye: Before = |world| {
        let how = std::net::Shutdown::Write;
        world.client.socket().shutdown(how).unwrap();
    };
    let newer_keys: Before = |world| {
        world.client.socket().update_keys().unwrap();
        world.server.socket().service().unwrap();
        pass_time(world, S);
        world.server.socket().service().unwrap();
        world.client.socket().service().unwrap();
        assert!(speaks(&world.client, &world.server).is_ok());
    };
    let later: Before = |world| pass_time(world, 240 * S);
    let message_and_later: Before = |world| {
        assert!(speaks(&world.client, &world.server).is_ok());
        pass_time(world, 240 * S);
    };
    let [version12, version13] = VERSIONS;
    for (version, what, before, lingers) in [
        (version12, "nothing", nothing, true),
        (version12, "a message", message, false),
        (version12, "a goodbye", goodbye, false),
        (version12, "nothing for long", later, false),
        // RFC 9147 §5.8.1: a client that has said something may still miss the ACK of its Finished.
        (version13, "nothing", nothing, true),
        (version13, "a message", message, true),
        (version13, "a goodbye", goodbye, false),
        (version13, "newer keys", newer_keys, false),
        (version13, "a message long ago", message_and_later, false),
    ] {
        let client = careful_client(Retransmission::RFC6347).versions([version]);
        let world = connected(client, careful_server());
        world.client.socket().service().unwrap();
        before(&world);
        let start = world.now();
        world.server.socket().clone().close(2 * S);
        let expected = if lingers { 2 * S } else { Duration::ZERO };
        assert_eq!(world.now() - start, expected, "{version:?}: {what}");
    }
    // A client of DTLS 1.3 that knows that it is understood owes nobody anything.
    let world = connected(careful_client(Retransmission::RFC6347), careful_server());
    world.client.socket().service().unwrap();
    let start = world.now();
    world.client.socket().clone().close(2 * S);
    assert_eq!(world.now(), start);
}

/// RFC 9147 §5.8.1: the ACK is lost, and so is the goodbye. The client says its last flight again, and whoever
/// lingers acknowledges it again.
#[test]
fn e01_e11_whoever_lingers_acknowledges_the_last_flight_again() {
    let world = connected(careful_client(Retransmission::RFC6347), careful_server());
    lose_all(&world.server);
    pass_time(&world, S);
    world.client.socket().service().unwrap();
    world
        .server
        .socket()
        .shutdown(std::net::Shutdown::Write)
        .unwrap();
    lose_all(&world.server);
    let stats = world.client.socket().stats();
    assert_eq!(stats.flights_resent, 1);
    world.server.socket().clone().close(2 * S);
    world.client.socket().service().unwrap();
    assert_eq!(world.client.socket().next_timeout(), None);
}

/// Another clone waits for a message: it answers in the meantime, and whoever closes waits all the same. What comes
/// is the clone's.
#[test]
fn whoever_lingers_does_so_beside_a_clone_that_waits() {
    let world = connected(careful_client(Retransmission::RFC6347), careful_server());
    world.client.socket().service().unwrap();
    let socket = world.server.socket();
    let start = world.now();
    std::thread::scope(|scope| {
        let waits = socket.link.turn.lock();
        let (tell, told) = std::sync::mpsc::channel();
        let closing = scope.spawn(move || {
            tell.send(()).unwrap();
            socket.clone().close(2 * S);
        });
        told.recv().unwrap();
        std::thread::sleep(S / 50);
        assert!(!closing.is_finished(), "it waits for the turn");
        world.client.socket().send(b"message").unwrap();
        drop(waits);
    });
    assert_eq!(world.now() - start, 2 * S);
    assert_eq!(socket.recv(&mut [0; 64]).unwrap(), 7);
}

/// Each plan that a stall of 61 s outlasts, and one for which it is a resend only.
fn plans() -> [Retransmission; 5] {
    let once = GiveUp::Resends(0);
    let rfc = Retransmission::RFC6347;
    [
        Retransmission::LOSSY,
        Retransmission::REAL_TIME,
        Retransmission::handshake_timeout(S, S),
        Retransmission {
            give_up: once,
            ..rfc
        },
        rfc,
    ]
}

/// RFC 9147 §7.2: what is acknowledged is neither sent again nor given up, however late the acknowledgement is
/// read: the process was stopped, its thread computed, the machine slept.
#[test]
fn i08_an_ack_that_has_come_counts_before_the_timer() {
    type Wait = fn(&DtlsSocket) -> Result<usize, Error>;
    let waits: [(&str, Wait); 5] = [
        ("recv", |socket| socket.recv(&mut [0; 64])),
        ("peek", |socket| socket.peek(&mut [0; 64])),
        ("recv that waits", |socket| {
            socket.set_nonblocking(false).unwrap();
            socket.recv(&mut [0; 64])
        }),
        ("recv with a timeout", |socket| {
            socket.set_nonblocking(false).unwrap();
            socket.set_read_timeout(Some(S)).unwrap();
            socket.recv(&mut [0; 64])
        }),
        ("service", |socket| {
            socket.service()?;
            socket.recv(&mut [0; 64])
        }),
    ];
    type Begin = fn(&World);
    let finished: Begin = |_| ();
    let key_update: Begin = |world| {
        world.client.socket().service().unwrap();
        world.client.socket().update_keys().unwrap();
        world.server.socket().service().unwrap();
        pass_time(world, S / 4);
        world.server.socket().service().unwrap();
    };
    for plan in plans() {
        for (what, begin) in [("Finished", finished), ("KeyUpdate", key_update)] {
            for (name, wait) in waits {
                let about = format!("{plan:?}, {what}, {name}");
                let world = connected(careful_client(plan), careful_server());
                begin(&world);
                world.server.socket().send(b"message").unwrap();
                pass_time(&world, 61 * S);
                let outcome = wait(world.client.socket());
                assert!(matches!(outcome, Ok(7)), "{about}: {outcome:?}");
                let stats = world.client.socket().stats();
                assert_eq!(stats.flights_resent, 0, "{about}");
                assert_eq!(world.client.socket().next_timeout(), None, "{about}");
                assert!(speaks(&world.client, &world.server).is_ok(), "{about}");
            }
        }
    }
}

/// The same for whoever lingers, and sees the ACK of its KeyUpdate late, behind messages that nobody asked for.
#[test]
fn i08_whoever_lingers_reads_before_it_gives_up() {
    let world = connected(careful_client(Retransmission::LOSSY), careful_server());
    world.client.socket().service().unwrap();
    for _ in 0..64 {
        world.server.socket().send(b"message").unwrap();
    }
    world.client.socket().service().unwrap();
    world.client.socket().update_keys().unwrap();
    world.server.socket().service().unwrap();
    world.server.socket().send(b"message").unwrap();
    pass_time(&world, S / 4);
    world.server.socket().service().unwrap();
    pass_time(&world, 61 * S);
    let socket = world.client.socket().clone();
    socket.close(S);
    let socket = world.client.socket();
    assert_eq!(socket.stats().flights_resent, 0);
    // They are for other clones, should these still ask.
    let mut outcomes = std::iter::repeat_with(|| socket.recv(&mut [0; 64]));
    assert!(outcomes.by_ref().take(64).all(|outcome| outcome.is_ok()));
    let end = outcomes.take(2).find_map(Result::err);
    assert!(matches!(end, Some(Error::WantRead)), "{end:?}");
}

/// Hazards P7 and P13: what has come first is bounded, so junk does not keep a timer from firing.
#[test]
fn p07_p13_a_flood_keeps_no_timer_from_firing() {
    type Call = fn(&DtlsSocket);
    let calls: [(&str, Call); 4] = [
        ("recv", |socket| drop(socket.recv(&mut [0; 64]))),
        ("peek", |socket| drop(socket.peek(&mut [0; 64]))),
        ("service", |socket| drop(socket.service())),
        ("send", |socket| drop(socket.send(b"message"))),
    ];
    for (name, call) in calls {
        let world = connected(careful_client(Retransmission::RFC6347), careful_server());
        lose_all(&world.server);
        (0..10_000).for_each(|_| world.client.hear(b"junk"));
        pass_time(&world, S);
        call(world.client.socket());
        assert_eq!(world.client.socket().stats().flights_resent, 1, "{name}");
        let left = world.client.plug.inbox.lock().under_way.len();
        assert_eq!(left, 10_000 - 64, "{name}");
    }
}

/// A handshake, too, hears what has come before it believes that nothing has: neither a suspicion nor a
/// deadline counts against an answer that is here, and nothing is sent again for it.
#[test]
fn i08_an_answer_that_has_come_counts_before_the_timer() {
    type Change = fn(Client) -> Client;
    let as_is: Change = |client| client;
    let deadline: Change = |client| client.handshake_deadline(2 * S);
    let suspect = || plain(ContentType::ALERT, &[2, 40]);
    let cases = [
        ("a resend", as_is, None, S),
        ("the plan's end", as_is, None, 61 * S),
        ("a deadline", deadline, None, 2 * S),
        ("a suspicion", as_is, Some(suspect()), 6 * S),
    ];
    for plan in plans() {
        for (what, change, forged, stall) in &cases {
            let begun = || {
                let client = change(careful_client(plan));
                let mut world = World::new(client, careful_server());
                world.client.pass();
                if let Some(forged) = forged {
                    world.client.hear(forged.clone());
                    world.client.pass();
                }
                world.server.pass();
                pass_time(&world, *stall);
                world
            };
            let about = format!("{what}, {plan:?}");
            let mut world = begun();
            world.client.pass();
            world.client.establish();
            let mut blocking = begun();
            let Stage::Handshake(handshake) = blocking.client.take_stage() else {
                panic!("{about}");
            };
            let socket = handshake.complete().unwrap();
            blocking.client.stage = Stage::Established(socket);
            for mut world in [world, blocking] {
                let stats = world.client.socket().stats();
                assert_eq!(stats.flights_resent, 0, "{about}");
                world.server.pass();
                world.server.establish();
                for (from, to) in [
                    (&world.client, &world.server),
                    (&world.server, &world.client),
                ] {
                    assert!(speaks(from, to).is_ok(), "{about}");
                }
            }
        }
    }
}

/// In DTLS 1.2 the server waits for the client's last flight, and the client for the server's.
#[test]
fn i08_a_flight_of_dtls_1_2_that_has_come_counts_before_the_timer() {
    let client = careful_client(Retransmission::LOSSY).versions([ProtocolVersion::DTLS1_2]);
    let server = careful_server().retransmission(Retransmission::LOSSY);
    let mut world = World::new(client, server);
    world.client.pass();
    world.server.pass();
    world.client.pass();
    pass_time(&world, 61 * S);
    world.server.pass();
    world.server.establish();
    world.client.pass();
    world.client.establish();
    for (one, other) in [
        (&world.client, &world.server),
        (&world.server, &world.client),
    ] {
        assert_eq!(one.socket().stats().flights_resent, 0);
        assert!(speaks(one, other).is_ok());
    }
}
