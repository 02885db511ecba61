//! What single hosts have of their own: rates, limits, headers, whether their robots.txt is obeyed.
//!
//! Asked by the frontier when a host comes into sight, and by fetch for what is sent to it.

use std::collections::HashMap;
use std::fmt::Write as _;

use http::HeaderMap;
use url::Host;

use super::pace::Rate;
use super::robots::Mode;

/// The rules for single hosts, found by the pattern that stands for them.
///
/// A pattern is a host (`example.com`, on all its ports), a host with a port (`example.com:8080`), `*.example.com` (all its
/// subdomains however deep, and not `example.com` itself) or `*` (every host). Of several that match, the most specific one that
/// sets a thing decides about that thing: the host before `*.` of it, the longer `*.` before the shorter, `*` last, and each with
/// the port before the same without.
///
/// ```
/// use scrape::policy::{HostRules, hosts::Rule};
/// let mut rules = HostRules::default();
/// rules.insert("*.example.com", Rule { per_host: Some(2), ..Rule::default() }).unwrap();
/// assert_eq!(rules.rule("a.example.com", 443).per_host, Some(2));
/// assert_eq!(rules.rule("example.com", 443).per_host, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostRules {
    by_pattern: HashMap<Box<str>, Rule>,
}

/// What a pattern sets; `None` leaves it to a less specific pattern, and then to the settings of all hosts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// The rates of each host that matches, instead of those of all hosts; none at all is no limit.
    pub rps: Option<Vec<Rate>>,
    /// Requests in flight to one such host.
    pub per_host: Option<usize>,
    /// Whether its robots.txt is obeyed.
    pub robots: Option<Mode>,
    /// Sent to it, whoever led there, instead of other headers of the same names.
    pub headers: Option<HeaderMap>,
}

/// What counts for one host, of all patterns that match it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostRule<'a> {
    /// Its rates, instead of those of all hosts.
    pub rps: Option<&'a [Rate]>,
    /// Requests in flight to it.
    pub per_host: Option<usize>,
    /// Whether its robots.txt is obeyed.
    pub robots: Option<Mode>,
    /// Sent to it and to nobody else.
    pub headers: Option<&'a HeaderMap>,
}

/// Why a pattern is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It stands for no host.
    #[error("{0:?} is no host: write example.com, example.com:8080, *.example.com (its subdomains) or * (every host)")]
    NoHost(String),
    /// Another pattern stands for the same.
    #[error("{0:?} is there already, as {1}")]
    Twice(String, String),
}

impl HostRules {
    /// Adds what a pattern sets. Names are compared in lower case and in punycode.
    ///
    /// # Errors
    /// A text that stands for no host, or for the same as an earlier one.
    pub fn insert(&mut self, pattern: &str, rule: Rule) -> Result<(), PatternError> {
        let key = normal(pattern).ok_or_else(|| PatternError::NoHost(pattern.to_owned()))?;
        if self.by_pattern.contains_key(key.as_str()) {
            return Err(PatternError::Twice(pattern.to_owned(), key));
        }
        self.by_pattern.insert(key.into(), rule);
        Ok(())
    }

    /// What counts for a host, which is written as a parsed URL has it.
    #[must_use]
    pub fn rule(&self, host: &str, port: u16) -> HostRule<'_> {
        let mut found = HostRule::default();
        if self.by_pattern.is_empty() {
            return found;
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        let mut key = String::with_capacity(host.len() + 7);
        let above = host.match_indices('.').map(|(dot, _)| ("*", &host[dot..]));
        for (star, name) in std::iter::once(("", host)).chain(above).chain([("*", "")]) {
            key.clear();
            let _ = write!(key, "{star}{name}:{port}"); // a String takes whatever is written
            found.fill(self.by_pattern.get(key.as_str()));
            key.truncate(star.len() + name.len());
            found.fill(self.by_pattern.get(key.as_str()));
        }
        found
    }
}

impl<'a> HostRule<'a> {
    /// Takes what has not been set yet.
    fn fill(&mut self, rule: Option<&'a Rule>) {
        if let Some(rule) = rule {
            self.rps = self.rps.or(rule.rps.as_deref());
            self.per_host = self.per_host.or(rule.per_host);
            self.robots = self.robots.or(rule.robots);
            self.headers = self.headers.or(rule.headers.as_ref());
        }
    }
}

/// A pattern as it is looked up.
fn normal(pattern: &str) -> Option<String> {
    let (name, port) = match pattern.rsplit_once(':') {
        Some((name, port)) if !pattern.ends_with(']') && (!name.contains(':') || name.ends_with(']')) => {
            let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            (name, Some(port.parse::<u16>().ok().filter(|_| digits)?))
        }
        _ => (pattern, None),
    };
    let mut key = match name.strip_prefix("*.") {
        _ if name == "*" => "*".to_owned(),
        Some(above) => match host(above)? {
            Host::Domain(above) => format!("*.{above}"),
            Host::Ipv4(_) | Host::Ipv6(_) => return None,
        },
        None => host(name)?.to_string(),
    };
    if let Some(port) = port {
        let _ = write!(key, ":{port}"); // a String takes whatever is written
    }
    Some(key)
}

/// A name as a URL would have it, without the dot at its end; an IPv6 address also without its brackets.
fn host(name: &str) -> Option<Host> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let bare = name.contains(':') && !name.starts_with('[');
    let host = if bare { Host::parse(&format!("[{name}]")) } else { Host::parse(name) };
    host.ok().filter(|_| !name.contains('*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules that each allow another number of requests at a time, so that the answer tells which one counted.
    fn rules(patterns: &[&str]) -> HostRules {
        let mut rules = HostRules::default();
        for (number, pattern) in patterns.iter().enumerate() {
            let rule = Rule { per_host: Some(number), ..Rule::default() };
            rules.insert(pattern, rule).unwrap_or_else(|error| panic!("{error}"));
        }
        rules
    }

    #[test]
    fn the_most_specific_pattern_counts() {
        let rules =
            rules(&["*", "*.example.com", "*.a.example.com", "a.example.com", "a.example.com:8080", "*.example.com:8080", "*:1"]);
        for (host, port, number) in [
            ("other.example", 443, 0),
            ("example.com", 443, 0),
            ("b.example.com", 443, 1),
            ("x.y.example.com", 443, 1),
            ("x.a.example.com", 443, 2),
            ("x.a.example.com", 8080, 2),
            ("a.example.com", 443, 3),
            ("a.example.com.", 443, 3),
            ("a.example.com", 8080, 4),
            ("b.example.com", 8080, 5),
            ("other.example", 1, 6),
            ("notexample.com", 443, 0),
        ] {
            assert_eq!(rules.rule(host, port).per_host, Some(number), "{host}:{port}");
        }
    }

    #[test]
    fn each_thing_is_set_by_the_most_specific_pattern_that_sets_it() {
        let mut rules = HostRules::default();
        let rates: Vec<Rate> = vec!["2".parse().unwrap()];
        let wide = Rule { rps: Some(rates.clone()), per_host: Some(9), ..Rule::default() };
        rules.insert("*.example.com", wide).unwrap();
        rules.insert("a.example.com", Rule { per_host: Some(1), robots: Some(Mode::Never), ..Rule::default() }).unwrap();
        let found = rules.rule("a.example.com", 80);
        assert_eq!((found.rps, found.per_host, found.robots), (Some(&rates[..]), Some(1), Some(Mode::Never)));
    }

    #[test]
    fn names_are_compared_as_urls_have_them() {
        for (pattern, host) in [
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("Example.COM.", "example.com"),
            ("0x7f.1", "127.0.0.1"),
            ("[0:0::1]", "[::1]"),
            ("::1", "[::1]"),
            ("[::1]:80", "[::1]"),
            ("*.ÜBER.example", "a.xn--ber-goa.example"),
        ] {
            assert_eq!(rules(&[pattern]).rule(host, 80).per_host, Some(0), "{pattern}");
            assert_eq!(rules(&[pattern]).rule("else.example", 80), HostRule::default(), "{pattern}");
        }
    }

    #[test]
    fn what_stands_for_no_host_is_refused() {
        for pattern in [
            "",
            "*.",
            "**",
            "*example.com",
            "a.*.com",
            "https://example.com",
            "example.com/x",
            "u@example.com",
            "example.com:",
            "example.com:+80",
            "example.com:99999",
            "*.127.0.0.1",
            "[::1",
            "a b",
        ] {
            let refused = HostRules::default().insert(pattern, Rule::default());
            assert_eq!(refused, Err(PatternError::NoHost(pattern.to_owned())), "{pattern}");
        }
    }

    #[test]
    fn a_host_is_not_told_two_things() {
        let mut rules = rules(&["bücher.example"]);
        let again = rules.insert("XN--bcher-kva.example", Rule::default()).unwrap_err();
        assert!(again.to_string().contains("as xn--bcher-kva.example"), "{again}");
    }
}
