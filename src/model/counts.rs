//! What a summary counts beside the sums: by host, by field, by time.

use std::sync::Arc;

/// The records of one host, or of several together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records with data.
    pub ok: u64,
    /// Records with an error.
    pub failed: u64,
    /// Length of the decoded bodies, in bytes.
    pub bytes: u64,
}

impl Counts {
    /// All of them.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.ok + self.failed
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.bytes += other.bytes;
    }
}

/// One host's records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCounts {
    /// `host:port`.
    pub host: Box<str>,
    /// What was counted of it.
    pub counts: Counts,
}

/// How often a field had a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// The field's name.
    pub field: Arc<str>,
    /// The records without an error in which it is not null, not an empty text and not an empty list.
    pub matched: u64,
}

/// How long the last attempts of the records took (their `elapsed_ms`), in milliseconds. A percentile is exact to three digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// The records that have a time.
    pub count: u64,
    /// All of it.
    pub sum: u64,
    /// The shortest.
    pub min: u64,
    /// Half of them took no longer than this,
    pub p50: u64,
    /// nine in ten,
    pub p90: u64,
    /// nineteen in twenty,
    pub p95: u64,
    /// ninety-nine in a hundred.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}
