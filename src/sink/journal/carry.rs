//! What failed stays until something replaces it: the failed records of a file that no try has replaced are carried over to the
//! file of tries, once that has all of the run's.
//!
//! The two files themselves say which ones these are. Of a URL, the records of the file of tries that are no copies are new: so many
//! failures are replaced, first those that have the index of a try, then those that come first in the list.

use std::fs::File;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;

use super::super::Error;
use super::book::stopped;
use super::scan::{Each, Entry, Grammar, scan};
use crate::model::Earlier;

/// A file and its tries, to be looked at when the run is complete.
pub(in crate::sink) struct Carry {
    pub(super) old: File,
    pub(super) tries: File,
    /// The names of the two, and of their format, for errors.
    pub(super) names: [PathBuf; 2],
    pub(super) format: &'static str,
    pub(super) grammar: Box<dyn Grammar>,
}

impl Carry {
    /// Hands over the failed records that nothing has replaced, in their order and with their bytes. Takes the memory of 20 bytes for
    /// each failed record.
    ///
    /// # Errors
    /// One of the files cannot be read, or what `each` says.
    pub(in crate::sink) fn each(mut self, each: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        let key = Earlier::default();
        let mut failed = Vec::new();
        self.look_at(0, &mut |entry| {
            if entry.failed {
                failed.push(key.entry(entry.index, &entry.url));
            }
        })?;
        let mut failed = Failed::new(failed);
        if failed.all.is_empty() {
            return Ok(());
        }
        self.look_at(1, &mut |entry| failed.is_in_tries(key.entry(entry.index, &entry.url)))?;
        self.look_at(0, &mut |entry| {
            if !entry.failed {
                failed.has_copy(key.entry(entry.index, &entry.url));
            }
        })?;
        failed.settle();
        let mut outcome = Ok(());
        self.scan(0, &mut |_, entry| {
            if entry.failed && failed.take(key.entry(entry.index, &entry.url)) {
                outcome = each(entry.raw);
            }
            Ok(if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        outcome
    }

    fn look_at(&mut self, which: usize, each: &mut dyn FnMut(&Entry<'_>)) -> Result<(), Error> {
        self.scan(which, &mut |_, entry| {
            each(entry);
            Ok(ControlFlow::Continue(()))
        })
    }

    fn scan(&mut self, which: usize, each: &mut Each<'_>) -> Result<(), Error> {
        let file = [&self.old, &self.tries][which];
        let done = scan(file, &mut *self.grammar, each);
        done.map(drop).map_err(|stop| stopped(&self.names[which], self.format, stop))
    }
}

/// Something has replaced this failure.
const REPLACED: u128 = 1;

/// It was carried over.
const TAKEN: u128 = 2;

/// The failures of a file, sorted by their URLs and indexes, with marks. Of equal ones the first have them.
struct Failed {
    all: Vec<u128>,
    /// At the place of a URL's first failure: how many new records it has.
    new: Vec<i32>,
}

impl Failed {
    fn new(mut all: Vec<u128>) -> Self {
        all.sort_unstable();
        let new = vec![0; all.len()];
        Self { all, new }
    }

    /// The failures of this entry's URL.
    fn of_url(&self, entry: u128) -> Range<usize> {
        let url = Earlier::url_of(entry);
        let start = self.all.partition_point(|other| Earlier::url_of(*other) < url);
        start..start + self.all[start..].partition_point(|other| Earlier::url_of(*other) == url)
    }

    /// The next of those that have its index too and no mark.
    fn next(&mut self, entry: u128) -> Option<&mut u128> {
        let own = entry >> Earlier::MARKS;
        let is_before = |other: &u128| other >> Earlier::MARKS < own || other >> Earlier::MARKS == own && *other != entry;
        let start = self.all.partition_point(is_before);
        self.all.get_mut(start).filter(|other| **other == entry)
    }

    fn is_in_tries(&mut self, entry: u128) {
        self.count(entry, 1);
        if let Some(failure) = self.next(entry) {
            *failure |= REPLACED;
        }
    }

    fn has_copy(&mut self, entry: u128) {
        self.count(entry, -1);
    }

    fn count(&mut self, entry: u128, more: i32) {
        let of_url = self.of_url(entry);
        if !of_url.is_empty() {
            self.new[of_url.start] = self.new[of_url.start].saturating_add(more);
        }
    }

    /// Marks as many of each URL as it has new records.
    fn settle(&mut self) {
        let mut start = 0;
        while let Some(first) = self.all.get(start) {
            let of_url = self.of_url(*first);
            let mut new = self.new[start];
            start = of_url.end;
            let group = &mut self.all[of_url];
            for failure in group.iter_mut().filter(|failure| **failure & REPLACED > 0) {
                if new > 0 {
                    new -= 1;
                } else {
                    *failure &= !REPLACED;
                }
            }
            for failure in group.iter_mut().filter(|failure| **failure & REPLACED == 0) {
                if new > 0 {
                    *failure |= REPLACED;
                    new -= 1;
                }
            }
        }
    }

    /// Whether this failure is one that nothing has replaced. Each is asked for once.
    fn take(&mut self, entry: u128) -> bool {
        self.next(entry).is_some_and(|failure| {
            *failure |= TAKEN;
            true
        })
    }
}
