//! What is remembered of hosts between runs, and shared by runs at the same time: the file of `--pace-state`.
//!
//! Layer 2, beside the frontier, which is pure and asks nobody. The crawl's loop, which holds both, asks the [`Ledger`] before it
//! lets a ticket go. Every call is synchronous and short enough for the loop's own thread. Time is an argument, on the wall
//! clock: it is the one clock that two processes and two days share. It may be wrong or set back, so no stored time is believed
//! that could not have been meant.
//!
//! A ledger never ends a crawl and never holds it up. What goes wrong after it was opened (a full disk, a file deleted or damaged
//! under it, a lock that is not given back) is one warning, and for the next seconds every answer is as if nothing were known of
//! any host. The run's own limits hold without it.

mod error;
mod facts;
mod flight;
mod keeper;
mod store;
#[cfg(test)]
mod tests;
mod turn;

use std::num::NonZeroU32;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use error::Error;
use flight::Flight;
use keeper::Keeper;

use crate::policy::Rate;

/// Nanoseconds, as all times in the file.
const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;
/// The most entries that are forgotten at once, so that opening and closing take bounded time.
const PRUNED: u32 = 5_000;
/// How long opening the file waits for others.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one call waits for others, whose own calls take less than a thousandth of it.
const SHORT: Duration = Duration::from_millis(100);
/// How long the file is left alone after it failed.
const PAUSE: i64 = 5 * SECOND;

/// What is kept of hosts, open. A host is named by any text that all runs derive in the same way, such as `example.com:443`.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::{Duration, SystemTime};
/// use scrape::ledger::Ledger;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("hosts.db");
/// let now = SystemTime::now();
/// let (mut one, mut other) = (Ledger::open(&path, now)?, Ledger::open(&path, now)?);
/// let rates = ["2/s".parse()?];
/// assert_eq!(one.reserve("example.com:443", &rates, NonZeroU32::MIN, now), Ok(()));
/// let later = other.reserve("example.com:443", &rates, NonZeroU32::MIN, now).unwrap_err();
/// assert_eq!(later.duration_since(now)?, Duration::from_millis(500));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Ledger {
    /// This run's name in the file.
    run: i64,
    keeper: Keeper,
    flight: Flight,
    /// The longest wish of a host to be left alone that is heeded.
    heed: i64,
    /// Something of what is in flight could not be written down.
    is_behind: bool,
}

/// What is known of a host.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    /// The host asked to be left alone until then: later than the time of asking, by 25 hours at most.
    pub not_before: Option<SystemTime>,
    /// Requests a second that it was found to bear, in the last 7 days.
    pub rate: Option<f64>,
}

/// A robots.txt that is at most a day old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Robots {
    /// The text, at most 512,000 bytes of it; `None` if there was no such file, so that all is allowed.
    pub text: Option<Vec<u8>>,
    /// When it was fetched.
    pub fetched: SystemTime,
}

impl Ledger {
    /// Opens the file or begins one, and forgets what has expired in it. A damaged one is moved to `FILE.corrupt`, with a
    /// warning, and a fresh one begun. Waits at most some seconds for other processes.
    ///
    /// # Errors
    /// It cannot be opened, made or written, it is locked, or it is not a file of this program and version.
    pub fn open(path: &Path, now: SystemTime) -> Result<Self, Error> {
        let run = i64::from_ne_bytes(fastrand::u64(1..).to_ne_bytes());
        let mut ledger =
            Self { run, keeper: Keeper::open(path)?, flight: Flight::new(path, run), heed: i64::MAX, is_behind: false };
        ledger.prune(now);
        ledger.keeper.hurry();
        Ok(ledger)
    }

    /// Heeds the wishes of hosts to be left alone only so far, from when they were seen. Without it, for a day.
    #[must_use]
    pub fn heeding(self, most: Duration) -> Self {
        Self { heed: i64::try_from(most.as_nanos()).unwrap_or(i64::MAX), ..self }
    }

    /// What is known of a host and has not expired.
    #[must_use]
    pub fn known(&mut self, key: &str, now: SystemTime) -> Option<Known> {
        let (at, heed) = (nanos(now), self.heed);
        self.keeper.with(at, |store| facts::known(store.read(), key, heed, at)).flatten()
    }

    /// Draws one token from each of the host's rates, for a request that starts now: all at once or none, over all runs that
    /// share the file. Each rate's bucket holds `burst` tokens. Without a rate, only the host's own wish to be left alone counts.
    ///
    /// # Errors
    /// Not yet: the time to ask again. A slot is kept for this run from then on, for a quarter of a second.
    pub fn reserve(&mut self, key: &str, rates: &[Rate], burst: NonZeroU32, now: SystemTime) -> Result<(), SystemTime> {
        let (at, run, heed) = (nanos(now), self.run, self.heed);
        let later = self.keeper.write(at, |file| {
            let not_before = facts::not_before(file, key, heed, at)?;
            turn::reserve(file, (run, key), rates, burst, (not_before, at))
        });
        later.flatten().map_or(Ok(()), |later| Err(time(later)))
    }

    /// A host asked to be left alone, by all runs; for a day at most. An earlier wish that reaches further stands.
    pub fn hold_off(&mut self, key: &str, until: SystemTime, now: SystemTime) {
        let at = nanos(now);
        self.keeper.write(at, |file| facts::hold_off(file, key, nanos(until), at));
    }

    /// Keeps the requests a second that the host was found to bear, or that nothing is known of that. Counts as a contact.
    pub fn learn(&mut self, key: &str, rate: Option<f64>, now: SystemTime) {
        let at = nanos(now);
        self.keeper.write(at, |file| facts::learn(file, key, rate, at));
    }

    /// The robots.txt of an origin, such as `https://example.com`, if it was fetched in the last 24 hours.
    #[must_use]
    pub fn robots(&mut self, origin: &str, now: SystemTime) -> Option<Robots> {
        let at = nanos(now);
        self.keeper.with(at, |store| facts::robots(store.read(), origin, at)).flatten()
    }

    /// Keeps the robots.txt of an origin that was fetched now; `None` if there is no such file. One that could not be reached is
    /// not for keeping: RFC 9309 wants it asked for again.
    pub fn keep_robots(&mut self, origin: &str, text: Option<&[u8]>, now: SystemTime) {
        let at = nanos(now);
        self.keeper.write(at, |file| facts::keep_robots(file, origin, text, at));
    }

    /// Counts one more request in flight to the host, unless all living runs together have `limit` of them already. Nobody is
    /// told when another run's request ends: ask again when one of this run's does, or in a while.
    #[must_use]
    pub fn enter(&mut self, key: &str, limit: usize, now: SystemTime) -> bool {
        if !self.flight.is_held() {
            let flight = &self.flight;
            self.keeper.write(nanos(now), |file| flight.announce(file));
            if let Err(cause) = self.flight.hold() {
                self.keeper.warn(&cause);
            }
        }
        let flight = &self.flight;
        let may = self.keeper.write(nanos(now), |file| flight.enter(file, key, limit)).unwrap_or(true);
        if may {
            self.flight.count(key, true);
        }
        may
    }

    /// A request that was counted by [`enter`](Self::enter) has ended.
    pub fn leave(&mut self, key: &str, now: SystemTime) {
        let count = self.flight.count(key, false);
        let (flight, is_behind) = (&self.flight, self.is_behind);
        let told =
            self.keeper.write(nanos(now), |file| if is_behind { flight.tell_all(file) } else { flight.tell(file, key, count) });
        // What was not written down now is with the next one, so that no place stays taken for others.
        self.is_behind = told.is_none();
    }

    /// Tells the other runs that this one is no longer at work, and forgets what has expired. A ledger that is only dropped is
    /// taken for one at work for a minute, or two periods of its rates if that is longer.
    pub fn close(mut self, now: SystemTime) {
        let (run, flight) = (self.run, &self.flight);
        self.keeper.write(nanos(now), |file| {
            turn::release(file, run)?;
            flight.release(file)
        });
        self.prune(now);
    }

    fn prune(&mut self, now: SystemTime) {
        let (at, flight) = (nanos(now), &self.flight);
        self.keeper.write(at, |file| {
            facts::prune(file, at)?;
            turn::prune(file, at)?;
            flight.prune(file)
        });
    }
}

/// A time as it is written down; what lies before 1970 or after 2262 is the nearest of them.
fn nanos(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// A time as it was written down.
fn time(nanos: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}
