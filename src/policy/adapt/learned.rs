//! What is kept of a host that gave a reason to slow down, on the heap: few do.

use std::time::{Duration, Instant};

use super::limit::Limit;
use super::rate::Pacing;
use super::{ALARM, Change, Signal, TOLERATED};

/// What is kept of a host that gave a reason to slow down.
#[derive(Debug)]
pub(super) struct Learned {
    /// The last decrease: what started before says nothing about the pace since.
    pub(super) since: Instant,
    /// No result of a request that started since then has come yet.
    pub(super) awaiting: bool,
    pub(super) pacing: Option<Pacing>,
    pub(super) limit: Option<Limit>,
    /// Requests in flight beside those that were refused, and those that were answered, in this epoch, summed up.
    pub(super) crowd: [u32; 2],
    /// It has refused when nothing else was in flight: that is not what it counts.
    pub(super) counts_rate: bool,
    /// The longest that a request took to time out: sooner a rise of the limit cannot show its effect.
    pub(super) patience: Duration,
    /// The share of refusals, and of timeouts, that slower requests did not make smaller.
    pub(super) refusals: f64,
    pub(super) timeouts: f64,
    /// The rate and the limit that were last told.
    told: (f64, f64),
    pub(super) why: &'static str,
}

impl Learned {
    /// Nothing yet, from now on.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            awaiting: true,
            pacing: None,
            limit: None,
            crowd: [0; 2],
            counts_rate: false,
            patience: Duration::ZERO,
            refusals: TOLERATED,
            timeouts: TOLERATED,
            told: (f64::INFINITY, f64::INFINITY),
            why: "",
        }
    }

    /// Counts a result of the present pace.
    pub(super) fn note(&mut self, signal: Signal, latency: Duration, in_flight: u32, now: Instant) {
        if let Some(limit) = &mut self.limit {
            limit.note(signal == Signal::TimedOut, now);
        }
        match signal {
            Signal::Refused => {
                self.crowd[0] = self.crowd[0].saturating_add(in_flight);
                if let Some(pacing) = &mut self.pacing {
                    pacing.refused(now);
                }
            }
            Signal::TimedOut => self.patience = self.patience.max(latency),
            Signal::Answered => {
                self.crowd[1] = self.crowd[1].saturating_add(in_flight);
                if let Some(pacing) = &mut self.pacing {
                    pacing.answered(latency, now);
                }
            }
            Signal::Unknown => {}
        }
    }

    /// How many others were in flight when a request was refused, if that was more than when one was answered.
    pub(super) fn crowding(&self, answered: u32, refused: u32) -> Option<u32> {
        let [among_refused, among_answered] = [(self.crowd[0], refused), (self.crowd[1], answered)]
            .map(|(crowd, count)| f64::from(crowd) / f64::from(count.max(1)));
        (!self.counts_rate && answered > 0 && refused >= ALARM && among_refused > 1.2 * among_answered + 0.3)
            .then(|| self.crowd[0].div_ceil(refused.max(1)))
    }

    /// Nothing was asked of it for a while.
    pub(super) fn rested(&mut self, now: Instant) {
        self.crowd = [0; 2];
        if let Some(pacing) = &mut self.pacing {
            pacing.rested(now);
        }
    }

    /// The pace as it is.
    pub(super) fn state(&self) -> Change {
        Change { rate: self.pacing.as_ref().map(Pacing::rate), in_flight: self.limit.as_ref().map(Limit::most), why: self.why }
    }

    /// The pace as it is, if it is another than the one that was last told: any that is lower, and one that is higher by half.
    pub(super) fn news(&mut self) -> Option<Change> {
        let (rate, most) = self.pace();
        let is_lower = rate < self.told.0 || most < self.told.1;
        let is_higher =
            rate >= 1.5 * self.told.0 && self.told.0.is_finite() || most >= 1.5 * self.told.1 && self.told.1.is_finite();
        if !is_lower && !is_higher {
            return None;
        }
        self.told = (rate, most);
        Some(if is_lower { self.state() } else { Change { why: "it bears more", ..self.state() } })
    }

    /// Takes it as told.
    pub(super) fn tell(&mut self) {
        self.told = self.pace();
    }

    fn pace(&self) -> (f64, f64) {
        let rate = self.pacing.as_ref().map_or(f64::INFINITY, Pacing::rate);
        (rate, self.limit.as_ref().map_or(f64::INFINITY, |limit| limit.current(u32::MAX).into()))
    }
}
