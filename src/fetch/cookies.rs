//! The cookies of a run: what servers set, and to whom it goes back (RFC 6265), within bounds. Kept only where somebody asked for
//! it.
//!
//! The matching is `cookie_store`'s. It looks through everything it holds for each request, so here each site (registrable
//! domain) has a store of its own: no cookie matches beyond that, as those for public suffixes are refused.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cookie_store::{CookieDomain, CookieStore, RawCookie, StoreAction};
use http::{HeaderMap, header};
use url::Url;

use crate::policy::site;

mod netscape;

pub use self::netscape::JarError;

/// A longer cookie is not kept; as in browsers.
const LONGEST: usize = 4096;
/// A site that sets more loses its oldest; as in Chrome.
const MOST_OF_SITE: usize = 180;
/// When all take more bytes than this, the sites that were asked the longest time ago lose theirs.
const MOST_BYTES: usize = 16 << 20;
/// What a cookie takes beside its own text.
const OVERHEAD: usize = 400;

/// The cookies of a run.
#[derive(Debug, Default)]
pub struct Jar(Mutex<Sites>);

#[derive(Default)]
struct Sites {
    by_name: HashMap<Box<str>, Site>,
    /// The sites in the order in which they were last asked or answered.
    by_turn: BTreeMap<u64, Box<str>>,
    turn: u64,
    bytes: usize,
}

/// One site's cookies.
#[derive(Default)]
struct Site {
    store: CookieStore,
    turn: u64,
    /// What it holds, the oldest first.
    order: VecDeque<Key>,
    bytes: usize,
}

/// Under what a cookie is found.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    domain: String,
    path: String,
    name: String,
    bytes: usize,
}

impl std::fmt::Debug for Sites {
    /// How many there are: what they hold is secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} sites", self.by_name.len())
    }
}

impl Jar {
    /// Takes what a server sets with an answer. What it may not set is dropped, as browsers do.
    pub(super) fn take(&self, url: &Url, headers: &HeaderMap) {
        for line in headers.get_all(header::SET_COOKIE) {
            let text = str::from_utf8(line.as_bytes()).ok();
            let parsed = text.and_then(|line| RawCookie::parse(line.to_owned()).ok());
            if let Some(cookie) = parsed.filter(|cookie| is_acceptable(cookie, url)) {
                self.sites().insert(&cookie, url);
            }
        }
    }

    /// The names and values of the cookies that belong to a request, those for longer paths first.
    pub(super) fn of(&self, url: &Url) -> Vec<(String, String)> {
        let mut sites = self.sites();
        let Some(site) = sites.used(site(url)) else { return Vec::new() };
        let mut found = site.store.matches(url);
        let age = |cookie: &cookie_store::Cookie<'_>| site.order.iter().position(|key| key.is_of(cookie));
        found.sort_by_cached_key(|cookie| (std::cmp::Reverse(cookie.path.len()), age(cookie)));
        found.into_iter().map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned())).collect()
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sites().by_name.is_empty()
    }

    fn sites(&self) -> MutexGuard<'_, Sites> {
        // What is behind it is whole between any two calls.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sites {
    /// A site that is asked or answers now.
    fn used(&mut self, name: &str) -> Option<&mut Site> {
        let site = self.by_name.get_mut(name)?;
        self.turn += 1;
        if let Some(name) = self.by_turn.remove(&site.turn) {
            self.by_turn.insert(self.turn, name);
        }
        site.turn = self.turn;
        Some(site)
    }

    fn insert(&mut self, cookie: &RawCookie<'static>, url: &Url) {
        let name = site(url);
        if !self.by_name.contains_key(name) {
            self.turn += 1;
            self.by_name.insert(name.into(), Site { turn: self.turn, ..Site::default() });
            self.by_turn.insert(self.turn, name.into());
        }
        let Some(site) = self.used(name) else { return };
        let before = site.bytes;
        site.insert(cookie, url);
        let (after, is_empty) = (site.bytes, site.order.is_empty());
        self.bytes = self.bytes - before + after;
        if is_empty {
            self.forget(self.turn);
        }
        while self.bytes > MOST_BYTES
            && let Some((&turn, _)) = self.by_turn.first_key_value()
        {
            self.forget(turn);
        }
    }

    /// Forgets the site that had this turn.
    fn forget(&mut self, turn: u64) {
        let site = self.by_turn.remove(&turn).and_then(|name| self.by_name.remove(&name));
        self.bytes -= site.map_or(0, |site| site.bytes);
    }
}

impl Site {
    fn insert(&mut self, cookie: &RawCookie<'static>, url: &Url) {
        let Ok(cookie) = cookie_store::Cookie::try_from_raw_cookie(cookie, url) else { return };
        // What is not encrypted anybody on the way can set: it leaves alone what was set for encrypted requests only.
        let hides = |own: &cookie_store::Cookie<'_>| own.secure() == Some(true) && own.name() == cookie.name();
        if url.scheme() != "https" && self.store.iter_any().any(hides) {
            return;
        }
        let key = Key::of(&cookie);
        match self.store.insert(cookie.into_owned(), url) {
            Ok(StoreAction::Inserted | StoreAction::UpdatedExisting) => {
                // One that is set anew keeps its age, as it keeps its place among the others.
                if let Some(own) = self.order.iter_mut().find(|own| own.is_same(&key)) {
                    self.bytes = self.bytes - own.bytes + key.bytes;
                    own.bytes = key.bytes;
                } else {
                    self.bytes += key.bytes;
                    self.order.push_back(key);
                }
            }
            Ok(StoreAction::ExpiredExisting) => self.remove(&key),
            Err(_) => {}
        }
        while self.order.len() > MOST_OF_SITE
            && let Some(oldest) = self.order.front().cloned()
        {
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, key: &Key) {
        self.store.remove(&key.domain, &key.path, &key.name);
        if let Some(at) = self.order.iter().position(|own| own.is_same(key)) {
            self.bytes -= self.order.remove(at).map_or(0, |own| own.bytes);
        }
    }
}

impl Key {
    fn of(cookie: &cookie_store::Cookie<'_>) -> Self {
        let domain = String::from(&cookie.domain);
        let bytes = domain.len() + cookie.path.len() + cookie.name().len() + cookie.value().len() + OVERHEAD;
        Self { domain, path: cookie.path.to_string(), name: cookie.name().to_owned(), bytes }
    }

    fn is_same(&self, other: &Self) -> bool {
        (&self.domain, &self.path, &self.name) == (&other.domain, &other.path, &other.name)
    }

    fn is_of(&self, cookie: &cookie_store::Cookie<'_>) -> bool {
        self.name == cookie.name() && *self.path == *cookie.path && self.domain == String::from(&cookie.domain)
    }
}

/// Whether a server may set a cookie: not for a whole public suffix, not against its own prefix, and not one that no header
/// carries.
fn is_acceptable(cookie: &RawCookie<'_>, url: &Url) -> bool {
    let (name, value) = cookie.name_value();
    let length = name.len() + value.len() + cookie.domain().map_or(0, str::len) + cookie.path().map_or(0, str::len);
    let is_secure = cookie.secure().unwrap_or(false);
    let may_be_secure = url.scheme() == "https" || !is_secure;
    let begins = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let keeps_prefix = (!begins("__Secure-") || is_secure)
        && (!begins("__Host-") || (is_secure && cookie.domain().is_none() && cookie.path() == Some("/")));
    let is_clean = |text: &str| !text.contains(char::is_control);
    let is_suffix = match CookieDomain::try_from(cookie) {
        Ok(CookieDomain::Suffix(domain)) => {
            psl::suffix_str(&domain).is_some_and(|suffix| suffix == domain) && Some(domain.as_str()) != url.host_str()
        }
        _ => false,
    };
    !name.is_empty()
        && length <= LONGEST
        && may_be_secure
        && keeps_prefix
        && is_clean(name)
        && is_clean(value)
        && is_clean(cookie.path().unwrap_or_default())
        && !is_suffix
}

#[cfg(test)]
mod tests;
