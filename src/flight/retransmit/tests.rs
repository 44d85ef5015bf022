use super::*;
use Belief::{Careful, Literal};

const S: Duration = Duration::from_secs(1);

/// Lets every timer expire; the times at which the flight was sent, and when it was given up.
fn run(plan: Retransmission) -> (Vec<Duration>, Duration) {
    let mut machine = Retransmit::new(plan, Careful, Duration::ZERO);
    machine.flight_sent(Duration::ZERO);
    let mut sends = vec![Duration::ZERO];
    loop {
        let now = machine.expires().unwrap();
        match machine.expired(now) {
            Expiry::Resend(_) => sends.push(now),
            Expiry::GiveUp => return (sends, now),
            Expiry::AskAgain | Expiry::NotDue => panic!("a flight was due"),
        }
    }
}

/// Whoever has a part of the peer's flight asks as often as it would say its own, and for as long, counted from
/// the last part.
#[test]
fn whoever_listens_asks_again_until_it_is_given_up() {
    let plan = Retransmission::RFC6347;
    let mut machine = Retransmit::new(plan, Careful, Duration::ZERO);
    machine.flight_sent(Duration::ZERO);
    for start in [S / 2, 40 * S] {
        machine.listen(start);
        assert_eq!(machine.wait(), Some(S));
        for after in [1, 3, 7, 15, 31, 63] {
            let due = start + after * S;
            assert_eq!(machine.expires(), Some(due));
            assert_eq!(machine.expired(due - S / 2), Expiry::NotDue);
            assert_eq!(machine.expired(due), Expiry::AskAgain);
            assert_eq!(machine.peer_repeated(due), Repeat::Nothing);
            assert_eq!(machine.ack_delay(), S / 4);
        }
        let over = start + 123 * S;
        assert_eq!(machine.expires(), Some(over));
        assert_eq!(machine.deadline(), Some(plan.longest_handshake()));
    }
    assert_eq!(machine.expired(163 * S), Expiry::GiveUp);
}

#[test]
fn handshake_timeout_min_max_sends_7_times_in_123_seconds() {
    let (sends, over) = run(Retransmission::RFC6347);
    assert_eq!(sends, [0, 1, 3, 7, 15, 31, 63].map(|s| s * S));
    assert_eq!(over, 123 * S);
}

/// However often its longest delay has expired before.
#[test]
fn a_plan_with_a_deadline_ends_at_the_first_expiry_behind_it() {
    let (sends, over) = run(Retransmission {
        maximum: 8 * S,
        give_up: GiveUp::Deadline(55 * S),
        ..Retransmission::RFC6347
    });
    assert_eq!(sends, [0, 1, 3, 7, 15, 23, 31, 39, 47].map(|s| s * S));
    assert_eq!(over, 55 * S);
}

/// With jitter each wait is a little longer than its delay, and another each time.
#[test]
fn e06_jitter_makes_waits_longer_by_a_share_of_the_delay() {
    let plan = Retransmission {
        jitter: 20,
        ..Retransmission::RFC6347
    };
    let mut firsts = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let (sends, over) = run(plan);
        let times = sends.iter().copied().chain([over]);
        let waits = times.clone().skip(1).zip(times).map(|(b, a)| b - a);
        let mut delay = S;
        for wait in waits {
            assert!(
                (delay..=delay * 6 / 5).contains(&wait),
                "{wait:?} for {delay:?}"
            );
            delay = (delay * 2).min(60 * S);
        }
        assert_eq!(sends.len(), 7);
        assert!(over < plan.longest_handshake() / 3);
        firsts.insert(sends[1]);
    }
    assert!(firsts.len() > 100, "{}", firsts.len());
}

#[test]
fn resends_are_counted() {
    let plan = Retransmission {
        give_up: GiveUp::Resends(12),
        initial: S,
        maximum: 2 * S,
        jitter: 0,
    };
    assert_eq!(run(plan).0.len(), 13);
}

#[test]
fn p05_a_burst_of_repeats_brings_one_resend() {
    let mut machine = Retransmit::new(Retransmission::RFC6347, Careful, Duration::ZERO);
    machine.flight_sent(Duration::ZERO);
    let now = S / 2;
    let answers: Vec<_> = (0..5).map(|_| machine.peer_repeated(now)).collect();
    assert_eq!(answers.iter().filter(|a| **a == Repeat::Resend).count(), 1);
    assert_eq!(machine.expires(), Some(now + S), "re-armed, not doubled");
    assert_eq!(machine.peer_repeated(now + S / 4), Repeat::Resend);
}

/// Repetitions without end, as anyone can send them, of a flight that nothing answers. Other than to a peer whose
/// timer is short, who is answered soon at first, a flight goes once in an initial delay, as the last one does.
#[test]
fn e02_p03_only_the_first_few_repetitions_are_answered_soon() {
    let soon = [1, 2, 3, 4, 6].map(|quarters| quarters * S / 4).to_vec();
    let later = (1..8).map(|n| n * S + 6 * S / 4);
    let careful = soon.iter().copied().chain(later).collect::<Vec<_>>();
    let literal = (1..60).map(|quarters| quarters * S / 4).collect();
    for (belief, answered) in [(Careful, careful), (Literal, literal)] {
        let mut machine = Retransmit::new(Retransmission::RFC6347, belief, Duration::ZERO);
        machine.flight_sent(Duration::ZERO);
        let ticks = (1..).map(|n| n * S / 8);
        let mut answers = Vec::new();
        for now in ticks.take_while(|now| now <= answered.last().unwrap()) {
            if machine.peer_repeated(now) == Repeat::Resend {
                let damped = machine.intermediate().unwrap();
                assert_eq!(answered.get(answers.len() + 1).unwrap_or(&damped), &damped);
                assert_eq!(machine.expires(), Some(now + S), "not doubled");
                answers.push(now);
            }
        }
        assert_eq!(answers, answered, "{belief:?}");
        // The next flight is another.
        machine.flight_sent(100 * S);
        assert_eq!(machine.intermediate(), Some(100 * S + S / 4));
    }
}

/// Where our delay is the longer, a quarter of it is: a peer that doubles its delays repeats itself no sooner.
#[test]
fn e02_damping_is_never_less_than_a_quarter_of_the_delay() {
    let mut machine = Retransmit::new(Retransmission::RFC6347, Careful, Duration::ZERO);
    machine.flight_sent(Duration::ZERO);
    let mut now = Duration::ZERO;
    for _ in 0..20 {
        now += S;
        machine.peer_repeated(now);
    }
    for delay in [2, 4, 8, 16, 32].map(|seconds| seconds * S) {
        now = machine.expires().unwrap();
        machine.expired(now);
        let damping = (delay / 4).max(S);
        assert_eq!(machine.peer_repeated(now + damping - S / 8), Repeat::Damped);
        assert_eq!(machine.peer_repeated(now + damping), Repeat::Resend);
    }
}

/// What an authentic ACK shows to be missing waits for a moment only, whatever is forged beside it.
#[test]
fn e09_what_is_not_acknowledged_goes_soon_whatever_was_repeated() {
    let mut machine = Retransmit::new(Retransmission::RFC6347, Careful, Duration::ZERO);
    assert_eq!(machine.partly_acknowledged(S), Repeat::Nothing);
    machine.flight_sent(S);
    for n in 2..20 {
        assert_eq!(machine.peer_repeated(n * S), Repeat::Resend);
    }
    let mut now = 19 * S;
    for _ in 0..20 {
        assert_eq!(machine.partly_acknowledged(now + S / 8), Repeat::Damped);
        now += S / 4;
        assert_eq!(machine.peer_repeated(now), Repeat::Damped);
        assert_eq!(machine.partly_acknowledged(now), Repeat::Resend);
    }
}

#[test]
fn p05_what_is_left_over_of_the_peers_flight_brings_no_resend() {
    let mut machine = Retransmit::new(Retransmission::RFC6347, Careful, Duration::ZERO);
    machine.flight_sent(Duration::ZERO);
    assert_eq!(machine.peer_repeated(Duration::ZERO), Repeat::Damped);
    assert_eq!(machine.peer_repeated(S / 4), Repeat::Resend);
}

#[test]
fn e06_p06_damped_repeats_do_not_postpone_the_timer() {
    let mut machine = Retransmit::new(Retransmission::RFC6347, Careful, Duration::ZERO);
    machine.flight_sent(Duration::ZERO);
    machine.peer_repeated(S / 2);
    let due = machine.expires();
    machine.peer_repeated(S / 2 + S / 8);
    assert_eq!(machine.expires(), due);
}

#[test]
fn p08_the_delay_clamps() {
    let plan = Retransmission {
        initial: Duration::MAX / 2,
        maximum: Duration::MAX,
        give_up: GiveUp::Resends(5),
        jitter: 100,
    };
    let mut machine = Retransmit::new(plan, Careful, Duration::ZERO);
    machine.flight_sent(Duration::ZERO);
    for _ in 0..5 {
        machine.expired(Duration::MAX);
        assert_eq!(machine.expires(), Some(Duration::MAX));
    }
}

/// However short the delays of a plan that may be had, and however often they double, be it by timers, by
/// repetitions or by another initial delay: the timer is always still to come.
#[test]
fn p08_no_delay_is_zero() {
    const SHORTEST: Duration = Duration::from_nanos(1);
    const HALF: Duration = Duration::from_secs(u64::MAX / 2);
    for (initial, maximum) in [
        (SHORTEST, SHORTEST),
        (SHORTEST, S),
        (SHORTEST, Duration::MAX),
        (HALF, Duration::MAX),
        (Duration::MAX, Duration::MAX),
    ] {
        let plan = Retransmission {
            initial,
            maximum,
            give_up: GiveUp::Resends(200),
            jitter: 0,
        };
        assert!(plan.is_sound());
        let none = Retransmission {
            initial: Duration::ZERO,
            ..plan
        };
        assert!(!none.is_sound(), "a plan of this kind cannot be had");
        let mut machine = Retransmit::new(plan, Careful, Duration::ZERO);
        let mut now = Duration::ZERO;
        machine.flight_sent(now);
        for round in 0..200 {
            match round % 10 {
                7 => drop(machine.peer_repeated(now)),
                9 => machine.set_initial(initial),
                _ => {
                    now = machine.expires().unwrap();
                    machine.expired(now);
                }
            }
            let State::Waiting(waiting) = &machine.state else {
                panic!("{round}: {machine:?}");
            };
            assert!((initial..=maximum).contains(&waiting.delay), "{round}");
            let is_to_come = waiting.expires > now || now == Duration::MAX;
            assert!(is_to_come, "{round}: {machine:?}");
        }
    }
}

#[test]
fn another_initial_delay_changes_the_timer_that_runs() {
    for (expiries, initial, delay) in [
        (0, S / 4, S / 4),
        (0, 3 * S, 3 * S),
        (2, 2 * S, 8 * S),
        (2, S / 4, S),
        (2, 50 * S, 60 * S),
        (40, S, 60 * S),
    ] {
        let plan = Retransmission {
            give_up: GiveUp::Resends(50),
            ..Retransmission::RFC6347
        };
        let mut machine = Retransmit::new(plan, Careful, Duration::ZERO);
        machine.flight_sent(Duration::ZERO);
        let mut set = Duration::ZERO;
        for _ in 0..expiries {
            set = machine.expires().unwrap();
            machine.expired(set);
        }
        machine.set_initial(initial);
        assert_eq!(machine.expires(), Some(set + delay));
        machine.flight_sent(set);
        assert_eq!(machine.wait(), Some(initial), "of the next flight");
    }
}

/// However long a peer takes to make its flight, its timer begins when that is sent.
#[test]
fn e15_p14_no_timer_runs_while_a_flight_is_made() {
    let mut machine = Retransmit::new(Retransmission::RFC6347, Careful, Duration::ZERO);
    assert_eq!(machine.expires(), None);
    assert_eq!(machine.expired(100 * S), Expiry::NotDue);
    assert_eq!(machine.peer_repeated(100 * S), Repeat::Nothing);
    machine.flight_sent(100 * S);
    assert_eq!(machine.expires(), Some(101 * S));
    assert_eq!(machine.expired(100 * S), Expiry::NotDue);
    for now in [105 * S, 107 * S] {
        machine.flight_left(now);
        assert_eq!(machine.expires(), Some(106 * S), "it leaves once");
    }
    assert_eq!(machine.peer_repeated(105 * S), Repeat::Damped);
    assert!(matches!(machine.expired(106 * S), Expiry::Resend(_)));
}

#[test]
fn each_state_waits_for_what_it_can_wait_for() {
    let mut machine = Retransmit::new(Retransmission::RFC6347, Careful, 7 * S);
    let end = Some((7 + 3 * 123) * S);
    assert_eq!(machine.began(), 7 * S);
    assert_eq!((machine.intermediate(), machine.deadline()), (None, end));
    machine.flight_sent(10 * S);
    let damped = Some(10 * S + S / 4);
    assert_eq!((machine.intermediate(), machine.deadline()), (damped, end));
    machine.last_flight_sent(20 * S);
    assert_eq!((machine.intermediate(), machine.deadline()), (None, None));
    assert_eq!(machine.expires(), Some(260 * S));

    let mut machine = Retransmit::new(Retransmission::RFC6347, Careful, 7 * S);
    machine.flight_sent(10 * S);
    machine.finished();
    assert_eq!((machine.expires(), machine.deadline()), (None, None));
    assert_eq!(machine.peer_repeated(30 * S), Repeat::Nothing);
}

#[test]
fn i08_a_long_stall_brings_one_resend() {
    let mut machine = Retransmit::new(Retransmission::RFC6347, Careful, Duration::ZERO);
    machine.flight_sent(Duration::ZERO);
    assert!(matches!(machine.expired(50 * S), Expiry::Resend(_)));
    assert_eq!(machine.expired(50 * S), Expiry::NotDue);
}

#[test]
fn e01_e02_p01_p03_the_last_flight_is_served_for_240_seconds_and_at_most_once_per_delay() {
    let mut machine = Retransmit::new(Retransmission::RFC6347, Careful, Duration::ZERO);
    machine.last_flight_sent(Duration::ZERO);
    assert_eq!(machine.peer_repeated(S), Repeat::Resend);
    assert_eq!(machine.peer_repeated(S + S / 2), Repeat::Damped);
    assert_eq!(machine.peer_repeated(2 * S), Repeat::Resend);
    assert_eq!(machine.expires(), Some(240 * S));
    assert_eq!(machine.expired(239 * S), Expiry::NotDue);
    assert_eq!(machine.peer_repeated(239 * S), Repeat::Resend);
    machine.expired(240 * S);
    assert_eq!(machine.expires(), None);
    assert_eq!(machine.peer_repeated(241 * S), Repeat::Nothing);
}

#[test]
fn the_last_flight_may_be_served_without_damping() {
    let mut machine = Retransmit::new(Retransmission::RFC6347, Literal, Duration::ZERO);
    machine.last_flight_sent(Duration::ZERO);
    let answers = [S, S, S].map(|now| machine.peer_repeated(now));
    assert!(answers.iter().all(|answer| *answer == Repeat::Resend));
}

/// The peer's ACK is waited for, which a peer sends after a quarter of its delay. Without one half of ours
/// is a pause that a network recovers in.
#[test]
fn e14_the_next_burst_goes_by_itself_after_half_of_the_delay() {
    let mut machine = Retransmit::new(Retransmission::RFC6347, Careful, Duration::ZERO);
    machine.flight_sent(Duration::ZERO);
    assert_eq!(machine.goes_on(), None);
    machine.burst_sent(Duration::ZERO);
    machine.flight_left(S / 8);
    assert_eq!(machine.goes_on(), Some(S / 8 + S / 2));
    // The next one is the last.
    machine.go_on(S);
    assert_eq!(machine.goes_on(), None);
    assert_eq!(machine.expires(), Some(S + S), "set anew, not doubled");
    // Whatever sends the flight again begins at its beginning.
    machine.burst_sent(S);
    assert!(matches!(machine.expired(2 * S), Expiry::Resend(_)));
    assert_eq!(machine.goes_on(), None);
    machine.burst_sent(2 * S);
    assert_eq!(machine.goes_on(), Some(3 * S));
    assert_eq!(machine.peer_repeated(3 * S), Repeat::Resend);
    assert_eq!(machine.goes_on(), None);
    machine.burst_sent(3 * S);
    machine.acknowledged();
    assert_eq!(machine.goes_on(), None);
}
