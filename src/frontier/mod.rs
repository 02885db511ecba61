//! Who may go now, who waits until when, and what a result means. Pure: no clock, no socket, no task.
//!
//! Stands inside the crawl, between the targets that were read and the workers that fetch. The crawl pushes targets, asks
//! [`Frontier::next`] whenever a worker's place is free, and hands every used ticket back to [`Frontier::settle`].
//! Every request goes through here, the hops of a redirect and robots.txt too, so the rates hold for all of them.

mod ask;
mod event;
mod gate;
mod hop;
mod host;
mod index;
mod limits;
mod refusals;
mod report;
mod rows;
mod settings;
mod settle;
mod shelf;
mod surplus;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Instant;

pub use self::event::{Event, What};
pub use self::gate::{Gate, Recalled, Start};
use self::host::{Host, Prelude};
use self::index::Groups;
pub use self::report::Census;
pub use self::settings::Settings;
use self::shelf::Shelf;
use crate::model::{Record, Target, Ticket};
use crate::policy::breaker::Way;
use crate::policy::{Budget, Pace};

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
    /// Nothing may go before something in flight has ended, or something is pushed.
    Idle,
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
    groups: Groups,
    /// Hosts that may go: those that have earned it, fewest in flight, in turn.
    ready: BTreeSet<(bool, usize, u64, usize)>,
    waiting: BTreeSet<(Instant, usize)>,
    fading: BTreeSet<(Instant, usize)>,
    turn: u64,
    /// When a host with more to do last earned a place, or a new one was given its first.
    earned_at: Instant,
    run: Pace,
    budget: Budget,
    /// Nothing starts before this instant: the system had no room for a connection.
    resume_at: Instant,
    shelf: Shelf,
    refused: VecDeque<Record>,
    events: VecDeque<Event>,
    /// Hosts that have nothing left in memory and targets parked, and those that have little left.
    wanting: (VecDeque<usize>, VecDeque<usize>),
    held: usize,
    retrying: usize,
    parked: u64,
    /// Until then more targets are expected, perhaps of hosts that are not in sight yet.
    more_until: Option<Instant>,
    /// While the window is full of hosts that wait: so many targets of each stay in memory.
    keep: Option<usize>,
    key: String,
}

impl Frontier {
    /// An empty frontier whose rates are unused. `now` is the earliest instant that it will ever be told.
    #[must_use]
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            random: fastrand::Rng::with_seed(settings.seed),
            run: Pace::new(&settings.rps, settings.burst, now),
            budget: Budget::new(settings.retry_budget, now),
            resume_at: now,
            hosts: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::new(),
            groups: Groups::default(),
            ready: BTreeSet::new(),
            waiting: BTreeSet::new(),
            fading: BTreeSet::new(),
            turn: 0,
            earned_at: now,
            shelf: Shelf::default(),
            refused: VecDeque::new(),
            events: VecDeque::new(),
            wanting: (VecDeque::new(), VecDeque::new()),
            held: 0,
            retrying: 0,
            parked: 0,
            more_until: None,
            keep: None,
            key: String::new(),
            settings,
        }
    }

    /// Whether no target is held, neither queued nor in flight nor parked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held == 0 && self.parked == 0 && self.refused.is_empty()
    }

    /// Says until when more targets may be expected at once, if they may. Until then a host that has not earned more places by answering
    /// leaves them to the hosts that may come.
    pub fn expect_more(&mut self, until: Option<Instant>) {
        self.more_until = until;
    }

    /// Takes a target in. Bounded by the caller, who asks [`is_full`](Self::is_full) first. Handed back with its host's name is a target
    /// that is to be parked until [`wanted`](Self::wanted) asks for it.
    pub fn push(&mut self, target: Target, now: Instant) -> Option<(usize, Target)> {
        let Ok(url) = &target.url else {
            self.refused.push_back(rows::refusal(target));
            return None;
        };
        let id = self.host_of(url, now);
        if self.host(id).breaker.way(now) == Way::GivenUp {
            self.refuse_fresh(id, target);
            self.place(id, now);
            return None;
        }
        let keep = self.keep.unwrap_or(usize::MAX);
        let host = self.host(id);
        if host.parked > 0 || host.fresh.len() >= keep {
            host.parked += 1;
            self.parked += 1;
            return Some((id, target));
        }
        host.fresh.push_back(target);
        self.held += 1;
        self.place(id, now);
        None
    }

    /// Says what may happen at `now`. The ready host with the fewest requests in flight goes first; equals take turns.
    pub fn next(&mut self, now: Instant) -> Next {
        self.next_past(None, now)
    }

    /// The same, where a gate has the last word about each request.
    pub fn next_past(&mut self, mut gate: Option<&mut Gate>, now: Instant) -> Next {
        loop {
            if let Some(record) = self.refused.pop_front() {
                return Next::Refused(Box::new(record));
            }
            self.wake(now);
            let promised = self.waiting.first().map(|(at, _)| *at);
            let Some(&(is_bold, .., id)) = self.ready.first() else {
                return promised.map_or(Next::Idle, Next::Wait);
            };
            if is_bold && let Some(patience) = self.leaves_places_until(now) {
                return Next::Wait(promised.map_or(patience, |promised| promised.min(patience)));
            }
            let run_at = self.run.next_at(now).max(self.resume_at);
            if run_at > now {
                return Next::Wait(run_at);
            }
            if let Some(ticket) = self.step(id, gate.as_deref_mut(), now) {
                return Next::Go(Box::new(ticket));
            }
        }
    }

    /// Until when a host that has not earned more places leaves them to others: to hosts that may still come, and to those that are
    /// earning them. In between it may earn some itself, and when it goes on being silent the list is read on.
    fn leaves_places_until(&self, now: Instant) -> Option<Instant> {
        let earning = (self.by_key.len() > 1).then(|| self.earned_at + limits::PATIENCE);
        let coming = self.more_until.map(|until| if self.patience() > now { until.min(self.patience()) } else { until });
        coming.into_iter().chain(earning).filter(|until| *until > now).max()
    }

    /// Lets the next request of a ready host start, unless it turns out to be none: then the host has a new place.
    fn step(&mut self, id: usize, gate: Option<&mut Gate>, now: Instant) -> Option<Ticket> {
        let host = self.host(id);
        // What it shares may have been used since it became ready.
        if host.group.is_some() || host.needs_budget() {
            self.place(id, now);
            if !matches!(self.host(id).place, host::Place::Ready { .. }) {
                return None;
            }
        }
        if self.host(id).prelude == Prelude::Address {
            return Some(self.ask(id, now));
        }
        let mut ticket = match self.host(id).pop_question(now) {
            Some(question) => question,
            None if self.host(id).prelude == Prelude::Robots => {
                if let Err(until) = self.pass(id, gate) {
                    self.hold(id, until, now);
                    return None;
                }
                return Some(self.ask(id, now));
            }
            None => self.pop(id, now)?,
        };
        self.want(id);
        if let Err(reason) = self.may_fetch(&ticket) {
            ticket.attempts -= u32::from(ticket.hops.is_empty()); // none was made
            self.refuse_begun(ticket, crate::model::ErrorKind::Robots, &reason);
            self.place(id, now);
            return None;
        }
        if let Err(until) = self.pass(id, gate) {
            self.host(id).put_back(ticket, now);
            self.hold(id, until, now);
            return None;
        }
        let is_crowded = self.by_key.len() > CROWD;
        let host = self.host(id);
        ticket.is_probe = host.breaker.start(now);
        ticket.is_last = is_crowded && host.is_empty();
        ticket.is_fresh = !host.keeps_connections();
        let begins = ticket.hops.is_empty() && !ticket.renewed && ticket.starved == 0;
        self.start(id, ticket.is_charged && begins, now);
        Some(ticket)
    }

    /// Has a host wait for what others leave of its limits.
    fn hold(&mut self, id: usize, until: Instant, now: Instant) {
        let limits = self.limits(id);
        limits.others_until = limits.others_until.max(until);
        self.place(id, now);
    }

    /// Counts a request that starts.
    fn start(&mut self, id: usize, is_charged: bool, now: Instant) {
        let turn = self.turn;
        self.turn += 1;
        let host = self.host(id);
        host.in_flight += 1;
        host.sent = host.sent.saturating_add(1);
        host.turn = turn;
        self.limits(id).start(now);
        if let Some(own) = self.own_limits(id) {
            own.start(now);
        }
        if self.limits(id).is_new() {
            self.earned_at = now;
        }
        self.run.take(now);
        self.budget.start(is_charged, now);
        self.place(id, now);
    }

    /// Takes what goes next from a host's queue. `None`: it was a retry that is given up, or must wait for the budget.
    fn pop(&mut self, id: usize, now: Instant) -> Option<Ticket> {
        let due = self.host(id).due(now);
        let has_budget = due.is_some_and(|is_free| is_free || self.budget.next_at(now) <= now);
        let most = self.settings.retry.max_backoff;
        let is_over = self.host(id).has_waited(most, now) || self.budget.is_hopeless(now);
        if due.is_some() && !has_budget && is_over {
            let ticket = self.host(id).pop_delayed()?;
            self.retrying -= 1;
            self.refuse_retry(ticket);
            self.place(id, now);
            return None;
        }
        let delayed = self.host(id).delayed();
        let ticket = self.host(id).pop(has_budget, id);
        let is_retry = self.host(id).delayed() < delayed;
        self.retrying -= usize::from(is_retry);
        let Some(mut ticket) = ticket else {
            self.place(id, now);
            return None;
        };
        if is_retry {
            ticket.is_charged = due == Some(false);
        }
        self.ask_as_listed(&mut ticket);
        Some(ticket)
    }
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "a few hundred starts")]
mod tests;
