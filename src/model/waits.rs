//! What a run waits for, when nothing completes or somebody asks.

use std::fmt;
use std::time::{Duration, Instant};

use super::flight::Flying;

/// What a run waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// Somebody asked; otherwise nothing has completed for too long.
    pub asked: bool,
    /// How long nothing has completed.
    pub waited: Duration,
    /// How far the run is.
    pub stage: Stage,
    /// The requests under way, the oldest first.
    pub in_flight: Vec<Flying>,
    /// The hosts that may not be asked yet, the soonest first; of many only some.
    pub hosts: Vec<HostWait>,
    /// How many such hosts there are.
    pub waiting_hosts: usize,
    /// When the next request may go; `None` when none waits for its turn.
    pub next_at: Option<Instant>,
    /// The output takes nothing.
    pub output: bool,
    /// The input gives nothing.
    pub input: bool,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Its input or its output is being opened.
    Opening,
    /// It fetches.
    #[default]
    Going,
    /// It only finishes what is under way.
    Draining,
    /// Everything is fetched, and the last of it is being written.
    Ending,
}

/// A host that may not be asked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostWait {
    /// Its name, with its port.
    pub host: String,
    /// When it may be asked, where that is known.
    pub until: Option<Instant>,
    /// Why not now.
    pub why: Why,
    /// Its targets that wait with it.
    pub queued: usize,
}

/// Why a host may not be asked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its own rate.
    Rate,
    /// The rate of the whole run.
    RunRate,
    /// It asked for it, with this header.
    Asked(&'static str),
    /// Its last failure is to be retried later.
    Backoff,
    /// It could not be reached several times in a row.
    Circuit,
    /// Its robots.txt is not here yet.
    Robots,
    /// It was slowed down for what it answered.
    Adaptive,
    /// Too many of the requests would be retries.
    Budget,
}

impl Why {
    /// Its name in what programs read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::RunRate => "run_rate",
            Self::Asked(_) => "asked",
            Self::Backoff => "backoff",
            Self::Circuit => "circuit",
            Self::Robots => "robots",
            Self::Adaptive => "adaptive",
            Self::Budget => "budget",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rate => "its rate",
            Self::RunRate => "--rps",
            Self::Asked(header) => header,
            Self::Backoff => "backoff",
            Self::Circuit => "it could not be reached",
            Self::Robots => "its robots.txt",
            Self::Adaptive => "slowed down for its answers",
            Self::Budget => "the retry budget",
        })
    }
}
