//! Records by the host of their target, in a bounded place however many hosts there are.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

use crate::model::{Counts, HostCounts, Summary, parse_url};

/// So many hosts are counted at a time. With more, the less busy half is counted together with the others: a host that is among the
/// busiest all along loses nothing, and one that becomes busy late what it had before.
const MOST_WATCHED: usize = 8 * Summary::MOST_HOSTS;

/// The counts of hosts.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    watched: HashMap<Box<str>, Counts>,
    others: Counts,
    /// The name that is being looked for.
    key: String,
}

impl Hosts {
    /// Counts what a record says of the host of its URL.
    pub(super) fn add(&mut self, url: &str, counts: Counts) {
        if !self.name(url) {
            self.others += counts;
        } else if let Some(own) = self.watched.get_mut(self.key.as_str()) {
            *own += counts;
        } else {
            self.watch(counts);
        }
    }

    /// Writes the `host:port` of a URL; `false` if it has none.
    fn name(&mut self, url: &str) -> bool {
        self.key.clear();
        let written = match plain(url) {
            Some((host, port)) => write!(self.key, "{host}:{port}"),
            None => match parse_url(url) {
                Ok(url) => {
                    let port = url.port_or_known_default().unwrap_or_default();
                    write!(self.key, "{}:{port}", url.host_str().unwrap_or_default())
                }
                Err(_) => return false,
            },
        };
        written.is_ok()
    }

    fn watch(&mut self, counts: Counts) {
        if self.watched.len() == MOST_WATCHED {
            let mut all: Vec<_> = self.watched.drain().collect();
            all.sort_unstable_by_key(|(_, counts)| Reverse(counts.records()));
            all.drain(MOST_WATCHED / 2..).for_each(|(_, counts)| self.others += counts);
            self.watched.extend(all);
        }
        self.watched.insert(self.key.as_str().into(), counts);
    }

    /// The busiest, of equals in the order of their names; and all others together.
    pub(super) fn busiest(self) -> (Vec<HostCounts>, Counts) {
        let Self { watched, mut others, .. } = self;
        let mut hosts: Vec<_> = watched.into_iter().map(|(host, counts)| HostCounts { host, counts }).collect();
        hosts.sort_unstable_by(|a, b| b.counts.records().cmp(&a.counts.records()).then_with(|| a.host.cmp(&b.host)));
        hosts.drain(hosts.len().min(Summary::MOST_HOSTS)..).for_each(|host| others += host.counts);
        (hosts, others)
    }
}

/// The host and the port of a URL that is written as most are, so that not all of it has to be read. `None`: nobody knows yet.
fn plain(url: &str) -> Option<(&str, u16)> {
    let (rest, default) = match url.strip_prefix("https://") {
        Some(rest) => (rest, 443),
        None => (url.strip_prefix("http://")?, 80),
    };
    let end = rest.bytes().position(|c| matches!(c, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (host, port) = match rest[..end].split_once(':') {
        Some((host, port)) if port.bytes().all(|c| c.is_ascii_digit()) => (host, port.parse().ok()?),
        Some(_) => return None,
        None => (&rest[..end], default),
    };
    let is_plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'.');
    // What ends in a number is an address, which may be written in many ways.
    let is_name = host.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_lowercase()));
    let is_written_so = host.bytes().all(is_plain) && (is_name || host.parse::<Ipv4Addr>().is_ok());
    is_written_so.then_some((host, port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: Counts = Counts { ok: 1, failed: 0, bytes: 1 };

    fn name(url: &str) -> Option<String> {
        let mut hosts = Hosts::default();
        hosts.name(url).then_some(hosts.key)
    }

    #[test]
    fn a_host_is_the_same_however_it_is_written() {
        for (url, host) in [
            ("http://a.example", "a.example:80"),
            ("https://a.example?x", "a.example:443"),
            ("https://A.Example:443/x", "a.example:443"),
            ("a.example/x", "a.example:443"),
            ("http://ann:***@a.example:8080/x", "a.example:8080"),
            ("http://a.example:080/", "a.example:80"),
            ("http://a.example:/", "a.example:80"),
            ("http://127.0.0.1:8000/", "127.0.0.1:8000"),
            ("http://0x7f.1/", "127.0.0.1:80"),
            ("http://[::1]:8000/", "[::1]:8000"),
            ("http://b\u{fc}cher.example/", "xn--bcher-kva.example:80"),
        ] {
            assert_eq!(name(url).as_deref(), Some(host), "{url}");
        }
        assert_eq!((name("no url"), name("http://a.example:99999/"), name("")), (None, None, None));
    }

    #[test]
    fn the_busiest_are_kept_and_nothing_is_lost_with_more_hosts_than_places() {
        let mut hosts = Hosts::default();
        let all = 3 * MOST_WATCHED;
        for host in 0..all {
            hosts.add(&format!("http://h{host}.example/"), ONE);
            hosts.add("http://busy.example/", ONE);
        }
        hosts.add("no url", ONE);
        assert!(hosts.watched.len() <= MOST_WATCHED);
        let (busiest, others) = hosts.busiest();
        assert_eq!((&*busiest[0].host, busiest[0].counts.ok), ("busy.example:80", all as u64));
        assert_eq!(busiest.len(), Summary::MOST_HOSTS);
        let named: u64 = busiest.iter().map(|host| host.counts.records()).sum();
        assert_eq!(named + others.records(), 2 * all as u64 + 1);
    }

    proptest! {
        #[test]
        fn the_short_way_says_what_the_standard_says(url in "https?://[a-z0-9.x:@-]{0,12}([/?#][a-z@:]{0,3})?") {
            if let (Some((host, port)), Ok(parsed)) = (plain(&url), parse_url(&url)) {
                prop_assert_eq!((Some(host), Some(port)), (parsed.host_str(), parsed.port_or_known_default()), "{}", url);
            }
        }
    }
}
