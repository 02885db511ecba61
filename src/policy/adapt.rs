//! The pace a host sets by what it answers, where nobody gave it a rate.
//!
//! Asked by the frontier before each request, beside the pace that was given, and told of each answer: it can only slow a host
//! down. Two things are learned. A rate of starts (`rate`) from refusals (429, 503): it falls at once to what the host did
//! answer, rises in small steps while nothing is refused and in growing ones when that lasts, and stays as it is while
//! everything is refused (`rate::shut`): then only the pauses grow. A number of requests in flight (`limit`) from timeouts and
//! from answers that take several times as long as they used to. Where a host asks for time with each refusal, that time is
//! what a refusal costs: the dearer, the more carefully the rate rises. Nothing is judged by a handful of answers, and requests
//! that started before the last decrease cannot cause another one. A decrease that does not help is taken back: pages that are
//! broken or slow at any pace do not strangle their host.

mod epoch;
mod judge;
mod latency;
mod learned;
mod limit;
mod rate;
mod trial;

use std::time::{Duration, Instant};

use self::epoch::{Epoch, Past};
use self::learned::Learned;
use self::limit::Limit;
use self::rate::Pacing;

/// An epoch lasts at least as long.
const EPOCH: Duration = Duration::from_secs(1);
/// As many failures that are a quarter of all results end an epoch at once.
const ALARM: u32 = 3;
/// Failures below this share of the results are taken for the host's own, not for a matter of pace.
const TOLERATED: f64 = 0.08;

/// What a result says about the load of its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// It answered.
    Answered,
    /// It answered that this was too much: 429 or 503.
    Refused,
    /// It did not answer in time.
    TimedOut,
    /// Another failure: says nothing about load.
    Unknown,
}

/// The pace a host has now, and what made it so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Starts per second; `None`: as many as are allowed otherwise.
    pub rate: Option<f64>,
    /// Requests in flight; `None`: as many as are allowed otherwise.
    pub in_flight: Option<usize>,
    /// What the host did, for a person.
    pub why: &'static str,
}

/// What one host has taught about its pace. Small, and without a heap of its own until the host gave a reason to slow down.
///
/// ```
/// use std::time::{Duration, Instant};
/// use scrape::policy::adapt::{Adapt, Signal};
/// let now = Instant::now();
/// let mut host = Adapt::new(now);
/// for _ in 0..3 {
///     host.started(now);
///     host.settled(Signal::Refused, Duration::ZERO, 0, now);
/// }
/// assert!(host.rate().is_some() && host.next_at(now) > now);
/// ```
#[derive(Debug)]
pub struct Adapt {
    epoch: Epoch,
    past: Past,
    /// What a tenth of the answers took less than while all was well, in milliseconds; 0: not known yet.
    usual: u32,
    learned: Option<Box<Learned>>,
}

impl Adapt {
    /// A host nothing is known of.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { epoch: Epoch::new(now), past: Past::default(), usual: 0, learned: None }
    }

    /// A host that an earlier run has found to bear `rate` requests per second. What is no rate teaches nothing.
    #[must_use]
    pub fn learned(rate: f64, now: Instant) -> Self {
        let mut host = Self::new(now);
        if rate.is_finite() && rate > 0.0 {
            let learned = host.learn(now, "it was slow in an earlier run");
            learned.pacing = Some(Pacing::remembered(rate, now));
            learned.awaiting = false;
            learned.tell();
        }
        host
    }

    /// A request to it starts.
    pub fn started(&mut self, now: Instant) {
        let rested = self.epoch.wake(now).saturating_sub(self.epoch.held());
        let patience = EPOCH + self.pacing().map_or(Duration::ZERO, |pacing| pacing.gap() * 2);
        if rested > patience {
            self.epoch = Epoch::new(now);
            self.past = Past::default();
            if let Some(learned) = &mut self.learned {
                learned.rested(now);
            }
        }
        if let Some(pacing) = self.learned.as_mut().and_then(|learned| learned.pacing.as_mut()) {
            pacing.start(now, self.epoch.start);
        }
    }

    /// A request to it has ended, `latency` after its start and with `in_flight` others still under way. Says what changed.
    pub fn settled(&mut self, signal: Signal, latency: Duration, in_flight: usize, now: Instant) -> Option<Change> {
        let in_flight = u32::try_from(in_flight).unwrap_or(u32::MAX);
        if signal != Signal::Unknown && self.is_of_this_pace(signal, latency, now) {
            self.epoch.note(signal, latency, in_flight);
            if self.usual == 0 && self.epoch.latencies.count() >= latency::FIRST {
                self.usual = self.epoch.latencies.decile().max(1);
            }
            if let Some(learned) = &mut self.learned {
                learned.note(signal, latency, in_flight, now);
            }
        }
        let change = self.judge(now);
        if in_flight == 0 {
            self.epoch.sleep(now);
        }
        change
    }

    /// With a refusal it asked to be left alone for so much longer: that is what the refusal costs.
    pub fn held(&mut self, wait: Duration) {
        self.epoch.hold(wait);
    }

    /// The earliest instant, `now` or later, at which its rate lets a request start.
    #[must_use]
    pub fn next_at(&self, now: Instant) -> Instant {
        self.pacing().map_or(now, |pacing| pacing.due().max(now))
    }

    /// How many requests it may have in flight; `usize::MAX` while nothing was learned.
    #[must_use]
    pub fn most_in_flight(&self) -> usize {
        self.limit().map_or(usize::MAX, Limit::most)
    }

    /// Starts per second, where it gave a reason to limit them.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        self.pacing().map(Pacing::rate)
    }

    /// The pace that was learned and the last reason; `None` while it has all that is allowed otherwise.
    #[must_use]
    pub fn state(&self) -> Option<Change> {
        self.learned.as_ref().map(|learned| learned.state()).filter(|state| state.rate.is_some() || state.in_flight.is_some())
    }

    /// Whether nothing is worth remembering: it has all that is allowed otherwise.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.state().is_none()
    }

    fn pacing(&self) -> Option<&Pacing> {
        self.learned.as_ref()?.pacing.as_ref()
    }

    fn limit(&self) -> Option<&Limit> {
        self.learned.as_ref()?.limit.as_ref()
    }

    fn patience(&self) -> Duration {
        self.learned.as_ref().map_or(Duration::ZERO, |learned| learned.patience)
    }

    /// Whether a result belongs to a request that started since the last decrease. The first such result begins the epoch.
    fn is_of_this_pace(&mut self, signal: Signal, latency: Duration, now: Instant) -> bool {
        let Some(learned) = &mut self.learned else { return true };
        if now.checked_sub(latency).is_none_or(|start| start < learned.since) {
            if signal == Signal::Answered
                && let Some(pacing) = &mut learned.pacing
            {
                pacing.answered_late();
            }
            return false;
        }
        if learned.awaiting {
            learned.awaiting = false;
            self.epoch = Epoch::new(now);
            // The fence has one post more than panels: counting it, too, would make the goodput of few answers too high.
            return signal != Signal::Answered;
        }
        if signal == Signal::Answered && self.epoch.answered == 0 && self.epoch.refused > 0 {
            // What it refused before the first answer, it refused while it was shut, or was only quicker to refuse than to answer.
            self.epoch = Epoch::new(now);
            learned.crowd = [0; 2];
        }
        true
    }

    /// What is kept of it from now on, and a new epoch's beginning with the first result of the new pace.
    fn learn(&mut self, now: Instant, why: &'static str) -> &mut Learned {
        let learned = self.learned.get_or_insert_with(|| Box::new(Learned::new(now)));
        learned.since = now;
        learned.awaiting = true;
        learned.why = why;
        learned
    }

    fn begin(&mut self, now: Instant) -> Option<Change> {
        self.epoch = Epoch::new(now);
        self.past = Past::default();
        let learned = self.learned.as_mut()?;
        learned.crowd = [0; 2];
        learned.news()
    }
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "some thousands of requests")]
mod tests;
