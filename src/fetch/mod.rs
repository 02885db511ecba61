//! One attempt at one URL: no retries, no redirects followed, no waiting for anybody's rate.
//!
//! Called by the crawl's workers. [`Fetcher`] sends the request and reads the answer within the time limits; [`decode_within`] undoes
//! the content codings afterwards, as plain computation, so that a worker can do it away from the sockets. [`Memory`] bounds what all
//! bodies take at a time.

mod body;
mod brotli;
mod buffer;
mod client;
mod cookies;
mod dial;
mod early;
mod error;
mod exchange;
mod guard;
mod known;
mod limits;
mod lookup;
mod memory;
mod proxy;
mod read;
mod request;
mod resolve;
mod route;
mod tls;
mod way;

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use url::Url;

pub use self::body::{decode, decode_within};
pub use self::client::{ClientError, Fetcher};
pub use self::cookies::{Jar, JarError};
pub use self::known::{Known, KnownError};
pub use self::limits::{MinSpeed, MinSpeedError};
pub use self::lookup::{Found, Lookup, System};
pub use self::memory::{Held, Memory};
pub use self::proxy::{Proxy, ProxyError, ProxyVariableError};
pub use self::tls::{MinTls, TlsFileError, TlsSettings};
use crate::model::{Failure, Flight, Judge, Page, Request, Ticket};
use crate::policy::{Guard, HostRules};

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
    /// What single hosts have of their own: their headers go to them, whoever named them.
    pub hosts: Arc<HostRules>,
    /// Use no proxy, neither those given here nor the environment's (`HTTP_PROXY` and so on). Default: no.
    pub direct: bool,
    /// Connect a name to no other address than the one that was answered for it, until that gives no answer. Default: no.
    pub pin_addresses: bool,
    /// Sent with every request. Default `scrape/VERSION`.
    pub user_agent: HeaderValue,
    /// Which addresses are refused. Default: those that are not public, where a redirect from a public one leads to them.
    pub guard: Guard,
    /// Addresses that need no lookup. Default: none.
    pub resolve: Vec<Known>,
    /// Who looks up the others. Default: the [`System`].
    pub lookup: Arc<dyn Lookup>,
    /// What secure connections are made with.
    pub tls: TlsSettings,
    /// Proxies, used in turn; one that fails rests for a while. Default: what the environment names.
    pub proxies: Vec<Proxy>,
    /// Hosts that are reached without one: names with all their subdomains, addresses, networks (`10.0.0.0/8`), or `*`, separated by
    /// commas. Default: what `NO_PROXY` says.
    pub no_proxy: Option<String>,
    /// What targets ask with that have nothing of their own. Its headers and its body are sent to the origin that the input
    /// named, never to another one.
    pub request: Arc<Request>,
    /// The `Authorization` for such origins where their URLs and headers have none. Default: none.
    pub user: Option<User>,
    /// Cookies for such origins, as they are sent: `a=b; c=d`, without control characters. Default: none.
    pub cookie: Option<String>,
    /// Where cookies that servers set are kept, and sent back from. Default: nowhere.
    pub cookies: Option<Arc<Jar>>,
    /// Who says how much of a page is enough: the rest of its body is left, unless it is small, and neither its faults nor its
    /// length count. Pages are then as long as what came of them. Default: nobody, and pages are received whole.
    pub judge: Option<Arc<dyn Judge>>,
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
            hosts: Arc::default(),
            direct: false,
            pin_addresses: false,
            user_agent: HeaderValue::from_static(concat!("scrape/", env!("CARGO_PKG_VERSION"))),
            guard: Guard::default(),
            resolve: Vec::new(),
            lookup: Arc::new(System::default()),
            tls: TlsSettings::default(),
            proxies: Vec::new(),
            no_proxy: None,
            request: Arc::default(),
            user: None,
            cookie: None,
            cookies: None,
            judge: None,
            min_speed: None,
            max_memory: 256_000_000,
        }
    }
}

/// Whom to authenticate as.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for User {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
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
    /// A page with an accepted status, whole, its content codings not yet undone, or as much of it as was enough; and what is held
    /// of the memory for it.
    Page(Page, Held),
    /// A redirect.
    Redirect {
        /// Its status.
        status: u16,
        /// Its `Location`, absolute.
        to: Url,
        /// It came from a public address, as far as that can be known.
        is_public: bool,
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
