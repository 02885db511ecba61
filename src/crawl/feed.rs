//! How targets get into the frontier: from the source as far as there is room, or need, and back from where the surplus is parked.

use tokio::time::Instant;

use super::{Broken, Crawl};
use crate::fetch::Fetch;
use crate::model::{News, Target};

impl<F: Fetch, S: FnMut(News<'_>)> Crawl<F, S> {
    /// Takes in what the source has at hand, as far as there is room.
    pub(super) fn take_in(&mut self) {
        self.unpark();
        while self.has_room()
            && let Some(target) = self.intake.try_next()
        {
            self.take(target);
        }
        let expected = self.intake.expected_until().filter(|_| !self.cannot_park && self.outbox.has_room());
        self.frontier.expect_more(expected.map(Instant::into_std));
    }

    /// Whether to take a target: there is room in the window, or nothing in the window may go and the list may have something that may.
    pub(super) fn has_room(&mut self) -> bool {
        let has_room = self.outbox.has_room();
        let is_full = !has_room || self.frontier.is_full();
        let wants_more = self.intake.wants_more(self.frontier.census().held, is_full);
        wants_more || (has_room && self.intake.may_read_on() && self.is_starving())
    }

    /// Whether places are free and nothing in sight may have them.
    fn is_starving(&mut self) -> bool {
        let now = self.now();
        self.draining.is_none() && !self.cannot_park && self.permits.available_permits() > 0 && self.frontier.is_hungry(now)
    }

    pub(super) fn take(&mut self, target: Target) {
        self.outbox.expect(target.index);
        if self.frontier.is_full() {
            for (host, target) in self.frontier.surplus() {
                self.park(host, target);
            }
        }
        if self.ledger.is_some()
            && let Ok(url) = &target.url
        {
            self.recall(url);
        }
        let now = self.now();
        if let Some((host, target)) = self.frontier.push(target, now) {
            self.park(host, target);
        }
    }

    fn park(&mut self, host: usize, target: Target) {
        if let Err(full) = self.parking.put(host, target) {
            if !std::mem::replace(&mut self.cannot_park, true) {
                tracing::warn!(
                    reason = %full,
                    "no more room for targets that wait: the list is read on when some of them are done"
                );
            }
            let now = self.now();
            self.frontier.keep(host, *full.target, now);
        }
    }

    /// Gives the hosts back what is parked for them.
    pub(super) fn unpark(&mut self) {
        while let Some((host, most)) = self.frontier.wanted() {
            match self.parking.take(host, most) {
                Ok(targets) => {
                    let now = self.now();
                    self.frontier.unpark(host, targets, now);
                }
                Err(error) => {
                    self.broken = Some(Broken::Parked(error));
                    return;
                }
            }
        }
        self.cannot_park &= !self.parking.is_empty();
    }
}
