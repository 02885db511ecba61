//! What a crawl is told, what it is given, and what it says it did.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender};

use super::stop::Stop;
use crate::bodies::{self, Bodies};
use crate::extract::Extractor;
use crate::frontier;
use crate::ledger::Ledger;
use crate::model::{Culprit, Ended, Read, Record, Secrets, Slowed};

/// How the crawl works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Requests in flight at most. Default 20.
    pub concurrency: usize,
    /// Records leave in input order, at most [`ORDERED_WINDOW`](super::ORDERED_WINDOW) of them held back. Default: as they complete.
    pub ordered: bool,
    /// No request starts later than this after the crawl's start. Default: none.
    pub deadline: Option<Duration>,
    /// The first record that fails ends the run: nothing more starts, and what is in flight may finish as after a stop. Default: no.
    pub fail_fast: bool,
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
            fail_fast: false,
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
    /// Where targets come from: as many at a time as the source has at hand, so that it is not woken for each.
    pub targets: Receiver<Vec<Read>>,
    /// How many there are to fetch, as soon as that is known.
    pub total: Arc<OnceLock<u64>>,
    /// Where records go.
    pub records: Sender<Record>,
    /// Who answers requests.
    pub fetch: F,
    /// Who reads pages.
    pub extract: Arc<Extractor>,
    /// Where bodies are saved, if they are.
    pub bodies: Option<Bodies>,
    /// The most bytes of a decoded body.
    pub max_body: u64,
    /// What is kept of hosts beyond this run, if that is wanted.
    pub ledger: Option<Ledger>,
    /// Who may stop it.
    pub stop: Stop,
}

/// What ends a crawl before its work is done, and is no failure of a target.
#[derive(Debug)]
pub enum Broken {
    /// Targets that had been parked cannot be read back.
    Parked(io::Error),
    /// The body of an accepted page cannot be saved: its target is left.
    Body(bodies::Error),
}

/// What a crawl did.
#[derive(Debug, Default)]
pub struct Crawled {
    /// Targets taken in, skipped ones included.
    pub read: u64,
    /// Targets that were not to be fetched.
    pub skipped: u64,
    /// Requests sent.
    pub requests: u64,
    /// Those of them that were for robots.txt files.
    pub robots: u64,
    /// Redirects followed on the way to pages.
    pub redirects: u64,
    /// Length of the bodies of pages as they were received, in bytes.
    pub received: u64,
    /// How long places were free and none of those that waited might go, by what the next of them waited for.
    pub waits: BTreeMap<&'static str, Duration>,
    /// The hosts whose answers changed their pace, with the pace that they came to.
    pub slowed: Vec<Slowed>,
    /// What broke it.
    pub broken: Option<Broken>,
    /// Attempts beyond the first of a target.
    pub retries: u64,
    /// Why it ended.
    pub ended: Ended,
    /// The record that ended it, where a failure was to.
    pub ended_by: Option<Culprit>,
    /// Records made, which the output was to take.
    pub records: u64,
    /// The output took nothing until the grace time was over: what it holds may never get through.
    pub is_blocked: bool,
    /// The list was read to its end.
    pub input_complete: bool,
}
