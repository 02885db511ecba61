//! How far a rate falls when too much was refused.

use std::time::{Duration, Instant};

use super::{EPOCH, FALL, Pacing, RATES, STEP, Search, TOPS};
use crate::policy::adapt::trial::Trial;

/// The largest step where a refusal costs a second; less, where it costs more.
const DEAR: f64 = 0.0025;
/// And the smallest: what has become dear once must not be so for ever.
const SMALLEST: f64 = 1e-4;
/// After how many seconds it is no more the same trouble that comes again.
const CYCLE: f64 = 12.0;
/// Of fewer answers in less than as many seconds nothing is told about the rate.
const ANSWERS: u32 = 10;
const SECS: f64 = 3.0;
/// After a fall that leaves less, the steps up were too large: so much is left of the largest.
const DEEP: f64 = 0.85;
const CAREFUL: f64 = 0.7;

/// Why it falls.
#[derive(Debug)]
pub(in crate::policy::adapt) struct Fall {
    /// Answers in the last epoch.
    pub(in crate::policy::adapt) answered: u32,
    /// The share of the last epochs' results that were refused.
    pub(in crate::policy::adapt) share: f64,
    /// Requests were refused when others were in flight, more than when they were answered.
    pub(in crate::policy::adapt) is_crowded: bool,
    /// The seconds for which it asked to be left alone.
    pub(in crate::policy::adapt) held: f64,
}

impl Pacing {
    /// Lowers it.
    pub(in crate::policy::adapt) fn fall(&mut self, fall: &Fall, now: Instant) {
        self.measure(fall.answered, now);
        let before = self.rate;
        self.rate = self.lowered(fall, now);
        if fall.held > 0.0 {
            self.rate = self.cheaper(before, fall.held, now);
            self.ceiling = (before * self.rate).sqrt();
            self.top = (DEAR / fall.held).clamp(SMALLEST, *TOPS.end());
            self.search = Search::Over;
        } else if self.search == Search::Doubled {
            self.ceiling = before * (1.0 - fall.share).max(0.5);
        } else if fall.share < 0.5 {
            self.ceiling = (before * (1.0 - fall.share)).max(self.rate);
        } else if fall.answered == 0 {
            self.ceiling = self.ceiling.min(self.goodput).max(self.rate);
        }
        if fall.held == 0.0 && self.rate < DEEP * before {
            self.top = (CAREFUL * self.top).max(*TOPS.start());
        }
        self.step = STEP.min(self.top);
        if self.search == Search::Doubled {
            self.search = Search::Over;
        }
        if self.search == Search::Over {
            self.trial.get_or_insert(Trial::new(self.rate));
        }
        self.fallen_at = now;
        self.since = 0;
        self.is_heard = false;
        self.spare = Duration::ZERO;
        self.unused = 0;
        self.clean = 0;
    }

    /// The rate after a fall.
    fn lowered(&self, fall: &Fall, now: Instant) -> f64 {
        let left = match self.search {
            Search::Lost => *FALL.start(),
            _ if fall.is_crowded => (1.0 - fall.share).clamp(*FALL.start(), 0.97),
            _ => (0.97 * (1.0 - fall.share)).clamp(*FALL.start(), *FALL.end()),
        };
        // A server that counts by some seconds refuses at their end only: what it bears is what it answered since the last time.
        let secs = now.saturating_duration_since(self.fallen_at).as_secs_f64();
        let is_told = self.since >= ANSWERS || secs >= SECS;
        let is_lasting = !fall.is_crowded && self.search == Search::Over && (EPOCH.as_secs_f64()..CYCLE).contains(&secs);
        let most = if is_lasting && is_told { 0.95 * f64::from(self.since) / secs } else { f64::INFINITY };
        // Where nothing at all is answered, its share says nothing about the right rate: the long run does.
        let least = match self.search {
            Search::Lost => self.goodput / 8.0,
            _ if fall.answered > 0 => 0.0,
            _ => self.goodput * 0.85,
        };
        let lowered = (self.rate * left).min(most.max(self.rate * FALL.start()));
        lowered.max(least.min(self.rate)).max(*RATES.start())
    }

    /// The rate after a fall from another one, of a host that asks for so many seconds with each refusal: a little less where that
    /// comes after long, else somewhere between what it was asked for and what it had time to answer.
    fn cheaper(&self, before: f64, held: f64, now: Instant) -> f64 {
        let secs = now.saturating_duration_since(self.fallen_at).as_secs_f64();
        let is_soon = secs < 4.0 * held + 3.0;
        let between = (before * f64::from(self.since) / secs.max(held)).sqrt();
        let lowered = if is_soon { between } else { f64::INFINITY };
        lowered.clamp(before * FALL.start(), before * FALL.end()).max(*RATES.start())
    }
}
