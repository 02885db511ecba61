//! Which hosts are in sight, and where each stands: ready, waiting, fading, or out of all indexes.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::time::Instant;

use url::Url;

use super::Frontier;
use super::host::{Host, Place, Prelude};
use super::limits::Limits;
use crate::policy::breaker::Way;
use crate::policy::{LimitBy, limit_by, robots};

/// Hosts that share their limits.
#[derive(Debug, Default)]
pub(super) struct Groups {
    all: Vec<Option<Group>>,
    free: Vec<usize>,
    by_key: HashMap<Box<str>, usize>,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) key: Box<str>,
    pub(super) limits: Limits,
    /// Hosts that share it.
    members: usize,
    /// Those of them that found no room.
    blocked: VecDeque<usize>,
}

impl Groups {
    pub(super) fn get(&self, id: usize) -> &Group {
        self.all[id].as_ref().expect("a group stays as long as it has members")
    }

    pub(super) fn get_mut(&mut self, id: usize) -> &mut Group {
        self.all[id].as_mut().expect("a group stays as long as it has members")
    }

    /// Finds or makes a group, of which there is one member more.
    fn join(&mut self, key: &str, limits: impl FnOnce() -> Limits) -> usize {
        if let Some(&id) = self.by_key.get(key) {
            self.get_mut(id).members += 1;
            return id;
        }
        let group = Some(Group { key: key.into(), limits: limits(), members: 1, blocked: VecDeque::new() });
        let id = self.free.pop().unwrap_or(self.all.len());
        if id == self.all.len() {
            self.all.push(group);
        } else {
            self.all[id] = group;
        }
        self.by_key.insert(key.into(), id);
        id
    }

    fn leave(&mut self, id: usize) {
        let group = self.get_mut(id);
        group.members -= 1;
        if group.members == 0
            && let Some(group) = self.all[id].take()
        {
            self.by_key.remove(&group.key);
            self.free.push(id);
        }
    }
}

impl Frontier {
    /// Moves the hosts whose time has come, and forgets those that have nothing to be remembered for.
    pub(super) fn wake(&mut self, now: Instant) {
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
    pub(super) fn host_of(&mut self, url: &Url, now: Instant) -> usize {
        self.key.clear();
        let (name, port) = (Self::name_of(url), url.port_or_known_default().unwrap_or_default());
        write!(self.key, "{name}:{port}").expect("a String takes whatever is written");
        if let Some(id) = self.by_key.get(self.key.as_str()) {
            return *id;
        }
        let key: Box<str> = self.key.as_str().into();
        let rule = self.settings.hosts.rule(name, port);
        let limits = match self.settings.limit_by {
            LimitBy::Host => Limits::new(&self.settings, &rule, now),
            LimitBy::Site | LimitBy::Ip => Limits::of_member(&self.settings, &rule, now),
        };
        let mut host = Host::new(key.clone(), limits);
        host.turn = self.turn;
        self.turn += 1;
        host.obeys = rule.robots.unwrap_or(self.settings.robots) == robots::Mode::Always;
        host.rules = if host.obeys { self.shelf.get(&key) } else { None };
        host.prelude = match self.settings.limit_by {
            LimitBy::Ip => Prelude::Address,
            _ => host.after_address(),
        };
        let id = self.free.pop().unwrap_or(self.hosts.len());
        if id == self.hosts.len() {
            self.hosts.push(Some(host));
        } else {
            self.hosts[id] = Some(host);
        }
        self.by_key.insert(key, id);
        if self.settings.limit_by == LimitBy::Site {
            self.join(id, limit_by::site(url), now);
        }
        self.obey_delay(id, false, now);
        id
    }

    /// Has a host share the limits of a group from now on.
    pub(super) fn join(&mut self, id: usize, key: &str, now: Instant) {
        let rule = self.settings.hosts.rule(key, 0);
        let group = self.groups.join(key, || Limits::new(&self.settings, &rule, now));
        self.part(id);
        self.host(id).group = Some(group);
    }

    /// Has a host share its group's limits no longer. Nothing of it is in flight.
    fn part(&mut self, id: usize) {
        let host = self.host(id);
        let was_blocked = std::mem::take(&mut host.is_blocked);
        if let Some(group) = host.group.take() {
            self.leave(id, group, was_blocked);
        }
    }

    fn leave(&mut self, id: usize, group: usize, was_blocked: bool) {
        if was_blocked {
            self.groups.get_mut(group).blocked.retain(|blocked| *blocked != id);
        }
        self.groups.leave(group);
    }

    pub(super) fn host(&mut self, id: usize) -> &mut Host {
        self.hosts[id].as_mut().expect("a host stays in sight while something of it is queued, in flight or indexed")
    }

    /// The limits that hold for a host.
    pub(super) fn limits(&mut self, id: usize) -> &mut Limits {
        match self.host(id).group {
            Some(group) => &mut self.groups.get_mut(group).limits,
            None => &mut self.host(id).limits,
        }
    }

    /// What a member of a group has beside the group's limits.
    pub(super) fn own_limits(&mut self, id: usize) -> Option<&mut Limits> {
        let host = self.host(id);
        host.group.map(|_| &mut host.limits)
    }

    /// What a host's limits are called: its own name, or its group's.
    pub(super) fn limits_key(&self, id: usize) -> Box<str> {
        let host = self.hosts[id].as_ref().expect("asked for a host in sight");
        host.group.map_or_else(|| host.key.clone(), |group| self.groups.get(group).key.clone())
    }

    /// Places the hosts anew that found no room in a group.
    pub(super) fn unblock(&mut self, group: usize, now: Instant) {
        // It may be gone with its last member. No more of them are looked at than there is room for.
        let Some((blocked, mut room)) = self.groups.all[group].as_ref().map(|it| (it.blocked.len(), it.limits.room())) else {
            return;
        };
        for _ in 0..blocked {
            if room == 0 {
                break;
            }
            let Some(id) = self.groups.get_mut(group).blocked.pop_front() else { break };
            self.host(id).is_blocked = false;
            self.place(id, now);
            room -= usize::from(self.hosts[id].as_ref().is_some_and(|host| !host.is_blocked));
            if self.groups.all[group].is_none() {
                return;
            }
        }
    }

    /// Puts a host into the one index where it belongs at `now`, after anything about it has changed.
    pub(super) fn place(&mut self, id: usize, now: Instant) {
        let place = self.belongs(id, now);
        let host = self.host(id);
        let old = host.place;
        host.place = place;
        if old != place {
            match old {
                Place::Out => {}
                Place::Ready { is_bold, in_flight, turn } => drop(self.ready.remove(&(is_bold, in_flight, turn, id))),
                Place::Waiting(at) => drop(self.waiting.remove(&(at, id))),
                Place::Fading(at) => drop(self.fading.remove(&(at, id))),
            }
            match place {
                Place::Out => {}
                Place::Ready { is_bold, in_flight, turn } => drop(self.ready.insert((is_bold, in_flight, turn, id))),
                Place::Waiting(at) => drop(self.waiting.insert((at, id))),
                Place::Fading(at) => drop(self.fading.insert((at, id))),
            }
        }
        if let Place::Fading(at) = place
            && at <= now
        {
            self.fading.remove(&(at, id));
            self.forget(id);
        }
    }

    /// Where a host belongs at `now`.
    fn belongs(&mut self, id: usize, now: Instant) -> Place {
        let host = self.host(id);
        let (is_busy, is_probing) = (host.in_flight > 0, host.breaker.way(now) == Way::Probing);
        let needs_budget = host.needs_budget();
        let Some(due) = host.due_at(now) else {
            let is_kept = is_busy || host.parked > 0 || matches!(host.prelude, Prelude::Locating | Prelude::Asking);
            return if is_kept { Place::Out } else { Place::Fading(self.forgotten_at(id, now)) };
        };
        // Its address is asked for again only when nothing counts for the old one any more.
        if is_probing || (host.prelude == Prelude::Address && is_busy) {
            return Place::Out;
        }
        let way = match host.breaker.way(now) {
            Way::ProbeAt(at) => at,
            _ => now,
        };
        let (in_flight, turn) = (host.in_flight, host.turn);
        let due = due.max(way);
        let most = self.settings.retry.max_backoff;
        let waits = needs_budget && due <= now && !self.host(id).has_waited(most, now) && !self.budget.is_hopeless(now);
        let due = if waits { self.budget.next_at(now) } else { due };
        // A member of a group may have limits of its own beside the group's.
        let host = self.host(id);
        let own = host.group.map(|_| (host.limits.has_room(), host.limits.next_at(now)));
        let (has_own_room, own_at) = own.unwrap_or((true, now));
        let limits = self.limits(id);
        if !limits.has_room() || !has_own_room {
            self.block(id);
            return Place::Out;
        }
        let at = due.max(own_at).max(limits.next_at(now));
        if at > now { Place::Waiting(at) } else { Place::Ready { is_bold: limits.is_bold(), in_flight, turn } }
    }

    /// Notes that a host found no room in its group; alone it is placed anew by its own next event.
    fn block(&mut self, id: usize) {
        let host = self.host(id);
        if let (Some(group), false) = (host.group, host.is_blocked) {
            host.is_blocked = true;
            self.groups.get_mut(group).blocked.push_back(id);
        }
    }

    fn forgotten_at(&mut self, id: usize, now: Instant) -> Instant {
        let broken = self.host(id).breaker.forgotten_at(now);
        let own = self.host(id).limits.forgotten_at(now);
        self.limits(id).forgotten_at(now).max(own).max(broken)
    }

    fn forget(&mut self, id: usize) {
        if let Some(host) = self.hosts[id].take() {
            self.by_key.remove(&host.key);
            self.free.push(id);
            if let Some(rules) = host.rules {
                self.shelf.part(&rules);
            }
            if let Some(group) = host.group {
                self.leave(id, group, host.is_blocked);
            }
        }
    }
}
