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
        let entry = self.hash(url) << INDEX | u128::from(index & ((1 << INDEX) - 1));
        self.finished.push(entry);
    }

    fn hash(&self, url: &str) -> u128 {
        let [high, low] = self.key.each_ref().map(|key| u128::from(key.hash_one(url)));
        (high << 64 | low) >> INDEX
    }
}
