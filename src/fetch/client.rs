//! The HTTP clients: one for `http`, and one for `https` that is only built when the first `https` URL is met, because reading the
//! certificates of all authorities takes longer than fetching a page from next door.

use std::sync::OnceLock;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder};
use url::Url;

use super::Settings;
use super::dial::Watch;
use super::memory::Memory;
use super::read::H2_WINDOW;
use super::resolve::Resolver;
use crate::model::{ErrorKind, Failure};

/// Fetches over the network.
#[derive(Debug)]
pub struct Fetcher {
    pub(super) settings: Settings,
    pub(super) resolver: Resolver,
    pub(super) memory: Memory,
    http: Client,
    https: Later,
    /// The same, but keeping no connection.
    fresh_http: Later,
    fresh_https: Later,
}

/// A client that is built when it is first needed.
type Later = OnceLock<Result<Client, String>>;

/// Why no client could be built.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the HTTP client")]
pub struct ClientError(#[from] reqwest::Error);

impl Fetcher {
    /// A fetcher with connections of its own.
    ///
    /// # Errors
    /// The settings cannot be made into a client.
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
        let resolver = Resolver::new(settings.pin_addresses);
        let http = builder(&settings, &resolver).tls_certs_only([]).build()?;
        let [https, fresh_http, fresh_https] = std::array::from_fn(|_| OnceLock::new());
        Ok(Self { settings, resolver, memory, http, https, fresh_http, fresh_https })
    }

    /// The client for a URL's scheme. `fresh`: one that opens a connection for each request, because where one kept connection was
    /// closed the next one may be too.
    pub(super) fn client(&self, url: &Url, fresh: bool) -> Result<&Client, Failure> {
        let is_http = url.scheme() == "http";
        let client = match (is_http, fresh) {
            (true, false) => return Ok(&self.http),
            (true, true) => &self.fresh_http,
            (false, false) => &self.https,
            (false, true) => &self.fresh_https,
        };
        let client = client.get_or_init(|| {
            let builder =
                builder(&self.settings, &self.resolver).tls_certs_only(if is_http { Vec::new() } else { authorities() });
            let client = if fresh { builder.pool_max_idle_per_host(0) } else { builder }.build();
            client.map_err(|error| super::error::root_cause(&error))
        });
        client.as_ref().map_err(|error| Failure::new(ErrorKind::Tls, format!("cannot set up TLS: {error}")))
    }
}

fn builder(settings: &Settings, resolver: &Resolver) -> ClientBuilder {
    let mut headers = HeaderMap::with_capacity(3);
    headers.insert(header::USER_AGENT, settings.user_agent.clone());
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate, br, zstd"));
    let builder = if settings.direct { Client::builder().no_proxy() } else { Client::builder() };
    builder
        .default_headers(headers)
        .connect_timeout(settings.connect_timeout)
        // Redirects and retries are requests like any other: they go through the frontier.
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        // Under the 5 s after which common servers close, and short because the pool has no other bound on the hosts it remembers.
        .pool_idle_timeout(Duration::from_secs(4))
        // A body that waits for memory must not hold up the others on its connection.
        .http2_initial_stream_window_size(H2_WINDOW)
        .http2_initial_connection_window_size(i32::MAX.cast_unsigned())
        .http2_keep_alive_interval(Duration::from_secs(10))
        .http2_keep_alive_timeout(Duration::from_secs(10))
        // What browsers put up with.
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .dns_resolver(resolver.clone())
        .connector_layer(Watch)
}

/// Names ring as the process's TLS provider, unless a program around the library has chosen one.
fn install_tls() {
    // An error means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The certificate authorities of the system and of Mozilla together, so that neither a slim container nor a private authority is
/// left out. What rustls cannot read is left out: one broken certificate in the system's store must not end all TLS.
fn authorities() -> Vec<Certificate> {
    let native = rustls_native_certs::load_native_certs();
    for error in native.errors {
        tracing::debug!(%error, "a system certificate store cannot be read");
    }
    let mut seen = rustls::RootCertStore::empty();
    let all = native.certs.iter().chain(webpki_root_certs::TLS_SERVER_ROOT_CERTS);
    all.filter(|der| seen.add((*der).clone()).is_ok()).filter_map(|der| Certificate::from_der(der).ok()).collect()
}
