//! Trying again what failed: the records without an error go to a file of their own, which the others are added to.
//!
//! Such a file may be there already, of a run that was stopped. What it has stays; what it lacks of the first file's records
//! without an error is added to it. The first file is only read. If that has changed since all the same, the tries are of another
//! file than this one, and begun anew. What failed and was not tried again is [carried over](super::carry) at the end.

use std::fs::File;
use std::path::Path;

use super::super::Error;
use super::book::{Book, tell};
use super::scan::Survey;
use super::{Bits, Journal, Keep};
use crate::model::Earlier;

/// What is to be done before a file of tries is gone on with.
pub(super) struct Plan {
    survey: Survey,
    /// The first file's records that are to be added.
    wanted: Bits,
    any: bool,
    /// The records that stay, if not all.
    stay: Option<Bits>,
}

/// Reads both files. Nothing is changed. `once_more` says that another output cannot tell a try that failed from what it has tried
/// again: then none is finished.
pub(super) fn plan(book: &mut Book<'_>, path: &Path, old: &File, once_more: bool) -> Result<Plan, Error> {
    let (mut keys, mut failed, mut place) = (Earlier::default(), Bits::default(), 0);
    book.read(&mut |entry| {
        keys.add(entry.index, &entry.url);
        if entry.failed {
            failed.set(place);
        }
        place += 1;
    })?;
    let mut has = Has { own: keys.entries(), failed: &failed, at: 0, sorted: None, stale: Bits::default() };
    let (mut wanted, mut any, mut place) = (Bits::default(), false, 0);
    let survey = book.read_other(path, old, &mut |entry| {
        if !entry.failed && !has.claim(keys.entry(entry.index, &entry.url)) {
            wanted.set(place);
            any = true;
        }
        place += 1;
    })?;
    book.check_heads(path, old, &survey)?;
    let goes = |place: &u64| has.stale.has(*place) || once_more && failed.has(*place);
    let places = 0..has.own.len() as u64;
    let stay = places.clone().any(|place| goes(&place)).then(|| {
        let mut stay = Bits::default();
        places.filter(|place| !goes(place)).for_each(|place| stay.set(place));
        stay
    });
    Ok(Plan { survey, wanted, any, stay })
}

impl Plan {
    /// Makes the file of tries whole and adds what it lacks.
    pub(super) fn carry_out(self, book: &mut Book<'_>, path: &Path, old: &File) -> Result<(), Error> {
        tell(path, &self.survey, "left out");
        book.forget_stale(path)?;
        book.keep(&self.stay.map_or(Keep::First(u64::MAX), Keep::Those))?;
        if self.any || book.is_empty()? {
            book.copy(old, self.survey.head, &|place| self.wanted.has(place))?;
        }
        Ok(())
    }
}

/// The records that a file of tries has. It begins with those of the first file, in their order, so that one look at the next
/// is enough for each; only where it does not are they sorted.
struct Has<'a> {
    own: &'a [u128],
    failed: &'a Bits,
    at: usize,
    sorted: Option<Sorted>,
    /// Tries that failed of pages that the first file has.
    stale: Bits,
}

impl Has<'_> {
    /// Whether there is one without an error for this record of the first file, which no other has claimed.
    fn claim(&mut self, entry: u128) -> bool {
        let place = match &mut self.sorted {
            Some(sorted) => sorted.claim(entry),
            None => match self.own.get(self.at) {
                // Every one is claimed.
                None => None,
                Some(next) if *next == entry => {
                    self.at += 1;
                    Some(self.at - 1)
                }
                Some(_) => self.sorted.insert(Sorted::new(self.own, self.at)).claim(entry),
            },
        };
        let place = place.map(|place| place as u64);
        match place {
            Some(place) if self.failed.has(place) => {
                self.stale.set(place);
                false
            }
            place => place.is_some(),
        }
    }
}

/// Records by their targets, each to be claimed once.
struct Sorted {
    /// The targets and the places of their records.
    all: Vec<(u128, usize)>,
    claimed: Bits,
}

impl Sorted {
    /// The records from a place on.
    fn new(own: &[u128], from: usize) -> Self {
        let mut all: Vec<_> = own.iter().copied().zip(0..).skip(from).collect();
        all.sort_unstable();
        Self { all, claimed: Bits::default() }
    }

    fn claim(&mut self, entry: u128) -> Option<usize> {
        let first = self.all.partition_point(|(other, _)| *other < entry);
        let equal = self.all[first..].iter().take_while(|(other, _)| *other == entry).count();
        let at = (first..first + equal).find(|at| !self.claimed.has(*at as u64))?;
        self.claimed.set(at as u64);
        Some(self.all[at].1)
    }
}
