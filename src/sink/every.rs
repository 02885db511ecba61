//! When the disk is asked to confirm what was written: by a count of records, or by time.

use std::str::FromStr;
use std::time::{Duration, Instant};

/// How much a power cut may take: this many records, or those of this time.
///
/// ```
/// use std::time::Duration;
/// use scrape::sink::Every;
///
/// assert_eq!("100".parse(), Ok(Every::Records(100)));
/// assert_eq!("500ms".parse(), Ok(Every::Time(Duration::from_millis(500))));
/// assert!("0".parse::<Every>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// After each so many records.
    Records(u64),
    /// So long after a record was written at the latest, whether or not another one comes.
    Time(Duration),
}

/// What is neither a count nor a time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is a count of records from 1, as 100, or a time from 1ms to a day, as 500ms or 5s")]
pub struct EveryError;

impl FromStr for Every {
    type Err = EveryError;

    fn from_str(text: &str) -> Result<Self, EveryError> {
        let text = text.trim();
        let (shortest, longest) = (Duration::from_millis(1), Duration::from_hours(24));
        match (text.parse(), humantime::parse_duration(text)) {
            (Ok(records), _) if records > 0 => Ok(Self::Records(records)),
            (Err(_), Ok(time)) if (shortest..=longest).contains(&time) => Ok(Self::Time(time)),
            _ => Err(EveryError),
        }
    }
}

/// Counts what was written and not confirmed yet. Pure: it takes the time.
#[derive(Debug)]
pub(super) struct Due {
    every: Option<Every>,
    records: u64,
    since: Option<Instant>,
}

impl Due {
    pub(super) const fn new(every: Option<Every>) -> Self {
        Self { every, records: 0, since: None }
    }

    /// How many more records may be written before the disk is asked.
    pub(super) fn room(&self) -> u64 {
        match self.every {
            Some(Every::Records(most)) => most.saturating_sub(self.records),
            _ => u64::MAX,
        }
    }

    /// Records were written. Answers whether the disk is to be asked now.
    pub(super) fn wrote(&mut self, records: u64, now: Instant) -> bool {
        self.records += records;
        if records > 0 {
            self.since.get_or_insert(now);
        }
        self.records > 0 && (self.room() == 0 || self.at().is_some_and(|at| at <= now))
    }

    /// When the disk is to be asked if nothing more is written.
    pub(super) fn at(&self) -> Option<Instant> {
        let Some(Every::Time(time)) = self.every else { return None };
        self.since?.checked_add(time)
    }

    /// The disk has confirmed everything.
    pub(super) const fn synced(&mut self) {
        self.records = 0;
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_counts_records_and_one_with_a_unit_is_a_time() {
        for (text, every) in [("1", Every::Records(1)), (" 5s ", Every::Time(Duration::from_secs(5)))] {
            assert_eq!(text.parse(), Ok(every));
        }
        for text in ["", "0", "0s", "-1", "1.5", "2d", "1us", "often", "99999999999999999999999"] {
            assert!(text.parse::<Every>().is_err(), "{text}");
        }
    }

    #[test]
    fn records_are_counted_until_they_are_synced() {
        let mut due = Due::new(Some(Every::Records(3)));
        let now = Instant::now();
        assert_eq!((due.room(), due.wrote(2, now), due.room()), (3, false, 1));
        assert!(due.wrote(1, now) && due.at().is_none());
        due.synced();
        assert!(!due.wrote(0, now) && due.room() == 3);
    }

    #[test]
    fn the_time_runs_from_the_first_record_that_is_not_synced() {
        let mut due = Due::new(Some(Every::Time(Duration::from_secs(5))));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!((due.at(), due.wrote(0, at(0)), due.room()), (None, false, u64::MAX));
        assert!(!due.wrote(1, at(1)) && !due.wrote(1, at(3)));
        assert_eq!(due.at(), Some(at(6)));
        assert!(due.wrote(1, at(6)));
        due.synced();
        assert!(!due.wrote(0, at(9)) && due.at().is_none());
    }

    #[test]
    fn nothing_is_due_where_nobody_asked() {
        let mut due = Due::new(None);
        assert!(!due.wrote(1000, Instant::now()) && due.at().is_none() && due.room() == u64::MAX);
    }
}
