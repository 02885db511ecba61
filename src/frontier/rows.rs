//! What became of a target, as its record says it.

use std::time::Duration;

use crate::model::{Data, Failure, Record, Row, Target, Ticket, Timestamp, redact};

/// The record of a target that is never fetched.
pub(super) fn refusal(target: Target) -> Record {
    let failure = target.url.as_ref().err().map(|failure| (**failure).clone());
    let (error, error_message) = failure.map(|failure| (failure.kind, failure.message)).unzip();
    Record { error, error_message, ..blank(target) }
}

pub(super) fn success(ticket: Ticket, row: Row, spent: Duration, at: Timestamp) -> Record {
    Record {
        final_url: Some(redact(ticket.url.as_str()).into_owned()),
        status: Some(row.status),
        content_type: row.content_type,
        bytes: Some(row.bytes),
        attempts: ticket.attempts,
        elapsed_ms: Some(millis(spent)),
        fetched_at: Some(at),
        body: row.body,
        data: row.data,
        ..blank(ticket.target)
    }
}

/// A failure's record; `end` is how long the last attempt took and when it ended, where there was one.
pub(super) fn failed(ticket: Ticket, failure: &Failure, end: Option<(Duration, Timestamp)>) -> Record {
    let (spent, at) = end.unzip();
    Record {
        // Only a URL that answered is where the target ended.
        final_url: failure.status.map(|_| redact(ticket.url.as_str()).into_owned()),
        status: ticket.last_status,
        content_type: failure.content_type.clone(),
        attempts: ticket.attempts,
        elapsed_ms: spent.map(millis),
        fetched_at: at,
        error: Some(failure.kind),
        error_message: Some(failure.message.clone()),
        ..blank(ticket.target)
    }
}

/// The record of a target for which the request that was about to start is not made.
pub(super) fn untried(mut ticket: Ticket, failure: &Failure) -> Record {
    ticket.attempts -= u32::from(ticket.hops.is_empty());
    let past = ticket.past.as_deref().map(|past| (past.spent, Timestamp(past.at)));
    failed(ticket, failure, past)
}

fn blank(target: Target) -> Record {
    Record {
        index: target.index,
        url: target.shown().into_owned(),
        final_url: None,
        status: None,
        content_type: None,
        bytes: None,
        attempts: 0,
        elapsed_ms: None,
        fetched_at: None,
        error: None,
        error_message: None,
        body: None,
        data: Data::default(),
        input: target.input,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
