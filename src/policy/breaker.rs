//! When a host that cannot be reached is left alone, probed, and given up: a circuit breaker.
//!
//! Closed, every request may go. After [`FAILURES`] attempts in a row that failed to connect or timed out it opens: nothing goes until
//! a pause has passed, then one request does, as a probe. If that reaches the host the circuit closes; if not, the next pause is twice
//! as long; after as many probes as the settings allow the host is given up for a while.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use crate::model::{ErrorKind, Failure};

/// So many attempts in a row must fail to reach the host.
pub const FAILURES: u32 = 10;

/// The first pause, in backoffs: longer than a hiccup that a retry gets over.
const FIRST_PAUSE: u32 = 5;

/// And not shorter than this, nor any pause longer than that.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// A host stays given up for this long, so that a run of days meets it again.
const GIVEN_UP_FOR: Duration = Duration::from_mins(10);

/// The circuit of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// So many attempts in a row failed.
    Closed { failures: u32 },
    /// Nothing goes before this instant; so many probes failed.
    Open { until: Instant, probes: u32 },
    /// A probe is on its way.
    Probing { probes: u32 },
    /// Nothing goes; forgotten at this instant.
    GivenUp { until: Instant },
}

/// What changed with a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It opened, or a probe failed: nothing goes for this long.
    Opened(Duration),
    /// The host was reached again.
    Closed,
    /// The last probe failed.
    GivenUp,
}

/// Who may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Everybody.
    Open,
    /// One request, from this instant on.
    ProbeAt(Instant),
    /// Nobody until the probe is back.
    Probing,
    /// Nobody.
    GivenUp,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: State::Closed { failures: 0 } }
    }
}

impl Breaker {
    /// Who may go at `now`.
    #[must_use]
    pub fn way(&self, now: Instant) -> Way {
        match self.state {
            State::Open { until, .. } => Way::ProbeAt(until),
            State::Probing { .. } => Way::Probing,
            State::GivenUp { until } if until > now => Way::GivenUp,
            State::Closed { .. } | State::GivenUp { .. } => Way::Open,
        }
    }

    /// When nothing of it matters any more, `now` at the earliest.
    #[must_use]
    pub fn forgotten_at(&self, now: Instant) -> Instant {
        match self.state {
            State::GivenUp { until } | State::Open { until, .. } => until.max(now),
            State::Closed { .. } | State::Probing { .. } => now,
        }
    }

    /// A request starts; answers whether it is a probe.
    pub fn start(&mut self, now: Instant) -> bool {
        match self.state {
            State::Open { probes, .. } => {
                self.state = State::Probing { probes };
                true
            }
            State::GivenUp { until } if until <= now => {
                *self = Self::default();
                false
            }
            _ => false,
        }
    }

    /// A request came back without having tried the host: a probe is still owed.
    pub fn untried(&mut self, was_probe: bool, now: Instant) {
        if let (true, State::Probing { probes }) = (was_probe, self.state) {
            self.state = State::Open { until: now, probes };
        }
    }

    /// The host answered, whatever it said.
    pub fn reached(&mut self) -> Option<Turn> {
        let was_closed = matches!(self.state, State::Closed { .. });
        self.state = State::Closed { failures: 0 };
        (!was_closed).then_some(Turn::Closed)
    }

    /// An attempt failed to reach the host. `backoff` is the first wait of a retry.
    pub fn missed(&mut self, was_probe: bool, give_up: NonZeroU32, backoff: Duration, now: Instant) -> Option<Turn> {
        let probes = match self.state {
            State::Closed { failures } if failures + 1 < FAILURES => {
                self.state = State::Closed { failures: failures + 1 };
                return None;
            }
            State::Closed { .. } => 0,
            State::Probing { probes } if was_probe => probes + 1,
            // What was on its way when the circuit opened says nothing new.
            _ => return None,
        };
        if probes >= give_up.get() {
            self.state = State::GivenUp { until: now + GIVEN_UP_FOR };
            return Some(Turn::GivenUp);
        }
        let first = backoff.saturating_mul(FIRST_PAUSE).max(SHORTEST_PAUSE);
        let pause = first.saturating_mul(2_u32.saturating_pow(probes)).min(LONGEST_PAUSE);
        self.state = State::Open { until: now + pause, probes };
        Some(Turn::Opened(pause))
    }
}

/// Whether a failure means that the host was not reached, or did not finish in time: one whose pages never end is no better than one
/// that is silent. A name that does not exist is no outage.
#[must_use]
pub fn is_miss(failure: &Failure) -> bool {
    let is_miss = matches!(failure.kind, ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Dns);
    is_miss && !failure.permanent
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn miss(breaker: &mut Breaker, was_probe: bool, now: Instant) -> Option<Turn> {
        breaker.missed(was_probe, NonZeroU32::new(3).unwrap(), SECOND, now)
    }

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        let turns: Vec<_> = (0..FAILURES).filter_map(|_| miss(&mut breaker, false, now)).collect();
        assert_eq!(turns, [Turn::Opened(5 * SECOND)]);
        breaker
    }

    #[test]
    fn ten_misses_in_a_row_open_it_and_an_answer_in_between_does_not_let_it() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            (1..FAILURES).for_each(|_| assert_eq!(miss(&mut breaker, false, now), None));
            assert_eq!((breaker.reached(), breaker.way(now)), (None, Way::Open));
        }
        assert_eq!(opened(now).way(now), Way::ProbeAt(now + 5 * SECOND));
    }

    #[test]
    fn one_probe_goes_and_its_answer_closes_it() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert!(breaker.start(now + 5 * SECOND));
        assert_eq!(breaker.way(now), Way::Probing);
        assert!(!breaker.start(now), "one at a time");
        assert_eq!((breaker.reached(), breaker.way(now)), (Some(Turn::Closed), Way::Open));
    }

    #[test]
    fn pauses_double_and_after_the_last_probe_the_host_is_given_up_for_a_while() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let probe = |breaker: &mut Breaker| {
            assert!(breaker.start(now));
            miss(breaker, true, now)
        };
        assert_eq!(probe(&mut breaker), Some(Turn::Opened(10 * SECOND)));
        assert_eq!(probe(&mut breaker), Some(Turn::Opened(20 * SECOND)));
        assert_eq!(probe(&mut breaker), Some(Turn::GivenUp));
        assert_eq!(breaker.way(now), Way::GivenUp);
        let later = breaker.forgotten_at(now);
        assert_eq!(breaker.way(later), Way::Open);
        assert!(!breaker.start(later));
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn what_was_on_its_way_when_it_opened_counts_for_nothing() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let before = breaker;
        assert_eq!((miss(&mut breaker, false, now), breaker), (None, before));
        assert!(breaker.start(now));
        assert_eq!((miss(&mut breaker, false, now), breaker.way(now)), (None, Way::Probing));
        breaker.untried(true, now);
        assert_eq!(breaker.way(now), Way::ProbeAt(now), "a probe that found no descriptor is owed");
    }

    #[test]
    fn no_pause_overflows() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..1000 {
            let was_probe = breaker.start(now);
            let backoff = if was_probe { Duration::MAX } else { Duration::ZERO };
            let turn = breaker.missed(was_probe, NonZeroU32::MAX, backoff, now);
            assert!(matches!(turn, None | Some(Turn::Opened(SHORTEST_PAUSE | LONGEST_PAUSE))), "{turn:?}");
        }
    }
}
