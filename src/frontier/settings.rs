//! How the frontier decides.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::model::Request;
use crate::policy::{HostRules, LimitBy, Rate, Share, retry, robots};

/// How the frontier decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many targets are looked ahead and kept in memory, in flight included. Default 4096.
    pub window: usize,
    /// How many requests the crawl has places for. Default 20.
    pub permits: usize,
    /// Requests in flight to one host (`host:port`). Default: no other limit than the crawl's.
    pub per_host: Option<usize>,
    /// Rates that all requests of the run share. Default: none.
    pub rps: Vec<Rate>,
    /// Rates that each host has for itself. Default: none.
    pub host_rps: Vec<Rate>,
    /// How many requests a rate that was not used up may let through at once. Default 1.
    pub burst: NonZeroU32,
    /// What is tried again, how often and how late.
    pub retry: retry::Settings,
    /// Redirects followed for one attempt. Default 10.
    pub max_redirects: usize,
    /// What shares the limits of one host. Default: each host and port for itself.
    pub limit_by: LimitBy,
    /// Whether a host without a rate of its own is slowed down by what it answers. Default: yes.
    pub adapt: bool,
    /// After how many vain probes a host that could not be reached is given up. Default 3.
    pub give_up: NonZeroU32,
    /// How large a share of the requests may be retries. Default 20 %.
    pub retry_budget: Share,
    /// Whose robots.txt is obeyed. Default: that of discovered URLs.
    pub robots: robots::Mode,
    /// The name to which robots.txt files speak. Default `scrape`.
    pub agent: String,
    /// What single hosts have of their own.
    pub hosts: Arc<HostRules>,
    /// Seeds the jitter of the backoff. Default: random.
    pub seed: u64,
    /// Follow redirects to `https` only. Default: to `http` too.
    pub https_only: bool,
    /// What all targets ask with that have nothing of their own. Set by the run, from how it fetches.
    pub request: Arc<Request>,
    /// Cookies are kept, so that asking for a URL again may be answered with something else. Set by the run, too.
    pub cookies: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            window: 4096,
            permits: 20,
            per_host: None,
            rps: Vec::new(),
            host_rps: Vec::new(),
            burst: NonZeroU32::MIN,
            retry: retry::Settings::default(),
            max_redirects: 10,
            limit_by: LimitBy::default(),
            adapt: true,
            give_up: NonZeroU32::new(3).expect("three is not zero"),
            retry_budget: Share::default(),
            robots: robots::Mode::default(),
            agent: "scrape".to_owned(),
            hosts: Arc::default(),
            seed: fastrand::u64(..),
            https_only: false,
            request: Arc::default(),
            cookies: false,
        }
    }
}
