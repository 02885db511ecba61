//! What has to be known of a host before its targets go: its address, where limits are counted by address, and its robots.txt, where
//! that is obeyed. The first ticket of a host that needs it *is* that question, under the same limits as every other request.

use std::time::Instant;

use super::Frontier;
use super::event::{Event, What};
use super::host::Prelude;
use super::settle::{MAX_POSTPONED, MAX_STARVED, STARVED_PAUSE};
use crate::model::{Done, ErrorKind, Outcome, Purpose, Target, Ticket};
use crate::policy::breaker::Way;
use crate::policy::robots::{self, Rules};
use crate::policy::{Rate, Verdict};

impl Frontier {
    /// Asks what has to be known of a host before its targets go.
    pub(super) fn ask(&mut self, id: usize, now: Instant) -> Ticket {
        let host = self.host(id);
        let is_led = host.is_all_led();
        let (url, listed) = host.first_urls().expect("a ready host has something queued");
        // What goes with the listed URL (headers, perhaps secret) must not go where a redirect leads to, this question included.
        let target = Target::new(0, robots::robots_url(listed).as_str(), "robots.txt", None);
        let (url, purpose) = match host.prelude {
            Prelude::Address => (url.clone(), Purpose::Address),
            _ => (robots::robots_url(url), Purpose::Robots),
        };
        host.prelude = if purpose == Purpose::Address { Prelude::Locating } else { Prelude::Asking };
        let mut ticket = Ticket { attempts: 1, is_led, was_led: is_led, ..Ticket::new(target, url, purpose, id) };
        if purpose == Purpose::Address {
            // A lookup is no request to the host.
            host.in_flight += 1;
            self.place(id, now);
        } else {
            ticket.is_probe = host.breaker.start(now);
            let turn = host.turn;
            self.start(id, false, now);
            // The question takes no turn: its page goes next, while there is a connection.
            self.host(id).turn = turn;
        }
        ticket
    }

    /// Hears the address of a host, or that there is none: then its requests will say so.
    pub(super) fn hear_address(&mut self, done: &Done, now: Instant) {
        let id = done.ticket.host;
        let address = match &done.outcome {
            Outcome::Address(address) => Some(address.to_string()),
            Outcome::Starved(_) => {
                // Nothing was looked up: it is asked for again when there is room.
                self.resume_at = self.resume_at.max(now + STARVED_PAUSE);
                self.host(id).prelude = Prelude::Address;
                return;
            }
            _ => None,
        };
        self.join(id, &address.unwrap_or_else(|| self.hosts_key(id)), now);
        let host = self.host(id);
        host.prelude = host.after_address();
    }

    /// Hears the robots.txt of a host, or how asking for it went.
    pub(super) fn hear_robots(&mut self, done: Done, now: Instant) {
        let Done { mut ticket, outcome, elapsed, .. } = done;
        match outcome {
            Outcome::Robots(text) => {
                let rules = Rules::parse(&text, &self.settings.agent);
                self.shelve(ticket.asks_for, rules, What::Robots(text), now);
            }
            Outcome::Redirect { to, is_public, .. } if ticket.hops.len() < robots::MAX_HOPS && self.may_follow(&to) => {
                ticket.is_led |= is_public;
                let spent = ticket.spent + elapsed;
                self.follow(ticket, to, spent, now);
            }
            Outcome::Redirect { .. } => self.shelve(ticket.asks_for, Rules::allow_all(), What::NoRobots, now),
            Outcome::Stale(_) if !ticket.renewed => {
                ticket.renewed = true;
                ticket.spent += elapsed;
                self.host(ticket.host).push_question(now, ticket);
            }
            Outcome::Starved(_) if ticket.starved < MAX_STARVED => self.starve(ticket, now),
            Outcome::Failed(failure) if failure.kind == ErrorKind::Blocked && ticket.hops.is_empty() => {
                self.refuse_blocked(&ticket, &failure.message, now);
            }
            Outcome::Stale(failure) | Outcome::Starved(failure) | Outcome::Failed(failure) => {
                let retry = &self.settings.retry;
                match retry.verdict(&failure, ticket.attempts - ticket.postponed, self.random.f64()) {
                    Verdict::Again(wait) => {
                        // As for a page: to come back at the server's wish is no failed attempt.
                        let asked = retry.host_wait(&failure);
                        let is_free =
                            !asked.is_zero() && ticket.waited + asked < retry.max_wait && ticket.postponed < MAX_POSTPONED;
                        ticket.postponed += u32::from(is_free);
                        ticket.waited += asked;
                        ticket.attempts += 1;
                        self.again(ticket, now + wait, false, now);
                    }
                    Verdict::GiveUp => match robots::outcome(&failure) {
                        robots::Verdict::AllowAll => self.shelve(ticket.asks_for, Rules::allow_all(), What::NoRobots, now),
                        robots::Verdict::Unreachable(reason) => {
                            let rules = Rules::unreachable(&reason);
                            self.shelve(ticket.asks_for, rules, What::RobotsUnreachable(reason), now);
                        }
                    },
                }
            }
            Outcome::Row(_) | Outcome::Address(_) => {
                let reason = "it was answered with something else";
                self.shelve(ticket.asks_for, Rules::unreachable(reason), What::RobotsUnreachable(reason.to_owned()), now);
            }
        }
    }

    /// Asks no further, because the host that was to answer is given up.
    pub(super) fn give_up_asking(&mut self, ticket: &Ticket, now: Instant) {
        let id = ticket.asks_for;
        if self.host(id).breaker.way(now) == Way::GivenUp {
            self.host(id).prelude = Prelude::Robots; // asked anew when the host is tried again
            self.place(id, now);
        } else {
            let reason = format!("it was redirected to {}, which was given up for now", self.hosts_key(ticket.host));
            self.shelve(id, Rules::unreachable(&reason), What::RobotsUnreachable(reason), now);
        }
    }

    /// Knows a host's rules from now on, and lets its targets go.
    fn shelve(&mut self, id: usize, rules: Rules, what: What, now: Instant) {
        let key = self.hosts_key(id);
        self.shelf.put(&key, rules);
        let rules = self.shelf.get(&key);
        self.events.push_back(Event { host: key.into(), what });
        let host = self.host(id);
        host.rules = rules;
        host.prelude = Prelude::Done;
        self.obey_delay(id, true, now);
        self.place(id, now);
    }

    /// Keeps the delay that a host's robots.txt asks for from now on; `has_gone`: a request to it has just been made.
    pub(super) fn obey_delay(&mut self, id: usize, has_gone: bool, now: Instant) {
        let rules = self.host(id).rules.as_ref();
        if let Some(rate) = rules.and_then(|rules| rules.crawl_delay()).and_then(Rate::every) {
            self.host(id).limits.slow_down(rate, has_gone, now);
        }
    }

    /// What is known of a host's robots.txt from an earlier run.
    pub(super) fn recall_robots(&mut self, host: &str, text: Option<&[u8]>) {
        let rules = text.map_or_else(Rules::allow_all, |text| Rules::parse(text, &self.settings.agent));
        self.shelf.put(host, rules);
    }

    /// Whether a ticket may go, as far as its host's robots.txt is concerned; if not, the rule that forbids it.
    pub(super) fn may_fetch(&self, ticket: &Ticket) -> Result<(), String> {
        let host = self.hosts[ticket.host].as_ref().expect("it has just been popped");
        let rules = host.rules.as_ref().filter(|_| ticket.purpose == Purpose::Page);
        rules.map_or(Ok(()), |rules| rules.check(&ticket.url).map_err(|disallowed| disallowed.to_string()))
    }

    fn hosts_key(&self, id: usize) -> String {
        self.hosts[id].as_ref().map(|host| host.key.to_string()).unwrap_or_default()
    }
}
