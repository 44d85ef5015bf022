//! When a flight is sent again: the state machine of RFC 6347 §4.2.4, and nothing else.
//!
//! ```text
//!                      +-----------+
//!                +---> | PREPARING |
//!                |     +-----------+
//!                |           | Buffer next flight
//!                |          \|/
//!                |     +-----------+
//!                |     |  SENDING  |<-----------+
//!        Receive |     +-----------+            |
//!           next |           | Send flight      |
//!         flight |           | Set timer        | Timer expires,
//!                |          \|/                 | or read retransmit
//!                |     +-----------+            |
//!                +-----|  WAITING  |------------+
//!                      +-----------+
//!                            | Receive last flight, or sent it
//!                           \|/
//!                      +-----------+
//!                      | FINISHED  |---- Read retransmit: send last flight again
//!                      +-----------+
//! ```
//!
//! SENDING takes no time here, so it is not a value but what the caller does when told to.
//!
//! In DTLS 1.3 the peer's ACK, or a part of its next flight, takes WAITING's flight away before the next one is
//! whole (RFC 9147 §5.8.1). Nobody would speak then if our ACK of that part were lost and the peer's delay were
//! long, so the timer goes on, and brings the ACK again: LISTENING.

use crate::config::Belief;
use crate::timer::{GiveUp, Retransmission};
use crate::trace::ResendReason;
use std::time::Duration;

/// RFC 6347 §4.2.4: the last flight is answered for at least twice the maximum segment lifetime of
/// RFC 793, two minutes.
const LAST_FLIGHT_SERVICE: Duration = Duration::from_secs(240);

/// So many repetitions of one flight are answered soon, for a peer whose timer is short and whose network is
/// bad. Whoever sends more of them may be a forger, who wants a whole flight for each.
const ANSWERED_SOON: u32 = 4;

/// The retransmission of one handshake.
#[derive(Debug)]
pub(crate) struct Retransmit {
    plan: Retransmission,
    belief: Belief,
    began: Duration,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Our next flight is being made, or we wait for the very first of the peer.
    Preparing,
    /// Our flight is out, and the peer's next is not here.
    Waiting(Waiting),
    /// The peer has our flight, and its next is not here, or not all of it.
    Listening(Waiting),
    /// The handshake is over, and the last flight was ours.
    FinishedLast {
        damped_until: Duration,
        until: Duration,
    },
    /// The handshake is over, and nobody can need a flight of ours.
    Finished,
}

#[derive(Debug)]
struct Waiting {
    began: Duration,
    /// When the flight was made, until it has left.
    made: Option<Duration>,
    delay: Duration,
    /// The delay, and perhaps something more.
    wait: Duration,
    expires: Duration,
    expiries: u32,
    /// When the flight went for the last time, or its latest burst; if it went.
    sent: Option<Duration>,
    repeats_answered: u32,
    /// When the next burst of the flight goes, whatever the peer has said to the one before.
    goes_on: Option<Duration>,
}

/// What an expired timer asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    NotDue,
    Resend(ResendReason),
    /// Nothing of ours is missed. The peer is told again what we have.
    AskAgain,
    GiveUp,
}

/// What a repeated flight of the peer asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    Resend,
    /// The answer to a repetition was sent a moment ago.
    Damped,
    /// There is nothing to answer with.
    Nothing,
}

impl Retransmit {
    pub(crate) fn new(plan: Retransmission, belief: Belief, now: Duration) -> Self {
        Retransmit {
            plan,
            belief,
            began: now,
            state: State::Preparing,
        }
    }

    pub(crate) fn began(&self) -> Duration {
        self.began
    }

    /// Another initial delay. A timer that runs is as if it had been set with that, and may be due.
    pub(crate) fn set_initial(&mut self, initial: Duration) {
        self.plan.initial = initial;
        if let State::Waiting(waiting) | State::Listening(waiting) = &mut self.state {
            let set = waiting.expires.saturating_sub(waiting.wait);
            let doublings = 1_u32.checked_shl(waiting.expiries).unwrap_or(u32::MAX);
            waiting.delay = initial.saturating_mul(doublings).min(self.plan.maximum);
            waiting.arm(set, &self.plan);
        }
    }

    /// SENDING to WAITING: a flight that the peer must answer went out for the first time.
    /// Each flight starts with the initial delay (RFC 6347 §4.2.4.1 lets it be reset).
    ///
    /// What comes again of the peer's flight a moment later is left over from its first sending: a
    /// duplicate of the network's, or a fragment that overlaps others.
    pub(crate) fn flight_sent(&mut self, now: Duration) {
        let waiting = Waiting::new(now, &self.plan);
        self.state = State::Waiting(Waiting {
            made: Some(now),
            ..waiting
        });
    }

    /// WAITING to LISTENING: the peer has the whole flight, as its ACK says or a part of its next flight
    /// (RFC 9147 §5.8.1 and §7.2). Again with each further part, from which the delays are counted anew.
    pub(crate) fn listen(&mut self, now: Duration) {
        self.state = State::Listening(Waiting::new(now, &self.plan));
    }

    pub(crate) fn is_listening(&self) -> bool {
        matches!(self.state, State::Listening(_))
    }

    /// The flight was held back: whoever asks for it has it.
    pub(crate) fn held_back(&mut self) {
        if let State::Waiting(waiting) = &mut self.state {
            waiting.sent = None;
        }
    }

    /// A burst of the flight went out, and another is to follow: when this one is acknowledged, or else
    /// after half of the delay (RFC 9147 §5.8.3). The peer waits for a quarter of its own with an ACK.
    pub(crate) fn burst_sent(&mut self, now: Duration) {
        if let State::Waiting(waiting) = &mut self.state {
            waiting.goes_on = Some(now.saturating_add(half(waiting.delay)));
        }
    }

    /// WAITING to SENDING to WAITING: the next burst goes out. It is not a repetition, so the timer is set
    /// anew, and what comes of the peer's a moment later is left over.
    pub(crate) fn go_on(&mut self, now: Duration) {
        if let State::Waiting(waiting) = &mut self.state {
            waiting.goes_on = None;
            waiting.sent_again(now, &self.plan);
        }
    }

    /// When the next burst goes by itself.
    pub(crate) fn goes_on(&self) -> Option<Duration> {
        match &self.state {
            State::Waiting(waiting) => waiting.goes_on,
            State::Preparing
            | State::Listening(_)
            | State::FinishedLast { .. }
            | State::Finished => None,
        }
    }

    /// The flight has left only now: its keys and signatures took their time, which is not the peer's
    /// (hazard E15).
    pub(crate) fn flight_left(&mut self, now: Duration) {
        let State::Waiting(waiting) = &mut self.state else {
            return;
        };
        if let Some(made) = waiting.made.take() {
            let late = now.saturating_sub(made);
            waiting.expires = waiting.expires.saturating_add(late);
            waiting.sent = waiting.sent.map(|sent| sent.saturating_add(late));
            waiting.goes_on = waiting.goes_on.map(|due| due.saturating_add(late));
        }
    }

    /// SENDING to FINISHED: the handshake's last flight was ours.
    pub(crate) fn last_flight_sent(&mut self, now: Duration) {
        self.state = State::FinishedLast {
            damped_until: now,
            until: now.saturating_add(LAST_FLIGHT_SERVICE),
        };
    }

    /// Out of WAITING: the peer has the whole flight, and owes no answer.
    pub(crate) fn acknowledged(&mut self) {
        self.state = State::Preparing;
    }

    /// How long to wait with an ACK for more records to come: a quarter of the delay (RFC 9147 §7.1).
    pub(crate) fn ack_delay(&self) -> Duration {
        quarter(self.delay())
    }

    /// The delay of the present flight, or that of the next.
    pub(crate) fn delay(&self) -> Duration {
        match &self.state {
            State::Waiting(waiting) => waiting.delay,
            State::Preparing
            | State::Listening(_)
            | State::FinishedLast { .. }
            | State::Finished => self.plan.initial,
        }
    }

    /// WAITING to FINISHED: the handshake's last flight was the peer's, so it has all of ours.
    pub(crate) fn finished(&mut self) {
        self.state = State::Finished;
    }

    /// WAITING to SENDING by the timer, or an ACK that LISTENING has sent again. The delay doubles up to its
    /// maximum; it never wraps and is never zero.
    pub(crate) fn expired(&mut self, now: Duration) -> Expiry {
        let is_listening = self.is_listening();
        match &mut self.state {
            State::FinishedLast { until, .. } if now >= *until => {
                self.state = State::Finished;
                Expiry::NotDue
            }
            State::Waiting(waiting) | State::Listening(waiting) if now >= waiting.expires => {
                let after = waiting.wait;
                let spent = match self.plan.give_up {
                    GiveUp::AtMaximum => waiting.delay >= self.plan.maximum,
                    GiveUp::Resends(resends) => waiting.expiries >= resends,
                    // A handshake has a deadline of its own beside this: see `deadline`.
                    GiveUp::Deadline(deadline) => now.saturating_sub(waiting.began) >= deadline,
                };
                if spent {
                    return Expiry::GiveUp;
                }
                waiting.expiries = waiting.expiries.saturating_add(1);
                waiting.delay = waiting.delay.saturating_mul(2).min(self.plan.maximum);
                // From now, not from when it was due: a long stall brings one resend, not a burst.
                waiting.sent_again(now, &self.plan);
                waiting.goes_on = None;
                match is_listening {
                    true => Expiry::AskAgain,
                    false => Expiry::Resend(ResendReason::Timer {
                        expiry: waiting.expiries,
                        after,
                    }),
                }
            }
            _ => Expiry::NotDue,
        }
    }

    /// WAITING to SENDING, or a service of FINISHED, by the peer's repetition: its last flight arrived
    /// again, so ours was probably lost. One resend answers a burst of repetitions.
    pub(crate) fn peer_repeated(&mut self, now: Duration) -> Repeat {
        match &mut self.state {
            State::Waiting(waiting) => {
                let damping = waiting.damping(&self.plan, self.belief);
                let answer = waiting.answer(damping, now, &self.plan);
                let answered = u32::from(answer == Repeat::Resend);
                waiting.repeats_answered = waiting.repeats_answered.saturating_add(answered);
                answer
            }
            // Hazard E2: once in an initial delay, unless every repetition is believed.
            State::FinishedLast { damped_until, .. }
                if now >= *damped_until || self.belief == Belief::Literal =>
            {
                *damped_until = now.saturating_add(self.plan.initial);
                Repeat::Resend
            }
            State::FinishedLast { .. } => Repeat::Damped,
            State::Preparing | State::Listening(_) | State::Finished => Repeat::Nothing,
        }
    }

    /// WAITING to SENDING to WAITING: the peer has a part of the flight and not the rest, which an ACK says. Nobody
    /// can forge that.
    pub(crate) fn partly_acknowledged(&mut self, now: Duration) -> Repeat {
        match &mut self.state {
            State::Waiting(waiting) => waiting.answer(quarter(waiting.delay), now, &self.plan),
            State::Preparing
            | State::Listening(_)
            | State::FinishedLast { .. }
            | State::Finished => Repeat::Nothing,
        }
    }

    /// How long the timer runs from its latest start on, where one runs that sends something.
    pub(crate) fn wait(&self) -> Option<Duration> {
        match &self.state {
            State::Waiting(waiting) | State::Listening(waiting) => Some(waiting.wait),
            State::Preparing | State::FinishedLast { .. } | State::Finished => None,
        }
    }

    /// When `expired` has something to do.
    pub(crate) fn expires(&self) -> Option<Duration> {
        match &self.state {
            State::Waiting(waiting) | State::Listening(waiting) => Some(waiting.expires),
            State::FinishedLast { until, .. } => Some(*until),
            State::Preparing | State::Finished => None,
        }
    }

    /// When repetitions are answered again; what the timer's intermediate delay tells.
    pub(crate) fn intermediate(&self) -> Option<Duration> {
        match &self.state {
            State::Waiting(waiting) => {
                let damping = waiting.damping(&self.plan, self.belief);
                Some(waiting.sent.unwrap_or_default().saturating_add(damping))
            }
            _ => None,
        }
    }

    /// When the whole handshake is given up.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        match &self.state {
            State::Preparing | State::Waiting(_) | State::Listening(_) => {
                Some(self.began.saturating_add(self.plan.longest_handshake()))
            }
            State::Finished | State::FinishedLast { .. } => None,
        }
    }
}

impl Waiting {
    fn new(now: Duration, plan: &Retransmission) -> Waiting {
        let delay = plan.initial;
        let wait = plan.wait(delay);
        Waiting {
            began: now,
            made: None,
            delay,
            wait,
            expires: now.saturating_add(wait),
            expiries: 0,
            sent: Some(now),
            repeats_answered: 0,
            goes_on: None,
        }
    }

    fn arm(&mut self, now: Duration, plan: &Retransmission) {
        self.wait = plan.wait(self.delay);
        self.expires = now.saturating_add(self.wait);
    }

    fn sent_again(&mut self, now: Duration, plan: &Retransmission) {
        self.sent = Some(now);
        self.arm(now, plan);
    }

    /// For how long after a sending no repetition is answered: a moment, and after so many answers ever longer, up
    /// to the initial delay. No peer that doubles its delays repeats itself faster than that.
    fn damping(&self, plan: &Retransmission, belief: Belief) -> Duration {
        let moment = quarter(self.delay);
        let doublings = match belief {
            Belief::Careful => {
                let next = self.repeats_answered.saturating_add(1);
                next.saturating_sub(ANSWERED_SOON)
            }
            Belief::Literal => 0,
        };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        moment.saturating_mul(factor).min(plan.initial.max(moment))
    }

    fn answer(&mut self, damping: Duration, now: Duration, plan: &Retransmission) -> Repeat {
        if self
            .sent
            .is_some_and(|sent| now < sent.saturating_add(damping))
        {
            return Repeat::Damped;
        }
        self.sent_again(now, plan);
        self.goes_on = None;
        Repeat::Resend
    }
}

fn half(delay: Duration) -> Duration {
    delay.checked_div(2).unwrap_or_default()
}

fn quarter(delay: Duration) -> Duration {
    delay.checked_div(4).unwrap_or_default()
}

#[cfg(test)]
mod tests;
