//! How many requests may start per second, learned from refusals.

mod fall;
mod shut;

use std::time::{Duration, Instant};

pub(super) use self::fall::Fall;
use self::shut::Shut;
use super::EPOCH;
use super::trial::Trial;

/// The lowest and the highest rate, per second.
const RATES: std::ops::RangeInclusive<f64> = 1.0 / 30.0..=1e6;
/// What a fall leaves of the rate.
const FALL: std::ops::RangeInclusive<f64> = 0.5..=0.92;
/// The first of the growing steps up, and the bounds of the last one, as shares of the rate.
const STEP: f64 = 0.02;
const TOPS: std::ops::RangeInclusive<f64> = 0.02..=0.08;
/// How much of the way back to where it fell from one epoch makes up for, and at most, as a share of the rate.
const RETURN: f64 = 0.3;
const LONGEST_RETURN: f64 = 0.2;
/// A timer is late by about a millisecond: starts that are to come within a few of them may make up for as much.
const LATENESS: Duration = Duration::from_millis(2);
/// After as many answers in a row the rate is right.
const CLEAN: u32 = 50;
/// How many seconds of answers the long run has.
const MEMORY: f64 = 60.0;
/// Epochs in which the rate was not what limited, after which it is forgotten.
const UNUSED: u32 = 10;

/// A rate of starts.
#[derive(Debug)]
pub(super) struct Pacing {
    rate: f64,
    /// What the host was good for when the rate last fell.
    ceiling: f64,
    /// Answers per second in the long run: over `span` seconds until `measured`.
    goodput: f64,
    span: f64,
    measured: Instant,
    /// The last answer, and the rate it came at.
    answered_at: Instant,
    asked: f64,
    shut: Shut,
    step: f64,
    /// The largest step.
    top: f64,
    search: Search,
    due: Instant,
    fallen_at: Instant,
    /// Answers since then, and whether one was to a request that had started since then.
    since: u32,
    is_heard: bool,
    /// Time in which requests might have started and did not, in this epoch.
    spare: Duration,
    unused: u32,
    trial: Option<Trial>,
    /// Answers in a row without a refusal.
    clean: u32,
}

/// How sure the rate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Search {
    /// Nobody knows: it halves at every alarm, and doubles when there was none.
    Lost,
    /// It has doubled: the host's own rate lies at most that far below.
    Doubled,
    /// About right.
    Over,
}

impl Pacing {
    /// The rate of a host that has answered so many in so many seconds, and then refused.
    pub(super) fn first(answered: u32, secs: f64, now: Instant) -> Self {
        // Of less than a second's answers, a server's reserve may be the most.
        let goodput = f64::from(answered.max(1)) / secs.max(1.0);
        let is_sure = answered >= 10 && secs >= 1.0;
        let search = if is_sure { Search::Over } else { Search::Lost };
        let pacing = Self::new(goodput * FALL.end(), goodput, secs.max(1.0), search, now);
        Self { due: after(now, pacing.gap()), ..pacing }
    }

    /// The rate that an earlier run has found.
    pub(super) fn remembered(rate: f64, now: Instant) -> Self {
        Self::new(rate, rate, 1.0, Search::Over, now)
    }

    fn new(rate: f64, goodput: f64, span: f64, search: Search, now: Instant) -> Self {
        Self {
            rate: rate.clamp(*RATES.start(), *RATES.end()),
            ceiling: goodput.clamp(*RATES.start(), *RATES.end()),
            goodput,
            span,
            measured: now,
            answered_at: now,
            asked: rate,
            shut: Shut::default(),
            step: STEP,
            top: *TOPS.end(),
            search,
            due: now,
            fallen_at: now,
            since: 0,
            is_heard: false,
            spare: Duration::ZERO,
            unused: 0,
            trial: None,
            clean: 0,
        }
    }

    /// Starts per second.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// The time between two starts.
    pub(super) fn gap(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.rate).max(self.shut.pause())
    }

    /// When the next request may start.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Whether the rate is still being searched for.
    pub(super) fn is_searching(&self) -> bool {
        self.search != Search::Over || self.is_shut()
    }

    /// Whether an alarm counts already, of a host whose answers take `usual`: a server that counts by the second refuses until the
    /// next one, and what was refused comes back before what was answered.
    pub(super) fn may_fall(&self, usual: Duration, now: Instant) -> bool {
        self.search == Search::Lost || self.is_heard && now.saturating_duration_since(self.fallen_at) >= EPOCH.max(2 * usual)
    }

    /// A request starts, in an epoch that began at `epoch`.
    pub(super) fn start(&mut self, now: Instant, epoch: Instant) {
        let gap = self.gap();
        let lateness = if gap < 5 * LATENESS { LATENESS } else { Duration::ZERO };
        let late = now.saturating_duration_since(self.due.max(epoch)).saturating_sub(lateness);
        self.spare = self.spare.saturating_add(late);
        let due = now.checked_sub(lateness).map_or(self.due, |earliest| self.due.max(earliest));
        self.due = after(due, gap);
    }

    /// A request was answered that had started before the last fall.
    pub(super) fn answered_late(&mut self) {
        self.shut.answered();
        self.goodput += 1.0 / self.span;
        self.since = self.since.saturating_add(1);
    }

    /// Nothing was asked of it until now.
    pub(super) fn rested(&mut self, now: Instant) {
        self.measured = now;
        self.answered_at = now;
        self.spare = Duration::ZERO;
    }

    /// There were so many answers since the last measurement.
    pub(super) fn measure(&mut self, answered: u32, now: Instant) {
        let secs = now.saturating_duration_since(self.measured).as_secs_f64();
        self.measured = now;
        self.since = self.since.saturating_add(answered);
        let total = self.goodput * self.span + f64::from(answered);
        self.goodput = total / (self.span + secs);
        self.span = (self.span + secs).min(MEMORY);
    }

    /// An epoch has ended with so many answers and refusals.
    pub(super) fn ended(&mut self, answered: u32, refused: u32) {
        if let Some(trial) = &mut self.trial {
            trial.count(self.rate, answered, refused);
        }
    }

    /// The share of refusals, if a quarter of the rate had the same as the whole: then it searches upwards from where it was.
    pub(super) fn was_in_vain(&mut self) -> Option<f64> {
        let share = self.trial.as_ref()?.verdict()?;
        let trial = self.trial.take()?;
        (share > 0.0).then(|| {
            self.rate = trial.rate;
            self.ceiling = self.ceiling.max(trial.rate);
            self.search = Search::Lost;
            share
        })
    }

    /// Whether it was the rate that limited an epoch of so many seconds.
    pub(super) fn is_binding(&self, secs: f64) -> bool {
        self.spare.as_secs_f64() < 0.2 * secs
    }

    /// Raises it after an epoch without trouble, if it was what limited. False: it is not needed any more.
    pub(super) fn rise(&mut self, results: u32, is_clean: bool, is_binding: bool, secs: f64, now: Instant) -> bool {
        self.spare = Duration::ZERO;
        self.clean = if is_clean { self.clean.saturating_add(results) } else { 0 };
        self.trial.take_if(|_| self.clean >= CLEAN);
        if !is_binding {
            self.unused += u32::from(self.rate > 1.1 * self.ceiling);
            return self.unused < UNUSED || self.shut.is_fresh(now);
        }
        self.unused = 0;
        let step = self.next_step(is_clean).min(self.shut.largest_step(secs, self.fallen_at, now));
        self.rate = (self.rate * (1.0 + step)).min(*RATES.end());
        true
    }

    /// The share of the rate that is added to it.
    fn next_step(&mut self, is_clean: bool) -> f64 {
        if !is_clean {
            return STEP;
        }
        if self.is_searching() || self.rate < 0.4 * self.ceiling {
            if self.search == Search::Lost {
                self.search = Search::Doubled;
            }
            return 1.0;
        }
        let back = (RETURN * (self.ceiling / self.rate - 1.0)).min(LONGEST_RETURN);
        let step = self.step.max(back);
        self.top = (self.top * 1.02).min(*TOPS.end());
        if self.rate >= self.ceiling {
            self.step = (self.step * 1.4).min(self.top);
        }
        step
    }
}

/// An instant later; the same one where there is none so late.
fn after(instant: Instant, duration: Duration) -> Instant {
    instant.checked_add(duration).unwrap_or(instant)
}
