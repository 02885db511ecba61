//! What the frontier says about itself.

use std::time::Instant;

use super::Frontier;
use super::event::Event;
use super::host::Host;
use crate::model::{HostWait, Why};
use crate::policy::breaker::Way;

/// What the frontier holds, for whoever shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Targets held in memory: queued or in flight.
    pub held: usize,
    /// Targets that are parked elsewhere.
    pub parked: u64,
    /// Targets that wait to be tried again.
    pub retrying: usize,
    /// Hosts with something queued that may not go yet.
    pub waiting_hosts: usize,
    /// When the first of them may go.
    pub next_at: Option<Instant>,
}

impl Frontier {
    /// What is held at the moment.
    #[must_use]
    pub fn census(&self) -> Census {
        Census {
            held: self.held,
            parked: self.parked,
            retrying: self.retrying,
            waiting_hosts: self.waiting.len(),
            next_at: self.waiting.first().map(|(at, _)| *at),
        }
    }

    /// What waits at `now`, the soonest first, and why; `most` of them at most. Where only the rate of the run holds everything back that
    /// is one entry for all.
    #[must_use]
    pub fn waits(&self, now: Instant, most: usize) -> Vec<HostWait> {
        let run_at = self.run.next_at(now).max(self.resume_at);
        let all = (run_at > now && !self.ready.is_empty()).then(|| HostWait {
            host: "every host".to_owned(),
            until: Some(run_at),
            why: Why::RunRate,
            queued: self.held,
        });
        let hosts = self.waiting.iter().filter_map(|&(at, id)| self.hosts[id].as_ref().map(|host| (at, host)));
        let hosts = hosts.map(|(at, host)| HostWait {
            host: host.key.to_string(),
            until: Some(at),
            why: self.why(host, at, now),
            queued: usize::try_from(host.queued()).unwrap_or(usize::MAX),
        });
        all.into_iter().chain(hosts).take(most).collect()
    }

    /// Why the next request that waits may not go at `now`; `None` where it waits for room on this machine, or nothing waits.
    #[must_use]
    pub fn first_wait(&self, now: Instant) -> Option<Why> {
        let run_at = self.run.next_at(now);
        if run_at.max(self.resume_at) > now && !self.ready.is_empty() {
            return (run_at >= self.resume_at).then_some(Why::RunRate);
        }
        let &(at, id) = self.waiting.first()?;
        self.hosts[id].as_ref().map(|host| self.why(host, at, now))
    }

    /// Why a host waits until an instant.
    fn why(&self, host: &Host, until: Instant, now: Instant) -> Why {
        let limits = host.group.map_or(&host.limits, |group| &self.groups.get(group).limits);
        if matches!(host.breaker.way(now), Way::ProbeAt(at) if at == until) {
            return Why::Circuit;
        }
        if let (true, Some(header)) = (limits.not_before == until, limits.asked_by) {
            return Why::Asked(header);
        }
        if limits.adapt.as_ref().is_some_and(|adapt| adapt.next_at(now) == until) {
            return Why::Adaptive;
        }
        match host.due_at(now) {
            Some(due) if due == until => Why::Backoff,
            _ if host.needs_budget() => Why::Budget,
            _ => Why::Rate,
        }
    }

    /// The next thing that happened to a host and has not been told yet.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}
