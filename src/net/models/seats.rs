//! The map of seats, where connections at one address come, go, and replace each other; and the backlog of those
//! that wait to be accepted.

use super::{in_every_order, in_many_orders};
use crate::config::{Psk, ServerConfig, ServerIdentity};
use crate::error::Error;
use crate::net::Handshake;
use crate::net::admission::{Admission, Place};
use crate::net::backlog::Backlog;
use crate::net::datagram_socket::DatagramSocket;
use crate::net::hub::Hub;
use crate::net::inbox::Inbox;
use crate::net::listener_transport::ListenerTransport;
use crate::net::peers::Bounds;
use crate::net::transport::Transport;
use shuttle::thread;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

const BOUNDS: Bounds = Bounds {
    connections: 4,
    handshakes: 4,
    handshakes_per_address: 4,
};

/// Sends into nothing.
struct NoSocket;

impl DatagramSocket for NoSocket {
    fn recv_from(&self, _: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn send_to(&self, _: &[u8], _: SocketAddr) -> io::Result<()> {
        Ok(())
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn set_wait(&self, _: Duration) -> io::Result<()> {
        Ok(())
    }
}

fn here() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 1).into()
}

/// What the dispatcher makes for a verified client.
fn seated(hub: &Arc<Hub>, random: u8) -> Option<(ListenerTransport, Admission)> {
    let inbox = Arc::new(Inbox::new(2));
    let admitted = hub
        .peers
        .lock()
        .admit(here(), [random; 32], inbox.clone(), BOUNDS);
    let (seat, fate) = admitted.ok()?;
    let (hub, address) = (hub.clone(), here());
    let transport = ListenerTransport {
        socket: Arc::new(NoSocket),
        inbox: inbox.clone(),
        peer: address,
        place: Arc::new(Place {
            hub: hub.clone(),
            address,
            seat,
        }),
    };
    let bounds = BOUNDS;
    Some((
        transport,
        Admission {
            hub,
            address,
            seat,
            inbox,
            fate,
            bounds,
        },
    ))
}

/// What a worker does: its handshake succeeds at some time, it serves until its inbox ends, and leaves. It holds its
/// place for longer than its connection.
fn work((transport, admission): (ListenerTransport, Admission)) -> Result<(), Error> {
    let place = transport.place.clone();
    let served = serve(transport, admission);
    drop(place);
    served
}

fn serve(transport: ListenerTransport, admission: Admission) -> Result<(), Error> {
    admission.succeed()?;
    let mut buf = Vec::new();
    loop {
        if let Err(end) = transport.recv(&mut buf, Duration::MAX) {
            return Err(end.into());
        }
    }
}

fn is_empty(hub: &Hub) -> bool {
    let stats = hub.stats();
    (stats.connections, stats.handshakes) == (0, 0) && hub.peers.lock().is_empty()
}

/// A client begins anew at its address while the dispatcher delivers and the listener is closed. Nobody
/// stays behind, and whoever was replaced, or closed, knows.
#[test]
fn i16_seats_are_free_again_whatever_the_order() {
    in_many_orders(20_000, || {
        let hub = Arc::new(Hub::new());
        let old = seated(&hub, 1).unwrap();
        let worker = thread::spawn(move || work(old));
        let dispatcher = {
            let hub = hub.clone();
            thread::spawn(move || {
                let new = seated(&hub, 2).map(|new| thread::spawn(move || work(new)));
                let peers = hub.peers.lock();
                if let Some(route) = peers.route(here(), || false) {
                    route.each(|seat| drop(seat.inbox.put(vec![1])));
                }
                drop(peers);
                new.map(|new| new.join().unwrap())
            })
        };
        let closer = {
            let hub = hub.clone();
            thread::spawn(move || hub.close())
        };
        let outcomes = [Some(worker.join().unwrap()), dispatcher.join().unwrap()];
        closer.join().unwrap();
        for outcome in outcomes.into_iter().flatten() {
            assert!(
                matches!(outcome, Err(Error::Closed | Error::ReplacedByNewHandshake)),
                "{outcome:?}"
            );
        }
        assert!(is_empty(&hub));
    });
}

/// The new connection takes over at the moment in which the old one leaves by itself.
#[test]
fn i16_one_leaves_while_the_other_replaces_it() {
    in_every_order(|| {
        let hub = Arc::new(Hub::new());
        let (old, admission) = seated(&hub, 1).unwrap();
        admission.succeed().unwrap();
        let (new, admission) = seated(&hub, 2).unwrap();
        let leaving = thread::spawn(move || drop(old));
        admission.succeed().unwrap();
        leaving.join().unwrap();
        let stats = hub.stats();
        assert_eq!((stats.connections, stats.handshakes), (1, 0));
        let found = hub.peers.lock().find(here(), &[2; 32]).is_some();
        assert!(found, "it is where datagrams go");
        drop(new);
        assert!(is_empty(&hub));
    });
}

fn server_config() -> Arc<ServerConfig> {
    let psk = Psk::new("modelled", [7; 32]).unwrap();
    let config = ServerConfig::builder(ServerIdentity::psk(psk));
    let config = config.danger_without_hello_verification();
    Arc::new(config.build().unwrap())
}

/// So many clients are seated, as far as there is room, and wait to be accepted.
fn line_up(hub: &Arc<Hub>, backlog: &Backlog, config: &Arc<ServerConfig>, clients: u8) {
    for random in 1..=clients {
        if let Some((transport, _)) = seated(hub, random) {
            let handshake = Handshake::server(transport, "client", None, config.clone());
            drop(backlog.put(handshake.unwrap()));
        }
    }
}

/// A handshake comes on while the listener is dropped. Wherever it is by then, it does not stay behind.
#[test]
fn i16_p74_a_handshake_on_its_way_goes_with_the_listener() {
    let config = server_config();
    in_every_order(move || {
        let (hub, backlog) = (Arc::new(Hub::new()), Arc::new(Backlog::new()));
        let dispatcher = {
            let (hub, backlog, config) = (hub.clone(), backlog.clone(), config.clone());
            thread::spawn(move || line_up(&hub, &backlog, &config, 1))
        };
        hub.drain(Duration::MAX);
        backlog.shut();
        dispatcher.join().unwrap();
        assert!(is_empty(&hub));
    });
}

/// Two accept, and each is woken.
#[test]
fn i16_whoever_accepts_is_woken() {
    let config = server_config();
    in_many_orders(5_000, move || {
        let (hub, backlog) = (Arc::new(Hub::new()), Arc::new(Backlog::new()));
        let accepting = [(); 2].map(|()| {
            let backlog = backlog.clone();
            thread::spawn(move || backlog.take(Duration::MAX).is_some())
        });
        line_up(&hub, &backlog, &config, 2);
        let accepted = accepting.map(|one| one.join().unwrap());
        assert_eq!(accepted, [true; 2]);
        assert!(is_empty(&hub));
    });
}
