use super::*;

const BOUNDS: Bounds = Bounds {
    connections: 2,
    handshakes: 3,
    handshakes_per_address: 2,
};

struct Client {
    id: SeatId,
    fate: Arc<Fate>,
    inbox: Arc<Inbox>,
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn admit(peers: &mut Peers, at: &str, random: u8) -> Result<Client, NoRoom> {
    admit_within(peers, at, random, BOUNDS)
}

fn admit_within(peers: &mut Peers, at: &str, random: u8, bounds: Bounds) -> Result<Client, NoRoom> {
    let inbox = Arc::new(Inbox::new(4));
    let (id, fate) = peers.admit(address(at), [random; 32], inbox.clone(), bounds)?;
    Ok(Client { id, fate, inbox })
}

/// A handshake and, at once, a connection.
fn connect(peers: &mut Peers, at: &str, random: u8, bounds: Bounds) -> Result<Client, NoRoom> {
    let client = admit_within(peers, at, random, bounds)?;
    peers.establish(address(at), client.id, bounds)?;
    Ok(client)
}

/// Its connection is over, and nobody works for it any more.
fn remove(peers: &mut Peers, address: SocketAddr, id: SeatId) {
    peers.vacate(address, id);
    peers.free(address, id);
}

fn ended(client: &Client) -> bool {
    client.inbox.ended().is_some()
}

const A: &str = "192.0.2.1:1";

#[test]
fn i10_handshakes_have_slots_of_their_own() {
    let mut peers = Peers::new();
    let first = admit(&mut peers, A, 1).unwrap();
    let _second = admit(&mut peers, "192.0.2.1:2", 2).unwrap();
    let third_there = admit(&mut peers, "192.0.2.1:3", 3).err();
    assert_eq!(third_there, Some(NoRoom::HandshakesPerAddress));
    let _third = admit(&mut peers, "192.0.2.3:1", 4).unwrap();
    let fourth = admit(&mut peers, "192.0.2.4:1", 5).err();
    assert_eq!(fourth, Some(NoRoom::Handshakes));
    peers.establish(address(A), first.id, BOUNDS).unwrap();
    assert!(admit(&mut peers, "192.0.2.4:1", 5).is_ok());
    assert_eq!((peers.established(), peers.handshakes()), (1, 3));
}

#[test]
fn h13_connections_are_bounded() {
    let mut peers = Peers::new();
    let clients: Vec<_> = ["192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"]
        .into_iter()
        .map(|at| (address(at), admit(&mut peers, at, 1).unwrap()))
        .collect();
    let outcomes: Vec<_> = clients
        .iter()
        .map(|(at, client)| peers.establish(*at, client.id, BOUNDS).is_ok())
        .collect();
    assert_eq!(outcomes, [true, true, false]);
    let third = admit(&mut peers, "192.0.2.4:1", 1).err();
    assert_eq!(third, Some(NoRoom::Connections));
    assert!(
        admit(&mut peers, A, 2).is_ok(),
        "a client that reconnects takes no further place"
    );
}

#[test]
fn a16_every_count_returns_to_zero() {
    let mut peers = Peers::new();
    for round in 0..10_000_u32 {
        let client = admit(&mut peers, A, round as u8).unwrap();
        if round % 2 == 0 {
            peers.establish(address(A), client.id, BOUNDS).unwrap();
        }
        remove(&mut peers, address(A), client.id);
        remove(&mut peers, address(A), client.id);
    }
    assert!(peers.is_empty());
    assert!(peers.handshakes.is_empty() && peers.leaving.at(address(A)) == 0);
    assert_eq!((peers.established(), peers.handshakes()), (0, 0));
}

/// Whoever has stood up leaves its address to others at once, and its place when nobody works for it any more.
#[test]
fn a16_a_place_is_free_when_its_worker_has_gone() {
    let mut peers = Peers::new();
    let first = connect(&mut peers, A, 1, BOUNDS).unwrap();
    peers.vacate(address(A), first.id);
    assert!(peers.is_empty());
    assert_eq!((peers.established(), peers.handshakes()), (1, 0));
    let second = connect(&mut peers, A, 2, BOUNDS).unwrap();
    assert!(!ended(&second));
    let third = admit(&mut peers, A, 3).err();
    assert_eq!(third, Some(NoRoom::Connections));
    peers.free(address(A), second.id);
    assert_eq!(peers.established(), 2, "it sits there still");
    peers.free(address(A), first.id);
    let third = admit(&mut peers, A, 3).unwrap();
    peers.vacate(address(A), third.id);
    assert_eq!((peers.established(), peers.handshakes()), (1, 1));
    peers.free(address(A), third.id);
    remove(&mut peers, address(A), second.id);
    assert_eq!((peers.established(), peers.handshakes()), (0, 0));
    assert!(peers.leaving.at(address(A)) == 0 && peers.handshakes.is_empty());
}

#[test]
fn h13_a_client_that_is_silent_for_too_long_is_let_go() {
    let mut peers = Peers::new();
    let at = |seconds| Duration::from_secs(seconds);
    let limit = at(60);
    let silent = admit(&mut peers, A, 1).unwrap();
    let talks = admit(&mut peers, "192.0.2.2:1", 1).unwrap();
    let shakes_hands = admit(&mut peers, "192.0.2.3:1", 1).unwrap();
    for (client, at) in [(&silent, A), (&talks, "192.0.2.2:1")] {
        peers.establish(address(at), client.id, BOUNDS).unwrap();
    }
    assert_eq!(peers.end_silent(at(1_000), limit), 0, "counts from here");
    talks.fate.hear(at(1_030));
    assert_eq!(peers.end_silent(at(1_059), limit), 0);
    assert_eq!(peers.end_silent(at(1_060), limit), 1);
    assert!(ended(&silent) && !ended(&talks) && !ended(&shakes_hands));
    assert_eq!(silent.inbox.ended(), Some(End::Idle));
    assert_eq!(peers.end_silent(at(1_061), limit), 0, "once");
    assert_eq!(peers.established(), 2, "until its worker is gone");
    remove(&mut peers, address(A), silent.id);
    assert_eq!(peers.established(), 1);
    assert_eq!(peers.end_silent(at(1_090), limit), 1);
}

/// Not a moment before.
#[test]
fn h13_silence_is_counted_in_milliseconds() {
    let fate = Fate::default();
    let heard = Duration::from_millis(9_900);
    let limit = Duration::from_secs(1);
    fate.hear(heard);
    assert!(!fate.is_silent(heard + limit - Duration::from_millis(1), limit));
    assert!(fate.is_silent(heard + limit, limit));
}

/// Whoever chooses addresses does not know where they come to lie.
#[test]
fn i14_every_listener_hashes_addresses_under_a_key_of_its_own() {
    use std::hash::BuildHasher;
    let (one, other) = (Peers::new(), Peers::new());
    let hash = |peers: &Peers, at| peers.tables.hasher().hash_one(address(at));
    let differ = ["192.0.2.1:1", "192.0.2.2:1", "[2001:db8::1]:1"]
        .into_iter()
        .filter(|at| hash(&one, at) != hash(&other, at));
    assert_eq!(differ.count(), 3);
    let network: IpAddr = [192, 0, 2, 1].into();
    let hash = |peers: &Peers| peers.handshakes.hasher().hash_one(network);
    assert_ne!(hash(&one), hash(&other));
}

fn rivals(clients: [&Client; 2]) -> [Rival; 2] {
    clients.map(|client| client.fate.rival())
}

#[test]
fn h01_p33_the_old_association_lives_until_the_new_one_is_finished() {
    let mut peers = Peers::new();
    let old = admit(&mut peers, A, 1).unwrap();
    peers.establish(address(A), old.id, BOUNDS).unwrap();
    let new = admit(&mut peers, A, 2).unwrap();
    assert_eq!(rivals([&old, &new]), [Rival::Newer, Rival::Older]);
    assert!(!ended(&old));
    assert!(matches!(
        peers.route(address(A), || true),
        Some(Route::One(seat)) if seat.id == new.id
    ));
    assert!(matches!(
        peers.route(address(A), || false),
        Some(Route::Both(current, candidate)) if current.id == old.id && candidate.id == new.id
    ));
    peers.establish(address(A), new.id, BOUNDS).unwrap();
    assert_eq!(old.inbox.ended(), Some(End::Replaced));
    assert_eq!(new.fate.rival(), Rival::None);
    assert_eq!((peers.established(), peers.handshakes()), (2, 0));
    remove(&mut peers, address(A), old.id);
    assert!(matches!(
        peers.route(address(A), || false),
        Some(Route::One(seat)) if seat.id == new.id
    ));
    assert_eq!((peers.established(), peers.handshakes()), (1, 0));
}

#[test]
fn a_candidate_that_fails_leaves_the_old_association_alone() {
    let mut peers = Peers::new();
    let old = admit(&mut peers, A, 1).unwrap();
    peers.establish(address(A), old.id, BOUNDS).unwrap();
    let new = admit(&mut peers, A, 2).unwrap();
    remove(&mut peers, address(A), new.id);
    assert_eq!(old.fate.rival(), Rival::None);
    assert!(!ended(&old));
    assert_eq!((peers.established(), peers.handshakes()), (1, 0));
}

#[test]
fn there_is_one_candidate_at_most() {
    let mut peers = Peers::new();
    let old = admit(&mut peers, A, 1).unwrap();
    peers.establish(address(A), old.id, BOUNDS).unwrap();
    let second = admit(&mut peers, A, 2).unwrap();
    let third = admit(&mut peers, A, 3).unwrap();
    assert!(ended(&second));
    assert_eq!(rivals([&old, &third]), [Rival::Newer, Rival::Older]);
    assert_eq!(peers.handshakes(), 2, "until its worker is gone");
    remove(&mut peers, address(A), second.id);
    assert_eq!(rivals([&old, &third]), [Rival::Newer, Rival::Older]);
    assert!(peers.find(address(A), &[2; 32]).is_none());
    assert_eq!(
        peers.find(address(A), &[3; 32]).map(|seat| seat.id),
        Some(third.id)
    );
    assert_eq!(peers.handshakes(), 1);
}

/// Whoever has three hellos and says them in turn begins no more handshakes than there are places: one that was
/// replaced has a thread until it has noticed.
#[test]
fn a15_h01_handshakes_that_were_replaced_count_until_they_are_gone() {
    let mut peers = Peers::new();
    let old = connect(&mut peers, A, 1, BOUNDS).unwrap();
    let second = admit(&mut peers, A, 2).unwrap();
    let third = admit(&mut peers, A, 3).unwrap();
    for random in [2, 3, 2, 3] {
        let refused = admit(&mut peers, A, random).err();
        let known = peers.find(address(A), &[random; 32]).is_some();
        assert_eq!(
            (refused, known),
            (Some(NoRoom::HandshakesPerAddress), random == 3)
        );
    }
    assert!(!ended(&third) && !ended(&old));
    assert_eq!((peers.established(), peers.handshakes()), (1, 2));
    remove(&mut peers, address(A), second.id);
    let fourth = admit(&mut peers, A, 2).unwrap();
    assert!(ended(&third) && !ended(&fourth));
    remove(&mut peers, address(A), third.id);
    peers.establish(address(A), fourth.id, BOUNDS).unwrap();
    remove(&mut peers, address(A), old.id);
    assert_eq!((peers.established(), peers.handshakes()), (1, 0));
}

/// Whoever has seen the hellos of a client that began anew does not put its newest handshake out by an older one.
#[test]
fn a06_h01_a_hello_that_was_left_behind_is_known_for_long() {
    let mut peers = Peers::new();
    let newest = |peers: &mut Peers, from: u8, to: u8| {
        for random in from..=to {
            let client = connect(peers, A, random, WIDE).unwrap();
            if let Some(before) = random.checked_sub(1) {
                // The worker before has noticed.
                remove(peers, address(A), SeatId::from(before));
            }
            assert_eq!(client.id, SeatId::from(random));
        }
    };
    let left_behind = |peers: &mut Peers| -> Vec<u8> {
        let mut is_known =
            |random: &u8| peers.has_left_behind(address(A), &[*random; 32], Duration::ZERO);
        (0..20).filter(|random| is_known(random)).collect()
    };
    newest(&mut peers, 0, 0);
    assert_eq!(left_behind(&mut peers), [0_u8; 0]);
    newest(&mut peers, 1, 3);
    assert_eq!(left_behind(&mut peers), [0, 1, 2]);
    newest(&mut peers, 4, 10);
    let last_few: Vec<_> = (2..10).collect();
    assert_eq!(left_behind(&mut peers), last_few);
    remove(&mut peers, address(A), 10);
    assert_eq!(left_behind(&mut peers), [0_u8; 0]);
    assert!(peers.is_empty());
}

/// An old hello that somebody says again puts the newest handshake out, whose client still says its own: it has its
/// place back at its second timer.
#[test]
fn a06_h01_a_hello_that_insists_is_let_in_again() {
    let mut peers = Peers::new();
    let at = Duration::from_millis;
    connect(&mut peers, A, 2, WIDE).unwrap();
    let live = admit_within(&mut peers, A, 3, WIDE).unwrap();
    let replayed = admit_within(&mut peers, A, 1, WIDE).unwrap();
    assert!(ended(&live) && !ended(&replayed));
    for (now, is_left) in [(7_000, true), (7_000, true), (7_499, true), (7_500, false)] {
        assert_eq!(
            peers.has_left_behind(address(A), &[3; 32], at(now)),
            is_left
        );
    }
    let live = admit_within(&mut peers, A, 3, WIDE).unwrap();
    assert!(!ended(&live) && ended(&replayed));
    assert!(peers.has_left_behind(address(A), &[1; 32], at(20_000)));
}

const WIDE: Bounds = Bounds {
    connections: 100,
    handshakes: 100,
    handshakes_per_address: 100,
};

/// A client that crashes and comes back is served at once, three times in a row, also while no handler has noticed.
#[test]
fn a15_h01_few_that_were_replaced_run_at_one_address() {
    let mut peers = Peers::new();
    let mut all: Vec<_> = (0..4)
        .map(|random| connect(&mut peers, A, random, WIDE).unwrap())
        .collect();
    assert_eq!(peers.established(), 4);
    assert_eq!(
        all.iter().map(ended).collect::<Vec<_>>(),
        [true, true, true, false]
    );
    let refused = admit_within(&mut peers, A, 4, WIDE).err();
    assert_eq!(refused, Some(NoRoom::HandshakesPerAddress));
    connect(&mut peers, "192.0.2.1:2", 4, WIDE).unwrap();
    remove(&mut peers, address(A), all.remove(1).id);
    connect(&mut peers, A, 5, WIDE).unwrap();
    assert_eq!(peers.established(), 5);
    assert!(ended(&all[2]));
}

/// Connections that were replaced and whose handlers still run are connections.
#[test]
fn h13_connections_that_were_replaced_stay_within_the_bound() {
    let mut peers = Peers::new();
    let first = connect(&mut peers, A, 1, BOUNDS).unwrap();
    let second = connect(&mut peers, A, 2, BOUNDS).unwrap();
    assert_eq!(peers.established(), 2);
    for at in [A, "192.0.2.2:1"] {
        assert_eq!(admit(&mut peers, at, 3).err(), Some(NoRoom::Connections));
    }
    remove(&mut peers, address(A), first.id);
    assert_eq!(peers.established(), 1);
    let third = connect(&mut peers, A, 3, BOUNDS).unwrap();
    assert_eq!(peers.established(), 2);
    assert!(ended(&second) && !ended(&third));
}

/// A client that begins anew before it is connected replaces no connection.
#[test]
fn h01_only_a_connection_counts_as_replaced() {
    let mut peers = Peers::new();
    let stands_still = admit_within(&mut peers, A, 1, WIDE).unwrap();
    let establish = |peers: &mut Peers, random| {
        let client = admit_within(peers, A, random, WIDE).unwrap();
        let succession = peers.establish(address(A), client.id, WIDE);
        (client, succession.unwrap())
    };
    let (second, succession) = establish(&mut peers, 2);
    assert!(ended(&stands_still) && !ended(&second));
    assert_eq!(succession, Succession::First);
    let (third, succession) = establish(&mut peers, 3);
    assert!(ended(&second) && !ended(&third));
    assert_eq!(succession, Succession::Replaced);
}

/// Where all places are taken, a client that comes back has that of its old connection at once, and the old one
/// has the handshake's until it is gone: together they are never more than there are places.
#[test]
fn h01_h13_the_old_and_the_new_connection_exchange_their_places() {
    let mut peers = Peers::new();
    let first = connect(&mut peers, A, 1, BOUNDS).unwrap();
    let other = connect(&mut peers, "192.0.2.2:1", 1, BOUNDS).unwrap();
    let second = connect(&mut peers, A, 2, BOUNDS).unwrap();
    assert!(ended(&first) && !ended(&other));
    assert_eq!((peers.established(), peers.handshakes()), (2, 1));
    let refused = admit(&mut peers, A, 3).err();
    assert_eq!(refused, Some(NoRoom::Connections), "one at a time");
    remove(&mut peers, address(A), first.id);
    assert_eq!((peers.established(), peers.handshakes()), (2, 0));
    connect(&mut peers, A, 3, BOUNDS).unwrap();
    remove(&mut peers, address(A), second.id);
    assert_eq!((peers.established(), peers.handshakes()), (2, 0));
}

/// A handshake beside another one replaces no connection, so that it takes a place like any other.
#[test]
fn h13_a_candidate_beside_a_handshake_takes_a_place() {
    let mut peers = Peers::new();
    let stands_still = admit_within(&mut peers, A, 1, WIDE).unwrap();
    let candidate = admit_within(&mut peers, A, 2, WIDE).unwrap();
    for at in ["192.0.2.2:1", "192.0.2.3:1"] {
        connect(&mut peers, at, 1, BOUNDS).unwrap();
    }
    let refused = peers.establish(address(A), candidate.id, BOUNDS);
    assert_eq!(refused, Err(NoRoom::Connections));
    let refused = admit_within(&mut peers, A, 3, BOUNDS).err();
    assert_eq!(refused, Some(NoRoom::Connections));
    for client in [candidate, stands_still] {
        remove(&mut peers, address(A), client.id);
    }
    assert_eq!((peers.established(), peers.handshakes()), (2, 0));
}

#[test]
fn i16_a_candidate_stays_when_the_old_association_goes() {
    let mut peers = Peers::new();
    let old = admit(&mut peers, A, 1).unwrap();
    peers.establish(address(A), old.id, BOUNDS).unwrap();
    let new = admit(&mut peers, A, 2).unwrap();
    remove(&mut peers, address(A), old.id);
    assert_eq!(new.fate.rival(), Rival::None);
    peers.establish(address(A), new.id, BOUNDS).unwrap();
    assert_eq!((peers.established(), peers.handshakes()), (1, 0));
}

#[test]
fn i15_closing_ends_every_inbox_and_seats_nobody() {
    let mut peers = Peers::new();
    let client = admit(&mut peers, A, 1).unwrap();
    peers.close();
    assert_eq!(client.inbox.ended(), Some(End::Closed));
    assert_eq!(admit(&mut peers, A, 2).err(), Some(NoRoom::Draining));
}

/// Replayed hellos cost a worker nothing: not once there is a connection, and seldom before.
#[test]
fn a06_a_flood_of_one_hello_is_heard_now_and_then() {
    let mut peers = Peers::new();
    let client = admit(&mut peers, A, 1).unwrap();
    let heard = |peers: &mut Peers, from: u64| {
        let seat = peers.find(address(A), &[1; 32]).unwrap();
        let hears = |ms: &u64| seat.hears_hello(Duration::from_millis(*ms));
        (from..from + 100).filter(hears).count()
    };
    assert_eq!(heard(&mut peers, 1_000), 10);
    peers.establish(address(A), client.id, BOUNDS).unwrap();
    assert_eq!(heard(&mut peers, 2_000), 0);
}
