//! What is kept of hosts beyond this run, and shared with runs at the same time: the crawl's dealings with the ledger.

use std::time::{Instant, SystemTime};

use url::Url;

use super::Crawl;
use crate::fetch::Fetch;
use crate::frontier::{Event, Frontier, Recalled, Start, What};
use crate::ledger::Ledger;
use crate::model::{Done, News, Outcome, Purpose};

/// How soon to ask again for a place that other runs have: nobody tells when one is free.
const PLACE_AGAIN: std::time::Duration = std::time::Duration::from_millis(100);

/// Asks the ledger whether a request may start: whether other runs leave a token and a place for it.
pub(super) fn may_start(ledger: &mut Ledger, start: &Start, burst: std::num::NonZeroU32) -> Result<(), Instant> {
    let now = SystemTime::now();
    if let Some(limit) = start.per_host
        && !ledger.enter(start.key, limit, now)
    {
        return Err(Instant::now() + PLACE_AGAIN);
    }
    ledger.reserve(start.key, &start.rates, burst, now).map_err(|later| {
        if start.per_host.is_some() {
            ledger.leave(start.key, now);
        }
        Instant::now() + later.duration_since(now).unwrap_or_default()
    })
}

impl<F: Fetch, S: FnMut(News<'_>)> Crawl<F, S> {
    /// Tells the frontier what an earlier run learned of a host that comes into sight.
    pub(super) fn recall(&mut self, url: &Url) {
        let now = self.now();
        let Some(ledger) = &mut self.ledger else { return };
        if self.frontier.knows(url) {
            return;
        }
        let (wall, key) = (SystemTime::now(), Frontier::key_of(url));
        let known = ledger.known(&self.frontier.limits_name(url), wall);
        let not_before = known.and_then(|known| known.not_before).and_then(|until| until.duration_since(wall).ok());
        let recalled = Recalled {
            not_before: not_before.map(|wait| now + wait),
            rate: known.and_then(|known| known.rate),
            robots: ledger.robots(&key, wall).map(|robots| robots.text),
        };
        self.frontier.recall(url, recalled, now);
    }

    /// Gives back the place of a request that has ended, and looks up where it leads to.
    pub(super) fn note_end(&mut self, done: &Done) {
        if let Some(ledger) = &mut self.ledger
            && done.ticket.purpose != Purpose::Address
            && let Some(key) = self.frontier.place_of(&done.ticket)
        {
            ledger.leave(&key, SystemTime::now());
        }
        if let Outcome::Redirect { to, .. } = &done.outcome {
            self.recall(to);
        }
    }

    /// Keeps what was learned of a host.
    pub(super) fn keep(&mut self, event: &Event) {
        let Some(ledger) = &mut self.ledger else { return };
        let now = SystemTime::now();
        match &event.what {
            What::Asked { wait, .. } => ledger.hold_off(&event.host, now + *wait, now),
            What::Adapted(change) => ledger.learn(&event.host, change.rate, now),
            What::Robots(text) => ledger.keep_robots(&event.host, Some(text), now),
            What::NoRobots => ledger.keep_robots(&event.host, None, now),
            What::Opened(_) | What::Closed | What::GivenUp | What::RobotsUnreachable(_) => {}
        }
    }
}
