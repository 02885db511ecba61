//! What a run came to: the counts that are printed and decided on at its end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::counts::{Counts, HostCounts, Latency, Matched};
use super::failure::ErrorKind;

/// The counts of a run that has ended.
///
/// ```
/// use scrape::model::Summary;
/// let summary = Summary { read: 1000, ok: 990, failed: 8, skipped: 2, ..Summary::default() };
/// assert_eq!(summary.identity(), "in 1000 = ok 990 + failed 8 + skipped 2 + left 0");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Targets read from the input.
    pub read: u64,
    /// Records with data.
    pub ok: u64,
    /// Records with an error.
    pub failed: u64,
    /// Targets that were not to be fetched: repeated, or done in an earlier run.
    pub skipped: u64,
    /// Lines of the input that are blank or comments, and so no targets.
    pub passed_over: u64,
    /// Targets that were read and have no record, because the run was stopped first.
    pub left: u64,
    /// The failed records by kind.
    pub kinds: BTreeMap<ErrorKind, u64>,
    /// The failed records of kind `http_status` by status.
    pub statuses: BTreeMap<u16, u64>,
    /// All records by the last status that they received; those that received none are in no count.
    pub answers: BTreeMap<u16, u64>,
    /// The hosts of the targets with the most records, the busiest first; at most [`MOST_HOSTS`](Self::MOST_HOSTS). Where a list has
    /// more hosts than can be watched at a time, what one had before it was among the busiest is in `other_hosts`.
    pub hosts: Vec<HostCounts>,
    /// The records of all other hosts, and of lines that name none.
    pub other_hosts: Counts,
    /// How often each field had a value, in the order of the fields.
    pub fields: Vec<Matched>,
    /// How long answers took.
    pub latency: Latency,
    /// Length of the decoded bodies, in bytes.
    pub bytes: u64,
    /// Length of the bodies of pages as they were received, before their content codings were undone, in bytes.
    pub received: u64,
    /// Redirects followed on the way to pages.
    pub redirects: u64,
    /// How long places were free for requests and none of those that waited might go, by what the next of them waited for (the
    /// [names](super::Why::name) of the reasons).
    pub waits: BTreeMap<&'static str, Duration>,
    /// Requests sent, with the hops of redirects, robots.txt files and retries.
    pub requests: u64,
    /// Those of them that were for robots.txt files.
    pub robots: u64,
    /// The hosts whose answers changed their pace, by name; at most a thousand.
    pub slowed: Vec<Slowed>,
    /// Attempts beyond the first of a target.
    pub retries: u64,
    /// When it began, on the wall clock; `None` where it did not.
    pub started: Option<SystemTime>,
    /// How long the run took.
    pub elapsed: Duration,
    /// Why it ended.
    pub ended: Ended,
    /// With [`Ended::FirstFailure`]: the record that ended it.
    pub ended_by: Option<Culprit>,
    /// With outputs that were to replace files: the files that have this run's records, because the run did not finish.
    pub partial: Vec<PathBuf>,
    /// The list was read to its end; if not, there may be targets that are in none of the counts.
    pub input_complete: bool,
}

/// A host whose answers changed its pace, and the pace that it came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Slowed {
    /// `host:port`, or what shared its limits.
    pub host: Box<str>,
    /// Requests a second; `None` for no bound.
    pub rate: Option<f64>,
    /// Requests in flight; `None` for no bound.
    pub in_flight: Option<usize>,
    /// Which signal changed it the last time.
    pub why: &'static str,
}

/// The record whose failure ended a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Culprit {
    /// Its URL, as the record has it.
    pub url: Box<str>,
    /// The kind of failure.
    pub kind: ErrorKind,
    /// The record's line for a person.
    pub message: Box<str>,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ended {
    /// Nothing was left to do.
    #[default]
    Finished,
    /// Somebody asked for it: a signal.
    Stopped,
    /// A record failed, and the first that does was to end it.
    FirstFailure,
    /// Its deadline came.
    Deadline,
    /// The reader of the output went away.
    OutputClosed,
    /// The input could not be read on, or the output could not be written on.
    Broken,
}

impl Ended {
    /// Its name in what programs read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::FirstFailure => "first_failure",
            Self::Deadline => "deadline",
            Self::OutputClosed => "output_closed",
            Self::Broken => "broken",
        }
    }
}

impl Summary {
    /// So many hosts are named in `hosts`.
    pub const MOST_HOSTS: usize = 1000;

    /// The records that were written.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.ok + self.failed
    }

    /// Whether every target read is in exactly one count. It always is.
    #[must_use]
    pub const fn adds_up(&self) -> bool {
        self.read == self.ok + self.failed + self.skipped + self.left
    }

    /// The identity that ends every summary.
    #[must_use]
    pub fn identity(&self) -> String {
        debug_assert!(self.adds_up(), "a target was lost or counted twice: {self:?}");
        let Self { read, ok, failed, skipped, left, .. } = self;
        format!("in {read} = ok {ok} + failed {failed} + skipped {skipped} + left {left}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_target_does_not_add_up() {
        let whole = Summary { read: 5, ok: 2, failed: 1, skipped: 1, left: 1, ..Summary::default() };
        assert!(whole.adds_up());
        assert!(!Summary { read: 6, ..whole.clone() }.adds_up());
        assert!(!Summary { left: 2, ..whole }.adds_up());
    }
}
