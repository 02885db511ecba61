//! One host's queue: what waits for it, and in which order it goes.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::limits::Limits;
use crate::model::{Purpose, Target, Ticket};
use crate::policy::Breaker;
use crate::policy::robots::Rules;

/// A host that has something queued or in flight, or of which something is not to be forgotten yet.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Host {
    /// `host:port`, under which it is found.
    pub(super) key: Box<str>,
    /// Requests in flight to itself.
    /// Requests sent so far, and those of them whose kept connection was closed.
    pub(super) sent: u32,
    pub(super) stale: u32,
    pub(super) in_flight: usize,
    /// Its own limits; where it shares those of a group, what it has beside them.
    pub(super) limits: Limits,
    /// When it had its last turn: of equals the one goes first that has waited the longest.
    pub(super) turn: u64,
    /// The group whose limits it shares.
    pub(super) group: Option<usize>,
    /// It stands in its group's list of those that found no room.
    pub(super) is_blocked: bool,
    pub(super) breaker: Breaker,
    /// Why it was not reached the last time.
    pub(super) missed: Option<Box<str>>,
    /// What has to be known before anything of it may go.
    pub(super) prelude: Prelude,
    /// Whether it has to be asked for its robots.txt.
    pub(super) obeys: bool,
    /// What that says, once it is known.
    pub(super) rules: Option<Arc<Rules>>,
    /// Targets that are parked elsewhere.
    pub(super) parked: u64,
    /// Whether it waits for parked targets, and whether it has nothing else.
    pub(super) wants: bool,
    pub(super) wants_now: bool,
    /// Where the frontier's indexes have it.
    pub(super) place: Place,
    /// Questions that are asked of it before anything else: robots.txt files on their way, each with the instant when it is due.
    questions: VecDeque<(Instant, Ticket)>,
    /// Redirect hops and replaced connections: parts of an attempt that has begun.
    urgent: VecDeque<Ticket>,
    /// Targets to be tried again, soonest first.
    delayed: BinaryHeap<Reverse<Delayed>>,
    /// Targets not tried yet, in input order.
    pub(super) fresh: VecDeque<Target>,
}

/// What has to be known of a host before its targets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prelude {
    /// Its address.
    Address,
    /// Its robots.txt.
    Robots,
    /// Its address, which is being asked for.
    Locating,
    /// Its robots.txt, which is being asked for.
    Asking,
    /// Nothing.
    Done,
}

/// Where a host stands in the frontier's indexes: at most in one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In none: nothing queued, or as many in flight as it may have.
    Out,
    /// May go now; among those as bold with as few in flight, in the order of `turn`.
    Ready { is_bold: bool, in_flight: usize, turn: u64 },
    /// Has something queued that may not go before this instant.
    Waiting(Instant),
    /// Has nothing to do; forgotten at this instant, when its pace has recovered.
    Fading(Instant),
}

impl Host {
    pub(super) fn new(key: Box<str>, limits: Limits) -> Self {
        Self {
            key,
            in_flight: 0,
            limits,
            turn: 0,
            group: None,
            is_blocked: false,
            breaker: Breaker::default(),
            missed: None,
            prelude: Prelude::Done,
            obeys: false,
            rules: None,
            parked: 0,
            wants: false,
            wants_now: false,
            place: Place::Out,
            questions: VecDeque::new(),
            sent: 0,
            stale: 0,
            urgent: VecDeque::new(),
            delayed: BinaryHeap::new(),
            fresh: VecDeque::new(),
        }
    }

    /// Whether its connections are worth keeping. Where every tenth request finds its own closed, the host closes them without a word,
    /// and each such request is sent twice.
    pub(super) fn keeps_connections(&self) -> bool {
        self.stale < 3 || self.stale.saturating_mul(10) <= self.sent
    }

    pub(super) fn push_urgent(&mut self, ticket: Ticket) {
        self.urgent.push_back(ticket);
    }

    /// Takes a ticket back that was popped and did not start.
    pub(super) fn put_back(&mut self, ticket: Ticket, now: Instant) {
        if ticket.purpose == Purpose::Robots {
            self.questions.push_front((now, ticket));
        } else {
            self.urgent.push_front(ticket);
        }
    }

    /// What has to be known next, when its address is known.
    pub(super) fn after_address(&self) -> Prelude {
        if self.obeys && self.rules.is_none() { Prelude::Robots } else { Prelude::Done }
    }

    /// Queues a robots.txt that is due at an instant.
    pub(super) fn push_question(&mut self, at: Instant, ticket: Ticket) {
        self.questions.push_back((at, ticket));
    }

    /// Queues a target for another attempt. One that is `free` needs nothing of the retry budget.
    pub(super) fn push_delayed(&mut self, at: Instant, is_free: bool, ticket: Ticket) {
        self.delayed.push(Reverse(Delayed { at, is_free, ticket }));
    }

    /// Whether nothing is queued in memory.
    pub(super) fn is_empty(&self) -> bool {
        self.questions.is_empty() && self.urgent.is_empty() && self.fresh.is_empty() && self.delayed.is_empty()
    }

    /// How many targets wait to be tried again.
    pub(super) fn delayed(&self) -> usize {
        self.delayed.len()
    }

    /// How many targets are queued, those in memory and those that are parked.
    pub(super) fn queued(&self) -> u64 {
        (self.urgent.len() + self.fresh.len() + self.delayed.len()) as u64 + self.parked
    }

    /// Whether all that is queued is tried again, and needs room in the retry budget.
    pub(super) fn needs_budget(&self) -> bool {
        let only_delayed = self.questions.is_empty() && self.urgent.is_empty() && self.fresh.is_empty();
        only_delayed && self.delayed.peek().is_some_and(|Reverse(first)| !first.is_free)
    }

    /// When the next of what is queued is due, `now` at the earliest; `None` with an empty queue.
    pub(super) fn due_at(&self, now: Instant) -> Option<Instant> {
        let question = self.questions.iter().map(|(at, _)| *at).min();
        match self.prelude {
            Prelude::Locating => return None,
            Prelude::Asking => return question.map(|at| at.max(now)),
            Prelude::Address | Prelude::Robots | Prelude::Done => {}
        }
        if !self.urgent.is_empty() || !self.fresh.is_empty() {
            return Some(now);
        }
        let delayed = self.delayed.peek().map(|Reverse(delayed)| delayed.at);
        delayed.into_iter().chain(question).min().map(|at| at.max(now))
    }

    /// Takes a question that is due.
    pub(super) fn pop_question(&mut self, now: Instant) -> Option<Ticket> {
        let due = self.questions.iter().position(|(at, _)| *at <= now)?;
        self.questions.remove(due).map(|(_, ticket)| ticket)
    }

    /// The first URL of what is queued, and the listed one that it belongs to.
    pub(super) fn first_urls(&self) -> Option<(&url::Url, &url::Url)> {
        let delayed = || self.delayed.peek().map(|Reverse(first)| &first.ticket);
        let first = self.questions.front().map(|(_, ticket)| ticket).or(self.urgent.front());
        let (url, target) = match (first, self.fresh.front()) {
            (Some(ticket), _) => (Some(&ticket.url), &ticket.target),
            (None, Some(target)) => (None, target),
            (None, None) => delayed().map(|ticket| (Some(&ticket.url), &ticket.target))?,
        };
        let listed = target.url.as_ref().ok()?;
        Some((url.unwrap_or(listed), listed))
    }

    /// Whether nothing is queued but what a redirect from a public address led here.
    pub(super) fn is_all_led(&self) -> bool {
        self.fresh.is_empty() && self.delayed.is_empty() && self.urgent.iter().all(|ticket| ticket.is_led)
    }

    /// Takes everything that a redirect from a public address led here.
    pub(super) fn take_led(&mut self) -> Vec<Ticket> {
        let (led, others): (Vec<_>, Vec<_>) = self.urgent.drain(..).partition(|ticket| ticket.is_led);
        self.urgent = others.into();
        led
    }

    /// The first target that is due to be tried again, and whether that needs no budget.
    pub(super) fn due(&self, now: Instant) -> Option<bool> {
        self.delayed.peek().filter(|Reverse(first)| first.at <= now).map(|Reverse(first)| first.is_free)
    }

    /// Whether the first target that is tried again has been due for so long.
    pub(super) fn has_waited(&self, most: Duration, now: Instant) -> bool {
        self.delayed.peek().is_some_and(|Reverse(first)| now.saturating_duration_since(first.at) > most)
    }

    /// Takes the first target that is due to be tried again.
    pub(super) fn pop_delayed(&mut self) -> Option<Ticket> {
        self.delayed.pop().map(|Reverse(delayed)| delayed.ticket)
    }

    /// The next request: what has begun goes before what is due again (where it `may_retry`), and that before what is new.
    pub(super) fn pop(&mut self, may_retry: bool, id: usize) -> Option<Ticket> {
        if let Some(ticket) = self.urgent.pop_front() {
            return Some(ticket);
        }
        if may_retry && let Some(mut ticket) = self.pop_delayed() {
            ticket.attempts += 1;
            return Some(ticket);
        }
        let target = self.fresh.pop_front()?;
        let url = target.url.clone().ok()?;
        Some(Ticket { attempts: 1, ..Ticket::new(target, url, Purpose::Page, id) })
    }

    /// Takes all questions.
    pub(super) fn take_questions(&mut self) -> VecDeque<(Instant, Ticket)> {
        std::mem::take(&mut self.questions)
    }

    /// Takes everything that is queued in memory: what has begun, and what has not.
    pub(super) fn take_all(&mut self) -> (Vec<Ticket>, Vec<Target>) {
        let delayed = std::mem::take(&mut self.delayed).into_sorted_vec().into_iter().rev();
        let begun = self.urgent.drain(..).chain(delayed.map(|Reverse(delayed)| delayed.ticket)).collect();
        (begun, self.fresh.drain(..).collect())
    }
}

/// A target that is tried again, no earlier than `at`.
#[derive(Debug)]
struct Delayed {
    at: Instant,
    is_free: bool,
    ticket: Ticket,
}

impl Delayed {
    fn key(&self) -> (Instant, u64) {
        (self.at, self.ticket.target.index)
    }
}

impl PartialEq for Delayed {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Delayed {}

impl PartialOrd for Delayed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Delayed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}
