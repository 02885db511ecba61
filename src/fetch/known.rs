//! Addresses that the user knows better than any resolver: `--resolve`.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use url::Host;

/// How long an entry counts that is written with a `+`.
const TRANSIENT: Duration = Duration::from_mins(1);

/// The addresses of one host and port, written as curl's `--resolve` has them: `HOST:PORT:ADDRESS[,ADDRESS]…`. `*` is every
/// host that no other entry names; with a `+` in front the entry counts for the first minute only.
///
/// ```
/// use scrape::fetch::Known;
/// assert!("www.a.example:443:127.0.0.1,[::1]".parse::<Known>().is_ok());
/// assert!("www.a.example:127.0.0.1".parse::<Known>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// `None` is every host.
    host: Option<Box<str>>,
    port: u16,
    addresses: Box<[IpAddr]>,
    is_transient: bool,
}

/// Why a text is no entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KnownError {
    /// It has not the form of one.
    #[error("it is HOST:PORT:ADDRESS[,ADDRESS]..., as www.example.com:443:127.0.0.1")]
    Form,
    /// What should be the host cannot be one.
    #[error("{0:?} is no host name")]
    Host(String),
    /// An address is dialled as it is.
    #[error("{0:?} is an address already: only names are looked up")]
    Address(String),
    /// What should be the port is none.
    #[error("{0:?} is no port: it is a number from 1 to 65535")]
    Port(String),
    /// What should be an address is none.
    #[error("{0:?} is no IP address")]
    NoAddress(String),
}

impl FromStr for Known {
    type Err = KnownError;

    fn from_str(text: &str) -> Result<Self, KnownError> {
        let (is_transient, rest) = text.strip_prefix('+').map_or((false, text), |rest| (true, rest));
        if let Some((literal, _)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            return Err(KnownError::Address(literal.to_owned()));
        }
        let (host, rest) = rest.split_once(':').ok_or(KnownError::Form)?;
        let (port, addresses) = rest.split_once(':').ok_or(KnownError::Form)?;
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(|| KnownError::Port(port.to_owned()))?;
        let address = |text: &str| {
            let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
            bare.parse().map_err(|_| KnownError::NoAddress(text.to_owned()))
        };
        let addresses = addresses.split(',').map(|text| address(text.trim())).collect::<Result<_, _>>()?;
        Ok(Self { host: name(host)?, port, addresses, is_transient })
    }
}

/// The name of an entry as URLs have it; `None` for every host.
fn name(host: &str) -> Result<Option<Box<str>>, KnownError> {
    if host == "*" {
        return Ok(None);
    }
    match Host::parse(host) {
        Ok(Host::Domain(name)) => Ok(Some(bare(&name).into())),
        Ok(_) => Err(KnownError::Address(host.to_owned())),
        Err(_) => Err(KnownError::Host(host.to_owned())),
    }
}

/// A name without the dot that may end it.
fn bare(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// What is known of a host and port after so much time: the last entry that names it, else the last for every host.
pub(super) fn find<'a>(entries: &'a [Known], host: &str, port: u16, age: Duration) -> Option<&'a [IpAddr]> {
    let fits = |entry: &&Known| entry.port == port && (!entry.is_transient || age < TRANSIENT);
    let own = |entry: &&Known| entry.host.as_deref() == Some(bare(host));
    let mut last_first = entries.iter().rev().filter(fits);
    let found = last_first.clone().find(own).or_else(|| last_first.find(|entry| entry.host.is_none()));
    found.map(|entry| &*entry.addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    fn entries(texts: &[&str]) -> Vec<Known> {
        texts.iter().map(|text| text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))).collect()
    }

    fn found(entries: &[Known], host: &str, port: u16, age: Duration) -> String {
        let addresses = find(entries, host, port, age).unwrap_or_default();
        addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_entry_counts_for_its_host_and_its_port() {
        let entries = entries(&["A.example:80:127.0.0.1,::1,[::2]", "bücher.example.:443:127.0.0.2"]);
        assert_eq!(found(&entries, "a.example", 80, NOW), "127.0.0.1 ::1 ::2");
        assert_eq!(found(&entries, "a.example.", 80, NOW), "127.0.0.1 ::1 ::2");
        assert_eq!(found(&entries, "xn--bcher-kva.example", 443, NOW), "127.0.0.2");
        for (host, port) in [("a.example", 443), ("b.example", 80), ("www.a.example", 80)] {
            assert_eq!(found(&entries, host, port, NOW), "", "{host}:{port}");
        }
    }

    #[test]
    fn the_last_one_counts_and_every_host_comes_last() {
        let entries = entries(&["a.example:80:127.0.0.1", "a.example:80:127.0.0.2", "*:80:127.0.0.3", "*:80:127.0.0.4"]);
        assert_eq!(found(&entries, "a.example", 80, NOW), "127.0.0.2");
        assert_eq!(found(&entries, "b.example", 80, NOW), "127.0.0.4");
        assert_eq!(found(&entries, "b.example", 81, NOW), "");
    }

    #[test]
    fn one_with_a_plus_counts_for_a_minute() {
        let entries = entries(&["*:80:127.0.0.3", "+a.example:80:127.0.0.1"]);
        assert_eq!(found(&entries, "a.example", 80, Duration::from_secs(59)), "127.0.0.1");
        assert_eq!(found(&entries, "a.example", 80, Duration::from_mins(1)), "127.0.0.3");
    }

    #[test]
    fn what_is_no_entry_is_refused_with_the_reason() {
        for (text, error) in [
            ("", KnownError::Form),
            ("a.example", KnownError::Form),
            ("a.example:80", KnownError::Form),
            ("a.example::127.0.0.1", KnownError::Port(String::new())),
            ("a.example:0:127.0.0.1", KnownError::Port("0".to_owned())),
            ("a.example:65536:127.0.0.1", KnownError::Port("65536".to_owned())),
            ("a.example:80:", KnownError::NoAddress(String::new())),
            ("a.example:80:127.0.0.1,", KnownError::NoAddress(String::new())),
            ("a.example:80:b.example", KnownError::NoAddress("b.example".to_owned())),
            ("a b:80:127.0.0.1", KnownError::Host("a b".to_owned())),
            (":80:127.0.0.1", KnownError::Host(String::new())),
            ("127.0.0.1:80:127.0.0.2", KnownError::Address("127.0.0.1".to_owned())),
            ("2130706433:80:127.0.0.2", KnownError::Address("2130706433".to_owned())),
            ("[::1]:80:127.0.0.2", KnownError::Address("::1".to_owned())),
        ] {
            assert_eq!(text.parse::<Known>(), Err(error), "{text}");
        }
    }
}
