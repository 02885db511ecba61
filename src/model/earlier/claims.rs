//! Which records belong to which targets: the first reading of the list claims, the second one takes.

use std::hash::RandomState;
use std::ops::Range;

use super::{Earlier, HASH, INDEX, MARKS, entry, hash};

/// A target has this record's index and URL.
const CLAIMED: u128 = 1;

/// A target without a record of its own has this record's URL: so many records of it are wanted, from the first one on.
const WANTED: u128 = 2;

/// The entry is no record but says how many of its URL are left to take.
const LEFT: u128 = 1 << (MARKS + INDEX);

/// The finished targets while the list is read for the first time. Every target is to be told once.
#[derive(Debug)]
pub struct Claims(Sorted);

impl Claims {
    pub(super) fn new(earlier: Earlier) -> Self {
        let Earlier { key, mut finished } = earlier;
        finished.sort_unstable();
        Self(Sorted::new(key, finished))
    }

    /// A target of the list, with its URL as its record would show it.
    pub fn claim(&mut self, index: u64, url: &str) {
        let hash = hash(&self.0.key, url);
        let run = self.0.run(hash);
        let records = &mut self.0.entries[run];
        let own = entry(hash, index) >> MARKS;
        let at = records.partition_point(|record| record >> MARKS < own);
        if let Some(record) = records.get_mut(at).filter(|record| **record >> MARKS == own) {
            *record |= CLAIMED;
            return;
        }
        let wanted = records.partition_point(|record| record & WANTED > 0);
        if let Some(record) = records.get_mut(wanted) {
            *record |= WANTED;
        }
    }

    /// What the second reading is to ask.
    #[must_use]
    pub fn settle(self) -> Finished {
        let Sorted { key, mut entries, .. } = self.0;
        let (mut kept, mut start, mut count) = (0, 0, 0);
        while start < entries.len() {
            let hash = entries[start] >> HASH;
            let (mut at, mut free, mut wanted) = (start, 0_u64, 0_u64);
            while let Some(&record) = entries.get(at).filter(|record| **record >> HASH == hash) {
                at += 1;
                wanted += u64::from(record & WANTED > 0);
                if record & CLAIMED > 0 {
                    entries[kept] = record & !(CLAIMED | WANTED);
                    kept += 1;
                    count += 1;
                } else {
                    free += 1;
                }
            }
            let left = free.min(wanted);
            if left > 0 {
                // There is room: a free record was not kept.
                entries[kept] = entry(hash, left) | LEFT;
                kept += 1;
                count += left;
            }
            start = at;
        }
        entries.truncate(kept);
        Finished { sorted: Sorted::new(key, entries), count }
    }
}

/// The targets of the list that are finished. In the second reading every target is to be asked for once, in the order of the list.
#[derive(Debug)]
pub struct Finished {
    sorted: Sorted,
    count: u64,
}

impl Finished {
    /// How many targets of the list there are, all in all.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether this target is finished. That uses up what says so.
    pub fn take(&mut self, index: u64, url: &str) -> bool {
        let hash = hash(&self.sorted.key, url);
        let run = self.sorted.run(hash);
        let entries = &mut self.sorted.entries[run];
        if entries.binary_search(&entry(hash, index)).is_ok() {
            return true;
        }
        match entries.last_mut() {
            Some(last) if *last & LEFT > 0 && *last > (entry(hash, 0) | LEFT) => {
                *last -= 1 << MARKS;
                true
            }
            _ => false,
        }
    }
}

/// Entries in the order of their hashes, those of one hash in the order of their indexes, with a table of where each hash may be.
#[derive(Debug)]
struct Sorted {
    key: [RandomState; 2],
    entries: Vec<u128>,
    /// Where the entries begin whose hashes begin with each number of `bits` bits, and where the last ones end.
    starts: Vec<usize>,
    bits: u32,
}

/// So many entries are behind one place of the table, on average.
const BEHIND: usize = 16;

impl Sorted {
    fn new(key: [RandomState; 2], entries: Vec<u128>) -> Self {
        let bits = (entries.len() / BEHIND).max(2).ilog2();
        let mut starts = Vec::with_capacity((1 << bits) + 1);
        for (at, entry) in entries.iter().enumerate() {
            while starts.len() <= top(*entry, bits) {
                starts.push(at);
            }
        }
        starts.resize((1 << bits) + 1, entries.len());
        Self { key, entries, starts, bits }
    }

    /// The entries that have a hash.
    fn run(&self, hash: u128) -> Range<usize> {
        let place = top(hash << HASH, self.bits);
        let (first, last) = (self.starts[place], self.starts[place + 1]);
        let near = &self.entries[first..last];
        let start = near.partition_point(|entry| entry >> HASH < hash);
        let length = near[start..].partition_point(|entry| entry >> HASH == hash);
        first + start..first + start + length
    }
}

/// The first bits of an entry.
fn top(entry: u128, bits: u32) -> usize {
    usize::try_from(entry >> (u128::BITS - bits)).expect("the table has a place for each, and is in memory")
}
