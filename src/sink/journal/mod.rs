//! The outputs as the journal of a run: what they hold is what is finished. No second file could disagree with them.
//!
//! [`open`](resume::open) locks the outputs and reads them all before it changes any. [`agree`] leaves in each of them the
//! records that all of them have, whole, in their order and with their bytes, and answers whose they are. What is torn at the
//! end of a file is cut off; where more than an end must go, the file is written anew beside it and swapped in.
//!
//! A format is a file of this folder with a [`Grammar`](scan::Grammar) in it. An output that is not made of bytes takes part
//! as a [`Journal`] of its own.

mod array;
mod book;
mod carry;
mod lines;
mod objects;
mod refusal;
mod resume;
mod retry;
mod rows;
mod scan;
mod swapped;
mod table;

use std::io;
use std::path::Path;

pub(super) use array::Array;
pub(super) use book::Kept;
pub(super) use carry::Carry;
pub(super) use lines::Lines;
pub(super) use resume::open;
pub(super) use rows::{Rows, names, order};
pub(super) use scan::{Entry, Grammar};

use super::Error;
use crate::model::Earlier;

/// No batch of records that are written together has more.
const BATCH: usize = 1000;

/// An output that remembers.
pub(super) trait Journal {
    /// The file.
    fn path(&self) -> &Path;

    /// Hands over every whole record, in the output's order. Nothing is changed.
    ///
    /// # Errors
    /// The output is not of this run's kind, or cannot be read.
    fn read(&mut self, each: &mut dyn FnMut(&Entry<'_>)) -> Result<(), Error>;

    /// Removes the records that are not kept, and all that is none. A kill leaves the output as it was or as it is to be.
    ///
    /// # Errors
    /// The output cannot be written.
    fn keep(&mut self, keep: &Keep) -> Result<(), Error>;
}

/// Which records of an output stay, by their places in its order.
#[derive(Debug)]
pub(super) enum Keep {
    /// So many from the beginning, or all if there are fewer.
    First(u64),
    /// Those whose bits are set.
    Those(Bits),
}

impl Keep {
    fn has(&self, place: u64) -> bool {
        match self {
            Self::First(count) => place < *count,
            Self::Those(bits) => bits.has(place),
        }
    }

    /// How many of `all` stay, if they are the first ones.
    fn prefix(&self, all: u64) -> Option<u64> {
        match self {
            Self::First(count) => Some(all.min(*count)),
            Self::Those(bits) => {
                let first = (0..all).take_while(|place| bits.has(*place)).count() as u64;
                (first..all).all(|place| !bits.has(place)).then_some(first)
            }
        }
    }
}

/// One bit a record.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    fn has(&self, place: u64) -> bool {
        self.0.get(word(place)).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    fn set(&mut self, place: u64) {
        let word = word(place);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (place % 64);
    }
}

fn word(place: u64) -> usize {
    usize::try_from(place / 64).unwrap_or(usize::MAX)
}

/// Leaves in each output what all of them have, and answers whose records that are.
///
/// Every record goes to all outputs in one order, so that those of a killed run differ by what the last ones of some have at
/// their ends: then it takes the memory of one set, and no more than cutting. All else takes the memory of a set for each.
///
/// # Errors
/// As those of [`Journal`]; nothing has been changed where an output is not of this run's kind.
pub(super) fn agree(journals: &mut [&mut dyn Journal]) -> Result<Earlier, Error> {
    let mut earlier = Earlier::default();
    let Some((first, others)) = journals.split_first_mut() else { return Ok(earlier) };
    first.read(&mut |entry| earlier.add(entry.index, &entry.url))?;
    let (mut common, mut same_order, mut counts) = (earlier.len(), true, vec![earlier.len()]);
    for other in others {
        let (mut count, mut same) = (0, 0);
        other.read(&mut |entry| {
            let expected = (same == count).then(|| earlier.entries().get(count)).flatten();
            same += usize::from(expected == Some(&earlier.entry(entry.index, &entry.url)));
            count += 1;
        })?;
        same_order &= same == count.min(earlier.len());
        common = common.min(count);
        counts.push(count);
    }
    if same_order {
        belong_together(journals, &counts, common)?;
        earlier.entries_mut().truncate(common);
        journals.iter_mut().try_for_each(|journal| journal.keep(&Keep::First(common as u64)))?;
        return Ok(earlier);
    }
    intersect(journals, earlier, &counts)
}

/// Outputs of one run that was killed differ by a batch, those of one that lost power by what the disk had not got yet. What differs by
/// more is not of one run: then nothing is taken from either.
fn belong_together(journals: &[&mut dyn Journal], counts: &[usize], common: usize) -> Result<(), Error> {
    for (journal, count) in journals.iter().zip(counts) {
        let lost = count - common;
        if lost > BATCH && lost * 2 > *count {
            return Err(Error::Apart { path: journal.path().to_owned(), count: *count, common });
        }
    }
    Ok(())
}

/// Leaves the records that all outputs have, in whatever order they have them.
fn intersect(journals: &mut [&mut dyn Journal], mut earlier: Earlier, counts: &[usize]) -> Result<Earlier, Error> {
    let mut all = std::mem::take(earlier.entries_mut());
    all.sort_unstable();
    for journal in &mut *journals {
        let mut own = Vec::new();
        journal.read(&mut |entry| own.push(earlier.entry(entry.index, &entry.url)))?;
        own.sort_unstable();
        // Both are sorted: what stays of one has its equal in the other, each time it is there.
        let mut at = 0;
        all.retain(|entry| {
            at += own[at..].partition_point(|other| other < entry);
            let has = own.get(at) == Some(entry);
            at += usize::from(has);
            has
        });
    }
    belong_together(journals, counts, all.len())?;
    for journal in journals {
        let (mut taken, mut keep, mut place) = (Common::new(&all), Bits::default(), 0);
        journal.read(&mut |entry| {
            if taken.claim(earlier.entry(entry.index, &entry.url)) {
                keep.set(place);
            }
            place += 1;
        })?;
        journal.keep(&Keep::Those(keep))?;
    }
    *earlier.entries_mut() = all;
    Ok(earlier)
}

/// A sorted multiset whose members can each be claimed once.
struct Common<'a> {
    all: &'a [u128],
    taken: Bits,
}

impl<'a> Common<'a> {
    fn new(all: &'a [u128]) -> Self {
        Self { all, taken: Bits::default() }
    }

    fn claim(&mut self, entry: u128) -> bool {
        let first = self.all.partition_point(|other| *other < entry);
        let equal = self.all[first..].iter().take_while(|other| **other == entry).count();
        let free = (first..first + equal).map(|at| at as u64).find(|at| !self.taken.has(*at));
        free.inspect(|at| self.taken.set(*at)).is_some()
    }
}

/// A text without the mark that some programs put before it.
fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// How many bytes stand before the first that says something; `None` where it has not come yet.
fn lead(bytes: &[u8], ended: bool) -> Option<usize> {
    let text = without_bom(bytes).trim_ascii_start();
    (ended || !is_nothing(text)).then(|| bytes.len() - text.len())
}

/// What a file system leaves where bytes were lost: zeros, or no bytes at all.
fn is_nothing(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// The error for a file that cannot be read.
fn unread(path: &Path, source: io::Error) -> Error {
    Error::Read { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
