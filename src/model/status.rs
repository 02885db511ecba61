//! Where a run stands: what the crawl says about itself while it waits.

use std::time::Instant;

use super::waits::Waits;

/// What a crawl says about itself.
#[derive(Clone, Copy, Debug)]
pub enum News<'a> {
    /// It is about to wait; this is where it stands.
    Status(&'a Status),
    /// Nothing has completed for a while, or somebody asked; this is what it waits for.
    Waits(&'a Waits),
}

/// A snapshot of a running crawl, for whoever shows its progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Targets read from the input so far.
    pub read: u64,
    /// Records that the whole list will give; `None` while its length is not known.
    pub total: Option<u64>,
    /// Requests on the wire.
    pub in_flight: usize,
    /// Targets that have been read and not yet been tried.
    pub queued: usize,
    /// Targets that failed and wait to be tried again.
    pub retrying: usize,
    /// Hosts with work that may not be asked yet: a rate limit, a `Retry-After` or a backoff.
    pub waiting_hosts: usize,
    /// When the first of them may be asked; `None` when the run waits for answers only.
    pub next_at: Option<Instant>,
    /// A stop was asked for: only what is in flight is finished.
    pub draining: bool,
}
