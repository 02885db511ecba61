//! The targets that an earlier run finished, as its output says, and which targets of the list those are.
//!
//! A record finishes the target that has its index and its URL. One that no target has a claim to like that finishes a target that
//! has its URL, wherever that stands: lines were added or moved since. Each record finishes one target.
//!
//! So the list is read twice: [`Earlier`] is what the records say, [`Claims`] is told every target once, and [`Finished`] once more
//! which of them are not to be fetched again.

mod claims;

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};

pub use claims::{Claims, Finished};

/// The bits of an entry, from the lowest: two [marks](claims), then an index (or how many records are left), then whether it is no
/// index, then the URL's hash.
const MARKS: u32 = 2;
const INDEX: u32 = 39;
const HASH: u32 = MARKS + INDEX + 1;

/// The finished targets: a multiset of indexes and URLs, 16 bytes each. URLs are kept as 86-bit hashes under a random key:
/// nobody can aim for a collision, and among ten million one comes by chance once in some 10^12 runs. An index counts up to 2^39.
///
/// ```
/// use scrape::model::Earlier;
/// let mut earlier = Earlier::default();
/// earlier.add(1, "http://a.example/");
/// earlier.add(2, "http://b.example/");
///
/// let mut claims = earlier.claims();
/// let list = ["http://new.example/", "http://b.example/", "http://a.example/"];
/// (1..).zip(list).for_each(|(index, url)| claims.claim(index, url));
///
/// let mut finished = claims.settle();
/// assert_eq!(finished.len(), 2);
/// let to_do: Vec<_> = (1..).zip(list).filter(|(index, url)| !finished.take(*index, url)).collect();
/// assert_eq!(to_do, [(1, "http://new.example/")]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Earlier {
    key: [RandomState; 2],
    finished: Vec<u128>,
}

impl Earlier {
    /// How many bits of an entry are free for whoever keeps it.
    pub(crate) const MARKS: u32 = MARKS;

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
        self.finished.push(self.entry(index, url));
    }

    /// Goes on to ask which targets of the list these are.
    #[must_use]
    pub fn claims(self) -> Claims {
        Claims::new(self)
    }

    /// A target as it is kept here: two are the same target if these are the same. The lowest [`MARKS`](Self::MARKS) bits are 0.
    pub(crate) fn entry(&self, index: u64, url: &str) -> u128 {
        entry(hash(&self.key, url), index)
    }

    /// What of a target is its URL: the same for two of one URL.
    pub(crate) const fn url_of(entry: u128) -> u128 {
        entry >> HASH
    }

    /// The targets, in the order in which they were added.
    pub(crate) fn entries(&self) -> &[u128] {
        &self.finished
    }

    /// The targets, to be sorted or dropped.
    pub(crate) fn entries_mut(&mut self) -> &mut Vec<u128> {
        &mut self.finished
    }
}

/// A target that has this hash and index.
fn entry(hash: u128, index: u64) -> u128 {
    hash << HASH | u128::from(index & ((1 << INDEX) - 1)) << MARKS
}

fn hash(key: &[RandomState; 2], url: &str) -> u128 {
    // Tables cannot have it, and write it so.
    let url = if url.contains('\0') { Cow::Owned(url.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(url) };
    let [high, low] = key.each_ref().map(|key| u128::from(key.hash_one(&*url)));
    (high << 64 | low) >> HASH
}

#[cfg(test)]
mod tests;
