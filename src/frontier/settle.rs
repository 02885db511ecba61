//! What a result means: a record, another hop, or another attempt.

use std::time::{Duration, Instant, SystemTime};

use url::Url;

use super::Frontier;
use super::event::{Event, What};
use super::host::Prelude;
use super::rows::{failed, success, untried};
use crate::model::{Done, ErrorKind, Failure, Outcome, Past, Purpose, Record, Ticket, Timestamp};
use crate::policy::adapt::Signal;
use crate::policy::breaker::{self, Turn, Way};
use crate::policy::{LimitBy, Verdict};

/// How long nothing starts when the system had no descriptor or port left: connections that idle are closed after seconds.
pub(super) const STARVED_PAUSE: Duration = Duration::from_millis(250);
/// How often one request waits for that. When half a minute has made no room the run is not going to.
pub(super) const MAX_STARVED: u32 = 120;
/// How often a target comes back later at the server's wish before that counts as an attempt that failed.
pub(super) const MAX_POSTPONED: u32 = 10;

impl Frontier {
    /// Takes a used ticket back. `None`: it goes on as a redirect's next hop or is tried again later, or it was no target's.
    pub fn settle(&mut self, done: Done, now: Instant) -> Option<Record> {
        let id = done.ticket.host;
        let has_answered = !matches!(done.outcome, Outcome::Stale(_) | Outcome::Starved(_) | Outcome::Address(_));
        self.host(id).in_flight -= 1;
        let (purpose, is_target) = (done.ticket.purpose, done.ticket.purpose == Purpose::Page);
        if purpose != Purpose::Address {
            self.learn(&done, now);
        }
        let record = match purpose {
            Purpose::Page => self.judge(done, now),
            Purpose::Robots => {
                self.hear_robots(done, now);
                None
            }
            Purpose::Address => {
                self.hear_address(&done, now);
                None
            }
        };
        self.held -= usize::from(is_target && record.is_some());
        // What was heard may have let it be forgotten.
        let Some(host) = self.hosts[id].as_ref() else { return record };
        let (group, has_more) = (host.group, !host.is_empty() || host.parked > 0);
        if has_answered && has_more {
            self.earned_at = now;
        }
        self.want(id);
        self.place(id, now);
        if let Some(group) = group {
            self.unblock(group, now);
        }
        record
    }

    /// Learns of the host what a request to it showed.
    fn learn(&mut self, done: &Done, now: Instant) {
        let id = done.ticket.host;
        let signal = match &done.outcome {
            Outcome::Row(_) | Outcome::Robots(_) | Outcome::Redirect { .. } => Some(Signal::Answered),
            Outcome::Failed(failure) if failure.kind == ErrorKind::Blocked => None,
            Outcome::Failed(failure) => Some(match (failure.status, failure.kind) {
                (_, ErrorKind::Timeout) => Signal::TimedOut,
                (Some(429 | 503), _) => Signal::Refused,
                (Some(_), _) => Signal::Answered,
                (None, _) => Signal::Unknown,
            }),
            Outcome::Address(_) | Outcome::Stale(_) | Outcome::Starved(_) => None,
        };
        if let Some(own) = self.own_limits(id) {
            own.settle(signal, done.elapsed, now);
        }
        if let Some(change) = self.limits(id).settle(signal, done.elapsed, now) {
            let host = self.limits_key(id);
            self.events.push_back(Event { host, what: What::Adapted(change) });
        }
        let asked = match &done.outcome {
            Outcome::Failed(failure) => failure.asked.filter(|asked| self.settings.retry.heeds(failure, asked)),
            _ => done.asked,
        };
        if let Some(asked) = asked {
            let wait = asked.wait.min(self.settings.retry.max_wait);
            if self.limits(id).hold_off(asked, wait, signal == Some(Signal::Refused), now) {
                let host = self.limits_key(id);
                self.events.push_back(Event { host, what: What::Asked { wait, by: asked.by } });
            }
        }
        self.reach(done, now);
    }

    /// Learns whether the host can be reached.
    fn reach(&mut self, done: &Done, now: Instant) {
        let (id, was_probe) = (done.ticket.host, done.ticket.is_probe);
        let (give_up, backoff) = (self.settings.give_up, self.settings.retry.backoff);
        let may_move = self.settings.limit_by == LimitBy::Ip;
        let host = self.host(id);
        if let Outcome::Failed(Failure { status: None, .. }) = &done.outcome
            && may_move
            && host.prelude == Prelude::Done
        {
            // It may have another address by now.
            host.prelude = Prelude::Address;
        }
        let turn = match &done.outcome {
            Outcome::Failed(failure) if breaker::is_miss(failure) => {
                let turn = host.breaker.missed(was_probe, give_up, backoff, now);
                if turn.is_some() {
                    host.missed = Some(failure.to_string().into());
                }
                turn
            }
            Outcome::Failed(Failure {
                status: None,
                kind: ErrorKind::Dns | ErrorKind::Tls | ErrorKind::Blocked | ErrorKind::Internal,
                ..
            })
            | Outcome::Stale(_)
            | Outcome::Starved(_)
            | Outcome::Address(_) => {
                host.breaker.untried(was_probe, now);
                None
            }
            _ => host.breaker.reached(),
        };
        let Some(turn) = turn else { return };
        let what = match turn {
            Turn::Opened(pause) => What::Opened(pause),
            Turn::Closed => What::Closed,
            Turn::GivenUp => What::GivenUp,
        };
        let host = self.host(id).key.clone();
        self.events.push_back(Event { host, what });
        if turn == Turn::GivenUp {
            self.give_up(id, now);
        }
    }

    fn judge(&mut self, done: Done, now: Instant) -> Option<Record> {
        let Done { mut ticket, outcome, elapsed, at, .. } = done;
        let spent = ticket.spent + elapsed;
        match outcome {
            Outcome::Row(row) => {
                self.budget.succeed(now);
                Some(success(ticket, row, spent, Timestamp(at)))
            }
            Outcome::Redirect { status, to, is_public } => {
                ticket.last_status = Some(status);
                self.turn(&mut ticket, status);
                if let Some(reason) = self.objection(&ticket, &to) {
                    let failure = Failure { status: Some(status), ..Failure::new(ErrorKind::Redirect, reason) };
                    return Some(failed(ticket, &failure, Some((spent, Timestamp(at)))));
                }
                ticket.is_led |= is_public;
                self.follow(ticket, to, spent, now);
                None
            }
            Outcome::Stale(_) if !ticket.renewed => {
                ticket.renewed = true;
                let host = self.host(ticket.host);
                host.stale = host.stale.saturating_add(1);
                ticket.spent = spent;
                self.queue_urgent(ticket);
                None
            }
            Outcome::Starved(_) if ticket.starved < MAX_STARVED => {
                self.starve(ticket, now);
                None
            }
            Outcome::Stale(failure) | Outcome::Starved(failure) | Outcome::Failed(failure) => {
                self.fail(ticket, failure, spent, at, now)
            }
            Outcome::Robots(_) | Outcome::Address(_) => {
                let failure =
                    Failure::new(ErrorKind::Internal, "a bug in scrape, please report it: a page was asked for and not answered");
                Some(failed(ticket, &failure, Some((spent, Timestamp(at)))))
            }
        }
    }

    /// Queues a request that found no room on this machine again.
    pub(super) fn starve(&mut self, mut ticket: Ticket, now: Instant) {
        ticket.starved += 1;
        self.resume_at = self.resume_at.max(now + STARVED_PAUSE);
        if ticket.purpose == Purpose::Page {
            self.queue_urgent(ticket);
        } else {
            self.host(ticket.host).push_question(now, ticket);
        }
    }

    fn queue_urgent(&mut self, ticket: Ticket) {
        self.host(ticket.host).push_urgent(ticket);
    }

    pub(super) fn follow(&mut self, mut ticket: Ticket, to: Url, spent: Duration, now: Instant) {
        let host = self.host_of(&to, now);
        ticket.host = host;
        ticket.spent = spent;
        ticket.renewed = false;
        ticket.starved = 0;
        ticket.hops.push(std::mem::replace(&mut ticket.url, to));
        let is_given_up = self.host(host).breaker.way(now) == Way::GivenUp;
        if ticket.purpose == Purpose::Robots && is_given_up {
            self.give_up_asking(&ticket, now);
        } else if ticket.purpose == Purpose::Robots {
            self.host(host).push_question(now, ticket);
        } else if is_given_up {
            self.refuse_given_up(host, ticket);
        } else {
            self.queue_urgent(ticket);
        }
        self.place(host, now);
    }

    fn fail(&mut self, mut ticket: Ticket, failure: Failure, spent: Duration, at: SystemTime, now: Instant) -> Option<Record> {
        ticket.last_status = failure.status.or(ticket.last_status);
        let limits = self.limits(ticket.host);
        let answers = limits.adapt.is_some() && limits.has_answered;
        let retry = &self.settings.retry;
        let verdict = retry.verdict(&failure, ticket.attempts - ticket.postponed, self.random.f64());
        let failure = match verdict {
            Verdict::Again(_) => match self.unrepeatable(&ticket, failure) {
                Ok(failure) => failure,
                Err(failure) => return Some(failed(ticket, &failure, Some((spent, Timestamp(at))))),
            },
            Verdict::GiveUp => failure,
        };
        let retry = &self.settings.retry;
        match verdict {
            Verdict::GiveUp => {
                if failure.kind == ErrorKind::Blocked && ticket.hops.is_empty() {
                    return Some(untried(ticket, &failure));
                }
                if !retry.on.includes(&failure) {
                    self.budget.succeed(now); // the server has answered, for good
                }
                Some(failed(ticket, &failure, Some((spent, Timestamp(at)))))
            }
            Verdict::Again(wait) => {
                // To come back later because the server said so costs a target nothing, as long as that has an end; nor does it where a
                // host that answers others finds that this was too much at once.
                let asked = retry.host_wait(&failure);
                let is_asked = !asked.is_zero() && ticket.waited + asked < retry.max_wait;
                let is_free = (is_asked || (answers && failure.status == Some(429))) && ticket.postponed < MAX_POSTPONED;
                if is_free {
                    ticket.postponed += 1;
                    ticket.waited += asked;
                }
                ticket.past = Some(Box::new(Past { failure, spent, at }));
                self.again(ticket, now + wait, is_free, now);
                None
            }
        }
    }

    /// Queues a target for another attempt, which begins at its own URL again.
    pub(super) fn again(&mut self, mut ticket: Ticket, at: Instant, is_free: bool, now: Instant) {
        if let Some(own) = ticket.hops.drain(..).next() {
            ticket.url = own;
        }
        ticket.spent = Duration::ZERO;
        ticket.renewed = false;
        ticket.starved = 0;
        ticket.is_charged = false;
        ticket.is_led = ticket.was_led;
        let host = self.host_of(&ticket.url, now);
        ticket.host = host;
        let is_given_up = self.host(host).breaker.way(now) == Way::GivenUp;
        if ticket.purpose == Purpose::Robots && is_given_up {
            self.give_up_asking(&ticket, now);
        } else if ticket.purpose == Purpose::Robots {
            self.host(host).push_question(at, ticket);
        } else if is_given_up {
            self.refuse_given_up(host, ticket);
        } else {
            self.retrying += 1;
            self.host(host).push_delayed(at, is_free, ticket);
        }
        self.place(host, now);
    }
}
