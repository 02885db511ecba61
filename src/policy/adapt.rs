//! The pace a host sets by what it answers, where nobody gave it a rate.
//!
//! Asked by the frontier before each request, beside the pace that was given, and told of each answer: it can only slow a
//! host down. Two things are learned. A rate of starts ([`rate`]) from refusals (429, 503): it falls at once to what the host did
//! answer, rises in small steps while nothing is refused and in growing ones when that lasts. A number of requests in flight
//! ([`limit`]) from timeouts and from answers that take several times as long as they used to. Nothing is judged by a handful of
//! answers, and requests that started before the last decrease cannot cause another one. A decrease that does not help is taken
//! back: pages that are broken or slow at any pace do not strangle their host.

mod latency;
mod limit;
mod rate;

use std::time::{Duration, Instant};

use self::latency::Latencies;
use self::limit::Limit;
use self::rate::{Fall, Pacing};

/// An epoch lasts at least as long.
const EPOCH: Duration = Duration::from_secs(1);
/// An epoch has at least as many results, fewer while a rate is still being searched for.
const RESULTS: u32 = 10;
const RESULTS_IN_SEARCH: u32 = 3;
/// An epoch in which something went wrong has at least as many: so many can tell a twentieth from a tenth.
const RESULTS_IN_DOUBT: u32 = 40;
/// As many failures that are a quarter of all results end an epoch at once.
const ALARM: u32 = 3;
/// Failures below this share of the results are taken for the host's own, not for a matter of pace.
const TOLERATED: f64 = 0.05;

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
    /// What a quarter of the answers took less than while all was well, in milliseconds; 0: not known yet.
    usual: u32,
    learned: Option<Box<Learned>>,
}

/// What has been counted since an instant.
#[derive(Debug)]
struct Epoch {
    start: Instant,
    answered: u32,
    refused: u32,
    timed_out: u32,
    /// Most requests in flight.
    peak: u32,
    /// Time that the answered requests took, summed up, in milliseconds.
    busy: u32,
    /// Milliseconds from the start until nothing was in flight any more; `BUSY`: something is.
    idle_from: u32,
    latencies: Latencies,
}

/// How long a past is kept whole while nothing was learned, in milliseconds.
const LONG: u32 = 20_000;
const BUSY: u32 = u32::MAX;

/// The epochs since the last decrease, the older ones weighing half as much again and again.
#[derive(Debug, Default)]
struct Past {
    answered: u32,
    refused: u32,
    millis: u32,
}

/// What is kept of a host that gave a reason to slow down.
#[derive(Debug)]
struct Learned {
    /// The last decrease: what started before says nothing about the pace since.
    since: Instant,
    /// No result of a request that started since then has come yet.
    awaiting: bool,
    pacing: Option<Pacing>,
    limit: Option<Limit>,
    /// Requests in flight beside those that were refused, and those that were answered, in this epoch, summed up.
    crowd: [u32; 2],
    /// The longest that a request took to time out: sooner a rise of the limit cannot show its effect.
    patience: Duration,
    /// The share of refusals, and of timeouts, that slower requests did not make smaller.
    refusals: f64,
    timeouts: f64,
    /// The rate that was last reported.
    told: f64,
    why: &'static str,
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
            learned.told = rate;
            learned.awaiting = false;
        }
        host
    }

    /// A request to it starts.
    pub fn started(&mut self, now: Instant) {
        let rested = self.epoch.rested(now);
        self.epoch.idle_from = BUSY;
        let patience = EPOCH + self.pacing().map_or(Duration::ZERO, |pacing| pacing.gap() * 2);
        if rested.is_some_and(|rested| rested > patience) {
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
                self.usual = self.epoch.latencies.quartile().max(1);
            }
            if let Some(learned) = &mut self.learned {
                learned.note(signal, latency, in_flight, now);
            }
        }
        let change = self.judge(now);
        if in_flight == 0 {
            self.epoch.idle_from = millis(now.saturating_duration_since(self.epoch.start)).min(BUSY - 1);
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
        let results = epoch.results();
        let is_alarm = |failures: u32| failures >= ALARM && failures >= results.div_ceil(4);
        let pacing = self.pacing();
        if is_alarm(epoch.refused) && pacing.is_none_or(|pacing| pacing.may_fall(Duration::from_millis(self.usual.into()), now)) {
            return self.refused(now);
        }
        if is_alarm(epoch.timed_out) {
            return self.timed_out(now);
        }
        let is_clean = epoch.refused == 0 && epoch.timed_out == 0;
        let enough = match (pacing.is_some_and(Pacing::is_searching), is_clean) {
            (true, true) => RESULTS_IN_SEARCH,
            (true, false) | (false, true) => RESULTS,
            (false, false) => RESULTS_IN_DOUBT,
        };
        if results < enough || now.saturating_duration_since(epoch.start) < EPOCH {
            return None;
        }
        let (refusals, timeouts) =
            self.learned.as_ref().map_or((TOLERATED, TOLERATED), |learned| (learned.refusals, learned.timeouts));
        if epoch.refused > 1 && epoch.share(epoch.refused) > refusals {
            return self.refused(now);
        }
        if epoch.timed_out > 1 && epoch.share(epoch.timed_out) > timeouts {
            return self.timed_out(now);
        }
        if epoch.latencies.count() >= latency::ENOUGH {
            let quartile = epoch.latencies.quartile();
            if latency::has_grown(self.usual, quartile) {
                return self.slowed(quartile, now);
            }
            self.usual -= self.usual.saturating_sub(quartile) / 4;
        }
        self.bore_it(now)
    }

    /// Too much was refused: fewer starts per second, and no more in flight than were when others were refused.
    fn refused(&mut self, now: Instant) -> Option<Change> {
        let (epoch, past) = (&self.epoch, &self.past);
        let elapsed = now.saturating_duration_since(epoch.start);
        let secs = elapsed.as_secs_f64() + f64::from(past.millis) / 1000.0;
        let answered_before = past.answered.saturating_add(epoch.answered);
        let refused_before = past.refused.saturating_add(epoch.refused);
        let (answered, refused, peak) = (epoch.answered, epoch.refused, epoch.peak);
        // Just after a change of pace, refusals are back before answers: then it says nothing who else was in flight.
        let is_steady = u64::from(millis(elapsed)) * u64::from(answered) >= 4 * u64::from(epoch.busy);
        let fall = Fall {
            answered,
            own_share: epoch.share(refused),
            share: f64::from(refused_before) / f64::from(answered_before.saturating_add(refused_before).max(1)),
            is_crowded: false,
        };
        let learned = self.learn(now, "429/503");
        let crowding = learned.crowding(answered, refused).filter(|_| is_steady);
        let crowding = crowding.or_else(|| learned.limit.as_ref().and_then(Limit::before_rise));
        match &mut learned.pacing {
            None => learned.pacing = Some(Pacing::first(answered_before, secs, now)),
            Some(pacing) => {
                if pacing.was_in_vain(fall.own_share) {
                    learned.refusals = 1.5 * fall.own_share;
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
        let epoch = &self.epoch;
        let elapsed = now.saturating_duration_since(epoch.start);
        let (peak, share) = (epoch.peak, epoch.share(epoch.timed_out));
        let goodput = f64::from(epoch.answered) / elapsed.as_secs_f64().max(1e-3);
        let productive = epoch.busy / millis(elapsed).max(1);
        let learned = self.learn(now, "timeouts");
        if Limit::fall(&mut learned.limit, productive, peak, share, goodput) {
            learned.timeouts = 1.5 * share;
            learned.why = "timeouts at any pace";
        }
        self.begin(now)
    }

    /// It answers, but in several times the usual time: as many in flight as it would answer in twice that.
    fn slowed(&mut self, quartile: u32, now: Instant) -> Option<Change> {
        let epoch = &self.epoch;
        let elapsed = now.saturating_duration_since(epoch.start);
        let goodput = f64::from(epoch.answered) / elapsed.as_secs_f64();
        let (peak, usual) = (epoch.peak, self.usual);
        let learned = self.learn(now, "slow answers");
        let current = learned.limit.as_ref().map_or(peak, |limit| limit.current(peak));
        let fitting = u64::from(current) * 2 * u64::from(usual) / u64::from(quartile.max(1));
        let fitting = u32::try_from(fitting).unwrap_or(u32::MAX);
        if Limit::fall(&mut learned.limit, fitting, peak, f64::from(quartile), goodput) {
            learned.why = "slow answers at any pace";
            self.usual = quartile;
        }
        self.begin(now)
    }

    /// An epoch without trouble: what was learned is loosened a little.
    fn bore_it(&mut self, now: Instant) -> Option<Change> {
        let epoch = &self.epoch;
        let secs = now.saturating_duration_since(epoch.start).as_secs_f64();
        if let Some(learned) = &mut self.learned {
            // One is loosened at a time: what binds.
            let mut is_free = true;
            if let Some(pacing) = &mut learned.pacing {
                pacing.measure(epoch.answered, now);
                is_free = !pacing.is_binding(secs);
                if !pacing.rise(epoch.results(), epoch.refused, !is_free) {
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
        self.past.add(epoch, if self.learned.is_some() { 0 } else { LONG }, now);
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
        learned.told = learned.pacing.as_ref().map_or(f64::INFINITY, Pacing::rate);
        Some(learned.state())
    }
}

impl Learned {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            awaiting: true,
            pacing: None,
            limit: None,
            crowd: [0; 2],
            patience: Duration::ZERO,
            refusals: TOLERATED,
            timeouts: TOLERATED,
            told: f64::INFINITY,
            why: "",
        }
    }

    fn note(&mut self, signal: Signal, latency: Duration, in_flight: u32, now: Instant) {
        match signal {
            Signal::Refused => self.crowd[0] = self.crowd[0].saturating_add(in_flight),
            Signal::TimedOut => self.patience = self.patience.max(latency),
            Signal::Answered => {
                self.crowd[1] = self.crowd[1].saturating_add(in_flight);
                if let Some(pacing) = &mut self.pacing {
                    pacing.answered(now);
                }
            }
            Signal::Unknown => {}
        }
    }

    /// How many others were in flight when a request was refused, if that was more than when one was answered.
    fn crowding(&self, answered: u32, refused: u32) -> Option<u32> {
        let [among_refused, among_answered] = [(self.crowd[0], refused), (self.crowd[1], answered)]
            .map(|(crowd, count)| f64::from(crowd) / f64::from(count.max(1)));
        (answered > 0 && refused >= ALARM && among_refused > 1.2 * among_answered + 0.3)
            .then(|| self.crowd[0].div_ceil(refused.max(1)))
    }

    /// Nothing was asked of it for a while.
    fn rested(&mut self, now: Instant) {
        self.crowd = [0; 2];
        if let Some(pacing) = &mut self.pacing {
            pacing.rested(now);
        }
    }

    fn state(&self) -> Change {
        Change { rate: self.pacing.as_ref().map(Pacing::rate), in_flight: self.limit.as_ref().map(Limit::most), why: self.why }
    }

    /// A rise that is worth a line: by half since the last one, or out of sight.
    fn news(&mut self) -> Option<Change> {
        let rate = self.pacing.as_ref().map_or(f64::INFINITY, Pacing::rate);
        let is_news = rate >= 1.5 * self.told && self.told.is_finite();
        is_news.then(|| {
            self.told = rate;
            Change { why: "it bears more", ..self.state() }
        })
    }
}

impl Epoch {
    fn new(now: Instant) -> Self {
        Self {
            start: now,
            answered: 0,
            refused: 0,
            timed_out: 0,
            peak: 0,
            busy: 0,
            idle_from: BUSY,
            latencies: Latencies::default(),
        }
    }

    /// The next one begins; latencies too few to tell are kept.
    fn next(&mut self, now: Instant) {
        let latencies = std::mem::take(&mut self.latencies);
        *self = Self::new(now);
        if latencies.count() < latency::ENOUGH {
            self.latencies = latencies;
        }
    }

    fn note(&mut self, signal: Signal, latency: Duration, in_flight: u32) {
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

    fn results(&self) -> u32 {
        self.answered.saturating_add(self.refused).saturating_add(self.timed_out)
    }

    fn share(&self, failures: u32) -> f64 {
        f64::from(failures) / f64::from(self.results().max(1))
    }

    /// How long nothing has been in flight.
    fn rested(&self, now: Instant) -> Option<Duration> {
        let elapsed = now.saturating_duration_since(self.start);
        (self.idle_from != BUSY).then(|| elapsed.saturating_sub(Duration::from_millis(self.idle_from.into())))
    }
}

impl Past {
    /// Adds an epoch; what lasted longer than so many milliseconds is halved before.
    fn add(&mut self, epoch: &Epoch, longest: u32, now: Instant) {
        if self.millis > longest {
            self.answered /= 2;
            self.refused /= 2;
            self.millis /= 2;
        }
        self.answered = self.answered.saturating_add(epoch.answered);
        self.refused = self.refused.saturating_add(epoch.refused);
        self.millis = self.millis.saturating_add(millis(now.saturating_duration_since(epoch.start)));
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
