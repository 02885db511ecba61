//! How many of the requests may be retries, so that an outage does not become a storm.
//!
//! Counted over a sliding window of at least ten seconds: retries may be a share of all requests in it, and a few more, so that a short run can
//! retry at all. Whether they help makes no difference: to a server in trouble each is one more request. A retry for which there is no
//! room waits for it; where nothing has succeeded in the whole window there is no use in waiting.

use std::str::FromStr;
use std::time::{Duration, Instant};

/// A share of all requests: `20%`, `0.2`, or `none` for no bound.
///
/// ```
/// use scrape::policy::Share;
/// assert_eq!("20%".parse(), Ok(Share::default()));
/// assert!("150%".parse::<Share>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(Option<f64>);

/// Why a text is no share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no share: write 20%, 0.2, or none for no bound")]
pub struct ShareError {
    text: String,
}

impl Default for Share {
    fn default() -> Self {
        Self(Some(0.2))
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        if text == "none" {
            return Ok(Self(None));
        }
        let (number, unit) = text.strip_suffix('%').map_or((text, 1.0), |percent| (percent, 100.0));
        let share = number.trim().parse::<f64>().ok().map(|number| number / unit);
        let share = share.filter(|share| (0.0..=1.0).contains(share));
        share.map(|share| Self(Some(share))).ok_or_else(|| ShareError { text: text.to_owned() })
    }
}

/// Retries that need no share, in a window.
const RESERVE: f64 = 10.0;

/// The window is made of so many slots of a second. It is one more than ten, so that it holds any ten seconds whole.
const SLOTS: u8 = 11;
const SLOT: Duration = Duration::from_secs(1);

/// The retry budget of a run.
#[derive(Debug)]
pub struct Budget {
    share: Option<f64>,
    epoch: Instant,
    /// The slot that is counted in, from the epoch on.
    current: u64,
    slots: [Slot; SLOTS as usize],
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    requests: u32,
    retries: u32,
    /// Attempts that ended well.
    good: u32,
}

impl Budget {
    /// A budget of which nothing was used. `now` is the earliest instant that it will ever be told.
    #[must_use]
    pub fn new(share: Share, now: Instant) -> Self {
        Self { share: share.0, epoch: now, current: 0, slots: Default::default() }
    }

    /// A request starts.
    pub fn start(&mut self, is_retry: bool, now: Instant) {
        let slot = self.at(now);
        slot.requests += 1;
        slot.retries += u32::from(is_retry);
    }

    /// An attempt ended so that it is not tried again for its failure.
    pub fn succeed(&mut self, now: Instant) {
        self.at(now).good += 1;
    }

    /// The earliest instant, `now` or later, at which there may be room for a retry.
    pub fn next_at(&mut self, now: Instant) -> Instant {
        let Some(share) = self.share else { return now };
        self.at(now);
        // What there was in the oldest second may be over ten seconds ago: as retries it counts, as requests it does not.
        let oldest = self.slots[Self::place(self.current + 1)];
        let requests = self.sum(|slot| slot.requests).saturating_sub(oldest.requests);
        let retries = self.sum(|slot| slot.retries);
        let reserve = if share > 0.0 { RESERVE } else { 0.0 };
        // With the one that asks.
        let has_room = f64::from(retries) + 1.0 <= reserve + share * (f64::from(requests) + 1.0);
        if has_room { now } else { self.epoch + SLOT * u32::try_from(self.current + 1).unwrap_or(u32::MAX) }
    }

    /// Whether there is no use in waiting for room: nothing succeeded in the whole window.
    pub fn is_hopeless(&mut self, now: Instant) -> bool {
        self.at(now);
        self.share == Some(0.0) || (self.current >= u64::from(SLOTS) && self.sum(|slot| slot.good) == 0)
    }

    fn sum(&self, what: impl Fn(&Slot) -> u32) -> u32 {
        self.slots.iter().map(what).fold(0, u32::saturating_add)
    }

    /// The slot of an instant; those that have left the window are emptied.
    fn at(&mut self, now: Instant) -> &mut Slot {
        let slot = now.saturating_duration_since(self.epoch).as_secs().max(self.current);
        for passed in (self.current + 1..=slot).take(self.slots.len()) {
            self.slots[Self::place(passed)] = Slot::default();
        }
        if slot >= self.current + u64::from(SLOTS) {
            self.slots = Default::default();
        }
        self.current = slot;
        &mut self.slots[Self::place(slot)]
    }

    fn place(slot: u64) -> usize {
        usize::try_from(slot % u64::from(SLOTS)).expect("less than ten")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn budget(now: Instant) -> Budget {
        Budget::new(Share::default(), now)
    }

    /// Starts retries as long as there is room.
    fn fill(budget: &mut Budget, now: Instant) -> u32 {
        let mut started = 0;
        while started < 10_000 && budget.next_at(now) == now {
            budget.start(true, now);
            started += 1;
        }
        started
    }

    #[test]
    fn a_share_reads_as_a_person_writes_it() {
        for (text, share) in [("20%", Some(0.2)), ("0.05", Some(0.05)), ("100 %", Some(1.0)), ("0", Some(0.0)), ("none", None)] {
            assert_eq!(text.parse(), Ok(Share(share)), "{text}");
        }
        for text in ["", "%", "101%", "-1", "nan", "many"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_storm_of_retries_stays_a_fifth() {
        let now = Instant::now();
        let mut budget = budget(now);
        (0..1000).for_each(|_| budget.start(false, now));
        // 10 + 0.2 (1000 + r) = r
        assert_eq!(fill(&mut budget, now), 262);
        assert_eq!(budget.next_at(now), now + SLOT);
    }

    #[test]
    fn a_retry_that_helped_counts_like_any_other() {
        let now = Instant::now();
        let mut budget = budget(now);
        let retries = fill(&mut budget, now);
        (0..retries).for_each(|_| budget.succeed(now));
        assert_eq!(fill(&mut budget, now), 0);
    }

    #[test]
    fn room_comes_back_with_time() {
        let now = Instant::now();
        let mut budget = budget(now);
        assert!(fill(&mut budget, now) > 0);
        assert_eq!(fill(&mut budget, now + 10 * SLOT), 0);
        assert!(fill(&mut budget, now + 11 * SLOT) > 0);
        assert!(fill(&mut budget, now + 1_000_000 * SLOT) > 0);
    }

    #[test]
    fn it_is_hopeless_when_nothing_succeeded_for_the_whole_window() {
        let now = Instant::now();
        let mut budget = budget(now);
        budget.succeed(now);
        assert!(!budget.is_hopeless(now) && !budget.is_hopeless(now + 10 * SLOT));
        assert!(budget.is_hopeless(now + 11 * SLOT));
        budget.succeed(now + 12 * SLOT);
        assert!(!budget.is_hopeless(now + 13 * SLOT));
    }

    #[test]
    fn none_is_no_bound_and_nothing_is_nothing() {
        let now = Instant::now();
        assert_eq!(fill(&mut Budget::new("none".parse().unwrap(), now), now), 10_000);
        let mut none_at_all = Budget::new("0%".parse().unwrap(), now);
        assert_eq!(fill(&mut none_at_all, now), 0);
        assert!(none_at_all.is_hopeless(now));
    }

    proptest! {
        #[test]
        fn no_window_has_more_retries_than_the_reserve_and_the_share(steps in prop::collection::vec((0_u64..900, 0_u32..30), 1..200)) {
            let epoch = Instant::now();
            let (mut now, mut budget, mut log) = (epoch, budget(epoch), Vec::new());
            for (wait, fresh) in steps {
                now += Duration::from_millis(wait);
                (0..fresh).for_each(|_| budget.start(false, now));
                let retries = fill(&mut budget, now);
                log.push((now, fresh + retries, retries));
                let slot = |at: Instant| (at - epoch).as_secs();
                let window = log.iter().filter(|(at, ..)| slot(*at) + u64::from(SLOTS) > slot(now));
                let (all, sum) = window.fold((0, 0), |sum, step| (sum.0 + step.1, sum.1 + step.2));
                prop_assert!(retries == 0 || f64::from(sum) <= RESERVE + 0.2 * f64::from(all), "{sum} of {all}");
            }
        }
    }
}
