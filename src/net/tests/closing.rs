//! A connection that is closed while its handshake is under way.

use super::world::{Stage, World, client, server};
use crate::error::Error;
use std::time::Duration;

/// A close that overtakes the Finished waits for it: the connection comes about, and is closed.
#[test]
fn a_close_before_the_finished_is_believed_behind_it() {
    let mut world = World::new(client().suspicion(Duration::from_secs(9)), server());
    world.client.pass();
    world.server.pass();
    world.client.pass();
    world.server.pass();
    world.server.establish();
    let last_flight = world.server.intercept();
    world
        .server
        .socket()
        .shutdown(std::net::Shutdown::Write)
        .unwrap();
    let close = world.server.intercept();
    // Of the flight only the ticket and the ChangeCipherSpec come; the Finished is the record behind.
    let finished = last_flight.len() - (13 + 8 + 12 + 12 + 16);
    world.client.hear(&last_flight[..finished]);
    world.client.hear(close);
    world.client.pass();
    assert!(matches!(world.client.stage, Stage::Handshake(_)));
    world.client.hear(&last_flight[finished..]);
    world.client.pass();
    world.client.establish();
    world.client.socket().set_nonblocking(true).unwrap();
    let outcome = world.client.socket().recv(&mut [0; 64]);
    assert!(matches!(outcome, Err(Error::Closed)), "{outcome:?}");
}
