//! How fast requests may start: token buckets that can be looked at without drawing from them.
//!
//! The arithmetic is governor's GCRA. Two small parts are ours, both through its public traits: a clock that is told the
//! time, and a state store whose key says whether a check draws a token or only looks. Looking matters because a request needs a
//! token of its host *and* one of the whole run at the same instant: a token drawn early and used late would let two
//! requests start closer together than the rate allows.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::{Duration, Instant};

use governor::clock::Clock;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

/// How many requests may start per time: `5` and `5/s` are five a second, `30/m` thirty a minute, `5/15s` five every 15 seconds.
///
/// ```
/// use std::time::Duration;
/// use scrape::policy::Rate;
/// assert_eq!("0.5".parse::<Rate>().unwrap().period(), Duration::from_secs(2));
/// assert_eq!("30/m".parse::<Rate>().unwrap().period(), Duration::from_secs(2));
/// assert_eq!("5/15s".parse::<Rate>().unwrap().period(), Duration::from_secs(3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    period: Duration,
}

/// Why a text is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no rate: write 5 (a second), 0.5, 5/s, 30/m, 100/h or 5/15s")]
pub struct RateError {
    text: String,
}

impl Rate {
    /// One request in `period`; `None` for a period that is no bound, or longer than a year.
    #[must_use]
    pub fn every(period: Duration) -> Option<Self> {
        let is_bound = !period.is_zero() && period <= Duration::from_hours(365 * 24);
        is_bound.then_some(Self { period })
    }

    /// The time between two requests.
    #[must_use]
    pub const fn period(self) -> Duration {
        self.period
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let error = || RateError { text: text.to_owned() };
        let (count, unit) = text.split_once('/').unwrap_or((text, "s"));
        let count: f64 = count.trim().parse().map_err(|_| error())?;
        let unit = unit.trim();
        let unit = if unit.starts_with(|c: char| c.is_ascii_digit()) { unit.to_owned() } else { format!("1{unit}") };
        let window = humantime::parse_duration(&unit).map_err(|_| error())?;
        // Bounded on both sides, so that no arithmetic on instants can overflow: 10^9 a second, one in a year.
        let period = window.as_secs_f64() / count;
        if !(count.is_finite() && count > 0.0 && (1e-9..=31_536_000.0).contains(&period)) {
            return Err(error());
        }
        Ok(Self { period: Duration::from_secs_f64(period) })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one request every {}", humantime::format_duration(self.period))
    }
}

/// Several buckets that all have to agree: what limits one host, or the whole run. Without a rate there is no limit.
#[derive(Debug)]
pub struct Pace {
    burst: NonZeroU32,
    buckets: Box<[Bucket]>,
}

type Bucket = RateLimiter<Draw, Tat, Told>;

impl Pace {
    /// Full buckets, one a rate; each holds up to `burst` tokens.
    #[must_use]
    pub fn new(rates: &[Rate], burst: NonZeroU32, epoch: Instant) -> Self {
        // A bucket that takes longer than a century to fill is as good as one that never does, and no sum of nanoseconds overflows.
        let century = Duration::from_hours(100 * 365 * 24).as_nanos();
        let most = |rate: &Rate| u32::try_from(century / rate.period.as_nanos()).unwrap_or(u32::MAX).max(1);
        let burst = rates.iter().map(most).min().and_then(NonZeroU32::new).map_or(burst, |most| burst.min(most));
        let bucket = |rate: &Rate| {
            let quota = Quota::with_period(rate.period).expect("a rate's period is not zero").allow_burst(burst);
            RateLimiter::new(quota, Tat::default(), Told(Cell::new(epoch)))
        };
        Self { burst, buckets: rates.iter().map(bucket).collect() }
    }

    /// One rate more, of which a token may just have been drawn.
    pub fn add(&mut self, rate: Rate, is_drawn: bool, now: Instant) {
        let more = Self::new(&[rate], NonZeroU32::MIN, now);
        if is_drawn {
            more.take(now);
        }
        let buckets = std::mem::take(&mut self.buckets);
        self.buckets = buckets.into_iter().chain(more.buckets).collect();
    }

    /// The earliest instant, `now` or later, at which every bucket has a token. Draws nothing.
    #[must_use]
    pub fn next_at(&self, now: Instant) -> Instant {
        self.at(now, |bucket| bucket.check_key(&Draw::Look).err().map(|not| not.earliest_possible()))
    }

    /// The earliest instant, `now` or later, at which every bucket is full again, so that it may be forgotten.
    #[must_use]
    pub fn full_at(&self, now: Instant) -> Instant {
        self.at(now, |bucket| {
            // One that was added holds a single token.
            let check = bucket.check_key_n(&Draw::Look, self.burst).or_else(|_| bucket.check_key_n(&Draw::Look, NonZeroU32::MIN));
            let check = check.expect("every bucket holds a token");
            check.err().map(|not| not.earliest_possible())
        })
    }

    /// Draws one token from every bucket; the caller has seen that `next_at(now)` is `now`.
    pub fn take(&self, now: Instant) {
        for bucket in &self.buckets {
            bucket.clock().0.set(now);
            let drawn = bucket.check_key(&Draw::Take).is_ok();
            debug_assert!(drawn, "a token was drawn before its time");
        }
    }

    fn at(&self, now: Instant, not_before: impl Fn(&Bucket) -> Option<Instant>) -> Instant {
        let times = self.buckets.iter().filter_map(|bucket| {
            bucket.clock().0.set(now);
            not_before(bucket)
        });
        times.fold(now, Instant::max)
    }
}

/// Whether a check draws a token or only looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Draw {
    Look,
    Take,
}

/// A bucket's whole state: the theoretical arrival time of the next request.
#[derive(Debug, Default)]
struct Tat(Cell<Option<Nanos>>);

impl StateStore for Tat {
    type Key = Draw;

    fn measure_and_replace<T, F, E>(&self, key: &Draw, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (outcome, next) = f(self.0.get())?;
        if *key == Draw::Take {
            self.0.set(Some(next));
        }
        Ok(outcome)
    }
}

/// A clock that shows what it was told.
#[derive(Debug)]
struct Told(Cell<Instant>);

impl Clock for Told {
    type Instant = Instant;

    fn now(&self) -> Instant {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rate_reads_as_a_person_writes_it() {
        for (text, millis) in
            [("5", 200), ("0.2", 5000), ("5/s", 200), ("30/m", 2000), ("5/15s", 3000), ("100/h", 36000), ("1 / 2m", 120_000)]
        {
            assert_eq!(text.parse::<Rate>().map(Rate::period), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "0", "-1", "nan", "inf", "5/", "5/0s", "five", "5/fortnight", "1e300", "1e-300"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn looking_draws_nothing() {
        let start = Instant::now();
        let pace = Pace::new(&["5".parse().unwrap()], NonZeroU32::MIN, start);
        assert_eq!((pace.next_at(start), pace.next_at(start)), (start, start));
        pace.take(start);
        assert_eq!(pace.next_at(start), start + Duration::from_millis(200));
    }

    #[test]
    fn no_rate_and_no_burst_overflows() {
        let start = Instant::now();
        for rate in ["1000000000", "1/365d"] {
            let pace = Pace::new(&[rate.parse().unwrap()], NonZeroU32::MAX, start);
            (0..50).for_each(|_| pace.take(pace.next_at(start)));
            assert!(pace.full_at(start) > start, "{rate}");
        }
    }

    #[test]
    fn a_bucket_is_full_when_its_whole_burst_is_back() {
        let start = Instant::now();
        let pace = Pace::new(&["1".parse().unwrap()], NonZeroU32::new(3).unwrap(), start);
        pace.take(start);
        pace.take(start);
        assert_eq!(pace.next_at(start), start);
        assert_eq!(pace.full_at(start), start + Duration::from_secs(2));
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_rate_times_window_plus_burst(
            per_second in prop::collection::vec(0.2_f64..50.0, 1..3), burst in 1_u32..5, idle in prop::collection::vec(0_u64..900, 1..120)
        ) {
            let epoch = Instant::now();
            let rates: Vec<Rate> = per_second.iter().map(|rate| rate.to_string().parse().unwrap()).collect();
            let pace = Pace::new(&rates, NonZeroU32::new(burst).unwrap(), epoch);
            let (mut now, mut starts) = (epoch, Vec::new());
            for wait in idle {
                now = pace.next_at(now + Duration::from_millis(wait));
                prop_assert_eq!(pace.next_at(now), now, "the promised instant is kept");
                pace.take(now);
                starts.push(now);
            }
            for rate in rates {
                for (i, from) in starts.iter().enumerate() {
                    for (j, to) in starts.iter().enumerate().skip(i) {
                        let allowed = (*to - *from).as_secs_f64() / rate.period().as_secs_f64() + f64::from(burst);
                        prop_assert!(f64::from(u32::try_from(j - i + 1).unwrap()) <= allowed + 1e-6);
                    }
                }
            }
        }
    }
}
