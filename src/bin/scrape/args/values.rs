//! How single values are written on the command line.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use http::{HeaderName, HeaderValue};
use scrape::extract::Parser;
use scrape::fetch::{MinTls, Proxy, User};
use scrape::model::parse_header;
use scrape::policy::retry::statuses;
use scrape::policy::{LimitBy, robots};
use scrape::sink::FORMATS;
use scrape::source::SOURCES;

/// A list of status ranges.
pub(crate) type Statuses = Arc<[RangeInclusive<u16>]>;

pub(super) fn input_formats() -> PossibleValuesParser {
    let formats = SOURCES.iter().map(|entry| PossibleValue::new(entry.name).aliases(entry.extensions));
    PossibleValuesParser::new(std::iter::once(PossibleValue::new("auto")).chain(formats))
}

pub(super) fn formats() -> PossibleValuesParser {
    PossibleValuesParser::new(FORMATS.iter().map(|entry| PossibleValue::new(entry.name).aliases(entry.extensions)))
}

/// The values of an option, by their names, each with a line for `--help`.
pub(super) type Choices<T> = &'static [(&'static str, T, &'static str)];

pub(super) const LIMITS: Choices<LimitBy> = &[
    ("host", LimitBy::Host, "Each host and port for itself"),
    ("site", LimitBy::Site, "All hosts of one registrable domain, as a.example.co.uk and b.example.co.uk"),
    ("ip", LimitBy::Ip, "All hosts at one address"),
];

/// The ways to read a page.
pub(super) const PARSERS: Choices<Parser> = &[
    ("auto", Parser::Auto, "No further than to the last value, and without a tree, where that changes nothing"),
    ("dom", Parser::Dom, "All of it, into a tree that is built another way, to compare with"),
];

pub(super) const ROBOTS: Choices<robots::Mode> = &[
    ("auto", robots::Mode::Auto, "Listed URLs, and where they redirect to, are fetched; discovered ones obey"),
    ("always", robots::Mode::Always, "All URLs obey"),
    ("never", robots::Mode::Never, "None does"),
];

pub(super) const TLS_VERSIONS: Choices<MinTls> =
    &[("1.2", MinTls::V1_2, "TLS 1.2 and 1.3"), ("1.3", MinTls::V1_3, "TLS 1.3 only")];

/// How to go to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// Through no proxy at all.
    None,
    /// Through this one.
    Proxy(Proxy),
}

/// Reads a proxy. An empty one is none, as it is for curl.
pub(super) fn proxy(text: &str) -> Result<Via, String> {
    if text.trim().is_empty() {
        return Ok(Via::None);
    }
    text.parse().map(Via::Proxy).map_err(|error: scrape::fetch::ProxyError| error.to_string())
}

/// Reads one of the names.
pub(super) fn choice<T: Copy + Send + Sync>(choices: Choices<T>) -> impl TypedValueParser<Value = T> {
    let names = choices.iter().map(|(name, _, help)| PossibleValue::new(*name).help(*help));
    PossibleValuesParser::new(names).map(|given| {
        let found = choices.iter().find(|(name, ..)| *name == given);
        found.expect("clap accepts the names of the choices only").1
    })
}

/// The name of a value.
pub(super) fn name<T: PartialEq>(choices: Choices<T>, value: &T) -> String {
    choices.iter().find(|(_, own, _)| own == value).map(|(name, ..)| (*name).to_owned()).unwrap_or_default()
}

/// Longer than any run, and short enough that no arithmetic on instants overflows.
const LONGEST: Duration = Duration::from_hours(8784);

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let time = seconds.or_else(|| humantime::parse_duration(text).ok());
    time.filter(|time| *time <= LONGEST)
        .ok_or_else(|| "a time is 500ms, 10s, 2m, 1h or a number of seconds, a year at most".to_owned())
}

/// A time limit: none at all is said by leaving it out, and zero would fail everything.
pub(super) fn time_limit(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|time| {
        if time.is_zero() { Err("nothing can be done in no time: give a longer one".to_owned()) } else { Ok(time) }
    })
}

/// A count of things of which there is at least one.
pub(super) fn count<T: FromStr>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| "a count is a whole number from 1".to_owned())
}

/// A number that may be zero.
pub(super) fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| "it is a whole number from 0".to_owned())
}

pub(super) fn size(text: &str) -> Result<u64, String> {
    let size = text.trim().parse::<bytesize::ByteSize>();
    size.ok()
        .map(|size| size.as_u64())
        .filter(|size| *size > 0)
        .ok_or_else(|| "a size is 500K, 10M, 1G or a number of bytes from 1".to_owned())
}

pub(super) fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("a header is 'Name: value'")?;
    parse_header(name.trim(), value.trim())
}

/// Cookies as they are sent, or the name of a file, which has no `=`.
pub(super) fn cookie(text: &str) -> Result<String, String> {
    match text {
        "" | "-" => Err("cookies are a=b; c=d, or the name of a file".to_owned()),
        pairs if pairs.contains('=') && pairs.contains(char::is_control) => {
            Err("cookies are one line of visible text".to_owned())
        }
        text => Ok(text.trim().to_owned()),
    }
}

pub(super) fn user(text: &str) -> Result<User, String> {
    let (name, password) =
        text.split_once(':').ok_or("it has no password, and none is asked for: write user:password, or user:")?;
    if text.contains(char::is_control) {
        return Err("it has a control character".to_owned());
    }
    Ok(User { name: name.to_owned(), password: password.to_owned() })
}

pub(super) fn status_list(text: &str) -> Result<Statuses, String> {
    let list: Option<Vec<_>> = text.split(',').map(|item| statuses(item.trim())).collect();
    list.map(Into::into).ok_or_else(|| "statuses are 200, 404 or ranges as 200-299, separated by commas".to_owned())
}
