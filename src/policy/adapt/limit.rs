//! How many requests a host may have in flight, learned from timeouts and slow answers.

use std::time::{Duration, Instant};

/// Epochs without trouble in which far fewer were in flight, after which the limit is forgotten.
const UNUSED: u32 = 3;

/// The longest that one which was too high waits until it rises again, in epochs.
const LONGEST_WAIT: u32 = 16;

/// A limit of requests in flight.
#[derive(Debug)]
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
}

/// How it was before the limit fell, to see whether that helps.
#[derive(Debug)]
struct Trial {
    most: u32,
    /// The share of timeouts, or how long answers took: whatever was too large.
    trouble: f64,
    /// Answers per second.
    goodput: f64,
}

impl Limit {
    fn new() -> Self {
        Self { most: u32::MAX, step: 1, risen_at: None, rose: 0, wait: 0, waited: 0, unused: 0, trial: None }
    }

    /// Whatever loosened it has ended.
    fn rest(&mut self) {
        self.step = 1;
        self.rose = 0;
        self.unused = 0;
        self.risen_at = None;
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

    /// Lowers a limit to `fitting`, at least by a sixth and at most by half. Says whether it was lifted instead: where half as many in
    /// flight had half the answers per second and as much trouble, load was not the reason.
    pub(super) fn fall(limit: &mut Option<Self>, fitting: u32, peak: u32, trouble: f64, goodput: f64) -> bool {
        let current = limit.as_ref().map_or(peak, |limit| limit.current(peak));
        if current <= 1 && limit.is_none() {
            return false;
        }
        let limit = limit.get_or_insert_with(Self::new);
        limit.rest();
        match &limit.trial {
            Some(trial) if 5 * u64::from(current) <= 3 * u64::from(trial.most) => {
                let is_vain = trouble > 0.0
                    && trouble >= 0.75 * trial.trouble
                    && goodput > 0.25 * trial.goodput
                    && goodput < 0.75 * trial.goodput;
                if is_vain {
                    limit.most = trial.most;
                    limit.trial = None;
                    return true;
                }
                limit.trial = Some(Trial { most: current, trouble, goodput });
            }
            Some(_) => {}
            None => limit.trial = Some(Trial { most: current, trouble, goodput }),
        }
        let slightly = u32::try_from(u64::from(current) * 85 / 100).unwrap_or(current);
        limit.most = fitting.min(slightly).max(current.div_ceil(2)).max(1);
        false
    }

    /// Raises it after an epoch without trouble that reached it, unless something else limited it, too. False: it is not needed any more.
    pub(super) fn rise(&mut self, peak: u32, is_free: bool, patience: Duration, now: Instant) -> bool {
        if peak < self.most {
            self.unused += u32::from(peak <= self.most / 2);
            return self.unused < UNUSED;
        }
        self.unused = 0;
        if !is_free {
            return true;
        }
        if std::mem::take(&mut self.rose) > 0 {
            self.waited /= 2;
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
