//! One request's way through the crawl: the ticket that allows it, and what came of it.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Method;
use url::Url;

use super::asked::Asked;
use super::failure::Failure;
use super::page::Charset;
use super::record::{Data, Saved};
use super::target::Target;

/// Leave to send one request now, given by the frontier and handed back to it in a [`Done`].
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Ticket {
    /// The target that the request is for.
    pub target: Target,
    /// What is asked for.
    pub purpose: Purpose,
    /// The URL to request: the target's own, or a redirect's.
    pub url: Url,
    /// Attempts started for this target, this one included; the hops of a redirect belong to one attempt.
    pub attempts: u32,
    /// The URLs that this attempt was redirected from, oldest first.
    pub hops: Vec<Url>,
    /// How long the earlier hops of this attempt took; they share its timeout.
    pub spent: Duration,
    /// The last status that this target received, in any attempt.
    pub last_status: Option<u16>,
    /// How the attempt before this one failed.
    pub past: Option<Box<Past>>,
    /// Attempts that did not count because the server had asked to come back later.
    pub postponed: u32,
    /// How long the server made this target wait by that, in all.
    pub waited: Duration,
    /// This attempt counts as a retry in the retry budget.
    pub is_charged: bool,
    /// This request finds out whether the host can be reached again.
    pub is_probe: bool,
    /// Of a robots.txt: the frontier's name for the host that asks.
    pub asks_for: usize,
    /// A connection that had gone stale was already replaced for this attempt.
    pub renewed: bool,
    /// How often this request found no free descriptor or port on our side.
    pub starved: u32,
    /// Nothing else is queued for the host, and many hosts are in sight: its connection is not worth keeping.
    pub is_last: bool,
    /// The host closes the connections that it keeps: this request gets one of its own.
    pub is_fresh: bool,
    /// A redirect from a public address led here, in this attempt.
    pub is_led: bool,
    /// Of a robots.txt: it is asked only for targets that such a redirect led to.
    pub was_led: bool,
    /// The frontier's name for the host.
    pub host: usize,
    /// The method of this request.
    pub method: Method,
    /// A redirect turned the request into one without a body, after so many hops.
    pub bare_after: Option<usize>,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// The target's page.
    #[default]
    Page,
    /// The robots.txt that decides whether the target may be fetched. Answered with [`Outcome::Robots`].
    Robots,
    /// The address of the URL's host. Answered with [`Outcome::Address`].
    Address,
}

/// An attempt that failed.
#[derive(Clone, Debug)]
pub struct Past {
    /// How.
    pub failure: Failure,
    /// How long it took.
    pub spent: Duration,
    /// When it ended, on the wall clock.
    pub at: SystemTime,
}

impl Ticket {
    /// A ticket for the first request to `url`, of which nothing has happened yet.
    #[must_use]
    pub fn new(target: Target, url: Url, purpose: Purpose, host: usize) -> Self {
        Self {
            target,
            purpose,
            url,
            attempts: 0,
            hops: Vec::new(),
            spent: Duration::ZERO,
            last_status: None,
            past: None,
            postponed: 0,
            waited: Duration::ZERO,
            is_charged: false,
            is_probe: false,
            asks_for: host,
            renewed: false,
            starved: 0,
            is_last: false,
            is_fresh: false,
            is_led: false,
            was_led: false,
            host,
            method: Method::GET,
            bare_after: None,
        }
    }

    /// Whether the URL is of the origin (scheme, host, port) that the input named, so that what was given for it may be sent.
    #[must_use]
    pub fn is_same_origin(&self) -> bool {
        let is_as_listed = self.purpose == Purpose::Page && self.hops.is_empty();
        is_as_listed || self.target.url.as_ref().is_ok_and(|own| own.origin() == self.url.origin())
    }
}

/// A ticket that was used, and what came of it.
#[derive(Debug)]
pub struct Done {
    /// The ticket.
    pub ticket: Ticket,
    /// What came of it.
    pub outcome: Outcome,
    /// What the server asked for with a page that it sent; a failure has its own.
    pub asked: Option<Asked>,
    /// How long this one request took, to its last byte.
    pub elapsed: Duration,
    /// When it ended, on the wall clock.
    pub at: SystemTime,
}

/// What one request came to.
#[derive(Debug)]
pub enum Outcome {
    /// A page, read and done with.
    Row(Row),
    /// The text of a robots.txt.
    Robots(Bytes),
    /// The address that the URL's host resolved to.
    Address(IpAddr),
    /// The server sent us on.
    Redirect {
        /// The redirect's status.
        status: u16,
        /// Where to, absolute.
        to: Url,
        /// It came from a public address, as far as that can be known.
        is_public: bool,
    },
    /// A kept-alive connection turned out to be closed before anything was answered.
    Stale(Failure),
    /// We had no descriptor or port left to open a connection with: not the host's failure either.
    Starved(Failure),
    /// It failed.
    Failed(Failure),
}

/// What a record says of a page that arrived.
#[derive(Debug)]
pub struct Row {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`, as the server said it.
    pub content_type: Option<String>,
    /// Length of the decoded body.
    pub bytes: u64,
    /// Length of the body as it was received, before its content codings were undone.
    pub received: u64,
    /// Where the body was saved, in runs that save bodies.
    pub body: Option<Saved>,
    /// The fields.
    pub data: Data,
    /// In which charset the page was read, if it was.
    pub charset: Option<Charset>,
}
