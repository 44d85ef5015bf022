use super::*;
use crate::config::{ConfigBuilder, Psk, ServerIdentity, ServerTrust};
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

#[test]
fn an_initial_delay_must_fit_the_plan() {
    let mut handshake = client(&World::default());
    for wrong in [Duration::ZERO, 61 * S] {
        let outcome = handshake.set_initial_delay(wrong);
        assert!(matches!(outcome, Err(Error::Config(_))));
    }
}
