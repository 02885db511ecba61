//! A limit beyond the frontier: what other runs on this machine leave of a host's rates, and what an earlier one learned of it.

use std::time::Instant;

use url::Url;

use super::Frontier;
use super::host::Prelude;
use crate::model::Ticket;
use crate::policy::{Adapt, LimitBy, Rate, site};

/// A request that the frontier's own limits allow now.
#[derive(Debug)]
pub struct Start<'a> {
    /// What the limits are called: `host:port`, or what shares them.
    pub key: &'a str,
    /// The rates that hold for it: the given ones, the host's own wish, and what its answers taught.
    pub rates: Vec<Rate>,
    /// Requests in flight to it at most.
    pub per_host: Option<usize>,
}

/// Who has the last word about a start: yes, or not before an instant.
pub type Gate<'a> = dyn FnMut(&Start) -> Result<(), Instant> + 'a;

/// What an earlier run learned of a host.
#[derive(Clone, Debug, Default)]
pub struct Recalled {
    /// It asked to be left alone until then.
    pub not_before: Option<Instant>,
    /// Requests a second that it was found to bear.
    pub rate: Option<f64>,
    /// Its robots.txt; the inner `None` says that it has none.
    pub robots: Option<Option<Vec<u8>>>,
}

impl Frontier {
    /// Whether a URL's host is in sight.
    #[must_use]
    pub fn knows(&self, url: &Url) -> bool {
        self.by_key.contains_key(Self::key_of(url).as_str())
    }

    /// The name under which a URL's host is found: `host:port`.
    #[must_use]
    pub fn key_of(url: &Url) -> String {
        format!("{}:{}", Self::name_of(url), url.port_or_known_default().unwrap_or_default())
    }

    /// The name of a URL's host; the dot at its end says nothing.
    pub(super) fn name_of(url: &Url) -> &str {
        let name = url.host_str().unwrap_or_default();
        name.strip_suffix('.').unwrap_or(name)
    }

    /// What the limits of a URL's host are called, as far as that is known without a question.
    #[must_use]
    pub fn limits_name(&self, url: &Url) -> String {
        match self.settings.limit_by {
            LimitBy::Site => site(url).to_owned(),
            LimitBy::Host | LimitBy::Ip => Self::key_of(url),
        }
    }

    /// What the limits are called that a used ticket took a place of, if their places are limited.
    #[must_use]
    pub fn place_of(&self, ticket: &Ticket) -> Option<Box<str>> {
        let host = self.hosts[ticket.host].as_ref()?;
        let limits = host.group.map_or(&host.limits, |group| &self.groups.get(group).limits);
        limits.given_per_host().map(|_| self.limits_key(ticket.host))
    }

    /// Brings a host into sight with what an earlier run learned of it.
    pub fn recall(&mut self, url: &Url, recalled: Recalled, now: Instant) {
        let id = self.host_of(url, now);
        if let Some(text) = recalled.robots {
            let key = self.host(id).key.clone();
            self.recall_robots(&key, text.as_deref());
            let rules = self.shelf.get(&key);
            let host = self.host(id);
            host.rules = rules.filter(|_| host.obeys);
            if host.prelude == Prelude::Robots {
                host.prelude = host.after_address();
            }
            self.obey_delay(id, false, now);
        }
        let limits = self.limits(id);
        if let Some(until) = recalled.not_before
            && until > limits.not_before
        {
            limits.not_before = until;
        }
        if let (Some(rate), Some(adapt)) = (recalled.rate, &mut limits.adapt)
            && adapt.is_default()
        {
            *adapt = Adapt::learned(rate, now);
        }
        // Nothing is queued yet, so it may be forgotten again until something is: then it is only asked for once more.
        self.place(id, now);
    }

    /// Asks the gate whether a request to a host may start.
    pub(super) fn pass(&mut self, id: usize, gate: Option<&mut Gate>) -> Result<(), Instant> {
        let Some(gate) = gate else { return Ok(()) };
        let key = self.limits_key(id);
        let given = self.settings.host_rps.clone();
        let limits = self.limits(id);
        let rates = limits.rates(&given);
        gate(&Start { key: &key, rates, per_host: limits.given_per_host() })
    }
}
