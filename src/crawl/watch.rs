//! Who is under way, and what the loop waits for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use url::Url;

use super::Crawl;
use super::patience::Patience;
use crate::fetch::Fetch;
use crate::model::{Flight, Flying, News, Secrets, Stage, Ticket, Waits};

/// So many waiting hosts are named.
const MOST_HOSTS: usize = 20;

/// The requests under way. A request enters its name when it starts and takes it out when it ends, however it ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster(Arc<Mutex<Places>>);

#[derive(Debug, Default)]
struct Places {
    places: Vec<Option<Entry>>,
    free: Vec<usize>,
}

#[derive(Debug)]
struct Entry {
    url: Url,
    attempt: u32,
    flight: Arc<Flight>,
}

impl Roster {
    /// Enters a request that starts now.
    pub(super) fn enter(&self, ticket: &Ticket, now: Instant) -> Aloft {
        let flight = Arc::new(Flight::new(now.into_std()));
        let entry = Some(Entry { url: ticket.url.clone(), attempt: ticket.attempts, flight: Arc::clone(&flight) });
        let mut places = self.places();
        let place = places.free.pop().unwrap_or(places.places.len());
        if place == places.places.len() {
            places.places.push(entry);
        } else {
            places.places[place] = entry;
        }
        drop(places);
        Aloft { flight, place, roster: self.clone() }
    }

    /// What there is to see of them, the oldest first.
    fn seen(&self, secrets: &Secrets, now: Instant) -> Vec<Flying> {
        let places = self.places();
        let entries = places.places.iter().flatten();
        let mut seen: Vec<_> = entries
            .map(|entry| entry.flight.seen(secrets.url(entry.url.as_str()).into_owned(), entry.attempt, now.into_std()))
            .collect();
        seen.sort_by_key(|flying| std::cmp::Reverse(flying.flying_for));
        seen
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        // What is behind it is whole between any two calls.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's name in the roster, for as long as it is kept.
#[derive(Debug)]
pub(super) struct Aloft {
    pub(super) flight: Arc<Flight>,
    place: usize,
    roster: Roster,
}

impl Drop for Aloft {
    fn drop(&mut self) {
        let mut places = self.roster.places();
        places.places[self.place] = None;
        places.free.push(self.place);
    }
}

/// What the loop needs to say what it waits for.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) patience: Patience,
    pub(super) roster: Roster,
}

impl<F: Fetch, S: FnMut(News<'_>)> Crawl<F, S> {
    /// Says what the loop waits for. `blocked`: it waits for the sink to take a record.
    pub(super) fn tell(&mut self, asked: bool, blocked: bool) {
        let now = Instant::now();
        let census = self.frontier.census();
        let is_draining = self.draining.is_some();
        let waits = Waits {
            asked,
            waited: self.watch.patience.waited(now),
            stage: if is_draining { Stage::Draining } else { Stage::Going },
            in_flight: self.watch.roster.seen(&self.settings.secrets, now),
            hosts: if is_draining { Vec::new() } else { self.frontier.waits(now.into_std(), MOST_HOSTS) },
            waiting_hosts: if is_draining { 0 } else { census.waiting_hosts },
            next_at: self.promised.map(Instant::into_std).or(census.next_at).filter(|_| !is_draining),
            output: blocked,
            input: !blocked && self.has_room(),
        };
        (self.status)(News::Waits(&waits));
    }
}

#[cfg(test)]
mod tests;
