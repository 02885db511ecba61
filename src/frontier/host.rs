//! One host's queue: what waits for it, in which order it goes, and when it may go next.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use crate::model::{Purpose, Target, Ticket};
use crate::policy::Pace;

/// A host that has something queued or in flight, or whose pace is not to be forgotten yet.
#[derive(Debug)]
pub(super) struct Host {
    /// `host:port`, under which it is found.
    pub(super) key: Box<str>,
    /// Requests in flight.
    pub(super) in_flight: usize,
    /// The server asked to be left alone until then.
    pub(super) not_before: Instant,
    /// Its own rates.
    pub(super) pace: Pace,
    /// Where the frontier's indexes have it.
    pub(super) place: Place,
    /// Redirect hops and replaced connections: parts of an attempt that has begun.
    urgent: VecDeque<Ticket>,
    /// Targets to be tried again, soonest first.
    delayed: BinaryHeap<Reverse<Delayed>>,
    /// Targets not tried yet, in input order.
    fresh: VecDeque<Target>,
}

/// Where a host stands in the frontier's indexes: at most in one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In none: nothing queued, or as many in flight as it may have.
    Out,
    /// May go now; among those with as few in flight, in the order of `turn`.
    Ready { in_flight: usize, turn: u64 },
    /// Has something queued that may not go before this instant.
    Waiting(Instant),
    /// Has nothing to do; forgotten at this instant, when its pace has recovered.
    Fading(Instant),
}

impl Host {
    pub(super) fn new(key: Box<str>, pace: Pace, now: Instant) -> Self {
        Self {
            key,
            in_flight: 0,
            not_before: now,
            pace,
            place: Place::Out,
            urgent: VecDeque::new(),
            delayed: BinaryHeap::new(),
            fresh: VecDeque::new(),
        }
    }

    pub(super) fn push_fresh(&mut self, target: Target) {
        self.fresh.push_back(target);
    }

    pub(super) fn push_urgent(&mut self, ticket: Ticket) {
        self.urgent.push_back(ticket);
    }

    pub(super) fn push_delayed(&mut self, at: Instant, ticket: Ticket) {
        self.delayed.push(Reverse(Delayed { at, ticket }));
    }

    /// Whether nothing is queued.
    pub(super) fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.fresh.is_empty() && self.delayed.is_empty()
    }

    /// How many targets wait to be tried again.
    pub(super) fn delayed(&self) -> usize {
        self.delayed.len()
    }

    /// When the next of its requests may start, `now` at the earliest; `None` with an empty queue.
    pub(super) fn next_at(&self, now: Instant) -> Option<Instant> {
        let queued = if self.urgent.is_empty() && self.fresh.is_empty() {
            self.delayed.peek().map(|Reverse(delayed)| delayed.at)?
        } else {
            now
        };
        Some(queued.max(self.not_before).max(self.pace.next_at(now)))
    }

    /// When nothing that was learned of it matters any more.
    pub(super) fn forgotten_at(&self, now: Instant) -> Instant {
        self.not_before.max(self.pace.full_at(now))
    }

    /// The next request: what has begun goes before what is due again, and that before what is new.
    pub(super) fn pop(&mut self, now: Instant, id: usize) -> Option<Ticket> {
        if let Some(ticket) = self.urgent.pop_front() {
            return Some(ticket);
        }
        if self.delayed.peek().is_some_and(|Reverse(delayed)| delayed.at <= now) {
            let Reverse(Delayed { mut ticket, .. }) = self.delayed.pop()?;
            ticket.attempts += 1;
            return Some(ticket);
        }
        let target = self.fresh.pop_front()?;
        let url = target.url.clone().ok()?;
        Some(Ticket {
            target,
            purpose: Purpose::Page,
            url,
            attempts: 1,
            hops: Vec::new(),
            spent: Duration::ZERO,
            last_status: None,
            renewed: false,
            starved: 0,
            is_last: false,
            host: id,
        })
    }
}

/// A target that is tried again, no earlier than `at`.
#[derive(Debug)]
struct Delayed {
    at: Instant,
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
