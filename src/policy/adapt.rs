//! The pace a host sets by what it answers, where nobody gave it a rate.
//!
//! Asked by the frontier before each request, beside the pace that was given, and told of each answer: it can only slow a
//! host down. Two things are learned. A rate of starts ([`rate`]) from refusals (429, 503): it falls at once to what the host did
//! answer, rises in small steps while nothing is refused and in growing ones when that lasts. A number of requests in flight
//! ([`limit`]) from timeouts and from answers that take several times as long as they used to. Nothing is judged by a handful of
//! answers, and requests that started before the last decrease cannot cause another one. A decrease that does not help is taken
//! back: pages that are broken or slow at any pace do not strangle their host.

mod epoch;
mod latency;
mod learned;
mod limit;
mod rate;
mod trial;

use std::time::{Duration, Instant};

use self::epoch::{Epoch, Past, millis};
use self::learned::Learned;
use self::limit::{Limit, Trouble};
use self::rate::{Fall, Pacing};

/// An epoch lasts at least as long.
const EPOCH: Duration = Duration::from_secs(1);
/// An epoch has at least as many results, fewer while a rate is still being searched for.
const RESULTS: u32 = 10;
const RESULTS_IN_SEARCH: u32 = 3;
/// An epoch in which something went wrong has at least as many: by fewer nothing is told about shares of a tenth.
const RESULTS_IN_DOUBT: u32 = 40;
/// As many failures that are a quarter of all results end an epoch at once.
const ALARM: u32 = 3;
/// Failures below this share of the results are taken for the host's own, not for a matter of pace.
const TOLERATED: f64 = 0.08;

/// How long a past is kept whole while nothing was learned.
const LONG: Duration = Duration::from_secs(20);

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
        let rested = self.epoch.wake(now);
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

    /// Ends the epoch where it has seen enough.
    fn judge(&mut self, now: Instant) -> Option<Change> {
        let epoch = &self.epoch;
        let (refusals, timeouts) =
            self.learned.as_ref().map_or((TOLERATED, TOLERATED), |learned| (learned.refusals, learned.timeouts));
        let is_alarm = |failures: u32, tolerated: f64| {
            let enough = if tolerated > TOLERATED { 3 * ALARM } else { ALARM.max(epoch.peak / 2) };
            failures >= enough && epoch.share(failures) >= (1.5 * tolerated).clamp(0.25, 0.9)
        };
        let pacing = self.pacing();
        let usual = Duration::from_millis(self.usual.into());
        if is_alarm(epoch.refused, refusals) && pacing.is_none_or(|pacing| pacing.may_fall(usual, now)) {
            return self.refused(now);
        }
        match self.limit() {
            Some(limit) if limit.is_in_trouble(timeouts, self.patience(), now) => return self.timed_out(now),
            None if is_alarm(epoch.timed_out, timeouts) && self.past.share(epoch) > timeouts => return self.timed_out(now),
            _ => {}
        }
        let results = epoch.results();
        let is_clean = (epoch.refused == 0 || refusals > TOLERATED) && (epoch.timed_out == 0 || timeouts > TOLERATED);
        let enough = match (pacing.is_some_and(Pacing::is_searching), is_clean) {
            (true, true) => RESULTS_IN_SEARCH,
            (true, false) | (false, true) => RESULTS,
            (false, false) => RESULTS_IN_DOUBT,
        };
        if results < enough || epoch.elapsed(now) < EPOCH {
            return None;
        }
        if epoch.refused > 1 && epoch.share(epoch.refused) > refusals {
            return self.refused(now);
        }
        if self.limit().is_none() && epoch.timed_out > 1 && epoch.share(epoch.timed_out) > timeouts {
            return self.timed_out(now);
        }
        if epoch.latencies.count() >= latency::ENOUGH {
            let decile = epoch.latencies.decile();
            if latency::has_grown(self.usual, decile) {
                return self.slowed(decile, now);
            }
            self.usual -= self.usual.saturating_sub(decile) / 4;
        }
        self.bore_it(now)
    }

    /// Too much was refused: fewer starts per second, and no more in flight than were when others were refused.
    fn refused(&mut self, now: Instant) -> Option<Change> {
        let (epoch, past) = (&self.epoch, &self.past);
        let elapsed = epoch.elapsed(now);
        let secs = elapsed.as_secs_f64() + f64::from(past.millis) / 1000.0;
        let answered_before = past.answered.saturating_add(epoch.answered);
        let (answered, refused, peak) = (epoch.answered, epoch.refused, epoch.peak);
        // Just after a change of pace, refusals are back before answers: then it says nothing who else was in flight.
        let is_steady = u64::from(millis(elapsed)) * u64::from(answered) >= 4 * u64::from(epoch.busy);
        let fall = Fall { answered, share: past.share(epoch), is_crowded: false };
        let learned = self.learn(now, "429/503");
        let crowding = learned.crowding(answered, refused).filter(|_| is_steady);
        let crowding = crowding.or_else(|| learned.limit.as_ref().and_then(Limit::before_rise));
        match &mut learned.pacing {
            None => learned.pacing = Some(Pacing::first(answered_before, secs, now)),
            Some(pacing) => {
                pacing.ended(answered, refused);
                if let Some(share) = pacing.was_in_vain() {
                    learned.refusals = 2.0 * share;
                    learned.why = "429/503 at any pace";
                } else {
                    pacing.fall(&Fall { is_crowded: crowding.is_some(), ..fall }, now);
                    if let Some(most) = crowding {
                        Limit::cut(&mut learned.limit, most, peak);
                    }
                }
            }
        }
        self.begin(now)
    }

    /// Too much timed out: no more in flight than those that were answered.
    fn timed_out(&mut self, now: Instant) -> Option<Change> {
        let (epoch, past) = (&self.epoch, &self.past);
        let elapsed = millis(epoch.elapsed(now));
        let (peak, productive) = (epoch.peak, epoch.busy / elapsed.max(1));
        let secs = f64::from(past.millis.saturating_add(elapsed)) / 1000.0;
        let goodput = f64::from(past.answered.saturating_add(epoch.answered)) / secs.max(1.0);
        let here = Trouble { why: "timeouts", size: past.share(epoch), goodput };
        let learned = self.learn(now, "timeouts");
        let trouble = learned.limit.as_ref().and_then(|limit| limit.timeouts(now)).unwrap_or(here);
        let share = trouble.size;
        if Limit::fall(&mut learned.limit, productive, peak, trouble) {
            learned.timeouts = 2.0 * share;
            learned.why = "timeouts at any pace";
        }
        self.begin(now)
    }

    /// It answers, but in several times the usual time: as many in flight as it would answer in twice that.
    fn slowed(&mut self, decile: u32, now: Instant) -> Option<Change> {
        let epoch = &self.epoch;
        let elapsed = epoch.elapsed(now);
        let goodput = f64::from(epoch.answered) / elapsed.as_secs_f64();
        let (peak, usual) = (epoch.peak, self.usual);
        let learned = self.learn(now, "slow answers");
        let current = learned.limit.as_ref().map_or(peak, |limit| limit.current(peak));
        let fitting = u64::from(current) * 2 * u64::from(usual) / u64::from(decile.max(1));
        let fitting = u32::try_from(fitting).unwrap_or(u32::MAX);
        let trouble = Trouble { why: "slow answers", size: decile.into(), goodput };
        if Limit::fall(&mut learned.limit, fitting, peak, trouble) {
            learned.why = "slow answers at any pace";
            self.usual = decile;
        }
        self.begin(now)
    }

    /// An epoch without trouble: what was learned is loosened a little.
    fn bore_it(&mut self, now: Instant) -> Option<Change> {
        let epoch = &self.epoch;
        let secs = epoch.elapsed(now).as_secs_f64();
        if let Some(learned) = &mut self.learned {
            // One is loosened at a time: what binds.
            let mut is_free = true;
            if let Some(pacing) = &mut learned.pacing {
                pacing.measure(epoch.answered, now);
                pacing.ended(epoch.answered, epoch.refused);
                is_free = !pacing.is_binding(secs);
                // Refusals that any pace has are nothing to wait for.
                let is_clean = epoch.refused == 0 || learned.refusals > TOLERATED;
                if !pacing.rise(epoch.results(), is_clean, !is_free) {
                    learned.pacing = None;
                }
            }
            if epoch.refused == 0
                && epoch.timed_out == 0
                && let Some(limit) = &mut learned.limit
                && !limit.rise(epoch.peak, is_free, learned.patience, now)
            {
                learned.limit = None;
            }
            learned.crowd = [0; 2];
        }
        self.past.add(epoch, if self.learned.is_some() { Duration::ZERO } else { LONG }, now);
        self.epoch.next(now);
        self.learned.as_mut()?.news()
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
