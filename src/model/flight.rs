//! One request under way: what it waits for at the moment, told by whoever carries it and read by whoever is asked.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a request waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// The address of this host.
    Resolving(Arc<str>),
    /// A connection, TLS included.
    Connecting,
    /// The head of the answer.
    #[default]
    Waiting,
    /// The rest of the answer.
    Body,
    /// Memory for more of the answer: the others have it.
    Memory,
    /// Our own reading of the page: decoding, parsing, extracting.
    Reading,
}

impl Phase {
    /// Whether there is no connection yet.
    #[must_use]
    pub const fn is_dialling(&self) -> bool {
        matches!(self, Self::Resolving(_) | Self::Connecting)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolving(_) => "dns",
            Self::Connecting => "connect",
            Self::Waiting => "head",
            Self::Body => "body",
            Self::Memory => "memory",
            Self::Reading => "parse",
        })
    }
}

/// Where one request stands. Its parts change together and seldom, a few times a request, so one lock that nobody else wants is as
/// cheap as it gets: some ten nanoseconds.
///
/// ```
/// use std::time::{Duration, Instant};
/// use scrape::model::{Flight, Phase};
/// let start = Instant::now();
/// let flight = Flight::new(start);
/// flight.enter(Phase::Body, start + Duration::from_secs(1));
/// flight.received(28_000, start + Duration::from_secs(2));
/// let seen = flight.seen("http://a.example/".to_owned(), 1, start + Duration::from_secs(3));
/// assert_eq!((seen.phase, seen.bytes, seen.rate), (Phase::Body, 28_000, 14_000));
/// ```
#[derive(Debug)]
pub struct Flight(Mutex<State>);

#[derive(Debug)]
struct State {
    began: Instant,
    phase: Phase,
    since: Instant,
    bytes: u64,
    /// When the last bytes of the body came.
    heard: Instant,
    /// How long it waited for us and not for its server.
    for_us: Duration,
    /// When there were how many bytes: since the first of these the rate is measured, and the second will be the next first.
    marks: [(Instant, u64); 2],
}

/// The rate of a body is that of this long, to twice as long: what came before says nothing of what it does now.
const RATE_OVER: Duration = Duration::from_secs(5);

impl Flight {
    /// A request that starts `now`, and has a connection unless it says otherwise.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        let marks = [(now, 0); 2];
        Self(Mutex::new(State {
            began: now,
            phase: Phase::default(),
            since: now,
            bytes: 0,
            heard: now,
            for_us: Duration::ZERO,
            marks,
        }))
    }

    /// From `now` on it waits for something else.
    pub fn enter(&self, phase: Phase, now: Instant) {
        let mut state = self.state();
        if phase == Phase::Body {
            (state.heard, state.marks) = (now, [(now, state.bytes); 2]);
        }
        (state.phase, state.since) = (phase, now);
    }

    /// The same, unless it has got further than to a connection already.
    pub fn enter_if_dialling(&self, phase: Phase, now: Instant) {
        if self.state().phase.is_dialling() {
            self.enter(phase, now);
        }
    }

    /// So many more bytes of the body have come.
    pub fn received(&self, bytes: usize, now: Instant) {
        let mut state = self.state();
        state.bytes += bytes as u64;
        state.heard = now;
        let [_, newer] = state.marks;
        if now.saturating_duration_since(newer.0) >= RATE_OVER {
            state.marks = [newer, (now, state.bytes)];
        }
    }

    /// So long it waited for us, and not for its server.
    pub fn waited_for_us(&self, time: Duration) {
        self.state().for_us += time;
    }

    /// How long it waited for us so far.
    #[must_use]
    pub fn for_us(&self) -> Duration {
        self.state().for_us
    }

    /// What there is to see of it `now`.
    #[must_use]
    pub fn seen(&self, url: String, attempt: u32, now: Instant) -> Flying {
        let state = self.state();
        let [(since, before), _] = state.marks;
        let millis = now.saturating_duration_since(since).as_millis().max(1);
        let rate = u128::from(state.bytes - before) * 1000 / millis;
        Flying {
            url,
            attempt,
            phase: state.phase.clone(),
            phase_for: now.saturating_duration_since(state.since),
            flying_for: now.saturating_duration_since(state.began),
            bytes: state.bytes,
            rate: u64::try_from(rate).unwrap_or(u64::MAX),
            silent_for: now.saturating_duration_since(state.heard),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is behind it is whole between any two calls.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What there is to see of a request under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flying {
    /// Its URL, without secrets.
    pub url: String,
    /// The attempt that it belongs to: 1 for the first.
    pub attempt: u32,
    /// What it waits for.
    pub phase: Phase,
    /// Since when it waits for that.
    pub phase_for: Duration,
    /// Since when it is under way.
    pub flying_for: Duration,
    /// Bytes of the body so far, as received.
    pub bytes: u64,
    /// Of the body, in bytes a second, over the last five to ten seconds.
    pub rate: u64,
    /// How long nothing more of the body has come.
    pub silent_for: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let flight = Flight::new(start);
        flight.enter(Phase::Body, start);
        flight.received(1_000_000, at(1));
        let rate = |seconds| flight.seen(String::new(), 1, at(seconds)).rate;
        assert_eq!((rate(1), rate(2)), (1_000_000, 500_000));
        for second in 2..=20 {
            flight.received(100, at(second));
        }
        assert_eq!(rate(20), 100, "the quick beginning is forgotten");
        let seen = flight.seen(String::new(), 1, at(30));
        assert_eq!((seen.silent_for, seen.bytes), (Duration::from_secs(10), 1_001_900));
        assert!(seen.rate < 100);
    }

    #[test]
    fn a_phase_has_its_own_beginning() {
        let start = Instant::now();
        let flight = Flight::new(start);
        flight.enter(Phase::Connecting, start + Duration::from_secs(2));
        flight.enter_if_dialling(Phase::Waiting, start + Duration::from_secs(3));
        flight.enter_if_dialling(Phase::Connecting, start + Duration::from_secs(9));
        let seen = flight.seen(String::new(), 3, start + Duration::from_secs(7));
        assert_eq!((seen.phase, seen.attempt), (Phase::Waiting, 3));
        assert_eq!((seen.phase_for, seen.flying_for), (Duration::from_secs(4), Duration::from_secs(7)));
    }
}
