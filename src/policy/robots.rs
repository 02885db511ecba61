//! robots.txt (RFC 9309): what it says, and whose is obeyed.
//!
//! The frontier asks: a host's robots.txt is fetched before the first page that has to obey it, [`Rules`] are made of its text or of
//! the failure to get it, and each URL is checked against them.

mod parse;
mod pattern;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::time::Duration;

use url::{Position, Url};

use crate::model::{ErrorKind, Failure};

/// As much of a robots.txt is read, in bytes (500 KiB); the rest says nothing.
pub const MAX_BYTES: usize = 500 << 10;
/// How many redirects of a robots.txt are followed before it counts as missing.
pub const MAX_HOPS: usize = 5;

/// Whose robots.txt is obeyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Listed URLs, and what they are redirected to, are the user's own decision and are fetched; discovered ones obey.
    #[default]
    Auto,
    /// All URLs obey.
    Always,
    /// None does.
    Never,
}

/// What one robots.txt says to us. Only the groups that are meant for us are kept.
///
/// ```
/// use scrape::policy::robots::Rules;
/// let rules = Rules::parse(b"User-agent: *\nAllow: /private/logo.png\nDisallow: /private\n", "scrape");
/// let check = |path: &str| rules.check(&format!("https://a.example{path}").parse().unwrap());
/// assert!(check("/public").is_ok() && check("/private/logo.png").is_ok());
/// assert_eq!(check("/private/x").unwrap_err().to_string(), "robots.txt line 3: Disallow: /private (User-agent: *)");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rules {
    /// Why there is no robots.txt to obey, which forbids everything.
    unreachable: Option<Box<str>>,
    /// The user agent of the groups that apply.
    agent: Box<str>,
    /// All patterns, one after another: one allocation a robots.txt and not one a rule.
    patterns: Box<str>,
    /// The one that decides comes first.
    by_rank: Box<[Rule]>,
    crawl_delay: Option<Duration>,
}

/// One `Allow` or `Disallow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Rule {
    start: u32,
    end: u32,
    line: u32,
    allow: bool,
}

/// Why a URL may not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Disallowed {
    /// A rule says so.
    #[error("robots.txt line {line}: {rule} (User-agent: {agent})")]
    Rule {
        /// The rule, with its path percent-encoded and at most some 200 bytes of it: `Disallow: /private`.
        rule: String,
        /// Its line, counted from 1.
        line: usize,
        /// The user agent of its group.
        agent: String,
    },
    /// There was no robots.txt to read, and not because the site has none.
    #[error("robots.txt could not be read, so nothing of this site may be: {reason}")]
    Unreachable {
        /// What went wrong.
        reason: String,
    },
}

impl Rules {
    /// Reads a robots.txt, of which the first [`MAX_BYTES`] count. `agent` is our [`product_token`].
    #[must_use]
    pub fn parse(body: &[u8], agent: &str) -> Self {
        parse::rules(body, agent)
    }

    /// The rules of a site without a robots.txt.
    #[must_use]
    pub fn allow_all() -> Self {
        Self::default()
    }

    /// The rules of a site whose robots.txt cannot be read at the moment: everything is forbidden (RFC 9309, section 2.3.1.4).
    #[must_use]
    pub fn unreachable(reason: &str) -> Self {
        Self { unreachable: Some(reason.into()), ..Self::default() }
    }

    /// Whether a URL of the site may be fetched. The robots.txt itself always may.
    ///
    /// # Errors
    /// [`Disallowed`], with the rule that decides: the longest one that matches, and of two that are equally long the one that allows.
    pub fn check(&self, url: &Url) -> Result<(), Disallowed> {
        if url.path() == "/robots.txt" {
            return Ok(());
        }
        if let Some(reason) = self.unreachable.as_deref() {
            return Err(Disallowed::Unreachable { reason: reason.to_owned() });
        }
        if self.by_rank.iter().all(|rule| rule.allow) {
            return Ok(());
        }
        let path = pattern::of_path(&url[Position::BeforePath..Position::AfterQuery]);
        let deciding = self.by_rank.iter().find(|rule| pattern::matches(self.pattern(rule), &path));
        deciding.filter(|rule| !rule.allow).map_or(Ok(()), |rule| {
            let rule_text = format!("Disallow: {}", shortened(self.pattern(rule)));
            Err(Disallowed::Rule { rule: rule_text, line: rule.line as usize, agent: self.agent.to_string() })
        })
    }

    /// The time between two requests that the site asks for: the longest `Crawl-delay` of the groups that apply. One that is no
    /// number, not above zero or more than a day is ignored.
    #[must_use]
    pub const fn crawl_delay(&self) -> Option<Duration> {
        self.crawl_delay
    }

    /// How much memory the rules take, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let texts = self.patterns.len() + self.agent.len() + self.unreachable.as_ref().map_or(0, |reason| reason.len());
        size_of::<Self>() + size_of_val(&*self.by_rank) + texts
    }

    fn pattern(&self, rule: &Rule) -> &str {
        &self.patterns[rule.start as usize..rule.end as usize]
    }
}

/// A pattern as far as a record needs it. It is ASCII, so that it can be cut anywhere.
fn shortened(pattern: &str) -> Cow<'_, str> {
    pattern.get(..200).map_or(Cow::Borrowed(pattern), |start| Cow::Owned(format!("{start}…")))
}

/// What the failure to fetch a robots.txt means, once it is not tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is none: everything may be fetched.
    AllowAll,
    /// There may be one: nothing may be fetched until it can be read. Why it cannot.
    Unreachable(String),
}

impl From<Verdict> for Rules {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::AllowAll => Self::allow_all(),
            Verdict::Unreachable(reason) => Self::unreachable(&reason),
        }
    }
}

/// Judges the failure to fetch a robots.txt (RFC 9309, section 2.3.1). A status of 400 to 499 says that there is none, except 429;
/// so do redirects that lead nowhere, or where we may not go. Everything else, a server's error or none that answers, leaves it unknown.
#[must_use]
pub fn outcome(failure: &Failure) -> Verdict {
    match (failure.kind, failure.status) {
        (ErrorKind::HttpStatus, Some(429)) => Verdict::Unreachable(failure.to_string()),
        (ErrorKind::HttpStatus, Some(300..=499)) | (ErrorKind::Redirect | ErrorKind::Blocked, _) => Verdict::AllowAll,
        _ => Verdict::Unreachable(failure.to_string()),
    }
}

/// Where the robots.txt for a URL is: at the root of its origin.
///
/// ```
/// let url = "https://ann:secret@a.example:8443/x?y#z".parse().unwrap();
/// assert_eq!(scrape::policy::robots::robots_url(&url).as_str(), "https://a.example:8443/robots.txt");
/// ```
#[must_use]
pub fn robots_url(url: &Url) -> Url {
    let mut url = url.clone();
    // Only a URL without a host refuses, and it has no credentials.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url.set_path("/robots.txt");
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// The name in a `User-Agent` that groups of a robots.txt call us by: its first product, and behind `Mozilla/5.0 (compatible;` the one
/// that follows.
///
/// ```
/// use scrape::policy::robots::product_token;
/// assert_eq!(product_token("scrape/0.1.0"), "scrape");
/// assert_eq!(product_token("Mozilla/5.0 (compatible; FooBot/2.1; +https://foo.example/bot)"), "FooBot");
/// ```
#[must_use]
pub fn product_token(user_agent: &str) -> &str {
    let own = user_agent.split_once("(compatible;").map_or(user_agent, |(_, own)| own).trim_start();
    own.split(|c: char| c.is_whitespace() || matches!(c, '/' | '(' | ')' | ';' | ',')).next().unwrap_or_default()
}
