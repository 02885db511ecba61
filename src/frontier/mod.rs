//! Who may go now, who waits until when, and what a result means. Pure: no clock, no socket, no task.
//!
//! Stands inside the crawl, between the targets that were read and the workers that fetch. The crawl pushes targets, asks
//! [`Frontier::next`] whenever a worker's place is free, and hands every used ticket back to [`Frontier::settle`].
//! Every request goes through here, the hops of a redirect too, so the rates hold for all of them.

mod host;
mod settle;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use url::Url;

use self::host::{Host, Place};
use crate::model::{Record, Target, Ticket};
use crate::policy::{HostRules, LimitBy, Pace, Rate, Share, retry, robots};

/// How the frontier decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many targets are looked ahead and kept in memory, in flight included. Default 4096.
    pub window: usize,
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
    /// What single hosts have of their own.
    pub hosts: Arc<HostRules>,
    /// Seeds the jitter of the backoff. Default: random.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            window: 4096,
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
            hosts: Arc::default(),
            seed: fastrand::u64(..),
        }
    }
}

/// With more hosts in sight than this, a connection to one that has nothing queued is a descriptor held for nothing.
const CROWD: usize = 16;

/// What may happen next.
#[derive(Debug)]
pub enum Next {
    /// Send this request now.
    Go(Box<Ticket>),
    /// This target is not fetched; here is its record.
    Refused(Box<Record>),
    /// Nothing may go before this instant.
    Wait(Instant),
    /// Nothing is queued.
    Idle,
}

/// What the frontier holds, for whoever shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Targets held: queued or in flight.
    pub held: usize,
    /// Targets that wait to be tried again.
    pub retrying: usize,
    /// Hosts with something queued that may not go yet.
    pub waiting_hosts: usize,
    /// When the first of them may go.
    pub next_at: Option<Instant>,
}

/// The targets in sight and the state of their hosts.
#[derive(Debug)]
pub struct Frontier {
    settings: Settings,
    random: fastrand::Rng,
    /// All hosts in sight; a free place is `None`.
    hosts: Vec<Option<Host>>,
    free: Vec<usize>,
    by_key: HashMap<Box<str>, usize>,
    /// Hosts that may go: fewest in flight first, then in turn.
    ready: BTreeSet<(usize, u64, usize)>,
    waiting: BTreeSet<(Instant, usize)>,
    fading: BTreeSet<(Instant, usize)>,
    turn: u64,
    run: Pace,
    /// Nothing starts before this instant: the system had no room for a connection.
    resume_at: Instant,
    refused: VecDeque<Record>,
    held: usize,
    retrying: usize,
    key: String,
}

impl Frontier {
    /// An empty frontier whose rates are unused. `now` is the earliest instant that it will ever be told.
    #[must_use]
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            random: fastrand::Rng::with_seed(settings.seed),
            run: Pace::new(&settings.rps, settings.burst, now),
            resume_at: now,
            hosts: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::new(),
            ready: BTreeSet::new(),
            waiting: BTreeSet::new(),
            fading: BTreeSet::new(),
            turn: 0,
            refused: VecDeque::new(),
            held: 0,
            retrying: 0,
            key: String::new(),
            settings,
        }
    }

    /// Whether the window is full: nothing more is to be pushed until something settled.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.held + self.refused.len() >= self.settings.window
    }

    /// Whether no target is held, neither queued nor in flight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held == 0 && self.refused.is_empty()
    }

    /// What is held at `now`.
    #[must_use]
    pub fn census(&self) -> Census {
        Census {
            held: self.held,
            retrying: self.retrying,
            waiting_hosts: self.waiting.len(),
            next_at: self.waiting.first().map(|(at, _)| *at),
        }
    }

    /// Takes a target in. Bounded by the caller, who asks [`is_full`](Self::is_full) first.
    pub fn push(&mut self, target: Target, now: Instant) {
        match &target.url {
            Ok(url) => {
                let id = self.host_of(url, now);
                self.held += 1;
                self.host(id).push_fresh(target);
                self.place(id, now);
            }
            Err(_) => self.refused.push_back(settle::refusal(target)),
        }
    }

    /// Says what may happen at `now`. The ready host with the fewest requests in flight goes first; equals take turns.
    pub fn next(&mut self, now: Instant) -> Next {
        if let Some(record) = self.refused.pop_front() {
            return Next::Refused(Box::new(record));
        }
        self.wake(now);
        let Some(&(_, _, id)) = self.ready.first() else {
            return self.waiting.first().map_or(Next::Idle, |(at, _)| Next::Wait(*at));
        };
        let run_at = self.run.next_at(now).max(self.resume_at);
        if run_at > now {
            return Next::Wait(run_at);
        }
        let is_crowded = self.by_key.len() > CROWD;
        let host = self.host(id);
        let delayed = host.delayed();
        let mut ticket = host.pop(now, id).expect("a ready host has something that may go");
        let due = delayed - host.delayed();
        host.pace.take(now);
        host.in_flight += 1;
        ticket.is_last = is_crowded && host.is_empty();
        self.retrying -= due;
        self.run.take(now);
        self.place(id, now);
        Next::Go(Box::new(ticket))
    }

    /// Moves the hosts whose time has come, and forgets those that have nothing to be remembered for.
    fn wake(&mut self, now: Instant) {
        while let Some(&(at, id)) = self.waiting.first()
            && at <= now
        {
            self.place(id, now);
        }
        while let Some(&(at, id)) = self.fading.first()
            && at <= now
        {
            self.place(id, now);
        }
    }

    /// The id of a URL's host, a new one where it is not in sight.
    fn host_of(&mut self, url: &Url, now: Instant) -> usize {
        use std::fmt::Write as _;
        self.key.clear();
        let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
        write!(self.key, "{host}:{port}").expect("a String takes whatever is written");
        if let Some(id) = self.by_key.get(self.key.as_str()) {
            return *id;
        }
        let key: Box<str> = self.key.as_str().into();
        let pace = Pace::new(&self.settings.host_rps, self.settings.burst, now);
        let host = Some(Host::new(key.clone(), pace, now));
        let id = self.free.pop().unwrap_or(self.hosts.len());
        if id == self.hosts.len() {
            self.hosts.push(host);
        } else {
            self.hosts[id] = host;
        }
        self.by_key.insert(key, id);
        id
    }

    fn host(&mut self, id: usize) -> &mut Host {
        self.hosts[id].as_mut().expect("a host stays in sight while something of it is queued, in flight or indexed")
    }

    /// Puts a host into the one index where it belongs at `now`, after anything about it has changed.
    fn place(&mut self, id: usize, now: Instant) {
        let per_host = self.settings.per_host.unwrap_or(usize::MAX);
        let turn = self.turn;
        let host = self.host(id);
        let old = host.place;
        let place = match host.next_at(now) {
            _ if host.in_flight >= per_host => Place::Out,
            Some(at) if at > now => Place::Waiting(at),
            // A host keeps its turn while nothing of it started: pushing to it must not send it back in the line.
            Some(_) => match old {
                Place::Ready { in_flight, turn } if in_flight == host.in_flight => Place::Ready { in_flight, turn },
                _ => Place::Ready { in_flight: host.in_flight, turn },
            },
            None if host.in_flight > 0 => Place::Out,
            None => Place::Fading(host.forgotten_at(now)),
        };
        host.place = place;
        if old != place {
            self.turn += 1;
            match old {
                Place::Out => {}
                Place::Ready { in_flight, turn } => drop(self.ready.remove(&(in_flight, turn, id))),
                Place::Waiting(at) => drop(self.waiting.remove(&(at, id))),
                Place::Fading(at) => drop(self.fading.remove(&(at, id))),
            }
            match place {
                Place::Out => {}
                Place::Ready { in_flight, turn } => drop(self.ready.insert((in_flight, turn, id))),
                Place::Waiting(at) => drop(self.waiting.insert((at, id))),
                Place::Fading(at) => drop(self.fading.insert((at, id))),
            }
        }
        if let Place::Fading(at) = place
            && at <= now
        {
            self.fading.remove(&(at, id));
            if let Some(host) = self.hosts[id].take() {
                self.by_key.remove(&host.key);
                self.free.push(id);
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "a few hundred starts")]
mod tests;
