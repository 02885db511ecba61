//! What a crawl is told, what it is given, and what it says it did.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender};

use super::stop::Stop;
use crate::extract::Extractor;
use crate::frontier;
use crate::ledger::Ledger;
use crate::model::{Ended, Read, Record, Secrets, Slowed};

/// How the crawl works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Requests in flight at most. Default 20.
    pub concurrency: usize,
    /// Records leave in input order, at most [`ORDERED_WINDOW`](super::ORDERED_WINDOW) of them held back. Default: as they complete.
    pub ordered: bool,
    /// No request starts later than this after the crawl's start. Default: none.
    pub deadline: Option<Duration>,
    /// How long a stop or the deadline lets requests in flight go on. Default 10 s.
    pub grace: Duration,
    /// After how long with nothing completed it is said what is waited for. Default 10 s.
    pub patience: Duration,
    /// Where what was learned of hosts is kept between runs, and shared with runs at the same time. Default: nowhere.
    pub pace_state: Option<PathBuf>,
    /// Who goes when.
    pub frontier: frontier::Settings,
    /// What is not to be shown in records beside credentials. Default: nothing.
    pub secrets: Secrets,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 20,
            ordered: false,
            deadline: None,
            grace: Duration::from_secs(10),
            patience: Duration::from_secs(10),
            pace_state: None,
            frontier: frontier::Settings::default(),
            secrets: Secrets::default(),
        }
    }
}

/// What a crawl needs from outside.
#[derive(Debug)]
pub struct Line<F> {
    /// Where targets come from.
    pub targets: Receiver<Read>,
    /// How many there are to fetch, as soon as that is known.
    pub total: Arc<OnceLock<u64>>,
    /// Where records go.
    pub records: Sender<Record>,
    /// Who answers requests.
    pub fetch: F,
    /// Who reads pages.
    pub extract: Arc<Extractor>,
    /// The most bytes of a decoded body.
    pub max_body: u64,
    /// What is kept of hosts beyond this run, if that is wanted.
    pub ledger: Option<Ledger>,
    /// Who may stop it.
    pub stop: Stop,
}

/// What a crawl did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Crawled {
    /// Targets taken in, skipped ones included.
    pub read: u64,
    /// Targets that were not to be fetched.
    pub skipped: u64,
    /// Requests sent.
    pub requests: u64,
    /// Those of them that were for robots.txt files.
    pub robots: u64,
    /// The hosts whose answers changed their pace, with the pace that they came to.
    pub slowed: Vec<Slowed>,
    /// Why targets that had been parked could not be read back: the run broke.
    pub broken: Option<String>,
    /// Attempts beyond the first of a target.
    pub retries: u64,
    /// Why it ended.
    pub ended: Ended,
    /// The output took nothing until the grace time was over: what it holds may never get through.
    pub is_blocked: bool,
    /// The list was read to its end.
    pub input_complete: bool,
}
