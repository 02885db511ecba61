//! The targets that an earlier run finished, as its output says.

use std::hash::{BuildHasher, RandomState};

/// A record of an earlier run takes this many bits for its index: a million million targets.
const INDEX: u32 = 40;

/// The finished targets: a multiset of indexes and URLs, 16 bytes each. URLs are kept as 88-bit hashes under a random key:
/// nobody can aim for a collision, and among ten million one comes by chance once in some 10^12 runs.
#[derive(Clone, Debug, Default)]
pub struct Earlier {
    key: [RandomState; 2],
    finished: Vec<u128>,
}

impl Earlier {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.finished.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.finished.is_empty()
    }

    /// Adds a finished target: its index, and its URL as its record shows it.
    pub fn add(&mut self, index: u64, url: &str) {
        let entry = self.entry(index, url);
        self.finished.push(entry);
    }

    /// A target as it is kept here: two are the same target if these are the same.
    pub(crate) fn entry(&self, index: u64, url: &str) -> u128 {
        self.hash(url) << INDEX | u128::from(index & ((1 << INDEX) - 1))
    }

    /// The targets, in the order in which they were added.
    pub(crate) fn entries(&self) -> &[u128] {
        &self.finished
    }

    /// The targets, to be sorted or dropped.
    pub(crate) fn entries_mut(&mut self) -> &mut Vec<u128> {
        &mut self.finished
    }

    fn hash(&self, url: &str) -> u128 {
        let [high, low] = self.key.each_ref().map(|key| u128::from(key.hash_one(url)));
        (high << 64 | low) >> INDEX
    }
}
