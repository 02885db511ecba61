//! What the crawl says about single requests: what came of each target with `-v`, everything with `-vv`.

use tracing::field::display;

use crate::model::{Done, Failure, Outcome, Record, Ticket, redact, shown};

/// A request is sent.
pub(super) fn request(ticket: &Ticket) {
    tracing::debug!(url = %redact(ticket.url.as_str()), method = %ticket.method, attempt = ticket.attempts, hop = ticket.hops.len(), "request");
}

/// A target is not fetched.
pub(super) fn refused(record: &Record) {
    tracing::info!(url = record.url, kind = record.error.map(display), reason = record.error_message, "refused");
}

/// A failure, until it is known whether it is final.
pub(super) struct Failed {
    url: String,
    attempt: u32,
    failure: Failure,
}

/// An answer, or a failure that is handed back to be logged with [`Failed::log`].
pub(super) fn done(done: &Done) -> Option<Failed> {
    let url = || redact(done.ticket.url.as_str()); // asked for where it is logged
    let elapsed = done.elapsed;
    match &done.outcome {
        Outcome::Row(row) => {
            let charset = row.charset.map(|charset| display(charset.name));
            let by = row.charset.map(|charset| display(charset.by));
            tracing::info!(url = %url(), status = row.status, bytes = row.bytes, charset, by, ?elapsed, "page");
        }
        Outcome::Robots(body) => tracing::debug!(url = %url(), bytes = body.len(), ?elapsed, "robots.txt"),
        Outcome::Address(address) => tracing::debug!(url = %url(), %address, ?elapsed, "resolved"),
        Outcome::Redirect { status, to, .. } if done.ticket.url.scheme() == "https" && to.scheme() == "http" => {
            tracing::info!(url = %url(), status, to = %shown(to.as_str()), "redirect from https to http, which anybody on the way can read");
        }
        Outcome::Redirect { status, to, .. } => tracing::debug!(url = %url(), status, to = %shown(to.as_str()), "redirect"),
        Outcome::Stale(_) => tracing::debug!(url = %url(), "the kept-alive connection was closed; asking again on a new one"),
        Outcome::Starved(failure) => tracing::debug!(url = %url(), reason = failure.message, "waiting for room"),
        Outcome::Failed(failure) => {
            return Some(Failed { url: url().into_owned(), attempt: done.ticket.attempts, failure: failure.clone() });
        }
    }
    None
}

impl Failed {
    pub(super) fn log(self, is_final: bool) {
        let Self { url, attempt, failure } = self;
        let then = if is_final { "failed" } else { "failed, to be tried again" };
        tracing::info!(url, attempt, kind = %failure.kind, reason = failure.message, "{then}");
    }
}
