//! The request and its answer, under the time limits.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header;
use reqwest::{Response, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::client::Fetcher;
use super::dial::{self, Dial, Peer};
use super::early::Early;
use super::error::{self, Sent};
use super::limits::Limits;
use super::read::read;
use super::way::{Way, by_some_way, of_the_proxy};
use super::{Cap, Fetch, Reply};
use crate::model::{Asked, ErrorKind, Failure, Flight, MAX_URL, Phase, Purpose, Ticket};
use crate::policy::{asked, robots};

/// As much of an answer that nobody wants is read so that its connection can be used again.
const DRAIN_BYTES: u64 = 16 << 10;
/// And no longer than this.
const DRAIN_TIME: Duration = Duration::from_millis(500);

impl Fetch for Fetcher {
    async fn fetch(&self, ticket: &Ticket, flight: &Arc<Flight>) -> Result<Reply, Failure> {
        if ticket.purpose == Purpose::Address {
            if ticket.url.domain().is_some() && self.proxies.resolve_elsewhere(&ticket.url) {
                let message = "the proxy looks names up, and does not tell what it finds";
                return Err(Failure::new(ErrorKind::Dns, message));
            }
            return self.address(ticket, flight).await;
        }
        self.check(ticket)?;
        let reply = by_some_way(self, ticket, flight).await;
        if reply.as_ref().is_err_and(|failure| failure.status.is_none()) {
            self.resolver.doubt(ticket.url.host_str().unwrap_or_default());
        }
        reply
    }
}

/// `past`: how much of the attempt's time is over.
pub(super) async fn exchange(
    fetcher: &Fetcher,
    ticket: &Ticket,
    sending: impl Future<Output = reqwest::Result<Response>>,
    way: &Way<'_>,
    past: Duration,
) -> Result<Reply, Failure> {
    let settings = &fetcher.settings;
    let mut limits = Limits::new(settings, past);
    let sent = match limits.head(sending).await {
        Ok(Ok(response)) => response,
        Err(late) => {
            if dial::state() == Dial::Started {
                way.blame();
            }
            return Err(Failure { message: format!("{}{}", late.message, way.through()), ..late });
        }
        Ok(Err(error)) => {
            if let Some(refused) = fetcher.refused(&error, ticket) {
                return Err(refused);
            }
            // A kept-alive connection that closes without an answer may have brought the request to somebody who began to work on it.
            let (reused, idempotent) = (dial::state().is_reused(), ticket.method.is_idempotent());
            return error::before_head(&error, Sent { url: &ticket.url, way, reused, idempotent, settings });
        }
    };
    if let Some(failure) = of_the_proxy(&sent, way) {
        return Err(failure);
    }
    way.praise();
    if let (Some(jar), Purpose::Page) = (&settings.cookies, ticket.purpose) {
        jar.take(sent.url(), sent.headers());
    }
    dial::enter(Phase::Body);
    fetcher.learn_address(&sent);
    let status = sent.status();
    // What --accept and --max-body say is meant for pages. One byte more than counts tells that a robots.txt goes on.
    let (is_accepted, cap, judge) = if ticket.purpose == Purpose::Robots {
        (status.is_success(), Cap::Cut(robots::MAX_BYTES + 1), None)
    } else {
        let is_accepted = settings.accept.iter().any(|range| range.contains(&status.as_u16()));
        (is_accepted, Cap::Refuse(settings.max_body), settings.judge.as_deref())
    };
    if is_accepted {
        let early = Early::new(judge, &sent, settings.read_timeout, &fetcher.broken_off);
        return read(sent, cap, early, &mut limits, fetcher.memory.held()).await.map(|(page, held)| Reply::Page(page, held));
    }
    let reply = refuse(fetcher, &sent);
    drain(sent, &limits).await;
    reply
}

/// Whom a ticket's request is for.
pub(super) fn peer(ticket: &Ticket, way: &Way<'_>) -> Peer {
    let url = &ticket.url;
    Peer {
        host: url.host_str().unwrap_or_default().into(),
        port: url.port_or_known_default().unwrap_or_default(),
        is_proxied: way.proxy.is_some(),
    }
}

/// What an answer with a status that is no page means.
fn refuse(fetcher: &Fetcher, response: &Response) -> Result<Reply, Failure> {
    let status = response.status();
    if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
        && let Some(location) = response.headers().get(header::LOCATION)
    {
        // Bytes that are no UTF-8 are percent-encoded by the URL parser once they are characters.
        let to = response.url().join(&String::from_utf8_lossy(location.as_bytes()));
        return match to {
            Ok(to) if to.as_str().len() > MAX_URL => {
                let message = format!("{status} with a Location of {} bytes: {MAX_URL} are the most", to.as_str().len());
                Err(answered(response, Failure::new(ErrorKind::Redirect, message)))
            }
            Ok(to) => {
                let is_public = fetcher.is_from_public(response);
                Ok(Reply::Redirect { status: status.as_u16(), to: without_credentials(to), is_public })
            }
            Err(error) => {
                let message = format!("{status} with a Location that is no URL: {error}");
                Err(answered(response, Failure::new(ErrorKind::Redirect, message)))
            }
        };
    }
    let message = match status {
        StatusCode::PARTIAL_CONTENT => "206 Partial Content, which was not asked for".to_owned(),
        StatusCode::SWITCHING_PROTOCOLS => "101 Switching Protocols, which was not asked for".to_owned(),
        StatusCode::NOT_MODIFIED => "304 Not Modified, which has no page with it".to_owned(),
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
