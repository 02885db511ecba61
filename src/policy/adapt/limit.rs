//! How many requests a host may have in flight, learned from timeouts and slow answers.

use std::time::{Duration, Instant};

use super::EPOCH;

/// Epochs without trouble in which far fewer were in flight, after which the limit is forgotten.
const UNUSED: u32 = 3;
/// Why, if it is for timeouts.
pub(super) const TIMEOUTS: &str = "timeouts";
/// The longest that one which was too high waits until it rises again, in epochs.
const LONGEST_WAIT: u32 = 16;

/// A limit of requests in flight.
#[derive(Debug, Default)]
pub(super) struct Limit {
    most: u32,
    /// What the next rise adds.
    step: u32,
    risen_at: Option<Instant>,
    /// What the last rise added, while it has not lasted an epoch.
    rose: u32,
    /// How many epochs it waits until it rises, and how many it waited before the last rise.
    wait: u32,
    waited: u32,
    unused: u32,
    trial: Option<Trial>,
    /// Since the first timeout: its instant, and how many were answered and timed out.
    since: Option<Instant>,
    answered: u32,
    timed_out: u32,
}

/// How it was before the limit fell, to see whether that helps.
#[derive(Debug)]
struct Trial {
    most: u32,
    trouble: Trouble,
}

/// What is wrong, and what is right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trouble {
    /// Which of the two.
    pub(super) why: &'static str,
    /// The share of timeouts, or how long answers take: whatever is too large.
    pub(super) size: f64,
    /// Answers per second.
    pub(super) goodput: f64,
}

impl Limit {
    fn new() -> Self {
        Self { most: u32::MAX, step: 1, ..Self::default() }
    }

    /// Whatever loosened it has ended.
    fn rest(&mut self) {
        self.step = 1;
        self.rose = 0;
        self.unused = 0;
        self.risen_at = None;
        self.forget();
    }

    fn forget(&mut self) {
        self.since = None;
        self.answered = 0;
        self.timed_out = 0;
    }

    /// A request that started since it last fell has ended.
    pub(super) fn note(&mut self, has_timed_out: bool, now: Instant) {
        if has_timed_out {
            self.since.get_or_insert(now);
            self.timed_out = self.timed_out.saturating_add(1);
        } else if self.since.is_some() {
            self.answered = self.answered.saturating_add(1);
        }
    }

    /// Whether more than a share timed out in the time that a timeout takes, which it needs to be judged by.
    pub(super) fn is_in_trouble(&self, tolerated: f64, patience: Duration, now: Instant) -> bool {
        self.has_waited(patience, now) && self.timed_out > 1 && self.share() > tolerated
    }

    /// What timed out since the first one did.
    pub(super) fn timeouts(&self, now: Instant) -> Option<Trouble> {
        let secs = now.saturating_duration_since(self.since?).as_secs_f64();
        Some(Trouble { why: TIMEOUTS, size: self.share(), goodput: f64::from(self.answered) / secs.max(1.0) })
    }

    fn has_waited(&self, patience: Duration, now: Instant) -> bool {
        self.since.is_some_and(|since| now.saturating_duration_since(since) >= patience.max(EPOCH))
    }

    fn share(&self) -> f64 {
        f64::from(self.timed_out) / f64::from(self.timed_out.saturating_add(self.answered).max(1))
    }

    /// Lowers a limit to the number that was not too many, at most by half.
    pub(super) fn cut(limit: &mut Option<Self>, most: u32, peak: u32) {
        let limit = limit.get_or_insert_with(Self::new);
        let current = limit.current(peak);
        limit.most = most.min(current).max(current.div_ceil(2)).max(1);
        limit.waited = (2 * limit.waited).clamp(1, LONGEST_WAIT);
        limit.wait = limit.waited;
        limit.rest();
    }

    /// How many it was before the last epoch, where that has raised it.
    pub(super) fn before_rise(&self) -> Option<u32> {
        (self.rose > 0).then(|| self.most.saturating_sub(self.rose))
    }

    /// How many may be in flight.
    pub(super) fn most(&self) -> usize {
        self.most as usize
    }

    /// How many were in flight, or could have been.
    pub(super) fn current(&self, peak: u32) -> u32 {
        self.most.min(peak)
    }

    /// Lowers a limit to `fitting`, at least by a sixth and at most by half. Says whether it was lifted instead: where half as
    /// many in flight had half the answers per second and as much trouble, load was not the reason.
    pub(super) fn fall(limit: &mut Option<Self>, fitting: u32, peak: u32, trouble: Trouble) -> bool {
        let current = limit.as_ref().map_or(peak, |limit| limit.current(peak));
        if current <= 1 && limit.is_none() {
            return false;
        }
        let limit = limit.get_or_insert_with(Self::new);
        limit.rest();
        match &limit.trial {
            Some(trial) if 5 * u64::from(current) <= 3 * u64::from(trial.most) => {
                let before = trial.trouble;
                // Where most time out, that may have any reason; there is no harm in asking it less.
                let is_vain = trouble.why == before.why
                    && (trouble.why != TIMEOUTS || trouble.size < 0.5)
                    && trouble.size >= 0.75 * before.size
                    && (0.25 * before.goodput..0.75 * before.goodput).contains(&trouble.goodput);
                if is_vain {
                    limit.most = trial.most;
                    limit.trial = None;
                    return true;
                }
                limit.trial = Some(Trial { most: current, trouble });
            }
            Some(_) => {}
            None => limit.trial = Some(Trial { most: current, trouble }),
        }
        let slightly = u32::try_from(u64::from(current) * 85 / 100).unwrap_or(current);
        limit.most = fitting.min(slightly).max(current.div_ceil(2)).max(1);
        false
    }

    /// Raises it after an epoch without trouble that reached it, if nothing else was in the way. False: it is not needed any
    /// more.
    pub(super) fn rise(&mut self, peak: u32, is_free: bool, patience: Duration, now: Instant) -> bool {
        if self.has_waited(patience, now) {
            self.forget();
        }
        if peak < self.most {
            self.unused += u32::from(peak <= self.most / 2);
            return self.unused < UNUSED;
        }
        self.unused = 0;
        if !is_free {
            return true;
        }
        if std::mem::take(&mut self.rose) > 0 {
            self.waited = 0;
        }
        if self.wait > 0 {
            self.wait -= 1;
            return true;
        }
        let risen_at = *self.risen_at.get_or_insert(now);
        if now.saturating_duration_since(risen_at) >= patience {
            self.most = self.most.saturating_add(self.step);
            self.rose = self.step;
            self.step = (self.step + 1).min(self.most / 8).max(1);
            self.risen_at = Some(now);
        }
        true
    }
}
