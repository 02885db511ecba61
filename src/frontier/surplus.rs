//! How the window stays bounded and yet the list is read on: when the window is full of hosts that must wait, the surplus of each is
//! handed out to be parked elsewhere, and asked back for when the host has nothing left. Hosts that can go are never held up by a list
//! that is sorted by host.

use std::time::Instant;

use super::Frontier;
use super::limits::Limits;
use crate::model::Target;

/// So many hosts with something queued are kept in sight at most while the list is read on: some 20 MB, and as much again for what they
/// have in memory.
const MOST_HOSTS: usize = 1 << 15;

/// So many records of targets that were not fetched wait to be taken, before more parked ones are.
const MOST_REFUSED: usize = 256;

impl Frontier {
    /// Whether the window is full: nothing more is to be pushed until something settled, unless it [is hungry](Self::is_hungry).
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.held + self.refused.len() >= self.settings.window
    }

    /// Whether nothing in sight may go at `now` although the run's own rate allows it: then the list is worth reading on, full or not.
    pub fn is_hungry(&mut self, now: Instant) -> bool {
        self.wake(now);
        let may_go = self.ready.first().is_some_and(|(is_bold, ..)| !is_bold || self.patience() > now);
        !may_go && self.hosts_at_work() < MOST_HOSTS && self.resume_at <= now && self.run.next_at(now) <= now
    }

    /// Until when the bold hosts that are ready, or the first few of them, may be expected to earn their places.
    pub(super) fn patience(&self) -> Instant {
        let limits = self.ready.iter().take(16).filter_map(|(.., id)| self.hosts[*id].as_ref()).map(|host| match host.group {
            Some(group) => &self.groups.get(group).limits,
            None => &host.limits,
        });
        limits.map(Limits::patience).max().expect("asked only when a host is ready")
    }

    /// Makes room in a full window: hands out the targets beyond those that each host keeps, each with its host's name. They are to be
    /// parked until [`wanted`](Self::wanted) asks for them. What is pushed to these hosts from now on is parked too.
    #[must_use]
    pub fn surplus(&mut self) -> Vec<(usize, Target)> {
        let keep = match self.keep {
            Some(1) => return Vec::new(),
            Some(keep) => keep / 2,
            None => self.settings.window / 2 / self.hosts_at_work().max(1),
        };
        let keep = keep.max(1);
        self.keep = Some(keep);
        let mut surplus = Vec::new();
        for (id, host) in self.hosts.iter_mut().enumerate() {
            let Some(host) = host.as_mut().filter(|host| host.fresh.len() > keep) else { continue };
            let more = host.fresh.drain(keep..);
            host.parked += more.len() as u64;
            surplus.extend(more.map(|target| (id, target)));
            host.fresh.shrink_to_fit();
        }
        self.held -= surplus.len();
        self.parked += surplus.len() as u64;
        surplus
    }

    /// Hosts that have something queued or in flight.
    fn hosts_at_work(&self) -> usize {
        self.by_key.len() - self.fading.len()
    }

    /// A host that wants its parked targets back, and how many of them. It is named once, until [`unpark`](Self::unpark) answers.
    pub fn wanted(&mut self) -> Option<(usize, usize)> {
        // Those of a host that was given up come back as records: not faster than these are taken.
        if self.refused.len() >= MOST_REFUSED {
            return None;
        }
        loop {
            let id = self.wanting.0.pop_front().or_else(|| if self.is_full() { None } else { self.wanting.1.pop_front() })?;
            // One that has nothing left at all is named in both.
            if self.hosts[id].as_ref().is_some_and(|host| host.wants) {
                return Some((id, self.keep.unwrap_or(self.settings.window / 4).clamp(1, 64)));
            }
        }
    }

    /// Takes parked targets back, in the order in which they were handed out. None although there should be some: they are lost.
    pub fn unpark(&mut self, id: usize, targets: Vec<Target>, now: Instant) {
        let count = targets.len() as u64;
        let host = self.host(id);
        (host.wants, host.wants_now) = (false, false);
        host.parked -= count;
        self.parked -= count;
        let is_given_up = self.host(id).breaker.way(now) == crate::policy::breaker::Way::GivenUp;
        for target in targets {
            if is_given_up {
                self.refuse_fresh(id, target);
            } else {
                self.held += 1;
                self.host(id).fresh.push_back(target);
            }
        }
        if self.parked == 0 && self.held < self.settings.window / 2 {
            self.keep = None;
        }
        self.want(id);
        self.place(id, now);
    }

    /// A target that could not be parked comes back.
    pub fn keep(&mut self, id: usize, target: Target, now: Instant) {
        self.parked -= 1;
        self.held += 1;
        let host = self.host(id);
        host.parked -= 1;
        host.fresh.push_back(target);
        self.place(id, now);
    }

    /// Notes that a host has no fresh targets left in memory and some that are parked.
    pub(super) fn want(&mut self, id: usize) {
        let host = self.host(id);
        if host.parked == 0 || !host.fresh.is_empty() {
            return;
        }
        let is_urgent = host.is_empty();
        if is_urgent && !std::mem::replace(&mut host.wants_now, true) {
            self.wanting.0.push_back(id);
        } else if !is_urgent && !host.wants {
            self.wanting.1.push_back(id);
        }
        self.host(id).wants = true;
    }
}
