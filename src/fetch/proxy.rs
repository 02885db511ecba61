//! The proxies, given or of the environment: what one is, whose hosts are reached through which, and whose turn it is.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use super::Settings;
use super::way::Way;
use crate::model::{redact, redact_text};
use crate::policy::Rotation;

/// A proxy: `http://`, `https://`, `socks5://` (names are resolved here) or `socks5h://` (names are resolved there), with
/// `user:password@` where it asks for them. What it shows of itself has no password.
///
/// ```
/// use scrape::fetch::Proxy;
/// let proxy: Proxy = "socks5h://ann:secret@127.0.0.1".parse()?;
/// assert_eq!(proxy.to_string(), "socks5h://ann:***@127.0.0.1:1080");
/// assert_eq!("a.example:3128".parse::<Proxy>()?.to_string(), "http://a.example:3128");
/// # Ok::<(), scrape::fetch::ProxyError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(Url);

/// Why a text is no proxy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// It does not speak a protocol of which we know how to use it.
    #[error("a proxy of {0:?} cannot be used: it is http://, https://, socks5:// or socks5h://")]
    Scheme(String),
    /// It is no URL of a host.
    #[error("this is no proxy: one is http://, https://, socks5:// or socks5h://, then [user:password@]host[:port]")]
    NoHost,
}

impl Proxy {
    /// Whether it is asked in the way of SOCKS.
    pub(super) fn is_socks(&self) -> bool {
        self.0.scheme().starts_with("socks")
    }

    /// Whether the connection to it is a secure one.
    pub(super) fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// It, for reqwest: whatever the URL.
    pub(super) fn for_client(&self) -> reqwest::Result<reqwest::Proxy> {
        reqwest::Proxy::all(self.0.clone())
    }
}

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let text = text.trim();
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let mut url = Url::parse(&with_scheme).map_err(|_| ProxyError::NoHost)?;
        let port = match url.scheme() {
            "http" => 80,
            "https" => 443,
            "socks5" | "socks5h" => 1080,
            other => return Err(ProxyError::Scheme(other.to_owned())),
        };
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        // A port of zero is what cannot be connected to.
        if !is_bare || url.host_str().is_none_or(str::is_empty) || url.port() == Some(0) {
            return Err(ProxyError::NoHost);
        }
        if url.port().is_none() {
            // Dropped again where it is the scheme's own.
            url.set_port(Some(port)).map_err(|()| ProxyError::NoHost)?;
        }
        // A proxy that the client cannot make sense of it would leave out without a word.
        let matcher = Matcher::builder().all(url.as_str()).build();
        matcher.intercept(&Uri::from_static("http://a.example/")).map(|_| Self(url)).ok_or(ProxyError::NoHost)
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(redact(self.0.as_str()).trim_end_matches('/'))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A variable of the environment that names no usable proxy. It is not left out: who set it does not want to be seen without.
#[derive(Debug, thiserror::Error)]
#[error("{variable}={value}: {error}")]
pub struct ProxyVariableError {
    variable: &'static str,
    value: String,
    error: ProxyError,
}

/// The proxies of a run.
#[derive(Debug)]
pub(super) struct Proxies {
    all: Vec<Proxy>,
    /// Which of them are for `http` URLs, and which for `https`: by their numbers.
    of: [Vec<usize>; 2],
    /// Whose hosts go straight.
    exempt: Option<Matcher>,
    rotation: Mutex<Rotation>,
}

impl Proxies {
    /// Those that were given, else those that the environment names. `env` looks a variable up.
    pub(super) fn new(settings: &Settings, env: impl Fn(&str) -> Option<String>) -> Result<Self, ProxyVariableError> {
        let env = |name: &str| env(name).filter(|value| !value.trim().is_empty());
        let exempt = settings.no_proxy.clone().or_else(|| env("no_proxy")).or_else(|| env("NO_PROXY")).unwrap_or_default();
        let exempt: Vec<_> = exempt.split([',', ' ', '\t']).filter(|host| !host.is_empty()).collect();
        let (all, of) = if settings.direct || exempt.contains(&"*") {
            Found::default()
        } else if settings.proxies.is_empty() {
            from_env(env)?
        } else {
            let every: Vec<_> = (0..settings.proxies.len()).collect();
            (settings.proxies.clone(), [every.clone(), every])
        };
        // Something that it would intercept, were it not for the list.
        let exempt = (!exempt.is_empty()).then(|| Matcher::builder().all("http://proxy.invalid").no(exempt.join(",")).build());
        let rotation = Mutex::new(Rotation::new(all.len()));
        Ok(Self { all, of, exempt, rotation })
    }

    /// Every one, by its number.
    pub(super) fn all(&self) -> &[Proxy] {
        &self.all
    }

    /// The next way to a URL's host, through none of the proxies that were `tried` for it; `None` where all were.
    pub(super) fn way(&self, url: &Url, tried: &[usize]) -> Option<Way<'_>> {
        if !self.are_used_for(url) {
            return tried.is_empty().then(Way::default);
        }
        let (of, now) = (self.of(url), now());
        let number = self.rotation().choose(|number| of.contains(&number) && !tried.contains(&number), now)?;
        Some(Way::through_proxy(number, &self.all[number]))
    }

    /// Whether names are looked up by a proxy on the way to a URL's host, so that they may mean nothing here, and are nobody's business.
    pub(super) fn resolve_elsewhere(&self, url: &Url) -> bool {
        self.are_used_for(url) && self.of(url).iter().any(|number| self.all[*number].0.scheme() != "socks5")
    }

    /// Whether a URL's host is reached through one of them.
    pub(super) fn are_used_for(&self, url: &Url) -> bool {
        !self.of(url).is_empty() && !self.is_exempt(url)
    }

    fn of(&self, url: &Url) -> &[usize] {
        &self.of[usize::from(url.scheme() == "https")]
    }

    /// Takes note of how a request fared on its way.
    pub(super) fn learn(&self, way: &Way<'_>) {
        let Some((number, proxy)) = way.proxy else { return };
        if way.has_worked() {
            self.rotation().worked(number);
        } else if way.culprit().is_some()
            && let Some(rest) = self.rotation().failed(number, now())
        {
            tracing::debug!(%proxy, ?rest, "a proxy failed: it rests");
        }
    }

    fn is_exempt(&self, url: &Url) -> bool {
        let Some(matcher) = &self.exempt else { return false };
        let host = format!("http://{}/", url.host_str().unwrap_or_default()).parse();
        host.is_ok_and(|host| matcher.intercept(&host).is_none())
    }

    fn rotation(&self) -> MutexGuard<'_, Rotation> {
        // What is behind it is whole between any two calls.
        self.rotation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The runtime's time, so that a test may stop it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

type Found = (Vec<Proxy>, [Vec<usize>; 2]);

/// What the environment names, as curl reads it: the scheme's own variable, else the one for all; small letters first. Where we run as
/// a CGI script `HTTP_PROXY` is what a visitor sent as a `Proxy` header.
fn from_env(env: impl Fn(&str) -> Option<String>) -> Result<Found, ProxyVariableError> {
    let is_cgi = env("REQUEST_METHOD").is_some();
    let (mut all, mut of): Found = Default::default();
    for (names, of) in [["http_proxy", "HTTP_PROXY"], ["https_proxy", "HTTPS_PROXY"]].into_iter().zip(&mut of) {
        let names = names.into_iter().chain(["all_proxy", "ALL_PROXY"]).filter(|name| !(is_cgi && *name == "HTTP_PROXY"));
        let Some((variable, value)) = names.into_iter().find_map(|name| Some((name, env(name)?))) else { continue };
        let proxy = value.parse().map_err(|error| {
            let value = redact_text(&value).into_owned();
            ProxyVariableError { variable, value, error }
        })?;
        let number = all.iter().position(|known| *known == proxy).unwrap_or(all.len());
        if number == all.len() {
            all.push(proxy);
        }
        of.push(number);
    }
    Ok((all, of))
}

#[cfg(test)]
mod tests;
