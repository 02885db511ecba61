//! The request and its answer, under the time limits.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header;
use reqwest::{RequestBuilder, Response, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::client::Fetcher;
use super::limits::Limits;
use super::read::read;
use super::{Cap, Fetch, Reply, dial, error};
use crate::model::{Asked, ErrorKind, Failure, Flight, Phase, Purpose, Ticket};
use crate::policy::{asked, robots};

/// As much of an answer that nobody wants is read so that its connection can be used again.
const DRAIN_BYTES: u64 = 16 << 10;
/// And no longer than this.
const DRAIN_TIME: Duration = Duration::from_millis(500);

impl Fetch for Fetcher {
    async fn fetch(&self, ticket: &Ticket, flight: &Arc<Flight>) -> Result<Reply, Failure> {
        if ticket.purpose == Purpose::Address {
            return self.address(ticket, flight).await;
        }
        let request = request(self, ticket)?;
        let reply = dial::watched(flight, exchange(self, ticket, request)).await;
        if reply.as_ref().is_err_and(|failure| failure.status.is_none()) {
            self.resolver.doubt(ticket.url.host_str().unwrap_or_default());
        }
        reply
    }
}

async fn exchange(fetcher: &Fetcher, ticket: &Ticket, request: RequestBuilder) -> Result<Reply, Failure> {
    let settings = &fetcher.settings;
    let mut limits = Limits::new(settings, ticket.spent);
    let sent = match limits.head(request.send()).await? {
        Ok(response) => response,
        Err(error) => return error::before_head(&error, dial::state().is_reused(), &ticket.url, settings),
    };
    dial::enter(Phase::Body);
    let status = sent.status();
    // What --accept and --max-body say is meant for pages. One byte more than counts tells that a robots.txt goes on.
    let (is_accepted, cap) = match ticket.purpose {
        Purpose::Robots => (status.is_success(), Cap::Cut(robots::MAX_BYTES + 1)),
        _ => (settings.accept.iter().any(|range| range.contains(&status.as_u16())), Cap::Refuse(settings.max_body)),
    };
    if is_accepted {
        return read(sent, cap, &mut limits, fetcher.memory.held()).await.map(|(page, held)| Reply::Page(page, held));
    }
    let reply = refuse(&sent);
    drain(sent, &limits).await;
    reply
}

/// The request itself. What was given for the listed URL (headers, credentials) goes to its origin only, what was given for a host
/// to that host.
fn request(fetcher: &Fetcher, ticket: &Ticket) -> Result<RequestBuilder, Failure> {
    let mut url = ticket.url.clone();
    let own = ticket.target.url.as_ref().ok().filter(|_| ticket.is_same_origin());
    // Where a redirect put credentials into its URL they are not the user's; where it stays on the origin the user's are kept.
    let (user, password) = own.map_or(("", None), |own| (own.username(), own.password()));
    // Percent-encoded as they stand in the URL, so setting them changes nothing but where they stand; only a URL without a host refuses.
    let _ = url.set_username(user).and_then(|()| url.set_password(password));
    let client = fetcher.client(&url, ticket.renewed)?;
    let hosts = &fetcher.settings.hosts;
    let of_host = hosts.rule(url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default()).headers;
    let request = client.get(url);
    let request = if ticket.is_last { request.header(header::CONNECTION, "close") } else { request };
    let request = if own.is_some() { request.headers(fetcher.settings.headers.clone()) } else { request };
    // Replaces those of the same names.
    Ok(match of_host {
        Some(headers) => request.headers(headers.clone()),
        None => request,
    })
}

/// What an answer with a status that is no page means.
fn refuse(response: &Response) -> Result<Reply, Failure> {
    let status = response.status();
    if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
        && let Some(location) = response.headers().get(header::LOCATION)
    {
        // Bytes that are no UTF-8 are percent-encoded by the URL parser once they are characters.
        let to = response.url().join(&String::from_utf8_lossy(location.as_bytes()));
        return match to {
            Ok(to) => Ok(Reply::Redirect { status: status.as_u16(), to: without_credentials(to) }),
            Err(error) => {
                let message = format!("{status} with a Location that is no URL: {error}");
                Err(answered(response, Failure::new(ErrorKind::Redirect, message)))
            }
        };
    }
    let message = match status {
        StatusCode::PARTIAL_CONTENT => "206 Partial Content, which was not asked for".to_owned(),
        _ => format!("the server answered {} {}", status.as_str(), status.canonical_reason().unwrap_or_default())
            .trim_end()
            .to_owned(),
    };
    Err(answered(response, Failure::new(ErrorKind::HttpStatus, message)))
}

pub(super) fn without_credentials(mut url: Url) -> Url {
    // A URL that cannot have credentials has none.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url
}

/// A failure with what its response said.
pub(super) fn answered(response: &Response, failure: Failure) -> Failure {
    Failure {
        status: Some(response.status().as_u16()),
        content_type: content_type(response),
        asked: asked_by(response),
        ..failure
    }
}

pub(super) fn asked_by(response: &Response) -> Option<Asked> {
    asked(response.status().as_u16(), response.headers(), SystemTime::now())
}

pub(super) fn content_type(response: &Response) -> Option<String> {
    let value = response.headers().get(header::CONTENT_TYPE)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Reads what is left of an unwanted answer, if that is little and comes quickly.
async fn drain(mut response: Response, limits: &Limits) {
    let until = limits.total.min(Instant::now() + DRAIN_TIME);
    if response.content_length().is_none_or(|length| length <= DRAIN_BYTES) {
        let mut left = DRAIN_BYTES;
        while left > 0
            && let Ok(Ok(Some(chunk))) = tokio::time::timeout_at(until, response.chunk()).await
        {
            left = left.saturating_sub(chunk.len() as u64);
        }
    }
}

#[cfg(test)]
mod tests;
