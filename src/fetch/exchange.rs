//! The request and its answer, under the time limits.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header;
use reqwest::{RequestBuilder, Response, StatusCode};
use tokio::time::{Instant, Sleep};
use url::Url;

use super::client::Fetcher;
use super::dial::{self, Dial, Peer};
use super::error::{self, Sent};
use super::way::{Way, by_some_way, of_the_proxy};
use super::{Cap, Fetch, Reply};
use crate::model::{Asked, ErrorKind, Failure, Flight, Page, Phase, Purpose, Ticket};
use crate::policy::{asked, robots};

/// The longest URL that can be asked for, in bytes: the `http` crate's bound.
const MAX_URL: usize = 65_534;
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
    request: RequestBuilder,
    way: &Way<'_>,
    past: Duration,
) -> Result<Reply, Failure> {
    let settings = &fetcher.settings;
    let mut limits = Limits::new(settings.timeout, settings.timeout.saturating_sub(past), settings.read_timeout);
    let mut timer = Box::pin(tokio::time::sleep_until(limits.total));
    let sent = match limits.head(timer.as_mut(), request.send()).await {
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
    let (is_accepted, cap) = match ticket.purpose {
        Purpose::Robots => (status.is_success(), Cap::Cut(robots::MAX_BYTES + 1)),
        _ => (settings.accept.iter().any(|range| range.contains(&status.as_u16())), Cap::Refuse(settings.max_body)),
    };
    if is_accepted {
        return read(sent, cap, &mut limits, timer.as_mut()).await.map(Reply::Page);
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

fn without_credentials(mut url: Url) -> Url {
    // A URL that cannot have credentials has none.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url
}

/// A failure with what its response said.
fn answered(response: &Response, failure: Failure) -> Failure {
    Failure {
        status: Some(response.status().as_u16()),
        content_type: content_type(response),
        asked: asked_by(response),
        ..failure
    }
}

fn asked_by(response: &Response) -> Option<Asked> {
    asked(response.status().as_u16(), response.headers(), SystemTime::now())
}

fn content_type(response: &Response) -> Option<String> {
    let value = response.headers().get(header::CONTENT_TYPE)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Reads an accepted answer to its end, or as far as it is wanted.
async fn read(mut response: Response, cap: Cap, limits: &mut Limits, mut timer: Pin<&mut Sleep>) -> Result<Page, Failure> {
    if response.status() == StatusCode::PARTIAL_CONTENT && matches!(cap, Cap::Refuse(_)) {
        let failure = Failure::new(ErrorKind::Protocol, "the server answered 206 Partial Content, which was not asked for");
        return Err(answered(&response, failure));
    }
    let too_large = |response: &Response, what: String| {
        let message = format!("{what}, more than --max-body ({} bytes): raise it if the page is wanted", cap.bytes());
        Err(answered(response, Failure::new(ErrorKind::TooLarge, message)))
    };
    let announced = response.content_length().unwrap_or(0);
    if matches!(cap, Cap::Refuse(max) if announced > max) {
        return too_large(&response, format!("the server announced {announced} bytes"));
    }
    // A body that came in one piece is that piece; only more pieces are copied together. What the server announces is believed
    // only so far: it must not cost memory before it has been sent.
    let (mut first, mut joined) = (Bytes::new(), Vec::new());
    loop {
        let so_far = first.len().max(joined.len());
        let chunk = match limits.chunk(timer.as_mut(), response.chunk(), so_far).await {
            Ok(Ok(chunk)) => chunk,
            Ok(Err(error)) => return Err(answered(&response, error::in_body(&error, so_far))),
            Err(failure) => return Err(answered(&response, failure)),
        };
        let Some(chunk) = chunk else { break };
        dial::received(chunk.len());
        let is_enough = (so_far + chunk.len()) as u64 > cap.bytes();
        if is_enough && matches!(cap, Cap::Refuse(_)) {
            return too_large(&response, "the body goes on".to_owned());
        }
        if so_far == 0 {
            first = chunk;
        } else {
            if joined.is_empty() {
                joined.reserve(usize::try_from(announced.min(256 << 10)).unwrap_or(0));
                joined.extend_from_slice(&first);
            }
            joined.extend_from_slice(&chunk);
        }
        if is_enough {
            break;
        }
    }
    let body = if joined.is_empty() { first } else { joined.into() };
    Ok(Page {
        status: response.status().as_u16(),
        content_type: content_type(&response),
        codings: super::body::codings(response.headers()),
        asked: asked_by(&response),
        url: without_credentials(response.url().clone()),
        body,
    })
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

/// The time limits of one request, kept with one timer.
struct Limits {
    /// The whole attempt's limit, for its message.
    timeout: Duration,
    /// When the attempt must have ended.
    total: Instant,
    /// The longest silence.
    read: Duration,
    /// When the current silence has lasted too long.
    silent_until: Instant,
}

impl Limits {
    fn new(timeout: Duration, left: Duration, read: Duration) -> Self {
        let now = Instant::now();
        Self { timeout, total: now + left, read, silent_until: now + read }
    }

    /// Waits for the answer's head. The silence begins when there is a connection; opening one has its own limit, in the client.
    async fn head<T>(&mut self, mut timer: Pin<&mut Sleep>, answer: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::pin!(answer);
        loop {
            timer.as_mut().reset(self.total.min(self.silent_until));
            tokio::select! {
                biased;
                answer = &mut answer => return Ok(answer),
                () = timer.as_mut() => {}
            }
            let now = Instant::now();
            if now >= self.total {
                let doing = if dial::state() == Dial::Started { "no connection" } else { "no answer" };
                return Err(self.out_of_time(doing));
            }
            self.silent_until = match dial::state() {
                Dial::Done(at) | Dial::Overtaken(at) if at + self.read > now => at + self.read,
                Dial::Started => now + self.read,
                _ => return Err(Failure::new(ErrorKind::Timeout, format!("no answer within --read-timeout ({:?})", self.read))),
            };
        }
    }

    /// Waits for the next piece of the body.
    async fn chunk<T>(
        &mut self,
        mut timer: Pin<&mut Sleep>,
        chunk: impl Future<Output = T>,
        so_far: usize,
    ) -> Result<T, Failure> {
        tokio::pin!(chunk);
        // A piece that is here already costs no timer.
        let polled = std::future::poll_fn(|context| Poll::Ready(chunk.as_mut().poll(context))).await;
        if let Poll::Ready(chunk) = polled {
            return Ok(chunk);
        }
        self.silent_until = Instant::now() + self.read;
        timer.as_mut().reset(self.total.min(self.silent_until));
        tokio::select! {
            biased;
            chunk = &mut chunk => Ok(chunk),
            () = timer.as_mut() => Err(if Instant::now() >= self.total {
                self.out_of_time(&format!("the body had not ended after {so_far} bytes"))
            } else {
                let message = format!("the body stalled after {so_far} bytes for --read-timeout ({:?})", self.read);
                Failure::new(ErrorKind::Timeout, message)
            }),
        }
    }

    fn out_of_time(&self, doing: &str) -> Failure {
        Failure::new(ErrorKind::Timeout, format!("{doing} within --timeout ({:?})", self.timeout))
    }
}

#[cfg(test)]
mod tests;
