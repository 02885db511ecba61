//! What is counted of a host, for a second or a few: by this it is judged.

use std::time::{Duration, Instant};

use super::Signal;
use super::latency::{ENOUGH, Latencies};

/// What has been counted since an instant.
#[derive(Debug)]
pub(super) struct Epoch {
    pub(super) start: Instant,
    pub(super) answered: u32,
    pub(super) refused: u32,
    pub(super) timed_out: u32,
    /// Most requests in flight.
    pub(super) peak: u32,
    /// Time that the answered requests took, summed up, in milliseconds.
    pub(super) busy: u32,
    /// Milliseconds from the start until nothing was in flight any more; `BUSY`: something is.
    idle_from: u32,
    pub(super) latencies: Latencies,
    /// For how long it asked to be left alone when it refused, in milliseconds.
    held: u32,
}

/// As many results more without a failure are thought of where few tell too much.
const DOUBT: f64 = 3.0;
/// Something is in flight.
const BUSY: u32 = u32::MAX;

/// The epochs since the last decrease, the older ones weighing half as much again and again.
#[derive(Debug, Default)]
pub(super) struct Past {
    pub(super) answered: u32,
    /// Refused or timed out.
    failed: u32,
    pub(super) millis: u32,
}

impl Epoch {
    /// One that begins.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            start: now,
            answered: 0,
            refused: 0,
            timed_out: 0,
            peak: 0,
            busy: 0,
            idle_from: BUSY,
            latencies: Latencies::default(),
            held: 0,
        }
    }

    /// The next one begins; latencies too few to tell are kept.
    pub(super) fn next(&mut self, now: Instant) {
        let latencies = std::mem::take(&mut self.latencies);
        *self = Self::new(now);
        if latencies.count() < ENOUGH {
            self.latencies = latencies;
        }
    }

    /// Counts a result.
    pub(super) fn note(&mut self, signal: Signal, latency: Duration, in_flight: u32) {
        self.peak = self.peak.max(in_flight.saturating_add(1));
        let count = match signal {
            Signal::Answered => &mut self.answered,
            Signal::Refused => &mut self.refused,
            Signal::TimedOut => &mut self.timed_out,
            Signal::Unknown => return,
        };
        *count = count.saturating_add(1);
        if signal == Signal::Answered {
            let millis = millis(latency);
            self.busy = self.busy.saturating_add(millis);
            self.latencies.note(millis);
        }
    }

    /// Nothing is in flight any more.
    pub(super) fn sleep(&mut self, now: Instant) {
        self.idle_from = millis(now.saturating_duration_since(self.start)).min(BUSY - 1);
    }

    /// The time since its start.
    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.start)
    }

    /// How many requests have told something.
    pub(super) fn results(&self) -> u32 {
        self.answered.saturating_add(self.refused).saturating_add(self.timed_out)
    }

    /// With a refusal it asked to be left alone for so much longer.
    pub(super) fn hold(&mut self, wait: Duration) {
        self.held = self.held.saturating_add(millis(wait));
    }

    /// For how long it asked to be left alone when it refused.
    pub(super) fn held(&self) -> Duration {
        Duration::from_millis(self.held.into())
    }

    /// Whether that was more than a share of the time, and is over.
    pub(super) fn has_cost(&self, share: f64, now: Instant) -> bool {
        let (held, elapsed) = (self.held(), self.elapsed(now));
        elapsed >= held && held.as_secs_f64() > share * elapsed.as_secs_f64()
    }

    /// The share of so many failures in all results.
    pub(super) fn share(&self, failures: u32) -> f64 {
        f64::from(failures) / f64::from(self.results().max(1))
    }

    /// A request starts: says how long nothing had been in flight.
    pub(super) fn wake(&mut self, now: Instant) -> Duration {
        let elapsed = now.saturating_duration_since(self.start);
        let idle_from = std::mem::replace(&mut self.idle_from, BUSY);
        if idle_from == BUSY { Duration::ZERO } else { elapsed.saturating_sub(Duration::from_millis(idle_from.into())) }
    }
}

impl Past {
    /// The share of failures in all that has been counted.
    pub(super) fn share(&self, epoch: &Epoch) -> f64 {
        let failed = self.failed.saturating_add(epoch.refused).saturating_add(epoch.timed_out);
        f64::from(failed) / f64::from(failed.saturating_add(self.answered).saturating_add(epoch.answered).max(1))
    }

    /// The same, and less where it is of few results.
    pub(super) fn sure_share(&self, epoch: &Epoch) -> f64 {
        let results = epoch.results().saturating_add(self.failed).saturating_add(self.answered);
        self.share(epoch) * f64::from(results) / (f64::from(results) + DOUBT)
    }

    /// Adds an epoch; what already is longer than `longest` is halved before.
    pub(super) fn add(&mut self, epoch: &Epoch, longest: Duration, now: Instant) {
        if self.millis > millis(longest) {
            self.answered /= 2;
            self.failed /= 2;
            self.millis /= 2;
        }
        self.answered = self.answered.saturating_add(epoch.answered);
        self.failed = self.failed.saturating_add(epoch.refused).saturating_add(epoch.timed_out);
        self.millis = self.millis.saturating_add(millis(epoch.elapsed(now)));
    }
}

/// Whole milliseconds, as many as fit.
pub(super) fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
