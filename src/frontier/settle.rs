//! What a result means: a record, another hop, or another attempt.

use std::time::{Duration, Instant};

use url::Url;

use super::Frontier;
use crate::model::{Data, Done, ErrorKind, Failure, Outcome, Record, Row, Target, Ticket, Timestamp, redact, redact_text};
use crate::policy::Verdict;

/// How long nothing starts when the system had no descriptor or port left: connections that idle are closed after seconds.
const STARVED_PAUSE: Duration = Duration::from_millis(250);
/// How often one request waits for that. When half a minute has made no room the run is not going to.
const MAX_STARVED: u32 = 120;

impl Frontier {
    /// Takes a used ticket back. `None`: it goes on as a redirect's next hop or is tried again later.
    pub fn settle(&mut self, done: Done, now: Instant) -> Option<Record> {
        let id = done.ticket.host;
        self.host(id).in_flight -= 1;
        let record = self.judge(done, now);
        self.held -= usize::from(record.is_some());
        self.place(id, now);
        record
    }

    fn judge(&mut self, done: Done, now: Instant) -> Option<Record> {
        let Done { mut ticket, outcome, asked: _, elapsed, at } = done;
        let spent = ticket.spent + elapsed;
        match outcome {
            Outcome::Row(row) => Some(success(ticket, row, spent, Timestamp(at))),
            Outcome::Redirect { status, to } => {
                ticket.last_status = Some(status);
                if let Some(reason) = self.objection(&ticket, &to) {
                    let failure = Failure { status: Some(status), ..Failure::new(ErrorKind::Redirect, reason) };
                    return Some(failed(ticket, &failure, spent, Timestamp(at)));
                }
                self.follow(ticket, to, spent, now);
                None
            }
            // Nothing asks for these yet.
            Outcome::Robots(_) | Outcome::Address(_) => None,
            Outcome::Stale(_) if !ticket.renewed => {
                ticket.renewed = true;
                ticket.spent = spent;
                self.host(ticket.host).push_urgent(ticket);
                None
            }
            Outcome::Starved(_) if ticket.starved < MAX_STARVED => {
                ticket.starved += 1;
                self.resume_at = self.resume_at.max(now + STARVED_PAUSE);
                self.host(ticket.host).push_urgent(ticket);
                None
            }
            Outcome::Stale(failure) | Outcome::Starved(failure) | Outcome::Failed(failure) => {
                self.fail(ticket, &failure, spent, Timestamp(at), now)
            }
        }
    }

    /// Why a redirect is not followed, if it is not.
    fn objection(&self, ticket: &Ticket, to: &Url) -> Option<String> {
        let shown = shortened(&redact(to.as_str()));
        if !matches!(to.scheme(), "http" | "https") {
            return Some(format!("redirected to {shown}: only http and https are followed"));
        }
        let mut seen = ticket.hops.iter().chain([&ticket.url]);
        if seen.any(|url| same_request(url, to)) {
            return Some(format!("redirected in a loop, back to {shown}"));
        }
        let limit = self.settings.max_redirects;
        (ticket.hops.len() >= limit).then(|| format!("redirected more than {limit} times, the last time to {shown}"))
    }

    fn follow(&mut self, mut ticket: Ticket, to: Url, spent: Duration, now: Instant) {
        let host = self.host_of(&to, now);
        ticket.host = host;
        ticket.spent = spent;
        ticket.renewed = false;
        ticket.starved = 0;
        ticket.hops.push(std::mem::replace(&mut ticket.url, to));
        self.host(host).push_urgent(ticket);
        self.place(host, now);
    }

    fn fail(&mut self, mut ticket: Ticket, failure: &Failure, spent: Duration, at: Timestamp, now: Instant) -> Option<Record> {
        ticket.last_status = failure.status.or(ticket.last_status);
        let host_wait = self.settings.retry.host_wait(failure);
        let answered = self.host(ticket.host);
        answered.not_before = answered.not_before.max(now + host_wait);
        match self.settings.retry.verdict(failure, ticket.attempts, self.random.f64()) {
            Verdict::GiveUp => Some(failed(ticket, failure, spent, at)),
            Verdict::Again(wait) => {
                self.again(ticket, now + wait, now);
                None
            }
        }
    }

    /// Queues a target for another attempt, which begins at its own URL again.
    fn again(&mut self, mut ticket: Ticket, at: Instant, now: Instant) {
        if let Some(own) = ticket.hops.drain(..).next() {
            ticket.url = own;
        }
        ticket.spent = Duration::ZERO;
        ticket.renewed = false;
        ticket.starved = 0;
        let host = self.host_of(&ticket.url, now);
        ticket.host = host;
        self.retrying += 1;
        self.host(host).push_delayed(at, ticket);
        self.place(host, now);
    }
}

/// A URL for a message: a server may send one of any length.
fn shortened(url: &str) -> String {
    const SHOWN: usize = 300;
    if url.len() <= SHOWN { url.to_owned() } else { format!("{}…", &url[..url.floor_char_boundary(SHOWN)]) }
}

/// Whether two URLs make the same request: a fragment is not sent.
fn same_request(a: &Url, b: &Url) -> bool {
    let sent = |url: &Url| url.as_str().len() - url.fragment().map_or(0, |fragment| fragment.len() + 1);
    a.as_str()[..sent(a)] == b.as_str()[..sent(b)]
}

/// The record of a target that is never fetched.
pub(super) fn refusal(target: Target) -> Record {
    let failure = target.url.as_ref().err().map(|failure| (**failure).clone());
    let (error, error_message) = failure.map(|failure| (failure.kind, failure.message)).unzip();
    Record { error, error_message, ..blank(target) }
}

fn success(ticket: Ticket, row: Row, spent: Duration, at: Timestamp) -> Record {
    Record {
        final_url: Some(redact(ticket.url.as_str()).into_owned()),
        status: Some(row.status),
        content_type: row.content_type,
        bytes: Some(row.bytes),
        attempts: ticket.attempts,
        elapsed_ms: Some(millis(spent)),
        fetched_at: Some(at),
        data: row.data,
        ..blank(ticket.target)
    }
}

fn failed(ticket: Ticket, failure: &Failure, spent: Duration, at: Timestamp) -> Record {
    Record {
        // Only a URL that answered is where the target ended.
        final_url: failure.status.map(|_| redact(ticket.url.as_str()).into_owned()),
        status: ticket.last_status,
        content_type: failure.content_type.clone(),
        attempts: ticket.attempts,
        elapsed_ms: Some(millis(spent)),
        fetched_at: Some(at),
        error: Some(failure.kind),
        error_message: Some(failure.message.clone()),
        ..blank(ticket.target)
    }
}

fn blank(target: Target) -> Record {
    Record {
        index: target.index,
        url: if target.url.is_ok() { redact(target.given()) } else { redact_text(target.given()) }.into_owned(),
        final_url: None,
        status: None,
        content_type: None,
        bytes: None,
        attempts: 0,
        elapsed_ms: None,
        fetched_at: None,
        error: None,
        error_message: None,
        data: Data::default(),
        input: target.input,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
