//! The HTTP clients: a table of them, each built when it is first needed. One that opens no secure connection needs no certificates,
//! which take longer to read than fetching a page from next door, and are not there in every container.

use std::sync::OnceLock;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use url::Url;

use super::Settings;
use super::dial::Watch;
use super::early::BrokenOff;
use super::memory::Memory;
use super::proxy::{Proxies, ProxyVariableError};
use super::read::{H2_EARLY_WINDOW, H2_WINDOW};
use super::resolve::Resolver;
use super::tls::{Tls, TlsFileError};
use super::way::Way;
use crate::model::{ErrorKind, Failure};

/// Lines of a response's head: browsers count none, but a few hundred are more than any site means to send.
pub(super) const MAX_HEADERS: usize = 512;
/// Bytes of all headers together over HTTP/2, as RFC 9113 counts them; over HTTP/1 the client stops at 400 KiB.
pub(super) const MAX_HEADER_BYTES: u32 = 256 << 10;

/// Fetches over the network.
#[derive(Debug)]
pub struct Fetcher {
    pub(super) settings: Settings,
    pub(super) resolver: Resolver,
    pub(super) memory: Memory,
    pub(super) proxies: Proxies,
    pub(super) broken_off: BrokenOff,
    tls: Tls,
    /// The plain client that keeps connections and uses no proxy: what most requests of most runs go through.
    http: Client,
    /// All others, in groups of [`KINDS`] for each way: none, and every proxy by its number.
    others: Box<[Later]>,
}

/// A client that is built when it is first needed.
type Later = OnceLock<Result<Client, String>>;

/// What a client is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Key {
    /// It opens secure connections, to the host or to the proxy.
    secure: bool,
    /// It opens a connection for each request.
    fresh: bool,
    /// It connects to no private address. No client does that yet.
    guarded: bool,
    /// The number of the proxy that it goes through.
    proxy: Option<usize>,
}

/// How many kinds of clients there are for one way.
const KINDS: usize = 8;

impl Key {
    /// Its place in the table.
    fn place(self) -> usize {
        let way = self.proxy.map_or(0, |number| number + 1);
        way * KINDS + usize::from(self.secure) * 4 + usize::from(self.fresh) * 2 + usize::from(self.guarded)
    }
}

/// Why no client could be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The settings cannot be made into a client.
    #[error("cannot set up the HTTP client")]
    Build(#[from] reqwest::Error),
    /// A file of certificates or keys is not what it should be.
    #[error(transparent)]
    TlsFile(#[from] TlsFileError),
    /// The environment names a proxy that cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyVariableError),
}

impl ClientError {
    /// Whether the settings are at fault.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::TlsFile(_) | Self::Proxy(_))
    }
}

impl Fetcher {
    /// A fetcher with connections of its own.
    ///
    /// # Errors
    /// The settings cannot be made into a client, or name a file or a proxy that cannot be used.
    pub fn new(settings: Settings) -> Result<Self, ClientError> {
        let memory = Memory::new(settings.max_memory, settings.max_body, 1);
        Self::within(settings, memory)
    }

    /// The same, its bodies within a memory that is shared.
    ///
    /// # Errors
    /// The settings cannot be made into a client.
    pub fn within(settings: Settings, memory: Memory) -> Result<Self, ClientError> {
        install_tls();
        let resolver = Resolver::new(&settings);
        let proxies = Proxies::new(&settings, |name| std::env::var(name).ok())?;
        let tls = Tls::new(&settings.tls)?;
        let http = plain(builder(&settings, &resolver)).build()?;
        let others = (0..KINDS * (proxies.all().len() + 1)).map(|_| OnceLock::new()).collect();
        Ok(Self { settings, resolver, memory, proxies, broken_off: BrokenOff::default(), tls, http, others })
    }

    /// The client for a URL and the way to it. `fresh`: one that opens a connection for each request, because where one kept connection
    /// was closed the next one may be too. `guarded`: one whose connections all lead to public addresses.
    pub(super) fn client(&self, url: &Url, fresh: bool, guarded: bool, way: &Way<'_>) -> Result<&Client, Failure> {
        let secure = url.scheme() == "https" || way.proxy.is_some_and(|(_, proxy)| proxy.is_secure());
        let key = Key { secure, fresh, guarded, proxy: way.proxy.map(|(number, _)| number) };
        if key == Key::default() {
            return Ok(&self.http);
        }
        let client = self.others[key.place()].get_or_init(|| self.build(key));
        client.as_ref().map_err(|error| Failure::new(ErrorKind::Tls, format!("cannot set up TLS: {error}")))
    }

    fn build(&self, key: Key) -> Result<Client, String> {
        let told = |error: reqwest::Error| super::error::root_cause(&error);
        let resolver = if key.guarded { self.resolver.guarded() } else { self.resolver.clone() };
        let mut builder = builder(&self.settings, &resolver);
        builder = if key.secure { builder.tls_backend_preconfigured(self.tls.config()?) } else { plain(builder) };
        if key.fresh {
            builder = builder.pool_max_idle_per_host(0);
        }
        if let Some(number) = key.proxy {
            builder = builder.proxy(self.proxies.all()[number].for_client().map_err(told)?);
        }
        builder.build().map_err(told)
    }
}

/// A client that trusts nobody, because it opens no secure connection.
fn plain(builder: ClientBuilder) -> ClientBuilder {
    builder.tls_certs_only([])
}

fn builder(settings: &Settings, resolver: &Resolver) -> ClientBuilder {
    let mut headers = HeaderMap::with_capacity(3);
    headers.insert(header::USER_AGENT, settings.user_agent.clone());
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate, br, zstd"));
    Client::builder()
        // The environment's too are ours to choose from.
        .no_proxy()
        .default_headers(headers)
        .connect_timeout(settings.connect_timeout)
        // Redirects and retries are requests like any other: they go through the frontier.
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        // Under the 5 s after which common servers close, and short because the pool has no other bound on the hosts it remembers.
        .pool_idle_timeout(Duration::from_secs(4))
        // A body that waits for memory must not hold up the others on its connection.
        .http2_initial_stream_window_size(if settings.judge.is_some() { H2_EARLY_WINDOW } else { H2_WINDOW })
        .http2_initial_connection_window_size(i32::MAX.cast_unsigned())
        .http2_keep_alive_interval(Duration::from_secs(10))
        .http2_keep_alive_timeout(Duration::from_secs(10))
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        // What browsers put up with.
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_max_headers(MAX_HEADERS)
        .dns_resolver(resolver.clone())
        .connector_layer(Watch)
}

/// Names ring as the process's TLS provider, unless a program around the library has chosen one.
fn install_tls() {
    // An error means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_client_has_a_place_of_its_own_in_the_table() {
        let all = [None, Some(0), Some(1)].into_iter().flat_map(|proxy| {
            let flag = |kind: usize, bit: usize| kind >> bit & 1 == 1;
            (0..KINDS).map(move |kind| Key { secure: flag(kind, 0), fresh: flag(kind, 1), guarded: flag(kind, 2), proxy })
        });
        let mut places: Vec<_> = all.map(Key::place).collect();
        places.sort_unstable();
        assert_eq!(places, (0..3 * KINDS).collect::<Vec<_>>());
    }
}
