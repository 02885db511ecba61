//! One attempt at one URL: no retries, no redirects followed, no waiting for anybody's rate.
//!
//! Called by the crawl's workers. [`Fetcher`] sends the request and reads the answer within the time limits; [`decode_within`] undoes
//! the content codings afterwards, as plain computation, so that a worker can do it away from the sockets. [`Memory`] bounds what all
//! bodies take at a time.

mod body;
mod brotli;
mod buffer;
mod client;
mod dial;
mod error;
mod exchange;
mod limits;
mod memory;
mod read;
mod resolve;

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use url::Url;

pub use self::body::{decode, decode_within};
pub use self::client::{ClientError, Fetcher};
pub use self::limits::{MinSpeed, MinSpeedError};
pub use self::memory::{Held, Memory};
use crate::model::{Failure, Flight, Page, Ticket};
use crate::policy::HostRules;

/// How one attempt is made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The whole attempt, from the name lookup to the last byte, hops included. Default 30 s.
    pub timeout: Duration,
    /// Until a connection stands, TLS included. Default 10 s.
    pub connect_timeout: Duration,
    /// The longest silence: from the sent request to the answer's head, and between two reads of the body. Default 15 s.
    pub read_timeout: Duration,
    /// The most bytes of a decoded body. Default 10 MB (10,000,000).
    pub max_body: u64,
    /// The statuses that are pages. Default `200..=299`.
    pub accept: Vec<RangeInclusive<u16>>,
    /// Sent to the origin that the input named, never to another one.
    pub headers: HeaderMap,
    /// What single hosts have of their own: their headers go to them, whoever named them.
    pub hosts: Arc<HostRules>,
    /// Leave the environment's proxies (`HTTP_PROXY` and so on) out of it. Default: no.
    pub direct: bool,
    /// Connect a name to no other address than the one that was answered for it, until that gives no answer. Default: no.
    pub pin_addresses: bool,
    /// Sent with every request. Default `scrape/VERSION`.
    pub user_agent: HeaderValue,
    /// The least speed of a body. Default: none.
    pub min_speed: Option<MinSpeed>,
    /// The most bytes of all bodies at a time, as received, decoded and held until they are read. Default 256 MB (256,000,000), and
    /// no less than [`Memory::least`].
    pub max_memory: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(15),
            max_body: 10_000_000,
            accept: vec![200..=299],
            headers: HeaderMap::new(),
            hosts: Arc::default(),
            direct: false,
            pin_addresses: false,
            user_agent: HeaderValue::from_static(concat!("scrape/", env!("CARGO_PKG_VERSION"))),
            min_speed: None,
            max_memory: 256_000_000,
        }
    }
}

/// How much of a body is wanted, in bytes, and what becomes of one that is longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// It is refused as too large.
    Refuse(u64),
    /// Its beginning is enough.
    Cut(usize),
}

impl Cap {
    /// A byte more than this is too much.
    const fn bytes(self) -> u64 {
        match self {
            Self::Refuse(max) => max,
            Self::Cut(max) => max as u64,
        }
    }
}

/// What one request was answered with.
#[derive(Debug)]
pub enum Reply {
    /// A page with an accepted status, whole, its content codings not yet undone; and what is held of the memory for it.
    Page(Page, Held),
    /// A redirect.
    Redirect {
        /// Its status.
        status: u16,
        /// Its `Location`, absolute.
        to: Url,
    },
    /// The address of the URL's host, for a ticket that asks for no more.
    Address(IpAddr),
    /// A kept-alive connection was closed before anything was answered: not the host's failure.
    Stale(Failure),
    /// The system had no descriptor or port left for a connection: not the host's failure either.
    Starved(Failure),
}

/// Who answers requests: the web, or a test's own idea of it.
pub trait Fetch: Send + Sync + 'static {
    /// Sends the one request that a ticket allows, and tells its `flight` how far it is.
    fn fetch(&self, ticket: &Ticket, flight: &Arc<Flight>) -> impl Future<Output = Result<Reply, Failure>> + Send;
}
