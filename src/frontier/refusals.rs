//! Targets that end without a request: their host was given up, its robots.txt forbids them, or there is no room for another retry.

use std::time::Instant;

use super::Frontier;
use super::host::Prelude;
use super::rows::failed;
use crate::model::{ErrorKind, Failure, Purpose, Target, Ticket, Timestamp};
use crate::policy::breaker;

impl Frontier {
    /// Refuses everything that is queued for a host that has been given up.
    pub(super) fn give_up(&mut self, id: usize, now: Instant) {
        let host = self.host(id);
        let delayed = host.delayed();
        let (begun, fresh) = host.take_all();
        self.retrying -= delayed;
        for ticket in begun {
            self.refuse_given_up(id, ticket);
        }
        for target in fresh {
            self.held -= 1;
            self.refuse_fresh(id, target);
        }
        for (_, question) in self.host(id).take_questions() {
            self.give_up_asking(&question, now);
        }
        self.want(id);
    }

    /// Refuses the targets for which a host was to be asked for its robots.txt, and may not be: all of them, or those that a redirect
    /// led to it. Others ask for themselves.
    pub(super) fn refuse_blocked(&mut self, question: &Ticket, reason: &str, now: Instant) {
        let id = question.asks_for;
        let host = self.host(id);
        host.prelude = Prelude::Robots;
        let delayed = host.delayed();
        let (begun, fresh) = if question.was_led { (host.take_led(), Vec::new()) } else { host.take_all() };
        self.retrying -= delayed - self.host(id).delayed();
        let fresh = fresh.into_iter().filter_map(|target| {
            let url = target.url.clone().ok()?;
            Some(Ticket::new(target, url, Purpose::Page, id))
        });
        for ticket in begun.into_iter().chain(fresh) {
            self.refuse_begun(ticket, ErrorKind::Blocked, reason);
        }
        self.want(id);
        self.place(id, now);
    }

    /// Refuses a target whose host has been given up before it was tried. It is not held.
    pub(super) fn refuse_fresh(&mut self, id: usize, target: Target) {
        let Ok(url) = target.url.clone() else { return };
        self.held += 1;
        self.refuse_given_up(id, Ticket::new(target, url, Purpose::Page, id));
    }

    pub(super) fn refuse_given_up(&mut self, id: usize, ticket: Ticket) {
        let (give_up, host) = (self.settings.give_up, self.host(id));
        let missed = host.missed.as_deref().unwrap_or("no connection");
        let reason = format!(
            "{} was given up for now: {} attempts in a row and {give_up} more at growing intervals did not reach it ({missed}); try again later, or raise --give-up",
            host.key,
            breaker::FAILURES,
        );
        self.refuse_begun(ticket, ErrorKind::CircuitOpen, &reason);
    }

    /// Refuses a held target that may have been tried already.
    pub(super) fn refuse_begun(&mut self, ticket: Ticket, kind: ErrorKind, reason: &str) {
        let past = ticket.past.as_deref().map(|past| (past.spent, Timestamp(past.at)));
        self.held -= 1;
        self.refused.push_back(failed(ticket, &Failure::new(kind, reason), past));
    }

    /// Refuses a retry for which there is no room.
    pub(super) fn refuse_retry(&mut self, ticket: Ticket) {
        self.held -= 1;
        let Some(past) = ticket.past.clone() else { return };
        let reason = "not tried again: retries would have been more than their share of the requests (see --retry-budget)";
        let failure = Failure { message: format!("{}; {reason}", past.failure.message), ..past.failure };
        self.refused.push_back(failed(ticket, &failure, Some((past.spent, Timestamp(past.at)))));
    }
}
