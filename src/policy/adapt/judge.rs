//! What an epoch of a host's results means: trouble of one kind or another, or none.

use std::time::{Duration, Instant};

use super::epoch::millis;
use super::latency;
use super::limit::{Limit, TIMEOUTS, Trouble};
use super::rate::{Fall, Pacing};
use super::{ALARM, Adapt, Change, EPOCH, TOLERATED};

/// An epoch has at least as many results, fewer while a rate is still being searched for.
const RESULTS: u32 = 10;
const RESULTS_IN_SEARCH: u32 = 3;
/// An epoch in which something went wrong has at least as many: by fewer nothing is told about shares of a tenth.
const RESULTS_IN_DOUBT: u32 = 40;
/// Refusals that cost more than this share of the time, because the host asks for time with each, are too many however few they are.
const COSTLY: f64 = 0.1;
/// How long a past is kept whole while nothing was learned.
const LONG: Duration = Duration::from_secs(20);

impl Adapt {
    /// Ends the epoch where it has seen enough.
    pub(super) fn judge(&mut self, now: Instant) -> Option<Change> {
        if self.pacing().is_some_and(Pacing::is_shut) {
            return self.waits(now);
        }
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
        if refusals <= TOLERATED && epoch.has_cost(COSTLY, now) {
            return self.refused(now);
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

    /// It is shut: nothing is learned until it opens, but that it does not refuse at any pace.
    fn waits(&mut self, now: Instant) -> Option<Change> {
        let learned = self.learned.as_mut()?;
        learned.awaiting = false;
        learned.refusals = TOLERATED;
        if let Some(pacing) = &mut learned.pacing {
            pacing.measure(self.epoch.answered, now);
        }
        self.begin(now)
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
        let fall = Fall { answered, share: past.sure_share(epoch), is_crowded: false, held: epoch.held().as_secs_f64() };
        let learned = self.learn(now, "429/503");
        // One at a time, and refused all the same: it does not count how many are in flight.
        if peak <= 1 && refused >= ALARM && learned.limit.as_ref().is_some_and(|limit| limit.most() == 1) {
            learned.counts_rate = true;
            learned.limit = None;
        }
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
        let here = Trouble { why: TIMEOUTS, size: past.share(epoch), goodput };
        let learned = self.learn(now, TIMEOUTS);
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
                if !pacing.rise(epoch.results(), is_clean, !is_free, secs, now) && learned.limit.is_none() {
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
}
